"""From a loaded checkpoint to an engine."""

from __future__ import annotations

import logging

import torch

from transforms.captioner.api import CaptionerOptions
from transforms.captioner.checkpoint import Checkpoint
from transforms.captioner.engine.admission import AdmissionRule
from transforms.captioner.engine.decoder import Decoder
from transforms.captioner.engine.engine import Engine
from transforms.captioner.engine.memory import Plan
from transforms.captioner.engine.rotary import Rotary
from transforms.captioner.engine.slots import Slots
from transforms.captioner.engine.steps import Steps
from transforms.captioner.engine.vision import VisionTower

_log = logging.getLogger(__name__)


@torch.inference_mode()
def build(checkpoint: Checkpoint, options: CaptionerOptions) -> Engine:
    """Take the checkpoint's model apart. Raises `ModelUnavailable` when the card is too small."""
    model, rule = checkpoint.model, checkpoint.rule
    config, language_model = model.config.text_config, model.model.language_model
    tokens = rule.max_pixels // (rule.patch * rule.merge) ** 2
    length = min(tokens + options.text_tokens, config.max_position_embeddings)
    rotary = Rotary(language_model.rotary_emb, length, language_model.embed_tokens.weight)
    decoder = Decoder(language_model, model.lm_head, config)
    model.lm_head = torch.nn.Identity()  # frees it, where it is not the embedding too
    vision = VisionTower(model.model.visual, rule.levels())
    embedding = decoder.embedding
    admission = AdmissionRule() if embedding.is_cuda else AdmissionRule.for_cpu(options.slots)
    count = options.slots
    if embedding.is_cuda:
        count = _slots_that_fit(decoder, admission, tokens, length, options)
    sizes = (len(decoder.layers), count, decoder.key_heads, length, decoder.width)
    slots = Slots(*sizes, embedding.device, embedding.dtype)
    # Below float32 scores must not be rounded before the softmax.
    is_fused = embedding.dtype is not torch.float32 or embedding.is_cuda
    steps = Steps(decoder, vision, rotary, slots, is_fused)
    return Engine(steps, checkpoint.stop_ids, admission, lag=int(embedding.is_cuda))


def _slots_that_fit(decoder: Decoder, rule: AdmissionRule, tokens: int, length: int, options: CaptionerOptions) -> int:
    torch.cuda.empty_cache()
    device, size = decoder.embedding.device, decoder.embedding.element_size()
    free, total = torch.cuda.mem_get_info(device)
    widest = max(max(layer.gate_up.shape) for layer in decoder.layers)
    at_once = max(rule.tokens, tokens)
    plan = Plan(
        total,
        total - free,
        2 * len(decoder.layers) * decoder.key_heads * decoder.width * length * size,
        # A prefill holds the widest intermediate twice and some narrower ones; four visual tokens' patches each.
        activations=at_once * widest * size * 6,
        fraction=options.memory_fraction,
    )
    count = plan.slots(options.slots, options.model)
    _log.info("%d slots of %d tokens: %.1f GiB of %.1f", count, length, count * plan.slot / 2**30, total / 2**30)
    return count
