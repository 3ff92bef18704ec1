"""Who notices that nothing comes out."""

import logging

import pytest

from pipeline.kafka.live.watchdog import Senses, Watchdog, WatchdogOptions
from transforms.errors import ConfigInvalid, OutputStalled
from transforms.ledger import Ledger, Owed
from transforms.values import KafkaRecord


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def upload(offset: int, partition: int = 0) -> KafkaRecord:
    return KafkaRecord("uploads", partition, offset, 0, b"k", b"v")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(clock: Clock) -> Ledger:
    return Ledger(clock)


def test_nothing_is_overdue_while_nothing_is_owed(ledger: Ledger, clock: Clock) -> None:
    ledger.read(upload(1))
    ledger.written(upload(1))
    clock.now += 10_000
    assert ledger.overdue(60) is None


def test_the_last_upload_of_a_burst_is_missed_exactly(ledger: Ledger, clock: Clock) -> None:
    for offset in range(100):
        ledger.read(upload(offset))
    clock.now += 1
    for offset in range(99):
        ledger.written(upload(offset))
    clock.now += 59.9
    assert ledger.overdue(60) is None
    clock.now += 0.1
    assert ledger.overdue(60) == Owed(1, "uploads/0/99", 60.0)


def test_other_output_in_the_meantime_is_no_silence(ledger: Ledger, clock: Clock) -> None:
    ledger.read(upload(1))
    clock.now += 50
    ledger.read(upload(2))
    ledger.written(upload(2))
    clock.now += 50
    assert ledger.overdue(60) is None


def test_a_quiet_night_does_not_age_the_first_upload_of_the_morning(ledger: Ledger, clock: Clock) -> None:
    clock.now += 30_000
    ledger.read(upload(1))
    clock.now += 5
    assert ledger.overdue(60) is None


def test_with_several_workers_any_output_settles_what_was_read_before(ledger: Ledger, clock: Clock) -> None:
    ledger.read(upload(1))
    ledger.written(upload(7, partition=3))  # read by another worker
    assert ledger.has_others()
    ledger.outputs_end_at(100)
    clock.now += 30
    ledger.read(upload(2))
    ledger.outputs_end_at(101)
    clock.now += 10_000
    assert ledger.overdue(60) is None


def test_with_several_workers_silence_everywhere_is_noticed(ledger: Ledger, clock: Clock) -> None:
    ledger.read(upload(1))
    ledger.written(upload(7, partition=3))
    ledger.outputs_end_at(100)
    clock.now += 61
    ledger.outputs_end_at(100)
    assert ledger.overdue(60) == Owed(1, "uploads/0/1", 61.0)


def test_it_says_so_once_an_episode(ledger: Ledger, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    watchdog = Watchdog(WatchdogOptions(60), ledger)
    ledger.read(upload(5))
    for _ in range(3):
        clock.now += 61
        with caplog.at_level(logging.WARNING):
            watchdog.look()
    [said] = caplog.records
    assert said.levelno == logging.ERROR
    assert said.message.startswith(
        "nothing has been written for `61` s although 1 uploads are owed, the oldest is `uploads/0/5`; look at"
    )
    watchdog.raise_fault()  # it was not asked to
    ledger.written(upload(5))
    with caplog.at_level(logging.WARNING):
        watchdog.look()
    assert caplog.records[-1].message == "the job moves again"


def test_it_fails_the_job_when_asked_to_and_gives_it_another_chance(ledger: Ledger, clock: Clock) -> None:
    watchdog = Watchdog(WatchdogOptions(60, fails=True), ledger)
    ledger.read(upload(5))
    clock.now += 61
    watchdog.look()
    with pytest.raises(OutputStalled, match="`61` s although 1 uploads are owed"):
        watchdog.raise_fault()
    clock.now += 59
    watchdog.look()
    watchdog.raise_fault()
    clock.now += 1
    watchdog.look()
    with pytest.raises(OutputStalled):
        watchdog.raise_fault()


def test_what_is_left_out_is_not_owed_and_no_output_either(ledger: Ledger, clock: Clock) -> None:
    for offset in (1, 2):
        ledger.read(upload(offset))
    clock.now += 59
    ledger.left_out(upload(1))
    ledger.left_out(upload(1, partition=9))  # read by another worker
    assert not ledger.has_others()
    clock.now += 1
    assert ledger.overdue(60) == Owed(1, "uploads/0/2", 60.0)
    ledger.left_out(upload(2))
    assert ledger.overdue(60) is None


def test_several_workers_ask_the_broker_one_does_not(ledger: Ledger) -> None:
    asked = []

    def ends() -> int:
        asked.append(1)
        return 5

    watchdog = Watchdog(WatchdogOptions(60), ledger, Senses(ends))
    watchdog.look()
    assert not asked
    ledger.written(upload(1, partition=9))
    watchdog.look()
    assert asked == [1]


def test_wrong_options_are_refused() -> None:
    with pytest.raises(ConfigInvalid, match="watchdog limit `-1` s is negative; mend --watchdog"):
        WatchdogOptions(-1)
    with pytest.raises(ConfigInvalid, match="the watchdog is off"):
        WatchdogOptions(0, fails=True)


def test_starvation_fails_the_job_in_so_many_words(ledger: Ledger, clock: Clock) -> None:
    senses = Senses(behind=lambda: (40, 0))
    watchdog = Watchdog(WatchdogOptions(60, fails=True), ledger, senses, clock)
    watchdog.look()
    clock.now += 61
    watchdog.look()
    with pytest.raises(OutputStalled, match="`40` uploads lie in the topic and none was finished for 61 s: they are"):
        watchdog.raise_fault()
