"""From a loaded checkpoint to an engine."""

from __future__ import annotations

import logging
from dataclasses import replace

import torch

from transforms.captioner.api import CaptionerOptions
from transforms.captioner.checkpoint import Checkpoint
from transforms.captioner.engine.admission import AdmissionRule
from transforms.captioner.engine.decoder import Decoder
from transforms.captioner.engine.engine import Engine
from transforms.captioner.engine.kept import KEPT
from transforms.captioner.engine.memory import Plan
from transforms.captioner.engine.recorded import STEP_BYTES, CudaRecorder, RecordedDecode, counts, lengths
from transforms.captioner.engine.rotary import Rotary
from transforms.captioner.engine.slots import Slots
from transforms.captioner.engine.steps import Steps
from transforms.captioner.engine.vision import VisionTower
from transforms.captioner.memory import GIB
from transforms.errors import ModelUnavailable

_WORK_SPACE = 128 << 20
"""Bytes of the matrix library and of the newest logits."""

_log = logging.getLogger(__name__)


@torch.inference_mode()
def build(checkpoint: Checkpoint, options: CaptionerOptions) -> Engine:
    """Take the checkpoint's model apart. Raises `ModelUnavailable` when the card is too small."""
    try:
        return _build(checkpoint, options)
    except torch.OutOfMemoryError as error:
        raise ModelUnavailable(
            f"model `{options.model}` does not fit on `{options.device}` beside what is there; free the card, take a "
            "larger one, or lower --memory-fraction"
        ) from error


def _build(checkpoint: Checkpoint, options: CaptionerOptions) -> Engine:
    model, rule = checkpoint.model, checkpoint.rule
    config, language_model = model.config.text_config, model.model.language_model
    picture = rule.max_pixels // (rule.patch * rule.merge) ** 2
    length = min(picture + options.text_tokens, config.max_position_embeddings)
    rotary = Rotary(language_model.rotary_emb, length, language_model.embed_tokens.weight)
    decoder = Decoder(language_model, model.lm_head, config)
    model.lm_head = torch.nn.Identity()  # frees it, where it is not the embedding too
    vision = VisionTower(model.model.visual, rule.levels())
    if not decoder.embedding.is_cuda:
        slots = _slots(decoder, options.slots, length)
        # Below float32 scores must not be rounded before the softmax.
        steps = Steps(decoder, vision, rotary, slots, is_fused=decoder.embedding.dtype is not torch.float32)
        return Engine(steps, checkpoint.stop_ids, AdmissionRule.for_cpu(options.slots))
    # It plans anew for each shape it has not seen, which takes longer than the attention itself.
    torch.backends.cuda.enable_cudnn_sdp(False)
    torch.cuda.empty_cache()
    free, total = torch.cuda.mem_get_info(decoder.embedding.device)
    plan = plan_of(decoder, length, options, total, total - free)
    usual = AdmissionRule()
    count, tokens = plan.fit(options.slots, usual.tokens, length, options.model)
    _log.info(
        *("%d slots of %d tokens, prefills of %d: %.1f of %.1f GiB", count, length, tokens),
        *((plan.held + plan.fixed + count * plan.slot + max(tokens, length) * plan.token) / GIB, total / GIB),
    )
    slots = _slots(decoder, count, length)
    steps = Steps(decoder, vision, rotary, slots, is_fused=True)
    logits = decoder.embedding.new_empty(count, decoder.head.shape[1])
    decode = RecordedDecode(steps.decode, count, length, logits, CudaRecorder()) if options.record_steps else None
    return Engine(steps, checkpoint.stop_ids, replace(usual, tokens=tokens), lag=1, decode=decode)


def _slots(decoder: Decoder, count: int, length: int) -> Slots:
    like = decoder.embedding
    return Slots(len(decoder.layers), count, decoder.key_heads, length, decoder.width, like.device, like.dtype)


def plan_of(decoder: Decoder, length: int, options: CaptionerOptions, total: int, held: int) -> Plan:
    """For slots of ``length`` tokens, on a card of ``total`` bytes of which ``held`` are taken, weights included."""
    size = decoder.embedding.element_size()
    steps = len(counts(options.slots)) * len(lengths(length)) if options.record_steps else 0
    widest = max(max(layer.gate_up.shape) for layer in decoder.layers)
    return Plan(
        total,
        held,
        slot=2 * len(decoder.layers) * decoder.key_heads * decoder.width * length * size,
        # At the widest place gate and up, half of that behind them, and some states of float32. The vision tower's
        # four patches for each token take less.
        token=4 * widest * size,
        fixed=3 * KEPT + steps * STEP_BYTES + _WORK_SPACE,
        fraction=options.memory_fraction,
    )
