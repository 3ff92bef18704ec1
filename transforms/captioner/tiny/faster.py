"""Exact replacements for two slow parts of the stock vision tower, for training on a CPU."""

from __future__ import annotations

from itertools import groupby
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - its name everywhere
from transformers import AttentionInterface
from transformers.models.qwen3_vl import modeling_qwen3_vl as stock

# The stock tower hands over all pictures in one call only when the name says flash.
_GROUPED = "grouped_flash"


def use_fast_vision(model: Any) -> None:
    """Patch embedding as a matrix product, attention once per run of equally large pictures."""
    stock.Qwen3VLVisionPatchEmbed.forward = _embed
    AttentionInterface.register(_GROUPED, _grouped)
    model.model.visual.config._attn_implementation = _GROUPED


def use_stock_vision(model: Any) -> None:
    """Put the stock attention back, so that its name is not saved with the model."""
    model.model.visual.config._attn_implementation = "sdpa"


def _embed(self: Any, patches: torch.Tensor) -> torch.Tensor:
    weight = self.proj.weight
    flat = patches.to(weight.dtype).view(-1, weight[0].numel())
    return F.linear(flat, weight.view(self.embed_dim, -1), self.proj.bias)


def _grouped(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: Any,
    scaling: float | None = None,
    cu_seq_lens_q: Any = None,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Attention of [1, heads, patches of all pictures, width], each picture looking only at itself."""
    lengths = (cu_seq_lens_q[1:] - cu_seq_lens_q[:-1]).tolist()
    outputs, start = [], 0
    for length, run in groupby(lengths):
        count = len(list(run))
        stop = start + count * length
        q, k, v = (_split(states[0, :, start:stop], count) for states in (query, key, value))
        attended = F.scaled_dot_product_attention(q, k, v, scale=scaling)
        outputs.append(attended.transpose(1, 2).flatten(0, 1))
        start = stop
    return torch.cat(outputs)[None], None


def _split(states: torch.Tensor, count: int) -> torch.Tensor:
    """Reshape [heads, count * length, width] to [count, heads, length, width]."""
    return states.unflatten(1, (count, -1)).transpose(0, 1)
