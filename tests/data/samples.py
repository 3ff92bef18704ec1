"""Small values to test with: every builder takes what the test cares about and fills in the rest.

::

    from data.samples import candidate, fingerprint

    candidate("img-1", b"bytes", offset=7, merchant="shop", attributes={"colour": "red"})
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from transforms.values import (
    Arrival,
    Assignment,
    Candidate,
    Caption,
    Deletion,
    Fingerprint,
    Header,
    KafkaRecord,
    Picture,
    Role,
    Task,
    Text,
    Upload,
)

TOPIC = "uploads"
NEW_YEAR_MS = 1_767_225_600_000
"""2026-01-01T00:00:00Z; record ``offset`` n has this timestamp plus n seconds."""


def record(
    offset: int = 0,
    key: bytes | None = b"img-1",
    value: bytes | None = b"value",
    headers: Mapping[str, bytes | None] | None = None,
    partition: int = 0,
    timestamp_ms: int | None = None,
) -> KafkaRecord:
    """A record of the uploads topic."""
    moment = NEW_YEAR_MS + offset * 1000 if timestamp_ms is None else timestamp_ms
    pairs = tuple(Header(name, content) for name, content in (headers or {}).items())
    return KafkaRecord(TOPIC, partition, offset, moment, key, value, pairs)


def upload(
    image_id: str = "img-1",
    merchant: str = "shop",
    category: str = "",
    task: Task = Task.DESCRIBE,
    languages: Sequence[str] = ("en",),
    attributes: Mapping[str, str] | None = None,
    question: str | None = None,
    uri: str | None = None,
) -> Upload:
    """An upload whose picture has been fetched."""
    pairs = tuple(sorted((attributes or {}).items()))
    return Upload(image_id, NEW_YEAR_MS, merchant, category, task, tuple(languages), pairs, question, uri)


def picture(content: bytes = b"picture", format: str = "JPEG", frames: int = 1) -> Picture:  # noqa: A002
    """A picture of these bytes; nobody looks into them."""
    return Picture(content, hashlib.sha256(content).digest(), format, 64, 48, frames)


def fingerprint(phash: int = 0, lab: Sequence[int] = (0, 0, 0), quality: int = 100, version: int = 1) -> Fingerprint:
    """64 equal Lab cells (int8 L-50, a, b); the bits set in ``phash`` are its distance from hash 0."""
    cell = bytes(component & 0xFF for component in lab)
    return Fingerprint(phash.to_bytes(8, "big"), cell * 64, quality, version)


def far(number: int) -> Fingerprint:
    """A fingerprint of good quality, far from that of any other number."""
    return fingerprint(int.from_bytes(hashlib.sha256(str(number).encode()).digest()[:8], "big"))


def candidate(
    image_id: str = "img-1",
    content: bytes | None = None,
    mark: Fingerprint | None = None,
    offset: int = 0,
    partition: int = 0,
    deleted: bool = False,
    **asked: Any,
) -> Candidate:
    """An upload as Find duplicate gets it; ``asked`` goes to `upload`, content defaults to the image id."""
    held = picture(image_id.encode() if content is None else content)
    if mark is None:
        mark = far(int.from_bytes(held.sha256[:4], "big"))
    source = record(offset, image_id.encode(), partition=partition)
    return Candidate(source, upload(image_id, **asked), held, mark, deleted)


def deletion(image_id: str = "img-1", offset: int = 0, partition: int = 0, merchant: str = "shop") -> Deletion:
    """A record with a null value."""
    return Deletion(record(offset, image_id.encode(), None, partition=partition), image_id, merchant)


def arrival(content: Candidate | Deletion) -> Arrival:
    """What Find duplicate is given."""
    return Arrival(candidate=content) if isinstance(content, Candidate) else Arrival(deletion=content)


def assignment(content: Candidate | Deletion, leader_id: str = "leader", role: Role = Role.NEW_LEADER) -> Assignment:
    """What Caption image is given; a deletion's role is always DELETION, or REPLACED when it names a task."""
    if isinstance(content, Deletion):
        role = Role.DELETION if content.task is None else Role.REPLACED
    return Assignment(leader_id, role, arrival(content))


def text(
    caption: str = "A red mug on a white table.",
    language: str = "en",
    reuse_key: str = "a" * 64,
    rules: Sequence[str] = (),
    attempt: int = 0,
    seed: int | None = None,
    finish_reason: str = "stop",
    of: Candidate | None = None,
) -> Text:
    """An answer of the model written for the picture of ``of``."""
    of = of or candidate()
    return Text(
        reuse_key=reuse_key,
        language=language,
        caption=caption,
        finish_reason=finish_reason,
        prompt_id=f"describe-{language}",
        prompt_version="1",
        prompt_sha256="b" * 64,
        input_tokens=90,
        output_tokens=12,
        generation_ms=340,
        temperature=0.0,
        top_p=1.0,
        attempt=attempt,
        seed=seed,
        rules=tuple(rules),
        policy_version="1",
        model="tiny",
        model_revision="r1",
        image_id=of.upload.image_id,
        sha256=of.picture.sha256,
        fingerprint=of.fingerprint,
        veto="",
    )


def caption(
    of: Candidate | None = None,
    texts: Sequence[Text] | None = None,
    reused: Sequence[bool] | None = None,
    event_id: str = "00000000-0000-5000-8000-000000000001",
    duplicate_of: str | None = None,
    hash_distance: int | None = None,
    colour_distance: float | None = None,
) -> Caption:
    """A finished caption record of ``of``."""
    of = of or candidate()
    written = (text(of=of),) if texts is None else tuple(texts)
    return Caption(
        event_id,
        of.record,
        of.upload,
        of.picture,
        of.fingerprint,
        written,
        (False,) * len(written) if reused is None else tuple(reused),
        duplicate_of,
        hash_distance,
        colour_distance,
    )
