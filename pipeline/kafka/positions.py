"""Which partitions hold the uploads, and what a user may say of a place in them; `offsets` says what that means."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kafka.errors import KafkaError

from pipeline.kafka.connection import partitions
from pipeline.kafka.failures import failure
from transforms.errors import ConfigInvalid, TopicMissing

EARLIEST, LATEST, COMMITTED = "earliest", "latest", "committed"


@dataclass(frozen=True, slots=True)
class Uploads:
    """The topics that hold uploads: named, or by a pattern."""

    topics: tuple[str, ...] = ("image-uploads",)
    pattern: str = ""
    """Regular expression over whole topic names; internal topics (``__…``) never match. Excludes ``topics``."""
    partitions: tuple[tuple[str, int], ...] = ()
    """Of a topic that is named here only these partitions are read; other topics are read whole."""

    def __post_init__(self) -> None:
        """Raise `ConfigInvalid` naming the option that mends it."""
        if bool(self.topics) == bool(self.pattern):
            raise ConfigInvalid(
                "the uploads' topics are named or have a pattern; give either --topic or --topic-pattern"
            )
        try:
            re.compile(self.pattern)
        except re.error as error:
            raise ConfigInvalid(
                f"`{self.pattern}` is not a regular expression ({error}); mend --topic-pattern"
            ) from error
        for topic in self.topics:
            if not topic or self.topics.count(topic) > 1:
                raise ConfigInvalid(f"upload topic `{topic}` is {'given twice' if topic else 'empty'}; mend --topic")
        for topic, number in self.partitions:
            if topic not in self.topics and not self.matches(topic):
                raise ConfigInvalid(f"partition `{topic}:{number}` is of a topic that is not read; mend --partition")
            if number < 0:
                raise ConfigInvalid(f"partition `{topic}:{number}` is negative; mend --partition")

    def matches(self, topic: str) -> bool:
        """Whether the pattern, if there is one, takes the topic."""
        return bool(self.pattern and not topic.startswith("__") and re.fullmatch(self.pattern, topic))


def list_partitions(
    client: Any, uploads: Uploads, servers: str, outputs: tuple[str, ...] = ()
) -> tuple[tuple[str, int], ...]:
    """(topic, partition) of everything to be read, sorted. A pattern never matches ``outputs``, the job's own.

    Raises `TopicMissing` when a topic or an explicit partition does not exist, or the pattern matches nothing;
    `BrokerUnreachable`.
    """
    with answering(servers):
        topics = uploads.topics
        if uploads.pattern:
            topics = tuple(t for t in client.topics() if uploads.matches(t) and t not in outputs)
            if not topics:
                raise TopicMissing(
                    f"no topic on `{servers}` matches `{uploads.pattern}`; create one or mend --topic-pattern"
                )
        found = [(topic, number) for topic in topics for number in partitions(client, topic, servers)]
    for topic, number in uploads.partitions:
        if (topic, number) not in found:
            raise TopicMissing(f"topic `{topic}` has no partition `{number}` on `{servers}`; mend --partition")
    narrowed = {topic for topic, _ in uploads.partitions}
    return tuple(sorted(place for place in found if place[0] not in narrowed or place in uploads.partitions))


@dataclass(frozen=True, slots=True)
class Moment:
    """A place in every partition: a word, or a time that is compared with the records' timestamps."""

    text: str
    time_ms: int | None = None
    """Milliseconds since the epoch; None for a word."""

    @classmethod
    def parse(cls, text: str, option: str, words: tuple[str, ...] = (EARLIEST, LATEST)) -> Moment:
        """One of ``words`` or an ISO 8601 time with a zone. Raises `ConfigInvalid` naming the option."""
        if text in words:
            return cls(text)
        try:
            parsed = datetime.fromisoformat(text)
        except ValueError as error:
            raise ConfigInvalid(
                f"`{text}` is neither {', '.join(words)} nor an ISO 8601 time; mend {option}, "
                "for example 2026-11-23T10:00:00+00:00"
            ) from error
        if parsed.tzinfo is None:
            raise ConfigInvalid(f"time `{text}` has no zone; mend {option}, for example `{text}+00:00`")
        return cls(text, max(int(parsed.timestamp() * 1000), 0))


@dataclass(frozen=True, slots=True)
class Position:
    """An offset of a partition."""

    topic: str
    partition: int
    offset: int


@contextmanager
def answering(servers: str) -> Iterator[None]:
    """Raise `BrokerRefused` or `BrokerUnreachable` for whatever the client raises."""
    try:
        yield
    except KafkaError as error:
        raise failure(
            error,
            servers,
            "see topics and offsets",
            f"the broker at `{servers}` did not say which topics and offsets it has (`{type(error).__name__}`); "
            "check its log",
        ) from error
