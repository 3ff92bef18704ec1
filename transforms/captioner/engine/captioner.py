"""The engine behind the captioner protocol: futures outside, one thread that computes, a few that prepare."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial

from transforms.captioner.api import (
    CaptionerInfo,
    CaptionerOptions,
    CaptionRequest,
    Completion,
    Generation,
)
from transforms.captioner.batching import milliseconds_since
from transforms.captioner.chat import Chat
from transforms.captioner.checkpoint import load_checkpoint
from transforms.captioner.engine.build import build
from transforms.captioner.engine.jobs import Answer, Job
from transforms.captioner.engine.preparing import Preparation, Preparers

_NAME = "engine-captioner"


@dataclass(slots=True, eq=False)
class _Asked:
    """A request on its way. Its future stays pending to the end, so that it can be cancelled at any time."""

    request: CaptionRequest
    future: Future[Generation] = field(default_factory=Future)
    jobs: list[Job] = field(default_factory=list)
    unfinished: int = 0
    completions: dict[int, Completion] = field(default_factory=dict)


class EngineCaptioner:
    """Loads a checkpoint and answers with continuous batching.

    Raises `transforms.errors.ModelUnavailable` when the checkpoint cannot be used or does not fit.
    """

    def __init__(self, options: CaptionerOptions) -> None:
        checkpoint = load_checkpoint(options)
        self._chat: Chat = checkpoint.chat
        self._stop_ids = frozenset(checkpoint.stop_ids)
        self._engine = build(checkpoint, options)
        slots = self._engine.slots
        self.info = CaptionerInfo(options.model, checkpoint.revision, slots.count)
        self._changed = threading.Condition()
        self._inbox: list[tuple[_Asked, list[tuple[Job, tuple[int, ...]]]]] = []
        self._cancelled: list[_Asked] = []
        self._owners: dict[Job, tuple[_Asked, tuple[int, ...]]] = {}
        """Of every job in the engine; the engine's thread only."""
        self._unfinished: dict[int, _Asked] = {}
        self._number = 0
        self._ahead = 0
        """Jobs that are prepared and have not begun."""
        self._most_ahead = max(8, slots.count)
        self._closing = False
        self._prepare = Preparation(self._chat, checkpoint.rule, slots.count, slots.length)
        self._preparers: Preparers[_Asked] = Preparers(
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
        """Queue a request; returns at once. Raises `RuntimeError` after `close`."""
        asked = _Asked(request)
        with self._changed:
            if self._closing:
                raise RuntimeError("the captioner is closed; create another one")
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

    def _make_jobs(self, asked: _Asked) -> None:
        if asked.future.cancelled():
            return
        jobs = self._prepared(asked.request)
        if isinstance(jobs, Exception):
            _settle(asked, jobs)
            return
        with self._changed:
            self._inbox.append((asked, jobs))
            self._ahead += len(jobs)
            self._changed.notify_all()

    def _prepared(self, request: CaptionRequest) -> list[tuple[Job, tuple[int, ...]]] | Exception:
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
        future.set_running_or_notify_cancel()  # wakes who waits with concurrent.futures.wait()

    # On the thread that computes

    def _work(self) -> None:
        engine = self._engine
        while True:
            with self._changed:
                self._changed.wait_for(
                    lambda: self._closing or self._inbox or self._cancelled or engine.waiting or engine.active
                )
                if self._closing:
                    return
                arrived, self._inbox = self._inbox, []
                cancelled, self._cancelled = self._cancelled, []
            for asked, jobs in arrived:
                self._add(asked, jobs)
            for asked in cancelled:
                self._cancel(asked)
            try:
                done = engine.step()
            except Exception as error:  # no job's fault that we know of: all end with it, the next ones may do better
                done = engine.abandon(error)
            for job in done:
                self._finish(job)
            with self._changed:
                if engine.waiting != self._ahead - sum(len(jobs) for _, jobs in self._inbox):
                    self._ahead = engine.waiting + sum(len(jobs) for _, jobs in self._inbox)
                    self._changed.notify_all()

    def _add(self, asked: _Asked, jobs: Sequence[tuple[Job, tuple[int, ...]]]) -> None:
        asked.unfinished = len(jobs)
        for job, places in jobs:
            asked.jobs.append(job)
            self._owners[job] = asked, places
            self._engine.add(job)

    def _cancel(self, asked: _Asked) -> None:
        for job in asked.jobs:
            if job in self._owners:
                self._engine.cancel(job)

    def _finish(self, job: Job) -> None:
        asked, places = self._owners.pop(job)
        if job.is_cancelled:
            return
        if job.error is not None:
            self._cancel(asked)
            _settle(asked, job.error)
            return
        for place, answer in zip(places, job.answers, strict=True):
            asked.completions[place] = self._completion(answer)
        asked.unfinished -= 1
        if not asked.unfinished:
            answers = tuple(asked.completions[place] for place in range(len(asked.request.prompts)))
            begun = min(job.begun_at for job in asked.jobs)
            _settle(asked, Generation(answers, milliseconds_since(begun)))

    def _completion(self, answer: Answer) -> Completion:
        said = answer.tokens[:-1] if answer.is_ended else answer.tokens
        chances = answer.chances
        return Completion(
            text=self._chat.decode(said),
            finish_reason="stop" if answer.is_ended else "length",
            input_tokens=answer.prompt,
            output_tokens=len(answer.tokens),
            mean_logprob=sum(chances) / len(chances) if chances else None,
        )


def _settle(asked: _Asked, outcome: Generation | BaseException) -> None:
    """Once; not when it was cancelled meanwhile."""
    if asked.future.done() or not asked.future.set_running_or_notify_cancel():
        return
    if isinstance(outcome, BaseException):
        # Its frames hold pictures and tensors, for as long as somebody holds the future.
        traceback.clear_frames(outcome.__traceback__)
        asked.future.set_exception(outcome)
    else:
        asked.future.set_result(outcome)
