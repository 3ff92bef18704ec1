"""The engine behind the captioner protocol: futures outside, one thread that computes, a few that prepare."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from functools import partial

from transforms.captioner.api import CaptionerInfo, CaptionerOptions, CaptionRequest, Generation
from transforms.captioner.chat import Chat
from transforms.captioner.checkpoint import load_checkpoint
from transforms.captioner.engine.asked import Asked, Part
from transforms.captioner.engine.build import build
from transforms.captioner.engine.fatal import is_fatal
from transforms.captioner.engine.jobs import Job
from transforms.captioner.engine.preparing import Preparation, Preparers
from transforms.captioner.promise import drop_frames
from transforms.errors import CaptionerBroken

_log = logging.getLogger(__name__)
_NAME = "engine-captioner"


class EngineCaptioner:
    """Loads a checkpoint and answers with continuous batching.

    Raises `transforms.errors.ModelUnavailable` when the checkpoint cannot be used or does not fit.
    """

    def __init__(self, options: CaptionerOptions) -> None:
        checkpoint = load_checkpoint(options)
        self._chat: Chat = checkpoint.chat
        self._engine = build(checkpoint, options)
        slots = self._engine.slots
        self.info = CaptionerInfo(options.model, checkpoint.revision, slots.count)
        self._changed = threading.Condition()
        self._inbox: list[tuple[Asked, list[Part]]] = []
        self._cancelled: list[Asked] = []
        self._owners: dict[Job, tuple[Asked, tuple[int, ...]]] = {}
        """Of every job in the engine; the engine's thread only."""
        self._unfinished: dict[int, Asked] = {}
        self._number = 0
        self._ahead = 0
        """Jobs that are prepared and have not begun."""
        self._most_ahead = max(8, slots.count)
        self._closing = False
        self._broken: str | None = None
        self._prepare = Preparation(self._chat, checkpoint.rule, slots.count, slots.length)
        self._preparers: Preparers[Asked] = Preparers(
            self._make_jobs,
            lambda: self._ahead < self._most_ahead,
            self._changed,
            options.prepare_threads,
            f"{_NAME}-prepares",
        )
        # A daemon, so that a forgotten close() does not keep the process alive.
        self._thread = threading.Thread(target=self._work, name=_NAME, daemon=True)
        self._thread.start()

    def submit(self, request: CaptionRequest) -> Future[Generation]:
        """Queue a request; returns at once.

        Raises `RuntimeError` after `close`, and `CaptionerBroken` after the device was lost.
        """
        asked = Asked(request)
        with self._changed:
            if self._closing:
                raise RuntimeError("the captioner is closed; create another one")
            if self._broken is not None:
                raise CaptionerBroken(self._broken)
            number = self._number = self._number + 1
            self._unfinished[number] = asked
            self._preparers.put(request.source, asked)
        # By number: who keeps the future must not keep the picture.
        asked.future.add_done_callback(partial(self._forget, number))
        return asked.future

    def close(self) -> None:
        """Cancel what is unfinished and join the threads. May be called again, and from a callback."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._preparers.close()
        if threading.current_thread() is not self._thread:
            self._thread.join()
        with self._changed:
            left = list(self._unfinished.values())
        for asked in left:
            asked.future.cancel()

    # On the threads that prepare

    def _make_jobs(self, asked: Asked) -> None:
        if asked.future.cancelled():
            return
        jobs = self._prepared(asked.request)
        if isinstance(jobs, Exception):
            asked.future.settle(jobs)
            return
        if not jobs:
            asked.future.settle(Generation((), 0))
            return
        with self._changed:
            self._inbox.append((asked, jobs))
            self._ahead += len(jobs)
            self._changed.notify_all()

    def _prepared(self, request: CaptionRequest) -> list[Part] | Exception:
        try:
            return self._prepare(request)
        except Exception as error:
            return error

    def _forget(self, number: int, future: Future[Generation]) -> None:
        with self._changed:
            asked = self._unfinished.pop(number, None)
            if asked is None or not future.cancelled():
                return
            self._cancelled.append(asked)
            self._changed.notify_all()
        asked.future.wake()

    # On the thread that computes

    def _work(self) -> None:
        try:
            while self._wait():
                self._turn()
        except BaseException as error:  # whatever it is, nobody may wait for ever
            self._break(error)

    def _wait(self) -> bool:
        """For something to do; False when it is time to go."""
        engine = self._engine
        with self._changed:
            self._changed.wait_for(
                lambda: self._closing or self._inbox or self._cancelled or engine.waiting or engine.active
            )
            return not self._closing

    def _turn(self) -> None:
        engine = self._engine
        with self._changed:
            arrived, self._inbox = self._inbox, []
            cancelled, self._cancelled = self._cancelled, []
        for asked, jobs in arrived:
            with self._blaming(asked):
                self._add(asked, jobs)
        for asked in cancelled:
            self._cancel(asked)
        for job in self._step():
            asked, places = self._owners.pop(job)
            with self._blaming(asked):
                self._finish(job, asked, places)
        with self._changed:
            if engine.waiting != self._ahead - sum(len(jobs) for _, jobs in self._inbox):
                self._ahead = engine.waiting + sum(len(jobs) for _, jobs in self._inbox)
                self._changed.notify_all()

    def _step(self) -> list[Job]:
        try:
            return self._engine.step()
        except Exception as error:
            if is_fatal(error):
                raise
            # No job's fault that we know of: all under way end with it, the next ones may do better.
            return self._engine.abandon(error.with_traceback(None))

    def _break(self, error: BaseException) -> None:
        _log.error("the engine cannot go on", exc_info=error)
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
        with self._changed:
            self._broken = (
                f"the engine cannot go on (`{reason}`); look at the card, and start again from the checkpoint"
            )
            left = list(self._unfinished.values())
        drop_frames(error)
        for asked in left:
            asked.future.settle(CaptionerBroken(self._broken))

    def _add(self, asked: Asked, parts: Sequence[Part]) -> None:
        asked.jobs = [job for job, _ in parts]
        for job, places in parts:
            self._engine.add(job)
            self._owners[job] = asked, places

    def _cancel(self, asked: Asked) -> None:
        for job in asked.jobs:
            if job in self._owners:
                self._engine.cancel(job)

    @contextlib.contextmanager
    def _blaming(self, asked: Asked) -> Iterator[None]:
        """What goes wrong with one request is its own affair."""
        try:
            yield
        except Exception as error:
            self._cancel(asked)
            asked.future.settle(error)

    def _finish(self, job: Job, asked: Asked, places: Sequence[int]) -> None:
        if job.is_cancelled:
            return
        if job.error is not None:
            self._cancel(asked)
            asked.future.settle(job.error)
            return
        asked.take(job, places, self._chat.decode)
