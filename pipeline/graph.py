"""The whole flow: uploads in, captions, dead letters and audit records out.

Step names are part of savepoints: they are listed in `tests/pipeline/test_graph.py`.
"""

from __future__ import annotations

from typing import Any

import apache_beam as beam

from pipeline.config import Config
from pipeline.kafka.sink import WriteDeadLetters, WriteRecords
from transforms import coders  # noqa: F401 - registers the Avro coders
from transforms.audit import Audit
from transforms.caption import DEAD_LETTERS, REFUSALS, CaptionImage
from transforms.dead_letter import EncodeDeadLetter
from transforms.decode import DecodeEvent
from transforms.duplicates import FindDuplicate, scope_of
from transforms.encode import Encode
from transforms.fetch import FetchImage
from transforms.fingerprint import fingerprint_picture
from transforms.inspect import InspectImage
from transforms.values import (
    Arrival,
    Assignment,
    Candidate,
    DeadLetter,
    Decoded,
    Deletion,
    Fetched,
    Finished,
    Inspected,
    Publication,
    Refusal,
)
from transforms.wiring import stage, typed

Scoped = tuple[str, Arrival]
Grouped = tuple[str, Assignment]


def build(uploads: Any, config: Config) -> None:
    """Attach the flow to a collection of `KafkaRecord`."""
    topics, run = config.topics, config.run_id
    audit = Audit(topics.audit, run)
    encode = Encode(topics.captions, run, config.is_replay, audit)

    decode = DecodeEvent(config.uploads_wire, config.prompts)
    decoded, deletions, bad_events = stage(uploads, "Decode event", decode, Decoded, {Deletion: "deletions"})
    fetched, unfetched = stage(decoded, "Fetch image", FetchImage(config.fetch), Fetched)
    inspected, bad_images = stage(fetched, "Inspect image", InspectImage(config.inspect), Inspected)
    candidates, unmarked = stage(inspected, "Fingerprint", fingerprint_picture, Candidate)

    arrivals = (
        candidates
        | "Candidate arrives" >> beam.Map(lambda c: Arrival(candidate=c)).with_output_types(Arrival),
        deletions | "Deletion arrives" >> beam.Map(lambda d: Arrival(deletion=d)).with_output_types(Arrival),
    )
    scoped = (
        arrivals
        | "All arrivals" >> beam.Flatten()
        | "By scope" >> beam.Map(lambda a: (scope_of(a), a)).with_output_types(Scoped)
    )
    finder = FindDuplicate(run, config.similarity)
    grouped = scoped | "Find duplicate" >> beam.ParDo(finder).with_output_types(Grouped)
    finished, uncaptioned, refusals = typed(
        grouped,
        "Caption image",
        CaptionImage(config.caption_options()),
        Finished,
        {DEAD_LETTERS: DeadLetter, REFUSALS: Refusal},
    )

    published, unencoded = stage(finished, "Encode caption", encode, Publication)
    writer = WriteRecords(config.kafka, "Write captions")
    _, unwritten = typed(published, "Write captions", writer, None, {DEAD_LETTERS: DeadLetter})
    audits, _ = stage(refusals, "Encode refusal", audit, Publication)
    audits | "Write audit" >> beam.ParDo(WriteRecords(config.kafka, "Write audit"))

    letters = (bad_events, unfetched, bad_images, unmarked, uncaptioned, unencoded, unwritten)
    (
        letters
        | "All dead letters" >> beam.Flatten()
        | "Encode dead letter"
        >> beam.Map(EncodeDeadLetter(topics.dead_letters, run)).with_output_types(Publication)
        | "Write dead letters" >> beam.ParDo(WriteDeadLetters(config.kafka, "Write dead letters"))
    )
