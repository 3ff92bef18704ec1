"""Reads a dead-letter topic twice: first what there is, then, of what the plan takes, the records themselves.

A letter's send is acknowledged before it is remembered as sent: a redrive that is stopped in between sends it again.
"""

from __future__ import annotations

import bisect
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from kafka import TopicPartition
from kafka.errors import KafkaError
from kafka.structs import OffsetAndMetadata

from pipeline.kafka.connection import KafkaOptions, consumer
from pipeline.kafka.offsets import resolve
from pipeline.kafka.positions import Uploads
from pipeline.kafka.sink import WriteRecords
from pipeline.kafka.span import Span, read_span
from pipeline.redrive.letters import Letter, read, redriven
from pipeline.redrive.plan import Plan
from pipeline.redrive.sent import Sent
from transforms.errors import ConfigInvalid, JobError, RecordTooLarge, TopicMissing
from transforms.values import Outgoing

BATCH_RECORDS = 500
BATCH_BYTES = 16 << 20


@dataclass(slots=True)
class Survey:
    """What the dead-letter topic holds now."""

    topic: str
    spans: tuple[Span, ...]
    letters: list[Letter] = field(default_factory=list)
    """In order of partition and offset."""
    foreign: int = 0
    sent: dict[int, Sent] = field(default_factory=dict)
    """By partition: what the group remembers."""

    def places_sent(self) -> set[tuple[int, int]]:
        """Of the letters that are there, those that were sent."""
        return {letter.place for letter in self.letters if letter.offset in self.sent[letter.partition]}


class _Writer(WriteRecords):
    """The sink's way of sending: every answer awaited, and one too large a record harms no other."""

    def send(self, records: list[Outgoing]) -> list[Outgoing]:
        """Returns what was too large. Raises `BrokerUnreachable`."""
        return self._send(records)


