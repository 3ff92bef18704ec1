"""A record of any of our topics as an entry that a person or a program can read: decoded, and without the picture."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from pipeline.inspect.topics import Kind, Topics
from pipeline.redrive.letters import read
from pipeline.report.letters import failed_at, header
from schemas.codec import Decoder
from schemas.published import PublishedDecoder
from schemas.state import StateCodec
from transforms.captioner.headers import picture_format
from transforms.captioner.sniff import sniff
from transforms.cloudevents import moment
from transforms.dead_letter import CONNECT, ERROR
from transforms.encode import public_uri
from transforms.errors import InputError
from transforms.origin import Origin, origin_of
from transforms.values import CachedTexts, Header, KafkaRecord

_OURS = ("ce_", "caption.", CONNECT, "content-type", "traceparent", "tracestate", "merchant")
"""Headers whose values are shown; of others, which may hold anything, only the size is."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One record."""

    kind: str
    """``upload``, ``deletion``, ``answer``, ``caption``, ``withdrawal``, ``cached texts`` or ``dead letter``."""
    time_ms: int
    """When it was written, as far as the record says: for a dead letter not its timestamp, which is the upload's."""
    place: Origin
    image_id: str
    """Empty where it cannot be told."""
    source: Origin | None
    """The upload's coordinates."""
    key: str | None
    headers: Mapping[str, Any]
    value: Mapping[str, Any] | None
    """None of a record without value; of one that cannot be decoded, ``undecodable`` says why."""

    def as_json(self) -> dict[str, Any]:
        """For a program."""
        return {
            "kind": self.kind,
            "time": moment(self.time_ms),
            "topic": self.place.topic,
            "partition": self.place.partition,
            "offset": self.place.offset,
            "key": self.key,
            "image_id": self.image_id,
            "source": None if self.source is None else str(self.source),
            "headers": self.headers,
            "value": self.value,
        }

    @property
    def order(self) -> tuple[int, int, Origin | tuple[str, int, int]]:
        """By time; of one moment, an answer comes before its caption."""
        rank = ("upload", "deletion", "answer", "caption", "withdrawal", "cached texts", "dead letter").index(self.kind)
        return self.time_ms, rank, (self.place.topic, self.place.partition, self.place.offset)


