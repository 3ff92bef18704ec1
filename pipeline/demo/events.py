"""What one scripted event is, and what must come of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from transforms.captioner.tiny.products import Spec


class Outcome(StrEnum):
    """Where an event must end."""

    CAPTION = "CAPTION"
    DEAD_LETTER = "DEAD_LETTER"
    TOMBSTONE = "TOMBSTONE"
    """The last record under the event's key on the captions topic has a null value."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What must come of an event, as the script knows it; nothing here is computed by the pipeline."""

    outcome: Outcome
    image_id: str
    """Empty where the event names none."""
    code: str = ""
    """Dead letters only: their error code."""
    languages: tuple[str, ...] = ()
    """Captions only: one text in each, in canonical spelling."""
    spec: Spec | None = None
    """What is on the picture."""
    photo: str = ""
    """The one render this picture shows; near copies share it with their original."""
    group: str = ""
    """Pictures that may share a text. The photo, but for an attribute veto, which splits it."""
    near_copy_of: str | None = None
    """Image id of the original this is a near copy of, where the two should share a text."""


@dataclass(frozen=True, slots=True)
class ScriptedEvent:
    """One record for the uploads topic."""

    name: str
    """One of distinct, near_copy, colour_variant, redelivered, sku_veto, deletion and bad_…"""
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    timestamp_ms: int
    """To be produced with."""
    expected: Expected
    merchant: str
    picture: bytes | None = None
    """The encoded picture, wherever the event keeps it; None for events without one."""
    how: str = ""
    """How the picture was made, in words."""
    product: str | None = None
    """Product of which this is one colour variant."""
