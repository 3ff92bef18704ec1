"""``captionstream replay``."""

from __future__ import annotations

import argparse
import contextlib
import json
from typing import TYPE_CHECKING, Any

from pipeline.commands.registry import with_schema_ids
from pipeline.commands.reuse import with_cache
from pipeline.commands.runner import add_runner, submission
from pipeline.commands.shared import add_command, add_job, add_topics, job_config
from pipeline.commands.uploads import add_offsets, add_uploads, offsets, show_spans
from pipeline.terminal import say, table

if TYPE_CHECKING:
    from pipeline.kafka.positions import Moment, Position

TAKES_BEAM_OPTIONS = True

_EXAMPLE = """example:
  captionstream replay --bootstrap-servers broker:9092 --topic image-uploads \\
      --captions-topic image-captions --dead-letters-topic image-captions-dead-letters \\
      --audit-topic image-captions-audit --model /models/Qwen3-VL-8B-Instruct --device cuda

The topics must exist. Uploads are Avro of schema ImageUpload (schemas/image_upload.avsc).
What is read is resolved once, at launch. An explicit offset of a partition goes before --from and --to.
Small topics are replayed in this process; large ones on a cluster: --runner flink --flink-master jobmanager:8081.
"""


def add(commands: Any) -> None:
    """Declare its options."""
    replay = add_command(commands, "replay", "caption what topics hold, then stop", _EXAMPLE)
    replay.add_argument("--json", action="store_true", help="print the counters as one JSON object")
    declare(replay)


def declare(replay: argparse.ArgumentParser) -> None:
    """The options that make the job."""
    replay.add_argument(
        "--only-changed",
        action="store_true",
        help="skip uploads whose caption, by these prompts and this model, is in the captions topic",
    )
    group = add_topics(replay)
    add_uploads(group)
    group.add_argument("--from", default="earliest", help="earliest, latest or an ISO time with a zone")
    group.add_argument("--to", default="latest", help="latest (now), earliest or an ISO time with a zone")
    add_offsets(group, "--from-offset", "first offset")
    add_offsets(group, "--to-offset", "offset to stop before")
    add_job(replay)
    add_runner(replay, ("embedded", "flink", "prism", "dataflow"))


def run(parsed: argparse.Namespace) -> int:
    """Run it."""
    config = with_schema_ids(job_config(parsed))
    from dataclasses import replace

    from pipeline.kafka.offsets import resolve
    from pipeline.kafka.positions import Uploads
    from pipeline.progress import Progress
    from pipeline.runners.embedded import run_embedded

    spans = resolve(
        config.kafka,
        config.uploads,
        *span(parsed),
        config.topics.names,
    )
    if parsed.only_changed:
        config = replace(config, published=resolve(config.kafka, Uploads((config.topics.captions,))))
    config = with_cache(config)
    records = sum(span.stop - span.start for span in spans)
    show_spans(spans)
    say(f"{records:,} records, run {config.run_id}")
    if parsed.runner == "embedded":
        with Progress("Captioning", records, lines=parsed.verbose):
            counters = run_embedded(config, spans)
    else:
        from pipeline.kafka.replay import ReadUploads
        from pipeline.kafka.written import Written
        from pipeline.runners.submit import submit

        job = submission(parsed, config, is_bounded=True)
        written = Written(
            config.kafka, (config.topics.captions, config.topics.dead_letters)
        )  # its workers are elsewhere
        with contextlib.closing(written), Progress("Captioning", records, written, lines=parsed.verbose):
            counters = submit(config, ReadUploads(config.kafka, spans), job, parsed.job_name, say=say)
    print(json.dumps(counters) if parsed.json else table(counters))
    return 0


def span(parsed: argparse.Namespace) -> tuple[Moment, Moment, tuple[Position, ...], tuple[Position, ...]]:
    """``--from`` and ``--to``, and what goes before them in single partitions. Raises `ConfigInvalid`."""
    from pipeline.kafka.positions import Moment

    moments = Moment.parse(getattr(parsed, "from"), "--from"), Moment.parse(parsed.to, "--to")
    return *moments, offsets(parsed, "from_offset"), offsets(parsed, "to_offset")
