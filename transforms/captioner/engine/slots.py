"""Keys and values of what is being answered: a fixed number of slots, each for one prompt's answer."""

from __future__ import annotations

import heapq

import torch

from transforms.captioner.engine.transfer import upload


class Slots:
    """Tensors over all slots. Low numbers are taken first: a decode step runs over a prefix of the slots."""

    def __init__(
        self, layers: int, slots: int, key_heads: int, length: int, width: int, device: torch.device, dtype: torch.dtype
    ) -> None:
        """``length``: tokens that a slot holds, prompt and answer together."""
        self.count, self.length = slots, length
        held = torch.zeros(layers, 2, slots * key_heads, length, width, device=device, dtype=dtype)
        self.keys, self.values = held[:, 0], held[:, 1]
        """Of each layer, [slots * key heads, length, width]."""
        self.tokens = torch.zeros(slots, dtype=torch.long, device=device)
        """The newest token of each, not yet computed."""
        self.lengths = torch.zeros(slots, dtype=torch.long, device=device)
        """Tokens that each holds."""
        self.shifts = torch.zeros(slots, dtype=torch.long, device=device)
        """Position of the newest token minus its index."""
        self.steps = torch.zeros(slots, dtype=torch.long, device=device)
        """1 where an answer grows, else 0."""
        self._written = held.view(layers, -1, width).unbind(0)
        lines = torch.arange(2 * slots * key_heads, device=device) * length
        self._lines = lines.view(2, slots, key_heads).transpose(0, 1).flatten(1)
        self._free = list(range(slots))

    @property
    def free(self) -> int:
        """How many nobody uses."""
        return len(self._free)

    def take(self) -> int:
        """The lowest free slot."""
        return heapq.heappop(self._free)

    def begin(self, slots: list[int], tokens: torch.Tensor) -> None:
        """Answers begin in these slots with these tokens, [slots]."""
        rows = upload(slots, tokens.device)
        self.tokens[rows] = tokens
        self.steps[rows] = 1

    def grow(self, tokens: torch.Tensor) -> None:
        """The newest tokens of the first slots, [n], follow those that were computed."""
        count = len(tokens)
        self.tokens[:count] = tokens
        self.lengths[:count] += self.steps[:count]

    def release(self, slots: list[int]) -> None:
        """These are free again: what they hold is not looked at any more, nor does it drag the others along."""
        if not slots:
            return
        for slot in slots:
            heapq.heappush(self._free, slot)
        gone = upload(slots, self.lengths.device)
        self.lengths[gone] = 0
        self.steps[gone] = 0

    def places(self, slots: torch.Tensor, indices: torch.Tensor) -> torch.Tensor:
        """Lines of a layer for keys and values of tokens ``indices`` of ``slots``, both of shape (n,)."""
        return (self._lines[slots] + indices[:, None]).flatten()

    def next_places(self, count: int) -> torch.Tensor:
        """Lines of a layer for the newest tokens of the first slots."""
        return (self._lines[:count] + self.lengths[:count, None]).flatten()

    def write(self, layer: int, places: torch.Tensor, states: torch.Tensor) -> None:
        """Keep keys and values, [n, 2 * key heads, width], where `places` says."""
        self._written[layer].index_copy_(0, places, states.reshape(-1, states.shape[-1]))
