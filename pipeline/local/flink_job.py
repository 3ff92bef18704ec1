"""One job on a Flink: what it does, how its checkpoints are, and how it is ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pipeline.local.flink_rest import FlinkRest, cause
from transforms.errors import RunnerRefused, RunnerUnreachable

T = TypeVar("T")

ENDED = frozenset({"FINISHED", "FAILED", "CANCELED"})

_STARTING = "INITIALIZING"  # its JobManager cannot answer yet
_POLL_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """The checkpoints of a job since it was submitted; savepoints count."""

    completed: int
    failed: int
    restored: int
    """How often the job went back to one."""
    last_id: int | None
    last_bytes: int | None
    """Size of the last completed one's state."""
    restored_id: int | None


@dataclass(frozen=True, slots=True)
class FlinkJob:
    """A job by its id. Every method asks anew; all raise `RunnerUnreachable` and `RunnerRefused`."""

    rest: FlinkRest
    id: str
    name: str
    """Beam's ``--job_name``."""

    def state(self) -> str:
        """Return `RUNNING`, `RESTARTING`, `FINISHED`, … as Flink calls it."""
        return str(self.rest.get(f"/jobs/{self.id}")["state"])

    def checkpoints(self) -> Checkpoints:
        """Count them."""
        answer = self.rest.get(f"/jobs/{self.id}/checkpoints")
        counts, latest = answer["counts"], answer["latest"]
        last, restored = latest["completed"] or {}, latest["restored"] or {}
        return Checkpoints(
            completed=counts["completed"],
            failed=counts["failed"],
            restored=counts["restored"],
            last_id=last.get("id"),
            last_bytes=last.get("state_size"),
            restored_id=restored.get("id"),
        )

    def failures(self) -> tuple[str, ...]:
        """Return why it restarted or failed, one line each, the latest first."""
        history = self.rest.get(f"/jobs/{self.id}/exceptions")["exceptionHistory"]["entries"]
        return tuple(cause(entry["stacktrace"]) for entry in history)

    def cancel(self) -> None:
        """Ask it to end; it is `CANCELED` some time later."""
        self.rest.patch(f"/jobs/{self.id}?mode=cancel")

    def stop_with_savepoint(self, folder: Path | str, limit_seconds: float = 60.0) -> str:
        """End it, with its state in a savepoint below ``folder``, a directory or an address; return its address.

        The job can go on from there with Beam's ``--savepoint_path``. Nothing is drained: timers stay pending.
        """
        target = folder.resolve().as_uri() if isinstance(folder, Path) else folder
        order = {"targetDirectory": target, "drain": False}
        trigger = self.rest.post(f"/jobs/{self.id}/stop", order)["request-id"]

        def location() -> str | None:
            answer = self.rest.get(f"/jobs/{self.id}/savepoints/{trigger}")
            if answer["status"]["id"] != "COMPLETED":
                return None
            if failure := answer["operation"].get("failure-cause"):
                raise RunnerRefused(
                    f"the job `{self.name}` was not stopped with a savepoint: `{cause(failure['stack-trace'])}`; "
                    "wait until it is RUNNING and try again"
                )
            return str(answer["operation"]["location"])

        return self._poll(location, limit_seconds, "its savepoint is complete")

    def wait_for(self, condition: Callable[[FlinkJob], bool], limit_seconds: float, what: str) -> None:
        """Return once the condition holds; ``what`` says it in words: "it has a checkpoint".

        Raises `RunnerRefused` with the job's state and last failure after the limit, and at once when the job
        has ended and the condition still does not hold.
        """

        def held() -> bool:
            ended = self.state() in ENDED
            if condition(self):
                return True
            if ended:
                raise self._gave_up(f"has ended before {what}")
            return False

        self._poll(held, limit_seconds, what)

    def _poll(self, ask: Callable[[], T | None], limit_seconds: float, what: str) -> T:
        deadline = time.monotonic() + limit_seconds
        while not (answer := ask()):
            if time.monotonic() > deadline:
                raise self._gave_up(f"did not get there in `{limit_seconds:g}` s: {what}")
            time.sleep(_POLL_SECONDS)
        return answer

    def _gave_up(self, what: str) -> RunnerRefused:
        failure = next(iter(self.failures()), "none")
        return RunnerRefused(
            f"the job `{self.name}` {what}; it is `{self.state()}`, its last failure is `{failure}`; "
            f"see `http://{self.rest.address}/#/job/{self.id}`"
        )


def find_job(rests: Sequence[FlinkRest], name: str, limit_seconds: float) -> FlinkJob:
    """Wait for a job of this name; of several, take the one that has not ended, of those the latest.

    A JobManager that does not answer is skipped: in `[local]` each lives as long as its job.
    """
    deadline = time.monotonic() + limit_seconds
    while True:
        found = [
            (job["state"] not in ENDED, job["start-time"], FlinkJob(rest, job["jid"], job["name"]))
            for rest in rests
            for job in _overview(rest)
            if job["name"] == name and job["state"] != _STARTING
        ]
        if found:
            return max(found, key=lambda one: one[:2])[2]
        if time.monotonic() > deadline:
            raise RunnerRefused(
                f"no job `{name}` came up in `{limit_seconds:g}` s; check `--job_name` and the job server's log"
            )
        time.sleep(_POLL_SECONDS)


def _overview(rest: FlinkRest) -> list[dict[str, str]]:
    try:
        return list(rest.get("/jobs/overview")["jobs"])
    except RunnerUnreachable:
        return []
