"""Whether what one Avro schema wrote can be read by another: the rules of Avro 1.11, "Schema Resolution"."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_PROMOTED = {
    "int": ("long", "float", "double"),
    "long": ("float", "double"),
    "float": ("double",),
    "string": ("bytes",),
    "bytes": ("string",),
}
_NAMED = ("record", "error", "enum", "fixed")
_NAMES = "__named_schemas"
"""Where fastavro keeps the named types of a parsed schema."""


def problems(writer: Any, reader: Any) -> tuple[str, ...]:
    """What keeps ``reader`` from reading whatever ``writer`` may write, each with its place; empty: nothing.

    Both as `fastavro.parse_schema` gives them.
    """
    return tuple(_Comparison(_names(writer), _names(reader)).compare(writer, reader, ""))


def _names(schema: Any) -> Mapping[str, Any]:
    return schema.get(_NAMES, {}) if isinstance(schema, dict) else {}


class _Comparison:
    def __init__(self, writers: Mapping[str, Any], readers: Mapping[str, Any]) -> None:
        self._writers, self._readers = writers, readers
        self._seen: set[tuple[str, str]] = set()
        """Pairs of named types that are compared already: a type may hold itself."""

    def compare(self, writer: Any, reader: Any, at: str) -> Iterator[str]:
        """Problems of a place; ``at`` is empty at the top."""
        writer, reader = self._resolved(writer, self._writers), self._resolved(reader, self._readers)
        if isinstance(writer, list):
            for branch in writer:
                yield from self.compare(branch, reader, at)
        elif isinstance(reader, list):
            if not any(self._fits(writer, branch, at) for branch in reader):
                yield f"{_shown(at)}: {_kind(writer)} is none of {', '.join(_kind(b) for b in reader)}"
        elif _kind(writer) != _kind(reader):
            if _kind(reader) not in _PROMOTED.get(_kind(writer), ()):
                yield f"{_shown(at)}: {_kind(writer)} is not {_kind(reader)}"
        elif _kind(writer) in _NAMED:
            yield from self._named(writer, reader, at)
        elif _kind(writer) == "array":
            yield from self.compare(writer["items"], reader["items"], f"{at}[]")
        elif _kind(writer) == "map":
            yield from self.compare(writer["values"], reader["values"], f"{at}{{}}")

    def _fits(self, writer: Any, branch: Any, at: str) -> bool:
        """Whether a branch of a union takes it; a look at one branch must not settle another one's types."""
        seen = set(self._seen)
        found = next(self.compare(writer, branch, at), None)
        if found is not None:
            self._seen = seen
        return found is None

    def _named(self, writer: Mapping[str, Any], reader: Mapping[str, Any], at: str) -> Iterator[str]:
        pair = writer["name"], reader["name"]
        if pair in self._seen:
            return
        self._seen.add(pair)
        aliases = reader.get("aliases", ())
        if _bare(pair[0]) != _bare(pair[1]) and not {pair[0], _bare(pair[0])} & set(aliases):
            yield f"{_shown(at)}: type `{pair[0]}` is not `{pair[1]}`"
        elif writer["type"] == "fixed":
            if writer["size"] != reader["size"]:
                yield f"{_shown(at)}: {writer['size']} bytes are not {reader['size']}"
        elif writer["type"] == "enum":
            missing = [symbol for symbol in writer["symbols"] if symbol not in reader["symbols"]]
            if missing and not reader.get("default"):
                yield f"{_shown(at)}: symbol `{missing[0]}` is unknown, and there is no default"
        else:
            yield from self._fields(writer, reader, at)

    def _fields(self, writer: Mapping[str, Any], reader: Mapping[str, Any], at: str) -> Iterator[str]:
        written = {field["name"]: field for field in writer["fields"]}
        for field in reader["fields"]:
            name = next((n for n in (field["name"], *field.get("aliases", ())) if n in written), None)
            place = f"{at}.{field['name']}" if at else field["name"]
            if name is not None:
                yield from self.compare(written[name]["type"], field["type"], place)
            elif "default" not in field:
                yield f"{_shown(place)}: the writer has no such field, and there is no default"

    @staticmethod
    def _resolved(schema: Any, names: Mapping[str, Any]) -> Any:
        return names.get(schema, schema) if isinstance(schema, str) else schema


def _kind(schema: Any) -> str:
    if isinstance(schema, list):
        return "union"
    return str(schema["type"] if isinstance(schema, dict) else schema)


def _bare(name: str) -> str:
    return name.rpartition(".")[2]


def _shown(at: str) -> str:
    return f"`{at}`" if at else "the record"
