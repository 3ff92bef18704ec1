"""Uploads per second of the whole job on the embedded runner, real broker, fake captioner.

    python -m tests.benchmarks.pipeline [uploads] [--profile]

Prints one JSON line: uploads, share of copies, bytes per picture, seconds, CPU milliseconds per upload, uploads
per second, peak memory. With ``--profile`` also where the CPU time goes; that costs a few percent.
"""

import argparse
import io
import json
import logging
import resource
import time

import numpy as np
from PIL import Image

from pipeline.local.kafka import LocalKafka
from tests.benchmarks.meter import measure
from tests.live.shop import Shop

COPIES = 0.2


def photo(number: int) -> bytes:
    """A JPEG of 640 x 480 and about 50 KB whose hash differs from the others'."""
    rng = np.random.default_rng(number)
    coarse = Image.fromarray(rng.integers(0, 255, (9, 9, 3), dtype=np.uint8)).resize(
        (640, 480), Image.Resampling.BICUBIC
    )
    noise = rng.integers(0, 39, (480, 640, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(np.asarray(coarse) // 2 + noise).save(buffer, "JPEG", quality=75)
    return buffer.getvalue()


def main(uploads: int, profile: bool) -> None:
    """Run once and print."""
    logging.disable(logging.CRITICAL)
    distinct = [photo(number) for number in range(int(uploads * (1 - COPIES)))]
    names = {"uploads": "uploads", "captions": "captions", "dead": "dead", "audit": "audit"}
    with LocalKafka() as broker:
        broker.create_topics({"uploads": 4, "captions": 4, "dead": 1, "audit": 4})
        shop = Shop(broker.bootstrap_servers, names)
        shop.upload(
            *(
                {
                    "image_id": f"i{n}",
                    "image": distinct[n % len(distinct)],
                    "merchant": f"m{n % len(distinct) % 8}",
                }
                for n in range(uploads)
            )
        )
        meter = measure() if profile else None
        started, cpu = time.perf_counter(), time.process_time()
        counters = shop.run()
        seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    if counters["captions"] != uploads:
        raise SystemExit(f"{counters['captions']} captions for {uploads} uploads")
    line = {
        "uploads": uploads,
        "copies": counters["duplicates"] / uploads,
        "bytes": sum(map(len, distinct)) // len(distinct),
        "seconds": round(seconds, 2),
        "cpu_ms_per_upload": round(1000 * cpu / uploads, 2),
        "uploads_per_second": round(uploads / seconds, 1),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    print(json.dumps(line))
    if meter is not None:
        print(meter.report(uploads, cpu))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Uploads per second of the whole job")
    parser.add_argument("uploads", type=int, nargs="?", default=1500)
    parser.add_argument("--profile", action="store_true")
    arguments = parser.parse_args()
    main(arguments.uploads, arguments.profile)
