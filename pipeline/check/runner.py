"""The runner and what it is told."""

from __future__ import annotations

import http.client
import importlib.metadata
import importlib.util
import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from pipeline.check.finding import Finding, fail, from_error, ok, warn
from pipeline.check.plan import Plan
from pipeline.local.prism import VARIABLE, find_prism
from pipeline.runners.checks import faults
from pipeline.runners.job_server import ASSEMBLED, RELEASED, runner_version
from pipeline.runners.options import DATAFLOW, FLINK, PRISM, Submission, beam_options
from pipeline.runners.places import local_path
from transforms.errors import ConfigInvalid, PrismMissing

WHAT = "runner"
ANSWER_SECONDS = 3.0


def runner_findings(plan: Plan) -> Iterator[Finding]:
    """Its options, whether it answers, and where its checkpoints go."""
    job = plan.submission
    if job is None:
        yield ok(WHAT, "the replay runs in this process")
        return
    try:
        found = faults(job, beam_options(job), importlib.metadata.version("apache-beam"), runner_version(job))
    except ConfigInvalid as error:
        yield from_error(WHAT, error)
        return
    for fault in found:
        yield from_error(WHAT, ConfigInvalid(fault))
    if not found:
        yield ok(WHAT, f"{job.runner}, parallelism {job.parallelism}: its options lose nothing")
    yield from _place(job)
    yield from _checkpoints(job)


def _place(job: Submission) -> Iterator[Finding]:
    if job.runner == FLINK and not job.job_endpoint and not _has_job_server(job):
        yield fail("job server", f"`{job.job_server}` is no file", "mend --job-server")
    if job.runner == PRISM:
        yield _prism()
    if job.runner == DATAFLOW and importlib.util.find_spec("google.auth") is None:
        yield fail(WHAT, "Google's libraries are not installed", "pip install 'apache-beam[gcp]'")
    elif job.runner == FLINK and job.job_endpoint:
        yield from _job_server(job.job_endpoint)
    elif job.runner == FLINK and job.flink_master != "[local]":
        yield from _cluster(job)


def _prism() -> Finding:
    try:
        return ok("Prism", f"`{find_prism()}`")
    except PrismMissing as error:
        if VARIABLE in os.environ:  # named, but wrongly
            return from_error("Prism", error)
        return warn("Prism", "is not here, and Beam fetches it at the start", "let this machine reach GitHub")


def _has_job_server(job: Submission) -> bool:
    """Whether it is there, or is fetched when the job starts."""
    return job.job_server in (RELEASED, ASSEMBLED) or Path(job.job_server).is_file()


def _job_server(endpoint: str) -> Iterator[Finding]:
    host, _, port = endpoint.rpartition(":")
    try:
        socket.create_connection((host, int(port)), ANSWER_SECONDS).close()
    except (OSError, ValueError) as error:
        yield fail(
            "job server", f"`{endpoint}` does not answer (`{_words(error)}`)", "start it, or mend --job-endpoint"
        )
    else:
        yield ok("job server", f"`{endpoint}` takes connections")


def _cluster(job: Submission) -> Iterator[Finding]:
    connection = http.client.HTTPConnection(job.flink_master, timeout=ANSWER_SECONDS)
    try:
        connection.request("GET", "/overview")
        told = json.loads(connection.getresponse().read())
        free, managers, version = told["slots-available"], told["taskmanagers"], told["flink-version"]
    except (OSError, http.client.HTTPException) as error:
        found = f"`{job.flink_master}` does not answer (`{_words(error)}`)"
        yield fail("Flink", found, "start it, or mend --flink-master")
        return
    except (ValueError, KeyError, TypeError):
        yield fail("Flink", f"what answers at `{job.flink_master}` is no JobManager", "mend --flink-master")
        return
    finally:
        connection.close()
    found = f"{version} at `{job.flink_master}`: {managers} TaskManagers, {free} free slots"
    if free < job.parallelism and not managers:
        yield warn("Flink", found, "it must start TaskManagers for the job: a fixed cluster needs some, with slots")
    elif free < job.parallelism:
        yield warn("Flink", f"{found} for --parallelism {job.parallelism}", "free some: the job would wait for them")
    else:
        yield ok("Flink", found)


def _checkpoints(job: Submission) -> Iterator[Finding]:
    if job.runner != FLINK or not job.checkpoint_dir:
        return
    folder = local_path(job.checkpoint_dir)
    if folder is None:
        yield ok("checkpoints", f"go to `{job.checkpoint_dir}`, which is not looked at from here")
        return
    there = _nearest(folder)
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        yield fail("checkpoints", f"`{there}` cannot be written", "mend its permissions or --checkpoint-dir")
    elif job.flink_master != "[local]":
        found = f"`{folder}` can be written here, and every TaskManager must see the same directory there"
        yield warn("checkpoints", found, "take an object store, or mount it on all of them")
    else:
        yield ok("checkpoints", f"`{folder}` {'can be written' if there == folder else 'can be made'}")


def _nearest(folder: Path) -> Path:
    return next(place for place in (folder, *folder.parents) if place.exists())


def _words(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
