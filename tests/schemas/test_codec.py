import contextlib
import random
import struct
import time
import tracemalloc
from datetime import UTC, datetime
from pathlib import Path

import pytest

from schemas.codec import FOLDER, Decoder, Encoder, WireFormat, load_schema, schema_json
from schemas.registry import RegistryOptions
from transforms.errors import ConfigInvalid, EventUndecodable, InputError, UnknownSchema

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
LEAST = {"image_id": "img-1", "uploaded_at": MOMENT, "uri": "file:///1.jpg"}
BODY = Encoder("image_upload").encode(LEAST)
CONFLUENT = WireFormat("confluent", ((7, "image_upload"), (300, "image_upload")))


def long(value: int) -> bytes:
    """Avro's zig-zag varint."""
    word, out = (value << 1) ^ (value >> 63), b""
    while word > 0x7F:
        out, word = out + bytes(((word & 0x7F) | 0x80,)), word >> 7
    return out + bytes((word,))


@pytest.mark.parametrize("wire", [WireFormat(), CONFLUENT], ids=["avro", "confluent"])
def test_values_come_back(wire: WireFormat) -> None:
    data = Encoder("image_upload", wire).encode(LEAST)
    value = Decoder("image_upload", wire).decode(data)
    assert value["image_id"] == "img-1"
    assert value["uploaded_at"] == MOMENT
    assert value["uri"] == "file:///1.jpg"


def test_a_bare_upload_asks_for_a_description_in_chinese_and_english() -> None:
    value = Decoder("image_upload").decode(Encoder("image_upload").encode(LEAST))
    assert value["task"] == "DESCRIBE"
    assert value["languages"] == ["zh-Hans", "en"]
    assert (value["merchant"], value["category"], value["attributes"]) == ("", "", {})
    assert (value["question"], value["image"]) == (None, None)


def test_confluent_prefix_holds_the_first_id() -> None:
    assert Encoder("image_upload", CONFLUENT).encode(LEAST)[:5] == b"\x00\x00\x00\x00\x07"


def test_every_configured_writer_is_read() -> None:
    for schema_id in (7, 300):
        value = Decoder("image_upload", CONFLUENT).decode(struct.pack(">bI", 0, schema_id) + BODY)
        assert value["image_id"] == "img-1"


def test_an_unknown_id_names_it_and_the_option() -> None:
    with pytest.raises(UnknownSchema) as raised:
        Decoder("image_upload", CONFLUENT).decode(struct.pack(">bI", 0, 99) + b"rest")
    assert raised.value.code == "unknown_schema"
    assert "schema id `99` is not configured (known: 7, 300)" in raised.value.message
    assert "--schema-id" in raised.value.message


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\x01\x00\x00\x00\x07", "magic byte `1` is not Confluent's 0"),
        (b"\xff\x00\x00\x00\x07rest", "magic byte `255` is not Confluent's 0"),
        (b"", "`0` bytes is shorter than the Confluent prefix"),
        (b"\x00\x00\x00\x07", "`4` bytes is shorter than the Confluent prefix"),
        (b"\x00\x00\x00\x00\x07", "value of 5 bytes is not Avro of schema `captionstream.ImageUpload`"),
        (b"\x00\x00\x00\x00\x07\xff\xff\xff", "value of 8 bytes is not Avro"),
    ],
)
def test_damaged_confluent_values(data: bytes, words: str) -> None:
    with pytest.raises(EventUndecodable) as raised:
        Decoder("image_upload", CONFLUENT).decode(data)
    assert raised.value.code == "event_undecodable"
    assert words in raised.value.message


@pytest.mark.parametrize("data", [b"", b"hello", b"{}", b"\x00", b"\xff" * 12, b"PK\x03\x04", b"\xff\xd8\xff"])
def test_what_is_not_avro(data: bytes) -> None:
    with pytest.raises(EventUndecodable) as raised:
        Decoder("image_upload").decode(data)
    assert f"value of {len(data)} bytes is not Avro" in raised.value.message
    assert "check the producer's schema and wire format" in raised.value.message


def test_bytes_left_over_are_refused() -> None:
    with pytest.raises(EventUndecodable) as raised:
        Decoder("image_upload").decode(Encoder("image_upload").encode(LEAST) + b"\x00\x00\x00")
    assert "has `3` bytes after the Avro body" in raised.value.message


def test_every_truncation_is_refused() -> None:
    data = Encoder("image_upload").encode(LEAST)
    decoder = Decoder("image_upload")
    for length in range(len(data)):
        with pytest.raises(EventUndecodable):
            decoder.decode(data[:length])


@pytest.mark.parametrize("wire", [WireFormat(), CONFLUENT], ids=["avro", "confluent"])
def test_random_bytes_raise_nothing_but_input_errors(wire: WireFormat) -> None:
    dice, decoder = random.Random(20260101), Decoder("image_upload", wire)
    good = Encoder("image_upload", wire).encode(LEAST)
    for number in range(5000):
        data = dice.randbytes(dice.randrange(60))
        if number % 3 == 0:
            data = good[: -len(BODY)] + data
        elif number % 3 == 1:  # a good one with a few bytes changed
            changed = bytearray(good)
            for _ in range(dice.randrange(1, 4)):
                changed[dice.randrange(len(changed))] = dice.randrange(256)
            data = bytes(changed)
        with contextlib.suppress(InputError):
            assert isinstance(decoder.decode(data)["image_id"], str)


