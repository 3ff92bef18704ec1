"""The story of one image: its entries, repeats together, and whether every published text was audited."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from pipeline.inspect.decoded import Entry
from transforms.origin import Origin

_BUNDLE_MS = 10_000
"""Records of one upload that are made so soon after each other belong together."""


@dataclass(frozen=True, slots=True)
class Told:
    """One thing that happened."""

    entry: Entry
    """Its first record."""
    times: int
    """Records that say it: after a restart it may be written again."""
    unaudited: tuple[str, ...] = ()
    """Of a caption: languages whose text no audit record of this event has."""

    def as_json(self) -> dict[str, Any]:
        """For a program."""
        told = {**self.entry.as_json(), "times": self.times}
        return {**told, "unaudited": list(self.unaudited)} if self.entry.kind == "caption" else told


@dataclass(frozen=True, slots=True)
class Story:
    """What happened, in order: answers by their attempt, whenever their records were made."""

    told: tuple[Told, ...]
    left_out: int = 0
    """Older records, beyond what is kept."""

    @property
    def answers(self) -> int:
        """Answers that the model wrote."""
        return sum(is_generated(one.entry) for one in self.told)

    @property
    def unaudited(self) -> int:
        """Published texts without an audit record."""
        return sum(len(one.unaudited) for one in self.told)


def tell(entries: Iterable[Entry], left_out: int = 0) -> Story:
    """Entries in order of time → the story."""
    first: dict[tuple[str, ...], Entry] = {}
    times: dict[tuple[str, ...], int] = {}
    for entry in entries:
        identity = _identity(entry)
        first.setdefault(identity, entry)
        times[identity] = times.get(identity, 0) + 1
    audited = {key for entry in first.values() if entry.kind == "answer" for key in _texts_of_answer(entry)}
    told = [Told(entry, times[identity], _unaudited(entry, audited)) for identity, entry in first.items()]
    moments = _moments(first.values())
    told.sort(key=lambda one: (moments[one.entry.place], one.entry.order[1], _attempt(one.entry), one.entry.order))
    return Story(tuple(told), left_out)


def _moments(entries: Collection[Entry]) -> dict[Origin, int]:
    """When each happened: records of one upload are made in different stages, a refused answer's perhaps last."""
    moments = {entry.place: entry.time_ms for entry in entries}
    earliest: dict[tuple[str, str], int] = {}
    for entry in sorted(entries, key=_attempt, reverse=True):
        value = entry.value or {}
        if entry.kind == "answer" and "audit_id" in value:
            series = value["event_id"], value["language"]
            earliest[series] = min(earliest.get(series, entry.time_ms), entry.time_ms)
            moments[entry.place] = earliest[series]
    latest: dict[Origin | None, int] = {}
    for entry in entries:
        if entry.kind == "answer":
            latest[entry.source] = max(latest.get(entry.source, 0), moments[entry.place])
    for entry in entries:
        # What is made much later is of another attempt: redriven, or read again.
        if entry.kind in ("caption", "dead letter") and 0 < latest.get(entry.source, 0) - entry.time_ms < _BUNDLE_MS:
            moments[entry.place] = latest[entry.source]
    return moments


def _attempt(entry: Entry) -> int:
    return int((entry.value or {}).get("attempt", 0)) if entry.kind == "answer" else 0


def is_generated(entry: Entry) -> bool:
    """Whether it is an answer of the model: no text used again, and no fallback."""
    value = entry.value or {}
    return entry.kind == "answer" and value.get("origin") == "GENERATED" and value.get("verdict") != "FALLBACK"


def _identity(entry: Entry) -> tuple[str, ...]:
    """What repeats share; records without an id are each their own."""
    value = entry.value or {}
    if entry.kind == "answer" and "audit_id" in value:
        return "answer", value["audit_id"]
    if entry.kind == "caption" and "event_id" in value:
        return "caption", value["event_id"]
    if entry.kind == "withdrawal" and entry.headers.get("ce_id"):
        return "withdrawal", str(entry.headers["ce_id"])
    if entry.kind == "dead letter" and "code" in value:
        return "dead letter", str(entry.source), str(value["attempt"]), value["code"], value["run_id"]
    return entry.kind, str(entry.place)


def _texts_of_answer(entry: Entry) -> Iterable[tuple[str, str, str]]:
    """Event, language and hash of a text; records of before the hash was kept have the text."""
    value = entry.value or {}
    if "audit_id" in value and value["verdict"] != "REJECTED":
        digest = value["text_sha256"] or hashlib.sha256(value["text"].encode()).hexdigest()
        yield value["event_id"], value["language"], digest
        if not value["text_sha256"] and value["verdict"] == "REDACTED":
            yield value["event_id"], value["language"], ""  # it has what the model wrote, not what was published


def _unaudited(entry: Entry, audited: set[tuple[str, str, str]]) -> tuple[str, ...]:
    value = entry.value or {}
    if entry.kind != "caption" or "event_id" not in value:
        return ()
    return tuple(
        text["language"]
        for text in value["texts"]
        if not {
            (value["event_id"], text["language"], hashlib.sha256(text["caption"].encode()).hexdigest()),
            (value["event_id"], text["language"], ""),
        }
        & audited
    )
