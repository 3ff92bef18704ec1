import pickle
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from data.samples import record

from schemas.codec import FOLDER, Encoder, WireFormat
from transforms.captioner.prompts import Library
from transforms.decode import DecodeEvent, milliseconds
from transforms.errors import EventInvalid, InputError
from transforms.values import Decoded, Deletion, KafkaRecord, Task, Upload

MOMENT = datetime(2026, 1, 1, 12, 0, 0, 123_000, tzinfo=UTC)
LEAST = {"image_id": "img-1", "uploaded_at": MOMENT, "uri": "file:///1.jpg"}
DECODE = DecodeEvent()


def event(**fields: Any) -> KafkaRecord:
    return record(value=Encoder("image_upload").encode(LEAST | fields))


def decoded(source: KafkaRecord, decode: DecodeEvent = DECODE) -> Upload:
    result = decode(source)
    assert isinstance(result, Decoded)
    assert result.record is source
    return result.upload


def test_a_full_event() -> None:
    upload = decoded(
        event(
            uploaded_at=MOMENT,
            merchant="shop",
            category="food",
            task="DESCRIBE",
            languages=["en", "zh-Hans"],
            attributes={"title": "Mug", "colour": "red"},
            question="What?",
        )
    )
    assert upload == Upload(
        "img-1",
        1_767_268_800_123,
        "shop",
        "food",
        Task.DESCRIBE,
        ("en", "zh-Hans"),
        (("colour", "red"), ("title", "Mug")),
        "What?",
        "file:///1.jpg",
        None,
    )


def test_the_least_event() -> None:
    upload = decoded(event())
    assert (upload.task, upload.languages) == (Task.DESCRIBE, ("zh-Hans", "en"))
    assert (upload.merchant, upload.category, upload.attributes, upload.question) == ("", "", (), None)


GOOD = [
    ({"uri": None, "image": b"\xff\xd8"}, "inline", b"\xff\xd8"),
    ({"uri": None, "image": b""}, "inline", b""),  # Fetch or Inspect says that it is empty
    ({"image_id": "图" * 256}, "image_id", "图" * 256),
    ({"languages": ["zh-CN", "zh", "EN"]}, "languages", ("zh-Hans", "en")),
    ({"languages": ["en"] * 1000}, "languages", ("en",)),
    ({"languages": ["en-US", "zh-TW", "en-GB", "zh_Hant_HK", "en"]}, "languages", ("en", "zh-Hant")),
    ({"task": "MODERATE", "languages": ["zh-CN"]}, "task", Task.MODERATE),
    ({"task": "INDEX"}, "languages", ("zh-Hans", "en")),
    ({"task": "ANSWER", "question": "?" * 300}, "question", "?" * 300),
    ({"task": "INDEX", "question": "?" * 5000}, "question", "?" * 5000),  # nobody reads it
    ({"attributes": {f"a{n:02}": "v" * 4096 for n in range(64)}}, "merchant", ""),
    ({"uploaded_at": datetime(1960, 1, 1, tzinfo=UTC)}, "uploaded_at_ms", -315_619_200_000),
    ({"uploaded_at": -1}, "uploaded_at_ms", -1),
]


@pytest.mark.parametrize(("fields", "name", "value"), GOOD, ids=range(len(GOOD)))
def test_good_events(fields: dict[str, Any], name: str, value: Any) -> None:
    assert getattr(decoded(event(**fields)), name) == value


BAD = [
    ({"image_id": ""}, "event_invalid", "image_id has `0` characters; it must have 1 to 256"),
    ({"image_id": "x" * 257}, "event_invalid", "image_id has `257` characters"),
    ({"uri": None}, "event_invalid", "the event has `neither` of uri and image; set exactly one"),
    ({"image": b"x"}, "event_invalid", "the event has `both` of uri and image"),
    ({"attributes": {str(n): "" for n in range(65)}}, "event_invalid", "the event has `65` attributes"),
    ({"languages": [f"x{n}" for n in range(17)]}, "event_invalid", "asks for `17` languages; name 1 to 16 BCP 47"),
    ({"merchant": "acme\x1f0/4"}, "event_invalid", "merchant `acme\\x1f0/4` has a control character; leave it out"),
    ({"merchant": "m" * 257}, "event_invalid", "merchant has `257` characters; at most 256 are taken"),
    (
        {"attributes": {"title": "x" * 4097}},
        "event_invalid",
        "attribute `title` has `4097` characters; a name takes at most 256, a value 4096",
    ),
    ({"languages": []}, "event_invalid", "the event asks for `0` languages"),
    (
        {"languages": ["en", "fr"]},
        "unsupported_language",
        "no prompt for DESCRIBE in `fr`; the prompt library speaks `en`, `zh-Hans`, `zh-Hant`",
    ),
    ({"languages": ["fr-CA"]}, "unsupported_language", "no prompt for DESCRIBE in `fr-CA`"),
    ({"languages": [""]}, "unsupported_language", "no prompt for DESCRIBE in ``"),
    ({"languages": ["-"]}, "unsupported_language", "no prompt for DESCRIBE in `-`"),
    ({"languages": ["x" * 999]}, "unsupported_language", f"in `{'x' * 80}`;"),
    ({"task": "UNKNOWN"}, "unsupported_task", "`UNKNOWN` is not served; the prompt library serves `ANSWER`, `DES"),
    ({"task": "ANSWER"}, "event_invalid", "task `ANSWER` needs a question; set the field question"),
    ({"task": "ANSWER", "question": " \n«»\u200b"}, "event_invalid", "task `ANSWER` needs a question"),
    (
        {"task": "ANSWER", "question": "?" * 301},
        "event_invalid",
        "question has `301` characters; at most 300 are taken",
    ),
]