class Reader:
    """Decodes the records of some topics."""

    def __init__(self, topics: Topics) -> None:
        """Uploads come in the wire format of the topics; what the job writes is of any version that was published."""
        self._topics = topics
        self._upload = Decoder("image_upload", topics.uploads_wire)
        self._caption = PublishedDecoder("caption")
        self._audit = PublishedDecoder("audit")
        self._cached = StateCodec(CachedTexts)

    def read(self, record: KafkaRecord) -> Entry:
        """The entry of any record of a topic that was named. Raises `ConfigInvalid` for another one."""
        kind = self._topics.kind(record.topic)
        if kind is Kind.UPLOADS:
            return self._of_upload(record)
        if kind is Kind.CAPTIONS:
            return self._of_value(record, self._caption, "caption", "withdrawal")
        if kind is Kind.AUDIT:
            return self._of_value(record, self._audit, "answer", "answer")
        return self._of_letter(record) if kind is Kind.DEAD_LETTERS else self._of_cached(record)

    def upload(self, data: bytes | None) -> dict[str, Any] | None:
        """An upload's value, decoded: the picture's bytes, and its whole address, are in it. None: it cannot be."""
        try:
            return self._upload.decode(data or b"")
        except InputError:
            return None

    def _of_upload(self, record: KafkaRecord) -> Entry:
        source = origin_of(record)
        if record.value is None:
            return _entry("deletion", record, _text(record.key) or "", source, None)
        value = self._plain_upload(record.value)
        return _entry("upload", record, value.get("image_id", ""), source, value)

    def _of_value(self, record: KafkaRecord, decoder: PublishedDecoder, kind: str, without: str) -> Entry:
        if record.value is None:
            return _entry(without, record, _text(record.key) or "", None, None)
        try:
            value = plain(decoder.decode(record.value))
        except InputError as error:
            return _entry(kind, record, "", None, {"undecodable": error.message, **facts(record.value)})
        return _entry(kind, record, value["image_id"], Origin(**value["source"]), value)

    def _of_letter(self, record: KafkaRecord) -> Entry:
        letter = read(record)
        upload = None if record.value is None else self._plain_upload(record.value)
        image_id = (_text(record.key) or "") if upload is None else upload.get("image_id", "")
        if letter is None:
            value: dict[str, Any] = {"undecodable": "it has not the headers of a dead letter", "upload": upload}
            return _entry("dead letter", record, image_id, None, value)
        value = {
            "code": letter.code,
            "retryable": letter.is_retryable,
            "attempt": letter.attempt,
            "stage": letter.stage,
            "message": header(record, f"{CONNECT}exception.message"),
            "run_id": letter.run_id,
            "uploaded": moment(max(record.timestamp_ms, 0)),
            "upload": upload,
        }
        return _entry("dead letter", record, image_id, letter.origin, value, failed_at(record))

    def _of_cached(self, record: KafkaRecord) -> Entry:
        if record.value is None:
            return _entry("cached texts", record, "", None, None)
        try:
            cached: CachedTexts = self._cached.decode(record.value)
        except Exception as error:  # of a later version, or somebody else's
            value = {"undecodable": f"`{type(error).__name__}`", **facts(record.value)}
            return _entry("cached texts", record, "", None, value)
        source = Origin(cached.topic, cached.partition, cached.offset)
        texts = [
            {
                "language": text.language,
                "caption": text.caption,
                "alt_text": text.alt_text,
                "keywords": list(text.keywords),
                "moderation": None if text.moderation is None else asdict(text.moderation),
                "verdict": text.verdict,
                "model": f"{text.model} {text.model_revision}".strip(),
                "policy_version": text.policy_version,
                "reuse_key": text.reuse_key,
                "content_sha256": text.sha256.hex(),
            }
            for text in cached.texts
        ]
        value = {"merchant": cached.merchant, "image_id": cached.image_id, "task": cached.task.value, "texts": texts}
        return _entry("cached texts", record, cached.image_id, source, value)

    def _plain_upload(self, data: bytes) -> dict[str, Any]:
        try:
            value = self._upload.decode(data)
        except InputError as error:
            return {"undecodable": error.message, **facts(data)}
        return plain({**value, "uri": public_uri(value["uri"])})


def plain(value: Any) -> Any:
    """As JSON can hold it: times in RFC 3339; of bytes how many, what they look like, and their hash."""
    if isinstance(value, Mapping):
        return {name: plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return facts(value) if isinstance(value, bytes) else value


def facts(data: bytes) -> dict[str, Any]:
    """What is said of bytes."""
    return {
        "bytes": len(data),
        "format": picture_format(data) or sniff(data),
        "sha256": hashlib.sha256(data).hexdigest(),
    }


def _entry(
    kind: str,
    record: KafkaRecord,
    image_id: str,
    source: Origin | None,
    value: Mapping[str, Any] | None,
    time_ms: int | None = None,
) -> Entry:
    place = Origin(record.topic, record.partition, record.offset)
    headers = {one.name: _shown(one) for one in record.headers}
    at = record.timestamp_ms if time_ms is None else time_ms
    return Entry(kind, max(at, 0), place, image_id, source, _text(record.key), headers, value)


def _shown(one: Header) -> Any:
    if one.value is None or not one.name.startswith((*_OURS, ERROR)):
        return {"bytes": len(one.value or b"")}
    return one.value.decode(errors="replace")


def _text(key: bytes | None) -> str | None:
    return None if key is None else key.decode(errors="backslashreplace")
