"""Tables that many requests share are kept, the latest used, within a number of bytes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

import torch

KEPT = 64 << 20
"""Bytes of one kind of table: those of 768 x 768 pixels take 6 MiB of positions, in some dozens of shapes."""

Tables = TypeVar("Tables", bound=tuple[torch.Tensor, ...])


class Kept(Generic[Tables]):
    """Makes what it does not have. Not thread-safe."""

    def __init__(self, make: Callable[..., Tables], most: int = KEPT) -> None:
        """``make`` gets the parts of the key; ``most`` bytes are kept, and always the latest."""
        self._make, self._most = make, most
        self._held: OrderedDict[tuple[Hashable, ...], Tables] = OrderedDict()
        self.bytes = 0
        """Held now."""

    def __call__(self, *key: Hashable) -> Tables:
        """The tables of a key."""
        found = self._held.get(key)
        if found is not None:
            self._held.move_to_end(key)
            return found
        made = self._held[key] = self._make(*key)
        self.bytes += _size(made)
        while self.bytes > self._most and len(self._held) > 1:
            self.bytes -= _size(self._held.popitem(last=False)[1])
        return made


def _size(tables: tuple[torch.Tensor, ...]) -> int:
    return sum(table.nbytes for table in tables)
