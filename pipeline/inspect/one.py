"""One record by its coordinates, and the picture inside of an upload."""

from __future__ import annotations

from pathlib import Path

from pipeline.inspect.decoded import Entry, Reader
from pipeline.inspect.topics import Topics
from pipeline.kafka.connection import KafkaOptions
from pipeline.kafka.consume import read_places
from transforms.errors import ConfigInvalid, OffsetsUnavailable
from transforms.origin import Origin
from transforms.values import KafkaRecord


def parse_place(text: str) -> Origin:
    """``topic/partition/offset``. Raises `ConfigInvalid`."""
    place = Origin.parse(text)
    if place is None:
        raise ConfigInvalid(f"`{text}` is not TOPIC/PARTITION/OFFSET; mend --record, for example image-uploads/3/1200")
    return place


def read_one(options: KafkaOptions, place: Origin) -> KafkaRecord:
    """The record that lies there. Raises `OffsetsUnavailable`, `BrokerUnreachable` or `BrokerRefused`."""
    for record in read_places(options, [place]):
        return record
    raise OffsetsUnavailable(
        f"there is no record at `{place}`: retention or compaction took it, it was never written, or it belongs to an "
        "aborted transaction; mend --record"
    )


def save_picture(options: KafkaOptions, topics: Topics, entries: list[Entry], path: Path) -> Entry:
    """Write the picture of the newest upload that holds one, as it was uploaded: nobody looked into it.

    Raises `ConfigInvalid` when there is none, or when the file exists or cannot be written.
    """
    held = sorted((entry for entry in entries if _holds_picture(entry)), key=lambda entry: entry.order)
    if not held:
        raise ConfigInvalid("no upload among these records holds a picture: it was uploaded by address, or not at all")
    record, reader = read_one(options, held[-1].place), Reader(topics)
    upload = reader.upload(record.value) or {}
    try:
        with path.open("xb") as file:
            file.write(upload.get("image") or b"")
    except OSError as error:
        raise ConfigInvalid(f"picture `{path}` cannot be written (`{error.strerror}`); mend --save-picture") from error
    return held[-1]


def _holds_picture(entry: Entry) -> bool:
    value = entry.value or {}
    upload = value.get("upload") if entry.kind == "dead letter" else value if entry.kind == "upload" else None
    return bool(upload and upload.get("image"))
