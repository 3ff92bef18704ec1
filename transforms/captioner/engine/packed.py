"""Rows of a prefill one behind the other: where each token lies, comes from and goes to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - its name everywhere

from transforms.captioner.engine.kept import Kept
from transforms.captioner.engine.rotary import Rotary
from transforms.captioner.engine.rows import Row
from transforms.captioner.engine.slots import Slots
from transforms.captioner.engine.transfer import moved
from transforms.captioner.patches import Patches


@dataclass(frozen=True, slots=True, eq=False)
class Joining:
    """A picture that is prefilled, and a slot for each of its prompts."""

    patches: Patches
    row: Row
    slots: tuple[int, ...]


class Packed:
    """The tokens of all rows. Rows of one shape should be neighbours: attention runs over them together."""

    def __init__(
        self,
        joining: Sequence[Joining],
        spare: int,
        slots: Slots,
        rotary: Rotary,
        branches: Kept[tuple[torch.Tensor]],
    ) -> None:
        """Behind the tokens come ``spare`` more, which are computed and mean nothing."""
        self._branches, self._spare = branches, spare
        self._groups: list[tuple[tuple[int, tuple[tuple[int, int], ...]], int]] = []
        ids: list[int] = []
        positions: list[int] = []
        visual: list[np.ndarray] = []
        sources: list[np.ndarray] = []
        indices, counts, last = [], [], []
        for one in joining:
            row, start = one.row, len(ids)
            ids += row.ids
            positions += row.positions
            visual.append(np.arange(row.visual) + (start + row.first_visual))
            for begin, end in row.rests:
                # What is shared is written to every prompt's slot.
                sources += [np.arange(start, start + row.shared), np.arange(start + begin, start + end)]
                counts.append(row.shared + end - begin)
                indices.append(np.arange(counts[-1]))
                last.append(start + end - 1)
            if self._groups and self._groups[-1][0] == row.shape:
                self._groups[-1] = row.shape, self._groups[-1][1] + 1
            else:
                self._groups.append((row.shape, 1))
        self.slot_numbers = [slot for one in joining for slot in one.slots]
        """Of the prompts, in this order."""
        shifts = [one.row.shift for one in joining for _ in one.slots]
        made = (
            *([*ids, *[0] * spare], [*positions, *[0] * spare], np.concatenate(visual), np.concatenate(sources)),
            *(np.repeat(self.slot_numbers, counts), np.concatenate(indices)),
            *(last, self.slot_numbers, counts, shifts),
        )
        there = moved(torch.from_numpy(np.concatenate(made)), slots.lengths.device).split([len(one) for one in made])
        self.ids, along, self.visual, self.sources, owners, at, self.last, self.slots, self.lengths, self.shifts = there
        self.places = slots.places(owners, at)
        pictures = [rotary.picture(one.row.first_visual, one.row.rows, one.row.columns) for one in joining]
        self.cos, self.sin = (
            table[along].index_copy_(0, self.visual, torch.cat(parts))[:, None]
            for table, parts in zip((rotary.cos, rotary.sin), zip(*pictures, strict=True), strict=True)
        )

    def attend(self, states: torch.Tensor, heads: int) -> torch.Tensor:
        """Each row looks at itself only, causally; the prompts of a row do not see each other."""
        parts, start, key_heads = [], 0, (states.shape[1] - heads) // 2
        for shape, count in self._groups:
            size = shape[1][-1][1] * count
            rows = states[start : start + size].unflatten(0, (count, -1)).transpose(1, 2)
            q, k, v = rows.split((heads, key_heads, key_heads), 1)
            mask = None if len(shape[1]) == 1 else self._branches(shape, states.device)[0]
            seen = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=mask is None, enable_gqa=True)
            parts.append(seen.transpose(1, 2).reshape(size, -1))
            start += size
        if self._spare:
            parts.append(parts[0].new_zeros(self._spare, parts[0].shape[1]))
        return parts[0] if len(parts) == 1 else torch.cat(parts)


def branches(shape: tuple[int, tuple[tuple[int, int], ...]], device: torch.device) -> tuple[torch.Tensor]:
    """Bool [tokens, tokens]: what each token of a row with several prompts looks at."""
    shared, rests = shape
    size = rests[-1][1]
    keep = torch.ones(size, size, dtype=torch.bool).tril()
    for begin, end in rests:
        keep[begin:end, shared:begin] = False
    return (keep.to(device),)