HEAD = long(1) + b"x" + long(0) + long(0) + long(0) + long(1)  # up to and with the task
HOSTILE = {
    "string of 2^62 bytes": long(2**62) + b"x",
    "string of 2^40 bytes": long(2**40) + b"x" * 100,
    "string of negative length": long(-5) + b"x" * 100,
    "endless varint": b"\xff" * 1000,
    "2^62 languages": HEAD + long(2**62) + long(1) + b"e",
    "2^40 empty languages": HEAD + long(2**40) + long(0) * 1000,
    "negative count of languages": HEAD + long(-(2**62)) + long(2**62) + long(1) + b"e",
    "2^62 attributes": HEAD + long(0) + long(2**62) + long(1) + b"e",
    "image of 2^62 bytes": HEAD + long(0) + long(0) + long(0) + long(0) + long(1) + long(2**62) + b"x",
    "task 100": long(1) + b"x" + long(0) + long(0) + long(0) + long(100),
    "branch 9 of a union": HEAD + long(0) + long(0) + long(9),
    "year 300000000": long(1) + b"x" + long(2**62) + b"\x00" * 20,
    "bytes that are not UTF-8": long(2) + b"\xff\xfe" + b"\x00" * 20,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_values_are_refused_quickly_and_in_little_memory(name: str) -> None:
    decoder = Decoder("image_upload")
    tracemalloc.start()
    try:
        started = time.process_time()
        with pytest.raises(EventUndecodable):
            decoder.decode(HOSTILE[name])
        assert time.process_time() - started < 0.5
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


def test_a_value_that_does_not_fit_is_a_bug_and_says_so() -> None:
    with pytest.raises((ValueError, TypeError)):
        Encoder("image_upload").encode({"image_id": "img-1"})
    with pytest.raises((ValueError, TypeError)):
        Encoder("image_upload").encode(LEAST | {"colour": "red"})


@pytest.mark.parametrize(
    ("format", "schemas", "words"),
    [
        ("json", (), "wire format `json` does not exist; use avro or confluent"),
        ("confluent", (), "needs a schema id; add --schema-id ID=FILE, or --registry URL"),
        ("avro", ((1, "image_upload"), (2, "image_upload")), "takes one writer schema; use `confluent`"),
    ],
)
def test_wire_formats_that_cannot_be(format: str, schemas: tuple[tuple[int, str], ...], words: str) -> None:  # noqa: A002
    with pytest.raises(ConfigInvalid) as raised:
        WireFormat(format, schemas)
    assert words in raised.value.message


def test_a_topic_that_changed_its_format_is_read_whole() -> None:
    decoder = Decoder("image_upload", WireFormat("mixed", ((7, "image_upload"),)))
    assert decoder.decode(BODY)["image_id"] == "img-1"
    assert decoder.decode(struct.pack(">bI", 0, 7) + BODY)["image_id"] == "img-1"
    with pytest.raises(UnknownSchema, match="schema id `8` is not configured"):
        decoder.decode(struct.pack(">bI", 0, 8) + BODY)
    with pytest.raises(EventUndecodable, match="value of 0 bytes is not Avro"):
        decoder.decode(b"")
    assert Encoder("image_upload", WireFormat("mixed", ((7, "image_upload"),))).encode(LEAST)[:5] == b"\0\0\0\0\7"


@pytest.mark.parametrize("name", ["caption", "audit", "image_upload"])
def test_our_records_begin_with_an_id_and_so_never_with_the_magic_byte(name: str) -> None:
    first = schema_json(name)["fields"][0]
    assert first["type"] == "string"
    assert first["name"].endswith("_id")


def test_a_registry_needs_ids_to_ask_for_and_an_id_to_write_with() -> None:
    registry = RegistryOptions("http://registry:8081")
    with pytest.raises(ConfigInvalid, match="wire format `avro` has no ids to ask the registry for"):
        WireFormat("avro", (), registry)
    with pytest.raises(ConfigInvalid, match="is written with a schema id"):
        Encoder("caption", WireFormat("confluent", (), registry))


@pytest.mark.parametrize("content", ["", "no json", "3", "null", "{}", '{"type": "enum", "name": "E"}', '"nope"'])
def test_a_schema_file_that_is_none(tmp_path: Path, content: str) -> None:
    path = tmp_path / "bad.avsc"
    path.write_text(content)
    with pytest.raises(ConfigInvalid) as raised:
        load_schema(str(path))
    assert f"schema file `{path}` is not an Avro schema" in raised.value.message


def test_a_schema_file_that_is_not_there() -> None:
    with pytest.raises(ConfigInvalid, match=r"schema file `/nowhere/x\.avsc` cannot be read; check its path"):
        load_schema("/nowhere/x.avsc")


def test_a_writer_schema_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "old.avsc"
    path.write_text((FOLDER / "image_upload.avsc").read_text().replace('"merchant"', '"seller"'))
    wire = WireFormat("avro", ((0, str(path)),))
    value = Decoder("image_upload", wire).decode(Encoder("image_upload", wire).encode(LEAST | {"seller": "s"}))
    assert value["merchant"] == ""
    assert "seller" not in value
