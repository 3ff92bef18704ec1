"""Requests join and leave between decode steps. No threads and no futures: whoever calls `Engine.step` drives it."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from typing import NamedTuple

import torch

from transforms.captioner.drawing import Draw
from transforms.captioner.engine.admission import Admission, AdmissionRule
from transforms.captioner.engine.choosing import choose
from transforms.captioner.engine.fair import FairQueue
from transforms.captioner.engine.fatal import is_fatal
from transforms.captioner.engine.jobs import Answer, Counters, Job
from transforms.captioner.engine.packed import Joining
from transforms.captioner.engine.recorded import Decode
from transforms.captioner.engine.steps import Steps
from transforms.captioner.engine.transfer import Download

ROUND = 2048
"""Tokens that each source may have computed before it is the next one's turn."""


class _Step(NamedTuple):
    """Tokens that were computed, perhaps not yet."""

    tokens: Download
    chances: Download | None
    grown: list[tuple[int, int, Job, Answer]]
    """Row of the tokens, slot, and whose it is."""


class Engine:
    """Holds jobs from `add` until `step` returns them. Not thread-safe."""

    def __init__(
        self,
        steps: Steps,
        stop_ids: Sequence[int],
        rule: AdmissionRule,
        lag: int = 0,
        wants_chances: bool = False,
        decode: Decode | None = None,
    ) -> None:
        """``lag`` 1 looks at a step's tokens after the next one was launched, so that the device never waits.

        ``decode`` computes as ``steps.decode`` does, faster.
        """
        self.counters = Counters()
        self.slots = steps.slots
        self._steps = steps
        self._recorded = decode
        self._stop_ids = frozenset(stop_ids)
        self._admission = Admission(rule)
        self._lag = lag
        self._wants_chances = wants_chances
        self._waiting: FairQueue[Job] = FairQueue(ROUND)
        self._active: dict[int, tuple[Job, Answer]] = {}
        """By slot."""
        self._unseen: list[_Step] = []
        """Whose tokens nobody has looked at yet."""
        self._done: list[Job] = []
        self._joining: list[Job] = []
        """Neither waiting nor active: their prefill is computed."""
        self._cancelled: list[Job] = []
        self._most_slots = self.slots.count
        """Fewer for a while after a step failed."""

    @property
    def waiting(self) -> int:
        """Jobs that have not begun."""
        return len(self._waiting)

    @property
    def active(self) -> int:
        """Answers under way."""
        return len(self._active)

    def add(self, job: Job) -> None:
        """Queue a job of at most as many prompts as there are slots, and no longer than a slot."""
        if len(job.limits) > self.slots.count:
            raise ValueError(f"`{len(job.limits)}` prompts do not fit into {self.slots.count} slots")
        longest = max(job.row.length(n) + limit for n, limit in enumerate(job.limits))
        if longest > self.slots.length:
            raise ValueError(f"`{longest}` tokens do not fit into a slot of {self.slots.length}")
        self._waiting.put(job.source, job.cost, job)

    def cancel(self, job: Job) -> None:
        """The job leaves with the next step, whether it has begun or not."""
        job.is_cancelled = True
        self._cancelled.append(job)

    @torch.inference_mode()
    def step(self) -> list[Job]:
        """Let jobs join, compute one token of every answer, and return the jobs that are done, failed or cancelled.

        Raises what the device cannot recover from.
        """
        self._drop_cancelled()
        self._admit()
        if self._joining:
            self._prefill(self._joining)
            self._joining = []
        if self._active:
            self._decode()
        self._look()
        if not self._unseen:  # an answer whose token is under way stays where it is
            self._close_gaps()
        done, self._done = self._done, []
        return done

    @torch.inference_mode()
    def abandon(self, error: Exception) -> list[Job]:
        """After `step` raised: end all jobs under way with the error, and return them; those that wait are left."""
        self._unseen.clear()
        ended = {job: None for job, _ in self._active.values()} | dict.fromkeys(self._joining)
        for job in ended:
            self._leave(job.answers)
            job.error = error
        done, self._done, self._joining = self._done, [], []
        return list(dict.fromkeys((*done, *ended)))

    # Joining

    def _admit(self) -> None:
        rule, free = self._admission.rule, self.slots.free
        if self._active:
            free = min(free, self._most_slots - len(self._active))
        if not self._admission.is_due(len(self._waiting), free, len(self._active)):
            return
        joining = self._joining
        tokens = 0

        def fits(job: Job) -> bool:
            return len(job.limits) <= free and (not joining or tokens + len(job.row.ids) <= rule.tokens)

        while len(joining) < rule.most and (job := self._waiting.take(fits)) is not None:
            if job.is_cancelled:
                self._done.append(job)
                continue
            joining.append(job)
            free -= len(job.limits)
            tokens += len(job.row.ids)

    def _prefill(self, jobs: list[Job]) -> None:
        """All at once; if that fails, half of them and the other half: only the guilty one ends with the error."""
        for job in jobs:
            job.start()
            for answer in job.answers:
                answer.slot = self.slots.take()
        answers = [(job, answer) for job in jobs for answer in job.answers]
        grown = [(row, answer.slot, job, answer) for row, (job, answer) in enumerate(answers)]
        try:
            joining = [Joining(job.patches, job.row, tuple(answer.slot for answer in job.answers)) for job in jobs]
            tokens, step = self._choose(self._steps.prefill(joining), grown)
            self.slots.begin([slot for _, slot, _, _ in grown], tokens)
        except Exception as error:
            if is_fatal(error):
                raise
            self._leave([answer for _, answer in answers])
            traceback.clear_frames(error.__traceback__)  # they hold the tensors of the failed step
            if len(jobs) == 1:
                self._fail(jobs[0], error)
                return
            half = len(jobs) // 2
            self._prefill(jobs[:half])
            self._prefill(jobs[half:])
            return
        self._accept(step)
        self._active |= {slot: (job, answer) for _, slot, job, answer in grown}
        counters = self.counters
        counters.prefills += 1
        counters.pictures += len(jobs)
        counters.prefill_tokens += sum(len(job.row.ids) for job in jobs)
        counters.joined += len(grown)

    # Growing

    def _decode(self) -> None:
        grown = [(slot, slot, job, answer) for slot, (job, answer) in self._active.items()]
        # The newest token is not among those that a slot holds.
        length = max(answer.prompt + answer.computed for *_, answer in grown)
        try:
            decode = self._recorded or self._steps.decode
            logits = decode(max(self._active) + 1, min(length, self.slots.length))
            tokens, step = self._choose(logits, grown)
            self.slots.grow(tokens)
        except Exception as error:
            if is_fatal(error):
                raise
            traceback.clear_frames(error.__traceback__)
            self._shrink(error)
            return
        self._accept(step)
        self.counters.decode_steps += 1
        self.counters.decode_slots += len(grown)

    def _close_gaps(self) -> None:
        """A step computes all slots up to the highest in use; moving that one costs less than computing a free one."""
        while (highest := max(self._active, default=-1)) >= len(self._active):
            job, answer = self._active.pop(highest)
            answer.slot = self.slots.move_down(highest, answer.prompt + answer.computed)
            self._active[answer.slot] = job, answer

    def _choose(self, logits: torch.Tensor, grown: list[tuple[int, int, Job, Answer]]) -> tuple[torch.Tensor, _Step]:
        draws = {row: Draw(answer.sampling, answer.computed) for row, _, _, answer in grown if answer.sampling}
        tokens, chances = choose(logits, draws, self._wants_chances)
        return tokens, _Step(Download(tokens), None if chances is None else Download(chances), grown)

    def _accept(self, step: _Step) -> None:
        self._unseen.append(step)
        for *_, answer in step.grown:
            answer.computed += 1

    def _shrink(self, error: Exception) -> None:
        """A step failed and changed nothing: half of the jobs begin anew later, those that joined last.

        A single one ends with the error.
        """
        jobs = list(dict.fromkeys(job for job, _ in self._active.values()))
        if len(jobs) == 1:
            self._leave(jobs[0].answers)
            self._fail(jobs[0], error)
            return
        for job in reversed(jobs[len(jobs) // 2 :]):
            self._leave(job.answers)
            self._waiting.put_first(job.source, job.cost, job)
            self.counters.sent_back += 1
        self._most_slots = len(self._active)

    # Leaving

    def _look(self) -> None:
        """Look at the tokens of all steps, but not the last ``lag`` while there are answers under way."""
        while len(self._unseen) > (self._lag if self._active else 0):
            tokens, chances, grown = self._unseen.pop(0)
            seen, told = tokens.tolist(), None if chances is None else chances.tolist()
            over = [
                (job, answer)
                for row, slot, job, answer in grown
                if answer.slot == slot and answer.take(seen[row], told[row] if told else None, self._stop_ids)
            ]
            self._leave([answer for _, answer in over])
            for job in dict.fromkeys(job for job, _ in over):
                if all(answer.slot < 0 for answer in job.answers):
                    self._done.append(job)
                    self._most_slots = min(self.slots.count, self._most_slots + 1)

    def _drop_cancelled(self) -> None:
        for job in self._cancelled:
            if any(answer.slot >= 0 for answer in job.answers):
                self._leave(job.answers)
                self._done.append(job)
        self._cancelled.clear()

    def _fail(self, job: Job, error: Exception) -> None:
        job.error = error
        self._done.append(job)

    def _leave(self, answers: Sequence[Answer]) -> None:
        slots = [answer.slot for answer in answers if answer.slot >= 0]
        for answer in answers:
            if self._active.pop(answer.slot, None) is not None:  # else it failed to join
                self.counters.left += 1
            answer.slot = -1
        self.slots.release(slots)
