from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from data.samples import NEW_YEAR_MS, candidate, caption, fingerprint, record, text, upload

from schemas.codec import Decoder, WireFormat, load_schema
from transforms.audit import Audit
from transforms.encode import Encode, public_uri
from transforms.origin import origin_of
from transforms.values import (
    Candidate,
    Finished,
    Moderation,
    ModerationVerdict,
    Outgoing,
    Picture,
    Reason,
    Region,
    Task,
    Tombstone,
)

NOW = 1_800_000_000.25
EVENT = "00000000-0000-5000-8000-000000000001"


def encode(wire: WireFormat | None = None) -> Encode:
    wire = wire or WireFormat()
    audit = Audit("audits", "run-1", clock=lambda: NOW)
    return Encode("captions", "run-1", is_replay=True, audit=audit, wire=wire, clock=lambda: NOW)


def source(uri: str | None = "http://u:p@shop/1.jpg?token=abc#x", **headers: bytes | None) -> Candidate:
    shown = upload("img-1", "shop", "food", languages=("en", "zh-Hans"), uri=uri)
    held = Picture(b"bytes", b"\xab" * 32, "WEBP", 640, 480, 3)
    return Candidate(record(9, headers=headers), shown, held, fingerprint(0x0123456789ABCDEF))


def published(*args: Any, **kwargs: Any) -> tuple[Outgoing, dict[str, Any]]:
    made = replace(caption(*args, **kwargs), flags=("placeholder",))
    (sent,) = encode()(Finished(caption=made)).records
    assert sent.value is not None
    return sent, Decoder("caption").decode(sent.value)


def test_the_whole_record() -> None:
    of = source()
    texts = (
        text("A red mug.", of=of),
        text("红色杯子。", "zh-Hans", finish_reason="length", attempt=1, seed=5, of=of),
    )
    _, value = published(of, texts, (False, True), duplicate_of="img-0", hash_distance=4, colour_distance=3.5)
    moment = datetime.fromtimestamp(NOW, UTC)
    common = {
        "alt_text": None,
        "keywords": [],
        "moderation": None,
        "prompt_version": "1",
        "reuse_key": "a" * 64,
        "input_tokens": 90,
        "output_tokens": 12,
        "generation_ms": 340,
        "verdict": "PASSED",
        "rules": [],
        "policy_version": "1",
        "mean_logprob": None,
    }
    english = {
        "language": "en",
        "caption": "A red mug.",
        "truncated": False,
        "origin": "GENERATED",
        "prompt_id": "describe-en",
        "finish_reason": "stop",
        "attempt": 0,
        "seed": None,
    }
    chinese = {
        "language": "zh-Hans",
        "caption": "红色杯子。",
        "truncated": True,
        "origin": "REUSED",
        "prompt_id": "describe-zh-Hans",
        "finish_reason": "length",
        "attempt": 1,
        "seed": 5,
    }
    assert value == {
        "event_id": EVENT,
        "image_id": "img-1",
        "merchant": "shop",
        "category": "food",
        "task": "DESCRIBE",
        "source": {"topic": "uploads", "partition": 0, "offset": 9},
        "run_id": "run-1",
        "is_replay": True,
        "uploaded_at": datetime.fromtimestamp(NEW_YEAR_MS / 1000, UTC),
        "captioned_at": moment,
        "image": {
            "uri": "http://shop/1.jpg",
            "content_sha256": "ab" * 32,
            "phash": "0123456789abcdef",
            "hash_algorithm": "phash64+lab8x8/1",
            "format": "WEBP",
            "width": 640,
            "height": 480,
            "frames": 3,
        },
        "texts": [common | english, common | chinese],
        "origin": "GENERATED",
        "duplicate_of": "img-0",
        "hash_distance": 4,
        "colour_distance": 3.5,
        "flags": ["placeholder"],
        "model": "tiny",
        "model_revision": "r1",
        "question": None,
        "moderation_verdict": "UNKNOWN",
    }


def test_an_answer_says_what_was_asked() -> None:
    asked = candidate(task=Task.ANSWER, question="What is it?")
    assert published(asked)[1]["question"] == "What is it?"
    assert published(candidate(question="What is it?"))[1]["question"] is None


def test_keywords_and_alt_text() -> None:
    made = replace(text(), alt_text="A mug", keywords=("mug", "red mug"))
    _, value = published(source(), (made,))
    assert (value["texts"][0]["alt_text"], value["texts"][0]["keywords"]) == ("A mug", ["mug", "red mug"])


def test_of_verdicts_that_disagree_the_gravest_counts() -> None:
    nude = Region(Reason.NUDITY, 10, 20, 500, 1000)
    safe, grave = (
        replace(text(), moderation=Moderation(ModerationVerdict.SAFE, (), ())),
        replace(text(), moderation=Moderation(ModerationVerdict.VIOLATION, (Reason.NUDITY, Reason.MINOR), (nude,))),
    )
    _, value = published(source(), (safe, grave))
    assert value["moderation_verdict"] == "VIOLATION"
    assert [told["moderation"] for told in value["texts"]] == [
        {"verdict": "SAFE", "reasons": [], "regions": []},
        {
            "verdict": "VIOLATION",
            "reasons": ["NUDITY", "MINOR"],
            "regions": [{"reason": "NUDITY", "left": 10, "top": 20, "right": 500, "bottom": 1000}],
        },
    ]
    assert published(source(), (safe,))[1]["moderation_verdict"] == "SAFE"


