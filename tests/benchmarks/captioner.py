"""How fast a model answers: the caption engine and stock `generate()`, in turn, on the same requests.

    python -m tests.benchmarks.captioner [--requests 128] [--pairs 7] [--slots 32] [--lengths 8 64 | --natural]

Closed loop: so many requests are always under way. Pictures are rendered products of four sizes (64 to 96 pixels),
prompts English and Chinese in turn. With `--lengths` the model's end is ignored and each answer has a drawn length,
with `--natural` it ends where the model ends it. Tokens must be equal, one by one. Figures are CPU time of the process
on one thread, the median of alternating pairs; `generate()` runs in static batches of 8, 16 and 32, each on the same
requests, and the best of these counts. Counters of the engine stand beside them: they do not waver with the machine.
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import resource
import statistics
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from PIL import Image

from transforms.captioner.api import CaptionerOptions, RenderedPrompt, Sampling
from transforms.captioner.checkpoint import Checkpoint, load_checkpoint
from transforms.captioner.engine.build import build
from transforms.captioner.engine.engine import Engine
from transforms.captioner.engine.jobs import Job
from transforms.captioner.engine.rows import lay_out
from transforms.captioner.patches import patchify
from transforms.captioner.prompts import Library
from transforms.captioner.reference import Reference
from transforms.captioner.tiny.products import HELD_OUT, render

SIZES = [(64, 64), (96, 64), (64, 96), (96, 96)]
STATIC = (32, 16, 8)
"""The best first, right beside ours: a machine is not as fast a quarter of a minute later."""


@dataclass(frozen=True)
class Ask:
    """One picture with one prompt."""

    picture: Image.Image
    prompt: RenderedPrompt


def stream(count: int, lengths: tuple[int, int] | None, seed: int = 11) -> list[Ask]:
    """The requests of a run."""
    dice = random.Random(seed)
    library = Library.load("tiny")
    prompts = [library.render("any", "DESCRIBE", tag, {}, None) for tag in ("en", "zh-Hans")]
    return [
        Ask(
            render(HELD_OUT[number * 7 % len(HELD_OUT)], dice, SIZES[dice.randrange(len(SIZES))]),
            replace(prompts[number % 2], max_new_tokens=dice.randint(*lengths) if lengths else 64),
        )
        for number in range(count)
    ]


def run_engine(engine: Engine, checkpoint: Checkpoint, asks: Sequence[Ask], in_flight: int) -> dict[str, Any]:
    """Keep so many under way until all are answered."""
    chat, rule = checkpoint.chat, checkpoint.rule
    jobs: list[Job] = []
    given: dict[Job, float] = {}
    firsts: dict[Job, float] = {}
    ends: dict[Job, float] = {}
    begun = time.process_time()
    while len(ends) < len(asks):
        while len(jobs) < len(asks) and len(jobs) - len(ends) < in_flight:
            ask = asks[len(jobs)]
            patches = patchify(ask.picture, rule)
            size = patches.rows // rule.merge, patches.columns // rule.merge
            row = lay_out(chat.before(ask.prompt), chat.image_id, *size, [chat.after(ask.prompt)])
            jobs.append(Job(patches, row, Sampling(), (ask.prompt.max_new_tokens,)))
            given[jobs[-1]] = time.process_time()
            engine.add(jobs[-1])
        done = engine.step()
        now = time.process_time()
        ends |= dict.fromkeys(done, now)
        firsts |= {job: now for job in jobs[-2 * in_flight :] if job not in firsts and job.answers}
    spent = time.process_time() - begun
    latencies = sorted(ends[job] - given[job] for job in jobs)
    return {
        "seconds": spent,
        "tokens": [job.answers[0].tokens for job in jobs],
        "first_ms": 1000 * statistics.median(firsts[job] - given[job] for job in jobs),
        "p50_ms": 1000 * latencies[len(latencies) // 2],
        "p99_ms": 1000 * latencies[int(len(latencies) * 0.99)],
    }


def run_static(reference: Reference, checkpoint: Checkpoint, asks: Sequence[Ask], batch: int, stops: bool) -> Any:
    """`generate()` on one batch after the other."""
    tokens, never = [], threading.Event()
    begun = time.process_time()
    for first in range(0, len(asks), batch):
        rows = [
            reference.row(patchify(ask.picture, checkpoint.rule), ask.prompt, Sampling())
            for ask in asks[first : first + batch]
        ]
        tokens += reference.generate(rows, never, stops)
    return {"seconds": time.process_time() - begun, "tokens": tokens}


def static_steps(asks: Sequence[Ask], tokens: Sequence[Sequence[int]], batch: int) -> int:
    """Decode steps of static batches: each takes as long as its longest answer."""
    lengths = [len(said) for said in tokens]
    return sum(max(lengths[first : first + batch]) - 1 for first in range(0, len(asks), batch))


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """All pairs of one kind of stream."""
    torch.set_num_threads(1)
    lengths = None if options.natural else tuple(options.lengths)
    asks = stream(options.requests, lengths)
    loading = CaptionerOptions("engine", slots=options.slots)
    stock = load_checkpoint(loading)
    reference = Reference(stock)
    checkpoint = load_checkpoint(loading)
    if lengths is not None:
        checkpoint = replace(checkpoint, stop_ids=())
    engine = build(checkpoint, loading)
    run_engine(engine, checkpoint, asks[: 2 * options.slots], options.slots)
    run_static(reference, stock, asks[:8], 8, lengths is None)
    gc.collect()
    gc.freeze()  # as the job does; both gain
    ours: list[dict[str, Any]] = []
    theirs: dict[int, list[float]] = {batch: [] for batch in STATIC}
    ratios = []
    counters: Any = None
    for _ in range(options.pairs):
        before = replace(engine.counters)
        ours.append(run_engine(engine, checkpoint, asks, options.slots))
        counters = counters or (before, replace(engine.counters))
        static = {batch: run_static(reference, stock, asks, batch, lengths is None) for batch in STATIC}
        for batch, told in static.items():
            theirs[batch].append(told["seconds"])
            if told["tokens"] != ours[-1]["tokens"]:
                raise SystemExit(f"tokens differ from generate() in batches of {batch}")
        ratios.append(min(told["seconds"] for told in static.values()) / ours[-1]["seconds"])
    return report(options, asks, ours, theirs, ratios, counters)


def report(
    options: argparse.Namespace,
    asks: Sequence[Ask],
    ours: list[dict[str, Any]],
    theirs: dict[int, list[float]],
    ratios: list[float],
    counters: Any,
) -> dict[str, Any]:
    """The figures of a run."""
    seconds = statistics.median(run["seconds"] for run in ours)
    tokens = ours[0]["tokens"]
    before, after = counters
    steps = after.decode_steps - before.decode_steps
    grown = after.decode_slots - before.decode_slots
    prefilled = after.prefill_tokens - before.prefill_tokens
    best = {batch: statistics.median(runs) for batch, runs in theirs.items()}
    return {
        "requests": len(asks),
        "in_flight": options.slots,
        "pixels": "64x64 to 96x96",
        "answer_tokens": "natural" if options.natural else f"{options.lengths[0]} to {options.lengths[1]}",
        "mean_answer": round(statistics.mean(map(len, tokens)), 1),
        "engine_images_per_s": round(len(asks) / seconds, 1),
        "engine_answer_tokens_per_s": round(sum(map(len, tokens)) / seconds),
        "engine_prefill_tokens_per_s": round(prefilled / seconds),
        "first_token_ms": round(statistics.median(run["first_ms"] for run in ours), 1),
        "latency_ms_p50": round(statistics.median(run["p50_ms"] for run in ours), 1),
        "latency_ms_p99": round(statistics.median(run["p99_ms"] for run in ours), 1),
        "generate_images_per_s": {batch: round(len(asks) / spent, 1) for batch, spent in best.items()},
        "times_generate": round(statistics.median(ratios), 2),
        "pairs": [round(ratio, 2) for ratio in ratios],
        "decode_steps": steps,
        "of_static_steps": round(steps / static_steps(asks, tokens, options.slots), 2),
        "mean_slots_filled": round(grown / steps, 1),
        "vision_passes": after.pictures - before.pictures,
        "prefill_tokens": prefilled,
        "process_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(description="The caption engine beside generate()")
    parser.add_argument("--requests", type=int, default=128)
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--slots", type=int, default=32)
    parser.add_argument("--lengths", type=int, nargs=2, default=(8, 64))
    parser.add_argument("--natural", action="store_true", help="answers end where the model ends them")
    print(json.dumps(measure(parser.parse_args()), indent=1))


if __name__ == "__main__":
    main()
