"""The two things an engine computes: a prefill of several pictures, and one more token of every answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 - its name everywhere

from transforms.captioner.engine.decoder import Decoder
from transforms.captioner.engine.kept import Kept
from transforms.captioner.engine.rotary import Rotary
from transforms.captioner.engine.rows import Row
from transforms.captioner.engine.slots import Slots
from transforms.captioner.engine.transfer import moved, upload
from transforms.captioner.engine.vision import VisionTower
from transforms.captioner.patches import Patches

_Look = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]
"""(query [rows, heads of a group, width], keys, values [rows, tokens, width]) → what is seen, like the query."""


@dataclass(frozen=True, slots=True, eq=False)
class Joining:
    """A picture that is prefilled, and a slot for each of its prompts."""

    patches: Patches
    row: Row
    slots: tuple[int, ...]


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
        ordered = sorted(joining, key=lambda one: len(one.patches.pixels))
        visual, deep = self._vision([one.patches for one in ordered])
        parts = visual.split([one.row.visual for one in ordered])
        deep_parts = [layer.split([one.row.visual for one in ordered]) for layer in deep]
        # Attention runs over rows of one shape together.
        order = sorted(range(len(ordered)), key=lambda n: ordered[n].row.shape)
        packed = _Packed([ordered[n] for n in order], self.slots, self._rotary, self._branches)
        x = F.embedding(packed.ids, self._decoder.embedding)
        x[packed.visual] = torch.cat([parts[n] for n in order])
        added = [torch.cat([layer[n] for n in order]) for layer in deep_parts]

        def attend(layer: int, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
            self.slots.write(layer, packed.places, key[packed.sources], value[packed.sources])
            return packed.attend(query, key, value)

        wanted = {slot: n for n, slot in enumerate(packed.slot_numbers)}
        back = upload([wanted[slot] for one in joining for slot in one.slots], self._device)
        final = len(self._decoder.layers) - 1
        for layer in range(final + 1):
            rows = packed.last[back] if layer == final else None
            x = self._decoder.layer(layer, x, packed.cos, packed.sin, attend, rows)
            if layer < len(added):
                x[packed.visual] += added[layer]
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
        places = slots.places(torch.arange(count, device=self._device), lengths)
        seen_by = self._fused if self._is_fused else self._in_steps
        look = seen_by(self._mask(lengths, length))

        def attend(layer: int, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
            slots.write(layer, places, key, value)
            rows = count * decoder.key_heads
            # The query heads of a group become rows of one query: keys and values are never repeated.
            grouped = query.reshape(rows, -1, decoder.width)
            seen = look(grouped, slots.keys[layer, :rows, :length], slots.values[layer, :rows, :length])
            return seen.reshape(count, -1)

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


class _Packed:
    """Rows one behind the other: where each token lies, comes from and goes to."""

    def __init__(
        self, joining: Sequence[Joining], slots: Slots, rotary: Rotary, branches: Kept[tuple[torch.Tensor]]
    ) -> None:
        self._branches = branches
        device = slots.lengths.device
        ids: list[int] = []
        positions: list[int] = []
        visual: list[torch.Tensor] = []
        sources: list[torch.Tensor] = []
        indices: list[torch.Tensor] = []
        owners: list[int] = []
        counts: list[int] = []
        last: list[int] = []
        pictures = []
        self._groups: list[tuple[tuple[int, tuple[tuple[int, int], ...]], int]] = []
        for one in joining:
            row, start = one.row, len(ids)
            ids += row.ids
            positions += row.positions
            first = start + row.first_visual
            visual.append(torch.arange(first, first + row.visual))
            pictures.append(rotary.picture(row.first_visual, row.rows, row.columns))
            for slot, (begin, end) in zip(one.slots, row.rests, strict=True):
                # What is shared is written to every prompt's slot.
                sources.append(torch.cat((torch.arange(row.shared), torch.arange(begin, end))) + start)
                counts.append(len(sources[-1]))
                indices.append(torch.arange(counts[-1]))
                owners.append(slot)
                last.append(start + end - 1)
            if self._groups and self._groups[-1][0] == row.shape:
                self._groups[-1] = row.shape, self._groups[-1][1] + 1
            else:
                self._groups.append((row.shape, 1))
        self.slot_numbers = owners
        self.ids = upload(ids, device)
        self.visual = moved(torch.cat(visual), device)
        self.sources = moved(torch.cat(sources), device)
        self.last = upload(last, device)
        self.slots = upload(owners, device)
        self.lengths = upload(counts, device)
        self.shifts = upload([one.row.shift for one in joining for _ in one.slots], device)
        repeated = moved(torch.tensor(owners).repeat_interleave(torch.tensor(counts)), device)
        self.places = slots.places(repeated, moved(torch.cat(indices), device))
        along = upload(positions, device)
        self.cos, self.sin = rotary.cos[along], rotary.sin[along]
        self.cos[self.visual] = torch.cat([cos for cos, _ in pictures])
        self.sin[self.visual] = torch.cat([sin for _, sin in pictures])
        self.cos, self.sin = self.cos[:, None], self.sin[:, None]

    def attend(self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        """Each row looks at itself only, causally; the prompts of a row do not see each other."""
        parts, start = [], 0
        for shape, count in self._groups:
            size = shape[1][-1][1] * count
            states = (state[start : start + size] for state in (query, key, value))
            q, k, v = (state.unflatten(0, (count, -1)).transpose(1, 2) for state in states)
            mask = None if len(shape[1]) == 1 else self._branches(shape, query.device)[0]
            seen = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=mask is None, enable_gqa=True)
            parts.append(seen.transpose(1, 2).reshape(size, -1))
            start += size
        return parts[0] if len(parts) == 1 else torch.cat(parts)


def branches(shape: tuple[int, tuple[tuple[int, int], ...]], device: torch.device) -> tuple[torch.Tensor]:
    """Bool [tokens, tokens]: what each token of a row with several prompts looks at."""
    shared, rests = shape
    size = rests[-1][1]
    keep = torch.ones(size, size, dtype=torch.bool).tril()
    for begin, end in rests:
        keep[begin:end, shared:begin] = False
    return (keep.to(device),)
