"""Writes golden bytes for schema versions that have none; what is published is never overwritten.

::

    cp schemas/caption.avsc schemas/history/caption/v2.avsc
    PYTHONPATH=.:tests python tests/schemas/make_golden.py
"""

from __future__ import annotations

import copy
import io
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import fastavro
from data.state_values import KEPT, state_values

from schemas.state import HISTORY, VERSION, StateCodec, schema_of

TOPICS = ("image_upload", "caption", "audit")
MOMENT = datetime(2026, 1, 1, 12, 30, 15, 250_000, tzinfo=UTC)
SOURCE = {"topic": "uploads", "partition": 3, "offset": 4_294_967_296}

TEXT = {
    "language": "zh-Hans",
    "caption": "白色背景上的红色杯子。",
    "alt_text": "红色杯子",
    "truncated": True,
    "origin": "REUSED",
    "prompt_id": "describe-zh-Hans",
    "prompt_version": "1",
    "reuse_key": "ab" * 32,
    "finish_reason": "length",
    "input_tokens": 90,
    "output_tokens": 160,
    "generation_ms": 850,
    "attempt": 1,
    "seed": 2_147_483_647,
    "verdict": "PASSED",
    "rules": ["too_long"],
    "policy_version": "1",
    "mean_logprob": -0.25,
    "keywords": ["杯子", "red mug"],
    "moderation": {
        "verdict": "SENSITIVE",
        "reasons": ["WEAPON", "OTHER"],
        "regions": [{"reason": "WEAPON", "left": 10, "top": 200, "right": 500, "bottom": 1000}],
    },
}

TOPIC_VALUES: dict[str, dict[str, Any]] = {
    "image_upload": {
        "image_id": "图-1",
        "uploaded_at": MOMENT,
        "merchant": "shop",
        "category": "food",
        "task": "ANSWER",
        "languages": ["en", "zh-Hans"],
        "attributes": {"title": "红杯子", "colour": "red"},
        "question": "What is it?",
        "uri": None,
        "image": b"\xff\xd8\x00",
    },
    "caption": {
        "event_id": "8a6e0804-2bd0-5672-b79d-d97027f9071a",
        "image_id": "img-1",
        "merchant": "shop",
        "category": "food",
        "task": "DESCRIBE",
        "source": SOURCE,
        "run_id": "run-1",
        "is_replay": True,
        "uploaded_at": MOMENT,
        "captioned_at": MOMENT,
        "image": {
            "uri": "file:///pictures/1.jpg",
            "content_sha256": "cd" * 32,
            "phash": "0123456789abcdef",
            "hash_algorithm": "phash64+lab8x8/1",
            "format": "JPEG",
            "width": 640,
            "height": 480,
            "frames": 2,
        },
        "texts": [TEXT],
        "origin": "REUSED",
        "duplicate_of": "img-0",
        "hash_distance": 4,
        "colour_distance": 3.5,
        "flags": ["audited", "audit_disagrees"],
        "model": "tiny",
        "model_revision": "r1",
        "question": "这是什么？",
        "moderation_verdict": "SENSITIVE",
    },
    "audit": {
        "audit_id": "0e6a3f0c-51a5-5c1a-9d2f-0d1c1d8f2f11",
        "event_id": "8a6e0804-2bd0-5672-b79d-d97027f9071a",
        "image_id": "img-1",
        "merchant": "shop",
        "task": "DESCRIBE",
        "source": SOURCE,
        "run_id": "run-1",
        "answered_at": MOMENT,
        "content_sha256": "cd" * 32,
        "language": "en",
        "prompt_id": "describe-en",
        "prompt_version": "1",
        "prompt_sha256": "ef" * 32,
        "reuse_key": "ab" * 32,
        "model": "tiny",
        "model_revision": "r1",
        "temperature": 0.5,
        "top_p": 0.75,
        "seed": 7,
        "attempt": 2,
        "origin": "GENERATED",
        "duplicate_of": "img-0",
        "finish_reason": "stop",
        "input_tokens": 90,
        "output_tokens": 12,
        "generation_ms": 340,
        "verdict": "REJECTED",
        "rules": ["repetition", "wrong_language"],
        "policy_version": "1",
        "text": "a mug a mug a mug",
        "text_sha256": "12" * 32,
    },
}


def plain(value: Any) -> Any:
    """The value as JSON can hold it: moments in ISO 8601, bytes in hex."""
    if isinstance(value, dict):
        return {name: plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    if isinstance(value, datetime):
        return value.isoformat()
    return value.hex() if isinstance(value, bytes) else value


def write(schema: Any, value: Any) -> bytes:
    """Bare Avro of the value."""
    buffer = io.BytesIO()
    fastavro.schemaless_writer(buffer, fastavro.parse_schema(copy.deepcopy(schema)), value, strict=True)
    return buffer.getvalue()


def read(data: bytes, writer: Any, reader: Any) -> Any:
    """The value of bare Avro, in the reader's schema."""
    parsed = (fastavro.parse_schema(copy.deepcopy(schema)) for schema in (writer, reader))
    return fastavro.schemaless_reader(io.BytesIO(data), *parsed)


def missing() -> dict[Path, bytes]:
    """Golden files that do not exist yet, with their content."""
    wanted: dict[Path, bytes] = {}
    for topic in TOPICS:
        for path in (HISTORY.parent / topic).glob("v*.avsc"):
            schema = json.loads(path.read_text())
            names = {field["name"] for field in schema["fields"]}
            value = {name: inner for name, inner in TOPIC_VALUES[topic].items() if name in names}
            if not path.with_suffix(".bin").exists():  # the two belong together
                words = json.dumps(plain(value), ensure_ascii=False, indent=2) + "\n"
                wanted[path.with_suffix(".bin")] = write(schema, value)
                wanted[path.with_suffix(".json")] = words.encode()
    known = state_values()
    for cls in KEPT:
        path = HISTORY / f"v{VERSION}" / f"{cls.__name__}.avsc"
        wanted[path] = (json.dumps(schema_of(cls), indent=1) + "\n").encode()
        wanted[path.with_suffix(".bin")] = StateCodec(cls).encode(known[cls])
    return {path: content for path, content in wanted.items() if not path.exists()}


def main() -> int:
    """Write what is missing, name it, and leave everything else alone."""
    wanted = missing()
    for path, content in wanted.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:  # x: refuses to overwrite
            file.write(content)
        print(path)
    print(f"{len(wanted)} golden files written; published ones are never overwritten")
    return 0


if __name__ == "__main__":
    sys.exit(main())
