"""What came of the script: numbers, differences, and the pictures by group."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipeline.demo.consumed import Answer, Harvest
from pipeline.demo.events import Outcome, ScriptedEvent
from transforms.captioner.tiny.products import caption
from transforms.dead_letter import CONNECT


@dataclass(frozen=True, slots=True)
class Member:
    """A picture of a group and its caption record; None when there is none."""

    event: ScriptedEvent
    answer: Answer | None

    @property
    def reused(self) -> bool:
        """Whether it has a text that was written for another picture."""
        return self.answer is not None and any(text["origin"] == "REUSED" for text in self.answer.texts)

    def exact(self, language: str) -> bool:
        """Whether its text in the language is the generator's own sentence."""
        spec = self.event.expected.spec
        texts = [] if self.answer is None else self.answer.texts
        return spec is not None and any(
            text["language"] == language and text["caption"] == caption(spec, language) for text in texts
        )


@dataclass(frozen=True, slots=True)
class Group:
    """Pictures of one photo that may share their texts, redeliveries aside; the original comes first."""

    group_id: str
    members: tuple[Member, ...]

    @property
    def missed(self) -> tuple[Member, ...]:
        """Members that were captioned again although another of the group had been captioned."""
        return tuple(m for m in self.members if m.answer is not None and not m.reused and m is not self.leader)

    @property
    def leader(self) -> Member | None:
        """The first member whose texts are its own: of several, the one whose texts were reused."""
        own = [m for m in self.members if m.answer is not None and not m.reused]
        named = {m.answer.value["duplicate_of"] for m in self.members if m.answer is not None}
        return next((m for m in own if m.event.expected.image_id in named), own[0] if own else None)


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter and its event."""

    event: ScriptedEvent
    code: str
    stage: str
    message: str
    retryable: bool


@dataclass(frozen=True, slots=True)
class Findings:
    """The result of the demo."""

    mismatches: list[str]
    """Each names the event, what was expected and what was found."""
    events: int
    captions: int
    """Caption records that answer events: generated + reused + those of redelivered events."""
    generated: int
    """Distinct records with at least one text of the picture's own."""
    reused: int
    """Distinct records whose every text was written for another picture."""
    near_copies: int
    missed_copies: int
    """Pictures that were captioned again although another picture of the same photo had been."""
    tombstones: int
    dead_letters: dict[str, int]
    caption_exact_en: float
    """Share, 0 to 1, of distinct records whose text is the generator's sentence word for word."""
    caption_exact_zh: float
    tokens_in: int
    """Of generated texts."""
    tokens_out: int
    groups: tuple[Group, ...] = field(repr=False)
    letters: tuple[Letter, ...] = field(repr=False)


def tally(script: Sequence[ScriptedEvent], found: Harvest, mismatches: list[str]) -> Findings:
    """Count; a record delivered more than once counts once, by its event id."""
    distinct: dict[str, tuple[ScriptedEvent, Answer]] = {}
    for number, answers in sorted(found.answers.items()):
        for answer in answers:
            distinct.setdefault(answer.event_id, (script[number], answer))
    origins = Counter(answer.value["origin"] for _, answer in distinct.values())
    written = [text for _, answer in distinct.values() for text in answer.texts if text["origin"] == "GENERATED"]
    groups = tuple(_groups(script, found))
    letters = tuple(_letters(script, found))
    return Findings(
        mismatches,
        events=len(script),
        captions=sum(map(len, found.answers.values())),
        generated=origins["GENERATED"],
        reused=origins["REUSED"],
        near_copies=sum(event.name == "near_copy" for event in script),
        missed_copies=sum(len(group.missed) for group in groups),
        tombstones=len(found.tombstones),
        dead_letters=dict(Counter(letter.code for letter in letters)),
        caption_exact_en=_exact(distinct, "en"),
        caption_exact_zh=_exact(distinct, "zh-Hans"),
        tokens_in=_sum(written, "input_tokens"),
        tokens_out=_sum(written, "output_tokens"),
        groups=groups,
        letters=letters,
    )


def _sum(texts: list[dict[str, Any]], name: str) -> int:
    return sum(int(text[name]) for text in texts)


def _exact(distinct: dict[str, tuple[ScriptedEvent, Answer]], language: str) -> float:
    """0 when nothing was written in the language."""
    asked = [
        Member(event, answer).exact(language)
        for event, answer in distinct.values()
        if event.expected.spec is not None and any(text["language"] == language for text in answer.texts)
    ]
    return sum(asked) / len(asked) if asked else 0.0


def _groups(script: Sequence[ScriptedEvent], found: Harvest) -> Iterator[Group]:
    members: dict[str, list[Member]] = {}
    for number, event in enumerate(script):
        if event.expected.outcome is Outcome.CAPTION and event.name != "redelivered":
            answer = next(iter(found.answers.get(number, ())), None)
            members.setdefault(event.expected.group, []).append(Member(event, answer))
    for group_id, of_group in members.items():
        yield Group(group_id, tuple(sorted(of_group, key=lambda m: m.event.expected.near_copy_of is not None)))


def _letters(script: Sequence[ScriptedEvent], found: Harvest) -> Iterator[Letter]:
    for number, letters in sorted(found.letters.items()):
        for letter in letters:
            yield Letter(
                script[number],
                letter.header("caption.error.code"),
                letter.header(f"{CONNECT}stage"),
                letter.header(f"{CONNECT}exception.message"),
                letter.header("caption.error.retryable") == "true",
            )
