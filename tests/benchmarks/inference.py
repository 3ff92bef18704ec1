"""Find duplicate and Caption image with the engine, beside Beam's RunInference with stock `generate()`.

    python -m tests.benchmarks.inference [--uploads 800] [--copies 0.3] [--pairs 5] [--slots 64] [--natural]
                                        [--fingerprints]

The same pictures (PNGs of rendered products, 64 to 96 pixels) with the tiny model, both on the embedded runner, in turn
in one process: CPU time, the median of alternating pairs. RunInference batches 8 to 32 elements and gets the same
patches and tokens. Each answer has 8 to 64 tokens, drawn by its picture, on both sides; its text ends where the model
ended it, and the review has nothing cut off to refuse: it would have it said again. With `--natural` the model ends it,
after 8 tokens on average. Near-copies are the picture saved again as JPEG, for another upload of the same merchant.
With `--copies 0.3` 234 of 800 uploads are copies, and 32 of these are none by the rule: renders this small have too
little to hash (18), or JPEG moves a colour too far (13) or the hash (1).
Ours gets what the stages before it hand on; with `--fingerprints` it also decodes each picture once more for that.
To build and start the two stages takes this runner 0.13 s a run, whatever the number of uploads.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import io
import json
import logging
import random
import statistics
import threading
import time
import zlib
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import apache_beam as beam
import torch
from apache_beam.ml.inference.base import ModelHandler, RunInference
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from PIL import Image

from pipeline.runners import embedded  # noqa: F401 - sets the embedded runner as the job does
from transforms import coders  # noqa: F401 - registers the Avro coders
from transforms.caption import CaptionImage
from transforms.captioner.api import CaptionerOptions, CaptionRequest, Generation, Sampling
from transforms.captioner.checkpoint import load_checkpoint
from transforms.captioner.engine.asked import Asked
from transforms.captioner.engine.captioner import EngineCaptioner
from transforms.captioner.engine.jobs import Job
from transforms.captioner.images import decode_rgb
from transforms.captioner.patches import patchify
from transforms.captioner.prompts import Library
from transforms.captioner.reference import Reference
from transforms.captioner.tiny.products import HELD_OUT, render
from transforms.duplicates import FindDuplicate
from transforms.fingerprint import fingerprint_of
from transforms.inflight import captioner_for
from transforms.metrics import tally
from transforms.review import ReviewPolicy
from transforms.scope import ByScope
from transforms.similarity import SimilarityRule
from transforms.stage_options import CaptionOptions, DuplicateOptions
from transforms.values import Arrival, Assignment, Candidate, Finished, KafkaRecord, Picture, Task, Upload

PICTURES: list[tuple[bytes, int]] = []
"""By number, with the number of the original: elements are numbers, for this runner copies what it is given."""
ARRIVALS: list[Arrival] = []
"""What the stages before Find duplicate make of them; empty: it is made within the time that counts."""
LENGTHS = (8, 64)
LANGUAGES = ("en", "zh-Hans")


def encoded(picture: Image.Image, kind: str) -> bytes:
    """The bytes of a file."""
    file = io.BytesIO()
    picture.save(file, kind, quality=90)
    return file.getvalue()


def fill(uploads: int, copies: float, fingerprints: bool) -> None:
    """Make the pictures, and what the stages before ours make of them."""
    dice = random.Random(3)
    sizes = [(64, 64), (96, 64), (64, 96), (96, 96)]
    originals: list[Image.Image] = []
    PICTURES.clear()
    for _ in range(uploads):
        if originals and dice.random() < copies:
            of = dice.randrange(len(originals))
            PICTURES.append((encoded(originals[of], "JPEG"), of))
        else:
            originals.append(render(HELD_OUT[len(originals) % len(HELD_OUT)], dice, dice.choice(sizes)))
            PICTURES.append((encoded(originals[-1], "PNG"), len(originals) - 1))
    if not fingerprints:
        ARRIVALS.extend(map(arrival, range(uploads)))


def candidate(number: int) -> Arrival:
    """The upload as Find duplicate gets it."""
    return ARRIVALS[number] if ARRIVALS else arrival(number)


def arrival(number: int) -> Arrival:
    """Decode and fingerprint."""
    content, of = PICTURES[number]
    decoded = decode_rgb(content)
    name = f"i{number}"
    upload = Upload(name, 0, f"m{of % 4}", "", Task.DESCRIBE, (LANGUAGES[of % 2],), ())
    picture = Picture(content, hashlib.sha256(content).digest(), "PNG", *decoded.size, 1)
    record = KafkaRecord("uploads", 0, number, 1_767_225_600_000 + number, name.encode(), content)
    return Arrival(candidate=Candidate(record, upload, picture, fingerprint_of(decoded)))


def length_of(picture: bytes) -> int:
    """Tokens of its answer."""
    return LENGTHS[0] + zlib.crc32(picture) % (LENGTHS[1] - LENGTHS[0] + 1)


def said_by(tokens: Sequence[int], checkpoint: Any) -> str:
    """The text up to where the model ended it."""
    end = next((place for place, token in enumerate(tokens) if token in checkpoint.stop_ids), len(tokens))
    return str(checkpoint.chat.decode(tokens[:end]))


class Forced(EngineCaptioner):
    """Answers of given lengths."""

    def __init__(self, options: CaptionerOptions) -> None:
        super().__init__(options)
        self._engine._stop_ids = frozenset()
        self._chat = SimpleNamespace(decode=lambda tokens: said_by(tokens, GIVEN["checkpoint"]))  # type: ignore[assignment]

    def _finish(self, job: Job, asked: Asked, places: Sequence[int]) -> None:
        """Every answer counts as ended by the model: the review refuses what is cut off and has it said again."""
        for answer in job.answers:
            answer.is_ended = True
        super()._finish(job, asked, places)

    def submit(self, request: CaptionRequest) -> Future[Generation]:
        """With its picture's length."""
        limit = length_of(request.image)
        prompts = tuple(replace(prompt, max_new_tokens=limit) for prompt in request.prompts)
        return super().submit(replace(request, prompts=prompts))


