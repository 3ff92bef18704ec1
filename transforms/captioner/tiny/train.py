"""Train the bundled tiny checkpoint: about a quarter of an hour on one core gives some 97 % right captions.

::

    python -m transforms.captioner.tiny.train --out /tmp/tiny --vision-minutes 7 --caption-minutes 7

The vision tower learns first, to tell colour, background, pattern and category; without that the captions
never learn shapes. Some of the 1,500 combinations are held out and only shown in the evaluation.
"""

from __future__ import annotations

import argparse
import math
import random
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - its name everywhere
from torch import nn
from transformers import GenerationConfig, Qwen3VLForConditionalGeneration

from transforms.captioner.chat import Chat
from transforms.captioner.tiny import batches, products
from transforms.captioner.tiny.architecture import build_config, build_tokenizer
from transforms.captioner.tiny.faster import use_fast_vision, use_stock_vision

ATTRIBUTES = tuple(
    tuple(words) for words in (products.COLOURS, products.BACKGROUNDS, products.PATTERNS, products.CATEGORIES)
)
"""Words the vision tower learns to tell apart, in the order of `products.Spec`."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """What every stage of the training has in common."""

    model: Any
    chat: Chat
    rng: random.Random
    rate: float


def main() -> None:
    """Read the options, train, evaluate, save."""
    options = _options()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    tokenizer = build_tokenizer()
    model = Qwen3VLForConditionalGeneration(build_config(tokenizer))
    use_fast_vision(model)
    chat = Chat(tokenizer.backend_tokenizer.to_str())
    lesson = Lesson(model, chat, random.Random(options.seed + 1), options.learning_rate)
    print(f"{sum(weights.numel() for weights in model.parameters()):,} parameters", flush=True)
    learn_to_see(lesson, options.vision_minutes * 60, options.batch * 2)
    learn_to_caption(lesson, options.caption_minutes * 60, options.batch)
    for language in products.PROMPTS:
        right = accuracy(lesson, products.HELD_OUT[: options.evaluate], language)
        print(f"{language}: {right:.1%} of held-out pictures captioned word for word", flush=True)
    save(lesson, tokenizer, options.out)


def learn_to_see(lesson: Lesson, seconds: float, batch: int) -> None:
    """Train the vision tower alone, through throw-away linear heads on each of its outputs."""
    tower = lesson.model.model.visual
    outputs = 1 + len(tower.config.deepstack_visual_indexes)
    width = tower.config.out_hidden_size
    heads = nn.ModuleList(nn.Linear(width, len(words)) for _ in range(outputs) for words in ATTRIBUTES)
    weights = [*tower.parameters(), *heads.parameters()]
    for step, optimizer in _steps(lesson, weights, seconds, decay=0.02):
        specs = [lesson.rng.choice(products.TRAIN) for _ in range(batch)]
        pictures = batches.pictures(specs, lesson.rng)
        seen = tower(batches.pixel_values(pictures), grid_thw=batches.grids(pictures))
        tokens = [picture.tokens for picture in pictures]
        loss = torch.zeros(())
        for place, states in enumerate((seen.pooler_output, *seen.deepstack_features)):
            means = torch.stack([part.mean(0) for part in states.split(tokens)])
            for kind, words in enumerate(ATTRIBUTES):
                truth = torch.tensor([words.index(spec[kind]) for spec in specs])
                guess = heads[place * len(ATTRIBUTES) + kind](means)
                loss = loss + F.cross_entropy(guess, truth) * (1.0 if place == 0 else 0.3)
        _improve(optimizer, loss, weights, f"vision step {step}" if step % 50 == 1 else "")


def learn_to_caption(lesson: Lesson, seconds: float, batch: int) -> None:
    """Train the whole model on captions, each picture in one language."""
    lesson.model.train()
    weights = list(lesson.model.parameters())
    for step, optimizer in _steps(lesson, weights, seconds, decay=0.01):
        specs = [lesson.rng.choice(products.TRAIN) for _ in range(batch)]
        languages = [lesson.rng.choice(list(products.PROMPTS)) for _ in specs]
        inputs, labels = batches.batch(lesson.chat, lesson.rng, specs, languages, with_captions=True)
        # Padded on the left, the captions end together: only the last columns need logits.
        tail = int((labels != batches.IGNORED).sum(1).max()) + 1
        logits = lesson.model(**inputs, logits_to_keep=tail).logits
        loss = F.cross_entropy(
            logits[:, :-1].flatten(0, 1), labels[:, 1 - tail :].flatten(), ignore_index=batches.IGNORED
        )
        _improve(optimizer, loss, weights, f"caption step {step}" if step % 50 == 1 else "")
    lesson.model.eval()


def accuracy(lesson: Lesson, specs: Sequence[products.Spec], language: str) -> float:
    """Share of captions that are right word for word."""
    right = 0
    for first in range(0, len(specs), 64):
        some = specs[first : first + 64]
        inputs, _ = batches.batch(lesson.chat, lesson.rng, some, [language] * len(some), with_captions=False)
        ends = {"pad_token_id": lesson.chat.pad_id, "eos_token_id": lesson.chat.end_id}
        with torch.inference_mode():
            tokens = lesson.model.generate(**inputs, max_new_tokens=24, do_sample=False, **ends)
        answers = tokens[:, inputs["input_ids"].shape[1] :].tolist()
        captions = [products.caption(spec, language) for spec in some]
        right += sum(map(str.__eq__, map(lesson.chat.decode, answers), captions))
    return right / len(specs)


def save(lesson: Lesson, tokenizer: Any, out: Path) -> None:
    """Write a complete checkpoint directory in bfloat16."""
    use_stock_vision(lesson.model)
    lesson.model.generation_config = GenerationConfig(
        pad_token_id=lesson.chat.pad_id, eos_token_id=lesson.chat.end_id, do_sample=False, max_new_tokens=32
    )
    lesson.model.to(torch.bfloat16).save_pretrained(out)
    tokenizer.save_pretrained(out)
    shutil.copy(batches.HERE / "preprocessor_config.json", out)
    print(f"saved to {out}")


def _steps(
    lesson: Lesson, weights: Sequence[Any], seconds: float, decay: float
) -> Iterator[tuple[int, torch.optim.Optimizer]]:
    """Count steps until the time is up; the learning rate warms up and falls along a cosine."""
    optimizer = torch.optim.AdamW(weights, lr=lesson.rate, betas=(0.9, 0.98), weight_decay=decay)
    start, step = time.monotonic(), 0
    while (done := (time.monotonic() - start) / seconds) < 1:
        step += 1
        rate = lesson.rate * min(1, step / 60) * (0.5 * (1 + math.cos(math.pi * done)) * 0.95 + 0.05)
        for group in optimizer.param_groups:
            group["lr"] = rate
        yield step, optimizer


def _improve(optimizer: Any, loss: torch.Tensor, weights: Sequence[Any], label: str) -> None:
    loss.backward()
    nn.utils.clip_grad_norm_(weights, 1.0)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    if label:
        print(f"{label}: loss {loss.item():.3f}", flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Train the tiny captioner.")
    parser.add_argument("--out", type=Path, required=True, help="directory for the checkpoint")
    parser.add_argument("--vision-minutes", type=float, default=7.0)
    parser.add_argument("--caption-minutes", type=float, default=7.0)
    parser.add_argument("--batch", type=int, default=48, help="captions per step; twice as many for vision")
    parser.add_argument("--learning-rate", type=float, default=1.5e-3)
    parser.add_argument("--threads", type=int, default=1, help="more than one is slower on small machines")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--evaluate", type=int, default=225, help="held-out pictures to caption at the end")
    return parser.parse_args()


if __name__ == "__main__":
    main()
