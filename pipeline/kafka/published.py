"""What the captions topic holds already, for a replay that captions only what changed."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

from kafka import TopicPartition

from pipeline.kafka.connection import KafkaOptions, consumer
from pipeline.kafka.positions import answering
from pipeline.kafka.span import Span, read_span
from transforms.unchanged import Published, PublishedReader

_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ReadPublished:
    """Reads spans of the captions topic, which were resolved at launch; about 10,000 records/s and core."""

    options: KafkaOptions
    spans: tuple[Span, ...]

    def __call__(self) -> Published:
        """Read them all. What retention has taken meanwhile is not published any more."""
        gathered = PublishedReader()
        client = consumer(self.options)
        try:
            places = [TopicPartition(span.topic, span.partition) for span in self.spans]
            with answering(self.options.bootstrap_servers):
                first = client.beginning_offsets(places) if places else {}
            for place, span in zip(places, self.spans, strict=True):
                for record in read_span(client, replace(span, start=max(span.start, first[place])), self.options):
                    gathered.add(record)
        finally:
            client.close()
        published = gathered.finish()
        _LOGGER.info("the captions topic holds %d captions", len(published))
        return published
