"""Room, retained futures, and telling a broken captioner from bad input."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future

import pytest

from transforms.captioner.api import (
    CaptionerInfo,
    CaptionerOptions,
    CaptionRequest,
    Generation,
    RenderedPrompt,
)
from transforms.errors import CaptionerBroken, CaptionerStalled
from transforms.inflight import Inflight, captioner_for, close_all, preload
from transforms.outcomes import Outcomes
from transforms.tally import totals

PROMPT = RenderedPrompt("Describe.", "en", "p", "1")


class Manual:
    """Futures that the test settles."""

    def __init__(self, slots: int = 2) -> None:
        self.info = CaptionerInfo("manual", "1", slots)
        self.futures: list[Future[Generation]] = []
        self.closed = False

    def submit(self, request: CaptionRequest) -> Future[Generation]:
        if request.image == b"refused":
            raise RuntimeError("closed")
        self.futures.append(Future())
        return self.futures[-1]

    def close(self) -> None:
        self.closed = True


def ask(name: str, image: bytes = b"picture") -> CaptionRequest:
    return CaptionRequest(name, image, (PROMPT,))


def answer(future: Future[Generation]) -> None:
    future.set_result(Generation((), 1))


@pytest.fixture
def manual() -> Manual:
    return Manual()


def test_finished_but_uncollected_results_hold_no_room(manual: Manual) -> None:
    inflight = Inflight(manual, stall_seconds=0.05)
    for n in range(20):
        inflight.submit(ask(str(n)))
        answer(manual.futures[-1])
    assert inflight.unfinished == 0


def test_full_means_stalled_when_nothing_is_settled(manual: Manual) -> None:
    inflight = Inflight(manual, stall_seconds=0.05)
    for n in range(4):
        inflight.submit(ask(str(n)))
    with pytest.raises(CaptionerStalled, match=r"none of `4` requests in 0.05 s"):
        inflight.submit(ask("one too many"))
    assert inflight.unfinished == 4
    answer(manual.futures[0])
    inflight.submit(ask("now"))
    assert len(manual.futures) == 5


def test_who_found_no_room_goes_on_when_a_quarter_of_the_slots_can_be_refilled() -> None:
    manual = Manual(slots=16)
    inflight = Inflight(manual, stall_seconds=5.0)
    for n in range(32):
        inflight.submit(ask(str(n)))
    waiting = threading.Thread(target=lambda: [inflight.submit(ask(f"later {n}")) for n in range(4)])
    waiting.start()
    for future in manual.futures[:3]:
        answer(future)
    waiting.join(0.05)
    assert len(manual.futures) == 32
    answer(manual.futures[3])
    waiting.join(5.0)
    assert len(manual.futures) == 36


def test_a_captioner_that_settles_few_in_time_has_not_stalled() -> None:
    manual = Manual(slots=16)
    inflight = Inflight(manual, stall_seconds=0.05)
    for n in range(32):
        inflight.submit(ask(str(n)))
    threading.Timer(0.01, answer, (manual.futures[0],)).start()
    inflight.submit(ask("after the first"))
    assert inflight.unfinished == 32


def test_the_same_request_gets_the_same_future(manual: Manual) -> None:
    inflight = Inflight(manual)
    first = inflight.submit(ask("a"))
    assert inflight.submit(ask("a")) is first
    answer(first)
    assert inflight.submit(ask("a")) is first
    inflight.forget("a")
    assert inflight.submit(ask("a")) is not first


def test_cancelled_requests_are_asked_again(manual: Manual) -> None:
    inflight = Inflight(manual)
    first = inflight.submit(ask("a"))
    first.cancel()
    assert inflight.wait(first)
    assert inflight.submit(ask("a")) is not first


def test_a_captioner_that_refuses_gives_the_room_back(manual: Manual) -> None:
    inflight = Inflight(manual, stall_seconds=0.05)
    for _ in range(10):
        with pytest.raises(RuntimeError, match="closed"):
            inflight.submit(ask("x", b"refused"))
    assert inflight.unfinished == 0


def test_results_go_by_age_and_number_but_never_unfinished(manual: Manual) -> None:
    now = [0.0]
    inflight = Inflight(manual, retain_seconds=10, retain_results=3, clock=lambda: now[0])
    slow = inflight.submit(ask("slow"))
    futures = []
    for n in range(5):
        futures.append(inflight.submit(ask(str(n))))
        answer(futures[-1])
    assert inflight.submit(ask("slow")) is slow
    assert inflight.submit(ask("4")) is futures[4]
    assert inflight.submit(ask("0")) is not futures[0]  # beyond three
    answer(manual.futures[-1])
    now[0] = 11.0
    answer(inflight.submit(ask("new")))
    assert inflight.submit(ask("4")) is not futures[4]  # too old
    assert inflight.submit(ask("slow")) is slow


def test_wait(manual: Manual) -> None:
    inflight = Inflight(manual, stall_seconds=0.05)
    future = inflight.submit(ask("a"))
    assert not inflight.wait(future, 0.001)
    with pytest.raises(CaptionerStalled, match="did not settle"):
        inflight.wait(future)
    threading.Timer(0.01, answer, (future,)).start()
    assert inflight.wait(future, 5.0)
    failed = inflight.submit(ask("b"))
    failed.set_exception(TimeoutError("the model's own"))
    assert inflight.wait(failed)


def test_waiting_leaves_nothing_on_the_future(manual: Manual) -> None:
    inflight = Inflight(manual)
    future = inflight.submit(ask("a"))
    before = len(future._done_callbacks)
    for _ in range(50):
        inflight.wait(future, 0.0001)
    assert len(future._done_callbacks) == before


def test_many_threads_never_exceed_the_room() -> None:
    manual = Manual(slots=3)
    inflight = Inflight(manual)
    most = [0]
    stop = threading.Event()

    def settle() -> None:
        while not stop.is_set():
            most[0] = max(most[0], inflight.unfinished)
            for future in list(manual.futures):
                if not future.done():
                    answer(future)
            time.sleep(0.001)

    settling = threading.Thread(target=settle)
    settling.start()
    offering = [
        threading.Thread(target=lambda t=t: [inflight.submit(ask(f"{t}-{n}")) for n in range(20)]) for t in range(4)
    ]
    for thread in offering:
        thread.start()
    for thread in offering:
        thread.join(10)
    stop.set()
    settling.join(10)
    assert len(manual.futures) == 80
    assert most[0] <= 6


def test_outcomes_stop_on_a_shared_cause() -> None:
    outcomes = Outcomes()
    for _ in range(19):
        outcomes.add("caption_failed `RuntimeError`", "CUDA error 1")
    with pytest.raises(CaptionerBroken, match=r"100%.*last 20.*RuntimeError.*CUDA error 2"):
        outcomes.add("caption_failed `RuntimeError`", "CUDA error 2")


def test_outcomes_go_on_when_mixed() -> None:
    outcomes = Outcomes()
    for n in range(500):
        outcomes.add("broken" if n % 4 else None)
    assert outcomes.captions == 125
    for n in range(500):
        outcomes.add(f"cause {n % 3}")


@pytest.fixture
def clean() -> Iterator[None]:
    close_all()
    yield
    close_all()


@pytest.mark.usefixtures("clean")
def test_one_captioner_a_process(manual: Manual) -> None:
    options = CaptionerOptions(kind="fake", slots=3)
    assert captioner_for(options) is captioner_for(options)
    assert captioner_for(options).capacity == 6
    mine = Inflight(manual)
    preload(CaptionerOptions(kind="fake", model="mine"), mine)
    assert captioner_for(CaptionerOptions(kind="fake", model="mine")) is mine
    close_all()
    assert manual.closed
    assert captioner_for(options) is not mine


def test_one_that_says_it_is_broken_is_replaced_by_the_next_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Manual] = []
    monkeypatch.setattr("transforms.inflight.create", lambda _: made.append(Manual()) or made[-1])
    options, restarts = CaptionerOptions("fake", slots=3), totals().get("captioner_restarts", 0)
    first = captioner_for(options)
    first.submit(ask("a"))
    made[0].futures[0].set_exception(RuntimeError("one picture's error"))
    assert captioner_for(options) is first
    first.submit(ask("b"))
    made[0].futures[1].set_exception(CaptionerBroken("the card is gone"))
    second = captioner_for(options)
    assert second is not first
    assert (made[0].closed, made[1].closed) == (True, False)
    monkeypatch.setattr(made[1], "submit", lambda _: (_ for _ in ()).throw(CaptionerBroken("gone again")))
    with pytest.raises(CaptionerBroken):
        second.submit(ask("c"))
    assert captioner_for(options) is not second
    assert totals()["captioner_restarts"] == restarts + 2
    close_all()
