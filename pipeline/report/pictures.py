"""Thumbnails for the page, of pictures in the uploads' topics and in dead letters, checked as the job checks them.

Nothing is fetched: an upload that names an address has no thumbnail. Only the topics that the user named are looked
into, whatever a caption says of where its upload lies.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from pipeline.kafka.connection import KafkaOptions
from pipeline.kafka.consume import read_places
from pipeline.report.samples import Shown, ShownLetter
from pipeline.report.thumbnail import jpeg_uri
from schemas.codec import Decoder, WireFormat
from transforms.captioner.images import LEAST_SIDE, decode_rgb
from transforms.errors import InputError
from transforms.inspect import InspectLimits, inspect
from transforms.origin import Origin
from transforms.values import KafkaRecord

GONE = "no longer in the topic"
BY_ADDRESS = "by address"
OTHER = "another upload lies there"
NO_PICTURE = "no picture"


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A data URI, or why there is none."""

    uri: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Pictures:
    """Reads them."""

    options: KafkaOptions
    topics: Collection[str]
    """Of uploads."""
    wire: WireFormat = WireFormat()
    limits: InspectLimits = InspectLimits()

    def thumbnails(self, captions: Iterable[Shown], letters: Iterable[ShownLetter]) -> dict[Origin, Thumbnail]:
        """By the upload's coordinates, and by the letter's own; none where no topic was named."""
        if not self.topics:
            return {}
        wanted: dict[Origin, str | None] = {
            one.source: one.sha256 for one in captions if one.source.topic in self.topics
        }
        wanted |= {letter.place: None for letter in letters}
        decoder = Decoder("image_upload", self.wire)
        made = dict.fromkeys(wanted, Thumbnail(why=GONE))
        for record in read_places(self.options, wanted):
            place = Origin(record.topic, record.partition, record.offset)
            made[place] = thumbnail(record, decoder, self.limits, wanted[place])
        return made


def thumbnail(record: KafkaRecord, decoder: Decoder, limits: InspectLimits, sha256: str | None) -> Thumbnail:
    """Of the picture in an upload's record, if it has these bytes (None: whatever it has)."""
    try:
        value = decoder.decode(record.value or b"")
        if value["image"] is None:
            return Thumbnail(why=BY_ADDRESS)
        picture, decoded = inspect(value["image"], limits)
        if sha256 not in (None, picture.sha256.hex()):
            return Thumbnail(why=OTHER)
        return Thumbnail(jpeg_uri(decoded or decode_rgb(picture.encoded, at_least=LEAST_SIDE)))
    except InputError:
        return Thumbnail(why=NO_PICTURE)
