"""How much a job has written, as seen from outside: for the progress of one whose workers are elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from kafka import TopicPartition
from kafka.errors import KafkaError

from pipeline.kafka.connection import KafkaOptions, consumer
from transforms.errors import CaptionstreamError

PAUSE_SECONDS = 2.0
"""Between two questions to the broker."""


class Written:
    """Records that came to some topics, whoever wrote them. Not for several threads at once."""

    def __init__(
        self, options: KafkaOptions, topics: tuple[str, ...], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """It connects when it is first asked."""
        self._options = options
        self._topics = topics
        self._clock = clock
        self._client: Any = None
        self._known = 0
        self._due = clock()

    def __call__(self) -> int:
        """Sum of the topics' end offsets; what it was before when the broker does not answer."""
        if self._clock() >= self._due:
            self._due = self._clock() + PAUSE_SECONDS
            try:
                self._known = max(self._known, self._ask())
            except (KafkaError, CaptionstreamError):  # the job says so, if it lasts
                self.close()
        return self._known

    def close(self) -> None:
        """Disconnect; asked again it connects again."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _ask(self) -> int:
        if self._client is None:
            self._client = consumer(self._options)
        places = [
            TopicPartition(t, number) for t in self._topics for number in self._client.partitions_for_topic(t) or ()
        ]
        return sum(self._client.end_offsets(places).values())
