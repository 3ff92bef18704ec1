"""What a perfect job would have written for the demo's script: made here, without pipeline or broker."""

from __future__ import annotations

import hashlib
import uuid
import zlib
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pipeline.demo.script import Outcome, ScriptedEvent
from pipeline.demo.verify import Consumed, Coordinates, Findings, compare
from schemas.codec import Encoder
from transforms.captioner.tiny.products import caption
from transforms.errors import CaptionstreamError, InputError

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)
MISSED = "missed"


@dataclass
class Result:
    """Topics as lists of values that a test can spoil before they are encoded."""

    script: list[ScriptedEvent]
    coordinates: list[Coordinates]
    captions: list[tuple[bytes | None, dict[str, Any] | None]] = field(default_factory=list)
    letters: list[Consumed] = field(default_factory=list)
    audits: list[dict[str, Any]] = field(default_factory=list)

    def number(self, name: str) -> int:
        """Of the first event of this kind."""
        return next(number for number, event in enumerate(self.script) if event.name == name)

    def caption_of(self, number: int) -> dict[str, Any]:
        place = self.coordinates[number]
        return next(value for _, value in self.captions if value is not None and _place(value) == place)

    def compare(self) -> Findings:
        caption_encoder, audit_encoder = Encoder("caption"), Encoder("audit")
        offsets: Counter[int] = Counter()
        captions, audits = [], []
        for key, value in self.captions:
            partition = zlib.crc32(key or b"") % 4
            headers = () if value is None else (("ce_id", value["event_id"].encode()),)
            data = None if value is None else caption_encoder.encode(value)
            captions.append(Consumed(key, data, headers, 0, offsets[partition], partition))
            offsets[partition] += 1
        for number, value in enumerate(self.audits):
            audits.append(Consumed(b"", audit_encoder.encode(value), (), 0, number, 0))
        return compare(self.script, self.coordinates, captions, self.letters, audits)


def perfect(script: list[ScriptedEvent], missed: int = 0) -> Result:
    """A result without a mismatch, in which the first ``missed`` near copies are captioned on their own."""
    offsets: Counter[int] = Counter()
    coordinates: list[Coordinates] = []
    for event in script:
        partition = zlib.crc32(event.key or b"") % 4
        coordinates.append(("uploads", partition, offsets[partition]))
        offsets[partition] += 1
    result = Result(script, coordinates)
    leaders: dict[str, str] = {}
    for event, place in zip(script, coordinates, strict=True):
        if event.expected.outcome is Outcome.TOMBSTONE:
            result.captions.append((event.key, None))
        elif event.expected.outcome is Outcome.DEAD_LETTER:
            result.letters.append(_letter(event, place, len(result.letters)))
        else:
            leader = leaders.setdefault(event.expected.group, event.expected.image_id)
            if event.name == "near_copy" and missed:
                missed, leader = missed - 1, event.expected.image_id
            value = _caption(event, place, leader)
            result.captions.append((event.key, value))
            result.audits += _audits(value)
    return result


def _place(value: dict[str, Any]) -> Coordinates:
    return (value["source"]["topic"], value["source"]["partition"], value["source"]["offset"])


def _caption(event: ScriptedEvent, place: Coordinates, leader: str) -> dict[str, Any]:
    expected = event.expected
    assert expected.spec is not None
    own = leader == expected.image_id
    identity = uuid.uuid5(uuid.NAMESPACE_URL, expected.image_id)
    return {
        "event_id": str(identity),
        "image_id": expected.image_id,
        "merchant": event.merchant,
        "task": "DESCRIBE",
        "source": dict(zip(("topic", "partition", "offset"), place, strict=True)),
        "uploaded_at": datetime.fromtimestamp(event.timestamp_ms / 1000, tz=UTC),
        "captioned_at": NOW,
        "image": {
            "content_sha256": hashlib.sha256(event.picture or b"").hexdigest(),
            "phash": "0" * 16,
            "hash_algorithm": "phash64+lab8x8/1",
            "format": "PNG",
            "width": 64,
            "height": 64,
        },
        "texts": [
            {
                "language": language,
                "caption": caption(expected.spec, language),
                "origin": "GENERATED" if own else "REUSED",
                "prompt_id": f"tiny-{language}",
                "prompt_version": "tiny-1",
                "reuse_key": hashlib.sha256(language.encode()).hexdigest(),
                "finish_reason": "stop",
                "input_tokens": 30,
                "output_tokens": 11,
                "verdict": "PASSED",
            }
            for language in expected.languages
        ],
        "origin": "GENERATED" if own else "REUSED",
        "duplicate_of": None if own else leader,
        "hash_distance": None if own else 2,
        "colour_distance": None if own else 3.46,
        "model": "tiny",
    }


def _audits(value: dict[str, Any]) -> list[dict[str, Any]]:
    same = ("event_id", "image_id", "merchant", "task", "source")
    return [
        {
            **{name: value[name] for name in same},
            "audit_id": f"{value['event_id']}/{text['language']}",
            "answered_at": NOW,
            "content_sha256": value["image"]["content_sha256"],
            "language": text["language"],
            "prompt_id": text["prompt_id"],
            "prompt_version": text["prompt_version"],
            "prompt_sha256": "0" * 64,
            "reuse_key": text["reuse_key"],
            "model": "tiny",
            "origin": text["origin"],
            "verdict": "PASSED",
            "text": text["caption"],
        }
        for text in value["texts"]
    ]


def _letter(event: ScriptedEvent, place: Coordinates, offset: int) -> Consumed:
    raised = _class_of(event.expected.code)
    added = {
        "__connect.errors.topic": place[0],
        "__connect.errors.partition": str(place[1]),
        "__connect.errors.offset": str(place[2]),
        "__connect.errors.stage": "Inspect image",
        "__connect.errors.exception.class.name": f"transforms.errors.{raised.__name__}",
        "__connect.errors.exception.message": f"{event.how} is `refused`; send another",
        "caption.error.code": event.expected.code,
        "caption.error.retryable": "true" if raised.retryable else "false",
    }
    headers = event.headers + tuple((name, text.encode()) for name, text in added.items())
    return Consumed(event.key, event.value, headers, event.timestamp_ms, offset, 0)


def _class_of(code: str) -> type[CaptionstreamError]:
    return next(each for each in InputError.__subclasses__() if each.code == code)
