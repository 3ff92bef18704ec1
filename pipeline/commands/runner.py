"""The options that say where a job runs."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.config import Config
    from pipeline.runners.options import Submission


def add_runner(command: argparse.ArgumentParser, runners: tuple[str, ...]) -> None:
    """Runner and its options; the first of ``runners`` is the default."""
    beam = "Options of Beam and of the runner follow after --, as --name=value, and win over ours."
    command.epilog = f"{beam}\n{command.epilog}"
    group = command.add_argument_group("runner")
    group.add_argument("--runner", choices=runners, default=runners[0], help=f"default {runners[0]}")
    group.add_argument("--job-name", default="captionstream", help="shown by the runner")
    group.add_argument(
        "--flink-master",
        default="[local]",
        metavar="HOST:PORT",
        help="REST address of a cluster; [local] (default) runs Flink here",
    )
    group.add_argument(
        "--job-server",
        default="released",
        metavar="JAR",
        help="job server to start: released (default, fetched by Beam), assembled (from pinned jars), or a jar",
    )
    group.add_argument(
        "--job-endpoint",
        default="",
        metavar="HOST:PORT",
        help="a job server that runs already; say with --flink-master where its Flink is, for Ctrl-C to end the job",
    )
    group.add_argument(
        "--environment",
        default="",
        metavar="WHERE",
        help="Python workers: loopback, external:HOST:PORT, docker:IMAGE or process:COMMAND",
    )
    group.add_argument("--parallelism", type=int, default=1, help="subtasks of each stage on Flink (default 1)")
    group.add_argument(
        "--checkpoint-dir", default="", metavar="ADDRESS", help="directory or object store for Flink's checkpoints"
    )
    group.add_argument("--allow-old-runner", action="store_true", help="take a job server older than Beam 2.77")


def submission(
    arguments: argparse.Namespace, config: Config, savepoint: str = "", is_bounded: bool = False
) -> Submission:
    """What `add_runner` was told. Raises `ConfigInvalid`."""
    from pipeline.runners.options import Submission

    return Submission(
        runner=arguments.runner,
        flink_master=arguments.flink_master,
        job_endpoint=arguments.job_endpoint,
        job_server=arguments.job_server,
        environment=arguments.environment,
        parallelism=arguments.parallelism,
        checkpoint_dir=arguments.checkpoint_dir,
        savepoint=savepoint,
        slots=config.captioner.slots,
        is_bounded=is_bounded,
        uses_gpu=config.captioner.device.startswith("cuda"),
        old_runner_allowed=arguments.allow_old_runner,
        beam_arguments=tuple(arguments.beam),
    )
