"""What places in the uploads' partitions mean now: resolved once, at launch, so that a retried job reads the same.

An explicit offset of a partition goes before the one place that is given for all of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from kafka import TopicPartition

from pipeline.kafka.connection import KafkaOptions, consumer
from pipeline.kafka.positions import (
    COMMITTED,
    EARLIEST,
    LATEST,
    Moment,
    Position,
    Uploads,
    answering,
    list_partitions,
)
from pipeline.kafka.span import Span, read_span
from transforms.errors import ConfigInvalid, OffsetsUnavailable


class Broker:
    """What the broker says now about some partitions. Every call may raise `BrokerUnreachable`."""

    def __init__(self, client: Any, servers: str, places: tuple[tuple[str, int], ...]) -> None:
        """``places`` as `list_partitions` gives them."""
        self.places = [TopicPartition(*place) for place in places]
        self._client = client
        self._servers = servers
        with answering(servers):
            self.first: Mapping[TopicPartition, int] = client.beginning_offsets(self.places)
            self.last: Mapping[TopicPartition, int] = client.end_offsets(self.places)

    def locate(
        self, moment: Moment, given: tuple[Position, ...] = (), option: str = "--from-offset"
    ) -> dict[TopicPartition, int]:
        """The offset of every partition: the given one, else where the moment is.

        Raises `ConfigInvalid` naming ``option`` when a given offset is not in its partition.
        """
        offsets = dict(self._located(moment))
        explicit = set()
        for position in given:
            place = TopicPartition(position.topic, position.partition)
            name = f"{place.topic}:{place.partition}"
            if place not in offsets:
                raise ConfigInvalid(f"offset of `{name}`: this partition is not read; mend {option}")
            if place in explicit:
                raise ConfigInvalid(f"offset of `{name}` is given twice; mend {option}")
            if not self.first[place] <= position.offset <= self.last[place]:
                raise ConfigInvalid(
                    f"offset `{position.offset}` of `{name}` is outside {self.first[place]} to {self.last[place]}; "
                    f"mend {option}"
                )
            explicit.add(place)
            offsets[place] = position.offset
        return offsets

    def at_times(self, times: Mapping[TopicPartition, int]) -> dict[TopicPartition, int]:
        """Offset of the first record at or after the time, in milliseconds; the end where there is none."""
        if not times:
            return {}
        with answering(self._servers):
            found = self._client.offsets_for_times(dict(times))
        return {place: found[place].offset if found.get(place) else self.last[place] for place in times}

    def _located(self, moment: Moment) -> Mapping[TopicPartition, int]:
        if moment.time_ms is not None:
            return self.at_times(dict.fromkeys(self.places, moment.time_ms))
        return self.last if moment.text == LATEST else self.first


@dataclass(frozen=True, slots=True)
class Starts:
    """Where a live job begins."""

    positions: tuple[Position, ...]
    committed: tuple[tuple[str, int], ...] = ()
    """The partitions whose start is, or was rewound from, what the group had committed."""


def resolve_starts(
    options: KafkaOptions,
    uploads: Uploads,
    start: Moment,
    offsets: tuple[Position, ...] = (),
    group: str | None = None,
    rewind_ms: int | None = None,
    outputs: tuple[str, ...] = (),
    clock: Callable[[], float] = time.time,
) -> Starts:
    """What ``start`` means now for every partition; an explicit offset goes before it.

    ``committed`` is the group's offset, and the earliest in a partition without one. ``rewind_ms`` goes back from
    there by the records' own time: from that of the record at the committed offset, or from now where everything
    was read; never forward. Raises `ConfigInvalid`, `TopicMissing`, `BrokerUnreachable`, and `OffsetsUnavailable`
    when a committed offset is not in its partition.
    """
    if start.text == COMMITTED and not group:
        raise ConfigInvalid(f"a start at `{COMMITTED}` offsets needs a consumer group; mend --from")
    client = consumer(options, group_id=group)
    try:
        broker = Broker(client, options.bootstrap_servers, _listed(client, options, uploads, outputs))
        found = broker.locate(start, offsets)
        explicit = {(position.topic, position.partition) for position in offsets}
        committed: dict[TopicPartition, int] = {}
        if start.text == COMMITTED:
            asked = [place for place in broker.places if tuple(place) not in explicit]
            committed = _committed(client, options, broker, asked)
            found |= committed if rewind_ms is None else _rewound(client, options, broker, committed, rewind_ms, clock)
    finally:
        client.close()
    positions = (Position(place.topic, place.partition, found[place]) for place in broker.places)
    return Starts(tuple(positions), tuple((place.topic, place.partition) for place in committed))


def resolve(
    options: KafkaOptions,
    uploads: Uploads,
    start: Moment = Moment(EARLIEST),
    stop: Moment = Moment(LATEST),
    from_offsets: tuple[Position, ...] = (),
    to_offsets: tuple[Position, ...] = (),
    outputs: tuple[str, ...] = (),
) -> tuple[Span, ...]:
    """The spans that a replay reads, resolved once; empty ones, where the stop is before the start, are left out.

    Raises `ConfigInvalid`, `TopicMissing`, `BrokerUnreachable`.
    """
    client = consumer(options)
    try:
        broker = Broker(client, options.bootstrap_servers, _listed(client, options, uploads, outputs))
        starts = broker.locate(start, from_offsets, "--from-offset")
        stops = broker.locate(stop, to_offsets, "--to-offset")
    finally:
        client.close()
    spans = (Span(place.topic, place.partition, starts[place], stops[place]) for place in broker.places)
    return tuple(span for span in spans if span.start < span.stop)


def _listed(client: Any, options: KafkaOptions, uploads: Uploads, outputs: tuple[str, ...]) -> tuple[Any, ...]:
    return list_partitions(client, uploads, options.bootstrap_servers, outputs)


def _committed(
    client: Any, options: KafkaOptions, broker: Broker, asked: list[TopicPartition]
) -> dict[TopicPartition, int]:
    with answering(options.bootstrap_servers):
        known = {place: client.committed(place) for place in asked}
    offsets = {place: offset for place, offset in known.items() if offset is not None}
    for place, offset in offsets.items():
        first, last = broker.first[place], broker.last[place]
        if not first <= offset <= last:
            raise OffsetsUnavailable(
                f"the group's committed offset `{offset}` of `{place.topic}:{place.partition}` is outside {first} to "
                f"{last}: retention took it, or the topic was made anew; name a start with --from or --from-offset"
            )
    return offsets


def _rewound(
    client: Any,
    options: KafkaOptions,
    broker: Broker,
    committed: dict[TopicPartition, int],
    rewind_ms: int,
    clock: Callable[[], float],
) -> dict[TopicPartition, int]:
    times = {}
    for place, offset in committed.items():
        span = Span(place.topic, place.partition, offset, broker.last[place])
        record = next(read_span(client, span, options), None)
        now = int(clock() * 1000) if record is None else record.timestamp_ms
        times[place] = max(now - rewind_ms, 0)
    return {place: min(offset, committed[place]) for place, offset in broker.at_times(times).items()}
