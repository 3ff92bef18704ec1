"""How fast the duplicate index decides and is built again, and what it holds.

    python -m tests.benchmarks.index [--leaders 100000 1000000] [--beam 40000] [--uploads 1000000]

One JSON line for each number of leaders: decisions a second (30 % copies) and the time to build it again from state,
each as the best of several, bytes a leader in memory and in state. Then uploads of two merchants in turn through the
stage on Beam's embedded runner. Then uploads of many merchants, 30 % copies, fingerprints only, through the code of
Find duplicate over a state in memory: at each tenth the bytes of all indexes and of state, and the process's memory.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import time
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import apache_beam as beam
import numpy as np
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from transforms.coders import AvroCoder
from transforms.duplicates import SCOPES, FindDuplicate
from transforms.index.chunk import CHUNK_ROWS
from transforms.index.decide import DuplicateIndex
from transforms.index.limits import IndexLimits
from transforms.scope import ByScope
from transforms.similarity import SimilarityRule
from transforms.stage_options import DuplicateOptions
from transforms.values import Arrival, Candidate, Fingerprint, IndexChunk, KafkaRecord, Picture, Task, Upload

START_MS = 1_767_225_600_000
COPIES = 0.3
_CHUNKS = AvroCoder(IndexChunk)


class Shop:
    """Uploads of one merchant: new pictures, and copies of earlier ones, two bits and a unit of colour off."""

    def __init__(self, merchant: str, seed: int) -> None:
        self.merchant = merchant
        self._rng = np.random.default_rng(seed)
        self._dice = random.Random(seed)
        self._originals: list[tuple[int, bytes]] = []

    def upload(self, number: int, copy: bool, among: int | None = None) -> Arrival:
        """The next one; a copy is of one of the last ``among`` originals."""
        if copy and self._originals:
            phash, lab = self._dice.choice(self._originals[-(among or len(self._originals)) :])
            phash ^= 3 << self._dice.randrange(62)
            lab = (np.frombuffer(lab, np.int8) + 1).tobytes()
        else:
            phash = self._dice.getrandbits(64)
            lab = self._rng.integers(-60, 60, 192, np.int8).tobytes()
            self._originals.append((phash, lab))
            del self._originals[:-1000]
        digest = self._dice.randbytes(32)
        name = f"image-{number}"
        return Arrival(
            Candidate(
                KafkaRecord("uploads", 0, number, START_MS + number, name.encode(), b""),
                Upload(name, START_MS, self.merchant, "", Task.DESCRIBE, ("en",), ()),
                Picture(b"", digest, "JPEG", 640, 480, 1),
                Fingerprint(phash.to_bytes(8, "big"), lab, 90, 2),
            )
        )


def measure_index(leaders: int, decisions: int = 2000) -> dict[str, Any]:
    """Fill an index, and time it."""
    shop, rule, limits = Shop("shop", 1), SimilarityRule(), IndexLimits(max_leaders=10_000_000)
    index, chunks = DuplicateIndex("shop", rule, limits), []
    for number in range(leaders):
        index.assign(shop.upload(number, copy=False))
        if index.unpacked == CHUNK_ROWS:
            chunks.append(_CHUNKS.encode(index.pack()))
    chunks.append(_CHUNKS.encode(index.pack()))
    best = []
    for start in range(leaders, leaders + 5 * decisions, decisions):
        wanted = [shop.upload(start + n, copy=n % 10 < COPIES * 10) for n in range(decisions)]
        begun = time.process_time()
        for arrival in wanted:
            index.assign(arrival)
        best.append((time.process_time() - begun) / decisions)
    rebuilds = []
    for _ in range(5):
        begun = time.process_time()
        DuplicateIndex("shop", rule, limits, [_CHUNKS.decode(chunk) for chunk in chunks])
        rebuilds.append(time.process_time() - begun)
    return {
        "leaders": leaders,
        "decisions_per_second": round(1 / min(best)),
        "rebuild_ms": round(min(rebuilds) * 1000, 1),
        "bytes_in_memory": round(index.nbytes / len(index)),
        "bytes_in_state": round(sum(map(len, chunks)) / leaders),
    }


class Bag(list[bytes]):
    """Bag state in memory."""

    add = list.append

    def read(self) -> list[bytes]:
        """All of it."""
        return list(self)


class Cell:
    """A cell of state in memory, or a timer."""

    value: Any = None

    def read(self) -> Any:
        """What it holds."""
        return self.value

    def write(self, value: Any) -> None:
        """Replace it."""
        self.value = value

    set = write


def measure_stage(uploads: int, merchants: int, max_leaders: int) -> Iterator[dict[str, Any]]:
    """Uploads of many merchants in bundles of 500; a line at each tenth, as it is reached."""
    stage = FindDuplicate(DuplicateOptions("bench", limits=IndexLimits(max_leaders=max_leaders)))
    shops = [Shop(f"shop-{n}", n) for n in range(merchants)]
    states: dict[str, tuple[Any, ...]] = defaultdict(lambda: (Bag(), Bag(), Cell(), Cell()))
    dice, spent = random.Random(0), 0.0
    for number in range(1, uploads + 1):
        ((scope, arrival),) = ByScope()(dice.choice(shops).upload(number, copy=dice.random() < COPIES))
        begun = time.process_time()
        if number % 500 == 1:
            stage.start_bundle()
        for _ in stage.process((scope, arrival), *states[scope]):
            pass
        spent += time.process_time() - begun
        if number % (uploads // 10) == 0:
            state = sum(map(len, (b for s in states.values() for bag in s[:2] for b in bag)))
            yield {
                "uploads": number,
                "index_mb": round(SCOPES.nbytes / 1e6, 1),
                "state_mb": round(state / 1e6, 1),
                "process_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
                "us_per_upload": round(spent / number * 1e6, 1),
            }


def measure_beam(uploads: int) -> dict[str, Any]:
    """Uploads of two merchants in turn through the stage on the embedded runner; and the same without the stage."""
    shops = (Shop("one", 1), Shop("two", 2))
    arrivals = [shops[number % 2].upload(number, copy=number % 20 < COPIES * 20) for number in range(uploads)]
    rates = {}
    for name, step in (("without", beam.Map(len)), ("with", beam.ParDo(FindDuplicate(DuplicateOptions("beam"))))):
        pipeline = beam.Pipeline(runner=FnApiRunner())
        keyed = pipeline | beam.Create(arrivals) | beam.FlatMap(ByScope()).with_output_types(tuple[str, Arrival])
        _ = (keyed if name == "with" else keyed | beam.Reshuffle()) | step
        begun = time.perf_counter()
        pipeline.run().wait_until_finish()
        rates[name] = round(uploads / (time.perf_counter() - begun))
    return {
        "uploads": uploads,
        "scopes": 2,
        "through_beam_per_second": rates["with"],
        "shuffle_alone": rates["without"],
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--leaders", type=int, nargs="*", default=[1_000, 100_000, 1_000_000])
    parser.add_argument("--uploads", type=int, default=1_000_000)
    parser.add_argument("--merchants", type=int, default=200)
    parser.add_argument("--max-leaders", type=int, default=1000)
    parser.add_argument("--beam", type=int, default=40_000)
    options = parser.parse_args()
    for leaders in options.leaders:
        print(json.dumps(measure_index(leaders)), flush=True)
    if options.beam:
        print(json.dumps(measure_beam(options.beam)), flush=True)
    if options.uploads:
        for line in measure_stage(options.uploads, options.merchants, options.max_leaders):
            print(json.dumps(line), flush=True)
