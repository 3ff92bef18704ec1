"""The caption engine on a card, at Qwen3-VL-8B's real size with random weights, beside `generate()` and a ceiling.

    python -m tests.benchmarks.card [--sides 512 768 1024] [--in-flight 64] [--answer 100] [--requests 256] [--eager]
    python -m tests.benchmarks.card --small --device cpu --sides 64 --requests 8 --in-flight 4 --answer 8

Needs torch, transformers and Pillow only, and no checkpoint. Every answer has the forced length, for random weights end
nowhere. In one run: the card's own rates of large products and of memory, the ceiling they allow (`roofline.py`), stock
`generate()` in static batches, then the engine with so many requests always under way; wall time, after a warm-up.
Logits of the first token are compared with those of the stock model in the same dtype, and the first tokens too; random
weights make nearly flat logits, so tokens part sooner than a trained model's would. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import statistics
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from transformers import Qwen3VLConfig, Qwen3VLForConditionalGeneration

from tests.benchmarks.roofline import Rates, Work, ceiling, measure, seconds, settle
from transforms.captioner.api import CaptionerOptions, Sampling
from transforms.captioner.checkpoint import Checkpoint
from transforms.captioner.directory import TINY
from transforms.captioner.engine.build import build
from transforms.captioner.engine.engine import Engine
from transforms.captioner.engine.jobs import Job
from transforms.captioner.engine.packed import Joining
from transforms.captioner.engine.rows import Row as Tokens
from transforms.captioner.engine.rows import lay_out
from transforms.captioner.patches import Patches, PatchRule
from transforms.captioner.reference import Reference, Row

LARGE = Path(__file__).parents[1] / "data" / "qwen3_vl_8b.json"
BEFORE, AFTER = 5, 55
"""Text tokens before and behind the picture."""
STATIC = (8, 16, 32, 64)
COMPARED, AGREED = 8, 16
"""Pictures, and tokens of each, that are compared with the stock model's."""


class Chat:
    """What stands for the tokenizer."""

    pad_id = 0

    def __init__(self, image_id: int) -> None:
        self.image_id = image_id


def random_model(options: argparse.Namespace) -> Checkpoint:
    """A stock model of the right shapes whose weights mean nothing."""
    path = TINY / "config.json" if options.small else LARGE
    config = Qwen3VLConfig(**json.loads(path.read_text("utf-8")))
    dtype = torch.float32 if options.device == "cpu" else torch.bfloat16
    torch.manual_seed(7)
    with torch.device(options.device):
        model = Qwen3VLForConditionalGeneration._from_config(config, dtype=dtype).eval().requires_grad_(False)
    rule = PatchRule(min_pixels=1, max_pixels=max(options.sides) ** 2)
    return Checkpoint(model, cast(Any, Chat(config.image_token_id)), rule, (), "random")


