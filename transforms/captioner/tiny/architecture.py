"""The tiny model before it has learnt anything: a Qwen3-VL of 2.1 M parameters and its tokenizer."""

from __future__ import annotations

import json
import math
from typing import Any

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import Qwen2Tokenizer, Qwen3VLConfig
from transformers.models.qwen2.tokenization_qwen2 import PRETOKENIZE_REGEX

from transforms.captioner.tiny.products import ALL, PROMPTS, caption

_PAD = "<|endoftext|>"
_END = "<|im_end|>"
SPECIAL = (
    _PAD,
    "<|im_start|>",
    _END,
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
    "<|video_pad|>",
)
_WIDTH = 128
_LEARNT_TOKENS = 480
_ROUND_TO = 16


def build_tokenizer() -> Any:
    """Train a byte-level BPE with Qwen's splitting rule on every caption there is."""
    corpus = [caption(spec, language) for spec in ALL for language in PROMPTS]
    corpus += [*PROMPTS.values(), "user\n", "assistant\n", "system\n"] * 50
    bpe = Tokenizer(models.BPE())
    bpe.normalizer = normalizers.NFC()
    split = pre_tokenizers.Split(Regex(PRETOKENIZE_REGEX), "isolated")
    to_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    bpe.pre_tokenizer = pre_tokenizers.Sequence([split, to_bytes])
    bpe.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(vocab_size=_LEARNT_TOKENS, initial_alphabet=alphabet, show_progress=False)
    bpe.train_from_iterator(corpus, trainer)
    learnt = json.loads(bpe.to_str())["model"]
    return Qwen2Tokenizer(
        vocab=learnt["vocab"],
        merges=[tuple(merge) for merge in learnt["merges"]],
        unk_token=None,
        eos_token=_END,
        pad_token=_PAD,
        additional_special_tokens=list(SPECIAL),
        padding_side="left",
        model_max_length=2048,
    )


def build_config(tokenizer: Any) -> Any:
    """Size the model for a tokenizer's vocabulary."""
    ids = {token: tokenizer.convert_tokens_to_ids(token) for token in SPECIAL}
    text = {
        "vocab_size": math.ceil(len(tokenizer) / _ROUND_TO) * _ROUND_TO,
        "hidden_size": _WIDTH,
        "intermediate_size": 384,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 32,
        "max_position_embeddings": 2048,
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": 10000.0,
            "mrope_section": [6, 5, 5],
            "mrope_interleaved": True,
        },
        "pad_token_id": ids[_PAD],
        "eos_token_id": ids[_END],
    }
    vision = {
        "depth": 4,
        "hidden_size": 96,
        "intermediate_size": 192,
        "num_heads": 4,
        "patch_size": 16,
        "spatial_merge_size": 2,
        "temporal_patch_size": 2,
        "out_hidden_size": _WIDTH,
        "num_position_embeddings": 64,
        "deepstack_visual_indexes": [0, 1, 2],
        "hidden_act": "gelu_pytorch_tanh",
    }
    return Qwen3VLConfig(
        text_config=text,
        vision_config=vision,
        image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"],
        tie_word_embeddings=True,
    )
