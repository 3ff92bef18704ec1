"""Decides which group an upload belongs to.

Members are compared with leaders only, so similarity never chains. Among the leaders that pass the rule the nearest
by hash wins, a tie goes to the oldest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from transforms.errors import ConfigInvalid
from transforms.index.chunk import CHUNK_ROWS, pack, unpack
from transforms.index.leaders import Leaders
from transforms.index.showings import (
    DELETED,
    ELSEWHERE,
    LEADER,
    MEMBER,
    Showing,
    Showings,
    content_word,
    image_word,
    last_deletion,
    precedes,
    shown,
    task_number,
)
from transforms.origin import Origin, origin_of
from transforms.similarity import SimilarityRule, exact_only
from transforms.values import (
    Arrival,
    Assignment,
    Candidate,
    Deletion,
    IndexChunk,
    IndexEntry,
    KafkaRecord,
    KnownText,
    Role,
)

_KINDS = {"member": MEMBER, "leader": LEADER, "deleted": DELETED, "elsewhere": ELSEWHERE}
_NO_GROUP = bytes(16)
SLACK = 8
"""A limit may be passed by this fraction of itself before rows are dropped, all at once."""


@dataclass(frozen=True, slots=True)
class IndexLimits:
    """How much of a scope is remembered. What is forgotten costs one more caption."""

    keep_seconds: float = 60 * 24 * 3600.0
    """Event time for which an upload is remembered, and up to an eighth longer."""
    max_leaders: int = 300_000
    """Per scope, about 150 MB; beyond it, and an eighth, the oldest are dropped. As many copies and deletions are kept
    beside them: a placeholder has millions."""
    placeholder_after: int = 100
    """Uploads of one picture by so many images: "no image", a logo. They are flagged from then on; 0: never."""

    def __post_init__(self) -> None:
        """Raise `ConfigInvalid` naming the option that mends it."""
        if self.placeholder_after < 0:
            raise ConfigInvalid(f"`{self.placeholder_after}` uploads are not a number; mend --placeholder-after")
        if self.keep_seconds < 60:
            raise ConfigInvalid(f"an index kept for `{self.keep_seconds:g}` s finds nothing; mend --index-ttl")
        if not 1 <= self.max_leaders <= 10_000_000:
            raise ConfigInvalid(f"`{self.max_leaders}` leaders are not 1 to 10,000,000; mend --index-leaders")


def leader_id(scope: str, sha256: bytes, veto: str) -> str:
    """Hex name of the group a picture leads: new bytes under an old image id are a new picture."""
    parts = scope.encode() + b"\x00" + sha256 + b"\x00" + veto.encode()
    return hashlib.sha256(parts).hexdigest()[:32]


class DuplicateIndex:
    """Decides on arrivals of one scope in the order they come. Not thread-safe: a runner serialises a key."""

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
    def oldest_ms(self) -> int | None:
        """Milliseconds since the epoch of the oldest row; None without rows."""
        return int(self._showings.records["timestamp_ms"].min()) if self._showings.count else None

    def stale(self, version: int) -> int:
        """Count the leaders that another version of the fingerprint made: they are found by their bytes only."""
        return self._leaders.stale(version)

    def assign(self, arrival: Arrival) -> tuple[list[Assignment], list[IndexEntry]]:
        """The arrival's assignments (a deletion may concern several groups) and the entries to append."""
        if arrival.deletion is not None:
            if arrival.deletion.task is not None:
                return self._hear(arrival.deletion)
            return self._delete(arrival.deletion, arrival.is_told)
        if arrival.known is not None:
            return self._know(arrival.known)
        if arrival.candidate is None:
            raise ValueError("an arrival is a candidate, a deletion or a known text; this one is none")
        return self._place(arrival.candidate)

    def pack(self) -> IndexChunk:
        """What the journal holds, packed: it may be emptied."""
        start, self._packed = self._packed, self._showings.count
        return self._chunk(self._next(), start, self._packed)

    def is_over_cap(self) -> bool:
        """Whether `trimmed` would drop something for lack of room."""
        founded, cap = self._leaders.count, self._limits.max_leaders
        return max(founded, self._showings.count - founded) > cap + cap // SLACK

    def expired(self, before_ms: float) -> int:
        """Count the rows that are older."""
        return int((self._showings.records["timestamp_ms"] < before_ms).sum())

    def trimmed(self, before_ms: float) -> tuple[DuplicateIndex, list[IndexChunk]]:
        """Drop what is older or beyond a cap; the index of the rest, and the chunks that replace all state."""
        records, leads = self._showings.records, self._showings.leads
        keep = (records["timestamp_ms"] >= before_ms) & ((leads >= 0) | ~self._showings.is_gone)
        _drop_oldest(keep, leads >= 0, self._limits.max_leaders)
        _drop_oldest(keep, leads < 0, self._limits.max_leaders)
        kept = leads[keep]
        kept = kept[kept >= 0]
        rest = DuplicateIndex(self._scope, self._rule, self._limits)
        rest._showings = Showings(records[keep], self._showings.places)
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
        kinds = self._showings.records["kind"]
        self._leaders.join_all(self._showings.records["group"][(kinds == MEMBER) & ~self._showings.is_gone])

    def _place(self, candidate: Candidate) -> tuple[list[Assignment], list[IndexEntry]]:
        upload, sha256 = candidate.upload, candidate.picture.sha256
        veto = self._rule.veto_key(upload)
        rows = self._showings.of(image_word(upload.image_id))
        deletion = last_deletion(rows)
        if deletion is not None and self._is_before(candidate.record, deletion):
            candidate = replace(candidate, deleted=True)
        seen = self._seen(rows, content_word(sha256, veto))
        if seen is not None:
            return self._follow(candidate, rows, seen, Role.MEMBER, None)
        row = self._leaders.exact(sha256, veto)
        if row is None and not exact_only(upload.task):
            row = self._leaders.nearest(candidate.fingerprint, veto)
        if row is not None:
            return self._follow(candidate, rows, self._leaders.id_of(row), Role.MEMBER, "member")
        if candidate.deleted:  # its picture must not stand for others: a group of its own
            own = leader_id(self._scope, sha256, f"{veto}\x00{candidate.record.coordinates()}")
            return self._follow(candidate, rows, bytes.fromhex(own), Role.MEMBER, None)
        found = bytes.fromhex(leader_id(self._scope, sha256, veto))
        # A leader that is gone may still have uploads pending under its id, and texts.
        is_known = self._has_forgotten or self._leaders.has_led(found)
        return self._follow(candidate, rows, found, Role.MEMBER if is_known else Role.NEW_LEADER, "leader")

    def _is_placeholder(self, found: bytes, is_new: bool) -> bool:
        """Whether so many images show the picture, this one included, that it is none of a product."""
        row, least = self._leaders.row(found), self._limits.placeholder_after
        return row is not None and 0 < least <= 1 + self._leaders.members(row) + is_new

    def _seen(self, rows: Sequence[tuple[int, Showing]], content: int) -> bytes | None:
        """The group this very picture of the image went to, if that can still be found."""
        for _, showing in reversed(rows):
            if showing.kind != DELETED and showing.content == content:
                return showing.group if self._leaders.row(showing.group) is not None else None
        return None

    def _follow(
        self,
        candidate: Candidate,
        rows: Sequence[tuple[int, Showing]],
        found: bytes,
        role: Role,
        kind: str | None,
    ) -> tuple[list[Assignment], list[IndexEntry]]:
        """The candidate joins a group; the one whose picture its image showed before is told. None: no news."""
        if self._is_placeholder(found, is_new=kind is not None):
            candidate = replace(candidate, is_placeholder=True)
        assignments = [Assignment(found.hex(), role, Arrival(candidate=candidate))]
        if candidate.deleted:
            return assignments, []
        record, upload = candidate.record, candidate.upload
        before = shown(rows, upload.task)
        if before is not None and before.group != found:
            if (later := self._showings.later_by(before, record)) > 0:
                return [], []  # its image shows another picture already: a caption would come out after that one's
            if later < 0:
                word = Deletion(replace(record, value=None), upload.image_id, upload.merchant, upload.task)
                assignments = [*_replaced(before, word), *assignments]
                kind = kind or "member"
        if kind is None:
            return assignments, []
        entry = IndexEntry(
            self._sequence,
            kind,
            found.hex(),
            upload.image_id,
            candidate.picture.sha256,
            self._rule.veto_key(upload),
            candidate.fingerprint if kind == "leader" else None,
            *_place(record),
            upload.task,
        )
        self._apply(entry)
        return assignments, [entry]

    def _know(self, known: KnownText) -> tuple[list[Assignment], list[IndexEntry]]:
        """A text of an earlier job belongs to the group of its picture, which it may found."""
        record, text = known.record, known.text
        deletion = last_deletion(self._showings.of(image_word(text.image_id)))
        if deletion is not None and self._is_before(record, deletion):
            return [], []
        row = self._leaders.exact(text.sha256, text.veto)
        if row is None:
            row = self._leaders.nearest(text.fingerprint, text.veto)
        if row is None:
            kind, found, mark = "leader", leader_id(self._scope, text.sha256, text.veto), text.fingerprint
        else:
            kind, found, mark = "member", self._leaders.id_of(row).hex(), None
        place = _place(record)
        entry = IndexEntry(self._sequence, kind, found, text.image_id, text.sha256, text.veto, mark, *place)
        self._apply(entry)
        return [Assignment(found, Role.KNOWN, Arrival(known=known))], [entry]

    def _hear(self, word: Deletion) -> tuple[list[Assignment], list[IndexEntry]]:
        """An upload went to another part: what its image showed here is told, unless that is newer."""
        before = shown(self._showings.of(image_word(word.image_id)), word.task)
        if before is not None and self._showings.later_by(before, word.record) >= 0:
            return [], []
        place = _place(word.record)
        entry = IndexEntry(self._sequence, "elsewhere", "", word.image_id, b"", "", None, *place, word.task)
        self._apply(entry)
        return _replaced(before, word), [entry]

    def _delete(self, deletion: Deletion, is_told: bool) -> tuple[list[Assignment], list[IndexEntry]]:
        record = deletion.record
        rows = [row for row in self._showings.of(image_word(deletion.image_id)) if row[1].kind != DELETED]
        groups = {showing.group.hex() for _, showing in rows if showing.kind != ELSEWHERE}
        is_late = any(self._showings.later_by(showing, record) > 0 for _, showing in rows)
        entry = IndexEntry(self._sequence, "deleted", "", deletion.image_id, b"", "", None, *_place(record))
        self._apply(entry)
        if is_late:  # a replay's ranges come out of order: a tombstone now would withdraw what came after it
            return [], [entry]
        arrival = Arrival(deletion=deletion)
        concerned = sorted(groups) or ([] if is_told else [leader_id(self._scope, b"", deletion.image_id)])
        return [Assignment(group, Role.DELETION, arrival) for group in concerned], [entry]

    def _apply(self, entry: IndexEntry) -> None:
        self._sequence = entry.sequence + 1
        kind = _KINDS[entry.kind]
        showing = Showing(
            image_word(entry.image_id),
            content_word(entry.sha256, entry.veto) if kind in (MEMBER, LEADER) else 0,
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
            leads = self._leaders.add(showing.group, entry.sha256, entry.fingerprint, entry.veto)
            self._showings.add(showing, leads)
            return
        row = self._showings.add(showing)
        if kind == DELETED:
            self._forget(row)
        elif kind == MEMBER:
            self._leaders.join(showing.group)

    def _forget(self, deletion: int) -> None:
        """Remove the image's uploads before a deletion; as a leader its group gets no new members."""
        last = Showing(*self._showings.records[deletion].item())
        for row, showing in self._showings.of(last.image):
            if row < deletion and showing.kind != DELETED and precedes(showing, last):
                leader = self._showings.remove(row)
                if leader is None:
                    self._leaders.join(showing.group, -1)
                else:
                    self._leaders.withdraw(leader)

    def _is_before(self, record: KafkaRecord, deletion: Showing) -> bool:
        origin: Origin = origin_of(record)
        if self._showings.places[deletion.place] == (origin.topic, origin.partition):
            return origin.offset < deletion.offset
        return record.timestamp_ms <= deletion.timestamp_ms


def _replaced(before: Showing | None, word: Deletion) -> list[Assignment]:
    """What the group hears whose picture an image showed before."""
    if before is None or before.kind == ELSEWHERE:
        return []
    return [Assignment(before.group.hex(), Role.REPLACED, Arrival(deletion=word))]


def _place(record: KafkaRecord) -> tuple[str, int, int, int]:
    origin = origin_of(record)
    return origin.topic, origin.partition, origin.offset, record.timestamp_ms


def _drop_oldest(keep: np.ndarray, kind: np.ndarray, cap: int) -> None:
    rows = np.flatnonzero(keep & kind)
    keep[rows[: max(0, len(rows) - cap)]] = False
