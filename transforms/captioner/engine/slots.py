"""Keys and values of what is being answered: a fixed number of slots, each for one prompt's answer."""

from __future__ import annotations

import heapq

import torch

from transforms.captioner.engine.pages import zeros
from transforms.captioner.engine.transfer import upload


class Slots:
    """Tensors over all slots. Low numbers are taken first: a decode step runs over a prefix of the slots."""

    def __init__(
        self, layers: int, slots: int, key_heads: int, length: int, width: int, device: torch.device, dtype: torch.dtype
    ) -> None:
        """``length``: tokens that a slot holds, prompt and answer together."""
        self.count, self.length = slots, length
        held = zeros((layers, 2, slots * key_heads, length, width), device, dtype)
        self.keys, self.values = held[:, 0], held[:, 1]
        """Of each layer, [slots * key heads, length, width]."""
        self._held = held.view(layers, 2, slots, key_heads, length, width)
        self._state = torch.zeros(4, slots, dtype=torch.long, device=device)
        self.tokens, self.shifts, self.lengths, self.steps = self._state.unbind(0)
        """Of each slot: the newest token, not yet computed; its position minus its index; how many tokens the slot
        holds; by how many it grows, 1 or 0."""
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
        self._state[2:, upload(slots, self._state.device)] = 0

    def move_down(self, slot: int, length: int) -> int:
        """What a slot holds, ``length`` tokens at most, goes to the lowest free one, which must be below it."""
        lower = self.take()
        self._held[:, :, lower, :, :length] = self._held[:, :, slot, :, :length]
        self._state[:, lower] = self._state[:, slot]
        self._state[2:, slot] = 0
        heapq.heappush(self._free, slot)
        return lower

    def places(self, slots: torch.Tensor, indices: torch.Tensor) -> torch.Tensor:
        """Lines of a layer for keys and values of tokens ``indices`` of ``slots``, both of shape (n,)."""
        return (self._lines[slots] + indices[:, None]).flatten()

    def next_places(self, count: int) -> torch.Tensor:
        """Lines of a layer for the newest tokens of the first slots."""
        return (self._lines[:count] + self.lengths[:count, None]).flatten()

    def write(self, layer: int, places: torch.Tensor, states: torch.Tensor) -> None:
        """Keep keys and values, [n, 2 * key heads, width], where `places` says."""
        self._written[layer].index_copy_(0, places, states.reshape(-1, states.shape[-1]))
