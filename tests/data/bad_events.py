"""Records that are no upload, each with the code it must end with.

``EVENTS`` maps a name to a record, the wire format that the job was told, and the code.
"""

from __future__ import annotations

import io
import json
import struct
import zlib
from dataclasses import dataclass
from typing import Any

import fastavro
from data.pictures.blocks import red_jpeg
from data.samples import record

from schemas.codec import FOLDER, Encoder, WireFormat
from transforms.values import KafkaRecord

BARE = WireFormat()
CONFLUENT = WireFormat("confluent", ((7, "image_upload"),))
LEAST: dict[str, Any] = {"image_id": "img-1", "uploaded_at": 1_767_268_800_123, "uri": "file:///1.jpg"}
FULL = LEAST | {
    "merchant": "shop",
    "category": "food",
    "languages": ["en", "zh-Hans"],
    "attributes": {"title": "Mug", "colour": "red"},
    "question": "What?",
}


@dataclass(frozen=True)
class BadEvent:
    record: KafkaRecord
    code: str
    wire: WireFormat = BARE


EVENTS: dict[str, BadEvent] = {}


def encoded(**fields: Any) -> bytes:
    return Encoder("image_upload").encode(LEAST | fields)


def _bad(name: str, value: bytes | None, code: str, wire: WireFormat = BARE, **more: Any) -> None:
    assert name not in EVENTS
    EVENTS[name] = BadEvent(record(value=value, **more), code, wire)


def _fields(name: str, code: str, **fields: Any) -> None:
    _bad(name, encoded(**fields), code)


def varint(number: int) -> bytes:
    """Avro's long: zigzag, seven bits at a time."""
    rest, made = number << 1 ^ number >> 63, bytearray()
    while rest & ~0x7F:
        made.append(rest & 0x7F | 0x80)
        rest >>= 7
    made.append(rest)
    return bytes(made)


def text(content: bytes, length: int | None = None) -> bytes:
    return varint(len(content) if length is None else length) + content


def body(**parts: bytes) -> bytes:
    """An event put together by hand, with any part of it wrong."""
    right = {
        "image_id": text(b"img-1"),
        "uploaded_at": varint(1_767_268_800_123),
        "merchant": text(b"shop"),
        "category": text(b""),
        "task": varint(1),
        "languages": varint(1) + text(b"en") + varint(0),
        "attributes": varint(0),
        "question": varint(0),
        "uri": varint(1) + text(b"file:///1.jpg"),
        "image": varint(0),
    }
    assert parts.keys() <= right.keys()
    return b"".join((right | parts).values())


def _cuts() -> None:
    whole = Encoder("image_upload").encode(FULL)
    for length in range(len(whole)):
        _bad(f"cut at {length}", whole[:length], "event_undecodable")
    for more in (b"\0", b"\n", b"\0\0", b"\xff", whole, b" " * 100):
        _bad(f"followed by {more[:8]!r}", whole + more, "event_undecodable")
    confluent = Encoder("image_upload", CONFLUENT).encode(FULL)
    for length in (*range(5), *range(5, len(confluent), 9)):
        _bad(f"confluent cut at {length}", confluent[:length], "event_undecodable", CONFLUENT)


def _wires() -> None:
    bare, confluent = Encoder("image_upload").encode(FULL), Encoder("image_upload", CONFLUENT).encode(FULL)
    _bad("bare where confluent is told", bare, "event_undecodable", CONFLUENT)
    _bad("confluent where bare is told", confluent, "event_undecodable")
    for magic in (1, 2, 0x0A, 0x7B, 0xFF):
        _bad(f"magic byte {magic}", bytes((magic,)) + confluent[1:], "event_undecodable", CONFLUENT)
    for number in (0, 1, 6, 8, 255, 256, 7 << 24, 2**31, 2**32 - 1):
        _bad(f"schema id {number}", struct.pack(">bI", 0, number) + bare, "unknown_schema", CONFLUENT)


def _foreign() -> None:
    container = io.BytesIO()
    fastavro.writer(container, json.loads((FOLDER / "image_upload.avsc").read_text()), [])
    for name, value in {
        "nothing": b"",
        "a zero": b"\0",
        "JSON": json.dumps({"image_id": "i", "uploaded_at": 1, "uri": "file:///1.jpg"}).encode(),
        "Avro as JSON": b'{"image_id": "i", "uri": {"string": "file:///1.jpg"}}',
        "null in JSON": b"null",
        "XML": b"<upload><id>i</id></upload>",
        "text": "图片已上传".encode(),
        "UTF-16": "image".encode("utf-16"),
        "a picture": red_jpeg(),
        "a container file": container.getvalue(),
        "Protobuf": b"\x0a\x05img-1\x12\x0dfile:///1.jpg",
        "MessagePack": b"\x82\xa8image_id\xa1i\xa3uri\xa1u",
        "CBOR": b"\xa2\x68image_id\x61i",
        "pickle": b"\x80\x05\x95\x0f\0\0\0\0\0\0\0}\x94\x8c\x01a\x94K\x01s.",
        "Thrift": b"\x80\x01\0\x01\0\0\0\x03abc\0\0\0\0\0",
        "deflate": zlib.compress(Encoder("image_upload").encode(FULL)),
        "zeros": bytes(1000),
        "ones": b"\xff" * 1000,
        "spaces": b" " * 1000,
        "a line before it": b"\n" + Encoder("image_upload").encode(FULL),
        "without its first byte": Encoder("image_upload").encode(FULL)[1:],
        "backwards": Encoder("image_upload").encode(FULL)[::-1],
        "as hex": Encoder("image_upload").encode(FULL).hex().encode(),
    }.items():
        _bad(f"foreign {name}", value, "event_undecodable")


