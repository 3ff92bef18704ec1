"""What the broker knows of a job from outside: how much it has written, and how much it has finished."""

from __future__ import annotations

import logging

from kafka import TopicPartition
from kafka.errors import KafkaError

from pipeline.kafka.connection import KafkaOptions, consumer
from pipeline.kafka.positions import Uploads, list_partitions
from transforms import tally
from transforms.errors import CaptionstreamError

_LOGGER = logging.getLogger(__name__)


def outputs_end(options: KafkaOptions, topics: tuple[str, ...]) -> int | None:
    """Sum of the end offsets of topics; None when the broker does not say."""
    try:
        client = consumer(options)
        try:
            places = [
                TopicPartition(topic, number) for topic in topics for number in client.partitions_for_topic(topic) or ()
            ]
            return sum(client.end_offsets(places).values())
        finally:
            client.close()
    except (KafkaError, CaptionstreamError) as error:
        _LOGGER.warning("the watchdog cannot see the output topics: `%s`", error)
        return None


def behind(options: KafkaOptions, group: str, uploads: Uploads, outputs: tuple[str, ...]) -> tuple[int, int] | None:
    """Offsets beyond what the group has committed, and the sum of that; None when the broker does not say.

    A partition without a commit counts from its beginning.
    """
    try:
        client = consumer(options, group_id=group)
        try:
            listed = list_partitions(client, uploads, options.bootstrap_servers, outputs)
            places = [TopicPartition(*place) for place in listed]
            ends, begins = client.end_offsets(places), client.beginning_offsets(places)
            committed = {place: client.committed(place) for place in places}
        finally:
            client.close()
    except (KafkaError, CaptionstreamError) as error:
        _LOGGER.warning("the watchdog cannot see the group's offsets: `%s`", error)
        tally.drop("consumer_lag")
        return None
    lags = {place: max(ends[place] - (committed[place] or begins[place]), 0) for place in places}
    for place, lag in lags.items():
        tally.put("consumer_lag", lag, place.topic, str(place.partition))
    return sum(lags.values()), sum(offset or 0 for offset in committed.values())
