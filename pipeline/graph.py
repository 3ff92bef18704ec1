"""The whole flow: uploads in, captions, dead letters and audit records out.

Step names are part of savepoints: they are listed in `tests/pipeline/test_graph.py`.
"""

from __future__ import annotations

from typing import Any

import apache_beam as beam

from pipeline.config import Config
from pipeline.kafka.cached import ReadCache
from pipeline.kafka.published import ReadPublished
from pipeline.kafka.sink import WriteDeadLetters, WriteRecords
from transforms import coders, values  # noqa: F401 - coders registers the Avro coders
from transforms.ahead import StageAhead
from transforms.caption import DEAD_LETTERS, REFUSALS, CaptionImage
from transforms.dead_letter import EncodeDeadLetter
from transforms.decode import DecodeEvent
from transforms.duplicates import FindDuplicate
from transforms.encode import Encode
from transforms.fetch import FetchImage
from transforms.fetch.ahead import FetchAhead
from transforms.fingerprint import fingerprint_picture
from transforms.inspect import InspectImage
from transforms.scope import ByScope, arrive
from transforms.unchanged import SkipUnchanged
from transforms.values import Arrival, Assignment, Candidate, DeadLetter, Publication
from transforms.wiring import stage, typed


def build(uploads: Any, config: Config) -> None:
    """Attach the flow to a collection of `KafkaRecord`."""
    topics, run, kafka = config.topics, config.run_id, config.kafka
    audit = config.audit()
    encode = Encode(topics.captions, run, config.is_replay, audit, topics.cache, config.captions_wire)
    fail = {DEAD_LETTERS: DeadLetter}

    decode = DecodeEvent(config.uploads_wire, config.prompts)
    decoded, deleted, dead1 = stage(uploads, "Decode event", decode, values.Decoded, {values.Deletion: "deletions"})
    fetched, dead2 = stage(decoded, "Fetch image", FetchImage(config.fetch), values.Fetched, kind=FetchAhead)
    inspect = InspectImage(config.inspect)
    inspected, dead3 = stage(fetched, "Inspect image", inspect, values.Inspected, kind=StageAhead)
    if config.published is not None:
        skip = SkipUnchanged(ReadPublished(kafka, config.published), config.caption_options())
        inspected = inspected | "Skip unchanged" >> beam.ParDo(skip).with_output_types(values.Inspected)
    candidates, dead4 = stage(inspected, "Fingerprint", fingerprint_picture, Candidate, kind=StageAhead)

    known = (uploads.pipeline | "Read cache" >> ReadCache(kafka, config.cached),) if topics.cache else ()
    scoped = (
        (
            *known,
            candidates | "Candidate arrives" >> beam.Map(arrive).with_output_types(Arrival),
            deleted | "Deletion arrives" >> beam.Map(arrive).with_output_types(Arrival),
        )
        | "All arrivals" >> beam.Flatten()
        | "By scope" >> beam.FlatMap(ByScope(config.splits)).with_output_types(tuple[str, Arrival])
    )
    finder = beam.ParDo(FindDuplicate(config.duplicate_options()))
    grouped = scoped | "Find duplicate" >> finder.with_output_types(tuple[str, Assignment])
    captioner = CaptionImage(config.caption_options())
    tagged = fail | {REFUSALS: values.Refusal}
    finished, dead5, refused = typed(grouped, "Caption image", captioner, values.Finished, tagged)

    published, dead6 = stage(finished, "Encode caption", encode, Publication)
    _, dead7 = typed(published, "Write captions", WriteRecords(kafka, "Write captions", config.metrics), None, fail)
    audits, dead8 = stage(refused, "Encode refusal", audit, Publication)
    _, dead9 = typed(audits, "Write audit", WriteRecords(kafka, "Write audit", config.metrics), None, fail)
    (
        (dead1, dead2, dead3, dead4, dead5, dead6, dead7, dead8, dead9)
        | "All dead letters" >> beam.Flatten()
        | "Encode dead letter" >> beam.Map(EncodeDeadLetter(topics.dead_letters, run)).with_output_types(Publication)
        | "Write dead letters" >> beam.ParDo(WriteDeadLetters(kafka, "Write dead letters", config.metrics))
    )
