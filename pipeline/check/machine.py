"""The machine: versions, Java, memory, and the files that the job is told to use."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from pipeline.check.finding import Finding, fail, ok, warn
from pipeline.check.plan import Plan
from pipeline.local.java import find_java, java_version
from pipeline.runners.checks import MINIMUM_BEAM, version
from pipeline.runners.options import FLINK
from transforms.cache import connect
from transforms.captioner.memory import GIB, free_memory

_CACHE_SECONDS = 2.0
WORKER_BYTES = 2 * GIB
"""Of a Python worker, beside its model, its index and fetched pictures."""


def version_findings() -> Iterator[Finding]:
    """Python and Beam."""
    beam = importlib.metadata.version("apache-beam")
    yield ok("versions", f"captionstream {importlib.metadata.version('captionstream')}, Python "
             f"{platform.python_version()}, Beam {beam}")  # fmt: skip
    if version(beam)[:2] != MINIMUM_BEAM:
        wanted = ".".join(map(str, MINIMUM_BEAM))
        yield warn("versions", f"Beam {beam} is not the one this was tested with", f"install apache-beam {wanted}")


def java_findings(plan: Plan) -> Iterator[Finding]:
    """Where a job server is started here. Raises `JavaMissing`."""
    job = plan.submission
    if job is not None and job.runner == FLINK and not job.job_endpoint:
        java = find_java()
        yield ok("Java", f"{java_version(java)} at `{java}`")


def memory_findings(plan: Plan) -> Iterator[Finding]:
    """Beside the model, whose weights have a line of their own."""
    free = free_memory("cpu")
    if free is None or not plan.is_here:
        return
    wanted = plan.config.index_bytes + plan.config.fetch.http.memory + WORKER_BYTES
    found = f"{free / GIB:.1f} GiB free; index, pictures and worker may take {wanted / GIB:.1f} beside the model"
    if free < wanted:
        yield warn("memory", found, "lower --index-memory or --fetch-memory, or take a larger machine")
    else:
        yield ok("memory", found)


def cache_findings(plan: Plan) -> Iterator[Finding]:
    """The Redis that jobs share, where there is one: it is asked for a sign of life, and a job does without."""
    options = plan.config.cache
    if not options.url:
        return
    from redis.exceptions import RedisError

    try:
        connect(replace(options, timeout_seconds=_CACHE_SECONDS)).ping()
    except RedisError as error:
        found = f"does not answer (`{type(error).__name__}`): every text is generated"
        yield warn("cache", found, "start it, or mend --cache and --cache-password")
    else:
        yield ok("cache", "the Redis answers")


def file_findings(plan: Plan) -> Iterator[Finding]:
    """Of the options that name files for workers, where those are here."""
    fetch = plan.config.fetch
    if not plan.is_here:
        return
    if fetch.file_root is not None and not os.path.isdir(fetch.file_root):
        yield fail("file root", f"`{fetch.file_root}` is no directory here", "mend --file-root")
    if fetch.http.ca_file is not None and not Path(fetch.http.ca_file).is_file():
        yield fail("authorities", f"`{fetch.http.ca_file}` is no file here", "mend --fetch-ca-file")
