"""The process's one captioner and the requests it has not answered yet.

Futures are kept by request id: a request that is submitted again after a failed bundle or a restore gets the
answer that is already there or under way.
"""

from __future__ import annotations

import atexit
import collections
import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Future

from transforms import tally
from transforms.captioner.api import Captioner, CaptionerOptions, CaptionRequest, Generation
from transforms.captioner.load import create
from transforms.errors import CaptionerStalled, JobError
from transforms.outcomes import Outcomes

Clock = Callable[[], float]

ROOM_PER_SLOT = 2
"""Unfinished requests per slot: enough to refill every slot at once, and no more waits in memory."""
_TOGETHER = 4
"""Who found no room goes on when a quarter of the slots can be refilled at once. Each time it wakes up it takes the
interpreter from the thread that computes, and finds the processor's caches full of the model: with the tiny model all
that is not the engine takes 0.9 of the CPU time that it takes when it wakes up for every answer."""


class Inflight:
    """Bounds what is unfinished; a finished result that nobody has collected holds no room."""

    def __init__(
        self,
        captioner: Captioner,
        stall_seconds: float = 600.0,
        retain_seconds: float = 300.0,
        retain_results: int = 4096,
        clock: Clock = time.monotonic,
    ) -> None:
        """``stall_seconds`` bounds every wait; results are retained for repeats by age and by number."""
        self.captioner = captioner
        self.capacity = ROOM_PER_SLOT * captioner.info.slots
        self.outcomes = Outcomes()
        self.is_broken = False
        """Whether it said of itself, with a `JobError`, that it cannot go on."""
        self._stall = stall_seconds
        self._retain_seconds = retain_seconds
        self._retain_results = retain_results
        self._clock = clock
        self._together = max(1, captioner.info.slots // _TOGETHER)
        self._lock = threading.Lock()
        self._room = threading.Condition(self._lock)
        self._futures: collections.OrderedDict[str, tuple[Future[Generation], float]] = collections.OrderedDict()
        self._unfinished = 0

    @property
    def unfinished(self) -> int:
        """Requests submitted and not settled."""
        with self._lock:
            return self._unfinished

    def submit(self, request: CaptionRequest) -> Future[Generation]:
        """The request's future; blocks only for room. Raises `CaptionerStalled` when none frees in time."""
        known = self._known(request.request_id)
        if known is not None:
            return known
        self._take_room()
        try:
            future = self.captioner.submit(request)
        except BaseException as error:
            self.is_broken |= isinstance(error, JobError)
            self._release()
            raise
        future.add_done_callback(self._settled)
        with self._lock:
            self._futures[request.request_id] = future, self._clock()
            self._evict()
        return future

    def wait(self, future: Future[Generation], seconds: float | None = None) -> bool:
        """Wait until it is settled; whether it is. Without ``seconds`` a stall raises `CaptionerStalled`."""
        try:
            future.exception(self._stall if seconds is None else seconds)
        except CancelledError:
            return True
        except TimeoutError:
            if future.done() or seconds is not None:
                return future.done()
            raise CaptionerStalled(
                f"the captioner did not settle a request in `{self._stall:g}` s; "
                "look at its log and at the card, then restart the job from its checkpoint"
            ) from None
        return True

    def forget(self, request_id: str) -> None:
        """Ask anew when this request is submitted again."""
        with self._lock:
            self._futures.pop(request_id, None)

    def _take_room(self) -> None:
        with self._room:
            if self._unfinished >= self.capacity:
                self._room.wait_for(self._has_room, self._stall)
            if self._unfinished >= self.capacity:
                raise CaptionerStalled(
                    f"the captioner settled none of `{self.capacity}` requests in {self._stall:g} s; "
                    "look at its log and at the card, then restart the job from its checkpoint"
                )
            self._unfinished += 1

    def _has_room(self) -> bool:
        return self._unfinished <= self.capacity - self._together

    def _known(self, request_id: str) -> Future[Generation] | None:
        with self._lock:
            held = self._futures.get(request_id)
            if held is None:
                return None
            if held[0].cancelled():
                del self._futures[request_id]
                return None
            return held[0]

    def _settled(self, future: Future[Generation]) -> None:
        tally.observe("batch_images", min(self.unfinished, self.captioner.info.slots))
        self.is_broken |= not future.cancelled() and isinstance(future.exception(), JobError)
        self._release()

    def _release(self) -> None:
        with self._room:
            self._unfinished -= 1
            if self._has_room():
                self._room.notify_all()

    def _evict(self) -> None:
        oldest, excess = self._clock() - self._retain_seconds, len(self._futures) - self._retain_results
        gone = []
        for request_id, (future, since) in self._futures.items():
            if since > oldest and excess <= 0:
                break
            if future.done():  # what is not yet is never dropped, and is never much
                gone.append(request_id)
                excess -= 1
        for request_id in gone:
            del self._futures[request_id]


_lock = threading.Lock()
_loaded: dict[CaptionerOptions, Inflight] = {}


def captioner_for(options: CaptionerOptions) -> Inflight:
    """The process's captioner for these options, loaded once; loaded anew after it broke."""
    with _lock:
        if options in _loaded and _loaded[options].is_broken:
            tally.add("captioner_restarts")
            _loaded.pop(options).captioner.close()
        if options not in _loaded:
            _loaded[options] = Inflight(create(options))
        return _loaded[options]


def loaded() -> list[Inflight]:
    """The process's captioners. Without the lock: it is held for as long as a model takes to load."""
    return list(_loaded.values())


def preload(options: CaptionerOptions, inflight: Inflight) -> None:
    """Use this instance for these options in this process."""
    with _lock:
        _loaded[options] = inflight


def close_all() -> None:
    """Close every captioner of the process."""
    with _lock:
        closing = list(_loaded.values())
        _loaded.clear()
    for inflight in closing:
        inflight.captioner.close()


atexit.register(close_all)
