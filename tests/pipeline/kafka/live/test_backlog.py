"""Uploads that nobody finishes."""

import pytest

from pipeline.kafka.live.backlog import Backlog


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_uploads_that_nobody_reads_are_missed(clock: Clock) -> None:
    backlog = Backlog(clock)
    backlog.observe(40, 100)
    clock.now += 59
    backlog.observe(45, 100)
    assert backlog.overdue(60) is None
    clock.now += 1
    backlog.observe(50, 100)
    assert (backlog.overdue(60) or "").startswith("`50` uploads lie in the topic and none was finished for 60 s: ")


def test_a_job_that_is_slow_but_moves_is_none(clock: Clock) -> None:
    backlog = Backlog(clock)
    for committed in range(20):
        backlog.observe(1_000_000, committed)
        clock.now += 50
        assert backlog.overdue(60) is None


def test_a_quiet_night_is_no_starvation(clock: Clock) -> None:
    backlog = Backlog(clock)
    backlog.observe(0, 100)
    clock.now += 30_000
    backlog.observe(0, 100)
    clock.now += 59
    backlog.observe(5, 100)
    assert backlog.overdue(60) is None