def requests(checkpoint: Checkpoint, side: int, count: int) -> list[tuple[Patches, Tokens]]:
    """Pictures of noise and prompts of random words."""
    dice = np.random.default_rng(side)
    rule, words = checkpoint.rule, checkpoint.model.config.text_config.vocab_size // 2
    across = side // rule.patch
    made = []
    for _ in range(count):
        pixels = dice.integers(0, 256, (across * across, 3 * rule.patch**2), dtype=np.uint8)
        patches = Patches(pixels, across, across, across * across // rule.merge**2)
        texts = dice.integers(10, min(words, checkpoint.chat.image_id - 1 if words > 400 else words), BEFORE + AFTER)
        before, after = texts[:BEFORE].tolist(), texts[BEFORE:].tolist()
        made.append((patches, lay_out(before, checkpoint.chat.image_id, *[across // rule.merge] * 2, [after])))
    return made


class Stock:
    """What has to be asked before the engine takes the model apart."""

    def __init__(self, checkpoint: Checkpoint, options: argparse.Namespace) -> None:
        self._reference, self._device = Reference(checkpoint), torch.device(options.device)
        self._checkpoint, self._options = checkpoint, options

    def rates(self, asks: Sequence[tuple[Patches, Tokens]]) -> dict[int, float]:
        """Pictures a second of `generate()`, by batch; those that fit."""
        found: dict[int, float] = {}
        for batch in (batch for batch in STATIC if batch <= max(self._options.in_flight, STATIC[0])):
            rows = self._rows(asks[:batch], self._options.answer)
            try:
                self._generate(self._rows(asks[:batch], 2))
                spent = seconds(self._device, lambda rows=rows: self._generate(rows))  # type: ignore[misc]
            except torch.OutOfMemoryError:
                break
            found[batch] = round(len(rows) / spent, 2)
        return found

    def first(self, asks: Sequence[tuple[Patches, Tokens]]) -> tuple[torch.Tensor, list[list[int]]]:
        """Logits of the first token, and the first tokens."""
        rows = self._rows(asks, AGREED)
        with torch.inference_mode():
            logits = self._checkpoint.model(**self._reference.collate(rows)).logits[:, -1].float()
        return logits, self._generate(rows)

    def _rows(self, asks: Sequence[tuple[Patches, Tokens]], limit: int) -> list[Row]:
        return [Row(list(row.ids), patches, limit, Sampling()) for patches, row in asks]

    def _generate(self, rows: Sequence[Row]) -> list[list[int]]:
        return self._reference.generate(rows, threading.Event(), stops=False)


@torch.inference_mode()
def compare(engine: Engine, asks: Sequence[tuple[Patches, Tokens]], stock: Any) -> dict[str, Any]:
    """How far the engine's logits are from the stock model's, and how many first tokens are the same."""
    logits, tokens = stock
    slots = [engine.slots.take() for _ in asks]
    joining = [Joining(patches, row, (slot,)) for (patches, row), slot in zip(asks, slots, strict=True)]
    ours = engine._steps.prefill(joining).float()
    engine.slots.release(slots)
    jobs = [Job(patches, row, Sampling(), (AGREED,)) for patches, row in asks]
    run(engine, jobs, len(jobs))
    same = [
        next((n for n in range(AGREED) if said[n] != job.answers[0].tokens[n]), AGREED)
        for said, job in zip(tokens, jobs, strict=True)
    ]
    return {
        "logits_largest_difference_of_their_deviation": round(float((ours - logits).abs().max() / logits.std()), 4),
        "logits_mean_difference_of_their_deviation": round(float((ours - logits).abs().mean() / logits.std()), 5),
        "first_tokens_equal": f"{sum(same)} of {len(same) * AGREED}",
    }


def run(engine: Engine, jobs: Sequence[Job], in_flight: int) -> dict[str, float]:
    """Keep so many under way until all are answered."""
    given, first, ended = {}, {}, {}
    asked = 0
    before, began = engine.counters.prefill_tokens, time.perf_counter()
    while len(ended) < len(jobs):
        while asked < len(jobs) and asked - len(ended) < in_flight:
            engine.add(jobs[asked])
            given[jobs[asked]] = time.perf_counter()
            asked += 1
        done, now = engine.step(), time.perf_counter()
        for job in done:
            if job.error is not None:
                raise SystemExit(f"a request failed: {job.error}")
        ended |= dict.fromkeys(done, now)
        first |= {job: now for job in given if job not in first and job.answers and job.answers[0].tokens}
    spent = time.perf_counter() - began
    latencies = sorted(ended[job] - given[job] for job in jobs)
    return {
        "images_per_s": round(len(jobs) / spent, 2),
        "answer_tokens_per_s": round(sum(len(job.answers[0].tokens) for job in jobs) / spent),
        "prefill_tokens_per_s": round((engine.counters.prefill_tokens - before) / spent),
        "first_token_ms_p50": round(1000 * statistics.median(first[job] - given[job] for job in jobs), 1),
        "latency_ms_p50": round(1000 * latencies[len(latencies) // 2], 1),
        "latency_ms_p99": round(1000 * latencies[int(0.99 * len(latencies))], 1),
    }


def step_seconds(engine: Engine, asks: Sequence[tuple[Patches, Tokens]], device: torch.device, answer: int) -> float:
    """A decode step with all slots under way: the median."""
    jobs = [Job(*ask, Sampling(), (answer,)) for ask in asks[: engine.slots.count]]
    for job in jobs:
        engine.add(job)
    while engine.waiting or engine.active < len(jobs):
        engine.step()
    times = [seconds(device, engine.step) for _ in range(max(1, answer // 3))]
    for job in jobs:
        engine.cancel(job)
    engine.step()
    return statistics.median(times[1:] or times)


def main(options: argparse.Namespace) -> dict[str, Any]:
    """All figures of a run."""
    device = torch.device(options.device)
    checkpoint = random_model(options)
    config, dtype = checkpoint.model.config, checkpoint.model.dtype
    rates, work = measure(device, dtype), Work(config, dtype.itemsize)
    asks = {side: requests(checkpoint, side, options.requests) for side in options.sides}
    stock = Stock(checkpoint, options)
    static = {side: stock.rates(asks[side]) for side in options.sides}
    compared = asks[options.sides[0]][: min(COMPARED, options.in_flight)]
    first = stock.first(compared)
    text_tokens = BEFORE + AFTER + max(AGREED, options.answer)
    loading = CaptionerOptions(
        slots=options.in_flight,
        device=options.device,
        max_pixels=max(options.sides) ** 2,
        text_tokens=text_tokens,
        record_steps=not options.eager,
    )
    engine = build(checkpoint, loading)
    figures = {side: _side(engine, side, asks[side], (work, rates, device), options) for side in options.sides}
    for side, told in figures.items():
        best = max(static[side].values(), default=0.0)
        told |= {
            "generate_images_per_s": static[side],
            "times_generate": round(told["images_per_s"] / best, 2) if best else 0.0,
        }
    return {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "model": "the bundled one's shapes" if options.small else "Qwen3-VL-8B's shapes",
        "dtype": str(dtype),
        "text_tokens": BEFORE + AFTER,
        "answer_tokens": options.answer,
        "in_flight": options.in_flight,
        "slots": engine.slots.count,
        "recorded_steps": len(engine._recorded.recorded) if engine._recorded else 0,  # type: ignore[attr-defined]
        "measured_tflops": round(rates.flops / 1e12, 2),
        "measured_gb_per_s": round(rates.bytes / 1e9, 1),
        **compare(engine, compared, first),
        "by_side": figures,
        "most_memory_gib": round(torch.cuda.max_memory_allocated(device) / 2**30, 1) if device.type == "cuda" else None,
    }


def _side(
    engine: Engine,
    side: int,
    asks: Sequence[tuple[Patches, Tokens]],
    place: tuple[Work, Rates, torch.device],
    options: argparse.Namespace,
) -> dict[str, Any]:
    work, rates, device = place
    warm = [Job(*ask, Sampling(), (options.answer,)) for ask in asks[: options.in_flight]]
    run(engine, warm, options.in_flight)
    settle(device)
    told: dict[str, Any] = run(engine, [Job(*ask, Sampling(), (options.answer,)) for ask in asks], options.in_flight)
    step = step_seconds(engine, asks, device, options.answer)
    most, least = ceiling(work, rates, len(asks[0][0].pixels), BEFORE + AFTER, options.answer, engine.slots.count)
    return told | {
        "ceiling_images_per_s": round(most, 2),
        "of_the_ceiling": round(told["images_per_s"] / most, 3),
        "step_ms": round(1000 * step, 2),
        "step_of_its_limit": round(step / least, 2),
    }


def parsed(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="The caption engine on a card, beside generate() and a ceiling")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--sides", type=int, nargs="+", default=[512, 768, 1024], help="of square pictures, in pixels")
    parser.add_argument("--in-flight", type=int, default=64)
    parser.add_argument("--answer", type=int, default=100, help="tokens of each answer")
    parser.add_argument("--requests", type=int, default=256)
    parser.add_argument("--small", action="store_true", help="the bundled model's shapes instead of the 8B's")
    parser.add_argument("--eager", action="store_true", help="decode steps are not recorded as CUDA graphs")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    print(json.dumps(main(parsed()), indent=1))
