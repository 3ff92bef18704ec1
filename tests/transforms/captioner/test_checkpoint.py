import io
import json
import random
import shutil
import socket
from pathlib import Path

import pytest

from transforms.captioner.api import CaptionerOptions, CaptionRequest, RenderedPrompt
from transforms.captioner.load import create
from transforms.captioner.tiny import products
from transforms.errors import ConfigInvalid, ModelUnavailable

pytestmark = pytest.mark.model
TINY = Path(products.__file__).parent
AGAIN = "fetch the checkpoint again"
NORM = "model.language_model.norm.weight"


@pytest.fixture
def checkpoint(tmp_path):
    """A copy of the tiny checkpoint, to be damaged."""
    for path in TINY.iterdir():
        if path.suffix in (".json", ".safetensors"):
            shutil.copy(path, tmp_path)
    return tmp_path


@pytest.fixture
def network(monkeypatch):
    """Every attempt to reach anything; loading may swallow the refusal, so the attempts are counted."""
    attempts = []

    def refuse(*asked, **_):
        attempts.append(asked)
        raise OSError("no network in this test")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    return attempts


def describe(**options):
    """One caption from a captioner that is loaded for it."""
    captioner = create(CaptionerOptions(**options))
    file = io.BytesIO()
    products.render(products.HELD_OUT[0], random.Random(1000)).save(file, "PNG")
    prompt = RenderedPrompt(products.PROMPTS["en"], "en", "p", "1", max_new_tokens=32)
    try:
        return captioner.submit(CaptionRequest("r", file.getvalue(), (prompt,))).result(60).completions[0].text
    finally:
        captioner.close()


def edit(path, **changes):
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | changes), "utf-8")


def edit_weights(directory, change):
    from safetensors.torch import load_file, save_file

    weights = load_file(directory / "model.safetensors")
    change(weights)
    save_file(weights, directory / "model.safetensors", metadata={"format": "pt"})


def without_norm(weights):
    del weights[NORM]


def with_stranger(weights):
    weights["model.stranger"] = weights[NORM].clone()


def with_short_norm(weights):
    weights[NORM] = weights[NORM][:3].clone()


DAMAGES = {
    "no config": (
        lambda d: (d / "config.json").unlink(),
        "has no `config.json`; name a complete checkpoint directory with --model",
    ),
    "bad config": (
        lambda d: (d / "config.json").write_text("{"),
        f"has a damaged `config.json`; {AGAIN}",
    ),
    "architecture": (
        lambda d: edit(d / "config.json", architectures=["LlamaForCausalLM"]),
        "has the architecture `LlamaForCausalLM`; "
        "only `Qwen3VLForConditionalGeneration` can be run: name such a checkpoint with --model",
    ),
    "no tokenizer": (
        lambda d: (d / "tokenizer.json").unlink(),
        "has no `tokenizer.json`; copy it from the checkpoint it was made from",
    ),
    "other tokenizer": (
        lambda d: edit(d / "config.json", image_token_id=7),
        "has a `tokenizer.json` of another model: 485 is not the picture's token; "
        "copy it from the checkpoint it was made from",
    ),
    "preprocessor": (
        lambda d: edit(d / "preprocessor_config.json", patch_size=14),
        f"has a wrong `preprocessor_config.json` (patch_size is 16 in `config.json`, 14 for the pictures); {AGAIN}",
    ),
    "no weights": (
        lambda d: (d / "model.safetensors").unlink(),
        "has no weights in `*.safetensors` files; name a complete checkpoint directory with --model",
    ),
    "missing": (
        lambda d: edit_weights(d, without_norm),
        f"lacks weights: 1, the first is `{NORM}`; {AGAIN}, or name another with --model",
    ),
    "unexpected": (
        lambda d: edit_weights(d, with_stranger),
        f"has unknown weights: 1, the first is `model.stranger`; {AGAIN}, or name another with --model",
    ),
    "shape": (
        lambda d: edit_weights(d, with_short_norm),
        f"has wrongly shaped weights: 1, the first is `{NORM}`; {AGAIN}, or name another with --model",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_model_that_cannot_be_used_says_why_and_what_to_do(checkpoint, damage, capfd):
    spoil, message = DAMAGES[damage]
    spoil(checkpoint)
    with pytest.raises(ModelUnavailable) as caught:
        create(CaptionerOptions(model=str(checkpoint)))
    assert str(caught.value) == f"model `{checkpoint}` {message}"
    assert capfd.readouterr() == ("", "")


def test_weights_that_were_cut_short_are_the_models_fault(checkpoint, capfd):
    weights = checkpoint / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:9999])
    with pytest.raises(ModelUnavailable, match=r"has weights that cannot be read \(.+\); fetch the checkpoint"):
        create(CaptionerOptions(model=str(checkpoint)))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("model", ["/nowhere/model", "nobody/no-such-model", "not a name"])
