"""What earlier versions wrote is read back, bare and behind a schema id."""

import json
import random
import time
from typing import Any

import pytest
from make_golden import plain
from test_history import PUBLISHED, golden

from schemas.codec import FOLDER, Encoder
from schemas.published import PublishedDecoder, versions
from transforms.errors import EventUndecodable

OURS = [(topic, version) for topic, version in PUBLISHED if topic in ("caption", "audit")]


def known(value: dict[str, Any], expected: dict[str, Any]) -> dict[str, Any]:
    """Of the value what the version knew; of its texts, too."""
    texts = expected.get("texts", [])
    held = {name: value[name] for name in expected if name in value}
    if texts:
        held["texts"] = [{name: text[name] for name in old} for text, old in zip(value["texts"], texts, strict=True)]
    return held


@pytest.mark.parametrize(("topic", "version"), OURS)
@pytest.mark.parametrize("prefix", [b"", b"\0\0\0\x01\x2c"], ids=["bare", "confluent"])
def test_every_version_is_read_back(topic: str, version: int, prefix: bytes) -> None:
    data, expected = golden(topic, version)
    assert known(plain(PublishedDecoder(topic).decode(prefix + data)), expected) == expected


@pytest.mark.parametrize("topic", ["caption", "audit"])
def test_versions_are_all_that_was_published_the_newest_first(topic: str) -> None:
    count = len(list((FOLDER / "history" / topic).glob("v*.avsc")))
    assert len(versions(topic)) == count
    newest = json.loads((FOLDER / f"{topic}.avsc").read_text())
    assert [field["name"] for field in versions(topic)[0]["fields"]] == [field["name"] for field in newest["fields"]]
    oldest = json.loads((FOLDER / "history" / topic / "v1.avsc").read_text())
    assert [field["name"] for field in versions(topic)[-1]["fields"]] == [field["name"] for field in oldest["fields"]]


@pytest.mark.parametrize("topic", ["caption", "audit"])
def test_what_is_of_no_version_is_refused(topic: str) -> None:
    data, _ = golden(topic, 1)
    decoder, dice = PublishedDecoder(topic), random.Random(3)
    words = f"is not Avro of any version of `captionstream.{topic.capitalize()}`; check that the topic"
    for damaged in (b"", b"\0", b"\0" * 5, data[:-1], data + b"\0\0\0\0", data[1:], dice.randbytes(300)):
        with pytest.raises(EventUndecodable, match=words):
            decoder.decode(damaged)


def test_a_whole_topic_is_read_fast() -> None:
    data, _ = golden("audit", 1)
    decoder = PublishedDecoder("audit")
    started = time.process_time()
    for _ in range(2000):
        decoder.decode(data)
    assert time.process_time() - started < 2  # of an old version: 1 ms each would be too slow


def test_an_old_audit_record_has_no_hash() -> None:
    data, expected = golden("audit", 1)
    value = PublishedDecoder("audit").decode(data)
    assert (value["text"], value["text_sha256"]) == (expected["text"], "")


def test_what_the_job_writes_now_is_read_as_it_was() -> None:
    value = json.loads((FOLDER / "history" / "audit" / "v2.json").read_text())
    data = Encoder("audit").encode({**value, "answered_at": 1_700_000_000_123})
    assert PublishedDecoder("audit").decode(data)["text_sha256"] == value["text_sha256"]
