"""What is refused before a job is submitted, word for word."""

from dataclasses import replace

import pytest

from pipeline.runners.checks import check, version
from pipeline.runners.options import Submission, beam_options
from transforms.errors import ConfigInvalid

FLINK = Submission("flink", checkpoint_dir="/var/lib/captionstream", slots=64)
CLUSTER = replace(FLINK, flink_master="jm:8081", environment="external:localhost:50000")
GPU = replace(FLINK, uses_gpu=True)
DATAFLOW = Submission(
    "dataflow", uses_gpu=True, beam_arguments=("--project=p", "--region=r", "--temp_location=gs://b/t")
)


def refusal(job: Submission, *beam: str, sdk: str = "2.77.0", runner: str | None = "2.77.0") -> str:
    job = replace(job, beam_arguments=job.beam_arguments + beam)
    with pytest.raises(ConfigInvalid) as caught:
        check(job, beam_options(job), sdk, runner)
    return caught.value.message


@pytest.mark.parametrize("job", [FLINK, CLUSTER, GPU, DATAFLOW, Submission("prism")])
def test_our_defaults_are_taken(job: Submission) -> None:
    check(job, beam_options(job), "2.77.0", "2.77.0")


@pytest.mark.parametrize(
    ("job", "option", "words"),
    [
        (FLINK, "--runner=DirectRunner", "runner `DirectRunner` is refused: it cannot run a splittable read"),
        (FLINK, "--runner=FnApiRunner", "runner `FnApiRunner` is refused: it holds back what crosses a shuffle"),
        (FLINK, "--runner=PrismRunner", "runner `PrismRunner` is refused: --runner flink was asked for"),
        (FLINK, "--runner=SparkRunner", "runner `SparkRunner` is refused: this job is proven on"),
        (FLINK, "--streaming=false", "streaming is off: in batch the caption stage gets one picture at a time"),
        (FLINK, "--checkpointing_interval=-1", "checkpointing is off: after a failure the job would read from"),
        (FLINK, "--checkpoint_timeout_millis=5000", "the checkpoint time-out is `5000` ms: a checkpoint waits"),
        (FLINK, "--finish_bundle_before_checkpointing=false", "bundles are not finished before a checkpoint"),
        (FLINK, "--state_backend_storage_path=", "checkpoint storage is `memory`: over 5 MB of state"),
        (FLINK, "--max_bundle_size=129", "bundles may hold `129` uploads, the captioner has room for 128 (64 slots"),
        (FLINK, "--max_bundle_size=0", "bundles may hold `0` uploads"),
        (GPU, "--sdk_worker_parallelism=2", "`2` Python workers would each load the model on one card; set --sdk_w"),
        (GPU, "--sdk_worker_parallelism=0", "`several` Python workers would each load the model"),
        (replace(CLUSTER, environment=""), "--x=1", "it is not said where Python runs on the cluster `jm:8081`"),
        (replace(DATAFLOW, uses_gpu=False), "--region=", "Dataflow needs `region`; set --region=… after --"),
        (DATAFLOW, "--streaming=false", "streaming is off"),
        (Submission("prism"), "--streaming=false", "streaming is off"),
    ],
)
def test_what_loses_data_or_prints_nothing_is_refused(job: Submission, option: str, words: str) -> None:
    assert words in refusal(job, option)


def test_a_checkpoint_directory_is_asked_for() -> None:
    assert "name a directory with --checkpoint-dir" in refusal(replace(FLINK, checkpoint_dir=""))


def test_several_containers_for_one_card_are_refused() -> None:
    job = replace(DATAFLOW, uses_gpu=False)
    options = beam_options(job)
    with pytest.raises(ConfigInvalid, match="set --experiments=no_use_multiple_sdk_containers after --"):
        check(replace(job, uses_gpu=True), options, "2.77.0", None)


def test_several_workers_are_fine_without_a_card() -> None:
    job = replace(FLINK, beam_arguments=("--sdk_worker_parallelism=2",))
    check(job, beam_options(job), "2.77.0", "2.77.0")


def test_every_reason_is_told_at_once() -> None:
    said = refusal(FLINK, "--checkpointing_interval=0", "--max_bundle_size=1000").splitlines()
    assert len(said) == 3
    assert "checkpointing is off" in said[1]
    assert "bundles may hold `1000`" in said[2]


def test_an_old_beam_is_refused_and_an_old_job_server_needs_a_word() -> None:
    assert "Beam is `2.76.1`: before 2.77 an idle source" in refusal(FLINK, sdk="2.76.1")
    assert "the job server's Beam is `2.70.0`" in refusal(FLINK, runner="2.70.0")
    allowed = replace(FLINK, old_runner_allowed=True)
    check(allowed, beam_options(allowed), "2.77.0", "2.70.0")
    assert "Beam is `2.76.1`" in refusal(allowed, sdk="2.76.1")


def test_a_job_server_of_unknown_version_is_taken() -> None:
    check(FLINK, beam_options(FLINK), "2.77.0", None)


def test_a_number_must_be_one() -> None:
    assert "--checkpointing_interval=`10s` is not a whole number" in refusal(FLINK, "--checkpointing_interval=10s")


def test_versions_are_compared_as_numbers() -> None:
    assert version("2.100.0") > version("2.77.0")
    assert version("2.78.0.dev1") == (2, 78, 0)
