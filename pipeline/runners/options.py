"""What is told to Beam: our defaults for each runner, and on top of them what the user says after ``--``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.runners.places import address
from transforms.errors import ConfigInvalid
from transforms.inflight import ROOM_PER_SLOT

FLINK, PRISM, DATAFLOW = "flink", "prism", "dataflow"
RUNNER_NAMES = {
    "FlinkRunner": FLINK,
    "PortableRunner": FLINK,
    "PrismRunner": PRISM,
    "DataflowRunner": DATAFLOW,
}
"""Beam's name → ours. A portable job server is taken for Flink's; Prism has a runner of its own."""

BUNDLE_MILLIS = 100
"""A bundle of a keyed stage is ended after this, so that its output goes on; README, Measured, gives both sides."""
MAX_BUNDLE = 1000
CHECKPOINT_MILLIS = 10_000
CHECKPOINT_TIMEOUT_MILLIS = 600_000

FLAG = "\0"
"""The value of an option that was given without one; no command line can hold it."""
Options = Mapping[str, tuple[str, ...]]
"""Name without dashes → its values, in order; a flag has the value `FLAG`."""


@dataclass(frozen=True, slots=True)
class Submission:
    """Where and how a job runs."""

    runner: str = FLINK
    flink_master: str = "[local]"
    """``[local]`` runs Flink inside the job server; else the cluster's ``host:port``."""
    job_endpoint: str = ""
    """A job server that runs already."""
    job_server: str = "released"
    """``released``: Beam's own jar, downloaded by Beam; ``assembled``: from the pinned Maven jars; or a jar's path."""
    environment: str = ""
    """Where Python runs: ``loopback``, ``external:HOST:PORT``, ``docker:IMAGE`` or ``process:COMMAND``."""
    parallelism: int = 1
    checkpoint_dir: str = ""
    """Directory or object-store address for Flink's checkpoints."""
    savepoint: str = ""
    """Savepoint or checkpoint to start from."""
    slots: int = 8
    """Pictures that the captioner generates at once."""
    uses_gpu: bool = False
    is_bounded: bool = False
    """The input ends, and the job with it."""
    old_runner_allowed: bool = False
    beam_arguments: tuple[str, ...] = ()
    """What the user said after ``--``; wins over everything above."""

    def __post_init__(self) -> None:
        """Raise `ConfigInvalid` naming the option that mends it."""
        if self.runner not in (FLINK, PRISM, DATAFLOW):
            raise ConfigInvalid(f"runner `{self.runner}` is none of flink, prism, dataflow; mend --runner")
        if self.parallelism < 1:
            raise ConfigInvalid(f"parallelism `{self.parallelism}` must be at least 1; mend --parallelism")


def beam_options(job: Submission) -> dict[str, tuple[str, ...]]:
    """Everything Beam is told, the user's own words last and strongest. Raises `ConfigInvalid`."""
    options: dict[str, tuple[str, ...]] = {
        "streaming": (FLAG,),
        # Beam's state cache walks object graphs to size them: it costs more than it saves.
        "max_cache_memory_usage_mb": ("0",),
        **{FLINK: _flink, PRISM: _prism, DATAFLOW: _dataflow}[job.runner](job),
    }
    given = parse(job.beam_arguments)
    for name in ("experiments", "experiment"):  # these add up
        if name in given:
            options["experiments"] = options.get("experiments", ()) + given.pop(name)
    return {**options, **given}


def arguments(options: Options) -> list[str]:
    """The options as a command line."""
    made = []
    for name, values in options.items():
        for value in values:
            if value == FLAG:
                made.append(f"--{name}")
            elif value != "false":
                made.append(f"--{name}={value}")
    return made


def parse(given: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """``--name=value`` and ``--flag`` → options. Raises `ConfigInvalid` for anything else."""
    options: dict[str, tuple[str, ...]] = {}
    for argument in given:
        if not argument.startswith("--") or argument == "--":
            raise ConfigInvalid(f"`{argument}` is no Beam option; after -- write --name=value or --flag")
        name, has_value, value = argument[2:].partition("=")
        name = name.replace("-", "_")
        options[name] = (*options.get(name, ()), value if has_value else FLAG)
    return options


def bundle_size(slots: int) -> int:
    """Elements a bundle may hold so that the caption stage never waits inside it for more than it has room for."""
    return min(MAX_BUNDLE, ROOM_PER_SLOT * slots)


def _flink(job: Submission) -> dict[str, tuple[str, ...]]:
    options = {
        "runner": ("PortableRunner",),
        "parallelism": (str(job.parallelism),),
        "checkpointing_interval": (str(CHECKPOINT_MILLIS),),
        "checkpoint_timeout_millis": (str(CHECKPOINT_TIMEOUT_MILLIS),),
        # Without it a bundle that a checkpoint ends may keep its output until more uploads come.
        "finish_bundle_before_checkpointing": (FLAG,),
        "max_bundle_size": (str(bundle_size(job.slots)),),
        "max_bundle_time_mills": (str(BUNDLE_MILLIS),),
        "state_backend": ("rocksdb",),
        "externalized_checkpoints_enabled": (FLAG,),
        "retain_externalized_checkpoints_on_cancellation": (FLAG,),
        # Elements are immutable bytes: Flink need not copy them from operator to operator.
        "object_reuse": (FLAG,),
        "sdk_worker_parallelism": ("1",),
    }
    if job.is_bounded:  # else Flink keeps a finished source, and the job, for the sake of checkpoints
        options["shutdown_sources_after_idle_ms"] = ("0",)
    if job.checkpoint_dir:
        options["state_backend_storage_path"] = (address(job.checkpoint_dir),)
    if job.savepoint:
        options["savepoint_path"] = (address(job.savepoint),)
    return options | _environment(job.environment or ("loopback" if job.flink_master == "[local]" else ""))


def _prism(job: Submission) -> dict[str, tuple[str, ...]]:
    return {"runner": ("PrismRunner",)} | _environment(job.environment or "loopback")


def _dataflow(job: Submission) -> dict[str, tuple[str, ...]]:
    options: dict[str, tuple[str, ...]] = {"runner": ("DataflowRunner",)}
    if job.uses_gpu:  # one process per card, not one per core
        options["experiments"] = ("no_use_multiple_sdk_containers",)
    return options


def _environment(environment: str) -> dict[str, tuple[str, ...]]:
    if not environment:
        return {}
    kind, _, detail = environment.partition(":")
    if kind not in ("loopback", "external", "docker", "process") or bool(detail) == (kind == "loopback"):
        raise ConfigInvalid(
            f"environment `{environment}` is none of loopback, external:HOST:PORT, docker:IMAGE, process:COMMAND; "
            "mend --environment"
        )
    options: dict[str, tuple[str, ...]] = {"environment_type": (kind.upper(),)}
    if kind == "process":
        options["environment_options"] = (f"process_command={detail}",)
    elif detail:
        options["environment_config"] = (detail,)
    return options
