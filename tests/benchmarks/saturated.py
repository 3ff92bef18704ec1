"""Is the model the only bottleneck? The engine alone, and inside the whole job, on the same pictures in one run.

    python -m tests.benchmarks.saturated [--uploads 1500] [--slots 32]

The engine's process has one core to itself; all else (broker, Flink, worker, this) shares the other one. Its model
costs five times what the bundled one does (`heavy.py`): so it answers about as many pictures a second as the 8B would
on a card, in Chinese and English. Alone it is kept full with twice its slots, as the caption stage keeps it; before the
job and after it, and the mean counts. In the job all uploads lie on the topic at the start; the rate is that of the
captions between a fifth and nine tenths of them, when the JVMs have compiled what they run and before the last answers
thin out.
"""

import argparse
import json
import os
import signal
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import psutil
from kafka import KafkaProducer

from pipeline.local.kafka import LocalKafka
from schemas.codec import Encoder
from tests.benchmarks.live import NAMES, PARTITIONS, Job, Output, parse
from tests.benchmarks.pipeline import photo
from transforms.captioner.api import CaptionerOptions, CaptionRequest
from transforms.captioner.process.captioner import ProcessCaptioner
from transforms.captioner.prompts import Library
from transforms.inflight import ROOM_PER_SLOT

MODEL = "tests.benchmarks.heavy:create"
OURS, ITS = {0}, {1}
"""Cores."""
LIMIT = 600.0


def alone(pictures: Sequence[bytes], slots: int) -> float:
    """Pictures a second of the engine in its process."""
    library = Library.load("tiny")
    prompts = tuple(library.render("any", "DESCRIBE", tag, {}, None) for tag in ("zh-Hans", "en"))
    captioner = ProcessCaptioner(CaptionerOptions(MODEL, slots=slots, own_process=True))
    os.sched_setaffinity(captioner.pid, ITS)
    for thread in psutil.Process(captioner.pid).threads():
        os.sched_setaffinity(thread.id, ITS)
    room = threading.Semaphore(ROOM_PER_SLOT * slots)
    moments: list[float] = []

    def done(_: object) -> None:
        moments.append(time.monotonic())
        room.release()

    for number, picture in enumerate(pictures):
        room.acquire()
        captioner.submit(CaptionRequest(str(number), picture, prompts)).add_done_callback(done)
    for _ in range(ROOM_PER_SLOT * slots):
        room.acquire()
    captioner.close()
    return rate(moments)


def rate(moments: Sequence[float]) -> float:
    """Per second, between a fifth and nine tenths of them."""
    ordered = sorted(moments)
    first, last = len(ordered) // 5, len(ordered) * 9 // 10
    return (last - first) / (ordered[last] - ordered[first])


def in_the_job(pictures: Sequence[bytes], slots: int) -> tuple[float, float]:
    """Pictures a second of the whole job; and how busy the model's core was meanwhile."""
    with tempfile.TemporaryDirectory(prefix="captionstream-bench-") as folder, LocalKafka() as broker:
        broker.create_topics(NAMES)
        servers = broker.bootstrap_servers
        client, encoder = KafkaProducer(bootstrap_servers=servers), Encoder("image_upload")
        for number, picture in enumerate(pictures):
            upload = {"image_id": f"i{number}", "image": picture, "merchant": f"m{number % 8}", "uploaded_at": 0}
            key = f"i{number}".encode()
            client.send("uploads", key=key, value=encoder.encode(upload), partition=number % PARTITIONS)
        client.flush()
        options = parse(["--captioner", MODEL, "--model", "tiny", "--slots", str(slots)])
        job, output = Job(servers, Path(folder), options, "--own-process"), Output(servers)
        try:
            process: psutil.Process | None = None
            deadline, spent = time.monotonic() + LIMIT, {}
            while len(output.ages) < len(pictures):
                output.poll()
                if process is None:
                    process = _model(job)
                elif process.is_running():
                    spent[time.time()] = sum(process.cpu_times()[:2])
                if time.monotonic() > deadline or not job.is_alive:
                    raise SystemExit(f"{len(output.ages)} captions in {LIMIT:g} s:\n{job.log.read_text()}")
        finally:
            job.stop()
            output.close()
            client.close()
        moments = sorted(output.ages.values())
        begin, end = moments[len(moments) // 5], moments[len(moments) * 9 // 10]
        within = [(at, seconds) for at, seconds in spent.items() if begin <= at <= end]
        busy = (within[-1][1] - within[0][1]) / (within[-1][0] - within[0][0])
        return rate(moments), busy


def _model(job: Job) -> psutil.Process | None:
    """Give the model's process its core, once it is there."""
    for child in psutil.Process(job.pid).children(recursive=True):
        if "transforms.captioner.process.host" in child.cmdline():
            for thread in child.threads():
                os.sched_setaffinity(thread.id, ITS)
            return child
    return None


def main(uploads: int, slots: int) -> None:
    """Print one JSON line."""
    os.sched_setaffinity(0, OURS)
    os.environ["OMP_NUM_THREADS"] = "1"
    pictures = [photo(number) for number in range(uploads)]
    before = alone(pictures, slots)
    job, busy = in_the_job(pictures, slots)
    after = alone(pictures, slots)
    line = {
        "uploads": uploads,
        "slots": slots,
        "bytes": sum(map(len, pictures)) // uploads,
        "pixels": "640x480, of which the model sees 96x96 at most",
        "engine_alone_per_s": [round(before, 1), round(after, 1)],
        "in_the_job_per_s": round(job, 1),
        "share": round(2 * job / (before + after), 3),
        "model_busy_in_the_job": round(busy, 3),
    }
    print(json.dumps(line))


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in what a shell runs in the background
    parser = argparse.ArgumentParser(description="The engine alone and inside the job")
    parser.add_argument("--uploads", type=int, default=1500)
    parser.add_argument("--slots", type=int, default=32)
    arguments = parser.parse_args()
    main(arguments.uploads, arguments.slots)
