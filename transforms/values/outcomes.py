"""What an upload ends as, and the records that are written of it."""

from __future__ import annotations

from dataclasses import dataclass

from transforms.values.texts import Text
from transforms.values.uploads import Fingerprint, Header, KafkaRecord, Picture, Upload


@dataclass(frozen=True, slots=True)
class Caption:
    """A finished caption record, before it is encoded."""

    event_id: str
    record: KafkaRecord
    upload: Upload
    picture: Picture
    fingerprint: Fingerprint
    texts: tuple[Text, ...]
    reused: tuple[bool, ...]
    """One flag per text."""
    duplicate_of: str | None
    hash_distance: int | None
    colour_distance: float | None
    flags: tuple[str, ...] = ()
    """``placeholder``, ``audited``, ``audit_disagrees``."""


@dataclass(frozen=True, slots=True)
class Tombstone:
    """The captions of an image are withdrawn."""

    record: KafkaRecord
    image_id: str
    merchant: str


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that did not become a caption, and why."""

    record: KafkaRecord
    stage: str
    code: str
    retryable: bool
    message: str
    error_class: str
    stacktrace: str = ""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A record to be produced."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: tuple[Header, ...] = ()
    timestamp_ms: int | None = None
    origin: KafkaRecord | None = None
    """The upload record it answers; kept for the dead letter when the broker refuses this one."""


@dataclass(frozen=True, slots=True)
class Publication:
    """Records that belong together: the audit records are flushed before the others are sent."""

    audits: tuple[Outgoing, ...]
    records: tuple[Outgoing, ...]


@dataclass(frozen=True, slots=True)
class Finished:
    """What Caption image publishes, in order: exactly one of the two is set."""

    caption: Caption | None = None
    tombstone: Tombstone | None = None

    @property
    def record(self) -> KafkaRecord:
        """The upload or deletion it answers."""
        if self.caption is not None:
            return self.caption.record
        if self.tombstone is not None:
            return self.tombstone.record
        raise ValueError("a finished output is a caption or a tombstone; this one is neither")