def _parts() -> None:
    long_number = b"\xff" * 9 + b"\x7f"
    for name, parts in {
        "task 5": {"task": varint(5)},
        "task of 2^40": {"task": varint(2**40)},
        "question 2": {"question": varint(2)},
        "question -1": {"question": varint(-1)},
        "uri 2": {"uri": varint(2) + text(b"x")},
        "image 3": {"image": varint(3) + text(b"x")},
        "an id that is no UTF-8": {"image_id": text(b"\xff\xfe")},
        "an id with half a letter": {"image_id": text(b"\xe5\x9b")},
        "an id with a surrogate": {"image_id": text(b"\xed\xa0\x80")},
        "an overlong letter": {"merchant": text(b"\xc0\xaf")},
        "a category that is no UTF-8": {"category": text(b"\x80")},
        "a language that is no UTF-8": {"languages": varint(1) + text(b"\xff") + varint(0)},
        "an attribute that is no UTF-8": {"attributes": varint(1) + text(b"a") + text(b"\xff") + varint(0)},
        "an attribute's name that is no UTF-8": {"attributes": varint(1) + text(b"\xff") + text(b"a") + varint(0)},
        "a uri that is no UTF-8": {"uri": varint(1) + text(b"\xff")},
        "a question that is no UTF-8": {"question": varint(1) + text(b"\xff")},
        "an id of 2^62 bytes": {"image_id": text(b"i", 2**62)},
        "an id of 2^31 bytes": {"image_id": text(b"i", 2**31)},
        "an id of -1 bytes": {"image_id": text(b"i", -1)},
        "a picture of 2^62 bytes": {"uri": varint(0), "image": varint(1) + text(b"x", 2**62)},
        "a picture of -5 bytes": {"uri": varint(0), "image": varint(1) + text(b"x", -5)},
        "2^62 languages": {"languages": varint(2**62) + text(b"en")},
        "2^62 attributes": {"attributes": varint(2**62) + text(b"a")},
        "languages without an end": {"languages": varint(1) + text(b"en")},
        "a block of languages of 2^40 bytes": {"languages": varint(-(2**40)) + varint(2**40) + text(b"en")},
        "a number without an end": {"uploaded_at": b"\xff" * 30},
        "a moment beyond all calendars": {"uploaded_at": varint(2**62)},
        "a moment before all calendars": {"uploaded_at": varint(-(2**62))},
        "a length that is the longest number": {"image_id": long_number},
    }.items():
        _bad(name, body(**parts), "event_undecodable")


def _limits() -> None:
    _fields("no id", "event_invalid", image_id="")
    for size in (257, 1000, 100_000):
        _fields(f"an id of {size}", "event_invalid", image_id="x" * size)
        _fields(f"a merchant of {size}", "event_invalid", merchant="图" * size)
        _fields(f"a category of {size}", "event_invalid", category="x" * size)
        _fields(f"an attribute's name of {size}", "event_invalid", attributes={"x" * size: "y"})
    for size in (4097, 500_000):
        _fields(f"an attribute of {size}", "event_invalid", attributes={"title": "x" * size})
    for count in (65, 5000):
        _fields(f"{count} attributes", "event_invalid", attributes={f"a{n}": "" for n in range(count)})
    for count in (0, 17, 5000):
        _fields(f"{count} languages", "event_invalid", languages=[f"x{n}" for n in range(count)])
    for code in (*range(0x20),):
        _fields(f"a merchant with {code:02X}", "event_invalid", merchant=f"a{chr(code)}b")
    _fields("no picture", "event_invalid", uri=None)
    _fields("two pictures", "event_invalid", image=b"x")
    _fields("two empty pictures", "event_invalid", uri="", image=b"")
    _fields("no task that is known", "unsupported_task", task="UNKNOWN")
    for tag in (
        "",
        " ",
        "-",
        "xx",
        "q",
        "xx-",
        "qq_XX_YY",
        "zh-Latn-pinyin",
        "e n",
        "en,fr",
        "图",
        "\0",
        "x" * 1000,
        "*",
        "zz-ZZ",
    ):
        _fields(f"language {tag[:12]!r}", "unsupported_language", languages=["en", tag])


def _deletions() -> None:
    _bad("deletes nothing", None, "event_invalid", key=None)
    _bad("deletes an empty id", None, "event_invalid", key=b"")
    _bad("deletes too long an id", None, "event_invalid", key=b"x" * 257)
    for key in (b"\xff", b"\xe5\x9b", b"\xed\xa0\x80", b"a\x80"):
        _bad(f"deletes {key!r}", None, "event_invalid", key=key)
    for merchant in (b"\xff", b"a\nb", b"\0", b"a\x1fb"):
        _bad(f"deletes of {merchant!r}", None, "event_invalid", headers={"merchant": merchant})


for _register in (_cuts, _wires, _foreign, _parts, _limits, _deletions):
    _register()
