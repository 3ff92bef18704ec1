"""The live job on a real broker and a real runner, uploads of 50 KB offered at a steady rate.

    python -m tests.benchmarks.live --rate 120 --seconds 60            throughput: does the lag grow?
    python -m tests.benchmarks.live --rate 120 --seconds 90 --backlog  all of it lies there at the start: how fast?
    python -m tests.benchmarks.live --rate 20 --seconds 60 --profile   latency, and where it goes
    python -m tests.benchmarks.live --rate 50 --seconds 1200 --captioner live.slow:create --slots 128 --remember 2m
                                     memory and checkpoint over time, with a captioner that is half busy; what is
                                     remembered stops growing after two minutes
    python -m tests.benchmarks.live --rate 50 --seconds 600 --captioner live.slow:create --slots 8 --overload
                                     ten times what the captioner can do

With `--mended-runner` the residuals of the sources share a state as in Beam's runner of 2.77 (it wants `javac`).
The captioner is the fake one unless another is named. A line every ten seconds: captions and uploads so far, lag,
memory of Python and of the JVM, CPU, bytes of the last checkpoint. At the end one JSON line.
"""

import argparse
import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from pipeline.local.kafka import LocalKafka
from schemas.codec import Encoder
from tests.benchmarks.pipeline import COPIES, photo

ROOT = Path(__file__).parents[2]
PARTITIONS = 4
NAMES = {"uploads": PARTITIONS, "captions": 4, "dead": 1, "audit": 4}
DISTINCT = 500
"""Photos that are made; beyond that each gets other bytes at its end, and another merchant."""


def feed(servers: str, rate: float, seconds: float, at_once: bool, go: Any) -> None:
    """Offer uploads at a steady rate, once told to; in a process of its own."""
    pictures = [photo(number) for number in range(min(DISTINCT, int(rate * seconds * (1 - COPIES)) + 1))]
    client, encoder, rng = (
        KafkaProducer(bootstrap_servers=servers, linger_ms=5),
        Encoder("image_upload"),
        random.Random(1),
    )
    go.wait()
    due, made = time.time(), 0
    for number in range(int(rate * seconds)):
        if number and rng.random() < COPIES:
            which = rng.randrange(max(0, made - 200), made)
        else:
            which, made = made, made + 1
        lap, photo_number = divmod(which, len(pictures))
        value = {
            "image_id": f"i{number}",
            "image": pictures[photo_number] + lap.to_bytes(4, "big"),
            "merchant": f"m{lap}-{photo_number % 8}",
            "uploaded_at": int(time.time() * 1000),
        }
        if not at_once:
            due += 1 / rate
            time.sleep(max(due - time.time(), 0))
        client.send("uploads", key=f"i{number}".encode(), value=encoder.encode(value), partition=number % PARTITIONS)
    client.flush()


def compiled(folder: Path) -> Path:
    """The classes that stand in for Beam's."""
    sources = (ROOT / "tests" / "benchmarks" / "runner").glob("*.java")
    subprocess.run(["javac", "--release", "17", "-d", folder, *sources], check=True)
    return folder


class Job:
    """The command under test, and what it weighs."""

    def __init__(self, servers: str, folder: Path, options: argparse.Namespace, *more: str) -> None:
        self.report = folder / "report"
        program = ["tests.benchmarks.live_job", str(self.report)] if options.profile else ["pipeline.cli"]
        runner = ["--runner", options.runner, "--checkpoint-dir", str(folder / "checkpoints")]
        if options.runner == "flink":
            runner += ["--job-server", "assembled", "--allow-old-runner", "--parallelism", str(options.parallelism)]
        command = [
            *(sys.executable, "-m", *program, "run", "--bootstrap-servers", servers, "--topic", "uploads"),
            *("--captions-topic", "captions", "--dead-letters-topic", "dead", "--audit-topic", "audit"),
            *(
                "--captioner",
                options.captioner,
                "--model",
                options.model,
                "--slots",
                str(options.slots),
                "--prompts",
                "tiny",
                "--index-ttl",
                options.remember,
            ),
            *(*runner, *more),
            *("--", *options.beam),
        ]
        environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}", "OMP_NUM_THREADS": "1"}
        if options.mended_runner:
            environment["JAVA_TOOL_OPTIONS"] = f"-Xbootclasspath/a:{compiled(folder / 'classes')}"
        self.log = folder / "log"
        self._process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=self.log.open("wb"), stderr=subprocess.STDOUT
        )
        self.pid = self._process.pid
        self._checkpoints = folder / "checkpoints"

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def weigh(self) -> dict[str, float]:
        """Resident MiB and CPU seconds of Python and of the runner, MiB of the last checkpoint."""
        python = psutil.Process(self._process.pid)
        runner = [p for p in python.children(recursive=True) if p.name() in ("java", "prism")]
        newest = max(self._checkpoints.glob("*/chk-*/_metadata"), key=lambda p: p.stat().st_mtime, default=None)
        shared = self._checkpoints.glob("*/shared/*") if newest else ()
        files = [*newest.parent.iterdir(), *shared] if newest else []
        return {
            "python_mb": python.memory_info().rss >> 20,
            "runner_mb": sum(p.memory_info().rss for p in runner) >> 20,
            "python_cpu": sum(python.cpu_times()[:2]),
            "runner_cpu": sum(sum(p.cpu_times()[:2]) for p in runner),
            "checkpoint_mb": round(sum(p.stat().st_size for p in files if p.exists()) / 2**20, 2),
        }

    def stop(self) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(90)
            except subprocess.TimeoutExpired:
                self._process.kill()


