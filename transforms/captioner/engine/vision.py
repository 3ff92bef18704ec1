"""The vision tower: packed pictures in, visual tokens out. Its linear layers run over all pictures together."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - its name everywhere
from transformers.vision_utils import get_vision_interpolation_indices_and_weights, get_vision_position_ids

from transforms.captioner.engine.kept import Kept
from transforms.captioner.engine.products import pack_linears, product
from transforms.captioner.engine.rotary import rotate, signed
from transforms.captioner.engine.transfer import moved
from transforms.captioner.patches import Patches


class VisionTower:
    """Wraps the checkpoint's tower: same weights, but nothing is computed twice and nothing waits for the device.

    The two temporal slices of a still picture are equal, so their weights are added; the widening of bytes to what the
    model was trained on is folded into the same matrix. Bytes enter less 128, so that they are exact in bfloat16 and
    cancel little.
    """

    def __init__(self, tower: Any, levels: np.ndarray) -> None:
        """``levels``: float32 [3, 256], what each byte stands for, channel by channel: a line."""
        pack_linears(tower)
        self._tower = tower
        self._blocks = list(tower.blocks)
        self._deep_after = list(tower.deepstack_visual_indexes)
        self._tables = Kept(self._make_tables)
        projection = tower.patch_embed.proj
        stock = projection.weight.float()
        still = stock.sum(2).flatten(2)  # [out, 3, patch * patch]
        slope = torch.from_numpy((levels[:, 255] - levels[:, 0]) / 255).to(still)
        middle = torch.from_numpy(levels[:, 128].copy()).to(still)
        self._like = projection.weight
        self._embed = product((still * slope[:, None]).flatten(1).T.contiguous().to(projection.weight.dtype))
        bias = projection.bias.float() + (still * middle[:, None]).sum((1, 2))
        self._bias = bias.to(projection.weight.dtype)

    def __call__(self, pictures: Sequence[Patches]) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """Visual tokens [tokens of all pictures, width of the text model], and those for each of its first layers.

        Pictures with equally many patches should be neighbours: attention runs over them together.
        """
        tables = [self._tables(picture.rows, picture.columns) for picture in pictures]
        places, cos, sin = (torch.cat(parts) for parts in zip(*tables, strict=True))
        runs = [len(list(group)) for _, group in groupby(len(picture.pixels) for picture in pictures)]
        firsts = [sum(runs[:n]) for n in range(len(runs))]
        sizes = [count * len(pictures[first].pixels) for first, count in zip(firsts, runs, strict=True)]
        x = self._embed.add_to(places, self._pixels(pictures))
        deep: list[torch.Tensor] = []
        for number, block in enumerate(self._blocks):
            x = x + self._attend(block.attn, block.norm1(x), cos, sin, runs, sizes)
            x = x + block.mlp(block.norm2(x))
            if number in self._deep_after:
                deep.append(self._tower.deepstack_merger_list[len(deep)](x))
        return self._tower.merger(x), deep

    def _pixels(self, pictures: Sequence[Patches]) -> torch.Tensor:
        packed = torch.from_numpy(np.concatenate([picture.pixels for picture in pictures]))
        return moved(packed, self._like.device).to(self._like.dtype).sub_(128)

    def _attend(
        self,
        attention: Any,
        x: torch.Tensor,
        cos: torch.Tensor,
        sin: torch.Tensor,
        runs: Sequence[int],
        sizes: Sequence[int],
    ) -> torch.Tensor:
        heads = attention.num_heads
        qkv = attention.qkv(x).view(len(x), 3, heads, -1)
        # The tables are float32 whatever the dtype, as in the stock tower.
        turned = rotate(qkv[:, :2].flatten(1, 2), cos, sin).to(qkv.dtype).view(len(x), 2, heads, -1)
        parts = []
        for count, *states in zip(
            runs, turned[:, 0].split(sizes), turned[:, 1].split(sizes), qkv[:, 2].split(sizes), strict=True
        ):
            query, key, value = (state.unflatten(0, (count, -1)).transpose(1, 2) for state in states)
            seen = F.scaled_dot_product_attention(query, key, value)
            parts.append(seen.transpose(1, 2).flatten(0, 1))
        seen = parts[0] if len(parts) == 1 else torch.cat(parts)
        mixed: torch.Tensor = attention.proj(seen.flatten(1))
        return mixed

    def _make_tables(self, rows: int, columns: int) -> tuple[torch.Tensor, ...]:
        """Of a picture of rows x columns patches: position embedding with the bias, cosines, signed sines."""
        tower, device = self._tower, self._like.device
        grid = torch.tensor([[1, rows, columns]])  # here, for these helpers would wait for a device
        corners, shares = get_vision_interpolation_indices_and_weights(
            grid,
            num_grid_per_side=tower.num_grid_per_side,
            mode=tower.interpolation_mode,
            align_corners=True,
            spatial_merge_size=tower.spatial_merge_size,
            kwargs={},
        )
        places = (tower.pos_embed(corners.to(device)) * shares.to(device)[:, :, None]).sum(1) + self._bias
        along = get_vision_position_ids(grid, tower.spatial_merge_size, kwargs={}).to(device)
        cos, sin = tower.rotary_pos_emb(tower.pos_embed.weight, along)
        return places.to(self._like.dtype), cos[:, None], signed(sin)[:, None]
