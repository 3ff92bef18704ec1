"""The rules of resolution, each held against what fastavro does with real bytes."""

import io
from collections.abc import Iterator
from typing import Any

import fastavro
import pytest

from schemas.codec import load_schema, schema_json
from schemas.resolution import problems

NAMED = {"record", "enum", "fixed"}


def record(*fields: Any, name: str = "shop.R", **more: Any) -> dict[str, Any]:
    return {"type": "record", "name": name, "fields": [dict(field) for field in fields], **more}


def field(name: str, kind: Any, **more: Any) -> dict[str, Any]:
    return {"name": name, "type": kind, **more}


def enum(*symbols: str, **more: Any) -> dict[str, Any]:
    return {"type": "enum", "name": "shop.E", "symbols": list(symbols), **more}


INNER = record(field("x", "int"), name="shop.I")
TREE = record(field("next", ["null", "shop.R"]))
CASES: dict[str, tuple[Any, Any, tuple[str, ...]]] = {
    "equal": (record(field("a", "int")), record(field("a", "int")), ()),
    "a new field of the writer": (record(field("a", "int"), field("b", "string")), record(field("a", "int")), ()),
    "a new field with a default": (
        record(field("a", "int")),
        record(field("a", "int"), field("b", "int", default=1)),
        (),
    ),
    "a new field without": (
        record(field("a", "int")),
        record(field("a", "int"), field("b", "int")),
        ("`b`: the writer has no such field, and there is no default",),
    ),
    "int to long": (record(field("a", "int")), record(field("a", "long")), ()),
    "long to int": (record(field("a", "long")), record(field("a", "int")), ("`a`: long is not int",)),
    "bytes to string": (record(field("a", "bytes")), record(field("a", "string")), ()),
    "a symbol without a default": (
        record(field("e", enum("A", "B"))),
        record(field("e", enum("A"))),
        ("`e`: symbol `B` is unknown, and there is no default",),
    ),
    "a symbol with a default": (record(field("e", enum("A", "B"))), record(field("e", enum("A", default="A"))), ()),
    "into a union": (record(field("a", "int")), record(field("a", ["null", "int"])), ()),
    "out of a union": (record(field("a", ["null", "int"])), record(field("a", "int")), ("`a`: null is not int",)),
    "no branch takes it": (
        record(field("a", "string")),
        record(field("a", ["null", "int"])),
        ("`a`: string is none of null, int",),
    ),
    "items": (
        record(field("a", {"type": "array", "items": "string"})),
        record(field("a", {"type": "array", "items": "int"})),
        ("`a[]`: string is not int",),
    ),
    "values": (
        record(field("a", {"type": "map", "values": "string"})),
        record(field("a", {"type": "map", "values": "int"})),
        ("`a{}`: string is not int",),
    ),
    "inside": (
        record(field("i", INNER)),
        record(field("i", record(field("x", "string"), name="shop.I"))),
        ("`i.x`: int is not string",),
    ),
    "another space": (record(field("a", "int")), record(field("a", "int"), name="other.R"), ()),
    "another name": (
        record(field("a", "int"), name="shop.Picture"),
        record(field("a", "int")),
        ("the record: type `shop.Picture` is not `shop.R`",),
    ),
    "another name, known as an alias": (
        record(field("a", "int"), name="shop.Picture"),
        record(field("a", "int"), aliases=["shop.Picture"]),
        (),
    ),
    "a field's alias": (record(field("old", "int")), record(field("new", "int", aliases=["old"])), ()),
    "fixed": (
        record(field("f", {"type": "fixed", "name": "F", "size": 4})),
        record(field("f", {"type": "fixed", "name": "F", "size": 5})),
        ("`f`: 4 bytes are not 5",),
    ),
    "a type that holds itself": (TREE, TREE, ()),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_what_is_said(name: str) -> None:
    writer, reader, words = CASES[name]
    assert problems(fastavro.parse_schema(writer), fastavro.parse_schema(reader)) == words


@pytest.mark.parametrize("name", CASES)
def test_fastavro_agrees_about_bytes(name: str) -> None:
    """One value for each way the writer's schema can be filled: some value fails exactly if there is a problem."""
    writer, reader, words = CASES[name]
    parsed, into = fastavro.parse_schema(writer), fastavro.parse_schema(reader)
    failed = 0
    for value in values(writer, {}):
        buffer = io.BytesIO()
        fastavro.schemaless_writer(buffer, parsed, value)
        buffer.seek(0)
        try:
            fastavro.schemaless_reader(buffer, parsed, into)
        except Exception:
            failed += 1
    assert bool(failed) == bool(words)


def values(schema: Any, names: dict[str, Any], deep: int = 0) -> Iterator[Any]:
    """Enough values to meet every branch and every symbol."""
    schema = names.get(schema, schema) if isinstance(schema, str) else schema
    if isinstance(schema, list):
        for branch in schema if deep < 3 else schema[:1]:
            yield from values(branch, names, deep + 1)
        return
    kind = schema["type"] if isinstance(schema, dict) else schema
    if kind in NAMED:
        names[schema["name"]] = schema
    if kind == "record":
        filled = [list(values(one["type"], names, deep + 1)) for one in schema["fields"]]
        for number in range(max((len(some) for some in filled), default=1)):
            yield {one["name"]: some[number % len(some)] for one, some in zip(schema["fields"], filled, strict=True)}
    elif kind == "enum":
        yield from schema["symbols"]
    elif kind == "array":
        yield [*values(schema["items"], names, deep + 1)]
    elif kind == "map":
        yield {str(n): value for n, value in enumerate(values(schema["values"], names, deep + 1))}
    else:
        yield {"null": None, "int": 1, "long": 2, "string": "s", "bytes": b"b", "fixed": b"1234"}[kind]


@pytest.mark.parametrize("name", ["caption", "audit", "image_upload"])
def test_our_schemas_can_be_read_by_themselves(name: str) -> None:
    assert problems(load_schema(name), load_schema(name)) == ()
    without_docs = fastavro.parse_schema(schema_json(name))
    assert problems(without_docs, load_schema(name)) == ()
