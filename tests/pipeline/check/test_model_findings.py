"""Checkpoints that are whole, damaged or elsewhere; nothing here needs torch but what is marked so."""

import json
import re
import shutil
from pathlib import Path

import pytest
from data.chat_server import ChatServer
from data.check_plan import lines, plan

from pipeline.check.model import model_findings
from pipeline.check.probe import Probe
from transforms.captioner.api import CaptionerOptions
from transforms.captioner.directory import TINY
from transforms.errors import ModelUnavailable


def said(*words: str, job: str = "replay") -> list[str]:
    try:
        return lines(model_findings(plan(*words, job=job)))
    except ModelUnavailable as error:
        return [f"raised {error.message}"]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return Path(shutil.copytree(TINY, tmp_path / "model", ignore=shutil.ignore_patterns("*.py", "__pycache__")))


def test_a_whole_checkpoint(model: Path) -> None:
    assert said("--model", str(model)) == [
        f"ok model: `{model}` is whole by its headers: 121 weights, 0.01 GiB in float32"
    ]
    assert said() == [
        "warn model: `tiny` is whole by its headers: 121 weights, 0.01 GiB in float32; it knows ten kinds of rendered "
        "products and no photos -> name a Qwen3-VL checkpoint with --model"
    ]


def test_damaged_checkpoints(model: Path) -> None:
    weights = model / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    assert said("--model", str(model))[0].startswith(f"raised model `{model}` has weights that cannot be read (")
    weights.unlink()
    assert said("--model", str(model)) == [
        f"raised model `{model}` has no weights in `*.safetensors` files; name a complete checkpoint directory with "
        "--model"
    ]
    (model / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": "model-1-of-2.safetensors"}}))
    assert said("--model", str(model)) == [
        f"raised model `{model}` lacks `model-1-of-2.safetensors`, which its index names; fetch the checkpoint again"
    ]
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps(config | {"architectures": ["LlamaForCausalLM"]}))
    assert said("--model", str(model))[0].startswith(f"raised model `{model}` has the architecture `LlamaForCausalLM`")


def test_too_little_memory_is_told(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("transforms.captioner.weights.free_memory", lambda _: 1 << 20)
    (line,) = said("--model", str(model))
    assert "needs `0.0` GiB for its weights in float32, and `cpu` has 0.0 free; take a machine with more memory" in line


def test_a_model_that_lies_where_the_workers_are() -> None:
    words = ("--model", "/models/none", "--checkpoint-dir", "s3://b/c", "--flink-master", "j:8081",
             "--environment", "external:localhost:50000")  # fmt: skip
    assert said(*words, job="run") == [
        "warn model: `/models/none` is not on this machine, and is not looked at where the workers are -> run the "
        "check in a worker's container, where it is mounted"
    ]
    assert said("--model", "/models/none")[0].startswith(
        "raised model `/models/none` is neither a directory nor in the"
    )


def test_a_check_downloads_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def snapshot(model: str, *, local_files_only: bool, **_: object) -> str:
        asked.append((model, local_files_only))
        raise OSError("not cached")

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot)
    assert said("--model", "qwen/some", "--download") == [
        "warn model: `qwen/some` is not here, and the job will download it -> fetch it before the start"
    ]
    assert asked == [("qwen/some", True)]
    with Probe(CaptionerOptions(model="qwen/some", download=True)) as probe:
        assert probe._process is None


def test_other_captioners() -> None:
    assert said("--captioner", "fake")[0].startswith("warn model: the fake captioner writes texts that no model saw")
    assert said("--captioner", "json:loads") == ["ok model: `json:loads` is on PYTHONPATH"]
    assert said("--captioner", "no_such_module:f")[0].startswith("fail model: `no_such_module:f` is not on PYTHONPATH")
    with ChatServer() as server:
        words = ("--captioner", "vllm", "--endpoint", server.endpoint, "--model")
        place = server.endpoint.split("/")[2]
        assert said(*words, "qwen") == [f"ok model: the server at `{place}` has `qwen`"]
        assert said(*words, "other") == [f"raised the server at `{place}` has `qwen`, not `other`; mend --model"]
        assert server.bodies == []  # nothing is asked but which models there are


@pytest.mark.model
def test_a_process_of_its_own_compares_shapes(model: Path) -> None:
    config = json.loads((model / "config.json").read_text())
    config["text_config"]["intermediate_size"] += 8
    (model / "config.json").write_text(json.dumps(config))
    with Probe(CaptionerOptions(model=str(model))) as probe:
        device, weights = lines(probe.findings(240))
    assert device.startswith(("ok device: cpu, PyTorch ", "warn device: --device is cpu, and there are "))
    assert weights.startswith(f"fail weights: model `{model}` has wrongly shaped weights: ")


@pytest.mark.model
def test_a_process_that_is_late_is_ended() -> None:
    with Probe(CaptionerOptions()) as probe:
        found = lines(probe.findings(0.01))
        assert probe._process is not None
        assert probe._process.poll() is not None
    said = "shapes and room were not looked at: PyTorch and transformers need over `[0-9]` s to load here"
    assert re.match(f"warn weights: {said} -> nothing; the job looks", found[-1])


def test_no_process_is_started_where_no_checkpoint_is_loaded() -> None:
    with Probe(CaptionerOptions(kind="fake")) as probe:
        assert list(probe.findings(1)) == []
        assert probe._process is None
