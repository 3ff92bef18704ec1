"""``captionstream replay``."""

from __future__ import annotations

import argparse
import json
from typing import Any

from pipeline.commands.shared import add_command, add_job, add_topics, job_config
from pipeline.terminal import say, table

_EXAMPLE = """example:
  captionstream replay --bootstrap-servers broker:9092 --topic image-uploads \\
      --captions-topic image-captions --dead-letters-topic image-captions-dead-letters \\
      --audit-topic image-captions-audit --model /models/Qwen3-VL-8B-Instruct --device cuda --dtype bfloat16

The topics must exist. Uploads are Avro of schema ImageUpload (schemas/image_upload.avsc).
"""


def add(commands: Any) -> None:
    """Declare its options."""
    replay = add_command(commands, "replay", "caption what a topic holds, then stop", _EXAMPLE)
    replay.add_argument("--json", action="store_true", help="print the counters as one JSON object")
    group = add_topics(replay)
    group.add_argument("--from", dest="start", default="earliest", help="earliest, or an ISO time with a zone")
    group.add_argument("--to", dest="stop", default="latest", help="latest (now), or an ISO time with a zone")
    add_job(replay)


def run(parsed: argparse.Namespace) -> int:
    """Run it."""
    config = job_config(parsed)
    from pipeline.kafka.replay import resolve
    from pipeline.progress import Progress
    from pipeline.runners import run_embedded

    spans = resolve(config.kafka, config.topics.uploads, parsed.start, parsed.stop)
    records = sum(span.stop - span.start for span in spans)
    for span in spans:
        say(f"{span.topic} partition {span.partition}: offsets {span.start} to {span.stop}")
    say(f"{records} records, run {config.run_id}")
    with Progress("Captioning", records):
        counters = run_embedded(config, spans)
    print(json.dumps(counters) if parsed.json else table(counters))
    return 0
