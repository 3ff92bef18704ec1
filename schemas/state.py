"""The internal Avro schemas: what crosses a shuffle or lies in a runner's state, never on a public topic.

They are derived from the frozen dataclasses of `transforms.values`, field by field. ``history/state`` keeps the
schemas of every published version with golden bytes, so that a savepoint survives an upgrade: a field that is
added needs a default, and `VERSION` goes up.

A picture that came inside its upload's record would be written twice. A field of type `PartOfRecord` is written as
its place in the record's value instead, when it is a part of it; reading cuts it out again.
"""

from __future__ import annotations

import dataclasses
import enum
import io
import json
import types
import typing
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import fastavro

from transforms.values import TRANSIENT, KafkaRecord, PartOfRecord

VERSION = 3
HISTORY = Path(__file__).parent / "history" / "state"

_PART: dict[str, Any] = {
    "type": "record",
    "name": "captionstream.state.Part",
    "fields": [{"name": "start", "type": "long"}, {"name": "length", "type": "long"}],
}
_PROBE = 64
"""Bytes that are searched for; the rest is compared. Searching for 50 KB takes longer than all of the encoding."""

_PRIMITIVES: dict[type, str] = {str: "string", bytes: "bytes", int: "long", float: "double", bool: "boolean"}


@cache
def hints(cls: type) -> dict[str, Any]:
    """The resolved type of each field of a dataclass that is written, in order."""
    resolved = typing.get_type_hints(cls, include_extras=True)
    return {field.name: resolved[field.name] for field in dataclasses.fields(cls) if field.metadata != TRANSIENT}


def schema_of(cls: type) -> dict[str, Any]:
    """The Avro record schema of a dataclass, nested named types written out once."""
    return typing.cast("dict[str, Any]", _schema(cls, set()))


def _schema(hint: Any, seen: set[str]) -> Any:
    if hint in _PRIMITIVES:
        return _PRIMITIVES[hint]
    if hint == PartOfRecord:
        if _PART["name"] in seen:
            return ["bytes", _PART["name"]]
        seen.add(_PART["name"])
        return ["bytes", _PART]
    if _is_optional(hint):
        return ["null", _schema(_inner(hint), seen)]
    if typing.get_origin(hint) is tuple:
        arguments = typing.get_args(hint)
        if arguments[-1] is Ellipsis:
            return {"type": "array", "items": _schema(arguments[0], seen)}
        return {"type": "array", "items": "string"}  # a (name, value) pair
    if isinstance(hint, type) and issubclass(hint, enum.StrEnum):
        return "string"
    name = record_name(hint)
    if name in seen:
        return name
    seen.add(name)
    fields: list[dict[str, Any]] = []
    defaults = {field.name: field.default for field in dataclasses.fields(hint)}
    for field, inner in hints(hint).items():
        entry = {"name": field, "type": _schema(inner, seen)}
        default = defaults[field]
        if default is None or isinstance(default, (bool, int, float)) or (type(default) is str):
            entry["default"] = default
        elif default == ():
            entry["default"] = []
        fields.append(entry)
    return {"type": "record", "name": name, "fields": fields}


def record_name(cls: Any) -> str:
    """Full Avro name of a dataclass."""
    return f"captionstream.state.{cls.__name__}"


def _is_optional(hint: Any) -> bool:
    return isinstance(hint, types.UnionType) and type(None) in typing.get_args(hint)


def _inner(hint: Any) -> Any:
    return next(argument for argument in typing.get_args(hint) if argument is not type(None))


Convert = Callable[[Any, bytes | None], Any]
"""Converts a value; the second argument is the value of the innermost ``record`` around it."""


