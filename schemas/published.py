"""Reads back what the job has written, whichever published version of the schema it was written with.

A bare Avro value does not say its version, so the versions are tried, the newest first: a value that does not fill a
version's fields to its last byte is of another one. Behind a schema id of Confluent's lie the same values, since ids
are registered for these very schemas; ours begin with an id that is never empty, so bare ones never begin with a 0.
"""

from __future__ import annotations

import io
from functools import cache
from typing import Any

import fastavro

from schemas.codec import FOLDER, Record, load_schema
from transforms.errors import EventUndecodable

_PREFIX_BYTES = 5


@cache
def versions(name: str) -> tuple[Any, ...]:
    """Parsed schemas of every version, the newest first."""
    numbered = sorted((FOLDER / "history" / name).glob("v*.avsc"), key=lambda path: int(path.stem[1:]), reverse=True)
    return load_schema(name), *(load_schema(str(path)) for path in numbered[1:])


class PublishedDecoder:
    """Values of ``caption`` or ``audit`` as of any version → the newest."""

    def __init__(self, name: str) -> None:
        self._versions = versions(name)
        self._newest = self._versions[0]

    def decode(self, data: bytes) -> Record:
        """The value as a dict. Raises `EventUndecodable`."""
        body = data[_PREFIX_BYTES:] if data[:1] == b"\0" else data
        for writer in self._versions:
            buffer = io.BytesIO(body)
            try:
                value = fastavro.schemaless_reader(buffer, writer, self._newest)
            except Exception:  # noqa: S112 - fastavro raises a dozen unrelated types on what is of another version
                continue
            if buffer.tell() == len(body) and isinstance(value, dict):
                return value
        raise EventUndecodable(
            f"value of {len(data)} bytes is not Avro of any version of `{self._newest['name']}`; "
            "check that the topic is the one that the job writes"
        )
