"""What the dead-letter topic says of a window: each upload's newest letter, and whether it has a caption by now."""

from __future__ import annotations

import inspect
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from pipeline.redrive.letters import Letter, read
from pipeline.report.window import Window
from transforms.dead_letter import CONNECT, MAX_MESSAGE, TIME
from transforms.errors import InputError
from transforms.values import KafkaRecord

_Upload = tuple[str, bytes | None]
"""Coordinates and key: a topic that is made anew has the same coordinates again."""


class _Kept(NamedTuple):
    """Of one upload: about 300 bytes."""

    rank: tuple[int, int, int]
    """Attempt, partition, offset: the highest counts."""
    failed_ms: int | None
    """None of a letter that does not say."""
    code: str
    stage: str
    is_retryable: bool


@dataclass(frozen=True, slots=True)
class Code:
    """Dead letters of one error code."""

    code: str
    letters: int
    captioned: int
    """Of those uploads, how many have a caption in the window all the same: it wins."""
    retryable: int
    stages: tuple[str, ...]
    redriven: int
    """How many failed again after a redrive."""
    example: str
    """The message of one of them."""
    meaning: str
    """What happened, in words; empty for a code that this version does not know."""
    advice: str
    """What to do about it."""


@dataclass(slots=True)
class LetterFigures:
    """Figures of dead letters."""

    superseded: int = 0
    """Letters of an upload that has a newer one."""
    foreign: int = 0
    """Records without our headers."""
    _kept: dict[_Upload, _Kept] = field(default_factory=dict)
    _captioned: set[_Upload] = field(default_factory=set)
    _examples: dict[str, str] = field(default_factory=dict)

    def add(self, record: KafkaRecord, window: Window) -> Letter | None:
        """Count a record of the topic; the letter, if it counts so far."""
        letter = read(record)
        if letter is None:
            self.foreign += window.holds(record.timestamp_ms)
            return None
        if not window.holds(failed_at(record)):
            return None
        upload, rank = (str(letter.origin), letter.key), (letter.attempt, *letter.place)
        held = self._kept.get(upload)
        self.superseded += held is not None
        if held is not None and held.rank > rank:
            return None
        self._kept[upload] = _Kept(rank, _failed(record), letter.code, letter.stage, letter.is_retryable)
        if letter.code not in self._examples:
            self._examples[letter.code] = header(record, f"{CONNECT}exception.message")[:MAX_MESSAGE]
        return letter

    def captioned(self, source: str, image_id: str) -> None:
        """Tell of a caption, by its upload's coordinates and key."""
        keyed = source, image_id.encode(errors="surrogateescape")
        upload = keyed if keyed in self._kept else (source, None)  # a producer that gives no keys
        if upload in self._kept:
            self._captioned.add(upload)

    @property
    def uploads(self) -> int:
        """Uploads that have a dead letter."""
        return len(self._kept)

    @property
    def lost(self) -> int:
        """Uploads that have a dead letter and no caption."""
        return len(self._kept) - len(self._captioned)

    def failed_times(self) -> list[int]:
        """When those without a caption failed, milliseconds since the epoch, as far as their letters say."""
        lost = (kept.failed_ms for upload, kept in self._kept.items() if upload not in self._captioned)
        return [failed_ms for failed_ms in lost if failed_ms is not None]

    def by_code(self) -> list[Code]:
        """The most frequent first."""
        counts: Counter[str] = Counter(kept.code for kept in self._kept.values())
        captioned: Counter[str] = Counter(self._kept[upload].code for upload in self._captioned)
        retryable: Counter[str] = Counter(kept.code for kept in self._kept.values() if kept.is_retryable)
        redriven: Counter[str] = Counter(kept.code for kept in self._kept.values() if kept.rank[0])
        stages: dict[str, Counter[str]] = {}
        for kept in self._kept.values():
            stages.setdefault(kept.code, Counter())[kept.stage] += 1
        return [
            Code(
                code,
                number,
                captioned[code],
                retryable[code],
                tuple(stage for stage, _ in stages[code].most_common()),
                redriven[code],
                self._examples.get(code, ""),
                *meanings().get(code, ("", "")),
            )
            for code, number in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
        ]


def failed_at(record: KafkaRecord) -> int:
    """When a dead letter was written, milliseconds; of one that does not say, the upload's time."""
    failed_ms = _failed(record)
    return record.timestamp_ms if failed_ms is None else failed_ms


def _failed(record: KafkaRecord) -> int | None:
    try:
        return int(datetime.fromisoformat(header(record, TIME)).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None


def header(record: KafkaRecord, name: str) -> str:
    """Text of the last header of this name; empty where there is none."""
    values = [one.value for one in record.headers if one.name == name and one.value is not None]
    return values[-1].decode(errors="replace") if values else ""


def meanings() -> dict[str, tuple[str, str]]:
    """What each code of a dead letter means, and what to do: both are in the docstring of its error."""
    told = {}
    for error in InputError.__subclasses__():
        happened, _, advice = inspect.cleandoc(error.__doc__ or "").partition("\n\n")
        told[error.code] = happened, " ".join(advice.split())
    return told