class Redrive:
    """A dead-letter topic, and the group that remembers which of its letters were sent."""

    def __init__(self, options: KafkaOptions, topic: str, group: str) -> None:
        """Connect; raises `BrokerUnreachable`."""
        if not group:
            raise ConfigInvalid("the group's name is empty; mend --group")
        self._options = options
        self._topic = topic
        self._group = group
        self._client = consumer(options, group_id=group)

    def close(self) -> None:
        """Disconnect."""
        self._client.close()

    def survey(self) -> Survey:
        """Read every letter's headers. Raises `TopicMissing`, `OffsetsUnavailable`, `BrokerUnreachable`."""
        found = Survey(self._topic, resolve(self._options, Uploads((self._topic,))))
        for span in found.spans:
            found.sent[span.partition] = self._sent(span)
            for record in read_span(self._client, span, self._options):
                letter = read(record)
                if letter is None:
                    found.foreign += 1
                else:
                    found.letters.append(letter)
        return found

    def check(self, plan: Plan, to_topic: str | None) -> None:
        """Raise `TopicMissing` or `ConfigInvalid` when a letter has nowhere to go."""
        for topic in sorted({to_topic or letter.origin.topic for letter in plan.to_send}):
            if topic == self._topic:
                raise ConfigInvalid(f"letters would go to `{topic}`, where they are; name another with --to-topic")
            if not self._client.partitions_for_topic(topic):
                raise TopicMissing(
                    f"topic `{topic}` does not exist on `{self._options.bootstrap_servers}`; "
                    "create it or name another with --to-topic"
                )

    def send(self, survey: Survey, plan: Plan, to_topic: str | None) -> tuple[int, RecordTooLarge | None]:
        """Send what the plan takes; returns how many were sent, and what is to be said of those that are too large.

        Raises `JobError` when a broker would not remember it.
        """
        chosen = {letter.place: letter for letter in plan.to_send}
        settled: dict[tuple[int, int], list[tuple[int, int]]] = {}
        by_record = {letter.record: letter.place for letter in plan.to_send}
        for letter in plan.earlier:
            settled.setdefault(by_record[letter.record], []).append(letter.place)
        self._check_memory(survey, [*chosen, *(letter.place for letter in plan.earlier)])
        writer = _Writer(self._options, "Redrive")
        writer.setup()
        refused: list[Outgoing] = []
        try:
            for batch in self._batches(survey, chosen, to_topic):
                too_large = writer.send([record for _, record in batch])
                refused += too_large
                left = {id(record) for record in too_large}
                done = [letter.place for letter, record in batch if id(record) not in left]
                self._remember(survey, [place for one in done for place in (one, *settled.get(one, ()))])
        finally:
            writer.teardown()
        sent = len(chosen) - len(refused)
        if not refused:
            return sent, None
        first = refused[0]
        return sent, RecordTooLarge(
            f"`{len(refused)}` of {len(chosen)} letters, the first of `{len(first.value or b'')}` bytes, are too "
            f"large for topic `{first.topic}` and stay; raise its max.message.bytes and run it again, "
            f"the other {sent} were sent"
        )

    def _batches(
        self, survey: Survey, chosen: dict[tuple[int, int], Letter], to_topic: str | None
    ) -> Iterator[list[tuple[Letter, Outgoing]]]:
        for span in survey.spans:
            offsets = [offset for partition, offset in chosen if partition == span.partition]
            if not offsets:
                continue
            batch, size = [], 0
            narrowed = Span(span.topic, span.partition, min(offsets), max(offsets) + 1)
            for record in read_span(self._client, narrowed, self._options):
                letter = chosen.get((record.partition, record.offset))
                if letter is None:
                    continue
                batch.append((letter, redriven(record, letter, to_topic or letter.origin.topic)))
                size += len(record.value or b"")
                if len(batch) >= BATCH_RECORDS or size >= BATCH_BYTES:
                    yield batch
                    batch, size = [], 0
            if batch:
                yield batch

    def _sent(self, span: Span) -> Sent:
        timeout = self._options.timeout_ms
        with self._remembering("say what was sent"):
            known = self._client.committed(
                TopicPartition(self._topic, span.partition), metadata=True, timeout_ms=timeout
            )
        if known is None or known.offset < 0:
            return Sent()
        sent = Sent.parse(known.offset, known.metadata, self._group)
        return sent if sent.base <= span.stop else Sent()  # the topic was made anew

    def _after(self, survey: Survey, places: Collection[tuple[int, int]]) -> dict[int, Sent]:
        """What is sent once these are, of the partitions they are in."""
        after = {}
        for partition in {partition for partition, _ in places}:
            first = bisect.bisect_left(survey.letters, partition, key=lambda letter: letter.partition)
            last = bisect.bisect_right(survey.letters, partition, key=lambda letter: letter.partition)
            letters = [letter.offset for letter in survey.letters[first:last]]
            mine = [offset for number, offset in places if number == partition]
            after[partition] = survey.sent[partition].add(mine, letters)
        return after

    def _check_memory(self, survey: Survey, places: Collection[tuple[int, int]]) -> None:
        for sent in self._after(survey, places).values():
            sent.metadata()

    def _remember(self, survey: Survey, places: Collection[tuple[int, int]]) -> None:
        after = self._after(survey, places)
        survey.sent |= after
        offsets = {
            TopicPartition(self._topic, partition): OffsetAndMetadata(sent.base, sent.metadata(), -1)
            for partition, sent in after.items()
        }
        if offsets:
            with self._remembering("remember what was sent just now"):
                self._client.commit(offsets, timeout_ms=self._options.timeout_ms)

    @contextmanager
    def _remembering(self, what: str) -> Iterator[None]:
        try:
            yield
        except KafkaError as error:
            raise JobError(
                f"group `{self._group}` on `{self._options.bootstrap_servers}` cannot {what} "
                f"(`{type(error).__name__}`); check that nobody else uses it, or name another with --group"
            ) from error
