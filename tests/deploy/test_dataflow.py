"""Dataflow: the template's parameters reach the options, and the job graph builds without Google's network."""

import json
import re
from typing import Any

import pytest
from deploy.reading import DEPLOY, images

from deploy.dataflow.main import run_arguments
from pipeline.cli import main, parse
from pipeline.commands.shared import job_config

METADATA = json.loads((DEPLOY / "dataflow" / "metadata.json").read_text())
PARAMETERS = {one["name"]: one for one in METADATA["parameters"]}
OF_BEAM = {"sdk_container_image", "disk_size_gb", "dataflow_service_options"}
LAUNCH = (DEPLOY / "dataflow" / "launch.sh").read_text()
ACCELERATOR = "worker_accelerator=type:nvidia-l4;count:1;install-nvidia-driver"
OF_LAUNCHER = [
    "--runner=DataflowRunner",
    "--project=captionstream-test",
    "--region=europe-west4",
    "--temp_location=gs://captionstream-test/temp",
    "--staging_location=gs://captionstream-test/staging",
    "--job_name=captionstream-20260101",
    '--labels={"goog-dataflow-provided-template-type": "flex"}',
]
GIVEN = [
    "--bootstrap_servers=broker-1:9092,broker-2:9092",
    "--model=/models/Qwen3-VL-8B-Instruct",
    "--device=cuda",
    "--dtype=bfloat16",
    "--slots=64",
    "--sdk_container_image=europe-docker.pkg.dev/p/r/captionstream:0.1.0",
    f"--dataflow_service_options={ACCELERATOR}",
]


def test_metadata_has_what_a_template_needs() -> None:
    assert set(METADATA) == {"name", "description", "streaming", "parameters"}
    assert METADATA["streaming"] is True
    assert len(PARAMETERS) == len(METADATA["parameters"])
    for one in METADATA["parameters"]:
        assert set(one) <= {"name", "label", "helpText", "isOptional", "regexes"}
        assert {"name", "label", "helpText"} <= set(one)
        assert re.fullmatch(r"[a-zA-Z][a-zA-Z0-9_]*", one["name"])
        assert all(re.compile(pattern) for pattern in one.get("regexes", []))


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_parameter_is_an_option_of_run_or_of_beam(name: str) -> None:
    arguments = run_arguments([f"--{name}={'true' if name == 'watchdog_fails' else '1=x'}"])
    split = arguments.index("--")
    assert (len(arguments) > split + 1) == (name in OF_BEAM)
    assert (split > 3) == (name not in OF_BEAM)


def test_beam_knows_the_parameters_that_are_its_own() -> None:
    from apache_beam.options.pipeline_options import PipelineOptions

    known = PipelineOptions([f"--{name}=1" for name in OF_BEAM]).get_all_options(drop_default=True)
    assert set(known) >= OF_BEAM


def test_what_the_launcher_says_becomes_a_command_line() -> None:
    parsed = parse(run_arguments([*GIVEN, "--topic=a,b", "--run_id=", "--watchdog_fails=true", *OF_LAUNCHER]))
    config = job_config(parsed)
    assert parsed.runner == "dataflow"
    assert parsed.topic == ["a", "b"]
    assert parsed.watchdog_fails
    assert config.kafka.bootstrap_servers == "broker-1:9092,broker-2:9092"
    assert config.run_id
    assert parsed.beam == [*GIVEN[-2:], *OF_LAUNCHER]
    assert not parse(run_arguments(["--watchdog_fails=false"])).watchdog_fails


