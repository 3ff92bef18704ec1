"""Records as entries: what is told of them, and what never is."""

import hashlib
import json
from dataclasses import replace

import pytest
from data.report_world import START_MS, World
from data.samples import record

from pipeline.inspect.decoded import Reader, facts
from pipeline.inspect.find import MOST, Found, merchant_of, partition_of
from pipeline.inspect.one import parse_place
from pipeline.inspect.said import said
from pipeline.inspect.show import history, whole
from pipeline.inspect.topics import Kind, Topics
from schemas.codec import Encoder
from transforms.errors import ConfigInvalid, ImageMissing
from transforms.origin import Origin
from transforms.values import (
    Caption,
    KafkaRecord,
    Moderation,
    ModerationVerdict,
    Reason,
    Task,
    Tombstone,
)
from transforms.warm import cached_texts, forgotten

TOPICS = Topics(("uploads",), "captions", "dead", "audits", "cache")
READER = Reader(TOPICS)
PNG = b"\x89PNG\r\n\x1a\n" + b"p" * 5000


def event(**changes: object) -> bytes:
    value = {"image_id": "img-1", "uploaded_at": START_MS, "merchant": "shop", "image": PNG, **changes}
    return Encoder("image_upload").encode(value)


def in_cache(caption: Caption) -> KafkaRecord:
    (sent,) = cached_texts(caption, "cache", START_MS)
    return KafkaRecord("cache", 0, 0, START_MS, sent.key, sent.value)


def test_an_upload_is_decoded_and_its_picture_is_three_facts() -> None:
    headers = {"caption.origin": b"first/2/30", "authorization": b"Bearer s3cret", "empty": None}
    entry = READER.read(record(7, value=event(), headers=headers))
    assert (entry.kind, entry.image_id, entry.key) == ("upload", "img-1", "img-1")
    assert (str(entry.place), str(entry.source)) == ("uploads/0/7", "first/2/30")
    assert entry.value is not None
    assert entry.value["image"] == {"bytes": len(PNG), "format": "PNG", "sha256": hashlib.sha256(PNG).hexdigest()}
    assert entry.headers == {"caption.origin": "first/2/30", "authorization": {"bytes": 13}, "empty": {"bytes": 0}}
    line = json.dumps(entry.as_json(), ensure_ascii=False)
    assert "s3cret" not in line
    assert len(line) < 1500
    assert said(entry) == (
        f"asks DESCRIBE in zh-Hans, en; PNG of {len(PNG):,} bytes, sha256 {hashlib.sha256(PNG).hexdigest()[:12]}"
    )


def test_an_address_has_no_secret() -> None:
    data = event(image=None, uri="https://u5er:pa55@h.example/a.jpg?token=s3cret#part")
    entry = READER.read(record(value=data))
    assert entry.value is not None
    assert entry.value["uri"] == "https://h.example/a.jpg"
    assert said(entry).endswith("; at https://h.example/a.jpg")


@pytest.mark.parametrize("topic", ["uploads", "captions", "audits", "cache"])
def test_what_cannot_be_decoded_says_why(topic: str) -> None:
    entry = READER.read(replace(record(value=b"PK\x03\x04"), topic=topic))
    assert entry.value is not None
    assert entry.value["sha256"] == hashlib.sha256(b"PK\x03\x04").hexdigest()
    assert entry.value["format"] == "ZIP"
    assert said(entry).startswith("cannot be read: ")
    assert entry.image_id == ""


def test_records_without_a_value() -> None:
    world = World()
    world.withdrawn("img-1", 4, at=3)
    deletion = READER.read(record(value=None, headers={"merchant": b"shop"}))
    withdrawal = READER.read(world.captions[0])
    assert (deletion.kind, said(deletion), merchant_of(deletion)) == ("deletion", "asks to delete the image", "shop")
    assert (withdrawal.kind, withdrawal.image_id) == ("withdrawal", "img-1")
    assert said(withdrawal) == "the image's captions are withdrawn"


def test_what_other_tasks_say_is_in_the_line() -> None:
    world = World()
    nude = Moderation(ModerationVerdict.VIOLATION, (Reason.NUDITY, Reason.MINOR), ())
    world.caption("img-0", 1, task=Task.MODERATE, changes={"moderation": nude})
    safe = Moderation(ModerationVerdict.SAFE, (), ())
    world.caption("img-0", 2, task=Task.MODERATE, changes={"moderation": safe})
    world.caption("img-0", 3, task=Task.INDEX, changes={"keywords": ("mug", "red mug")})
    world.caption("img-0", 4, changes={"alt_text": "A mug"})
    told = "A red mug on a white table."
    assert [said(READER.read(one)) for one in world.captions] == [
        f"GENERATED; en: VIOLATION (NUDITY, MINOR): {told}",
        f"GENERATED; en: SAFE: {told}",
        f"GENERATED; en: {told} [mug, red mug]",
        f"GENERATED; en: {told} (alt: A mug)",
    ]
    asked = READER.read(record(value=event(task="ANSWER", question="What is it?")))
    assert said(asked).startswith("asks ANSWER in zh-Hans, en to “What is it?”; PNG of")