@cache
def _converters(hint: Any) -> tuple[Convert | None, Convert | None]:
    """Functions value → Avro and Avro → value; None where they are the same."""
    if hint in _PRIMITIVES:
        return None, None
    if hint == PartOfRecord:
        return _dump_part, _load_part
    if _is_optional(hint):
        inner = _inner(hint)
        dump, load = _converters(inner)
        if dataclasses.is_dataclass(inner):  # naming the branch saves fastavro validating the record to find it
            name = record_name(inner)
            return (
                lambda value, whole: None if value is None else (name, dump(value, whole)),  # type: ignore[misc]
                lambda value, whole: None if value is None else load(value, whole),  # type: ignore[misc]
            )
        return None, None
    if typing.get_origin(hint) is tuple:
        arguments = typing.get_args(hint)
        dump, load = _converters(arguments[0]) if arguments[-1] is Ellipsis else (None, None)
        return (
            (lambda value, whole: [dump(v, whole) for v in value]) if dump else lambda value, whole: list(value),
            (lambda value, whole: tuple(load(v, whole) for v in value)) if load else lambda value, whole: tuple(value),
        )
    if isinstance(hint, type) and issubclass(hint, enum.StrEnum):
        return lambda value, whole: str(value), lambda value, whole: hint(value)
    return _record_converters(hint)


def _record_converters(cls: type) -> tuple[Convert, Convert]:
    fields = [(name, *_converters(hint)) for name, hint in hints(cls).items()]
    has_record = hints(cls).get("record") is KafkaRecord

    def dump(value: Any, whole: bytes | None) -> dict[str, Any]:
        if has_record:
            whole = value.record.value
        return {n: d(getattr(value, n), whole) if d else getattr(value, n) for n, d, _ in fields}

    def load(value: dict[str, Any], whole: bytes | None) -> Any:
        if has_record:
            whole = value["record"]["value"]
        return cls(*(ld(value[n], whole) if ld else value[n] for n, _, ld in fields))

    return dump, load


def _dump_part(part: bytes, whole: bytes | None) -> Any:
    start = whole.find(part[:_PROBE]) if whole and part else -1
    if whole is None or start < 0 or not whole.startswith(part, start):
        return part
    return _PART["name"], {"start": start, "length": len(part)}


def _load_part(part: Any, whole: bytes | None) -> bytes:
    if isinstance(part, bytes):
        return part
    if whole is None:
        raise ValueError("state has a picture as a part of a record that has no value; start without it")
    return whole[part["start"] : part["start"] + part["length"]]


class StateCodec:
    """One dataclass as bytes: a version byte, then Avro."""

    def __init__(self, cls: type) -> None:
        """``cls`` is a frozen dataclass of `transforms.values`."""
        self.cls = cls
        self._schema = fastavro.parse_schema(schema_of(cls))
        self._dump, self._load = _record_converters(cls)
        self._writers: dict[int, Any] = {VERSION: None}

    def encode(self, value: Any) -> bytes:
        """The value as bytes of the current `VERSION`."""
        buffer = io.BytesIO()
        buffer.write(bytes((VERSION,)))
        fastavro.schemaless_writer(buffer, self._schema, self._dump(value, None))
        return buffer.getvalue()

    def decode(self, data: bytes) -> Any:
        """The value from bytes of the current or any earlier version; ValueError for a later one."""
        version = data[0]
        if version not in self._writers:
            self._writers[version] = self._old_schema(version)
        buffer = io.BytesIO(data)
        buffer.seek(1)
        writer = self._writers[version]
        if writer is None:
            return self._load(fastavro.schemaless_reader(buffer, self._schema, None), None)
        return self._load(fastavro.schemaless_reader(buffer, writer, self._schema), None)

    def _old_schema(self, version: int) -> Any:
        path = HISTORY / f"v{version}" / f"{self.cls.__name__}.avsc"
        if not path.is_file():
            raise ValueError(
                f"state of `{self.cls.__name__}` was written by version `{version}` of captionstream's state "
                f"schemas, which this one (`{VERSION}`) does not know; upgrade captionstream or start without it"
            )
        return fastavro.parse_schema(json.loads(path.read_text()))