@pytest.mark.parametrize(("fields", "code", "words"), BAD, ids=range(len(BAD)))
def test_bad_events(fields: dict[str, Any], code: str, words: str) -> None:
    with pytest.raises(InputError) as raised:
        DECODE(event(**fields))
    assert raised.value.code == code
    assert words in raised.value.message


def test_tasks_that_a_library_does_not_have() -> None:
    for task in ("MODERATE", "INDEX", "ANSWER"):
        with pytest.raises(InputError) as raised:
            DecodeEvent(prompts=Library.load("tiny"))(event(task=task))
        assert raised.value.code == "unsupported_task"
        assert raised.value.message == f"task `{task}` is not served; the prompt library serves `DESCRIBE`"


@pytest.mark.parametrize("value", [b"", b"not avro", b"\x00\x00\x00\x00\x01", b'{"image_id": "x"}'])
def test_values_that_are_no_event(value: bytes) -> None:
    with pytest.raises(InputError) as raised:
        DECODE(record(value=value))
    assert raised.value.code == "event_undecodable"
    assert f"value of {len(value)} bytes" in raised.value.message


def test_an_unknown_schema_id() -> None:
    decode = DecodeEvent(WireFormat("confluent", ((1, "image_upload"),)))
    with pytest.raises(InputError) as raised:
        decode(record(value=b"\x00\x00\x00\x00\x02rest"))
    assert raised.value.code == "unknown_schema"
    assert "`2`" in raised.value.message


def test_a_deletion() -> None:
    source = record(key="图-1".encode(), value=None, headers={"merchant": b"shop"})
    assert DECODE(source) == Deletion(source, "图-1", "shop")


@pytest.mark.parametrize("headers", [{}, {"merchant": None}, {"merchant": b""}, {"other": b"x"}])
def test_a_deletion_without_merchant(headers: dict[str, bytes | None]) -> None:
    result = DECODE(record(value=None, headers=headers))
    assert isinstance(result, Deletion)
    assert result.merchant == ""


@pytest.mark.parametrize(
    ("key", "headers", "words"),
    [
        (None, {}, "a record without value has a key of `0` characters; a deletion's key is the image id"),
        (b"", {}, "key of `0` characters"),
        (b"x" * 257, {}, "key of `257` characters"),
        (b"\xff\xfe", {}, "a deletion's key or merchant header is not `UTF-8`"),
        (b"img-1", {"merchant": b"\xff"}, "a deletion's key or merchant header is not `UTF-8`"),
        (b"img-1", {"merchant": b"a\nb"}, "merchant `a\\nb` has a control character"),
    ],
)
def test_bad_deletions(key: bytes | None, headers: dict[str, bytes | None], words: str) -> None:
    with pytest.raises(InputError) as raised:
        DECODE(record(key=key, value=None, headers=headers))
    assert raised.value.code == "event_invalid"
    assert words in raised.value.message


@pytest.mark.parametrize(
    ("kind", "written", "expected"),
    [
        ('{"type": "long", "logicalType": "timestamp-millis"}', MOMENT, 1_767_268_800_123),
        ('{"type": "long", "logicalType": "timestamp-micros"}', MOMENT, 1_767_268_800_123),
        ('"long"', 1_767_268_800_123, 1_767_268_800_123),
        ('"int"', 5, 5),
    ],
    ids=["millis", "micros", "plain long", "int"],
)
def test_producers_may_write_the_moment_in_their_own_way(
    tmp_path: Path, kind: str, written: Any, expected: int
) -> None:
    ours = (FOLDER / "image_upload.avsc").read_text()
    path = tmp_path / "theirs.avsc"
    path.write_text(ours.replace('{"type": "long", "logicalType": "timestamp-millis"}', kind))
    wire = WireFormat("avro", ((1, str(path)),))
    value = Encoder("image_upload", wire).encode(LEAST | {"uploaded_at": written})
    assert decoded(record(value=value), DecodeEvent(wire)).uploaded_at_ms == expected


@pytest.mark.parametrize("written", [1_767_268_800_123_000_000, -(2**63), 253_402_300_800_000])
def test_a_moment_that_no_consumer_could_read_is_refused(tmp_path: Path, written: int) -> None:
    """A schema that calls it a plain long lets anything through; nanoseconds, for example."""
    ours = (FOLDER / "image_upload.avsc").read_text()
    path = tmp_path / "theirs.avsc"
    path.write_text(ours.replace('{"type": "long", "logicalType": "timestamp-millis"}', '"long"'))
    wire = WireFormat("avro", ((1, str(path)),))
    value = Encoder("image_upload", wire).encode(LEAST | {"uploaded_at": written})
    with pytest.raises(EventInvalid, match=f"uploaded_at is `{written}`, which is no time before the year 10000"):
        DecodeEvent(wire)(record(value=value))


def test_milliseconds_are_exact() -> None:
    assert milliseconds(datetime(1970, 1, 1, tzinfo=UTC)) == 0
    assert milliseconds(datetime(1970, 1, 1, 0, 0, 0, 1000)) == 1
    assert milliseconds(datetime(1969, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)) == -1
    assert milliseconds(datetime(9999, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)) == 253_402_300_799_999


def test_it_travels_to_workers_after_use() -> None:
    DECODE(event())
    copy = pickle.loads(pickle.dumps(DECODE))  # noqa: S301 - our own
    assert copy == DECODE
    assert decoded(event(), copy).image_id == "img-1"
