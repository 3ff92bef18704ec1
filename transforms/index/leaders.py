"""The pictures that others are compared with: in columns, found by their bytes or by looks."""

from __future__ import annotations

import hashlib
import threading
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transforms.index.keys import Keys
from transforms.similarity import SimilarityRule, vetoes
from transforms.values import Fingerprint

LEADER = np.dtype(
    [
        ("hash", "<u8"),  # phash, its bytes read big-endian
        ("lab", "i1", (64, 3)),
        ("sha256", "V32"),
        ("id", "V16"),
        ("quality", "u1"),
        ("version", "u1"),
        ("is_gone", "?"),
    ]
)
"""One leader in state and in memory, 251 bytes. Part of savepoints."""

_BLOCK = 1 << 15
"""Hashes compared at once: half a megabyte of operands stays in the cache, 0.5 µs for 1,000 instead of 1.8."""
_LEAST_ROWS = 16


class _Scratch(threading.local):
    """Operands of a comparison, of a thread: fresh ones would be fresh pages each time."""

    def __init__(self) -> None:
        self.words = np.empty(_BLOCK, np.uint64)
        self.bits = np.empty(_BLOCK, np.uint8)


_scratch = _Scratch()


def word(digest: bytes) -> int:
    """The first 64 bits of a digest, as `Keys` wants them."""
    return int.from_bytes(digest[:8], "little")


@lru_cache(maxsize=1 << 14)
def veto_words(veto: str, names: tuple[str, ...]) -> tuple[int, ...]:
    """A digest of the value that a veto key gives each attribute; 0 where it gives none."""
    values = vetoes(veto)
    return tuple(word(hashlib.blake2b(values[name].encode()).digest()) | 1 if name in values else 0 for name in names)


