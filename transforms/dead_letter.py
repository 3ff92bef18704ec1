"""Dead letters: the original record untouched, with headers that say where, why and whether to try again.

Header names are Kafka Connect's (`DeadLetterQueueReporter`), all values UTF-8 strings, plus ``caption.error.*``.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass

from transforms import cloudevents
from transforms.errors import CaptionstreamError
from transforms.metrics import count
from transforms.origin import ORIGIN, origin_of
from transforms.values import DeadLetter, Header, KafkaRecord, Outgoing, Publication

MAX_MESSAGE = 1024
MAX_STACKTRACE = 8192
CONNECT = "__connect.errors."
ERROR = "caption.error."
ATTEMPT = f"{ERROR}attempt"
TIME = f"{ERROR}time"
"""When it failed: the record's own timestamp is that of the upload."""
RUN_ID = "caption.run.id"


def dead_letter(record: KafkaRecord, stage: str, error: CaptionstreamError) -> DeadLetter:
    """The record with its error as data."""
    count("dead_letters", 1, stage, error.code)
    count(f"dead_letters_{error.code}")
    # Frames only: the text of a foreign exception may hold a path with a query string or a secret.
    frames = "".join(traceback.format_tb(error.__traceback__)) if error.__traceback__ else ""
    return DeadLetter(
        record,
        stage,
        error.code,
        error.retryable,
        error.message[:MAX_MESSAGE].encode(errors="backslashreplace").decode(),
        f"{type(error).__module__}.{type(error).__qualname__}",
        frames[-MAX_STACKTRACE:],
    )


def encode(letter: DeadLetter, topic: str, run_id: str, now_ms: int) -> Outgoing:
    """The record to produce: key, value, timestamp and headers as they came, ours appended.

    Headers that carry our names already are replaced, so that a record that fails again does not collect them.
    """
    record = letter.record
    origin = origin_of(record)
    added = {
        f"{CONNECT}topic": origin.topic,
        f"{CONNECT}partition": str(origin.partition),
        f"{CONNECT}offset": str(origin.offset),
        f"{CONNECT}stage": letter.stage,
        f"{CONNECT}class.name": f"captionstream/{letter.stage}",
        f"{CONNECT}exception.class.name": letter.error_class,
        f"{CONNECT}exception.message": letter.message,
        f"{CONNECT}exception.stacktrace": letter.stacktrace,
        f"{ERROR}code": letter.code,
        f"{ERROR}retryable": "true" if letter.retryable else "false",
        ATTEMPT: str(attempt_of(record)),
        RUN_ID: run_id,
        TIME: cloudevents.moment(now_ms),
    }
    kept = tuple(header for header in record.headers if header.name not in added and header.name != ORIGIN)
    headers = kept + tuple(Header(name, value.encode()) for name, value in added.items())
    return Outgoing(topic, record.key, record.value, headers, record.timestamp_ms, record)


def attempt_of(record: KafkaRecord) -> int:
    """How often this record has been redriven; 0 for one that never was."""
    values = [header.value for header in record.headers if header.name == ATTEMPT and header.value]
    return int(values[-1]) if values and values[-1].isdigit() and len(values[-1]) < 10 else 0


@dataclass(frozen=True, slots=True)
class EncodeDeadLetter:
    """`DeadLetter` → `Publication`."""

    topic: str
    run_id: str
    clock: Callable[[], float] = time.time

    def __call__(self, letter: DeadLetter) -> Publication:
        """Encode one dead letter."""
        return Publication((), (encode(letter, self.topic, self.run_id, int(self.clock() * 1000)),))
