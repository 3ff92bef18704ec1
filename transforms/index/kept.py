"""What the duplicate index of one scope remembers: filled by entries, packed into state, dropped when it is old."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray

from transforms.index.chunk import CHUNK_ROWS, pack, unpack
from transforms.index.leaders import Leaders
from transforms.index.limits import SLACK, IndexLimits
from transforms.index.showings import (
    DELETED,
    ELSEWHERE,
    LEADER,
    MEMBER,
    REPEAT,
    Showing,
    content_word,
    image_word,
    precedes,
    task_number,
)
from transforms.similarity import SimilarityRule
from transforms.values import IndexChunk, IndexEntry

_KINDS = {"member": MEMBER, "leader": LEADER, "deleted": DELETED, "elsewhere": ELSEWHERE, "repeat": REPEAT}
_NO_GROUP = bytes(16)


class Kept:
    """The rows of one scope. Not thread-safe: a runner serialises a key."""

    def __init__(
        self,
        scope: str,
        rule: SimilarityRule,
        limits: IndexLimits | None = None,
        chunks: Sequence[IndexChunk] = (),
        journal: Iterable[IndexEntry] = (),
    ) -> None:
        """As it was: ``chunks`` is what was packed, ``journal`` what `assign` returned since, each in any order."""
        self._scope = scope
        self._rule = rule
        self._limits = limits or IndexLimits()
        self._showings, self._leaders = unpack(rule, chunks)
        self._has_forgotten = any(chunk.has_forgotten for chunk in chunks)
        for row in np.flatnonzero(self._showings.records["kind"] == DELETED):
            self._forget(int(row))
        self._count_members()
        self._packed = self._showings.count
        self._sequence = max((chunk.sequence + 1 for chunk in chunks), default=0)
        for entry in sorted(journal, key=lambda e: e.sequence):
            self._apply(entry)

    def __len__(self) -> int:
        """Leaders that can be found."""
        return int((~self._leaders.records["is_gone"]).sum())

    @property
    def nbytes(self) -> int:
        """Memory, about."""
        return self._showings.nbytes + self._leaders.nbytes

    @property
    def rows(self) -> int:
        """Uploads and deletions that are remembered."""
        return self._showings.count

    @property
    def unpacked(self) -> int:
        """Rows that lie in the journal as single entries."""
        return self._showings.count - self._packed

    @property
    def ageing_ms(self) -> int | None:
        """When the rows that must be too old for `is_aged` were sent, the newest of them: milliseconds since the epoch.

        None without rows.
        """
        rows = self._showings.count
        if not rows:
            return None
        newest = -(-rows // SLACK) - 1
        return int(np.partition(self._showings.records["timestamp_ms"], newest)[newest])

    def stale(self, version: int) -> int:
        """Count the leaders that another version of the fingerprint made: they are found by their bytes only."""
        return self._leaders.stale(version)

    def pack(self) -> IndexChunk:
        """What the journal holds, packed: it may be emptied."""
        start, self._packed = self._packed, self._showings.count
        return self._chunk(self._next(), start, self._packed)

    def is_over_cap(self) -> bool:
        """Whether `trimmed` would drop something for lack of room."""
        founded, elsewhere, cap = self._leaders.count, self._showings.elsewhere, self._limits.max_leaders
        return max(founded, elsewhere, self._showings.count - founded - elsewhere) > cap + cap // SLACK

    def is_aged(self, before_ms: float) -> bool:
        """Whether an eighth of the rows is older: all that is kept has to be written again."""
        ageing_ms = self.ageing_ms
        return ageing_ms is not None and ageing_ms < before_ms

    def trimmed(self, before_ms: float) -> tuple[Self, list[IndexChunk]]:
        """Drop what is older or beyond a cap; the index of the rest, and the chunks that replace all state."""
        records, leads = self._showings.records, self._showings.leads
        keep = (records["timestamp_ms"] >= before_ms) & ((leads >= 0) | ~self._showings.is_gone)
        elsewhere = records["kind"] == ELSEWHERE
        _drop_repeated(keep, elsewhere | (records["kind"] == REPEAT), records)
        for part in (leads >= 0, elsewhere, (leads < 0) & ~elsewhere):
            _drop_oldest(keep, part, self._limits.max_leaders)
        kept = leads[keep]
        kept = kept[kept >= 0]
        rest = type(self)(self._scope, self._rule, self._limits)
        rest._showings = self._showings.only(keep)
        rest._leaders = Leaders(self._rule, self._leaders.records[kept], self._leaders.veto[kept])
        rest._count_members()
        rest._has_forgotten = self._has_forgotten or len(kept) < self._leaders.count
        rest._sequence = self._sequence
        chunks = []
        for start in range(0, max(1, rest._showings.count), CHUNK_ROWS):
            rest._packed = min(start + CHUNK_ROWS, rest._showings.count)
            chunks.append(rest._chunk(rest._next(), start, rest._packed))
        return rest, chunks

    def _chunk(self, sequence: int, start: int, stop: int) -> IndexChunk:
        names = self._rule.veto_attributes
        return pack(sequence, start, stop, self._showings, self._leaders, names, self._has_forgotten)

    def _next(self) -> int:
        self._sequence += 1
        return self._sequence - 1

    def _count_members(self) -> None:
        records = self._showings.records
        joined = np.flatnonzero((records["kind"] == MEMBER) & ~self._showings.is_gone)
        self._leaders.count_all(np.flatnonzero(self._showings.leads >= 0), joined, records["group"][joined])

    def _apply(self, entry: IndexEntry) -> None:
        self._sequence = entry.sequence + 1
        kind = _KINDS[entry.kind]
        showing = Showing(
            image_word(entry.image_id),
            content_word(entry.sha256, entry.veto) if kind in (MEMBER, LEADER, REPEAT) else 0,
            bytes.fromhex(entry.leader_id) or _NO_GROUP,
            self._showings.place(entry.topic, entry.partition),
            entry.offset,
            entry.timestamp_ms,
            task_number(entry.task),
            kind,
        )
        if kind == LEADER:
            if entry.fingerprint is None:
                raise ValueError(f"journal entry of leader `{entry.leader_id}` has no fingerprint")
            row = self._showings.count
            leads = self._leaders.add(showing.group, entry.sha256, entry.fingerprint, entry.veto, row)
            self._showings.add(showing, leads)
            return
        row = self._showings.add(showing)
        if kind == DELETED:
            self._forget(row)
        elif kind == MEMBER:
            self._leaders.join(showing.group, row)

    def _forget(self, deletion: int) -> None:
        """Remove the image's uploads before a deletion; as a leader its group gets no new members."""
        last = Showing(*self._showings.records[deletion].item())
        for row, showing in self._showings.of(last.image):
            if row < deletion and showing.kind != DELETED and precedes(showing, last):
                leader = self._showings.remove(row)
                if leader is not None:
                    self._leaders.withdraw(leader)
                elif showing.kind == MEMBER:
                    self._leaders.join(showing.group, row, -1)


def _drop_repeated(keep: NDArray[np.bool_], kind: NDArray[np.bool_], records: NDArray[np.void]) -> None:
    """Of an image, task and group the newest of these rows says all that the older ones do."""
    rows = np.flatnonzero(keep & kind)
    images, tasks = records["image"][rows], records["task"][rows]
    groups = np.unique(records["group"][rows], return_inverse=True)[1] if len(rows) else rows
    order = np.lexsort((records["timestamp_ms"][rows], groups, tasks, images))
    same = np.ones(max(0, len(rows) - 1), bool)
    for column in (groups, tasks, images):
        same &= column[order][1:] == column[order][:-1]
    keep[rows[order[:-1][same]]] = False


def _drop_oldest(keep: NDArray[np.bool_], kind: NDArray[np.bool_], cap: int) -> None:
    rows = np.flatnonzero(keep & kind)
    keep[rows[: max(0, len(rows) - cap)]] = False
