"""Finds rows by a 64-bit key."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_LEAST_RECENT = 256
_RECENT_BYTES = 220
"""A key, its list and its row in a dictionary."""


class Keys:
    """Rows by key, several a key, in the order they were added.

    A sorted base and a dictionary of what came since: 12 bytes a row, of which a dictionary takes 130.
    """

    def __init__(self, keys: NDArray[np.uint64]) -> None:
        """Row n has the key ``keys[n]``."""
        self._merge(keys, np.arange(len(keys), dtype=np.int32))

    def find(self, key: int) -> list[int]:
        """The key's rows, oldest first."""
        wanted = np.uint64(key)
        start = int(self._keys.searchsorted(wanted))
        rows: list[int] = []
        if start < len(self._keys) and self._keys[start] == wanted:
            rows = self._rows[start : self._keys.searchsorted(wanted, "right")].tolist()
        return rows + self._recent.get(key, [])

    def add(self, key: int, row: int) -> None:
        """``row`` is larger than every row before it."""
        self._recent.setdefault(key, []).append(row)
        self._added += 1
        if self._added > max(_LEAST_RECENT, len(self._keys) // 8):
            pairs = [(recent, found) for recent, rows in self._recent.items() for found in rows]
            keys = np.array([pair[0] for pair in pairs], np.uint64)
            rows = np.array([pair[1] for pair in pairs], np.int32)
            self._merge(np.concatenate((self._keys, keys)), np.concatenate((self._rows, rows)))

    @property
    def nbytes(self) -> int:
        """Memory, about."""
        return self._keys.nbytes + self._rows.nbytes + self._added * _RECENT_BYTES

    def _merge(self, keys: NDArray[np.uint64], rows: NDArray[np.int32]) -> None:
        order = keys.argsort(kind="stable")
        self._keys, self._rows = keys[order], rows[order]
        self._recent: dict[int, list[int]] = {}
        self._added = 0
