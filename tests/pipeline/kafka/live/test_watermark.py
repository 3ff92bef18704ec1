"""How far event time has come in a partition."""

import pytest

from pipeline.kafka.live.watermark import Watermark, WatermarkPolicy
from transforms.errors import ConfigInvalid

NOW = 1_700_000_000.0


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


def ms(seconds: float) -> int:
    return int((NOW + seconds) * 1000)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def watermark(clock: Clock) -> Watermark:
    return Watermark(WatermarkPolicy(disorder_seconds=60, idle_seconds=10), 0, clock)


def test_it_follows_the_newest_record_at_a_distance(watermark: Watermark) -> None:
    watermark.read(ms(-1000))
    assert watermark.value_ms == ms(-1060)
    watermark.read(ms(-990))
    assert watermark.value_ms == ms(-1050)


def test_an_older_record_does_not_move_it_back(watermark: Watermark) -> None:
    watermark.read(ms(-100))
    watermark.read(ms(-5000))
    assert watermark.value_ms == ms(-160)


def test_a_record_from_the_future_counts_as_now(watermark: Watermark) -> None:
    watermark.read(ms(80 * 365 * 86_400))
    assert watermark.value_ms == ms(-60)


def test_an_idle_partition_follows_the_clock(watermark: Watermark, clock: Clock) -> None:
    watermark.read(ms(-1000))
    clock.now += 9.9
    watermark.nothing_to_read()
    assert watermark.value_ms == ms(-1060)
    clock.now += 0.1
    watermark.nothing_to_read()
    assert watermark.value_ms == ms(10 - 60)


def test_a_slow_broker_is_not_idleness(watermark: Watermark, clock: Clock) -> None:
    watermark.read(ms(-1000))
    clock.now += 20
    watermark.behind()
    clock.now += 5
    watermark.nothing_to_read()
    assert watermark.value_ms == ms(-1060)


def test_it_goes_on_from_a_checkpoint(clock: Clock) -> None:
    watermark = Watermark(WatermarkPolicy(60, 10), ms(-500), clock)
    watermark.read(ms(-1000))
    assert watermark.value_ms == ms(-500)


@pytest.mark.parametrize(
    ("values", "words"),
    [((-1, 10), "disorder `-1` s is negative; mend --allowed-disorder"), ((60, 0), "idle time `0` s must be above 0")],
)
def test_wrong_policies_are_refused(values: tuple[float, float], words: str) -> None:
    with pytest.raises(ConfigInvalid, match=words):
        WatermarkPolicy(*values)
