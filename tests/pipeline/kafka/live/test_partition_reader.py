"""A reader of one partition, without a broker."""

import threading
from collections.abc import Callable

import pytest
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.windowed_value import WindowedValue

from pipeline.kafka.connection import KafkaOptions
from pipeline.kafka.live import partition
from pipeline.kafka.live.marks import Place
from pipeline.kafka.live.options import LiveRead
from pipeline.kafka.live.partition import PartitionReader
from pipeline.kafka.live.watchdog import WatchdogOptions
from pipeline.kafka.positions import Uploads
from transforms.values import KafkaRecord

NANOSECONDS = 1_767_225_600_000_000_000


class Feed:
    """One record."""

    is_closed = False

    def __init__(self, record: KafkaRecord) -> None:
        self.lock = threading.RLock()
        self.record = record

    def read(self, offset: int, wait_seconds: float) -> KafkaRecord:
        return self.record

    def report_lag(self) -> None:
        pass


@pytest.mark.parametrize(
    ("stored", "event_time"),
    [(NANOSECONDS, None), (5, lambda record: NANOSECONDS)],
    ids=["of the record", "of the upload"],
)
def test_a_time_that_nobody_can_mean_stops_nothing(
    monkeypatch: pytest.MonkeyPatch, stored: int, event_time: Callable[[KafkaRecord], int] | None
) -> None:
    record = KafkaRecord("uploads", 0, 7, stored, b"k", b"v")
    monkeypatch.setattr(partition, "feed_for", lambda *place: Feed(record))
    off = WatchdogOptions(0)
    read = LiveRead(KafkaOptions(), Uploads(), group="", event_time=event_time, watchdog=off)
    reader = PartitionReader(read, Place("uploads", 0, 7, 0), lambda: 1_767_225_600.0)
    assert reader.start()
    assert reader.get_current() == record
    WindowedValue(record, reader.get_current_timestamp(), (GlobalWindow(),))  # as Beam makes of it; 64 bits
    assert reader.get_current_timestamp().seconds() == 1_767_225_600
    assert reader.get_watermark().seconds() == 1_767_225_600 - 60
    assert reader.get_checkpoint_mark().place == Place("uploads", 0, 8, (1_767_225_600 - 60) * 1000)
