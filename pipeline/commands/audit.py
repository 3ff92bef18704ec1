"""``captionstream audit``."""

from __future__ import annotations

import argparse
import json
from typing import Any

from pipeline.commands.kafka import add_kafka, kafka_options
from pipeline.commands.looking import add_looked_into, add_window, topics, window
from pipeline.commands.shared import add_command

_EXAMPLE = """example:
  captionstream audit --bootstrap-servers broker:9092 --image shoe-17
  captionstream audit --bootstrap-servers broker:9092 --image shoe-17 --since 30d --topic image-uploads --json

Tells the story of one image from the audit, captions and dead-letter topics: who asked, the picture's hash, prompt,
model, sampling, tokens, time, verdict, rules and text of every answer, refused ones included, texts that were used
again and from whom, dead letters and withdrawals. Records that repeat an id are told once, with their number.

It says, too, whether every text that was published has its audit record. With --topic the uploads themselves are told.
"""


def add(commands: Any) -> None:
    """Declare its options."""
    audit = add_command(
        commands,
        "audit",
        "the story of one image: every request, answer and verdict",
        _EXAMPLE,
        "it failed, or found nothing",
    )
    audit.add_argument("--image", metavar="ID", required=True, help="image id")
    audit.add_argument("--json", action="store_true", help="print one JSON object for everything that happened")
    add_window(audit)
    add_kafka(audit)
    add_looked_into(audit, "default none: they may be large")


def run(parsed: argparse.Namespace) -> int:
    """Run it: 0 when there is something, else 1."""
    from pipeline.audit.show import shown
    from pipeline.audit.story import tell
    from pipeline.inspect.find import Finder, Wanted
    from transforms.errors import ConfigInvalid

    if not parsed.image:
        raise ConfigInvalid("the image id is empty; mend --image")
    options, looked_into, when = kafka_options(parsed), topics(parsed), window(parsed)
    finder = Finder(options, looked_into, when, parsed.key_partition_only)
    found = finder.find(Wanted(parsed.image), parsed.verbose)
    story = tell(found.entries, found.left_out)
    if parsed.json:
        for one in story.told:
            print(json.dumps(one.as_json(), ensure_ascii=False))
    else:
        print(shown(story, parsed.image, found.records))
    return 0 if story.told else 1
