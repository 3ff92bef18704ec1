"""One line of what a check found."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from transforms.errors import CaptionstreamError


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARN = "warn"
    """The job runs; the remedy says what it would gain."""
    FAIL = "fail"
    """The job would not start, would stop, or would lose data."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, what is there, and what to do about it."""

    level: Level
    what: str
    found: str
    remedy: str = ""
    """Empty where all is well."""


Check = Callable[[], Iterable[Finding]]
"""Looks at one thing. It may raise `CaptionstreamError`, which is a failure."""


def ok(what: str, found: str) -> Finding:
    """All is well."""
    return Finding(Level.OK, what, found)


def warn(what: str, found: str, remedy: str) -> Finding:
    """It could be better."""
    return Finding(Level.WARN, what, found, remedy)


def fail(what: str, found: str, remedy: str) -> Finding:
    """It must be mended."""
    return Finding(Level.FAIL, what, found, remedy)


def from_error(what: str, error: CaptionstreamError, level: Level = Level.FAIL) -> Finding:
    """Our messages say what happened, and behind a semicolon what to do."""
    found, _, remedy = error.message.partition("; ")
    return Finding(level, what, found, remedy)
