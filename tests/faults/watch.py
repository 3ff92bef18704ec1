"""The consumer that reads while things break."""

import threading

from kafka import TopicPartition

from pipeline.kafka.connection import KafkaOptions, consumer


class Watch:
    """Captions and dead letters as they come; none is ever taken back."""

    def __init__(self, options: KafkaOptions, topics: tuple[str, ...]) -> None:
        self.seen: set[str] = set()
        self._topics = topics
        self._options = options
        self._records: list[tuple[str, int, int]] = []
        self._stop = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def check(self) -> None:
        """It was not itself broken, and saw no offset twice."""
        assert self._error is None, self._error
        assert len(self._records) == len(set(self._records))

    def close(self) -> None:
        self._stop.set()
        self._thread.join(30)

    def _read(self) -> None:
        try:
            client = consumer(self._options, auto_offset_reset="earliest")
            places = [TopicPartition(t, p) for t in self._topics for p in client.partitions_for_topic(t)]
            client.assign(places)
            while not self._stop.is_set():
                for batch in client.poll(100).values():
                    for record in batch:
                        self._records.append((record.topic, record.partition, record.offset))
                        self.seen.add((record.key or b"").decode())
            client.close()
        except BaseException as error:
            self._error = error
