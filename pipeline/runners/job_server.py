"""Which job server for Flink: Beam's released jar, or the one assembled from Maven's jars."""

from __future__ import annotations

import importlib.metadata
import re
from pathlib import Path

from pipeline.local.flink_settings import LOCK
from pipeline.local.jars import read_lock
from pipeline.runners.options import FLINK, Submission
from transforms.errors import ConfigInvalid, JarUnavailable

RELEASED, ASSEMBLED = "released", "assembled"
FLINK_VERSION = "1.19"
"""The newest that is proven here with every fault test."""


def server_jar(job: Submission) -> Path | None:
    """The jar to start; None for the assembled one. Beam downloads a released one into its own cache."""
    if job.job_server == ASSEMBLED:
        return None
    if job.job_server == RELEASED:
        from apache_beam.runners.portability.job_server import JavaJarJobServer
        from apache_beam.utils.subprocess_server import JavaJarServer

        try:
            address = JavaJarJobServer.path_to_beam_jar(f":runners:flink:{FLINK_VERSION}:job-server:shadowJar")
            return Path(JavaJarServer.local_jar(address))
        except Exception as error:
            reason = error.__context__ or error
            raise JarUnavailable(
                f"Beam's job server for Flink {FLINK_VERSION} could not be fetched (`{type(reason).__name__}`); "
                "check the network, give its path with --job-server, or take --job-server assembled"
            ) from error
    path = Path(job.job_server)
    if not path.is_file():
        raise ConfigInvalid(f"job server `{job.job_server}` is no file; mend --job-server")
    return path


def runner_version(job: Submission) -> str | None:
    """Beam's version inside the job server; None where it cannot be told."""
    if job.runner != FLINK or job.job_endpoint:
        return None
    if job.job_server == RELEASED:
        return importlib.metadata.version("apache-beam")
    if job.job_server == ASSEMBLED:
        return next(jar.version for jar in read_lock(LOCK) if jar.artifact == f"beam-runners-flink-{FLINK_VERSION}")
    found = re.search(r"job-server-(\d+\.\d+\.\d+)", Path(job.job_server).name)
    return found[1] if found else None
