"""Encode: finished captions and tombstones become records of the captions topic, their audit records with them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from schemas.codec import Encoder, WireFormat
from transforms import cloudevents
from transforms.audit import Audit, common
from transforms.origin import ORIGIN, origin_of
from transforms.values import (
    Caption,
    Finished,
    Header,
    Moderation,
    ModerationVerdict,
    Outgoing,
    Publication,
    Task,
    Text,
    Tombstone,
)
from transforms.warm import cached_texts, forgotten


@dataclass(frozen=True)
class Encode:
    """`Finished` → `Publication`."""

    topic: str
    run_id: str
    is_replay: bool
    audit: Audit
    cache_topic: str = ""
    """Where generated texts go as well; empty: nowhere."""
    wire: WireFormat = field(default_factory=WireFormat)
    clock: Callable[[], float] = time.time

    def __call__(self, finished: Finished) -> Publication:
        """Encode what the caption stage published."""
        return self.encode(finished.caption or finished.tombstone)

    def encode(self, output: Caption | Tombstone | None) -> Publication:
        """Encode one output."""
        if output is None:
            raise ValueError("a finished output is a caption or a tombstone; this one is neither")
        audits = () if isinstance(output, Tombstone) else self.audit.of_caption(output)
        now = int(self.clock() * 1000)  # not before the moments of its answers
        if isinstance(output, Tombstone):
            gone = forgotten(output, self.cache_topic, now) if self.cache_topic else ()
            return Publication((), (self._tombstone(output, now), *gone))
        cached = cached_texts(output, self.cache_topic, now) if self.cache_topic else ()
        return Publication(audits, (self._caption(output, now), *cached))

    def _caption(self, caption: Caption, now: int) -> Outgoing:
        upload, picture = caption.upload, caption.picture
        value = {
            **common(caption.event_id, caption.record, upload, self.run_id),
            "category": upload.category,
            "is_replay": self.is_replay,
            "uploaded_at": upload.uploaded_at_ms,
            "captioned_at": now,
            "image": {
                "uri": public_uri(upload.uri),
                "content_sha256": picture.sha256.hex(),
                "phash": caption.fingerprint.phash.hex(),
                "hash_algorithm": f"phash64+lab8x8/{caption.fingerprint.version}",
                "format": picture.format,
                "width": picture.width,
                "height": picture.height,
                "frames": picture.frames,
            },
            "texts": [_text(t, reused) for t, reused in zip(caption.texts, caption.reused, strict=True)],
            "question": upload.question if upload.task is Task.ANSWER else None,
            "moderation_verdict": _gravest(caption.texts),
            "origin": "REUSED" if all(caption.reused) else "GENERATED",
            "duplicate_of": caption.duplicate_of,
            "hash_distance": caption.hash_distance,
            "colour_distance": caption.colour_distance,
            "flags": list(caption.flags),
            "model": caption.texts[0].model,
            "model_revision": caption.texts[0].model_revision,
        }
        kind, subject = "captionstream.caption.v1", upload.image_id
        headers = cloudevents.headers(caption.event_id, kind, subject, caption.record, now)
        encoded = Encoder("caption", self.wire).encode(value)
        return Outgoing(self.topic, subject.encode(), encoded, headers, now, caption.record)

    def _tombstone(self, tombstone: Tombstone, now: int) -> Outgoing:
        record = tombstone.record
        place = str(origin_of(record))
        identity = cloudevents.derived_id("tombstone", tombstone.image_id, place)
        kind = "captionstream.caption.deleted.v1"
        headers = cloudevents.headers(identity, kind, tombstone.image_id, record, now)
        # It has no value to say in which record it answers, and a late one must not withdraw what is newer.
        headers += (Header(ORIGIN, place.encode()),)
        return Outgoing(self.topic, tombstone.image_id.encode(), None, headers, now, record)


def _text(text: Text, reused: bool) -> dict[str, Any]:
    return {
        "language": text.language,
        "caption": text.caption,
        "alt_text": text.alt_text,
        "keywords": list(text.keywords),
        "moderation": _moderation(text.moderation),
        "truncated": text.finish_reason == "length",
        "origin": "REUSED" if reused else "GENERATED",
        "prompt_id": text.prompt_id,
        "prompt_version": text.prompt_version,
        "reuse_key": text.reuse_key,
        "finish_reason": text.finish_reason,
        "input_tokens": text.input_tokens,
        "output_tokens": text.output_tokens,
        "generation_ms": text.generation_ms,
        "attempt": text.attempt,
        "seed": text.seed,
        "verdict": text.verdict,
        "rules": list(text.rules),
        "policy_version": text.policy_version,
    }


def _moderation(moderation: Moderation | None) -> dict[str, Any] | None:
    return None if moderation is None else asdict(moderation)


def _gravest(texts: Sequence[Text]) -> str:
    """What languages that disagree come to: nobody is to see a picture because of the one that thinks it harmless."""
    graveness = list(ModerationVerdict)
    found = [graveness.index(text.moderation.verdict) for text in texts if text.moderation is not None]
    return graveness[max(found)].value if found else "UNKNOWN"


def public_uri(uri: str | None) -> str | None:
    """The address without user information, query string and fragment: those may hold secrets."""
    if uri is None:
        return None
    parts = urlsplit(uri)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
