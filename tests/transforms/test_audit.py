import hashlib
import uuid
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from data.samples import candidate, caption, record, text

from schemas.codec import Decoder
from transforms.audit import Audit
from transforms.errors import ConfigInvalid
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
        text=replace(text("mug mug", rules=("repetition",), attempt=2, seed=7, of=of), temperature=0.5, top_p=0.75),
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
        "text_sha256": hashlib.sha256(b"mug mug").hexdigest(),
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


@pytest.mark.parametrize(
    ("texts", "kept"),
    [
        ("all", ["passed", "call 555-0100", "reused […]", "rejected", "withheld"]),
        ("unpublished", ["", "call 555-0100", "", "rejected", "withheld"]),
        ("none", ["", "", "", "", ""]),
    ],
)
def test_texts_are_kept_by_policy_and_hashes_always(texts: str, kept: list[str]) -> None:
    audit = replace(AUDIT, texts=texts)
    first, of = candidate("img-0", b"A"), candidate("img-1", b"B")
    redacted = replace(text("call […]", of=of), verdict="REDACTED", written="call 555-0100")
    reused = replace(text("reused […]", of=first), verdict="REDACTED", written="reused 555-0100")
    published = audit.of_caption(caption(of, (text("passed", of=of), redacted, reused), (False, False, True)))
    refused = refusal(of)
    alone = [replace(refused, text=text(said, of=of)) for said in ("rejected", "withheld")]
    values = [value_of(one) for one in (*published, *(audit(one).audits[0] for one in alone))]
    assert [value["text"] for value in values] == kept
    # The hash of what was cut out would give a short number away.
    said = ["passed", "call […]", "reused […]", "rejected", "withheld"]
    assert [value["text_sha256"] for value in values] == [hashlib.sha256(one.encode()).hexdigest() for one in said]
    assert [value["verdict"] for value in values] == ["PASSED", "REDACTED", "REDACTED", "REJECTED", "REJECTED"]


def test_what_is_no_policy_is_refused() -> None:
    with pytest.raises(ConfigInvalid, match="`some` says of no texts to keep them; --audit-texts takes all, unpub"):
        Audit("audits", "run-1", texts="some")


def test_a_withheld_text_of_another_picture_is_a_reused_one() -> None:
    first, of = candidate("img-0", b"A"), candidate("img-1", b"B")
    value = value_of(AUDIT(replace(refusal(of), text=text(of=first, rules=("replaced",)))).audits[0])
    assert (value["origin"], value["duplicate_of"], value["verdict"]) == ("REUSED", "img-0", "REJECTED")


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