def forced(options: CaptionerOptions) -> Forced:
    """``tests.benchmarks.inference:forced``."""
    return Forced(options)


def ours(job: str) -> None:
    """The two stages."""
    caption = CaptionOptions(job, GIVEN["options"], Library.load("tiny"), SimilarityRule(), ReviewPolicy())
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        _ = (
            pipeline
            | beam.Create(range(len(PICTURES)))
            | "Candidates" >> beam.Map(candidate).with_output_types(Arrival)
            | "By scope" >> beam.FlatMap(ByScope()).with_output_types(tuple[str, Arrival])
            | "Find duplicate"
            >> beam.ParDo(FindDuplicate(DuplicateOptions(job))).with_output_types(tuple[str, Assignment])
            | "Caption image" >> beam.ParDo(CaptionImage(caption)).with_output_types(Finished)
            | "Count" >> beam.Map(_count)
        )


class Generate(ModelHandler[int, str, Reference]):
    """Stock `generate()` for RunInference."""

    def __init__(self, reference: Reference, checkpoint: Any) -> None:
        super().__init__(min_batch_size=8, max_batch_size=32)
        GIVEN["reference"], GIVEN["checkpoint"] = reference, checkpoint

    def load_model(self) -> Reference:
        """Loaded already, as ours is."""
        return GIVEN["reference"]

    def run_inference(self, batch: Sequence[int], model: Reference, inference_args: Any = None) -> list[str]:
        """Captions of a batch of numbers."""
        checkpoint, library = GIVEN["checkpoint"], Library.load("tiny")
        rows = []
        for number in batch:
            content, of = PICTURES[number]
            prompt = library.render("any", "DESCRIBE", LANGUAGES[of % 2], {}, None)
            if not GIVEN["natural"]:
                prompt = replace(prompt, max_new_tokens=length_of(content))
            rows.append(model.row(patchify(decode_rgb(content), checkpoint.rule), prompt, Sampling()))
        said = model.generate(rows, threading.Event(), stops=GIVEN["natural"])
        return [said_by(tokens, checkpoint) for tokens in said]


