"""Which letters are sent, and why the others are not."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from pipeline.redrive.letters import Letter
from transforms.errors import ConfigInvalid, InputError
from transforms.origin import Origin

MAX_ATTEMPTS = 3


def known_codes() -> tuple[str, ...]:
    """Codes that a dead letter can have, sorted: the leaves of the error tree's input side."""
    return tuple(sorted(error.code for error in InputError.__subclasses__()))


@dataclass(frozen=True, slots=True)
class Selection:
    """Every condition that is set must hold; of several values one must."""

    codes: tuple[str, ...] = ()
    retryable_only: bool = False
    stages: tuple[str, ...] = ()
    source_topics: tuple[str, ...] = ()
    run_ids: tuple[str, ...] = ()
    keys: tuple[bytes, ...] = ()
    start_ms: int | None = None
    """First timestamp taken, milliseconds since the epoch."""
    stop_ms: int | None = None
    """First timestamp not taken."""
    limit: int | None = None
    max_attempts: int = MAX_ATTEMPTS
    """A letter redriven this often is left."""

    def __post_init__(self) -> None:
        """Raise `ConfigInvalid` naming the option that mends it."""
        known = known_codes()
        for code in self.codes:
            if code not in known:
                nearest = difflib.get_close_matches(code, known, 1, 0)[0]
                raise ConfigInvalid(f"no dead letter has code `{code}`; did you mean --code {nearest}?")
        if self.max_attempts < 1:
            raise ConfigInvalid(f"max attempts `{self.max_attempts}` must be at least 1; mend --max-attempts")
        if self.limit is not None and self.limit < 1:
            raise ConfigInvalid(f"limit `{self.limit}` must be at least 1; mend --limit")
        if self.start_ms is not None and self.stop_ms is not None and self.start_ms >= self.stop_ms:
            raise ConfigInvalid("the time of --from is not before that of --to; mend one of them")

    def takes(self, letter: Letter) -> bool:
        """Whether the letter is meant; attempts and limit aside."""
        return (
            (not self.codes or letter.code in self.codes)
            and (not self.retryable_only or letter.is_retryable)
            and (not self.stages or letter.stage in self.stages)
            and (not self.source_topics or letter.origin.topic in self.source_topics)
            and (not self.run_ids or letter.run_id in self.run_ids)
            and (not self.keys or letter.key in self.keys)
            and (self.start_ms is None or letter.timestamp_ms >= self.start_ms)
            and (self.stop_ms is None or letter.timestamp_ms < self.stop_ms)
        )


class Group(NamedTuple):
    """Letters of one cause, for the table."""

    code: str
    stage: str
    source_topic: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Every letter of the topic is in exactly one of these."""

    to_send: tuple[Letter, ...]
    """Oldest first."""
    at_maximum: tuple[Letter, ...]
    """Redriven as often as is allowed: somebody must look at them."""
    superseded: int
    """The same record failed again later: that letter counts."""
    already_sent: int
    not_selected: int
    beyond_limit: int
    foreign: int
    """Records without our headers."""
    earlier: tuple[Letter, ...] = ()
    """Superseded letters of what is sent: settled together with it."""

    def groups(self) -> list[tuple[Group, int, int]]:
        """Cause, letters to send, letters at the maximum."""
        sent, left = (Counter(_group(letter) for letter in some) for some in (self.to_send, self.at_maximum))
        return [(group, sent[group], left[group]) for group in sorted({*sent, *left})]

    def left(self) -> dict[str, int]:
        """Why the others stay, in words."""
        return {
            "at the maximum of attempts": len(self.at_maximum),
            "sent by an earlier redrive": self.already_sent,
            "superseded by a later letter": self.superseded,
            "not selected": self.not_selected,
            "beyond the limit": self.beyond_limit,
            "foreign": self.foreign,
        }


def make_plan(
    letters: Iterable[Letter], foreign: int, is_sent: Collection[tuple[int, int]], selection: Selection
) -> Plan:
    """Of each record the letter with the most attempts counts, of equal ones the last; then the selection.

    ``is_sent`` holds the places of letters that were sent. A record read twice by the job leaves two letters of
    equal attempts; one of them being sent is enough.
    """
    by_record: dict[tuple[Origin, bytes | None], list[Letter]] = {}
    for letter in letters:
        by_record.setdefault(letter.record, []).append(letter)
    superseded = not_selected = already_sent = 0
    chosen: list[Letter] = []
    at_maximum: list[Letter] = []
    for several in by_record.values():
        last = max(several, key=lambda letter: (letter.attempt, letter.place))
        superseded += len(several) - 1
        if not selection.takes(last):
            not_selected += 1
        elif any(letter.place in is_sent and letter.attempt == last.attempt for letter in several):
            already_sent += 1
        elif last.attempt >= selection.max_attempts:
            at_maximum.append(last)
        else:
            chosen.append(last)
    chosen.sort(key=lambda letter: (letter.timestamp_ms, letter.place))
    taken = chosen[: selection.limit]
    earlier = [letter for one in taken for letter in by_record[one.record] if letter is not one]
    return Plan(
        tuple(taken),
        tuple(at_maximum),
        superseded,
        already_sent,
        not_selected,
        len(chosen) - len(taken),
        foreign,
        tuple(earlier),
    )


def _group(letter: Letter) -> Group:
    return Group(letter.code, letter.stage, letter.origin.topic)
