"""Uploads per second of the whole job on the embedded runner, real broker, fake captioner.

    python -m tests.benchmarks.pipeline [uploads]

Prints one JSON line: uploads, share of copies, bytes per picture, seconds, uploads per second, peak memory.
"""

import io
import json
import logging
import resource
import sys
import time

import numpy as np
from PIL import Image

from pipeline.local.kafka import LocalKafka
from tests.live.shop import Shop


def photo(number: int) -> bytes:
    """A JPEG of about 50 KB whose hash differs from the others'."""
    rng = np.random.default_rng(number)
    coarse = Image.fromarray(rng.integers(0, 255, (9, 9, 3), dtype=np.uint8)).resize(
        (640, 480), Image.Resampling.BICUBIC
    )
    noise = rng.integers(0, 24, (480, 640, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(np.asarray(coarse) // 2 + noise).save(buffer, "JPEG", quality=75)
    return buffer.getvalue()


def main(uploads: int = 1500, copies: float = 0.2) -> None:
    """Run once and print the line."""
    logging.disable(logging.CRITICAL)
    distinct = [photo(number) for number in range(int(uploads * (1 - copies)))]
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
        started = time.perf_counter()
        counters = shop.run()
        seconds = time.perf_counter() - started
    if counters["captions"] != uploads:
        raise SystemExit(f"{counters['captions']} captions for {uploads} uploads")
    line = {
        "uploads": uploads,
        "copies": counters["duplicates"] / uploads,
        "bytes": sum(map(len, distinct)) // len(distinct),
        "seconds": round(seconds, 2),
        "uploads_per_second": round(uploads / seconds, 1),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
