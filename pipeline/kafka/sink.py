"""Write: produces publications, audit records first; a bundle ends when all of it is acknowledged."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import apache_beam as beam
from apache_beam import pvalue
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.windowed_value import WindowedValue
from kafka.errors import InvalidTimestampError, KafkaError, MessageSizeTooLargeError

from pipeline.kafka.connection import KafkaOptions, producer
from pipeline.kafka.failures import failure
from pipeline.kafka.produce import send
from pipeline.metrics.endpoint import serve
from pipeline.metrics.options import MetricsOptions
from transforms import tally
from transforms.dead_letter import CONNECT, dead_letter
from transforms.errors import JobError, RecordTooLarge
from transforms.ledger import LEDGER
from transforms.metrics import count
from transforms.stage import DEAD_LETTERS
from transforms.values import DeadLetter, Outgoing, Publication

MAX_BUFFERED = 500
"""Publications held before they are sent in the middle of a bundle."""
STACKTRACE = f"{CONNECT}exception.stacktrace"


class WriteRecords(beam.DoFn):
    """`Publication` → the broker; a caption the broker refuses as too large becomes a tagged `DeadLetter`."""

    REFUSALS: tuple[type[KafkaError], ...] = (MessageSizeTooLargeError,)
    """What a broker says of one record that is no fault of the others."""

    def __init__(self, options: KafkaOptions, stage: str, metrics: MetricsOptions = MetricsOptions()) -> None:
        """``stage`` names this step in dead letters; ``metrics`` of the process it runs in."""
        self._options = options
        self._stage = stage
        self._metrics = metrics

    def setup(self) -> None:
        """Connect; and open the process's endpoint, as every worker writes."""
        serve(self._metrics)
        self._producer = producer(self._options)

    def start_bundle(self) -> None:
        """Nothing is buffered."""
        self._buffer: list[Publication] = []

    def process(self, element: Publication) -> Iterator[Any]:
        """Buffer, and send when the buffer is full."""
        self._buffer.append(element)
        if len(self._buffer) >= MAX_BUFFERED:
            for letter in self._flush():
                yield pvalue.TaggedOutput(DEAD_LETTERS, letter)

    def finish_bundle(self) -> Iterator[Any]:
        """Send what is left; the bundle ends only when the broker has everything."""
        window = GlobalWindow()
        for letter in self._flush():
            stamped = WindowedValue(letter, window.max_timestamp(), [window])
            yield pvalue.TaggedOutput(DEAD_LETTERS, stamped)

    def teardown(self) -> None:
        """Disconnect."""
        self._producer.close()

    def _flush(self) -> list[DeadLetter]:
        buffer, self._buffer = self._buffer, []
        if unaudited := self._send([audit for publication in buffer for audit in publication.audits]):
            raise JobError(
                f"an audit record of `{len(unaudited[0].value or b'')}` bytes is too large for topic "
                f"`{unaudited[0].topic}`; raise its max.message.bytes: nothing is published unaudited"
            )
        records = [record for publication in buffer for record in publication.records]
        refused = self._send(records)
        _settle(records, refused)
        return [self._refused(record) for record in refused]

    def _send(self, records: Sequence[Outgoing]) -> list[Outgoing]:
        """Send, wait for every answer, and return what was refused."""
        unsent, is_refused = self._attempt(records)
        if not is_refused:
            return []
        # A refused batch is fatal to an idempotent producer and to all it had in flight: one by one, then.
        too_large = []
        self._reconnect()
        for record in unsent:
            if self._attempt([record])[1]:
                too_large.append(record)
                self._reconnect()
        return too_large

    def _attempt(self, records: Sequence[Outgoing]) -> tuple[list[Outgoing], bool]:
        """Send; returns what was not acknowledged, in order, and whether a refusal was the reason."""
        unsent: list[Outgoing] = []
        is_refused = False
        fault: tuple[KafkaError, str] | None = None
        futures = [(record, self._start(record)) for record in records]
        # What a flush raises is one future's error; each is asked below.
        with contextlib.suppress(KafkaError):
            self._producer.flush(timeout=self._options.timeout_seconds)
        for record, future in futures:
            try:
                if isinstance(future, KafkaError):
                    raise future
                future.get(timeout=self._options.timeout_seconds)
                count(f"written_{record.topic}")
                tally.add("written", 1, record.topic)
            except KafkaError as error:
                unsent.append(record)
                is_refused |= isinstance(error, self.REFUSALS)
                fault = error, record.topic
        if fault is not None and not is_refused:
            raise self._failure(*fault) from fault[0]
        return unsent, is_refused

    def _start(self, record: Outgoing) -> Any:
        """The record's future, or the error that kept it from being sent at all."""
        try:
            return send(self._producer, record)
        except KafkaError as error:
            return error

    def _reconnect(self) -> None:
        self._producer.close()
        self._producer = producer(self._options)

    def _failure(self, error: KafkaError, topic: str) -> JobError:
        return failure(
            error,
            self._options.bootstrap_servers,
            f"write topic `{topic}`",
            f"the broker at `{self._options.bootstrap_servers}` did not acknowledge a record "
            f"(`{type(error).__name__}`); look at the broker and that every topic exists",
        )

    def _refused(self, record: Outgoing) -> DeadLetter:
        if record.origin is None:
            raise JobError(f"a record without origin is too large for topic `{record.topic}`; raise its limit")
        error = RecordTooLarge(
            f"the record of `{len(record.value or b'')}` bytes is too large for topic `{record.topic}`; "
            "raise the topic's max.message.bytes and redrive it"
        )
        return dead_letter(record.origin, self._stage, error)


class WriteDeadLetters(WriteRecords):
    """Writes dead letters, as they are, or with what the broker takes: the job must not end at one bad record.

    One whose time the topic does not take (``message.timestamp.before.max.ms``) gets today's, too large a one loses
    our stack trace; if that is not enough, the job stops.
    """

    REFUSALS = (MessageSizeTooLargeError, InvalidTimestampError)

    def _flush(self) -> list[DeadLetter]:
        buffer, self._buffer = self._buffer, []
        records = left = [record for publication in buffer for record in publication.records]
        for change in (_as_it_is, _stamped_now, _slim, lambda record: _stamped_now(_slim(record))):
            changed = [change(record) for record in left]
            refused = {id(record) for record in self._send(changed)}
            left = [record for record, sent in zip(left, changed, strict=True) if id(sent) in refused]
            if not left:
                break
        else:
            raise JobError(
                f"a dead letter of `{len(left[0].value or b'')}` bytes is too large for topic "
                f"`{left[0].topic}`; raise its max.message.bytes to that of the uploads topic "
                "and some room for headers"
            )
        _settle(records, ())
        return []


def _as_it_is(record: Outgoing) -> Outgoing:
    return record


def _stamped_now(record: Outgoing) -> Outgoing:
    return replace(record, timestamp_ms=None)


def _slim(record: Outgoing) -> Outgoing:
    return replace(record, headers=tuple(header for header in record.headers if header.name != STACKTRACE))


def _settle(records: Sequence[Outgoing], refused: Sequence[Outgoing]) -> None:
    for record in records:
        if record.origin is not None and record not in refused:
            LEDGER.written(record.origin)
