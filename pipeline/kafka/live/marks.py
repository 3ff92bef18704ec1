"""How far a read has come, as it lies in checkpoints and savepoints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from apache_beam.coders import Coder

from pipeline.kafka.live.commits import committer_for
from pipeline.kafka.live.options import LiveRead
from pipeline.kafka.live.unbounded import CheckpointMark
from pipeline.kafka.positions import Position
from schemas.state import StateCodec


@dataclass(frozen=True, slots=True)
class Place:
    """How far a partition is read."""

    topic: str
    partition: int
    offset: int
    """The next one."""
    watermark_ms: int


@dataclass(frozen=True, slots=True)
class Known:
    """The partitions that are being read."""

    partitions: tuple[Position, ...]


class Mark(CheckpointMark):
    """A `Place` that, once everything before it is safe, is committed to the group."""

    holds = Place

    def __init__(self, place: Place, live: LiveRead | None = None) -> None:
        self.place = place
        self._live = live

    def finalize_checkpoint(self) -> None:
        """Tell the group."""
        if self._live is not None and self._live.group:
            committer = committer_for(self._live.kafka, self._live.group)
            committer.commit(self.place.topic, self.place.partition, self.place.offset)


class KnownMark(CheckpointMark):
    """`Known`, as a mark."""

    holds = Known

    def __init__(self, place: Known) -> None:
        self.place = place


class MarkCoder(Coder):
    """Avro, as all state."""

    def __init__(self, mark: type[Mark] | type[KnownMark]) -> None:
        self._mark = mark
        self._codec = StateCodec(mark.holds)

    def encode(self, value: Any) -> bytes:
        """The mark as bytes."""
        return self._codec.encode(value.place)

    def decode(self, encoded: bytes) -> Any:
        """The mark from bytes; it finalizes nothing."""
        return self._mark(self._codec.decode(encoded))

    def is_deterministic(self) -> bool:
        """Beam finds the reader of a mark by its bytes."""
        return True
