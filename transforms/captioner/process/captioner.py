"""The worker's side: a captioner whose requests are answered in a process of its own, which may crash."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from functools import partial

from transforms.captioner.api import CaptionerOptions, CaptionRequest, Generation
from transforms.captioner.process.child import Child
from transforms.captioner.process.wire import Answer, Ask, Cancel, Cells, Fault
from transforms.errors import CaptionerBroken, CaptionFailed, JobError

_log = logging.getLogger(__name__)

MOST_CRASHES = 4
"""Crashes in a row, without an answer in between, after which nobody starts it again."""
_SUSPECT = 2
"""Crashes that a request took part in, after which it is asked alone."""
_PATIENCE = 20.0


@dataclass(slots=True, eq=False)
class _Asked:
    number: int
    request: CaptionRequest
    future: Future[Generation] = field(default_factory=Future)
    crashes: int = 0
    is_sent: bool = False
    cell: int | None = None


class ProcessCaptioner:
    """Hosts the captioner that the options name. When its process dies another one is started, and asked again.

    A request that took part in two crashes is asked alone, so that one picture that kills the process fails and no
    other does. Raises what loading the captioner raises.
    """

    def __init__(self, options: CaptionerOptions, clock: Callable[[], float] = time.monotonic) -> None:
        self._options = options
        self._cells = Cells(2 * options.slots)
        self._child = Child(options, self._cells)
        self.info = self._child.info
        self._lock = threading.RLock()
        self._asked: dict[int, _Asked] = {}
        """What is not settled, by number, oldest first."""
        self._number = 0
        self._crashes = 0
        self._closing = False
        self._broken: JobError | None = None
        self._reader = threading.Thread(target=self._read, name="process-captioner", daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """Of the process that answers now."""
        return self._child.pid

    def submit(self, request: CaptionRequest) -> Future[Generation]:
        """Queue a request; returns at once.

        Raises `RuntimeError` after `close`, and what ended it after too many crashes.
        """
        with self._lock:
            if self._closing:
                raise RuntimeError("the captioner is closed; create another one")
            if self._broken is not None:
                raise self._broken
            number = self._number = self._number + 1
            future = (asked := _Asked(number, request)).future
            self._asked[number] = asked
            self._send_what_may_go()
        # By number: who keeps the future must not keep the picture.
        future.add_done_callback(partial(self._forget, number))
        return future

    def close(self) -> None:
        """Cancel what is unfinished and end the process. May be called again, and from a callback."""
        with self._lock:
            is_first, self._closing = not self._closing, True
            left = list(self._asked.values())
            child = self._child
        for asked in left:
            asked.future.cancel()
        if is_first:
            child.ask_to_close()
            child.end(_PATIENCE)
        if threading.current_thread() is not self._reader:
            self._reader.join()

    def _send_what_may_go(self) -> None:
        """All that is not sent; while there are suspects one of them, when nothing else is under way."""
        suspect = next((asked for asked in self._asked.values() if asked.crashes >= _SUSPECT), None)
        if suspect is not None:
            if not any(asked.is_sent for asked in self._asked.values()):
                self._send(suspect)
            return
        for asked in [asked for asked in self._asked.values() if not asked.is_sent]:
            self._send(asked)

    def _send(self, asked: _Asked) -> None:
        asked.is_sent = True
        request, image = asked.request, asked.request.image
        asked.cell = self._cells.put(image)
        if asked.cell is not None:
            request = replace(request, image=b"")
        self._child.send(Ask(asked.number, request, asked.cell, len(image)))  # a dead process is the reader's matter

    def _forget(self, number: int, future: Future[Generation]) -> None:
        if not future.cancelled():
            return
        with self._lock:
            asked = self._asked.get(number)
            if asked is not None and not asked.is_sent:
                del self._asked[number]
            elif asked is not None and not self._closing:
                self._child.send(Cancel(number))  # its answer frees what it holds
        future.set_running_or_notify_cancel()  # wakes who waits with concurrent.futures.wait()

    # On the reader's thread

    def _read(self) -> None:
        while True:
            try:
                message = self._child.connection.recv()
            except (EOFError, OSError):
                if not self._start_again():
                    return
                continue
            self._settle(message)

    def _settle(self, answer: Answer) -> None:
        with self._lock:
            asked = self._asked.pop(answer.number, None)
            if asked is None:
                return
            self._release(asked)
            if not answer.is_cancelled:
                self._crashes = 0
            self._send_what_may_go()
        if isinstance(answer.outcome, Fault):
            _fail(asked, answer.outcome.error())
        elif not asked.future.done() and asked.future.set_running_or_notify_cancel():
            asked.future.set_result(answer.outcome)

    def _start_again(self) -> bool:
        """The process is gone. Whether another one answers now."""
        with self._lock:
            if self._closing:
                return False
            code = self._child.end()
            self._crashes += 1
            under_way = [asked for asked in self._asked.values() if asked.is_sent]
            guilty = under_way[0] if len(under_way) == 1 and under_way[0].crashes >= _SUSPECT else None
            for asked in under_way:
                asked.crashes += 1
                asked.is_sent = False
                self._release(asked)
                if asked is guilty or asked.future.cancelled():
                    del self._asked[asked.number]
        _log.warning(
            "the captioner's process ended with `%s`; starting another one, `%d` requests are asked again",
            *(code, len(under_way)),
        )
        if guilty is not None:
            self._crashes = 0  # its fault, and told
            _fail(guilty, CaptionFailed("the captioner's process ended each time it was asked about this picture"))
        if self._crashes > MOST_CRASHES:
            return self._give_up(
                CaptionerBroken(
                    f"the captioner's process ended `{self._crashes}` times in a row without an answer, the last time "
                    f"with `{code}`; see its last words, mend the card or the model, and start from the checkpoint"
                )
            )
        try:
            child = Child(self._options, self._cells)
        except JobError as error:
            return self._give_up(error)
        with self._lock:
            self._child = child
            if self._closing:
                child.end()
                return False
            self._send_what_may_go()
        return True

    def _give_up(self, error: JobError) -> bool:
        with self._lock:
            self._broken = error
            left = list(self._asked.values())
            self._asked.clear()
        for asked in left:
            _fail(asked, error)
        return False

    def _release(self, asked: _Asked) -> None:
        if asked.cell is not None:
            self._cells.release(asked.cell)
            asked.cell = None


def _fail(asked: _Asked, error: BaseException) -> None:
    if not asked.future.done() and asked.future.set_running_or_notify_cancel():
        asked.future.set_exception(error)
