import gc
import threading
import weakref
from concurrent.futures import CancelledError, wait

import pytest

from transforms.captioner.api import Generation
from transforms.captioner.promise import Promise

DONE = Generation((), 1)


def test_it_is_settled_once() -> None:
    promise = Promise()
    promise.settle(DONE)
    promise.settle(ValueError("late"))
    assert promise.result(0) is DONE
    assert not promise.cancel()


def test_one_that_is_cancelled_stays_so_and_wakes_who_waits() -> None:
    promise = Promise()
    assert promise.cancel()
    promise.wake()
    promise.settle(DONE)
    promise.wake()
    assert not wait([promise], 0).not_done
    with pytest.raises(CancelledError):
        promise.result(0)


def test_cancelling_and_settling_at_once_never_raises(caplog: pytest.LogCaptureFixture) -> None:
    start = threading.Barrier(2)
    failures: list[BaseException] = []
    promises = [Promise() for _ in range(2000)]
    for promise in promises:
        promise.add_done_callback(lambda done: done.cancelled() and done.wake())  # type: ignore[attr-defined]

    def settle() -> None:
        start.wait()
        try:
            for promise in promises:
                promise.settle(DONE)
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=settle)
    thread.start()
    start.wait()
    cancelled = sum(promise.cancel() for promise in promises)
    thread.join()
    assert failures == []
    assert caplog.text == ""  # it logs what callbacks raise
    assert not wait(promises, 0).not_done
    assert cancelled == sum(promise.cancelled() for promise in promises)


class Picture:
    pass


def test_an_error_and_what_is_behind_it_hold_no_picture() -> None:
    held: list[weakref.ref[Picture]] = []

    def decode() -> None:
        picture = Picture()
        held.append(weakref.ref(picture))
        raise KeyError("inner")

    def prepare() -> None:
        picture = Picture()
        held.append(weakref.ref(picture))
        try:
            decode()
        except KeyError as error:
            raise ValueError("outer") from error

    promise = Promise()
    try:
        prepare()
    except ValueError as error:
        promise.settle(error)
    gc.collect()
    assert [picture() for picture in held] == [None, None]
    assert str(promise.exception(0)) == "outer"
