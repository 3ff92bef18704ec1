"""Reads whole topics back, for the demo, for tests and for reports."""

from __future__ import annotations

from pipeline.kafka.connection import KafkaOptions, consumer
from pipeline.kafka.offsets import resolve
from pipeline.kafka.positions import Uploads
from pipeline.kafka.span import read_span
from transforms.values import KafkaRecord


def read_topic(options: KafkaOptions, topic: str) -> list[KafkaRecord]:
    """Every record that is in the topic now, partition by partition, in order."""
    spans = resolve(options, Uploads((topic,)))
    client = consumer(options)
    try:
        return [record for span in spans for record in read_span(client, span, options)]
    finally:
        client.close()
