"""Writes the events, every one acknowledged or accounted for."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from kafka.errors import KafkaError, MessageSizeTooLargeError

from pipeline.duplicates.folder import read
from pipeline.kafka.connection import KafkaOptions, admin, producer
from pipeline.kafka.describe import describe
from pipeline.kafka.failures import failure
from pipeline.kafka.produce import send
from pipeline.submit.events import Asked
from pipeline.submit.pictures import Source
from schemas.codec import Encoder, WireFormat
from transforms.errors import InputError, RecordTooLarge, TopicMissing
from transforms.values import Outgoing

BATCH_BYTES = 16 << 20
OVERHEAD = 128
"""Bytes of a record batch beside one record's key and value."""


@dataclass(frozen=True, slots=True)
class Written:
    """What became of one picture."""

    source: Source
    size: int
    """Bytes of the event; 0 where the picture could not be read."""
    partition: int | None = None
    offset: int | None = None
    error: InputError | None = None


class Submission:
    """Pictures for one topic."""

    def __init__(
        self,
        kafka: KafkaOptions,
        topic: str,
        asked: Asked,
        wire: WireFormat,
        max_image: int,
        clock: Callable[[], float],
    ) -> None:
        """Ask how large a record may be. ``max_image`` in bytes, ``clock`` in seconds.

        Raises `TopicMissing`, `BrokerRefused` and `BrokerUnreachable`.
        """
        self._kafka = kafka
        self._topic = topic
        self._asked = asked
        self._encoder = Encoder("image_upload", wire)
        self._max_image = max_image
        self._clock = clock
        client = admin(kafka)
        try:
            found = describe(client, kafka, [topic])
        finally:
            client.close()
        if topic not in found:
            raise TopicMissing(
                f"topic `{topic}` does not exist on `{kafka.bootstrap_servers}`, or this user may not see it; "
                "create it or mend --topic"
            )
        self._max_record = found[topic].number("max.message.bytes")

    def check(self, sources: Sequence[Source]) -> Iterator[Written]:
        """Everything but the writing."""
        for source in sources:
            _, written = self._made(source)
            yield written

    def send(self, sources: Sequence[Source]) -> Iterator[Written]:
        """Write them, in order; yields what became of each. Raises `BrokerRefused` and `BrokerUnreachable`."""
        self._client = producer(self._kafka)
        try:
            waiting: list[tuple[Outgoing, Written]] = []
            held = 0
            for source in sources:
                record, written = self._made(source)
                if record is None:
                    yield written
                    continue
                waiting.append((record, written))
                held += written.size
                if held >= BATCH_BYTES:
                    yield from self._flush(waiting)
                    waiting, held = [], 0
            yield from self._flush(waiting)
        finally:
            self._client.close()

    def _made(self, source: Source) -> tuple[Outgoing | None, Written]:
        try:
            image = None if source.path is None else read(source.path, self._max_image)
        except InputError as error:
            return None, Written(source, 0, error=error)
        key = source.image_id.encode()
        value = self._encoder.encode(self._asked.event(source, image, int(self._clock() * 1000)))
        size = len(key) + len(value) + OVERHEAD
        if self._max_record is not None and size > self._max_record:
            return None, Written(source, len(value), error=self._too_large(len(value)))
        return Outgoing(self._topic, key, value), Written(source, len(value))

    def _flush(self, waiting: list[tuple[Outgoing, Written]]) -> Iterator[Written]:
        """A refused batch is fatal to an idempotent producer and to all it had in flight: one by one, then."""
        answers = self._answers([record for record, _ in waiting])
        if any(isinstance(answer, MessageSizeTooLargeError) for answer in answers):
            answers = [
                self._again(record) if isinstance(answer, KafkaError) else answer
                for (record, _), answer in zip(waiting, answers, strict=True)
            ]
        for (record, written), answer in zip(waiting, answers, strict=True):
            if isinstance(answer, MessageSizeTooLargeError):
                yield Written(written.source, written.size, error=self._too_large(len(record.value or b"")))
            elif isinstance(answer, KafkaError):
                raise failure(
                    answer,
                    self._kafka.bootstrap_servers,
                    f"write topic `{self._topic}`",
                    f"the broker at `{self._kafka.bootstrap_servers}` did not acknowledge image "
                    f"`{written.source.image_id}` (`{type(answer).__name__}`); look at the broker and submit it again: "
                    "an upload that was written twice keeps its id",
                ) from answer
            else:
                yield Written(written.source, written.size, answer.partition, answer.offset)

    def _again(self, record: Outgoing) -> Any:
        self._client.close()
        self._client = producer(self._kafka)
        return self._answers([record])[0]

    def _answers(self, records: Sequence[Outgoing]) -> list[Any]:
        """Where each lies, or the error that kept it from there."""
        answers: list[Any] = []
        for record in records:
            try:
                answers.append(send(self._client, record))
            except KafkaError as error:
                answers.append(error)
        with contextlib.suppress(KafkaError):  # it is one future's; each is asked
            self._client.flush(timeout=self._kafka.timeout_seconds)
        for number, future in enumerate(answers):
            if isinstance(future, KafkaError):
                continue
            try:
                answers[number] = future.get(timeout=self._kafka.timeout_seconds)
            except KafkaError as error:
                answers[number] = error
        return answers

    def _too_large(self, size: int) -> RecordTooLarge:
        limit = f", over its max.message.bytes of {self._max_record:,}" if self._max_record is not None else ""
        return RecordTooLarge(
            f"the event of `{size:,}` bytes is too large for topic `{self._topic}`{limit}; raise that, send a smaller "
            "picture, or put it on a web server and submit its address"
        )
