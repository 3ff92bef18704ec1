"""Registers our schemas, where a deployment says so: all of them, or none where a subject would not take one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pipeline.config import Topics
from pipeline.registry.check import subject_of
from schemas.codec import schema_json
from schemas.registry.client import Registered, Registry
from transforms.errors import SchemaUnfit


def register_schemas(registry: Registry, topics: Topics, uploads: Sequence[str] = ()) -> Iterator[Registered]:
    """Register what captions and audit records are written with, and the schema of these topics of uploads.

    Gives those that were not there yet. Raises `SchemaUnfit` before the first one is registered if any of them is
    incompatible with its subject, `RegistryUnreachable` and `RegistryRefused`.
    """
    wanted = [(topics.captions, "caption"), (topics.audit, "audit"), *((topic, "image_upload") for topic in uploads)]
    missing = []
    for topic, name in wanted:
        subject, schema = subject_of(topic), schema_json(name)
        if registry.find(subject, schema) is not None:
            continue
        if why := registry.incompatible(subject, schema):
            raise SchemaUnfit(
                f"subject `{subject}` would not take our schema `{name}`: {why[0]}; nothing was registered. "
                "Give the topic another name, or mend the subject"
            )
        missing.append((subject, schema))
    for subject, schema in missing:
        yield registry.register(subject, schema)