def test_a_missing_model_is_not_looked_for_on_the_network(model, network):
    with pytest.raises(ModelUnavailable) as caught:
        create(CaptionerOptions(model=model))
    assert str(caught.value) == (
        f"model `{model}` is neither a directory nor in the local model cache; "
        "name a checkpoint directory with --model, or allow --download for a hub id"
    )
    assert network == []


def test_a_hub_id_is_downloaded_only_when_allowed_and_recorded_by_commit(checkpoint, monkeypatch):
    import huggingface_hub

    asked = []

    def snapshot(model, *, revision, allow_patterns, local_files_only):
        asked.append((model, revision, local_files_only))
        return str(checkpoint)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot)
    captioner = create(CaptionerOptions(model="qwen/tiny", revision="main", download=True))
    captioner.close()
    assert (captioner.info.model, captioner.info.revision) == ("qwen/tiny", checkpoint.name)
    create(CaptionerOptions(model="qwen/tiny")).close()
    assert asked == [("qwen/tiny", "main", False), ("qwen/tiny", None, True)]


def test_a_device_that_is_not_here():
    with pytest.raises(ConfigInvalid) as caught:
        create(CaptionerOptions(device="cuda:77"))
    assert str(caught.value) == "device `cuda:77` is not available here; --device cpu always works"


def test_a_sharded_checkpoint_loads_by_path_and_says_the_same(checkpoint, network):
    import torch
    from transformers import Qwen3VLForConditionalGeneration

    model = Qwen3VLForConditionalGeneration.from_pretrained(TINY, dtype=torch.float32, local_files_only=True)
    (checkpoint / "model.safetensors").unlink()
    model.save_pretrained(checkpoint, max_shard_size="2MB")
    assert len(list(checkpoint.glob("model-*-of-*.safetensors"))) > 2
    text = products.caption(products.HELD_OUT[0], "en")
    assert describe(model=str(checkpoint), revision="r7") == describe() == text
    assert network == []
    next(checkpoint.glob("model-00002-*")).unlink()
    with pytest.raises(ModelUnavailable, match=r"lacks `model-00002-of-.*`, which its index names; fetch the"):
        create(CaptionerOptions(model=str(checkpoint)))


def test_a_checkpoint_without_preprocessor_gets_the_defaults_of_qwen3_vl_and_the_operators_cap(checkpoint):
    from transforms.captioner.checkpoint import load_checkpoint

    (checkpoint / "preprocessor_config.json").unlink()
    loaded = load_checkpoint(CaptionerOptions(model=str(checkpoint), max_pixels=300_000))
    assert (loaded.rule.min_pixels, loaded.rule.max_pixels) == (65_536, 300_000)
    assert loaded.revision == ""


def test_sampling_defaults_of_the_checkpoint_are_not_used(checkpoint):
    edit(
        checkpoint / "generation_config.json",
        do_sample=True,
        temperature=9.0,
        top_k=20,
        eos_token_id=[480, 481],
    )
    text = products.caption(products.HELD_OUT[0], "en")
    assert {describe(model=str(checkpoint)) for _ in range(3)} == {text}


def test_bfloat16_on_request():
    assert describe(dtype="bfloat16") == products.caption(products.HELD_OUT[0], "en")


def test_torch_threads_are_limited_unless_the_environment_says_otherwise(monkeypatch):
    import torch

    from transforms.captioner.checkpoint import load_checkpoint

    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        monkeypatch.setenv("OMP_NUM_THREADS", "2")
        load_checkpoint(CaptionerOptions())
        assert torch.get_num_threads() == 2
        monkeypatch.delenv("OMP_NUM_THREADS")
        load_checkpoint(CaptionerOptions())
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)
