"""Writer schemas by id, as uploads name them: asked for once, kept, and bounded whatever ids producers make up."""

from __future__ import annotations

import collections
import os
import threading
import time
from collections.abc import Callable
from typing import Any

from schemas.registry.client import Registry, SchemaForeign
from schemas.registry.http import Http
from schemas.registry.options import RegistryOptions
from transforms.errors import EventUndecodable, InputError, UnknownSchema

MOST_SCHEMAS = 512
MOST_REFUSED = 4096
REFUSED_SECONDS = 60.0
"""After so long an id that was unknown is asked for again: a registry's replica may have been behind."""


class Writers:
    """Thread-safe; one question at a time, so that a new schema is asked for once."""

    def __init__(self, registry: Registry, clock: Callable[[], float] = time.monotonic) -> None:
        self._registry = registry
        self._clock = clock
        self._lock = threading.Lock()
        self._known: collections.OrderedDict[int, Any] = collections.OrderedDict()
        self._refused: collections.OrderedDict[int, tuple[float, InputError]] = collections.OrderedDict()

    def writer(self, schema_id: int) -> Any:
        """The parsed schema.

        Raises `UnknownSchema` when the registry has none, `EventUndecodable` when it is of no use, and a
        `JobError` when the registry does not answer: that is not the upload's fault.
        """
        with self._lock:
            if schema_id in self._known:
                self._known.move_to_end(schema_id)
                return self._known[schema_id]
            until, refusal = self._refused.pop(schema_id, (0.0, None))
            if refusal is None or self._clock() >= until:
                refusal = self._ask(schema_id)
                until = self._clock() + REFUSED_SECONDS
            if refusal is None:
                return self._known[schema_id]
            self._refused[schema_id] = until, refusal
            if len(self._refused) > MOST_REFUSED:
                self._refused.popitem(last=False)
            raise type(refusal)(refusal.message)

    def _ask(self, schema_id: int) -> InputError | None:
        try:
            schema = self._registry.schema(schema_id)
        except SchemaForeign as error:
            return EventUndecodable(
                f"schema id `{schema_id}` is of no use here: {error}; let the producer write uploads in Avro"
            )
        if schema is None:
            return UnknownSchema(
                f"schema id `{schema_id}` is unknown to the registry; check that producers use the one of --registry, "
                "register the schema there, and redrive"
            )
        self._known[schema_id] = schema
        if len(self._known) > MOST_SCHEMAS:
            self._known.popitem(last=False)
        return None


_lock = threading.Lock()
_writers: dict[tuple[int, RegistryOptions], Writers] = {}


def writers_for(options: RegistryOptions) -> Writers:
    """The process's, shared by all its decoders."""
    with _lock:
        key = os.getpid(), options
        if key not in _writers:
            _writers[key] = Writers(Registry(Http(options)))
        return _writers[key]
