"""A report is gathered record by record: dead letters first, then captions, then audit records."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from pipeline.report.answers import AnswerFigures
from pipeline.report.captions import CaptionFigures
from pipeline.report.gpu import GpuTime
from pipeline.report.letters import LetterFigures
from pipeline.report.samples import Samples
from pipeline.report.timeline import Timeline
from pipeline.report.window import Window
from schemas.codec import Record
from schemas.published import PublishedDecoder
from transforms.errors import InputError
from transforms.values import KafkaRecord

GENERATED, REUSED, DEAD = "generated", "reused", "dead letters"
"""Kinds of the timeline."""


@dataclass(slots=True)
class Gathering:
    """Figures and samples of one window. Repeats count once, as a consumer that keeps the ids would have them."""

    window: Window = Window()
    captions: CaptionFigures = field(default_factory=CaptionFigures)
    answers: AnswerFigures = field(default_factory=AnswerFigures)
    letters: LetterFigures = field(default_factory=LetterFigures)
    samples: Samples = field(default_factory=Samples)
    timeline: Timeline = field(default_factory=Timeline)
    unreadable: Counter[str] = field(default_factory=Counter)
    """Records by topic that are not of its schema."""
    first_unreadable: dict[str, str] = field(default_factory=dict)
    """Coordinates of one of them, and why."""
    first_ms: int | None = None
    """Of the records that were counted."""
    last_ms: int | None = None
    records: int = 0
    """That were read."""
    _caption: PublishedDecoder = field(default_factory=lambda: PublishedDecoder("caption"))
    _audit: PublishedDecoder = field(default_factory=lambda: PublishedDecoder("audit"))

    def add_letter(self, record: KafkaRecord) -> None:
        """A record of the dead-letter topic. To be called for all of them before the first caption."""
        self.records += 1
        letter = self.letters.add(record, self.window)
        if letter is not None:
            self.samples.add_letter(record, letter)

    def add_caption(self, record: KafkaRecord) -> None:
        """A record of the captions topic."""
        if not self._is_inside(record):
            return
        if record.value is None:
            self.captions.withdrawn += 1
            return
        value = self._decoded(self._caption, record)
        if value is None:
            return
        source = value["source"]
        self.letters.captioned(f"{source['topic']}/{source['partition']}/{source['offset']}", value["image_id"])
        if self.captions.add(value):
            self.samples.add_caption(value)
            self.timeline.add(REUSED if value["origin"] == "REUSED" else GENERATED, record.timestamp_ms)

    def add_audit(self, record: KafkaRecord) -> None:
        """A record of the audit topic."""
        if self._is_inside(record) and (value := self._decoded(self._audit, record)) is not None:
            self.answers.add(value)

    def finish(self) -> None:
        """All was read."""
        for failed_ms in self.letters.failed_times():
            self.timeline.add(DEAD, failed_ms)
            self._stretch(failed_ms)

    @property
    def failure_rate(self) -> float | None:
        """Share of the uploads with a result, 0 to 1, that have a dead letter only."""
        ended = self.captions.captions + self.letters.lost
        return self.letters.lost / ended if ended else None

    @property
    def span_ms(self) -> int:
        """From the window's start, or the first record, to its stop, or the last."""
        start = self.first_ms if self.window.start_ms is None else self.window.start_ms
        stop = self.last_ms if self.window.stop_ms is None else self.window.stop_ms
        return 0 if start is None or stop is None else max(stop - start, 0)

    def gpu(self, gpus: int) -> GpuTime:
        """What the cards did."""
        return self.answers.gpu(gpus)

    def _is_inside(self, record: KafkaRecord) -> bool:
        self.records += 1
        is_inside = self.window.holds(record.timestamp_ms)
        if is_inside:
            self._stretch(record.timestamp_ms)
        return is_inside

    def _stretch(self, time_ms: int) -> None:
        self.first_ms = time_ms if self.first_ms is None else min(self.first_ms, time_ms)
        self.last_ms = time_ms if self.last_ms is None else max(self.last_ms, time_ms)

    def _decoded(self, decoder: PublishedDecoder, record: KafkaRecord) -> Record | None:
        try:
            return decoder.decode(record.value or b"")
        except InputError as error:
            self.unreadable[record.topic] += 1
            self.first_unreadable.setdefault(record.topic, f"{record.coordinates()}: {error.message}")
            return None
