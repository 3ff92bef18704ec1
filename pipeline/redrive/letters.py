"""A dead letter as redrive sees it, and the record it becomes again."""

from __future__ import annotations

import re
from dataclasses import dataclass

from transforms.dead_letter import ATTEMPT, CONNECT, ERROR, RUN_ID, attempt_of
from transforms.origin import ORIGIN, Origin
from transforms.values import Header, KafkaRecord, Outgoing

_CODE = re.compile(r"[a-z][a-z_]{0,63}")


@dataclass(frozen=True, slots=True)
class Letter:
    """What the headers say. Value and headers stay on the broker: a topic of letters is larger than memory."""

    partition: int
    """Of the dead-letter topic."""
    offset: int
    timestamp_ms: int
    """The original record's, unless the dead-letter topic stamps records itself (LogAppendTime)."""
    key: bytes | None
    origin: Origin
    """Coordinates of the original record, kept through every redrive."""
    stage: str
    code: str
    is_retryable: bool
    attempt: int
    """How often it had been redriven when it failed."""
    run_id: str

    @property
    def record(self) -> tuple[Origin, bytes | None]:
        """What names the original record: coordinates begin anew with a topic that is made anew, keys differ."""
        return self.origin, self.key

    @property
    def place(self) -> tuple[int, int]:
        """Partition and offset in the dead-letter topic."""
        return self.partition, self.offset


def read(record: KafkaRecord) -> Letter | None:
    """The letter, or None where the headers are not ours."""
    told = {header.name: (header.value or b"").decode(errors="replace") for header in record.headers}
    place = "/".join(told.get(f"{CONNECT}{part}", "") for part in ("topic", "partition", "offset"))
    origin, code, stage = Origin.parse(place), told.get(f"{ERROR}code", ""), told.get(f"{CONNECT}stage", "")
    if origin is None or not _CODE.fullmatch(code) or not stage.isprintable():
        return None
    return Letter(
        record.partition,
        record.offset,
        record.timestamp_ms,
        record.key,
        origin,
        stage,
        code,
        told.get(f"{ERROR}retryable") == "true",
        attempt_of(record),
        told.get(RUN_ID, ""),
    )


def is_of_error(name: str) -> bool:
    """Whether a header tells of a failure or of a redrive, and not of the upload."""
    return name.startswith((CONNECT, ERROR)) or name in (RUN_ID, ORIGIN)


def redriven(record: KafkaRecord, letter: Letter, topic: str) -> Outgoing:
    """The original record: its key, value, timestamp and headers, and two of ours: which attempt, and of what."""
    kept = tuple(header for header in record.headers if not is_of_error(header.name))
    ours = (Header(ATTEMPT, str(letter.attempt + 1).encode()), Header(ORIGIN, str(letter.origin).encode()))
    return Outgoing(topic, record.key, record.value, kept + ours, record.timestamp_ms)
