"""Which records a report shows: a bounded number of each kind that a person should look at."""

from __future__ import annotations

import collections
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from pipeline.inspect.said import words_of
from pipeline.redrive.letters import Letter
from pipeline.report.letters import failed_at, header
from transforms.answer import DISAGREES
from transforms.dead_letter import CONNECT
from transforms.decode import milliseconds
from transforms.errors import AnswerRefused
from transforms.origin import Origin
from transforms.values import KafkaRecord, ModerationVerdict

T = TypeVar("T")

NEWEST = 24
GROUPS = 12
MEMBERS = 4
"""Shown of a group, beside the picture that was captioned."""
REVIEWED = 18
DISAGREEING = 12
LETTERS_PER_CODE = 3
LETTERS = 24
_GROUPS_KEPT = 500
_RECENT = 5_000
"""Captions kept in case that a later one uses their text: about 2 KB each."""
_LONGEST = 600
"""Characters shown of a text."""


@dataclass(frozen=True, slots=True)
class ShownText:
    """One text of a caption."""

    language: str
    caption: str
    """With what its task says besides: a verdict on the picture, search words, an alternative text."""
    verdict: str
    rules: tuple[str, ...]
    is_reused: bool


@dataclass(frozen=True, slots=True)
class Shown:
    """A caption record as the page shows it."""

    image_id: str
    merchant: str
    source: Origin
    sha256: str
    texts: tuple[ShownText, ...]
    captioned_ms: int
    is_reused: bool
    duplicate_of: str
    bits: int | None
    colour: float | None


@dataclass(frozen=True, slots=True)
class ShownLetter:
    """A dead letter as the page shows it."""

    place: Origin
    """Where the letter lies."""
    source: Origin
    code: str
    stage: str
    message: str
    failed_ms: int

    @property
    def is_veiled(self) -> bool:
        """Whether its picture is shown on demand only: the model did not want to speak of it."""
        return self.code == AnswerRefused.code


@dataclass(slots=True)
class Group:
    """Uploads with one text."""

    leader_id: str
    leader: Shown | None = None
    """None: its caption is not in the window."""
    members: collections.deque[Shown] = field(default_factory=lambda: collections.deque(maxlen=MEMBERS))
    """The newest."""
    size: int = 0
    """All that have the text, the leader aside."""


class Newest(Generic[T]):
    """The newest of many."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: list[tuple[int, T]] = []

    def add(self, time_ms: int, one: T) -> None:
        """Keep it if it is among the newest."""
        self._kept.append((time_ms, one))
        if len(self._kept) > 2 * self._most:
            self._trim()

    def __iter__(self) -> Iterator[T]:
        self._trim()
        return (one for _, one in self._kept)

    def _trim(self) -> None:
        self._kept = sorted(self._kept, key=lambda pair: -pair[0])[: self._most]


class Samples:
    """Gathers them while the topics are read."""

    def __init__(self) -> None:
        self.newest: Newest[Shown] = Newest(NEWEST)
        self.reviewed: Newest[Shown] = Newest(REVIEWED)
        """With a text that was redacted, or made from attributes."""
        self.disagreeing: Newest[Shown] = Newest(DISAGREEING)
        """Copies that were captioned all the same, in other words."""
        self._letters: dict[str, Newest[ShownLetter]] = {}
        self._groups: collections.OrderedDict[str, Group] = collections.OrderedDict()
        self._recent: collections.OrderedDict[str, Shown] = collections.OrderedDict()
        self._unsafe: set[str] = set()
        """Contents that were judged sensitive or a violation, by sha256: a hundred bytes each."""

    def add_caption(self, value: dict[str, Any]) -> None:
        """Look at a caption record, decoded."""
        one = shown(value)
        if value["moderation_verdict"] in (ModerationVerdict.SENSITIVE, ModerationVerdict.VIOLATION):
            self._unsafe.add(one.sha256)
        self.newest.add(one.captioned_ms, one)
        if any(text.verdict in ("REDACTED", "FALLBACK") for text in one.texts):
            self.reviewed.add(one.captioned_ms, one)
        if DISAGREES in value["flags"]:
            self.disagreeing.add(one.captioned_ms, one)
        if one.is_reused and one.duplicate_of not in ("", one.image_id):
            self._join(one)
        elif not one.is_reused:
            self._recent[one.image_id] = one
            if len(self._recent) > _RECENT:
                self._recent.popitem(last=False)
            if one.image_id in self._groups:  # it may lie in a partition that is read later
                self._groups[one.image_id].leader = one

    def add_letter(self, record: KafkaRecord, letter: Letter) -> None:
        """Look at a dead letter that counts."""
        if letter.code not in self._letters and len(self._letters) >= LETTERS:
            return
        failed_ms = failed_at(record)
        place = Origin(record.topic, record.partition, record.offset)
        message = header(record, f"{CONNECT}exception.message")
        one = ShownLetter(place, letter.origin, letter.code, letter.stage, message, failed_ms)
        self._letters.setdefault(letter.code, Newest(LETTERS_PER_CODE)).add(failed_ms, one)

    def groups(self) -> list[Group]:
        """The largest first."""
        return sorted(self._groups.values(), key=lambda group: (-group.size, group.leader_id))[:GROUPS]

    def leader(self, image_id: str) -> Shown | None:
        """The caption of this image, if it was kept."""
        return self._recent.get(image_id)

    def is_veiled(self, one: Shown) -> bool:
        """Whether the picture is shown on demand only: this caption, or another of the same bytes, judges it so."""
        return one.sha256 in self._unsafe

    def letters(self) -> list[ShownLetter]:
        """A few of every code, by code."""
        return [letter for code in sorted(self._letters) for letter in self._letters[code]][:LETTERS]

    def _join(self, one: Shown) -> None:
        group = self._groups.setdefault(one.duplicate_of, Group(one.duplicate_of, self.leader(one.duplicate_of)))
        group.members.append(one)
        group.size += 1
        self._groups.move_to_end(one.duplicate_of)
        if len(self._groups) > _GROUPS_KEPT:
            self._groups.popitem(last=False)


def shown(value: dict[str, Any]) -> Shown:
    """A decoded caption record as the page shows it."""
    source = value["source"]
    texts = tuple(
        ShownText(
            text["language"],
            _cut(words_of(text)),
            text["verdict"],
            tuple(text["rules"]),
            text["origin"] == "REUSED",
        )
        for text in value["texts"]
    )
    return Shown(
        value["image_id"],
        value["merchant"],
        Origin(source["topic"], source["partition"], source["offset"]),
        value["image"]["content_sha256"],
        texts,
        milliseconds(value["captioned_at"]),
        value["origin"] == "REUSED",
        value["duplicate_of"] or "",
        value["hash_distance"],
        value["colour_distance"],
    )


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
