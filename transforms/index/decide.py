"""Decides which group an upload belongs to.

Members are compared with leaders only, so similarity never chains. Among the leaders that pass the rule the nearest
by hash wins, a tie goes to the oldest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from transforms.index.kept import Kept
from transforms.index.showings import (
    DELETED,
    ELSEWHERE,
    Showing,
    content_word,
    image_word,
    last_deletion,
    shown,
    task_number,
)
from transforms.origin import origin_of
from transforms.similarity import exact_only
from transforms.values import (
    Arrival,
    Assignment,
    Candidate,
    Deletion,
    IndexEntry,
    KafkaRecord,
    KnownTexts,
    Role,
    Upload,
)


def leader_id(scope: str, sha256: bytes, veto: str) -> str:
    """Hex name of the group a picture leads: new bytes under an old image id are a new picture."""
    parts = scope.encode() + b"\x00" + sha256 + b"\x00" + veto.encode()
    return hashlib.sha256(parts).hexdigest()[:32]


class DuplicateIndex(Kept):
    """Decides on arrivals of one scope in the order they come."""

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

    def _place(self, candidate: Candidate) -> tuple[list[Assignment], list[IndexEntry]]:
        upload, sha256 = candidate.upload, candidate.picture.sha256
        veto = self._rule.veto_key(upload)
        rows = self._showings.of(image_word(upload.image_id))
        deletion = last_deletion(rows)
        if deletion is not None and self._is_before(candidate.record, deletion):
            candidate = replace(candidate, deleted=True)
        seen = self._seen(rows, content_word(sha256, veto))
        if seen is not None:
            return self._follow(candidate, rows, seen, Role.MEMBER, "repeat")
        row = self._leaders.exact(sha256, veto)
        if row is None and not exact_only(upload.task):
            row = self._leaders.nearest(candidate.fingerprint, veto)
        if row is not None:
            return self._follow(candidate, rows, self._leaders.id_of(row), Role.MEMBER, "member")
        if candidate.deleted:  # its picture must not stand for others: a group of its own
            own = leader_id(self._scope, sha256, f"{veto}\x00{candidate.record.coordinates()}")
            return self._follow(candidate, rows, bytes.fromhex(own), Role.MEMBER, "repeat")
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
        kind: str,
    ) -> tuple[list[Assignment], list[IndexEntry]]:
        """The candidate joins a group; the one whose picture its image showed before is told."""
        if kind == "member" and _is_in(rows, found):
            kind = "repeat"
        if self._is_placeholder(found, is_new=kind != "repeat"):
            candidate = replace(candidate, is_placeholder=True)
        assignments = [Assignment(found.hex(), role, Arrival(candidate=candidate))]
        if candidate.deleted:
            return assignments, []
        record, upload = candidate.record, candidate.upload
        before = shown(rows, upload.task)
        later = -1 if before is None else self._showings.later_by(before, record)
        if before is None:  # what was deleted may still be owed: it would come out, and be withdrawn, after this one
            before = self._withdrawn(rows, upload)
        elif before.content == content_word(candidate.picture.sha256, self._rule.veto_key(upload)):
            before = None
        elif later > 0:
            return [], []  # its image shows another picture already: a caption would come out after that one's
        if before is not None and self._showings.later_by(before, record) < 0:
            word = Deletion(replace(record, value=None), upload.image_id, upload.merchant, upload.task)
            assignments = [*_replaced(before, word), *assignments]
        if kind == "repeat" and later >= 0:  # delivered again
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

    def _withdrawn(self, rows: Sequence[tuple[int, Showing]], upload: Upload) -> Showing | None:
        """What an image showed for a task when it was deleted, if it was."""
        if last_deletion(rows) is None:
            return None
        return shown(self._showings.of(image_word(upload.image_id), is_gone=True), upload.task)

    def _know(self, known: KnownTexts) -> tuple[list[Assignment], list[IndexEntry]]:
        """Texts of an earlier job belong to the group of their picture, which it may found."""
        text, rows = known.texts[0], self._showings.of(image_word(known.image_id))
        deletion = last_deletion(rows)
        if deletion is not None and self._is_before(known.record, deletion):
            return [], []
        seen = self._seen(rows, content_word(text.sha256, text.veto))
        if seen is not None:
            return [Assignment(seen.hex(), Role.KNOWN, Arrival(known=known))], []
        row = self._leaders.exact(text.sha256, text.veto)
        if row is None and not exact_only(known.task):
            row = self._leaders.nearest(text.fingerprint, text.veto)
        if row is None:
            kind, found, mark = "leader", leader_id(self._scope, text.sha256, text.veto), text.fingerprint
        else:
            found, mark = self._leaders.id_of(row).hex(), None
            kind = "repeat" if _is_in(rows, bytes.fromhex(found)) else "member"
        place = _place(known.record)
        entry = IndexEntry(self._sequence, kind, found, known.image_id, text.sha256, text.veto, mark, *place)
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
        # What an earlier job captioned (no task) may be later than what this one has read so far.
        uploads = [showing for _, showing in rows if showing.task != task_number(None)]
        is_late = any(self._showings.later_by(showing, record) > 0 for showing in uploads)
        entry = IndexEntry(self._sequence, "deleted", "", deletion.image_id, b"", "", None, *_place(record))
        self._apply(entry)
        if is_late:  # a replay's ranges come out of order: a tombstone now would withdraw what came after it
            return [], [entry]
        arrival = Arrival(deletion=deletion)
        concerned = sorted(groups) or ([] if is_told else [leader_id(self._scope, b"", deletion.image_id)])
        return [Assignment(group, Role.DELETION, arrival) for group in concerned], [entry]

    def _is_before(self, record: KafkaRecord, deletion: Showing) -> bool:
        origin = origin_of(record)
        if self._showings.places[deletion.place] == (origin.topic, origin.partition):
            return origin.offset < deletion.offset
        return record.timestamp_ms <= deletion.timestamp_ms


def _is_in(rows: Sequence[tuple[int, Showing]], found: bytes) -> bool:
    """Whether an image with these rows is in the group."""
    return any(showing.group == found for _, showing in rows)


def _replaced(before: Showing | None, word: Deletion) -> list[Assignment]:
    """What the group hears whose picture an image showed before."""
    if before is None or before.kind == ELSEWHERE:
        return []
    return [Assignment(before.group.hex(), Role.REPLACED, Arrival(deletion=word))]


def _place(record: KafkaRecord) -> tuple[str, int, int, int]:
    origin = origin_of(record)
    return origin.topic, origin.partition, origin.offset, record.timestamp_ms
