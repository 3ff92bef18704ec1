import os
import signal
from collections.abc import Iterator

import pytest

from pipeline.runners.interrupts import Interrupts, interrupts_stay_ours
from pipeline.runners.submit import _wait


class Running:
    """A job that never ends."""

    state = "RUNNING"


@pytest.fixture(autouse=True)
def handler() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def test_ctrl_c_inside_a_library_that_lets_nothing_out_is_not_lost() -> None:
    looks = []

    def look() -> None:
        looks.append(1)
        assert len(looks) < 3
        try:
            interrupt()
        except BaseException:  # as a client's event loop does with what its callbacks raise
            looks.append(99)

    with pytest.raises(KeyboardInterrupt):
        _wait(Running(), look)
    assert looks == [1]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_the_second_one_is_raised_at_once() -> None:
    with Interrupts() as interrupts:
        interrupts.check()
        interrupt()
        with pytest.raises(KeyboardInterrupt):
            interrupt()


def test_where_ctrl_c_is_ignored_it_stays_so() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with Interrupts() as interrupts:
        interrupt()
        interrupts.check()
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_a_handler_that_is_put_in_the_place_of_ours_is_taken_out_again() -> None:
    ours = signal.getsignal(signal.SIGINT)
    with interrupts_stay_ours():
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    assert signal.getsignal(signal.SIGINT) is ours
