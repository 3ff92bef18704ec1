"""An upload on its way to Find duplicate: its record, its event and its picture."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from PIL import Image

from transforms.values.tasks import Task

PartOfRecord = Annotated[bytes, "part of record"]
"""Bytes that are often a part of the value of the ``record`` beside them: then they are not written twice."""
TRANSIENT = {"avro": "transient"}
"""Metadata of a field that is handed from stage to stage in memory and never written: it may always be missing."""


@dataclass(frozen=True, slots=True)
class Header:
    """A Kafka record header."""

    name: str
    value: bytes | None


@dataclass(frozen=True, slots=True)
class KafkaRecord:
    """A record as it came from the broker; it rides along to the dead-letter topic untouched."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    """Milliseconds since the epoch, as stored by the broker."""
    key: bytes | None
    value: bytes | None
    headers: tuple[Header, ...] = ()

    def coordinates(self) -> str:
        """``topic/partition/offset``: names this record and no other."""
        return f"{self.topic}/{self.partition}/{self.offset}"


@dataclass(frozen=True, slots=True)
class Upload:
    """A decoded upload event. Exactly one of ``uri`` and ``inline`` is set until the picture is fetched."""

    image_id: str
    uploaded_at_ms: int
    merchant: str
    category: str
    task: Task
    languages: tuple[str, ...]
    """Normalised BCP 47 tags, without repeats, in the order asked for."""
    attributes: tuple[tuple[str, str], ...]
    """Product attributes (title, brand, colour, sku, …) sorted by name."""
    question: str | None = None
    uri: str | None = None
    inline: bytes | None = None

    def attribute(self, name: str) -> str | None:
        """The attribute's value, or None when the event does not have it."""
        return next((value for key, value in self.attributes if key == name), None)


@dataclass(frozen=True, slots=True)
class Picture:
    """An inspected picture: safe to decode, at most 512 KiB."""

    encoded: PartOfRecord
    """The bytes as fetched without their metadata, or a JPEG scaled to the model's pixel budget where those were over
    512 KiB. A part of the record where there was no metadata."""
    sha256: bytes
    """Digest of the bytes as fetched, 32 bytes."""
    format: str
    """Sniffed from the content: JPEG, PNG, WEBP, GIF or AVIF."""
    width: int
    """Upright width in pixels, as fetched."""
    height: int
    frames: int


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What two pictures are compared by."""

    phash: bytes
    """64-bit DCT hash (imagehash.phash) of the upright picture on white, 8 bytes big-endian."""
    lab: bytes
    """8 × 8 CIE Lab thumbnail, 192 bytes: int8 L-50, a, b per cell, row by row."""
    quality: int
    """0–100, gradient energy as in Meta's PDQ; below 50 the hash says nothing."""
    version: int
    """Algorithm version; fingerprints of different versions are never compared."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """A record and the upload it holds."""

    record: KafkaRecord
    upload: Upload


@dataclass(frozen=True, slots=True)
class Fetched:
    """An upload with the bytes of its picture, not yet looked at."""

    record: KafkaRecord
    upload: Upload
    image: PartOfRecord


@dataclass(frozen=True, slots=True)
class Inspected:
    """An upload with a picture that is safe to decode."""

    record: KafkaRecord
    upload: Upload
    picture: Picture
    decoded: Image.Image | None = field(default=None, compare=False, repr=False, metadata=TRANSIENT)
    """The picture as the fingerprint wants it, so that it is decoded once: RGB, upright, on white, perhaps smaller."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """An upload ready to be compared and captioned."""

    record: KafkaRecord
    upload: Upload
    picture: Picture
    fingerprint: Fingerprint
    deleted: bool = False
    """A deletion of the image overtook this upload: its caption is followed by a tombstone."""
    is_placeholder: bool = False
    """So many images show this picture that it is no product: "no image", a logo."""


@dataclass(frozen=True, slots=True)
class Deletion:
    """A tombstone on the uploads topic: the image's captions go.

    With a task it is Find duplicate's word to a group that the image shows another picture now: a caption of that
    task that is still owed to an earlier upload of it must not come out after the new picture's.
    """

    record: KafkaRecord
    image_id: str
    merchant: str
    task: Task | None = None
