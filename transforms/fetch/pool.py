"""Threads that fetch: hosts take turns, and none begins while there is no room for one more picture.

Threads are not kept waiting for a host that is busy: its pictures wait in a line of their own.
"""

from __future__ import annotations

import collections
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import Future

IDLE_SECONDS = 30.0
"""After so long a thread without work ends."""

Work = Callable[[Callable[[int], None]], bytes]
"""Fetches a picture; what it is given it tells how many bytes that needs."""


class Task:
    """A picture to be fetched; ``future`` has its bytes or the error."""

    __slots__ = ("future", "held", "host", "is_hurried", "is_released", "work")

    def __init__(self, host: str, work: Work) -> None:
        self.host, self.work = host, work
        self.future: Future[bytes] = Future()
        self.held = 0
        self.is_hurried = self.is_released = False


class Pool:
    """Bounds what is fetched at once, of each host and in all, and the bytes that are not released yet."""

    def __init__(self, threads: int, per_host: int, memory: int, largest: int) -> None:
        """``memory`` is in bytes, and ``largest`` of them are kept for a picture whose size is not known yet."""
        self._threads, self._per_host, self._memory, self._largest = threads, per_host, memory, largest
        self._changed = threading.Condition()
        self._waiting: collections.OrderedDict[str, collections.deque[Task]] = collections.OrderedDict()
        self._running: collections.Counter[str] = collections.Counter()
        self._held = self._alive = 0

    @property
    def held(self) -> int:
        """Bytes that pictures have, or may come to have."""
        with self._changed:
            return self._held

    def submit(self, host: str, work: Work) -> Task:
        """Have it fetched. Whoever takes the bytes out of memory says `release`."""
        task = Task(host, work)
        with self._changed:
            self._waiting.setdefault(host, collections.deque()).append(task)
            if self._alive == self._threads:
                self._changed.notify()
            else:
                self._alive += 1
                # Daemons: one that waits for a host must not hold up the end of the process.
                threading.Thread(target=self._serve, name="fetch", daemon=True).start()
        return task

    def hurry(self, task: Task) -> None:
        """Begin with it although there is no room: what holds the room leaves only after it."""
        with self._changed:
            task.is_hurried = True
            self._changed.notify()

    def release(self, task: Task) -> None:
        """Its bytes are gone from memory, or nobody wants them any more."""
        with self._changed:
            task.is_released = True
            queue = self._waiting.get(task.host)
            if queue is not None and task in queue:
                self._remove(task)
                task.future.cancel()
            elif task.future.done():
                self._hold(task, 0)

    def _serve(self) -> None:
        while (task := self._next()) is not None:
            try:
                task.future.set_result(task.work(lambda size, task=task: self._resize(task, size)))  # type: ignore[misc]
            except BaseException as error:
                traceback.clear_frames(error.__traceback__)  # which hold what was read of the picture
                self._resize(task, 0)
                task.future.set_exception(error)
            with self._changed:
                self._running[task.host] -= 1
                if not self._running[task.host]:
                    del self._running[task.host]
                if task.is_released:
                    self._hold(task, 0)
            del task  # it has the picture

    def _next(self) -> Task | None:
        with self._changed:
            while (task := self._begun()) is None:
                is_told = self._changed.wait(IDLE_SECONDS)
                if not is_told and not self._waiting:
                    self._alive -= 1
                    return None
            return task

    def _begun(self) -> Task | None:
        """The next task that may begin."""
        has_room = self._held + self._largest <= self._memory
        for host, queue in self._waiting.items():
            if self._running[host] < self._per_host:
                task = queue[0] if has_room else next((task for task in queue if task.is_hurried), None)
                if task is not None:
                    self._remove(task)
                    if host in self._waiting:
                        self._waiting.move_to_end(host)
                    self._running[host] += 1
                    self._hold(task, self._largest)
                    return task
        return None

    def _remove(self, task: Task) -> None:
        queue = self._waiting[task.host]
        queue.remove(task)
        if not queue:
            del self._waiting[task.host]

    def _resize(self, task: Task, size: int) -> None:
        with self._changed:
            self._hold(task, size)

    def _hold(self, task: Task, size: int) -> None:
        self._held += size - task.held
        if size < task.held:
            self._changed.notify()
        task.held = size