class Leaders:
    """Leaders of one scope in the order they came. Rows are never moved; what is gone is not found any more."""

    def __init__(
        self, rule: SimilarityRule, records: NDArray[np.void] | None = None, veto: NDArray[np.uint64] | None = None
    ) -> None:
        """``records`` of type `LEADER`, shape (n,); ``veto`` of shape (n, attributes of the rule)."""
        self._rule = rule
        self._names = rule.veto_attributes
        self.count = 0 if records is None else len(records)
        room = max(_LEAST_ROWS, self.count)
        self._records = np.zeros(room, LEADER)
        self._veto = np.zeros((room, len(self._names)), np.uint64)
        if records is not None and veto is not None:
            self._records[: self.count], self._veto[: self.count] = records, veto
        self._hashes = np.ascontiguousarray(self._records["hash"])
        self._members = np.zeros(room, np.int32)
        self._since = np.zeros(room, np.int32)
        """The row among the showings from which on uploads are counted: where the first leader of this id lies."""
        self._by_content = Keys(_words(self.records["sha256"]))
        self._by_id = Keys(_words(self.records["id"]))

    @property
    def records(self) -> NDArray[np.void]:
        """A view of all of them, of type `LEADER`."""
        return self._records[: self.count]

    @property
    def veto(self) -> NDArray[np.uint64]:
        """`veto_words` of all of them, shape (count, attributes)."""
        return self._veto[: self.count]

    @property
    def nbytes(self) -> int:
        """Memory, about."""
        columns: tuple[NDArray[Any] | Keys, ...] = (self._records, self._veto, self._hashes, self._members)
        columns += (self._since, self._by_content, self._by_id)
        return sum(column.nbytes for column in columns)

    def exact(self, sha256: bytes, veto: str) -> int | None:
        """The oldest leader with these bytes."""
        for row in self._by_content.find(word(sha256)):
            record = self._records[row]
            if record["sha256"].tobytes() == sha256 and not record["is_gone"] and not self._vetoed([row], veto)[0]:
                return row
        return None

    def nearest(self, mark: Fingerprint, veto: str) -> int | None:
        """The leader that the rule calls the same picture, nearest by hash; of equally near ones the oldest."""
        rule = self._rule
        if mark.quality < rule.min_quality:
            return None
        rows, distances = self._within(np.uint64(int.from_bytes(mark.phash, "big")))
        if not len(rows):
            return None
        found = self._records[rows]
        fits = (found["quality"] >= rule.min_quality) & (found["version"] == mark.version) & ~found["is_gone"]
        if not rule.ignore_colour:
            lab = np.frombuffer(mark.lab, np.int8).reshape(64, 3).astype(np.int16)
            squares = np.square((found["lab"].astype(np.int16) - lab).astype(np.float32))
            fits &= np.sqrt(squares.sum(axis=2)).max(axis=1) <= rule.max_colour_distance
            fits &= np.sqrt(squares[..., 1:].sum(axis=2)).max(axis=1) <= rule.max_chroma_distance
        fits &= ~self._vetoed(rows, veto)
        rows = rows[fits]
        return int(rows[distances[fits].argmin()]) if len(rows) else None

    def row(self, leader_id: bytes) -> int | None:
        """The row that leads under this id now."""
        rows = self._rows_of(leader_id)
        return next((row for row in rows if not self._records[row]["is_gone"]), None)

    def has_led(self, leader_id: bytes) -> bool:
        """Whether any row leads or led under this id."""
        return bool(self._rows_of(leader_id))

    def id_of(self, row: int) -> bytes:
        """The leader id, 16 bytes."""
        return self._records[row]["id"].tobytes()

    def stale(self, version: int) -> int:
        """How many were fingerprinted by another version, and so are found by their bytes only."""
        return int(((self.records["version"] != version) & ~self.records["is_gone"]).sum())

    def members(self, row: int) -> int:
        """How many images joined it, as far as they are remembered."""
        return int(self._members[row])

    def join(self, leader_id: bytes, showing: int, by: int = 1) -> None:
        """Count the image of a row among the showings that joined the group, or with -1 one that left it."""
        rows = self._rows_of(leader_id)
        if rows and showing > self._since[rows[-1]]:
            self._members[rows[-1]] += by

    def count_all(self, founded: NDArray[np.intp], joined: NDArray[np.intp], groups: NDArray[np.void]) -> None:
        """Count anew: leader n lies in row ``founded[n]`` of the showings, row ``joined[n]`` joined ``groups[n]``."""
        held = _words(self.records["id"])
        names, first, which = np.unique(held, return_index=True, return_inverse=True)
        self._since[: self.count] = founded[first][which]
        self._members[: self.count] = 0
        if not len(names):
            return
        wanted = _words(groups)
        found = np.minimum(names.searchsorted(wanted), len(names) - 1)
        counted = (names[found] == wanted) & (joined > founded[first][found])
        last = len(held) - 1 - np.unique(held[::-1], return_index=True)[1]
        self._members[last] = np.bincount(found[counted], minlength=len(names))

    def add(self, leader_id: bytes, sha256: bytes, mark: Fingerprint, veto: str, showing: int) -> int:
        """Append a leader, whose row among the showings is ``showing``; its own row."""
        row = self.count
        if row == len(self._records):
            self._records = np.concatenate((self._records, np.zeros_like(self._records)))
            self._veto = np.concatenate((self._veto, np.zeros_like(self._veto)))
            self._hashes = np.concatenate((self._hashes, np.zeros_like(self._hashes)))
            self._members = np.concatenate((self._members, np.zeros_like(self._members)))
            self._since = np.concatenate((self._since, np.zeros_like(self._since)))
        before = self._rows_of(leader_id)  # a leader that was deleted: its members are still a group
        self._members[row] = self._members[before[-1]] if before else 0
        self._since[row] = self._since[before[-1]] if before else showing
        phash = int.from_bytes(mark.phash, "big")
        lab = np.frombuffer(mark.lab, np.int8).reshape(64, 3)
        self._records[row] = (phash, lab, sha256, leader_id, mark.quality, mark.version, False)
        self._veto[row] = veto_words(veto, self._names)
        self._hashes[row] = phash
        self._by_content.add(word(sha256), row)
        self._by_id.add(word(leader_id), row)
        self.count += 1
        return row

    def withdraw(self, row: int) -> None:
        """Its picture was deleted: nothing of it stays but its id."""
        gone = np.zeros(1, LEADER)[0]
        gone["id"], gone["is_gone"] = self._records[row]["id"], True
        self._records[row] = gone

    def _rows_of(self, leader_id: bytes) -> list[int]:
        rows = self._by_id.find(word(leader_id))
        return [row for row in rows if self.id_of(row) == leader_id]

    def _within(self, phash: np.uint64) -> tuple[NDArray[np.intp], NDArray[np.uint8]]:
        found, distances = [], []
        for start in range(0, self.count, _BLOCK):
            block = self._hashes[start : min(start + _BLOCK, self.count)]
            operands = np.bitwise_xor(block, phash, out=_scratch.words[: len(block)])
            bits = np.bitwise_count(operands, out=_scratch.bits[: len(block)])
            rows = np.flatnonzero(bits <= self._rule.max_hash_distance)
            if len(rows):
                found.append(rows + start)
                distances.append(bits[rows])
        if not found:
            return np.empty(0, np.intp), np.empty(0, np.uint8)
        return np.concatenate(found), np.concatenate(distances)

    def _vetoed(self, rows: NDArray[np.intp] | list[int], veto: str) -> NDArray[np.bool_]:
        theirs = self._veto[rows]
        if not veto:
            return np.zeros(len(theirs), bool)
        mine = np.array(veto_words(veto, self._names), np.uint64)
        return ((theirs != mine) & (theirs != 0) & (mine != 0)).any(axis=1)


def _words(digests: NDArray[np.void]) -> NDArray[np.uint64]:
    whole = np.ascontiguousarray(digests)
    return whole.view("<u8").reshape(len(whole), digests.dtype.itemsize // 8)[:, 0].copy()
