"""Reads the job's topics for a report: no group, nothing committed, records of aborted transactions never."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.kafka.connection import KafkaOptions
from pipeline.kafka.consume import read_spans
from pipeline.kafka.offsets import resolve
from pipeline.kafka.positions import Uploads
from pipeline.kafka.span import Span
from pipeline.progress import Progress
from pipeline.report.gather import Gathering
from pipeline.report.window import Window


@dataclass(frozen=True, slots=True)
class ReportTopics:
    """The topics that the job writes and a report reads."""

    captions: str
    dead_letters: str
    audit: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be read."""

    letters: tuple[Span, ...]
    """All of the topic: letters keep the time of their uploads, so no offset says when they were written."""
    captions: tuple[Span, ...]
    audits: tuple[Span, ...]

    @property
    def records(self) -> int:
        """Offsets, which may hold fewer records."""
        return sum(span.stop - span.start for span in (*self.letters, *self.captions, *self.audits))


def plan(options: KafkaOptions, topics: ReportTopics, window: Window) -> Plan:
    """Resolve the window, once. Raises `TopicMissing`, `BrokerUnreachable`, `BrokerRefused`."""
    start, stop = window.moments
    letters = resolve(options, Uploads((topics.dead_letters,)))
    captions, audits = (resolve(options, Uploads((topic,)), start, stop) for topic in (topics.captions, topics.audit))
    return Plan(letters, captions, audits)


def gather(options: KafkaOptions, planned: Plan, window: Window, is_verbose: bool = False) -> Gathering:
    """Read it all, with a bar on a terminal. Raises `OffsetsUnavailable`, `BrokerUnreachable`, `BrokerRefused`."""
    found = Gathering(window)
    parts = (
        (planned.letters, found.add_letter),
        (planned.captions, found.add_caption),
        (planned.audits, found.add_audit),
    )
    with Progress("Reading", planned.records, lambda: found.records, "records", lines=is_verbose):
        for spans, add in parts:
            for record in read_spans(options, spans):
                add(record)
    found.finish()
    return found
