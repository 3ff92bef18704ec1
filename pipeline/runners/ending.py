"""Ends a job that is to end before its input does: with a savepoint where one can be made, and on Flink by Flink.

Beam's job server answers a cancellation with `CANCELLED`, and Flink goes on with the job (tried with 2.70, with Flink
inside it and on a cluster): what ends is its own wait for Flink. So Flink is asked, where its address is known.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from apache_beam.runners.runner import PipelineState

from pipeline.local.flink_job import FlinkJob
from transforms.errors import JobError

LIMIT_SECONDS = 60.0
"""Between Flink's word that it cancels a job and the job server's that it has ended."""
_POLL_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Ending:
    """How to end one job."""

    result: Any
    """Beam's `PipelineResult`."""
    find: Callable[[], FlinkJob] | None
    """The job as Flink knows it; None where it does not run on Flink, or Flink's address is not known."""
    say: Callable[[str], None]
    hint: str = ""
    """What else the user should know of a job that is cancelled without `find`."""

    def stop(self, savepoints: str) -> None:
        """End it with a savepoint below this address and say how to go on; cancel it where that cannot be."""
        if self.find is None or not savepoints:
            self.say("cancelling the job; what was pending is captioned again after a start with --resume or --rewind")
            self.cancel()
            return
        self.say("stopping the job with a savepoint")
        job = self._found(self.find)
        if job is None:
            return
        try:
            savepoint = job.stop_with_savepoint(savepoints)
        except JobError as error:
            self.say(f"{error.message}; cancelling it instead: its last checkpoint is kept")
            self._cancel(job)
        else:
            self.say(f"stopped; go on with --resume {savepoint}")

    def cancel(self) -> None:
        """End it as it is; what Flink answers instead is said."""
        if self.find is None:
            self.result.cancel()
            if self.hint:
                self.say(self.hint)
        elif job := self._found(self.find):
            self._cancel(job)

    def _found(self, find: Callable[[], FlinkJob]) -> FlinkJob | None:
        try:
            return find()
        except JobError as error:
            self._leave(error)
            return None

    def _leave(self, error: JobError) -> None:
        """To the job server, for Flink does not end it."""
        self.result.cancel()
        self.say(f"{error.message}; unless it has ended, cancel it there")

    def _cancel(self, job: FlinkJob) -> None:
        try:
            job.cancel()
        except JobError as error:
            self._leave(error)
            return
        # Flink's answer comes before the end; the job server hears of that.
        deadline = time.monotonic() + LIMIT_SECONDS
        while not PipelineState.is_terminal(self.result.state):
            if time.monotonic() > deadline:
                self.say(f"it has not ended within `{LIMIT_SECONDS:g}` s; look at Flink's page")
                return
            time.sleep(_POLL_SECONDS)
