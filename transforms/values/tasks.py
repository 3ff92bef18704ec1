"""What an upload asks for, and what a moderated picture is found to be."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Task(StrEnum):
    """What an upload asks for."""

    DESCRIBE = "DESCRIBE"
    MODERATE = "MODERATE"
    INDEX = "INDEX"
    ANSWER = "ANSWER"
    UNKNOWN = "UNKNOWN"


class ModerationVerdict(StrEnum):
    """What a model says of a picture that is to be moderated, from harmless to grave."""

    SAFE = "SAFE"
    SENSITIVE = "SENSITIVE"
    """A person should look at it."""
    VIOLATION = "VIOLATION"


class Reason(StrEnum):
    """What a picture is found to show."""

    NUDITY = "NUDITY"
    SEXUAL = "SEXUAL"
    VIOLENCE = "VIOLENCE"
    GORE = "GORE"
    WEAPON = "WEAPON"
    DRUGS = "DRUGS"
    TOBACCO = "TOBACCO"
    GAMBLING = "GAMBLING"
    HATE = "HATE"
    POLITICS = "POLITICS"
    SELF_HARM = "SELF_HARM"
    MINOR = "MINOR"
    """A child where none should be."""
    CONTACT = "CONTACT"
    """Contact data, a code to scan."""
    OTHER = "OTHER"


@dataclass(frozen=True, slots=True)
class Region:
    """Where in a picture: thousandths of the upright picture's width and height, from its upper left corner."""

    reason: Reason
    left: int
    top: int
    right: int
    bottom: int


@dataclass(frozen=True, slots=True)
class Moderation:
    """An answer to MODERATE, but for its explanation in words."""

    verdict: ModerationVerdict
    reasons: tuple[Reason, ...]
    """Without repeats; empty when and only when it is safe."""
    regions: tuple[Region, ...]
