"""Reads whole topics back, for the demo, for tests and for reports."""

from __future__ import annotations

from pipeline.kafka.connection import KafkaOptions, consumer
from pipeline.kafka.replay import read_span, resolve
from transforms.values import KafkaRecord


def read_topic(options: KafkaOptions, topic: str) -> list[KafkaRecord]:
    """Every record that is in the topic now, partition by partition, in order."""
    spans = resolve(options, topic)
    client = consumer(options)
    try:
        return [record for span in spans for record in read_span(client, span, options)]
    finally:
        client.close()