GIVEN: dict[str, Any] = {}
COUNTED = [0]


def _count(_: object) -> None:
    COUNTED[0] += 1


def theirs() -> None:
    """RunInference."""
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        _ = (
            pipeline
            | beam.Create(range(len(PICTURES)))
            | RunInference(Generate(GIVEN["reference"], GIVEN["checkpoint"]))
            | "Count" >> beam.Map(_count)
        )


def timed(run: Any, *arguments: Any) -> float:
    """CPU seconds; every upload must come out."""
    COUNTED[0] = 0
    captioner_for(GIVEN["options"])._futures.clear()  # else the answers of the run before are taken
    begun = time.process_time()
    run(*arguments)
    spent = time.process_time() - begun
    if COUNTED[0] != len(PICTURES):
        raise SystemExit(f"{COUNTED[0]} captions for {len(PICTURES)} uploads")
    return spent


def main(uploads: int, copies: float, pairs: int, natural: bool, fingerprints: bool, slots: int) -> None:
    """Print one JSON line."""
    logging.disable(logging.CRITICAL)
    torch.set_num_threads(1)
    options = CaptionerOptions("engine" if natural else "tests.benchmarks.inference:forced", slots=slots)
    checkpoint = load_checkpoint(options)
    GIVEN.update(reference=Reference(checkpoint), checkpoint=checkpoint, options=options, natural=natural)
    captioner_for(options)
    fill(uploads, copies, fingerprints)
    gc.collect()
    gc.freeze()  # as the job does; both gain
    timed(ours, "warm")
    timed(theirs)
    counters = captioner_for(options).captioner._engine.counters  # type: ignore[attr-defined]
    before, passes = tally(), counters.pictures
    runs = [(timed(ours, f"job-{number}"), timed(theirs)) for number in range(pairs)]
    counted = {name: number - before.get(name, 0) for name, number in tally().items()}
    line = {
        "uploads": uploads,
        "copies": copies,
        "answer_tokens": "natural" if natural else f"{LENGTHS[0]} to {LENGTHS[1]}",
        "fingerprints": fingerprints,
        "slots": slots,
        "retries": counted.get("retries", 0),
        "reused": round(1 - counted["generations"] / uploads / pairs, 2),
        "vision_passes_per_run": (counters.pictures - passes) / pairs,
        "ours_ms_per_upload": round(1000 * statistics.median(mine for mine, _ in runs) / uploads, 2),
        "run_inference_ms_per_upload": round(1000 * statistics.median(other for _, other in runs) / uploads, 2),
        "times_run_inference": round(statistics.median(other / mine for mine, other in runs), 2),
        "pairs": [round(other / mine, 2) for mine, other in runs],
    }
    print(json.dumps(line))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="The engine in the pipeline beside RunInference")
    parser.add_argument("--uploads", type=int, default=800)
    parser.add_argument("--copies", type=float, default=0.0)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument(
        "--slots", type=int, default=32, help="of the engine (default 32, as many as RunInference batches)"
    )
    parser.add_argument("--natural", action="store_true", help="answers end where the model ends them")
    parser.add_argument("--fingerprints", action="store_true", help="ours computes them within the time that counts")
    options = parser.parse_args()
    # What runs in a pipeline must be found by name: in the module that was started it would be copied.
    from tests.benchmarks import inference

    inference.main(options.uploads, options.copies, options.pairs, options.natural, options.fingerprints, options.slots)
