"""What Beam is told."""

from dataclasses import replace

import pytest

from pipeline.runners.options import Submission, arguments, beam_options, bundle_size, parse
from transforms.errors import ConfigInvalid

JOB = Submission("flink", checkpoint_dir="/ck", slots=64, parallelism=3)


def test_flink_is_told_what_keeps_the_promises() -> None:
    assert arguments(beam_options(JOB)) == [
        "--streaming",
        "--max_cache_memory_usage_mb=0",
        "--runner=PortableRunner",
        "--parallelism=3",
        "--checkpointing_interval=10000",
        "--checkpoint_timeout_millis=600000",
        "--finish_bundle_before_checkpointing",
        "--max_bundle_size=128",
        "--max_bundle_time_mills=100",
        "--state_backend=rocksdb",
        "--externalized_checkpoints_enabled",
        "--retain_externalized_checkpoints_on_cancellation",
        "--object_reuse",
        "--sdk_worker_parallelism=1",
        "--state_backend_storage_path=file:///ck",
        "--environment_type=LOOPBACK",
    ]


def test_a_cluster_has_its_workers_elsewhere() -> None:
    job = replace(JOB, flink_master="jm:8081", environment="external:localhost:50000", savepoint="s3://b/sp-1")
    made = arguments(beam_options(job))
    assert "--environment_type=EXTERNAL" in made
    assert "--environment_config=localhost:50000" in made
    assert "--savepoint_path=s3://b/sp-1" in made


def test_what_the_user_says_wins() -> None:
    job = replace(JOB, beam_arguments=("--checkpointing-interval=500", "--object_reuse=false", "--my_flag", "--name="))
    made = arguments(beam_options(job))
    assert "--checkpointing_interval=500" in made
    assert "--object_reuse" not in made
    assert made[-2:] == ["--my_flag", "--name="]


def test_experiments_add_up() -> None:
    job = Submission("dataflow", uses_gpu=True, beam_arguments=("--experiments=a", "--experiments=b"))
    made = arguments(beam_options(job))
    assert [m for m in made if m.startswith("--exp")] == [
        "--experiments=no_use_multiple_sdk_containers",
        "--experiments=a",
        "--experiments=b",
    ]


def test_dataflow_without_a_card_may_use_every_core() -> None:
    assert "experiments" not in beam_options(Submission("dataflow"))


@pytest.mark.parametrize("given", ["flag", "-x", "--"])
def test_only_plain_options_are_taken(given: str) -> None:
    with pytest.raises(ConfigInvalid, match="is no Beam option; after -- write --name=value or --flag"):
        parse([given])


@pytest.mark.parametrize("environment", ["external", "loopback:x", "vm:1"])
def test_wrong_environments_are_named(environment: str) -> None:
    with pytest.raises(ConfigInvalid, match=f"environment `{environment}` is none of.*mend --environment"):
        beam_options(replace(JOB, environment=environment))


def test_a_bundle_fits_the_captioners_room() -> None:
    assert [bundle_size(slots) for slots in (1, 8, 64, 4000)] == [2, 16, 128, 1000]
