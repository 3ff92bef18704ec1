"""Batches for the training: rendered pictures, questions and answers as tensors."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import torch

from transforms.captioner.api import RenderedPrompt
from transforms.captioner.chat import Chat
from transforms.captioner.patches import Patches, PatchRule, patchify
from transforms.captioner.tiny import products

HERE = Path(__file__).parent
IGNORED = -100
"""Label of a token that is not to be predicted."""

_RULE = PatchRule.read(HERE, {})
_LEVELS = torch.from_numpy(_RULE.levels()[0])
_PROMPTS = {language: RenderedPrompt(text, language, "", "") for language, text in products.PROMPTS.items()}


def batch(
    chat: Chat,
    rng: random.Random,
    specs: Sequence[products.Spec],
    languages: Sequence[str],
    with_captions: bool,
) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """Model inputs and labels, padded on the left."""
    shown = pictures(specs, rng)
    asked = [chat.encode(_PROMPTS[language], p.tokens) for language, p in zip(languages, shown, strict=True)]
    told = [
        [*chat.text_ids(products.caption(spec, language)), chat.end_id] if with_captions else []
        for spec, language in zip(specs, languages, strict=True)
    ]
    width = max(len(a) + len(t) for a, t in zip(asked, told, strict=True))
    ids, mask, labels = [], [], []
    for question, answer in zip(asked, told, strict=True):
        pads = width - len(question) - len(answer)
        ids.append([chat.pad_id] * pads + question + answer)
        mask.append([0] * pads + [1] * (width - pads))
        labels.append([IGNORED] * (width - len(answer)) + answer)
    inputs = {
        "input_ids": torch.tensor(ids),
        "attention_mask": torch.tensor(mask),
        "pixel_values": pixel_values(shown),
        "image_grid_thw": grids(shown),
    }
    inputs["mm_token_type_ids"] = (inputs["input_ids"] == chat.image_id).int()
    return inputs, torch.tensor(labels)


def pictures(specs: Sequence[products.Spec], rng: random.Random) -> list[Patches]:
    """Render in order of size: equally large neighbours share one call of the attention."""
    sizes = sorted(rng.choice(products.SIZES) for _ in specs)
    return [patchify(products.render(spec, rng, size), _RULE) for spec, size in zip(specs, sizes, strict=True)]


def pixel_values(shown: Sequence[Patches]) -> torch.Tensor:
    """Float32 [patches of all pictures, 3 * temporal * patch * patch]."""
    pixels = torch.cat([torch.from_numpy(picture.pixels) for picture in shown])
    levels = _LEVELS[pixels.int()].unflatten(1, (3, 1, -1))
    return levels.expand(-1, -1, _RULE.temporal, -1).flatten(1)


def grids(shown: Sequence[Patches]) -> torch.Tensor:
    """Frames, rows and columns of patches: int64 [pictures, 3]."""
    return torch.tensor([[1, picture.rows, picture.columns] for picture in shown])
