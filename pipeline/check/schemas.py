"""Whether events of the configured writers fit the schema that the job reads."""

from __future__ import annotations

from collections.abc import Iterator

import fastavro.utils

from pipeline.check.finding import Finding, fail, ok
from schemas.codec import Decoder, Encoder, WireFormat, load_schema
from transforms.errors import EventUndecodable

READER = "image_upload"
_TRIES = 20
"""Made-up values a schema: enough to meet every branch of its unions."""


def schema_findings(wire: WireFormat) -> Iterator[Finding]:
    """One for each writer that is named; bare events are of the bundled schema."""
    if wire.format != "confluent":
        besides = ", or in Confluent's wire format" if wire.format == "mixed" else ""
        yield ok("schema", f"uploads are bare Avro of the bundled `{READER}`{besides}")
    for number, name in wire.schemas:
        one = WireFormat("confluent", ((number, name),))
        encoder, decoder = Encoder(READER, one), Decoder(READER, one)
        what = f"schema {number}"
        try:
            for value in fastavro.utils.generate_many(load_schema(name), _TRIES):
                decoder.decode(encoder.encode(value))
        except EventUndecodable as error:
            cause = str(error.__cause__ or error).splitlines()[0]
            found = f"`{name}` does not fit what the job reads: {cause}"
            yield fail(
                what, found, f"write uploads by a schema that schemas/{READER}.avsc can read, or mend --schema-id"
            )
        else:
            yield ok(what, f"events of `{name}` can be read")
