"""The worker's side: a captioner whose requests are answered in a process of its own, which may crash."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import Future
from dataclasses import replace
from functools import partial

from transforms import tally
from transforms.captioner.api import CaptionerOptions, CaptionRequest, Generation
from transforms.captioner.process.child import Child
from transforms.captioner.process.suspects import Asked, crashed, may_go
from transforms.captioner.process.wire import Answer, Ask, Cancel, Cells, Fault
from transforms.captioner.promise import Promise
from transforms.errors import CaptionerBroken, CaptionFailed, JobError

_log = logging.getLogger(__name__)

MOST_CRASHES = 6
"""Crashes in a row, without an answer in between, after which nobody starts it again."""
_PATIENCE = 20.0


class ProcessCaptioner:
    """Hosts the captioner that the options name. When its process dies another one is started, and asked again.

    Requests that took part in two crashes are asked in ever smaller groups, so that one picture that kills the process
    fails and no other does. Raises what loading the captioner raises.
    """

    def __init__(self, options: CaptionerOptions) -> None:
        self._options = options
        self._cells = Cells(2 * options.slots)
        self._child = Child(options, self._cells)
        try:
            self.info = self._child.wait_until_ready()
        except BaseException:
            self._child.forget()
            self._cells.close()
            raise
        self._lock = threading.RLock()
        self._asked: dict[int, Asked] = {}
        """What is not settled, by number, oldest first."""
        self._number = 0
        self._crashes = 0
        self._closing = False
        self._broken: str | None = None
        self._reader = threading.Thread(target=self._read, name="process-captioner", daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """Of the process that answers now."""
        return self._child.pid

    def submit(self, request: CaptionRequest) -> Future[Generation]:
        """Queue a request; returns at once.

        Raises `RuntimeError` after `close`, and `CaptionerBroken` after too many crashes.
        """
        with self._lock:
            if self._closing:
                raise RuntimeError("the captioner is closed; create another one")
            if self._broken is not None:
                raise CaptionerBroken(self._broken)
            number = self._number = self._number + 1
            future = Promise()
            self._asked[number] = Asked(number, request, future)
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
            child.end(_PATIENCE if child.is_ready else 0.0)
        if threading.current_thread() is not self._reader:
            self._reader.join()

    def _send_what_may_go(self) -> None:
        if not self._child.is_ready or self._closing:
            return
        for asked in may_go(self._asked.values()):
            self._send(asked)

    def _send(self, asked: Asked) -> None:
        asked.is_sent = True
        request, image = asked.request, asked.request.image
        asked.cell = self._cells.put(image)
        if asked.cell is not None:
            request = replace(request, image=b"")
        self._child.send(Ask(asked.number, request, asked.cell, len(image)))

    def _forget(self, number: int, future: Future[Generation]) -> None:
        if not future.cancelled():
            return
        with self._lock:
            asked = self._asked.get(number)
            if asked is not None and not asked.is_sent:
                del self._asked[number]
            elif asked is not None and not self._closing:
                self._child.send(Cancel(number))  # its answer frees what it holds
        if isinstance(future, Promise):
            future.wake()

    # On the reader's thread

    def _read(self) -> None:
        while True:
            answer = self._child.receive()
            if answer is not None:
                self._settle(answer)
            elif not self._start_again():
                break
        self._child.forget()
        self._cells.close()

    def _settle(self, answer: Answer) -> None:
        with self._lock:
            asked = self._asked.pop(answer.number, None)
            if asked is None:
                return
            self._release(asked)
            if isinstance(answer.outcome, Generation):
                self._crashes = 0
            self._send_what_may_go()
        asked.future.settle(answer.outcome.error() if isinstance(answer.outcome, Fault) else answer.outcome)

    def _start_again(self) -> bool:
        """The process is gone. Whether another one answers now."""
        with self._lock:
            if self._closing:
                return False
            code = self._child.forget()
            self._child.is_ready = False
            self._crashes += 1
            tally.add("captioner_restarts")
            under_way = [asked for asked in self._asked.values() if asked.is_sent]
            guilty = crashed(under_way)
            for asked in under_way:
                self._release(asked)
                if asked is guilty or asked.future.cancelled():
                    del self._asked[asked.number]
        _log.warning(
            "the captioner's process ended with `%s`; starting another one, `%d` requests are asked again",
            *(code, len(under_way) - (guilty is not None)),
        )
        if guilty is not None:
            guilty.future.settle(
                CaptionFailed("the captioner's process ended each time it was asked about this picture")
            )
        if self._crashes > MOST_CRASHES:
            return self._give_up(
                f"the captioner's process ended `{self._crashes}` times in a row without an answer, the last time "
                f"with `{code}`; see its last words, mend the card or the model, and start from the checkpoint"
            )
        return self._start()

    def _start(self) -> bool:
        with self._lock:
            if self._closing:
                return False
            self._child = Child(self._options, self._cells)
        try:
            self._child.wait_until_ready()
        except JobError as error:
            return self._give_up(error.message)
        except Exception as error:  # whatever loading may raise: it is not a picture's fault
            return self._give_up(f"the captioner cannot be loaded again: `{type(error).__name__}`; see its last words")
        with self._lock:
            self._send_what_may_go()
        return True

    def _give_up(self, why: str) -> bool:
        with self._lock:
            self._broken = None if self._closing else why
            left = list(self._asked.values())
            self._asked.clear()
        for asked in left:
            asked.future.settle(CaptionerBroken(why))
        return False

    def _release(self, asked: Asked) -> None:
        if asked.cell is not None:
            self._cells.release(asked.cell)
            asked.cell = None
