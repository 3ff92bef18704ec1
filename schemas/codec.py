"""Reads and writes Avro values: bare Avro with one writer schema, or the Confluent wire format with several.

Confluent's format is one magic byte 0, a 4-byte big-endian schema id, then the Avro body. A topic that was changed
from one to the other is ``mixed``: our records begin with an id that is never empty, so bare Avro never begins with 0.
"""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import fastavro

from schemas.registry.options import RegistryOptions
from transforms.errors import ConfigInvalid, EventUndecodable, UnknownSchema

FOLDER = Path(__file__).parent
FORMATS = ("avro", "confluent", "mixed")
_MAGIC = 0
_PREFIX = struct.Struct(">bI")

Record = dict[str, Any]


@cache
def load_schema(name_or_path: str) -> Any:
    """Parsed schema from this package (``caption``) or from a file; `ConfigInvalid` when there is none."""
    path = FOLDER / f"{name_or_path}.avsc"
    if not path.is_file():
        path = Path(name_or_path)
    try:
        return fastavro.parse_schema(json.loads(path.read_text()))
    except OSError as error:
        raise ConfigInvalid(f"schema file `{name_or_path}` cannot be read; check its path") from error
    except Exception as error:  # fastavro raises KeyError, TypeError and its own on what is no schema
        raise ConfigInvalid(
            f"schema file `{name_or_path}` is not an Avro schema (`{type(error).__name__}: {error}`); mend the file"
        ) from error


def schema_json(name: str) -> Record:
    """One of this package's schemas as it is published: what a registry is told."""
    found: Record = json.loads((FOLDER / f"{name}.avsc").read_text())
    return found


@dataclass(frozen=True, slots=True)
class WireFormat:
    """How values lie on one topic."""

    format: str = "avro"
    """One of `FORMATS`."""
    schemas: tuple[tuple[int, str], ...] = ()
    """Confluent only: schema id and schema name or file, for every writer; the first is used for writing."""
    registry: RegistryOptions | None = None
    """Asked for the ids that are not in ``schemas``."""

    def __post_init__(self) -> None:
        """Raise `ConfigInvalid` naming the option that mends it."""
        if self.format not in FORMATS:
            raise ConfigInvalid(f"wire format `{self.format}` does not exist; use {' or '.join(FORMATS)}")
        if self.format == "confluent" and not self.schemas and self.registry is None:
            raise ConfigInvalid("wire format `confluent` needs a schema id; add --schema-id ID=FILE, or --registry URL")
        if self.format == "avro" and self.registry is not None:
            raise ConfigInvalid("wire format `avro` has no ids to ask the registry for; use confluent or mixed")
        if self.format == "avro" and len(self.schemas) > 1:
            raise ConfigInvalid("wire format `avro` takes one writer schema; use `confluent` to tell several apart")


class Encoder:
    """Writes dicts with one schema."""

    def __init__(self, schema_name: str, wire: WireFormat | None = None) -> None:
        """``schema_name`` as in `load_schema`; a schema in ``wire`` takes its place."""
        wire = wire or WireFormat()
        if wire.format != "avro" and not wire.schemas:
            raise ConfigInvalid(
                "a value in Confluent's format is written with a schema id; add --schema-id ID=FILE or --registry URL"
            )
        self._schema = load_schema(wire.schemas[0][1] if wire.schemas else schema_name)
        self._prefix = _PREFIX.pack(_MAGIC, wire.schemas[0][0]) if wire.format != "avro" else b""

    def encode(self, value: Mapping[str, Any]) -> bytes:
        """The value as bytes. Raises ValueError or TypeError when it does not fit the schema: a bug, not input."""
        buffer = io.BytesIO()
        buffer.write(self._prefix)
        fastavro.schemaless_writer(buffer, self._schema, value, strict_allow_default=True)
        return buffer.getvalue()


class Decoder:
    """Reads bytes written by any of the configured writers into the newest schema."""

    def __init__(self, schema_name: str, wire: WireFormat | None = None) -> None:
        """``schema_name`` is the reader's schema, see `load_schema`."""
        self._wire = wire or WireFormat()
        self._reader = load_schema(schema_name)
        self._writers = {schema_id: load_schema(path) for schema_id, path in self._wire.schemas}
        is_bare = self._wire.format == "avro"
        self._bare = next(iter(self._writers.values()), self._reader) if is_bare else self._reader

    def decode(self, data: bytes) -> Record:
        """The value as a dict.

        Raises `UnknownSchema` for an id that is neither configured nor in the registry, `EventUndecodable` for
        anything else that is not a value of the schema, left-over bytes included. A registry that does not answer
        is a `JobError`.
        """
        buffer = io.BytesIO(data)
        writer = self._bare if self._is_bare(data) else self._writer(buffer)
        try:
            value = fastavro.schemaless_reader(buffer, writer, self._reader)
        except Exception as error:  # fastavro raises a dozen unrelated types on damaged bytes
            raise EventUndecodable(
                f"value of {len(data)} bytes is not Avro of schema `{self._reader['name']}` "
                f"(`{type(error).__name__}`); check the producer's schema and wire format"
            ) from error
        left = len(data) - buffer.tell()
        if left or not isinstance(value, dict):
            raise EventUndecodable(
                f"value of {len(data)} bytes has `{left}` bytes after the Avro body; "
                "check the producer's schema and wire format"
            )
        return value

    def _is_bare(self, data: bytes) -> bool:
        return self._wire.format == "avro" or (self._wire.format == "mixed" and data[:1] != b"\0")

    def _writer(self, buffer: io.BytesIO) -> Any:
        head = buffer.read(_PREFIX.size)
        if len(head) < _PREFIX.size:
            raise EventUndecodable(
                f"value of `{len(head)}` bytes is shorter than the Confluent prefix; set --upload-format avro "
                "if the topic holds bare Avro"
            )
        magic, schema_id = _PREFIX.unpack(head)
        if magic != _MAGIC:
            raise EventUndecodable(
                f"magic byte `{magic & 0xFF}` is not Confluent's 0; set --upload-format avro "
                "if the topic holds bare Avro"
            )
        if schema_id in self._writers:
            return self._writers[schema_id]
        if self._wire.registry is None:
            known = ", ".join(str(i) for i in sorted(self._writers))
            raise UnknownSchema(
                f"schema id `{schema_id}` is not configured (known: {known}); add --schema-id {schema_id}=FILE, "
                "or --registry"
            )
        from schemas.registry.writers import writers_for

        return writers_for(self._wire.registry).writer(schema_id)
