"""A little shop for live tests: produces upload events and runs the job over them."""

import io
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.config import Config, Topics
from pipeline.kafka.connection import KafkaOptions, producer
from pipeline.kafka.consume import read_topic
from pipeline.kafka.offsets import resolve
from pipeline.kafka.positions import Uploads
from pipeline.kafka.produce import send
from pipeline.runners.embedded import run_embedded
from schemas.codec import Decoder, Encoder
from transforms.captioner.api import CaptionerOptions
from transforms.captioner.prompts import Library
from transforms.captioner.tiny import products
from transforms.values import Header, KafkaRecord, Outgoing

FAKE = CaptionerOptions(kind="fake", model="fake")


def product_png(number: int, seed: int = 1) -> bytes:
    """A rendered product at native size."""
    buffer = io.BytesIO()
    spec = products.ALL[number * 37 % len(products.ALL)]
    products.render(spec, random.Random(f"{seed}/{number}"), (96, 96)).save(buffer, "PNG")
    return buffer.getvalue()


def near_copy(png: bytes) -> bytes:
    """The same picture as a JPEG."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.open(io.BytesIO(png)).convert("RGB").save(buffer, "JPEG", quality=80)
    return buffer.getvalue()


@dataclass
class Shop:
    """Topics on a broker, a producer and a configuration."""

    servers: str
    names: dict[str, str]
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def kafka(self) -> KafkaOptions:
        return KafkaOptions(self.servers)

    @property
    def topics(self) -> Topics:
        return Topics(self.names["captions"], self.names["dead"], self.names["audit"])

    @property
    def uploads(self) -> Uploads:
        return Uploads((self.names["uploads"],))

    def upload(self, *events: dict[str, Any] | tuple[bytes | None, bytes | None]) -> list[tuple[int, int]]:
        """Produce events (dicts of ImageUpload) or raw (key, value) pairs; returns where each lies."""
        encoder, client = Encoder("image_upload"), producer(self.kafka)
        futures = []
        for event in events:
            if isinstance(event, dict):
                value = {"uploaded_at": 1_700_000_000_000, "merchant": "m", **event}
                pair = value["image_id"].encode(), encoder.encode(value)
            else:
                pair = event
            key, data = pair
            trace = (Header("trace", b"t1"),)
            futures.append(send(client, Outgoing(self.names["uploads"], key, data, trace)))
        client.flush()
        placed = [future.get(10) for future in futures]
        client.close()
        return [(metadata.partition, metadata.offset) for metadata in placed]

    def config(self, **changes: Any) -> Config:
        """The job's configuration."""
        base = {"captioner": FAKE, "prompts": Library.load("tiny"), **self.options, **changes}
        return Config(kafka=self.kafka, uploads=self.uploads, topics=self.topics, **base)

    def run(self, **changes: Any) -> dict[str, int]:
        """Caption everything that is in the uploads topic now."""
        config = self.config(**changes)
        return run_embedded(config, resolve(config.kafka, config.uploads))

    def run_changed(self, **changes: Any) -> dict[str, int]:
        """The same, but skip what the captions topic holds already."""
        return self.run(published=resolve(self.kafka, Uploads((self.names["captions"],))), **changes)

    def captions(self) -> list[dict[str, Any]]:
        """Decoded caption records, tombstones left out."""
        decoder = Decoder("caption")
        return [decoder.decode(r.value) for r in self.raw("captions") if r.value is not None]

    def audits(self) -> list[dict[str, Any]]:
        """Decoded audit records."""
        decoder = Decoder("audit")
        return [decoder.decode(r.value) for r in self.raw("audit") if r.value is not None]

    def raw(self, name: str) -> list[KafkaRecord]:
        """Records of one of the topics as they lie."""
        return read_topic(self.kafka, self.names[name])


def prompt_file(folder: Path, text: str) -> Library:
    """A prompt library with one English prompt."""
    path = folder / "prompts.toml"
    path.write_text(
        f'version = "t"\n[[prompt]]\nid = "t-en"\ntask = "DESCRIBE"\ncategory = "*"\nlanguage = "en"\n'
        f"text = '''{text}'''\nmax_new_tokens = 32\n"
    )
    return Library.load(str(path))
