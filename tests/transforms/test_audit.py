import uuid
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from data.samples import candidate, caption, record, text

from schemas.codec import Decoder
from transforms.audit import Audit
from transforms.values import Candidate, Outgoing, Refusal

NOW = 1_800_000_000.0
EVENT = "00000000-0000-5000-8000-000000000001"
AUDIT = Audit("audits", "run-1", clock=lambda: NOW)


def value_of(sent: Outgoing) -> dict[str, Any]:
    assert sent.value is not None
    return Decoder("audit").decode(sent.value)


def refusal(of: Candidate, **kwargs: Any) -> Refusal:
    return Refusal(EVENT, of.record, of.upload, of.picture, text(of=of, **kwargs))


def test_the_whole_record_of_a_refused_answer() -> None:
    of = candidate("img-1", b"A", offset=9, category="food")
    sampled = replace(
        refusal(of),
        text=replace(text("mug mug", rules=("repetition",), attempt=2, seed=7), temperature=0.5, top_p=0.75),
    )
    done = AUDIT(sampled)
    (sent,) = done.audits
    assert done.records == ()
    value = value_of(sent)
    assert uuid.UUID(value.pop("audit_id")).version == 5
    assert value == {
        "event_id": EVENT,
        "image_id": "img-1",
        "merchant": "shop",
        "task": "DESCRIBE",
        "source": {"topic": "uploads", "partition": 0, "offset": 9},
        "run_id": "run-1",
        "answered_at": datetime.fromtimestamp(NOW, UTC),
        "content_sha256": of.picture.sha256.hex(),
        "language": "en",
        "prompt_id": "describe-en",
        "prompt_version": "1",
        "prompt_sha256": "b" * 64,
        "reuse_key": "a" * 64,
        "model": "tiny",
        "model_revision": "r1",
        "temperature": 0.5,
        "top_p": 0.75,
        "seed": 7,
        "attempt": 2,
        "origin": "GENERATED",
        "duplicate_of": None,
        "finish_reason": "stop",
        "input_tokens": 90,
        "output_tokens": 12,
        "generation_ms": 340,
        "verdict": "REJECTED",
        "rules": ["repetition"],
        "policy_version": "1",
        "text": "mug mug",
    }


def test_a_caption_has_one_record_per_text() -> None:
    first = candidate("img-0", b"A")
    of = candidate("img-1", b"B")
    texts = (text("A red mug.", of=of), text("红色杯子。", "zh-Hans", of=first))
    sent = AUDIT.of_caption(caption(of, texts, (False, True)))
    english, chinese = (value_of(one) for one in sent)
    assert (english["text"], english["origin"], english["duplicate_of"]) == ("A red mug.", "GENERATED", None)
    assert (chinese["text"], chinese["origin"], chinese["duplicate_of"]) == ("红色杯子。", "REUSED", "img-0")
    assert {english["verdict"], chinese["verdict"]} == {"PASSED"}
    assert {english["content_sha256"], chinese["content_sha256"]} == {of.picture.sha256.hex()}


def test_ids_are_deterministic() -> None:
    of = candidate()
    later = Audit("audits", "run-2", clock=lambda: NOW + 60)
    first, again = (value_of(audit(refusal(of)).audits[0]) for audit in (AUDIT, later))
    assert first["audit_id"] == again["audit_id"]
    assert first["answered_at"] != again["answered_at"]


def test_ids_tell_language_attempt_origin_and_event_apart() -> None:
    of = candidate()
    ids = {
        value_of(AUDIT(refusal(of)).audits[0])["audit_id"],
        value_of(AUDIT(refusal(of, attempt=1)).audits[0])["audit_id"],
        value_of(AUDIT(refusal(of, language="zh-Hans")).audits[0])["audit_id"],
        value_of(AUDIT.of_caption(caption(of, reused=(True,)))[0])["audit_id"],
        value_of(AUDIT.of_caption(caption(of, event_id="other"))[0])["audit_id"],
    }
    assert len(ids) == 5


def test_headers_and_key() -> None:
    of = replace(candidate(), record=record(headers={"traceparent": b"00-ab"}))
    (sent,) = AUDIT(refusal(of)).audits
    headers = {header.name: header.value for header in sent.headers}
    assert (sent.topic, sent.key, sent.timestamp_ms) == ("audits", b"img-1", 1_800_000_000_000)
    assert headers["ce_type"] == b"captionstream.audit.v1"
    assert headers["ce_id"] == value_of(sent)["audit_id"].encode()
    assert headers["ce_time"] == b"2027-01-15T08:00:00.000Z"
    assert headers["traceparent"] == b"00-ab"
    assert sent.origin is of.record
