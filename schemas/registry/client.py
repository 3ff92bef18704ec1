"""What the registry is asked: schemas by id, subjects with their versions, compatibility.

It is told something by `Registry.register` only, which no job calls.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import fastavro

from schemas.registry.http import Answer, Http
from transforms.errors import RegistryRefused

_NO_SUBJECT, _NO_VERSION, _NO_SCHEMA = 40401, 40402, 40403
"""The registry's numbers. A 404 without one is some other server's, and says nothing of a schema."""
MOST_REFERENCES = 32
"""Further schemas that one is made of."""

Schema = Mapping[str, Any]
"""An Avro schema as JSON."""


class SchemaForeign(Exception):
    """The registry has something there which is no Avro schema that can be used; says why."""


@dataclass(frozen=True, slots=True)
class Registered:
    """A schema in a subject."""

    subject: str
    version: int
    id: int


class Registry:
    """Thread-safe. Any method may raise `RegistryUnreachable` and `RegistryRefused`."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def schema(self, schema_id: int) -> Any | None:
        """The schema of an id, parsed; None when the registry says that it has none. Raises `SchemaForeign`."""
        with _as_one_speaks():
            answer = self._http.ask("GET", f"/schemas/ids/{schema_id}")
            return None if answer.code == _NO_SCHEMA else self._parsed(_expected(answer))

    def subjects(self) -> tuple[str, ...]:
        """Names of all."""
        with _as_one_speaks():
            return tuple(str(name) for name in _expected(self._http.ask("GET", "/subjects")))

    def versions(self, subject: str) -> tuple[int, ...]:
        """Numbers of a subject's versions; none when there is no such subject."""
        with _as_one_speaks():
            answer = self._http.ask("GET", f"{_path(subject)}/versions")
            return () if answer.code == _NO_SUBJECT else tuple(int(number) for number in _expected(answer))

    def version(self, subject: str, version: int) -> Any | None:
        """The schema of a version, parsed; None when there is none. Raises `SchemaForeign`."""
        with _as_one_speaks():
            answer = self._http.ask("GET", f"{_path(subject)}/versions/{version}")
            return None if answer.code in (_NO_SUBJECT, _NO_VERSION) else self._parsed(_expected(answer))

    def find(self, subject: str, schema: Schema) -> Registered | None:
        """Where this very schema is registered; None when it is not."""
        with _as_one_speaks():
            answer = self._http.ask("POST", _path(subject), _body(schema))
            if answer.code in (_NO_SUBJECT, _NO_SCHEMA):
                return None
            said = _expected(answer)
            return Registered(subject, int(said["version"]), int(said["id"]))

    def incompatible(self, subject: str, schema: Schema) -> tuple[str, ...]:
        """Why the subject would not take this schema, in the registry's words; empty when it would."""
        with _as_one_speaks():
            path = f"/compatibility{_path(subject)}/versions/latest?verbose=true"
            answer = self._http.ask("POST", path, _body(schema))
            if answer.code in (_NO_SUBJECT, _NO_VERSION):
                return ()
            said = _expected(answer)
            if said["is_compatible"] is True:
                return ()
            words = tuple(" ".join(str(message).split())[:300] for message in said.get("messages") or ())
            return words or ("it says no more than that",)

    def level(self, subject: str) -> str:
        """Which changes the subject takes, for example ``FULL_TRANSITIVE``; empty when the registry does not say."""
        with _as_one_speaks():
            answer = self._http.ask("GET", f"/config/{quote(subject, safe='')}?defaultToGlobal=true")
            return str(answer.body["compatibilityLevel"]) if answer.status == 200 else ""

    def register(self, subject: str, schema: Schema) -> Registered:
        """Register the schema, or find it registered. Raises `RegistryRefused` when the subject does not take it."""
        with _as_one_speaks():
            answer = self._http.ask("POST", f"{_path(subject)}/versions", _body(schema))
        if answer.status != 200:
            raise RegistryRefused(
                f"the registry does not take our schema into `{subject}` (`{answer.status}`: {answer.message}); "
                "see what `captionstream schemas check` says of it"
            )
        found = self.find(subject, schema)
        if found is None:
            raise RegistryRefused(f"the registry took our schema into `{subject}` and does not find it; check its log")
        return found

    def close(self) -> None:
        """Disconnect."""
        self._http.close()

    def _parsed(self, said: Mapping[str, Any]) -> Any:
        named: dict[str, Any] = {}
        self._load_references(said, named, [MOST_REFERENCES])
        return _parse(said, named)

    def _load_references(self, said: Mapping[str, Any], named: dict[str, Any], left: list[int]) -> None:
        """Put what the schema refers to into ``named``, deepest first."""
        for reference in said.get("references") or ():
            left[0] -= 1
            if left[0] < 0:
                raise SchemaForeign(f"it refers to more than {MOST_REFERENCES} schemas")
            if reference["name"] not in named:
                path = f"{_path(reference['subject'])}/versions/{int(reference['version'])}"
                inner = _expected(self._http.ask("GET", path))
                self._load_references(inner, named, left)
                _parse(inner, named)


@contextlib.contextmanager
def _as_one_speaks() -> Iterator[None]:
    """An answer that is not what the API promises is the registry's fault, and never an upload's."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RegistryRefused(
            f"the registry's answer is not as its API promises (`{type(error).__name__}`); check --registry"
        ) from error


def _expected(answer: Answer) -> Any:
    if answer.status != 200:
        raise RegistryRefused(
            f"the registry answered `{answer.status}`, error code `{answer.code}`: {answer.message}; check --registry"
        )
    return answer.body


def _path(subject: str) -> str:
    return f"/subjects/{quote(subject, safe='')}"


def _body(schema: Schema) -> dict[str, str]:
    return {"schema": json.dumps(schema)}


def _parse(said: Mapping[str, Any], named: dict[str, Any]) -> Any:
    kind, text = said.get("schemaType", "AVRO"), said["schema"]
    if kind != "AVRO":
        raise SchemaForeign(f"it is {kind}, not Avro")
    try:
        return fastavro.parse_schema(json.loads(text), named)
    except Exception as error:  # fastavro raises KeyError, TypeError and its own on what is no schema
        raise SchemaForeign(f"it is no Avro schema (`{type(error).__name__}`)") from error
