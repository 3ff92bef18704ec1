"""Decode event: a Kafka record becomes an upload, or a deletion when its value is null."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from schemas.codec import Decoder, WireFormat
from transforms.captioner.prompts import Library
from transforms.captioner.prompts.template import QUESTION_CHARS, single_line
from transforms.errors import EventInvalid
from transforms.languages import normalise_language
from transforms.values import Decoded, Deletion, KafkaRecord, Task, Upload

MERCHANT_HEADER = "merchant"
"""A deletion has no value to name the merchant in, so it names it in this header."""
MAX_ID = 256
"""Characters of an image id, a merchant, a category or an attribute's name: they become keys."""
MAX_LANGUAGES = 16
MAX_ATTRIBUTES = 64
MAX_ATTRIBUTE = 4096
_FIRST_MS, _LAST_MS = -62_135_596_800_000, 253_402_300_799_999
"""Of the years 1 to 9999: what Avro's timestamps are in Python and in most databases."""


@dataclass(frozen=True)
class DecodeEvent:
    """`KafkaRecord` → `Decoded` or `Deletion`. Raises only `InputError`."""

    wire: WireFormat = field(default_factory=WireFormat)
    prompts: Library = field(default_factory=Library.load)
    """Tasks and languages it does not have are refused before anything is fetched."""

    def __call__(self, record: KafkaRecord) -> Decoded | Deletion:
        """Decode one record."""
        if record.value is None:
            return _deletion(record)
        return Decoded(record, self._upload(self._decoder.decode(record.value)))

    @cached_property
    def _decoder(self) -> Decoder:
        return Decoder("image_upload", self.wire)

    def __getstate__(self) -> dict[str, Any]:
        return {"wire": self.wire, "prompts": self.prompts}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    def _upload(self, value: dict[str, Any]) -> Upload:
        image_id, uri, inline = value["image_id"], value["uri"], value["image"]
        if not image_id or len(image_id) > MAX_ID:
            raise EventInvalid(f"image_id has `{len(image_id)}` characters; it must have 1 to {MAX_ID}")
        if (uri is None) == (inline is None):
            found = "neither" if uri is None else "both"
            raise EventInvalid(f"the event has `{found}` of uri and image; set exactly one")
        for name in ("merchant", "category"):
            if len(value[name]) > MAX_ID:
                raise EventInvalid(f"{name} has `{len(value[name])}` characters; at most {MAX_ID} are taken")
        _check_merchant(value["merchant"])
        attributes = value["attributes"]
        if len(attributes) > MAX_ATTRIBUTES:
            raise EventInvalid(f"the event has `{len(attributes)}` attributes; at most {MAX_ATTRIBUTES} are taken")
        for name, content in attributes.items():
            if len(name) > MAX_ID or len(content) > MAX_ATTRIBUTE:
                raise EventInvalid(
                    f"attribute `{name[:40]}` has `{len(content)}` characters; a name takes at most {MAX_ID}, "
                    f"a value {MAX_ATTRIBUTE}"
                )
        task = Task(value["task"])
        languages = self._languages(value["languages"], task)
        _check_question(task, value["question"])
        return Upload(
            image_id,
            _moment(milliseconds(value["uploaded_at"])),
            value["merchant"],
            value["category"],
            task,
            languages,
            tuple(sorted(attributes.items())),
            value["question"],
            uri,
            inline,
        )

    def _languages(self, asked: list[str], task: Task) -> tuple[str, ...]:
        """What they are served as, so that an upload is the same whichever of two tags asks for one text."""
        tags = dict.fromkeys(normalise_language(tag) for tag in asked)
        if not 0 < len(tags) <= MAX_LANGUAGES:
            raise EventInvalid(
                f"the event asks for `{len(tags)}` languages; name 1 to {MAX_LANGUAGES} BCP 47 tags "
                "or leave the field out"
            )
        return tuple(dict.fromkeys(self.prompts.language(task.value, tag) for tag in tags))


def _check_question(task: Task, question: str | None) -> None:
    """Of other tasks nobody reads it. One that is cut would be another question."""
    if task is not Task.ANSWER:
        return
    if not single_line(question or "", QUESTION_CHARS):
        raise EventInvalid(f"task `{task}` needs a question; set the field question")
    if len(question or "") > QUESTION_CHARS:
        raise EventInvalid(f"question has `{len(question or '')}` characters; at most {QUESTION_CHARS} are taken")


def _deletion(record: KafkaRecord) -> Deletion:
    try:
        image_id = (record.key or b"").decode()
        merchant = next((h.value or b"" for h in record.headers if h.name == MERCHANT_HEADER), b"").decode()
    except UnicodeDecodeError as error:
        raise EventInvalid("a deletion's key or merchant header is not `UTF-8`; its key is the image id") from error
    if not image_id or len(image_id) > MAX_ID:
        raise EventInvalid(
            f"a record without value has a key of `{len(image_id)}` characters; a deletion's key is the image id"
        )
    _check_merchant(merchant)
    return Deletion(record, image_id, merchant)


def _moment(uploaded_at_ms: int) -> int:
    """A time that those who read the caption record can read, too."""
    if not _FIRST_MS <= uploaded_at_ms <= _LAST_MS:
        raise EventInvalid(
            f"uploaded_at is `{uploaded_at_ms}`, which is no time before the year 10000; "
            "it counts milliseconds since 1970"
        )
    return uploaded_at_ms


def _check_merchant(merchant: str) -> None:
    """A merchant is a part of keys, joined by a control character."""
    if any(sign < " " for sign in merchant):
        raise EventInvalid(f"merchant `{ascii(merchant)[1:-1]:.80}` has a control character; leave it out")


def milliseconds(moment: datetime | int) -> int:
    """Milliseconds since the epoch of an Avro timestamp, exact; a writer's schema may call it a plain long."""
    if isinstance(moment, int):
        return moment
    delta = moment - datetime(1970, 1, 1, tzinfo=moment.tzinfo)
    return (delta.days * 86_400 + delta.seconds) * 1000 + delta.microseconds // 1000
