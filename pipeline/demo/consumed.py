"""What was read back from the job's topics, sorted by the event it belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from schemas.codec import Decoder
from transforms.dead_letter import CONNECT
from transforms.errors import InputError

Coordinates = tuple[str, int, int]
"""Topic, partition and offset of an upload, as the producer was told."""


@dataclass(frozen=True, slots=True)
class Consumed:
    """One record as a plain consumer saw it."""

    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]
    timestamp_ms: int
    offset: int
    partition: int

    def header(self, name: str) -> str:
        """Text of the last header of this name; empty where there is none."""
        values = [value for header, value in self.headers if header == name and value is not None]
        return values[-1].decode(errors="replace") if values else ""

    def place(self) -> str:
        """Where it lies, for messages."""
        return f"partition {self.partition}, offset {self.offset}"


@dataclass(frozen=True, slots=True)
class Answer:
    """A caption record, decoded."""

    consumed: Consumed
    value: dict[str, Any]

    @property
    def event_id(self) -> str:
        """Deterministic id of the record."""
        return str(self.value["event_id"])

    @property
    def image_id(self) -> str:
        """The picture it is about."""
        return str(self.value["image_id"])

    @property
    def texts(self) -> list[dict[str, Any]]:
        """One text per language."""
        return list(self.value["texts"])

    def says(self) -> list[tuple[str, str]]:
        """Language and caption of each text, sorted."""
        return sorted((text["language"], text["caption"]) for text in self.texts)


@dataclass(slots=True)
class Harvest:
    """Everything read back. Lists are by the number of the event in the script."""

    answers: dict[int, list[Answer]] = field(default_factory=dict)
    letters: dict[int, list[Consumed]] = field(default_factory=dict)
    audits: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    last: dict[bytes | None, Consumed] = field(default_factory=dict)
    """The newest record of the captions topic under each key."""
    tombstones: set[bytes | None] = field(default_factory=set)
    strays: list[str] = field(default_factory=list)
    """What belongs to no event, in words."""


def harvest(
    coordinates: Sequence[Coordinates],
    captions: Sequence[Consumed],
    letters: Sequence[Consumed],
    audits: Sequence[Consumed],
) -> Harvest:
    """Sort what was read by the event it names as its source."""
    numbers = {place: number for number, place in enumerate(coordinates)}
    found = Harvest()
    for record in captions:
        _newest(found, record)
        if record.value is None:
            found.tombstones.add(record.key)
            continue
        value = _decode(Decoder("caption"), record, "caption", found)
        if value is not None and (number := _number(value, record, "caption", numbers, found)) is not None:
            found.answers.setdefault(number, []).append(Answer(record, value))
    for record in audits:
        value = _decode(Decoder("audit"), record, "audit", found)
        if value is not None and (number := _number(value, record, "audit", numbers, found)) is not None:
            found.audits.setdefault(number, []).append(value)
    for record in letters:
        place = tuple(record.header(f"{CONNECT}{part}") for part in ("topic", "partition", "offset"))
        number = next((numbers[known] for known in numbers if tuple(map(str, known)) == place), None)
        if number is None:
            named = "/".join(place)
            found.strays.append(f"dead letter at {record.place()}: names `{named}`, where no event lies")
        else:
            found.letters.setdefault(number, []).append(record)
    return found


def _newest(found: Harvest, record: Consumed) -> None:
    held = found.last.get(record.key)
    # One key lies in one partition, so its offsets say what came last.
    if held is None or record.offset > held.offset:
        found.last[record.key] = record


def _decode(decoder: Decoder, record: Consumed, kind: str, found: Harvest) -> dict[str, Any] | None:
    try:
        return decoder.decode(record.value or b"")
    except InputError as error:
        found.strays.append(f"{kind} record at {record.place()}: cannot be read, {error.message}")
        return None


def _number(
    value: dict[str, Any], record: Consumed, kind: str, numbers: dict[Coordinates, int], found: Harvest
) -> int | None:
    source = value["source"]
    place = (source["topic"], source["partition"], source["offset"])
    if place not in numbers:
        named = "/".join(map(str, place))
        found.strays.append(f"{kind} record at {record.place()}: names `{named}`, where no event lies")
        return None
    return numbers[place]
