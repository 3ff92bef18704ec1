"""For how long at least one of many overlapping periods was under way."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_PENDING = 65_536


class Busy:
    """The union of periods: 16 bytes for each stretch without a break, whatever it is made of."""

    def __init__(self) -> None:
        self._merged: NDArray[np.int64] = np.empty((0, 2), np.int64)
        self._pending: list[tuple[int, int]] = []

    def add(self, start: int, stop: int) -> None:
        """A period, in milliseconds; an empty one is nothing."""
        if stop > start:
            self._pending.append((start, stop))
            if len(self._pending) >= _PENDING:
                self._merge()

    def milliseconds(self) -> int:
        """Length of the union."""
        self._merge()
        return int((self._merged[:, 1] - self._merged[:, 0]).sum())

    def _merge(self) -> None:
        if not self._pending:
            return
        periods = np.concatenate((self._merged, np.array(self._pending, np.int64)))
        self._pending.clear()
        periods = periods[periods[:, 0].argsort(kind="stable")]
        reach = np.maximum.accumulate(periods[:, 1])
        is_first = np.ones(len(periods), bool)
        is_first[1:] = periods[1:, 0] > reach[:-1]
        firsts = is_first.nonzero()[0]
        lasts = np.append(firsts[1:], len(periods)) - 1
        self._merged = np.stack((periods[firsts, 0], reach[lasts]), axis=1)
