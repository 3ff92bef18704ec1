"""What a live read is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pipeline.kafka.connection import KafkaOptions
from pipeline.kafka.live.watchdog import WatchdogOptions
from pipeline.kafka.live.watermark import WatermarkPolicy
from pipeline.kafka.positions import Uploads
from pipeline.metrics.options import MetricsOptions
from transforms.values import KafkaRecord


@dataclass(frozen=True, slots=True)
class Pace:
    """How much is read at once: small enough for latency and checkpoints, large enough that bundles do not show."""

    idle_poll_seconds: float = 0.1
    """After it found nothing a partition is asked again so much later."""
    wait_seconds: float = 0.02
    """A bundle waits so long for its first record."""
    max_records: int = 50
    max_seconds: float = 0.25
    discover_seconds: float = 10.0
    """Between two looks for new partitions and, with a pattern, new topics."""


@dataclass(frozen=True, slots=True)
class LiveRead:
    """A live read: what, from whom, and who is told how far it came."""

    kafka: KafkaOptions
    uploads: Uploads
    group: str = "captionstream"
    """Consumer group to commit finished offsets to; empty: nobody is told."""
    outputs: tuple[str, ...] = ()
    """Topics the job writes: a pattern never matches them."""
    watermark: WatermarkPolicy = WatermarkPolicy()
    event_time: Callable[[KafkaRecord], int] | None = None
    """Milliseconds since the epoch of a record's event; None: the record's own timestamp."""
    pace: Pace = Pace()
    watchdog: WatchdogOptions = WatchdogOptions()
    metrics: MetricsOptions = MetricsOptions()