class Output:
    """Captions as they come, and how old their uploads were."""

    def __init__(self, servers: str) -> None:
        self._client = KafkaConsumer("captions", "dead", bootstrap_servers=servers, auto_offset_reset="earliest")
        self._group = KafkaConsumer(bootstrap_servers=servers, group_id="captionstream", enable_auto_commit=False)
        self._uploads = KafkaConsumer(bootstrap_servers=servers, auto_offset_reset="earliest")
        self._places = [TopicPartition("uploads", number) for number in range(PARTITIONS)]
        self._uploads.assign(self._places)
        self._produced: dict[bytes, float] = {}
        self.ages: dict[bytes, float] = {}
        self.count = 0

    def poll(self) -> None:
        for batch in self._client.poll(100).values():
            now = time.time()
            for record in batch:
                self.count += 1
                if record.key not in self.ages:
                    self.ages[record.key] = now

    def latencies(self) -> list[float]:
        """Seconds from an upload's timestamp to the caption's arrival here."""
        ends = self._uploads.end_offsets(self._places)
        for place in self._places:
            self._uploads.seek(place, 0)
        while any(self._uploads.position(place) < ends[place] for place in self._places):
            for batch in self._uploads.poll(500).values():
                for record in batch:
                    self._produced[record.key] = record.timestamp / 1000
        return sorted(at - self._produced[key] for key, at in self.ages.items() if key in self._produced)

    def close(self) -> None:
        for client in (self._client, self._group, self._uploads):
            client.close()

    def lag(self) -> int:
        ends = self._uploads.end_offsets(self._places)
        return sum(ends[place] - (self._group.committed(place) or 0) for place in self._places)


def main(options: argparse.Namespace) -> None:
    """Run once and print."""
    total = int(options.rate * options.seconds)
    with tempfile.TemporaryDirectory(prefix="captionstream-bench-") as folder, LocalKafka() as broker:
        broker.create_topics(NAMES)
        servers = broker.bootstrap_servers
        context = multiprocessing.get_context("spawn")
        go = context.Event()
        feeder = context.Process(
            target=feed, args=(servers, options.rate, options.seconds, options.backlog, go), daemon=True
        )
        feeder.start()
        if options.backlog:
            go.set()
            feeder.join()
        job, output = Job(servers, Path(folder), options), Output(servers)
        try:
            _warm(servers, output, job)
            go.set()
            line = _watch(job, output, feeder, total, options)
        finally:
            job.stop()
            output.close()
        print(json.dumps(line))
        if job.report.exists():
            print(job.report.read_text())


def sustained(moments: list[float], skip: float = 20, over: float = 60) -> float | None:
    """Captions per second over a minute, after the JVM has compiled what it runs; None for a shorter run."""
    start = moments[0] + skip if moments else 0
    if not moments or moments[-1] < start + over:
        return None
    return round(sum(start <= moment < start + over for moment in moments) / over, 1)


