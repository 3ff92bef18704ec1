"""Reads the newest upload of some partitions: whether the job can decode what producers write."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pipeline.check.finding import Finding, ok, warn
from pipeline.check.plan import Plan
from pipeline.kafka.connection import KafkaOptions
from pipeline.kafka.offsets import Broker
from pipeline.kafka.span import Span, read_span
from schemas.registry.client import Registry
from schemas.registry.http import Http
from transforms.decode import DecodeEvent
from transforms.errors import InputError, JobError

WHAT = "events"
MOST = 4
"""Partitions that are looked into."""
_REGISTRY_SECONDS = 1.5
"""A job asks it for longer; here another line says what is wrong with it."""


def event_findings(reader: Any, plan: Plan, kafka: KafkaOptions, broker: Broker) -> Iterator[Finding]:
    """One finding; ``reader`` is a consumer."""
    if not _registry_answers(plan):
        yield warn(WHAT, "not decoded, for the registry does not answer", "see the line of the registry")
        return
    filled = [place for place in broker.places if broker.last[place] > broker.first[place]]
    decode = DecodeEvent(plan.config.uploads_wire, plan.config.prompts)
    read = 0
    for place in filled[:MOST]:
        last = broker.last[place]
        for record in read_span(reader, Span(place.topic, place.partition, last - 1, last), kafka):
            read += 1
            try:
                decode(record)
            except InputError as error:
                found, _, remedy = error.message.partition("; ")
                yield warn(
                    WHAT, f"the newest upload, `{record.coordinates()}`, would be a dead letter: {found}", remedy
                )
                return
    if read:
        yield ok(WHAT, f"the newest of {read} partition{'s' * (read > 1)} can be decoded")
    else:
        yield ok(WHAT, "there are none yet")


def _registry_answers(plan: Plan) -> bool:
    """Whether it does, or is not needed."""
    options = plan.config.uploads_wire.registry
    if options is None:
        return True
    try:
        registry = Registry(Http(options, _REGISTRY_SECONDS))
        try:
            registry.subjects()
        finally:
            registry.close()
    except JobError:
        return False
    return True
