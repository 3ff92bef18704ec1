"""A picture among its duplicates: what Find duplicate gets, keeps and says, and the state of a group."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from transforms.values.tasks import Task
from transforms.values.texts import KnownTexts, Text
from transforms.values.uploads import Candidate, Deletion, Fingerprint


@dataclass(frozen=True, slots=True)
class Arrival:
    """What reaches Find duplicate: exactly one of the three is set."""

    candidate: Candidate | None = None
    deletion: Deletion | None = None
    known: KnownTexts | None = None
    is_told: bool = False
    """For the parts of a split merchant: another part answers, this one only where it knows the image."""


class Role(StrEnum):
    """What Find duplicate says of an arrival."""

    NEW_LEADER = "NEW_LEADER"
    """The first picture of its group: nothing is known under its leader id."""
    MEMBER = "MEMBER"
    """A duplicate of the leader, the leader delivered again, or one that leads anew after a deletion."""
    DELETION = "DELETION"
    REPLACED = "REPLACED"
    """A `Deletion` with a task: the image shows another picture now."""
    KNOWN = "KNOWN"
    """Texts of an earlier job, for the group that their picture belongs to."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """An arrival with the group it belongs to."""

    leader_id: str
    role: Role
    arrival: Arrival


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """One line of a scope's journal; the index in memory is the journal replayed."""

    sequence: int
    """Place in the journal: a bag does not keep order."""
    kind: str
    """``leader``, ``member``, ``repeat``, ``deleted`` or ``elsewhere``: see `transforms.index.showings`."""
    leader_id: str
    image_id: str
    sha256: bytes
    veto: str
    """The attributes that forbid a merge when they differ, rendered."""
    fingerprint: Fingerprint | None
    """Leaders only."""
    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    task: Task | None = None
    """Of uploads."""


@dataclass(frozen=True, slots=True)
class IndexChunk:
    """Many lines of a scope's journal with what became of them, packed: the index is read back at once."""

    sequence: int
    """Place in the journal."""
    showings: bytes
    """Rows of `transforms.index.showings.SHOWING`."""
    leaders: bytes
    """Rows of `transforms.index.leaders.LEADER`, one for each row above that founded a group."""
    veto: bytes
    """A uint64 for each of these leaders and each of ``veto_names``, little-endian: `veto_words`."""
    veto_names: tuple[str, ...]
    places: tuple[str, ...]
    """``topic/partition`` by the number that the rows have."""
    has_forgotten: bool = False
    """Leaders were dropped before: a leader id that is not here may have a state elsewhere."""


@dataclass(frozen=True, slots=True)
class GroupState:
    """The one state cell of Caption image, by leader id."""

    texts: tuple[Text, ...] = ()
    pending: tuple[Candidate, ...] = ()
    """Uploads whose generation was submitted; submitted again after a restore."""
    deletions: tuple[Deletion, ...] = ()
    """Deletions, and words of another picture, that came while the image's caption was still owed."""
