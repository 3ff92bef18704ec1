"""Refuses, before anything is submitted, what would lose data, print nothing or load the model many times."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import urlsplit

from pipeline.runners.options import DATAFLOW, FLAG, FLINK, RUNNER_NAMES, Options, Submission, bundle_size
from transforms.errors import ConfigInvalid

MINIMUM_BEAM = (2, 77)
MINIMUM_CHECKPOINT_TIMEOUT_MILLIS = 60_000
"""A checkpoint waits for every open bundle, and the captioner's room is two generations deep."""

Check = Callable[[Submission, Options], str | None]


def check(job: Submission, options: Options, beam_version: str, runner_version: str | None) -> None:
    """Raise `ConfigInvalid` with every reason, a line each, and the option that mends it.

    ``runner_version`` is that of the job server's jar where it can be told.
    """
    found = faults(job, options, beam_version, runner_version)
    if found:
        raise ConfigInvalid(found[0] if len(found) == 1 else "\n  " + "\n  ".join(found))


def faults(job: Submission, options: Options, beam_version: str, runner_version: str | None) -> list[str]:
    """The reasons of `check`."""
    found = [_runner(job, options), _beam(job, beam_version, runner_version)]
    if found[0] is None:
        found += [fault(job, options) for fault in _OF_RUNNER[job.runner]]
    return [fault for fault in found if fault]


def version(text: str) -> tuple[int, ...]:
    """``2.77.0`` → (2, 77, 0)."""
    return tuple(int(part) for part in re.findall(r"\d+", text)[:3])


def _one(options: Options, name: str, default: str = "") -> str:
    return options.get(name, (default,))[-1]


def _is_on(options: Options, name: str) -> bool:
    return name in options and _one(options, name) in (FLAG, "true")


def _number(options: Options, name: str) -> int:
    text = _one(options, name, "0")
    if not re.fullmatch(r"-?\d+", text):
        raise ConfigInvalid(f"--{name}=`{text}` is not a whole number; mend it after --")
    return int(text)


def _runner(job: Submission, options: Options) -> str | None:
    name = _one(options, "runner")
    if RUNNER_NAMES.get(name) == job.runner:
        return None
    if name in ("DirectRunner", "SwitchingDirectRunner", "BundleBasedDirectRunner"):
        why = "it cannot run a splittable read together with real-time timers"
    elif name in ("FnApiRunner", "TestDirectRunner"):
        why = "it holds back what crosses a shuffle until the input ends, and a topic never does"
    elif name in RUNNER_NAMES:
        why = f"--runner {job.runner} was asked for"
    else:
        why = "this job is proven on Flink, Prism and Dataflow only"
    return f"runner `{name}` is refused: {why}; use --runner flink, prism or dataflow and leave it out after --"


def _beam(job: Submission, sdk: str, runner: str | None) -> str | None:
    for what, found in (("Beam", sdk), ("the job server's Beam", runner)):
        if found is None or version(found)[:2] >= MINIMUM_BEAM:
            continue
        if what == "Beam" or not job.old_runner_allowed:
            least = ".".join(map(str, MINIMUM_BEAM))
            return (
                f"{what} is `{found}`: before {least} an idle source makes every checkpoint larger on Flink; "
                f"use {least} or newer, or say --allow-old-runner for a short run"
            )
    return None


def _streaming(job: Submission, options: Options) -> str | None:
    if _is_on(options, "streaming"):
        return None
    return (
        "streaming is off: in batch the caption stage gets one picture at a time; take --streaming=false out after --"
    )


def _checkpointing(job: Submission, options: Options) -> str | None:
    if _number(options, "checkpointing_interval") > 0:
        return None
    return (
        "checkpointing is off: after a failure the job would read from its start again; "
        "set --checkpointing_interval=10000 after --"
    )


def _checkpoint_timeout(job: Submission, options: Options) -> str | None:
    timeout = _number(options, "checkpoint_timeout_millis")
    if timeout >= MINIMUM_CHECKPOINT_TIMEOUT_MILLIS:
        return None
    return (
        f"the checkpoint time-out is `{timeout}` ms: a checkpoint waits for the captions of a whole bundle; "
        f"set --checkpoint_timeout_millis={MINIMUM_CHECKPOINT_TIMEOUT_MILLIS} or more after --"
    )


def _finished_bundles(job: Submission, options: Options) -> str | None:
    if _is_on(options, "finish_bundle_before_checkpointing"):
        return None
    return (
        "bundles are not finished before a checkpoint: the last captions of a burst could stay in the runner until "
        "the next upload; set --finish_bundle_before_checkpointing after --"
    )


def _storage(job: Submission, options: Options) -> str | None:
    path = _one(options, "state_backend_storage_path")
    if urlsplit(path).scheme:
        return None
    return (
        f"checkpoint storage is `{path or 'memory'}`: over 5 MB of state a checkpoint in memory fails and the job "
        "starts again and again; name a directory with --checkpoint-dir"
    )


def _bundle(job: Submission, options: Options) -> str | None:
    size, room = _number(options, "max_bundle_size"), bundle_size(job.slots)
    if 0 < size <= room:
        return None
    return (
        f"bundles may hold `{size}` uploads, the captioner has room for {room} ({job.slots} slots, as many again "
        f"wait): a checkpoint would wait for generation after generation; set --max_bundle_size={room} after -- "
        "or raise --slots"
    )


def _workers(job: Submission, options: Options) -> str | None:
    workers = _number(options, "sdk_worker_parallelism")
    if workers == 1 or not job.uses_gpu:
        return None
    return (
        f"`{workers or 'several'}` Python workers would each load the model on one card; "
        "set --sdk_worker_parallelism=1 after --"
    )


def _containers(job: Submission, options: Options) -> str | None:
    if not job.uses_gpu or "no_use_multiple_sdk_containers" in options.get("experiments", ()):
        return None
    return (
        "one container per core would each load the model on one card; "
        "set --experiments=no_use_multiple_sdk_containers after --"
    )


def _environment(job: Submission, options: Options) -> str | None:
    if _one(options, "environment_type"):
        return None
    return (
        f"it is not said where Python runs on the cluster `{job.flink_master}`; name the worker pool beside each "
        "TaskManager with --environment external:localhost:50000, or an image with --environment docker:IMAGE"
    )


def _project(job: Submission, options: Options) -> str | None:
    missing = [name for name in ("project", "region", "temp_location") if not _one(options, name)]
    if not missing:
        return None
    return f"Dataflow needs `{', '.join(missing)}`; set --{'=… --'.join(missing)}=… after --"


_OF_RUNNER: dict[str, tuple[Check, ...]] = {
    FLINK: (
        _streaming,
        _checkpointing,
        _checkpoint_timeout,
        _finished_bundles,
        _storage,
        _bundle,
        _workers,
        _environment,
    ),
    DATAFLOW: (_streaming, _containers, _project),
    "prism": (_streaming,),
}