def test_the_topic_has_a_word_for_all_that_a_model_may_say() -> None:
    schema = load_schema("caption")
    fields = next(field for field in schema["fields"] if field["name"] == "texts")["type"]["items"]["fields"]
    parts = next(field for field in fields if field["name"] == "moderation")["type"][1]["fields"]
    verdicts, reasons = parts[0]["type"]["symbols"], parts[1]["type"]["items"]["symbols"]
    assert verdicts == ["UNKNOWN", *ModerationVerdict]
    assert reasons == ["UNKNOWN", *Reason]


@pytest.mark.parametrize(
    ("reused", "origin"),
    [((False, False), "GENERATED"), ((True, False), "GENERATED"), ((True, True), "REUSED")],
)
def test_reused_when_every_text_was(reused: tuple[bool, bool], origin: str) -> None:
    _, value = published(source(), (text(), text(language="zh-Hans")), reused)
    assert value["origin"] == origin
    assert [t["origin"] == "REUSED" for t in value["texts"]] == list(reused)


def test_key_topic_timestamp_and_origin() -> None:
    of = source()
    sent, _ = published(of)
    assert (sent.topic, sent.key, sent.timestamp_ms) == ("captions", b"img-1", 1_800_000_000_250)
    assert sent.origin is of.record


def test_cloudevents_headers_in_order() -> None:
    sent, _ = published(source())
    assert [(header.name, header.value) for header in sent.headers] == [
        ("ce_specversion", b"1.0"),
        ("ce_id", EVENT.encode()),
        ("ce_source", b"/captionstream/uploads"),
        ("ce_type", b"captionstream.caption.v1"),
        ("ce_time", b"2027-01-15T08:00:00.250Z"),
        ("ce_subject", b"img-1"),
        ("content-type", b"application/avro"),
    ]


def test_the_trace_goes_on_and_other_headers_stay_behind() -> None:
    sent, _ = published(source(traceparent=b"00-ab-cd-01", tracestate=b"k=v", cookie=b"secret"))
    assert [(header.name, header.value) for header in sent.headers[7:]] == [
        ("traceparent", b"00-ab-cd-01"),
        ("tracestate", b"k=v"),
    ]


def test_its_audit_records_come_with_it() -> None:
    texts = (text(), text(language="zh-Hans"))
    done = encode()(Finished(caption=caption(source(), texts)))
    assert [sent.topic for sent in done.audits] == ["audits", "audits"]
    assert len(done.records) == 1


def test_a_tombstone() -> None:
    gone = Tombstone(record(12, b"img-1", None, {"traceparent": b"00-ab"}), "img-1", "shop")
    done = encode()(Finished(tombstone=gone))
    (sent,) = done.records
    assert done.audits == ()
    assert (sent.topic, sent.key, sent.value) == ("captions", b"img-1", None)
    headers = {header.name: header.value for header in sent.headers}
    assert headers["ce_type"] == b"captionstream.caption.deleted.v1"
    assert headers["traceparent"] == b"00-ab"
    assert headers["caption.origin"] == str(origin_of(gone.record)).encode()
    assert headers["caption.origin"].endswith(b"/12")
    assert headers["ce_id"] == {h.name: h.value for h in encode()(Finished(tombstone=gone)).records[0].headers}["ce_id"]
    other = encode()(Finished(tombstone=Tombstone(record(13, value=None), "img-1", "shop"))).records[0]
    assert headers["ce_id"] != {h.name: h.value for h in other.headers}["ce_id"]


def test_confluent_captions() -> None:
    wire = WireFormat("confluent", ((42, "caption"),))
    (sent,) = encode(wire)(Finished(caption=caption(source()))).records
    assert sent.value is not None
    assert sent.value[:5] == b"\x00\x00\x00\x00\x2a"
    assert Decoder("caption", wire).decode(sent.value)["event_id"] == EVENT


def test_an_empty_output_is_a_bug() -> None:
    with pytest.raises(ValueError, match="neither"):
        encode()(Finished())


def test_inline_pictures_have_no_address() -> None:
    assert published(source(uri=None))[1]["image"]["uri"] is None
    assert published(candidate())[1]["image"]["uri"] is None


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        (None, None),
        ("file:///pictures/1.jpg", "file:///pictures/1.jpg"),
        ("https://shop/1.jpg?token=abc", "https://shop/1.jpg"),
        ("https://shop/1.jpg#token=abc", "https://shop/1.jpg"),
        ("https://user:secret@shop:8080/1.jpg", "https://shop:8080/1.jpg"),
        ("https://user@mail:secret@shop/1.jpg", "https://shop/1.jpg"),
        ("https://shop?token=abc", "https://shop"),
        ("s3://bucket/k?X-Amz-Signature=abc", "s3://bucket/k"),
    ],
)
def test_addresses_lose_what_may_be_secret(uri: str | None, shown: str | None) -> None:
    assert public_uri(uri) == shown
