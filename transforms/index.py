"""The leaders of one scope in memory, rebuilt from a journal of `IndexEntry`.

Members are compared with leaders only, so similarity never chains. Among the leaders that pass the rule the nearest
by hash wins, a tie goes to the oldest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from transforms.origin import origin_of
from transforms.similarity import SimilarityRule, exact_only, vetoed
from transforms.values import Arrival, Assignment, Candidate, Deletion, Fingerprint, IndexEntry, KafkaRecord, Role, Task

_GROW = 256


def leader_id(scope: str, sha256: bytes, veto: str) -> str:
    """Hex name of the group a picture leads: new bytes under an old image id are a new picture."""
    parts = scope.encode() + b"\x00" + sha256 + b"\x00" + veto.encode()
    return hashlib.sha256(parts).hexdigest()[:32]


class DuplicateIndex:
    """Decides on arrivals of one scope in the order they come. Not thread-safe: a runner serialises a key."""

    def __init__(self, scope: str, rule: SimilarityRule, journal: Iterable[IndexEntry] = ()) -> None:
        """Replays ``journal``, the entries that `assign` returned earlier, in any order."""
        self._scope = scope
        self._rule = rule
        self._leaders: list[IndexEntry | None] = []
        self._hashes = np.zeros(_GROW, np.uint64)
        self._labs = np.zeros((_GROW, 64, 3), np.int8)
        self._good = np.zeros(_GROW, bool)
        self._row: dict[str, int] = {}
        self._led: set[str] = set()
        """Leader ids ever given out: a deleted leader's id may still have uploads pending under it."""
        self._exact: dict[bytes, list[int]] = {}
        self._seen: dict[tuple[str, bytes, str], str] = {}
        self._groups: dict[str, list[IndexEntry]] = {}
        self._deleted: dict[str, IndexEntry] = {}
        self._shown: dict[str, dict[Task, IndexEntry]] = {}
        """What each image shows, by task: the newest upload of it that is known."""
        self._sequence = 0
        for entry in sorted(journal, key=lambda e: e.sequence):
            self._apply(entry)

    def __len__(self) -> int:
        return len(self._row)

    def assign(self, arrival: Arrival) -> tuple[list[Assignment], list[IndexEntry]]:
        """The arrival's assignments (a deletion may concern several groups) and the entries to append."""
        if arrival.deletion is not None:
            return self._delete(arrival.deletion)
        if arrival.candidate is None:
            raise ValueError("an arrival is a candidate or a deletion; this one is neither")
        return self._place(arrival.candidate)

    def _place(self, candidate: Candidate) -> tuple[list[Assignment], list[IndexEntry]]:
        upload, sha256 = candidate.upload, candidate.picture.sha256
        veto = self._rule.veto_key(upload)
        deletion = self._deleted.get(upload.image_id)
        if deletion is not None and _older(candidate, deletion):
            candidate = replace(candidate, deleted=True)
        seen = self._seen.get((upload.image_id, sha256, veto))
        if seen is not None and seen in self._row:
            return self._follow(candidate, seen, Role.MEMBER, None)
        row = self._nearest(candidate.fingerprint, sha256, veto, exact=exact_only(upload.task))
        if row is not None:
            leader = self._leaders[row]
            assert leader is not None  # noqa: S101 - removed rows are not searchable
            return self._follow(candidate, leader.leader_id, Role.MEMBER, "member")
        if candidate.deleted:  # its picture must not stand for others: a group of its own
            own = leader_id(self._scope, sha256, f"{veto}\x00{candidate.record.coordinates()}")
            return self._follow(candidate, own, Role.MEMBER, None)
        found = leader_id(self._scope, sha256, veto)
        return self._follow(candidate, found, Role.MEMBER if found in self._led else Role.NEW_LEADER, "leader")

    def _follow(
        self, candidate: Candidate, found: str, role: Role, kind: str | None
    ) -> tuple[list[Assignment], list[IndexEntry]]:
        """The candidate joins a group; the one whose picture its image showed before is told. None: no news."""
        assignments = [Assignment(found, role, Arrival(candidate=candidate))]
        if candidate.deleted:
            return assignments, []
        record, upload, origin = candidate.record, candidate.upload, origin_of(candidate.record)
        shown = self._shown.get(upload.image_id, {}).get(upload.task)
        if shown is not None and shown.leader_id != found:
            if (later := _distance(shown, record)) > 0:
                return [], []  # its image shows another picture already: a caption would come out after that one's
            if later < 0:
                word = Deletion(replace(record, value=None), upload.image_id, upload.merchant, upload.task)
                assignments.insert(0, Assignment(shown.leader_id, Role.REPLACED, Arrival(deletion=word)))
                kind = kind or "member"
        if kind is None:
            return assignments, []
        entry = IndexEntry(
            self._sequence,
            kind,
            found,
            upload.image_id,
            candidate.picture.sha256,
            self._rule.veto_key(upload),
            candidate.fingerprint if kind == "leader" else None,
            origin.topic,
            origin.partition,
            origin.offset,
            record.timestamp_ms,
            upload.task,
        )
        self._apply(entry)
        return assignments, [entry]

    def _delete(self, deletion: Deletion) -> tuple[list[Assignment], list[IndexEntry]]:
        record, origin = deletion.record, origin_of(deletion.record)
        groups = {entry.leader_id for entry in self._groups.get(deletion.image_id, ())}
        unknown = leader_id(self._scope, b"", deletion.image_id)
        entry = IndexEntry(
            self._sequence,
            "deleted",
            "",
            deletion.image_id,
            b"",
            "",
            None,
            origin.topic,
            origin.partition,
            origin.offset,
            record.timestamp_ms,
        )
        shown = self._shown.get(deletion.image_id, {}).values()
        is_late = any(_distance(upload, record) > 0 for upload in shown)
        self._apply(entry)
        if is_late:  # a replay's ranges come out of order: a tombstone now would withdraw what came after it
            return [], [entry]
        arrival = Arrival(deletion=deletion)
        return [Assignment(group, Role.DELETION, arrival) for group in sorted(groups) or [unknown]], [entry]

    def _nearest(self, mark: Fingerprint, sha256: bytes, veto: str, exact: bool) -> int | None:
        for row in self._exact.get(sha256, ()):
            leader = self._leaders[row]
            if leader is not None and not vetoed(leader.veto, veto):
                return row
        if exact or mark.quality < self._rule.min_quality:
            return None
        n = len(self._leaders)
        distance = np.bitwise_count(self._hashes[:n] ^ _hash_word(mark))
        rows = np.flatnonzero((distance <= self._rule.max_hash_distance) & self._good[:n])
        if not len(rows):
            return None
        lab = np.frombuffer(mark.lab, np.int8).reshape(64, 3).astype(np.int16)
        delta = (self._labs[rows].astype(np.int16) - lab).astype(np.float32)
        colour = np.sqrt((delta * delta).sum(axis=2)).max(axis=1)
        rows = rows[colour <= self._rule.max_colour_distance]
        for row in rows[np.argsort(distance[rows], kind="stable")]:
            leader = self._leaders[row]
            if leader is None or leader.fingerprint is None or vetoed(leader.veto, veto):
                continue
            if leader.fingerprint.version == mark.version:
                return int(row)
        return None

    def _apply(self, entry: IndexEntry) -> None:
        self._sequence = entry.sequence + 1
        if entry.kind == "deleted":
            self._forget(entry)
            return
        self._seen[entry.image_id, entry.sha256, entry.veto] = entry.leader_id
        self._groups.setdefault(entry.image_id, []).append(entry)
        tasks = self._shown.setdefault(entry.image_id, {})
        if entry.task is not None and (entry.task not in tasks or not _before(entry, tasks[entry.task])):
            tasks[entry.task] = entry
        if entry.kind == "leader" and entry.leader_id not in self._row:
            self._add_leader(entry)

    def _add_leader(self, entry: IndexEntry) -> None:
        mark = entry.fingerprint
        if mark is None:
            raise ValueError(f"journal entry of leader `{entry.leader_id}` has no fingerprint")
        row = len(self._leaders)
        if row == len(self._hashes):
            self._hashes = np.concatenate((self._hashes, np.zeros_like(self._hashes)))
            self._labs = np.concatenate((self._labs, np.zeros_like(self._labs)))
            self._good = np.concatenate((self._good, np.zeros_like(self._good)))
        self._leaders.append(entry)
        self._hashes[row] = _hash_word(mark)
        self._labs[row] = np.frombuffer(mark.lab, np.int8).reshape(64, 3)
        self._good[row] = mark.quality >= self._rule.min_quality
        self._row[entry.leader_id] = row
        self._led.add(entry.leader_id)
        self._exact.setdefault(entry.sha256, []).append(row)

    def _forget(self, deletion: IndexEntry) -> None:
        """Remove the image's older uploads; as a leader its group gets no new members."""
        kept = []
        for entry in self._groups.pop(deletion.image_id, ()):
            if not _before(entry, deletion):
                kept.append(entry)
                continue
            self._seen.pop((entry.image_id, entry.sha256, entry.veto), None)
            row = self._row.get(entry.leader_id)
            leader = None if row is None else self._leaders[row]
            if row is not None and leader is entry:
                self._leaders[row] = None
                self._good[row] = False
                self._exact[entry.sha256].remove(row)
                del self._row[entry.leader_id]
        if kept:
            self._groups[deletion.image_id] = kept
        shown = self._shown.pop(deletion.image_id, {})
        if later := {task: entry for task, entry in shown.items() if not _before(entry, deletion)}:
            self._shown[deletion.image_id] = later
        known = self._deleted.get(deletion.image_id)
        if known is None or _before(known, deletion):  # ranges of a replay arrive out of order
            self._deleted[deletion.image_id] = deletion


def _hash_word(mark: Fingerprint) -> np.uint64:
    return np.uint64(int.from_bytes(mark.phash, "big"))


def _older(candidate: Candidate, deletion: IndexEntry) -> bool:
    origin = origin_of(candidate.record)
    return _precedes((origin.topic, origin.partition), origin.offset, candidate.record.timestamp_ms, deletion)


def _before(entry: IndexEntry, deletion: IndexEntry) -> bool:
    return _precedes((entry.topic, entry.partition), entry.offset, entry.timestamp_ms, deletion)


def _distance(entry: IndexEntry, record: KafkaRecord) -> int:
    """How much later than a record of its image an upload was first sent: offsets in a partition, else milliseconds."""
    origin = origin_of(record)
    if (entry.topic, entry.partition) == (origin.topic, origin.partition):
        return entry.offset - origin.offset
    return entry.timestamp_ms - record.timestamp_ms


def _precedes(place: tuple[str, int], offset: int, timestamp_ms: int, deletion: IndexEntry) -> bool:
    """Order of two records of one image, as first sent: by offset in a partition, by time across partitions."""
    if place == (deletion.topic, deletion.partition):
        return offset < deletion.offset
    return timestamp_ms <= deletion.timestamp_ms
