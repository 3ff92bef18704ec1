"""Submits a job, stays with it until it ends, and stops it when asked to."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.runner import PipelineState

from pipeline.config import Config
from pipeline.graph import build
from pipeline.kafka.connection import check_topics
from pipeline.local.flink_job import FlinkJob, find_job
from pipeline.local.flink_rest import FlinkRest
from pipeline.local.job_server import IN_PROCESS, LocalJobServer
from pipeline.local.prism import VARIABLE, find_prism
from pipeline.metrics.endpoint import serve
from pipeline.runners.checks import check
from pipeline.runners.ending import Ending
from pipeline.runners.faults import plain_faults
from pipeline.runners.interrupts import Interrupts, interrupts_stay_ours
from pipeline.runners.job_server import runner_version, server_jar
from pipeline.runners.options import FLINK, PRISM, Options, Submission, arguments, beam_options
from pipeline.runners.places import address
from transforms import caption, duplicates
from transforms.errors import ConfigInvalid, JobError, OutputStalled, PrismMissing
from transforms.inflight import captioner_for
from transforms.metrics import NAMESPACE

POLL_SECONDS = 0.5
FIND_SECONDS = 10.0
"""A job that Flink has not listed by then has ended."""
JAVA_OPTIONS = ("-Xmx2g", "-XX:TieredStopAtLevel=4")
"""A job that runs for long earns the better compiler back."""
FLINK_SETTINGS = {
    # Else each checkpoint copies the state of every picture that was ever led by one.
    "state.backend.incremental": "true",
    # A job that runs for months may fail now and then; one that fails again and again must end.
    "restart-strategy.type": "exponential-delay",
    "restart-strategy.exponential-delay.initial-backoff": "1 s",
    "restart-strategy.exponential-delay.max-backoff": "1 min",
    "restart-strategy.exponential-delay.reset-backoff-threshold": "10 min",
    "restart-strategy.exponential-delay.attempts-before-reset-backoff": "10",
}


def submit(
    config: Config,
    read: beam.PTransform,
    job: Submission,
    name: str,
    savepoints: str = "",
    oversee: Callable[[], None] = lambda: None,
    say: Callable[[str], None] = lambda line: None,
) -> dict[str, int]:
    """Run the job until it ends; returns its counters where the runner tells them.

    On `KeyboardInterrupt` a job on Flink is stopped with a savepoint below the address ``savepoints``, any other is
    cancelled, and the interrupt is raised again. ``oversee`` is called twice a second; when it raises
    `OutputStalled` the job is cancelled. Raises `ConfigInvalid` before anything is submitted, and `JobError`.
    """
    options = beam_options(job)
    check(job, options, beam.__version__, runner_version(job))
    check_topics(config.kafka, config.topics.every)
    serve(config.metrics)
    if options.get("environment_type") == ("LOOPBACK",):
        captioner_for(config.captioner)  # a missing model stops the job before anything is read
    with _endpoint(job, say) as (endpoint, find):
        if endpoint:
            options = {"job_endpoint": (endpoint,), **options}
        options = {"job_name": (name,), **_prism(job, options), **options}
        pipeline = _pipeline(options)
        build(pipeline | "Read uploads" >> read, config)
        with plain_faults(), interrupts_stay_ours():
            result = pipeline.run()
        if "template_location" in options:
            say("the template is written; nothing runs yet")
            return {}
        submitted = options["job_name"][-1]
        say(f"job `{submitted}` is submitted; Ctrl-C stops it")
        ending = Ending(result, partial(find, submitted) if find else None, say, _hint(job))
        try:
            _wait(result, oversee)
        except OutputStalled:
            ending.cancel()
            raise
        except KeyboardInterrupt:
            ending.stop(savepoints)
            raise
        finally:
            duplicates.forget(config.run_id)
            caption.forget(config.run_id)
        return _counters(result)


@contextlib.contextmanager
def _endpoint(job: Submission, say: Callable[[str], None]) -> Iterator[tuple[str, Callable[[str], FlinkJob] | None]]:
    if job.runner != FLINK:
        yield job.job_endpoint, None
        return
    if job.job_endpoint:
        yield job.job_endpoint, None if job.flink_master == IN_PROCESS else partial(_on_cluster, job.flink_master)
        return
    say("starting Flink's job server" + (", and Flink inside it" if job.flink_master == IN_PROCESS else ""))
    settings = dict(FLINK_SETTINGS)
    if job.savepoint:  # Beam passes its own --savepoint_path to clusters, but not to [local]
        settings["execution.savepoint.path"] = address(job.savepoint)
    with LocalJobServer(
        job.flink_master, settings=settings, job_server_jar=server_jar(job), java_options=JAVA_OPTIONS
    ) as server:
        yield server.endpoint, server.job


def _on_cluster(master: str, name: str) -> FlinkJob:
    return find_job([FlinkRest(master)], name, FIND_SECONDS)


def _hint(job: Submission) -> str:
    if job.runner != FLINK:
        return ""
    return (
        f"the job server at `{job.job_endpoint}` was asked to cancel it, but may leave it to Flink as it is: look at "
        "Flink's page; with --flink-master HOST:PORT beside --job-endpoint Ctrl-C ends it there"
    )


def _prism(job: Submission, options: Options) -> Options:
    if job.runner != PRISM or "prism_location" in options:
        return {}
    try:
        return {"prism_location": (str(find_prism()),)}
    except PrismMissing:
        if VARIABLE in os.environ:  # named, but wrongly
            raise
        return {}  # Beam fetches one


def _pipeline(options: Options) -> beam.Pipeline:
    try:
        return beam.Pipeline(options=PipelineOptions(arguments(options)))
    except ValueError as error:  # Beam's own checks
        raise ConfigInvalid(f"Beam refuses the options: `{' '.join(str(error).split())[:500]}`; mend them") from error


def _wait(result: Any, oversee: Callable[[], None]) -> None:
    with Interrupts() as interrupts:
        while not PipelineState.is_terminal(result.state):
            interrupts.check()
            time.sleep(POLL_SECONDS)
            oversee()
    if result.state != PipelineState.DONE:
        with plain_faults():
            result.wait_until_finish()  # raises with the runner's reason
        raise JobError(f"the job ended as `{result.state}`; look at the runner's log")


def _counters(result: Any) -> dict[str, int]:
    try:
        counters = result.metrics().query()["counters"]
    except NotImplementedError:  # not every runner tells
        return {}
    ours = [counter for counter in counters if counter.key.metric.namespace == NAMESPACE]
    return {counter.key.metric.name: counter.result for counter in ours if counter.result is not None}
