"""``captionstream report``."""

from __future__ import annotations

import argparse
import json
from typing import Any

from pipeline.commands.kafka import add_kafka, kafka_options
from pipeline.commands.looking import add_read_topics, add_window, window
from pipeline.commands.registry import registry_options
from pipeline.commands.shared import (
    add_command,
    add_inspection,
    add_model_pixels,
    inspection,
    wire_format,
    writable_report,
)
from pipeline.terminal import say

_EXAMPLE = """example:
  captionstream report --bootstrap-servers broker:9092 --since 24h --gpu-hour-price 2.50
  captionstream report --bootstrap-servers broker:9092 --from 2026-11-01T00:00:00+00:00 \\
      --report report.html --topic image-uploads

Reads the captions, audit and dead-letter topics and says what was captioned, reused, refused and lost, how long it took
and what it cost. Repeats count once. Nothing is written to Kafka, and no group is used.

The window is the time at which captions and audit records were written, and at which uploads failed. The dead-letter
topic is read whole: its records keep the time of their uploads. docs/report.md says how every figure is made.
With --topic the page shows some of the pictures, where they lie inside of the uploads; none is fetched.
"""


def add(commands: Any) -> None:
    """Declare its options."""
    report = add_command(commands, "report", "what was captioned, reused, refused and lost, and its cost", _EXAMPLE)
    add_window(report)
    report.add_argument("--gpu-hour-price", type=float, metavar="PRICE", help="of one GPU, in any currency")
    report.add_argument("--gpus", type=int, default=1, help="cards that wrote these topics (default 1)")
    report.add_argument("--report", metavar="FILE", help="HTML page to write")
    report.add_argument("--json", action="store_true", help="print one JSON object instead of the tables")
    add_kafka(report)
    add_read_topics(report, "default none: for pictures on the page")
    group = report.add_argument_group("pictures", "they are checked as the job checks them before they are shown")
    add_inspection(group)
    add_model_pixels(group)


def run(parsed: argparse.Namespace) -> int:
    """Run it."""
    import time

    from pipeline.kafka.connection import check_topics
    from pipeline.report.read import ReportTopics, gather, plan
    from pipeline.report.report import Report
    from pipeline.report.summary import as_json
    from pipeline.report.terminal import tables
    from transforms.errors import ConfigInvalid

    when = window(parsed)
    if parsed.gpu_hour_price is not None and not 0 <= parsed.gpu_hour_price < float("inf"):
        raise ConfigInvalid(f"price `{parsed.gpu_hour_price}` is none; mend --gpu-hour-price")
    if parsed.gpus < 1:
        raise ConfigInvalid(f"`{parsed.gpus}` cards write no captions; mend --gpus")
    if parsed.topic and not parsed.report and "--topic" not in parsed.sources.places:  # a shared file may name it
        raise ConfigInvalid("`--topic` is for the pictures of the page; add --report")
    options = kafka_options(parsed)
    wire = wire_format(parsed.upload_format, parsed.schema_id, registry_options(parsed))
    limits = inspection(parsed)
    path = writable_report(parsed.report) if parsed.report else None
    topics = ReportTopics(parsed.captions_topic, parsed.dead_letters_topic, parsed.audit_topic)
    if path is not None and parsed.topic:
        check_topics(options, tuple(parsed.topic))
    found = gather(options, plan(options, topics, when), when, parsed.verbose)
    report = Report(
        found, options.bootstrap_servers, topics, int(time.time() * 1000), parsed.gpus, parsed.gpu_hour_price
    )
    if path is not None:
        from pipeline.report.html import write_report
        from pipeline.report.pictures import Pictures

        write_report(path, report, Pictures(options, tuple(parsed.topic), wire, limits))
    print(json.dumps(as_json(report), ensure_ascii=False) if parsed.json else tables(report))
    if path is not None:
        say(f"the page is {path}")
    return 0
