"""The two things an engine computes: a prefill of several pictures, and one more token of every answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F  # noqa: N812 - its name everywhere

from transforms.captioner.engine.decoder import Decoder
from transforms.captioner.engine.kept import Kept
from transforms.captioner.engine.packed import Joining, Packed, branches
from transforms.captioner.engine.rotary import Rotary
from transforms.captioner.engine.slots import Slots
from transforms.captioner.engine.transfer import upload
from transforms.captioner.engine.vision import VisionTower

_Look = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]
"""(query [rows, heads of a group, width], keys, values [rows, tokens, width]) → what is seen, like the query."""


class Steps:
    """Computes on the slots; schedules nothing and never waits for the device. For `torch.inference_mode` only."""

    def __init__(
        self, decoder: Decoder, vision: VisionTower, rotary: Rotary, slots: Slots, is_fused: bool = False
    ) -> None:
        """``is_fused``: attend to what the slots hold with one kernel."""
        self.slots = slots
        self._is_fused = is_fused
        self._decoder, self._vision, self._rotary = decoder, vision, rotary
        self._device = decoder.embedding.device
        self._branches = Kept(branches)
        self._along = torch.arange(slots.length, device=self._device)

    def prefill(self, joining: Sequence[Joining]) -> torch.Tensor:
        """Logits of each prompt's first token, [prompts of all pictures in order, vocabulary]. Slots are filled."""
        # Attention runs over pictures of one size together, and over rows of one shape.
        ordered = sorted(joining, key=lambda one: (len(one.patches.pixels), one.row.shape))
        visual, deep = self._vision([one.patches for one in ordered])
        tokens = sum(len(one.row.ids) for one in ordered)
        spare = self._decoder.head.rows_for(tokens) - tokens
        packed = Packed(ordered, spare, self.slots, self._rotary, self._branches)
        x = F.embedding(packed.ids, self._decoder.embedding).index_copy_(0, packed.visual, visual)

        def attend(layer: int, states: torch.Tensor) -> torch.Tensor:
            self.slots.write(layer, packed.places, states[packed.sources, self._decoder.heads :])
            return packed.attend(states, self._decoder.heads)

        wanted = {slot: n for n, slot in enumerate(packed.slot_numbers)}
        back = upload([wanted[slot] for one in joining for slot in one.slots], self._device)
        final = len(self._decoder.layers) - 1
        for layer in range(final + 1):
            rows = packed.last[back] if layer == final else None
            x = self._decoder.layer(layer, x, packed.cos, packed.sin, attend, rows)
            if layer < len(deep):
                x.index_add_(0, packed.visual, deep[layer])
        slots = self.slots
        slots.lengths[packed.slots] = packed.lengths
        slots.shifts[packed.slots] = packed.shifts
        return self._decoder.logits(x)

    def decode(self, count: int, length: int) -> torch.Tensor:
        """Logits of the next token of the first ``count`` slots, of which none holds ``length`` tokens or more.

        Free slots among them are computed and mean nothing. Nothing is changed that a second try would not repeat.
        """
        slots, decoder, wanted = self.slots, self._decoder, count
        count = min(decoder.head.rows_for(count), slots.count)
        lengths = slots.lengths[:count]
        at = lengths + slots.shifts[:count]
        cos, sin = self._rotary.cos[at][:, None], self._rotary.sin[at][:, None]
        places = slots.next_places(count)
        seen_by = self._fused if self._is_fused else self._in_steps
        look = seen_by(self._mask(lengths, length))
        rows = count * decoder.key_heads
        keys, values = slots.keys[:, :rows, :length].unbind(0), slots.values[:, :rows, :length].unbind(0)

        def attend(layer: int, states: torch.Tensor) -> torch.Tensor:
            slots.write(layer, places, states[:, decoder.heads :])
            # The query heads of a group become rows of one query: keys and values are never repeated.
            grouped = states[:, : decoder.heads].reshape(rows, -1, decoder.width)
            return look(grouped, keys[layer], values[layer]).reshape(count, -1)

        x = F.embedding(slots.tokens[:count], decoder.embedding)
        for layer in range(len(decoder.layers)):
            x = decoder.layer(layer, x, cos, sin, attend)
        return decoder.logits(x)[:wanted]

    def _in_steps(self, mask: torch.Tensor) -> _Look:
        """On a CPU: its fused attention takes 1.3 times as long for queries this short."""
        decoder, (count, length) = self._decoder, mask.shape
        wide = mask[:, None].expand(count, decoder.heads, length).reshape(count * decoder.key_heads, -1, length)

        def look(query: torch.Tensor, keys: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
            scores = torch.baddbmm(wide, query, keys.transpose(1, 2), alpha=decoder.width**-0.5)
            return torch.bmm(scores.softmax(-1), values)

        return look

    def _fused(self, mask: torch.Tensor) -> _Look:
        """On a card: scores stay in float32 whatever the dtype."""
        decoder, (count, length) = self._decoder, mask.shape
        shared = mask[:, None, None].expand(count, 1, decoder.heads // decoder.key_heads, length)

        def look(query: torch.Tensor, keys: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
            q, k, v = (state.unflatten(0, (count, -1)) for state in (query, keys, values))
            return F.scaled_dot_product_attention(q, k, v, attn_mask=shared)

        return look

    def _mask(self, lengths: torch.Tensor, length: int) -> torch.Tensor:
        """[slots, length]: 0 for what a slot holds and for its newest token, else minus infinity."""
        mask = torch.zeros(len(lengths), length, dtype=self._decoder.embedding.dtype, device=self._device)
        return mask.masked_fill_(self._along[:length] > lengths[:, None], -torch.inf)
