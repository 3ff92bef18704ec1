"""The audit trail: one record per answer of the model and per reuse of an answer, refused ones included."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from schemas.codec import Encoder, WireFormat
from transforms import cloudevents
from transforms.answer import told
from transforms.errors import ConfigInvalid
from transforms.origin import origin_of
from transforms.review import Verdict
from transforms.values import Caption, KafkaRecord, Outgoing, Picture, Publication, Refusal, Text, Upload

ALL, UNPUBLISHED, NONE = TEXTS = ("all", "unpublished", "none")
"""Which texts are kept: all; those that are in no other topic, because they were rejected, redacted or withheld; none.
Of all of them the hash is."""


@dataclass(frozen=True)
class Audit:
    """`Caption` or `Refusal` → its audit records."""

    topic: str
    run_id: str
    wire: WireFormat = field(default_factory=WireFormat)
    clock: Callable[[], float] = time.time
    texts: str = ALL
    """One of `TEXTS`."""

    def __post_init__(self) -> None:
        """Raise `ConfigInvalid` naming the option that mends it."""
        if self.texts not in TEXTS:
            raise ConfigInvalid(f"`{self.texts}` says of no texts to keep them; --audit-texts takes {', '.join(TEXTS)}")

    def __call__(self, refusal: Refusal) -> Publication:
        """A refused answer goes to the audit topic only; so does a text whose image shows another picture by now."""
        text, upload, picture = refusal.text, refusal.upload, refusal.picture
        reused = (text.image_id, text.sha256) != (upload.image_id, picture.sha256)
        return Publication((self._encode(refusal, text, reused, Verdict.REJECTED.value),), ())

    def of_caption(self, caption: Caption) -> tuple[Outgoing, ...]:
        """One record per text of the caption."""
        return tuple(
            self._encode(caption, text, reused, text.verdict)
            for text, reused in zip(caption.texts, caption.reused, strict=True)
        )

    def _encode(self, answered: Caption | Refusal, text: Text, reused: bool, verdict: str) -> Outgoing:
        record, now = answered.record, int(self.clock() * 1000)
        origin = "REUSED" if reused else "GENERATED"
        identity = cloudevents.derived_id("audit", answered.event_id, text.language, str(text.attempt), origin)
        value = {
            **common(answered.event_id, record, answered.upload, self.run_id),
            **self._answer(answered.picture, text),
            "audit_id": identity,
            "answered_at": now,
            "origin": origin,
            "duplicate_of": (text.image_id or None) if reused else None,
            "verdict": verdict,
            # What was redacted is said once, where the answer was given.
            "text": (told(text) if reused else text.written or told(text)) if self._keeps(verdict, reused) else "",
            # Not of what was redacted: with the rest published, a hash would give a phone number away.
            "text_sha256": hashlib.sha256(text.caption.encode()).hexdigest(),
        }
        subject = answered.upload.image_id
        headers = cloudevents.headers(identity, "captionstream.audit.v1", subject, record, now)
        encoded = Encoder("audit", self.wire).encode(value)
        return Outgoing(self.topic, subject.encode(), encoded, headers, now, record)

    def _keeps(self, verdict: str, reused: bool) -> bool:
        if self.texts == UNPUBLISHED:
            return verdict == Verdict.REJECTED.value or (verdict == Verdict.REDACTED.value and not reused)
        return self.texts == ALL

    def _answer(self, picture: Picture, text: Text) -> dict[str, Any]:
        return {
            "content_sha256": picture.sha256.hex(),
            "language": text.language,
            "prompt_id": text.prompt_id,
            "prompt_version": text.prompt_version,
            "prompt_sha256": text.prompt_sha256,
            "reuse_key": text.reuse_key,
            "model": text.model,
            "model_revision": text.model_revision,
            "temperature": text.temperature,
            "top_p": text.top_p,
            "seed": text.seed,
            "attempt": text.attempt,
            "finish_reason": text.finish_reason,
            "input_tokens": text.input_tokens,
            "output_tokens": text.output_tokens,
            "generation_ms": text.generation_ms,
            "rules": list(text.rules),
            "policy_version": text.policy_version,
        }


def common(event_id: str, record: KafkaRecord, upload: Upload, run_id: str) -> dict[str, Any]:
    """Fields that caption and audit records share."""
    origin = origin_of(record)
    return {
        "event_id": event_id,
        "image_id": upload.image_id,
        "merchant": upload.merchant,
        "task": upload.task.value,
        "source": {"topic": origin.topic, "partition": origin.partition, "offset": origin.offset},
        "run_id": run_id,
    }
