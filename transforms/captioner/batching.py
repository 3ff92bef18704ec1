"""Micro-batches: one thread takes what waits, asks for the answers, settles the futures. No torch here."""

from __future__ import annotations

import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, field
from typing import TypeVar

from transforms.captioner.api import CaptionRequest, Generation

Outcome = Generation | BaseException
Answers = Callable[[Sequence[CaptionRequest], threading.Event], Iterator[tuple[int, Outcome]]]
"""Yields each request's place in the batch and its outcome, as they are known; the event says: we close."""

Row = TypeVar("Row")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class _Job:
    request: CaptionRequest
    future: Future[Generation] = field(default_factory=Future)

    @property
    def rows(self) -> int:
        return max(1, len(self.request.prompts))


class _Waiting:
    """Jobs that wait, by source: the sources take turns, so a bulk upload does not starve the others."""

    def __init__(self) -> None:
        self._by_source: dict[str, deque[_Job]] = {}
        self.rows = 0

    def put(self, job: _Job) -> None:
        self._by_source.setdefault(job.request.source, deque()).append(job)
        self.rows += job.rows

    def take(self, rows: int) -> list[_Job]:
        """Jobs of at most ``rows`` rows together, but always one where one waits; in fair order."""
        taken: list[_Job] = []
        room = rows
        while self._by_source:
            source = next(iter(self._by_source))
            jobs = self._by_source[source]
            if taken and jobs[0].rows > room:
                break
            taken.append(jobs.popleft())
            room -= taken[-1].rows
            # To the back of the queue of sources: a dict keeps the order of insertion.
            del self._by_source[source]
            if jobs:
                self._by_source[source] = jobs
        self.rows -= sum(job.rows for job in taken)
        return taken


class BatchThread:
    """Settles every submitted future exactly once, whatever ``answers`` does.

    A row is one picture with one prompt. A batch holds at most ``rows`` of them, or a single request with
    more; when fewer wait it lingers for ``linger`` seconds.
    """

    def __init__(self, answers: Answers, rows: int, name: str, linger: float = 0.003) -> None:
        self._answers = answers
        self._rows = rows
        self._linger = linger
        self._waiting = _Waiting()
        self._changed = threading.Condition()
        self._closing = threading.Event()
        # A daemon, so that a forgotten close() does not keep the process alive.
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def submit(self, request: CaptionRequest) -> Future[Generation]:
        """Queue a request. Raises `RuntimeError` after `close`."""
        job = _Job(request)
        with self._changed:
            if self._closing.is_set():
                raise RuntimeError("the captioner is closed; create another one")
            self._waiting.put(job)
            self._changed.notify()
        return job.future

    def close(self) -> None:
        """Cancel what waits, end what runs and join the thread. May be called again, and from a callback."""
        with self._changed:
            self._closing.set()
            self._changed.notify()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _work(self) -> None:
        while batch := self._next():
            self._settle(batch)
        with self._changed:
            abandoned = self._waiting.take(self._waiting.rows)
        for job in abandoned:
            job.future.cancel()
            job.future.set_running_or_notify_cancel()  # wakes who waits with concurrent.futures.wait()

    def _next(self) -> list[_Job]:
        """Wait for work; an empty list means that it is time to go."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting.rows or self._closing.is_set())
            full = self._changed.wait_for(
                lambda: self._waiting.rows >= self._rows or self._closing.is_set(), self._linger
            )
            if full and self._closing.is_set():
                return []
            return self._waiting.take(self._rows)

    def _settle(self, batch: Sequence[_Job]) -> None:
        running = [job for job in batch if job.future.set_running_or_notify_cancel()]
        if not running:
            return
        owed = set(range(len(running)))
        try:
            for place, outcome in self._answers([job.request for job in running], self._closing):
                owed.discard(place)
                future = running[place].future
                if isinstance(outcome, BaseException):
                    future.set_exception(outcome)
                else:
                    future.set_result(outcome)
            failure: BaseException = RuntimeError("the captioner gave no answer")
        except BaseException as error:  # whatever it is, nobody may wait for ever
            failure = error
        for place in owed:
            running[place].future.set_exception(CancelledError() if self._closing.is_set() else failure)


def run_split(run: Callable[[Sequence[Row]], Sequence[Result]], rows: Sequence[Row]) -> list[Result | Exception]:
    """Run all rows at once; if that raises, halve and run again, until only the guilty rows fail.

    The same halving finds the one bad row of a batch and the batch size that fits into memory.
    """
    try:
        return list(run(rows))
    except CancelledError:
        raise
    except Exception as error:
        if len(rows) <= 1:
            # The traceback holds the tensors of the failed run for as long as somebody holds the future.
            traceback.clear_frames(error.__traceback__)
            return [error]
    half = len(rows) // 2
    return [*run_split(run, rows[:half]), *run_split(run, rows[half:])]


def milliseconds_since(start: float) -> int:
    """Whole milliseconds since a reading of `time.monotonic`."""
    return round((time.monotonic() - start) * 1000)
