"""The launcher watches, too."""

import logging

import pytest

from pipeline.kafka.live.overseer import Overseer
from pipeline.kafka.live.watchdog import WatchdogOptions
from transforms.errors import OutputStalled


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_it_looks_as_often_as_the_lag_is_scraped_whatever_the_limit(clock: Clock) -> None:
    asked = []

    def behind() -> tuple[int, int]:
        asked.append(clock.now)
        return 0, 0

    oversee = Overseer(WatchdogOptions(3600), behind, clock)
    for clock.now in (1000.0, 1014.0, 1015.0, 1016.0, 1030.0):
        oversee()
    assert asked == [1000.0, 1015.0, 1030.0]


def test_a_job_that_never_began_to_read_is_named_then_ended(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    asked = []

    def behind() -> tuple[int, int]:
        asked.append(1)
        return 40, 0

    oversee = Overseer(WatchdogOptions(60, fails=True), behind, clock)
    oversee()
    oversee()
    assert asked == [1]
    with caplog.at_level(logging.ERROR):
        for clock.now in (1061, 1070):  # here the workers' watchdogs let the runner start it again
            oversee()
    assert [record.getMessage()[:74] for record in caplog.records] == [
        "`40` uploads lie in the topic and none was finished for 61 s: they are not"
    ]
    clock.now = 1121
    with pytest.raises(OutputStalled, match="`40` uploads lie in the topic and none was finished for 121 s"):
        oversee()


def test_a_start_that_helped_counts_anew(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    committed = 0
    oversee = Overseer(WatchdogOptions(60, fails=True), lambda: (40, committed), clock)
    oversee()
    clock.now += 100
    oversee()
    committed = 3
    clock.now += 10
    oversee()
    clock.now += 61
    oversee()
    assert len(caplog.records) == 2  # one for each standstill


def test_it_ends_nothing_unless_asked_to(clock: Clock) -> None:
    oversee = Overseer(WatchdogOptions(60), lambda: (40, 0), clock)
    oversee()
    clock.now += 1000
    oversee()


def test_a_broker_that_does_not_answer_is_no_standstill(clock: Clock) -> None:
    oversee = Overseer(WatchdogOptions(60, fails=True), lambda: None, clock)
    oversee()
    clock.now += 1000
    oversee()