def test_the_launch_gives_declared_parameters_and_one_container_per_card() -> None:
    said = re.search(r'--parameters="\^~\^(.*)"', LAUNCH)
    assert said
    given = dict(one.split("=", 1) for one in said[1].split("~"))
    assert set(given) <= set(PARAMETERS)
    assert {name for name, one in PARAMETERS.items() if not one.get("isOptional")} <= set(given)
    assert given["dataflow_service_options"] == ACCELERATOR
    for name, value in given.items():
        if "$" not in value:
            assert all(re.fullmatch(pattern, value) for pattern in PARAMETERS[name].get("regexes", []))
    assert "--additional-experiments=no_use_multiple_sdk_containers" in LAUNCH
    assert "captionstream:0.1.0" in images(DEPLOY / "dataflow" / "Dockerfile")


class Google:
    """Stands in for what would go over the network; keeps what was staged."""

    def __init__(self) -> None:
        self.staged: dict[str, bytes] = {}
        self.results: list[Any] = []


@pytest.fixture
def google(monkeypatch: pytest.MonkeyPatch) -> Google:
    pytest.importorskip("google.cloud.dataflow_v1beta3", reason="needs apache-beam[gcp]")
    import apache_beam as beam
    from apache_beam.options.pipeline_options import GoogleCloudOptions
    from apache_beam.runners.dataflow.internal.apiclient import DataflowApplicationClient

    from pipeline.kafka.offsets import Starts
    from pipeline.kafka.positions import Position

    google = Google()
    run = beam.Pipeline.run

    def noted(pipeline: Any, *arguments: Any, **named: Any) -> Any:
        result = run(pipeline, *arguments, **named)
        google.results.append(result)
        return result

    def stage(self: Any, folder: str, name: str, stream: Any, *more: Any, **named: Any) -> None:
        google.staged[name] = stream.read()

    monkeypatch.setattr(beam.Pipeline, "run", noted)
    monkeypatch.setattr(DataflowApplicationClient, "stage_file", stage)
    monkeypatch.setattr(GoogleCloudOptions, "_warn_if_soft_delete_policy_enabled", lambda *_: None)
    # No broker here either.
    monkeypatch.setattr("pipeline.kafka.offsets.resolve_starts", lambda *_: Starts((Position("image-uploads", 0, 0),)))
    monkeypatch.setattr("pipeline.runners.submit.check_topics", lambda *_: None)
    return google


def test_a_dry_run_builds_the_graph_with_our_steps(google: Google) -> None:
    assert main(run_arguments([*GIVEN, *OF_LAUNCHER, "--dry_run=True"])) == 0
    result = google.results[-1]
    assert google.staged == {}
    steps = {one.unique_name for one in result.job.proto_pipeline.components.transforms.values()}
    assert {"Read uploads", "Find duplicate", "Caption image", "Write captions", "Write dead letters"} <= steps
    told = result.job.options.get_all_options(drop_default=True)
    assert "no_use_multiple_sdk_containers" in told["experiments"]
    assert told["dataflow_service_options"] == [ACCELERATOR]
    assert told["sdk_container_image"] == GIVEN[-2].split("=")[1]
    assert told["streaming"] is True
    assert told["job_name"] == "captionstream-20260101"


def test_a_template_launch_writes_the_job_and_ends(google: Google) -> None:
    place = "--template_location=gs://captionstream-test/staging/template_launches/1/job_object"
    assert main(run_arguments([*GIVEN, *OF_LAUNCHER, place, "--no_auth"])) == 0
    job = json.loads(google.staged["job_object"])
    environment = job["environment"]
    assert job["type"] == "JOB_TYPE_STREAMING"
    assert "no_use_multiple_sdk_containers" in environment["experiments"]
    assert environment["serviceOptions"] == [ACCELERATOR]
    (pool,) = environment["workerPools"]
    assert {image["containerImage"] for image in pool["sdkHarnessContainerImages"]} == {GIVEN[-2].split("=")[1]}
    from apache_beam.portability.api import beam_runner_api_pb2

    pipeline = beam_runner_api_pb2.Pipeline.FromString(google.staged["pipeline.pb"])
    assert {"Read uploads", "Caption image"} <= {one.unique_name for one in pipeline.components.transforms.values()}