def slope(rows: list[dict[str, Any]], name: str) -> float | None:
    """Growth a minute over the second half, by least squares; None for a short run."""
    half = rows[len(rows) // 2 :]
    if len(half) < 6:
        return None
    return round(60 * float(np.polyfit([row["s"] for row in half], [row[name] for row in half], 1)[0]), 2)


def _warm(servers: str, output: Output, job: Job) -> None:
    client = KafkaProducer(bootstrap_servers=servers)
    value = Encoder("image_upload").encode({"image_id": "warm", "image": photo(10**6), "uploaded_at": 0})
    client.send("uploads", key=b"warm", value=value, partition=0).get(10)
    deadline = time.monotonic() + 120
    while not output.count:
        output.poll()
        if time.monotonic() > deadline:
            raise SystemExit(f"no first caption in 120 s:\n{job.log.read_text()}")


def _watch(job: Job, output: Output, feeder: Any, total: int, options: argparse.Namespace) -> dict[str, Any]:
    begin, first, rows = time.monotonic(), job.weigh(), []
    told, quiet, seen = begin, begin, output.count
    ended: float | None = None
    at_half, at_end = 0, 0
    while len(output.ages) <= total and time.monotonic() - quiet < 30:
        output.poll()
        now = time.monotonic()
        if output.count > seen:
            quiet, seen = now, output.count
        if not at_half and now - begin >= options.seconds / 2:
            at_half = len(output.ages)
        if ended is None and not feeder.is_alive():
            ended, at_end = now, len(output.ages)
            if options.overload:
                break
        if now - told >= 10:
            told = now
            row = {"s": round(now - begin), "captions": len(output.ages), "lag": output.lag(), **job.weigh()}
            rows.append(row)
            print(json.dumps(row), flush=True)
    seconds, last = time.monotonic() - begin, job.weigh()
    ages = output.latencies()
    done = max(len(ages), 1)
    return {
        "rate_offered": options.rate,
        "captions": len(ages),
        "of": total + 1,
        "seconds": round(seconds, 1),
        "captions_per_second": round(len(ages) / seconds, 1),
        "captions_per_second_60_s": sustained(sorted(output.ages.values())),
        "captions_per_second_second_half": round((at_end - at_half) / (options.seconds / 2), 1),
        "behind_at_half": round(total / 2) - at_half,
        "behind_at_end": total - at_end,
        "latency_p50_s": round(ages[done // 2], 3) if ages else None,
        "latency_p99_s": round(ages[min(int(done * 0.99), done - 1)], 3) if ages else None,
        "python_cpu_ms": round(1000 * (last["python_cpu"] - first["python_cpu"]) / done, 2),
        "runner_cpu_ms": round(1000 * (last["runner_cpu"] - first["runner_cpu"]) / done, 2),
        "python_mb_a_minute": slope(rows, "python_mb"),
        "runner_mb_a_minute": slope(rows, "runner_mb"),
        "checkpoint_mb_a_minute": slope(rows, "checkpoint_mb"),
        "python_mb": [row["python_mb"] for row in rows[:: max(len(rows) // 8, 1)]],
        "runner_mb": [row["runner_mb"] for row in rows[:: max(len(rows) // 8, 1)]],
        "checkpoint_mb": [row["checkpoint_mb"] for row in rows[:: max(len(rows) // 8, 1)]],
        "lag": [row["lag"] for row in rows[:: max(len(rows) // 8, 1)]],
    }


def parse(words: Sequence[str] | None = None) -> argparse.Namespace:
    """The options; those of the command line by default."""
    parser = argparse.ArgumentParser(description="The live job at a steady rate")
    parser.add_argument("--rate", type=float, default=120)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--runner", choices=("flink", "prism"), default="flink")
    parser.add_argument("--parallelism", type=int, default=1)
    parser.add_argument("--captioner", default="fake")
    parser.add_argument("--model", default="fake")
    parser.add_argument("--slots", type=int, default=500)
    parser.add_argument("--backlog", action="store_true", help="produce everything before the job starts")
    parser.add_argument("--remember", default="60d", help="how long a picture is found again")
    parser.add_argument("--mended-runner", action="store_true", help="as Beam 2.77's in what it keeps of a source")
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--overload", action="store_true", help="end with the feed: more is offered than can be done")
    parser.add_argument("beam", nargs="*", help="after --: options for Beam")
    return parser.parse_args(words)


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM):  # a shell's background ignores the one; the other cleans nothing up
        signal.signal(number, signal.default_int_handler)
    main(parse())
