"""A checkpoint of Qwen3-VL-8B's own names and shapes, in shards, whose seventeen gigabytes are holes in files."""

import json
import re
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from transforms.captioner import memory, weights
from transforms.captioner.api import CaptionerOptions
from transforms.captioner.load import create
from transforms.captioner.memory import GIB
from transforms.captioner.tiny import products
from transforms.errors import ModelUnavailable

pytestmark = pytest.mark.model
CONFIG = Path(__file__).parents[2] / "data" / "qwen3_vl_8b.json"
PARAMETERS = 8_767_123_696
SHARDS = 4
Shapes = dict[str, tuple[int, ...]]


def expected() -> Shapes:
    from transformers import Qwen3VLConfig, Qwen3VLForConditionalGeneration

    with torch.device("meta"):
        model = Qwen3VLForConditionalGeneration(Qwen3VLConfig(**json.loads(CONFIG.read_text("utf-8"))))
    return {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}


def write_holes(path: Path, shapes: Shapes) -> None:
    """A safetensors file of zeros that takes no room: its format is a length, a JSON header, and the numbers."""
    header, end = {}, 0
    for name, shape in shapes.items():
        begin, end = end, end + 2 * torch.Size(shape).numel()
        header[name] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + end)


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """With the layout that is published."""
    shapes = expected()
    names = list(shapes)
    index = {}
    for number in range(SHARDS):
        file = f"model-{number + 1:05}-of-{SHARDS:05}.safetensors"
        held = {name: shapes[name] for name in names[number::SHARDS]}
        write_holes(tmp_path / file, held)
        index |= dict.fromkeys(held, file)
    total = {"total_size": 2 * PARAMETERS}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"metadata": total, "weight_map": index}))
    config = json.loads(CONFIG.read_text("utf-8")) | {
        "architectures": ["Qwen3VLForConditionalGeneration"],
        "model_type": "qwen3_vl",
        "image_token_id": json.loads((Path(products.__file__).parent / "config.json").read_text())["image_token_id"],
    }
    (tmp_path / "config.json").write_text(json.dumps(config), "utf-8")
    shutil.copy(Path(products.__file__).parent / "tokenizer.json", tmp_path)
    return tmp_path


def refused(directory: Path, **options: str) -> str:
    with pytest.raises(ModelUnavailable) as raised:
        create(CaptionerOptions(model=str(directory), **options))
    return str(raised.value).replace(str(directory), "DIR")


def test_names_and_shapes_are_read_from_the_headers(checkpoint: Path) -> None:
    assert sum(path.stat().st_size for path in checkpoint.glob("*.safetensors")) > 17 * 10**9
    assert weights.read_shapes(checkpoint, "qwen") == expected()


@pytest.mark.parametrize(
    ("options", "free", "words"),
    [
        ({}, 24.0, "needs `32.7` GiB for its weights in float32, and `cpu` has 24.0 free; "
         "take a machine with more memory, or --dtype bfloat16"),
        ({"dtype": "bfloat16"}, 15.2, "needs `16.3` GiB for its weights in bfloat16, and `cpu` has 15.2 free; "
         "take a machine with more memory"),
    ],
)  # fmt: skip
def test_too_little_memory_is_told_before_anything_is_read(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, str], free: float, words: str
) -> None:
    monkeypatch.setattr(weights, "free_memory", lambda _: int(free * GIB))
    assert refused(checkpoint, **options) == f"model `DIR` {words}"


def test_a_card_that_is_too_small(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "free_memory", lambda place: 64 * GIB if place == "cpu" else 11 * GIB)
    with pytest.raises(ModelUnavailable, match=r"and `cuda` has 11\.0 free; free the card or take a larger one$"):
        weights.require_room(expected(), "bfloat16", "cuda", "qwen")


def drop_a_shard(directory: Path) -> None:
    (directory / "model-00003-of-00004.safetensors").unlink()


def cut_a_header(directory: Path) -> None:
    path = directory / "model-00002-of-00004.safetensors"
    with path.open("r+b") as file:
        file.truncate(500)


def other_size(directory: Path) -> None:
    config = json.loads((directory / "config.json").read_text("utf-8"))
    config["text_config"]["intermediate_size"] = 9728  # the 4B's
    (directory / "config.json").write_text(json.dumps(config), "utf-8")


def bad_index(directory: Path) -> None:
    (directory / "model.safetensors.index.json").write_text("[]")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (drop_a_shard, "lacks `model-00003-of-00004.safetensors`, which its index names; fetch the checkpoint again"),
        (cut_a_header, r"has weights that cannot be read \(.+\); fetch the checkpoint again"),
        (other_size, r"has wrongly shaped weights: 108, the first is `model.language_model.layers.0.mlp.down_proj"),
        (bad_index, "has a damaged `model.safetensors.index.json`; fetch the checkpoint again"),
    ],
)
def test_a_damaged_checkpoint_is_told_before_anything_is_read(
    checkpoint: Path, damage: Callable[[Path], None], words: str
) -> None:
    damage(checkpoint)
    assert re.search(words, refused(checkpoint))


def test_free_memory_of_this_machine() -> None:
    free = memory.free_memory("cpu")
    assert free is not None
    assert GIB // 4 < free < 2**50


def test_a_container_s_limit_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "memory.max").write_text(str(2 * GIB))
    (tmp_path / "memory.current").write_text(str(GIB))
    (tmp_path / "memory.stat").write_text(f"anon 1\ninactive_file {GIB // 4}\nactive_file {GIB // 8}\n")
    monkeypatch.setattr(memory, "_CGROUP", tmp_path)
    assert memory.free_memory("cpu") == GIB + GIB // 4 + GIB // 8
    (tmp_path / "memory.max").write_text("max\n")
    assert memory.free_memory("cpu") != GIB + GIB // 4 + GIB // 8
