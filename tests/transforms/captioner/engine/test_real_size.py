"""Qwen3-VL-8B at its real size, on torch's meta device: names, shapes and sizes, without a byte of weights."""

import json
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import Qwen3VLConfig, Qwen3VLForConditionalGeneration

from transforms.captioner.api import CaptionerOptions
from transforms.captioner.engine.build import plan_of
from transforms.captioner.engine.decoder import Decoder
from transforms.captioner.engine.packed import Joining
from transforms.captioner.engine.rotary import Rotary
from transforms.captioner.engine.rows import lay_out
from transforms.captioner.engine.slots import Slots
from transforms.captioner.engine.steps import Steps
from transforms.captioner.engine.vision import VisionTower
from transforms.captioner.memory import GIB
from transforms.captioner.patches import Patches, PatchRule

pytestmark = pytest.mark.model
CONFIG = json.loads((Path(__file__).parents[3] / "data" / "qwen3_vl_8b.json").read_text("utf-8"))
PARAMETERS = 8_767_123_696
META = torch.device("meta")


@pytest.fixture(scope="module")
def model() -> Qwen3VLForConditionalGeneration:
    with META:
        return Qwen3VLForConditionalGeneration(Qwen3VLConfig(**CONFIG)).to(torch.bfloat16).eval()


def test_names_and_shapes_are_those_that_are_published(model: Qwen3VLForConditionalGeneration) -> None:
    shapes = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    assert sum(tensor.numel() for tensor in model.parameters()) == PARAMETERS
    assert shapes["model.language_model.embed_tokens.weight"] == shapes["lm_head.weight"] == (151_936, 4096)
    assert shapes["model.language_model.layers.35.self_attn.k_proj.weight"] == (1024, 4096)
    assert shapes["model.language_model.layers.35.mlp.down_proj.weight"] == (4096, 12_288)
    assert shapes["model.visual.blocks.26.attn.qkv.weight"] == (3456, 1152)
    assert shapes["model.visual.deepstack_merger_list.2.linear_fc2.weight"] == (4096, 4608)
    assert shapes["model.visual.patch_embed.proj.weight"] == (1152, 3, 2, 16, 16)


@torch.inference_mode()
def test_the_engine_s_shapes_fit_together(model: Qwen3VLForConditionalGeneration) -> None:
    text, language_model = model.config.text_config, model.model.language_model
    rule = PatchRule().capped(768 * 768)
    length = 576 + 1024
    rotary = Rotary(language_model.rotary_emb, length, language_model.embed_tokens.weight)
    decoder = Decoder(deepcopy(language_model), model.lm_head, text)
    vision = VisionTower(model.model.visual, rule.levels())
    assert tuple(decoder.layers[35].query_key_value.shape) == (4096, 6144)
    assert tuple(decoder.layers[35].gate_up.shape) == (4096, 24_576)
    matrices = [matrix for layer in decoder.layers for matrix in layer]
    merged = sum(torch.Size(matrix.shape).numel() for matrix in (*matrices, decoder.head))
    assert 2 * merged == pytest.approx(15.14e9, rel=0.001)  # what a decode step reads
    slots = Slots(len(decoder.layers), 16, decoder.key_heads, length, decoder.width, META, torch.bfloat16)
    assert (slots.keys.nbytes + slots.values.nbytes) / 16 / length == 147_456  # bytes a token
    steps = Steps(decoder, vision, rotary, slots, is_fused=True)
    joining = []
    for number, (rows, columns) in enumerate(((48, 48), (32, 24))):
        pixels = np.zeros((rows * columns, 768), np.uint8)
        row = lay_out([1] * 4, 7, rows // 2, columns // 2, [[2] * 30, [3] * 40])
        joining.append(Joining(Patches(pixels, rows, columns, rows * columns // 4), row, (2 * number, 2 * number + 1)))
    assert steps.prefill(joining).shape == (4, 151_936)
    assert steps.decode(4, 700).shape == (4, 151_936)


@torch.inference_mode()
def test_a_24_gb_card_serves_sixteen_at_768(model: Qwen3VLForConditionalGeneration) -> None:
    """The smallest of them, as torch counts it, with the defaults and 0.4 GiB for CUDA itself."""
    options = CaptionerOptions(device="cuda", slots=64)
    assert options.precision == "bfloat16"
    length = 576 + options.text_tokens
    decoder = Decoder(deepcopy(model.model.language_model), model.lm_head, model.config.text_config)
    held = 2 * PARAMETERS + int(0.4 * GIB)
    plan = plan_of(decoder, length, options, int(22.06 * GIB), held)
    count, tokens = plan.fit(options.slots, 8192, length, "qwen")
    assert count >= 16
    assert tokens >= 2048
    assert plan.slot == 147_456 * length
    large = plan_of(decoder, length, options, int(79.1 * GIB), held)
    assert large.fit(64, 8192, length, "qwen") == (64, 8192)
