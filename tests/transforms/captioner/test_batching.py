import threading
import time
from concurrent.futures import CancelledError, wait

import pytest

from transforms.captioner.api import CaptionRequest, Generation, RenderedPrompt
from transforms.captioner.batching import BatchThread, run_split

PROMPT = RenderedPrompt("x", "en", "p", "1")


def request(name, prompts=1, source=""):
    return CaptionRequest(name, b"", (PROMPT,) * prompts, source=source)


class Recorder:
    """Answers everything, batch by batch, once it is let go."""

    def __init__(self, rows):
        self.go = threading.Event()
        self.batches = []
        self.futures = []
        self.thread = BatchThread(self.answer, rows, "recorder", linger=0.05)

    def answer(self, requests, closing):
        self.go.wait(5)
        self.batches.append([request.request_id for request in requests])
        for place, request in enumerate(requests):
            yield place, Generation((), 0) if request.request_id != "bad" else ValueError("bad")

    def hold(self):
        """Occupy the thread, so that what is submitted next waits together."""
        first = self.submit(request("first"))
        while not first.running():
            time.sleep(0.001)

    def submit(self, asked):
        self.futures.append(self.thread.submit(asked))
        return self.futures[-1]

    def names(self):
        self.go.set()
        wait(self.futures, 5)
        self.thread.close()
        return self.batches


def test_a_batch_holds_as_many_rows_as_asked():
    recorder = Recorder(4)
    recorder.hold()
    for name, prompts in (("a", 2), ("b", 1), ("c", 2), ("d", 9), ("e", 1)):
        recorder.submit(request(name, prompts))
    assert recorder.names() == [["first"], ["a", "b"], ["c"], ["d"], ["e"]]


def test_sources_take_turns():
    recorder = Recorder(3)
    recorder.hold()
    for name in ("bulk1", "bulk2", "bulk3", "bulk4"):
        recorder.submit(request(name, source="bulk"))
    recorder.submit(request("small", source="small"))
    assert recorder.names()[1] == ["bulk1", "small", "bulk2"]


def test_it_lingers_for_more_when_few_wait():
    recorder = Recorder(2)
    recorder.go.set()
    futures = [recorder.submit(request(name)) for name in ("a", "b")]
    wait(futures, 5)
    recorder.thread.close()
    assert recorder.batches == [["a", "b"]]


def test_cancelled_requests_are_not_run():
    recorder = Recorder(2)
    recorder.hold()
    cancelled = recorder.submit(request("cancelled"))
    assert cancelled.cancel()
    assert all("cancelled" not in batch for batch in recorder.names())


def test_an_error_belongs_to_its_request():
    recorder = Recorder(3)
    recorder.go.set()
    good, bad, other = (recorder.submit(request(name)) for name in ("good", "bad", "other"))
    assert isinstance(bad.exception(5), ValueError)
    assert good.exception(5) is other.exception(5) is None
    recorder.thread.close()


@pytest.mark.parametrize("error", [RuntimeError("boom"), SystemExit(3), KeyboardInterrupt()])
def test_whatever_the_answers_raise_everybody_is_told_and_the_thread_lives(error):
    def answers(requests, closing):
        yield 0, Generation((), 0)
        if requests[0].request_id == "a":
            raise error

    thread = BatchThread(answers, 2, "raising", linger=0.05)
    a, b = thread.submit(request("a")), thread.submit(request("b"))
    assert a.result(5) == Generation((), 0)
    assert b.exception(5) is error
    assert thread.submit(request("c")).result(5) == Generation((), 0)
    thread.close()


def test_a_forgotten_answer_is_an_error():
    thread = BatchThread(lambda requests, closing: iter(()), 1, "forgetful")
    assert str(thread.submit(request("a")).exception(5)) == "the captioner gave no answer"
    thread.close()


def test_close_settles_running_and_waiting_and_may_be_called_from_a_callback():
    def answers(requests, closing):
        closing.wait(5)
        raise CancelledError
        yield

    thread = BatchThread(answers, 1, "closing")
    running, waiting = thread.submit(request("a")), thread.submit(request("b"))
    while not running.running():
        time.sleep(0.001)
    waiting.add_done_callback(lambda _: thread.close())
    thread.close()
    assert isinstance(running.exception(0), CancelledError)
    assert waiting.cancelled()
    assert not any(t.name == "closing" for t in threading.enumerate())


def test_run_split_finds_the_guilty_rows_and_the_size_that_fits():
    sizes = []

    def run(rows):
        sizes.append(len(rows))
        if len(rows) > 4 or 5 in rows:
            raise MemoryError(f"{len(rows)}")
        return [row * 10 for row in rows]

    answers = run_split(run, list(range(9)))
    assert [a for a in answers if not isinstance(a, Exception)] == [0, 10, 20, 30, 40, 60, 70, 80]
    assert isinstance(answers[5], MemoryError)
    assert sizes == [9, 4, 5, 2, 1, 1, 3]
    assert run_split(run, []) == []


def test_run_split_does_not_retry_a_cancellation():
    def run(rows):
        raise CancelledError

    with pytest.raises(CancelledError):
        run_split(run, [1, 2])
