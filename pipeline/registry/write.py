"""The schema id that an upload is written with, where a person writes some."""

from __future__ import annotations

from dataclasses import replace

from pipeline.registry.check import CHECK_SECONDS, subject_of
from schemas.codec import WireFormat, schema_json
from schemas.registry.client import Registry
from schemas.registry.http import Http
from transforms.errors import SchemaUnfit

SCHEMA = "image_upload"


def with_writer(wire: WireFormat, topic: str) -> WireFormat:
    """The format with our schema's id in the topic's subject; as it was where an id is given or none is needed.

    Raises `SchemaUnfit` where our schema is not there, `RegistryUnreachable` and `RegistryRefused`.
    """
    if wire.registry is None or wire.schemas:
        return wire
    registry, subject = Registry(Http(wire.registry, CHECK_SECONDS)), subject_of(topic)
    try:
        found = registry.find(subject, schema_json(SCHEMA))
    finally:
        registry.close()
    if found is None:
        raise SchemaUnfit(
            f"our schema `{SCHEMA}` is not in subject `{subject}`; register it: captionstream schemas register "
            f"--with-uploads --topic {topic}, or name your own with --schema-id ID=FILE"
        )
    return replace(wire, schemas=((found.id, SCHEMA),))