def test_a_caption_and_its_answers_name_their_upload() -> None:
    world = World()
    first = world.caption("img-0", 3, at=5)
    world.caption("img-1", 4, at=6, reuses=first, flags=("placeholder",))
    world.refused("img-2", 5, at=7, rules=("repetition",))
    caption, reused = (READER.read(one) for one in world.captions)
    assert (caption.source, caption.time_ms) == (Origin("uploads", 0, 3), START_MS + 5000)
    assert said(caption) == "GENERATED; en: A red mug on a white table."
    assert said(reused) == "REUSED from img-0 [placeholder]; en: A red mug on a white table."
    lines = [said(READER.read(one)) for one in world.audits]
    assert lines == [
        "answer 1: PASSED in en; 90 + 12 tokens, 340 ms",
        "text of img-0 used again: PASSED in en",
        "answer 1: REJECTED (repetition) in en; 90 + 12 tokens, 340 ms",
    ]


def test_a_dead_letter_holds_its_upload_and_lies_where_it_failed() -> None:
    world = World()
    world.letter("img-3", ImageMissing("`1.jpg` is not there"), 3, at=99, attempt=2)
    entry = READER.read(world.letters[0])
    assert (entry.image_id, entry.source, entry.time_ms) == ("img-3", Origin("uploads", 0, 3), START_MS + 99_000)
    assert entry.value is not None
    assert entry.value["upload"]["uri"] == "https://h.example/1.jpg"
    assert entry.value["uploaded"] == "2026-01-01T00:00:03.000Z"
    assert said(entry) == "image_missing (not retryable, redriven 2 times) at Fetch image: `1.jpg` is not there"
    assert merchant_of(entry) == "shop"
    foreign = READER.read(replace(record(value=None, key=b"k"), topic="dead"))
    assert said(foreign) == "cannot be read: it has not the headers of a dead letter"


def test_cached_texts_are_told_without_fingerprints() -> None:
    world = World()
    entry = READER.read(in_cache(world.caption("img-0", 3, at=5)))
    assert (entry.kind, entry.image_id, entry.source) == ("cached texts", "img-0", Origin("uploads", 0, 3))
    assert said(entry) == "DESCRIBE; en: A red mug on a white table."
    (sent, *_) = forgotten(Tombstone(record(), "img-0", "shop"), "cache", START_MS)
    gone = READER.read(KafkaRecord("cache", 0, 1, START_MS, sent.key, None))
    assert said(gone) == "forgotten"


def test_a_whole_record_leaves_the_stack_trace_to_json() -> None:
    world = World()
    world.letter("img-3", ImageMissing("gone"), 3)
    entry = READER.read(world.letters[0])
    assert "exception.stacktrace" not in whole(entry)
    assert "__connect.errors.exception.stacktrace" in entry.as_json()["headers"]


def test_nothing_of_a_record_steers_the_terminal() -> None:
    hostile = "\x1b[2Jx\u202e[bold]"
    entry = READER.read(record(value=event(image_id=hostile), headers={"merchant": b"\x1b[2J"}))
    found = Found([entry])
    for shown in (whole(entry), history(found, hostile)):
        assert "\x1b" not in shown.replace("\\u001b", "")
        assert "\u202e" not in shown
    assert "\\x1b[2Jx\\u202e[bold]" in history(found, hostile)


def test_history_is_by_time_and_an_answer_comes_before_its_caption() -> None:
    world = World()
    world.caption("img-1", 3, at=5)
    world.letter("img-1", ImageMissing("gone"), 3, at=2)
    records = [*world.captions, *world.audits, *world.letters, record(3, value=event())]
    found = Found()
    for one in records:
        found.add(READER.read(one))
    found.finish()
    assert [entry.kind for entry in found.entries] == ["dead letter", "upload", "answer", "caption"]
    assert history(found, "image img-1").startswith("image img-1: 4 records in 4 topics\n")


def test_of_very_many_records_the_newest_are_kept() -> None:
    found, entry = Found(), READER.read(record(value=event()))
    for n in range(3 * MOST + 7):
        found.add(replace(entry, time_ms=n))
    found.finish()
    assert (len(found.entries), found.left_out) == (MOST, 2 * MOST + 7)
    assert (found.entries[0].time_ms, found.entries[-1].time_ms) == (2 * MOST + 7, 3 * MOST + 6)
    assert f"1,000 records in 1 topic; {2 * MOST + 7:,} older ones are left out" in history(found, "image x")


def test_topics_are_told_apart() -> None:
    assert [TOPICS.kind(name) for name in ("uploads", "captions", "audits")] == [
        Kind.UPLOADS,
        Kind.CAPTIONS,
        Kind.AUDIT,
    ]
    with pytest.raises(ConfigInvalid, match="topic `else` is none of those that were named"):
        TOPICS.kind("else")
    with pytest.raises(ConfigInvalid, match="topic `a` is used twice; mend --topic, --captions-topic"):
        Topics(("a",), "a")


@pytest.mark.parametrize("text", ["", "uploads", "uploads/1", "uploads/x/1", "uploads/1/-1", "a/b/1/2"])
def test_places_that_are_none(text: str) -> None:
    with pytest.raises(ConfigInvalid, match="is not TOPIC/PARTITION/OFFSET; mend --record"):
        parse_place(text)


def test_keys_go_where_java_puts_them() -> None:
    # org.apache.kafka.common.utils.Utils.murmur2, from Kafka's own UtilsTest.
    assert [partition_of(key, 1 << 31) for key in (b"21", b"foobar", b"abc")] == [
        -973932308 & 0x7FFFFFFF,
        -790332482 & 0x7FFFFFFF,
        479470107,
    ]


def test_facts_of_bytes() -> None:
    assert facts(b"") == {"bytes": 0, "format": facts(b"")["format"], "sha256": hashlib.sha256(b"").hexdigest()}
    assert facts(b"<svg xmlns='http://www.w3.org/2000/svg'/>")["format"] == "SVG"
