"""``captionstream inspect``."""

from __future__ import annotations

import argparse
import json
from typing import Any

from pipeline.commands.kafka import add_kafka, kafka_options
from pipeline.commands.looking import add_looked_into, add_window, topics, window
from pipeline.commands.shared import add_command
from pipeline.terminal import say

_EXAMPLE = """example:
  captionstream inspect --bootstrap-servers broker:9092 --image shoe-17 --since 7d
  captionstream inspect --bootstrap-servers broker:9092 --record image-captions-dead-letters/0/42

Shows what became of an image: its uploads, answers, captions, dead letters and withdrawals, decoded, in order of time.
With --record that record is shown whole, and then the history of its image, or of its upload where it names no image.

All partitions are read from --from on, because a key's partition depends on who wrote it and when; no group is used.
Pictures are shown as size, format and hash. An address is shown without its query string and password.
"""


def add(commands: Any) -> None:
    """Declare its options."""
    inspect = add_command(
        commands, "inspect", "one record decoded, and the history of its image", _EXAMPLE, "it failed, or found nothing"
    )
    which = inspect.add_mutually_exclusive_group(required=True)
    which.add_argument("--image", metavar="ID", help="image id")
    which.add_argument(
        "--record", metavar="TOPIC/PARTITION/OFFSET", help="coordinates of a record in one of the topics"
    )
    inspect.add_argument("--no-history", action="store_true", help="with --record: only that record")
    inspect.add_argument("--save-picture", metavar="FILE", help="write the newest upload's picture, as it was uploaded")
    inspect.add_argument("--json", action="store_true", help="print one JSON object a record")
    add_window(inspect)
    add_kafka(inspect)
    group = add_looked_into(inspect, "default image-uploads")
    group.add_argument("--cache-topic", default="", help="look into it, too (default none)")


def run(parsed: argparse.Namespace) -> int:
    """Run it: 0 when there is something, else 1."""
    from pathlib import Path

    from pipeline.inspect.decoded import Entry, Reader
    from pipeline.inspect.find import Finder, Wanted
    from pipeline.inspect.one import parse_place, read_one, save_picture
    from pipeline.inspect.show import history, whole
    from transforms.errors import ConfigInvalid

    if parsed.image == "":
        raise ConfigInvalid("the image id is empty; mend --image")
    if parsed.no_history and parsed.record is None:
        raise ConfigInvalid("`--no-history` leaves nothing to show of an image; give --record")
    options, looked_into, when = (
        kafka_options(parsed),
        topics(parsed, ("image-uploads",), parsed.cache_topic),
        window(parsed),
    )
    wanted, about, place = Wanted(parsed.image or ""), f"image {parsed.image}", None
    shown: list[Entry] = []
    if parsed.record is not None:
        place = parse_place(parsed.record)
        looked_into.kind(place.topic)
        entry = Reader(looked_into).read(read_one(options, place))
        wanted = Wanted(entry.image_id, entry.source or place)
        about = f"image {entry.image_id}" if entry.image_id else f"upload {wanted.source}"
        print(json.dumps(entry.as_json(), ensure_ascii=False) if parsed.json else f"{whole(entry)}\n")
        shown.append(entry)
    if not parsed.no_history:
        found = Finder(options, looked_into, when, parsed.key_partition_only).find(wanted, parsed.verbose)
        if not parsed.json:
            print(history(found, about))
        others = [one for one in found.entries if one.place != place]
        for one in others if parsed.json else ():
            print(json.dumps(one.as_json(), ensure_ascii=False))
        shown += others
    if parsed.save_picture:
        saved = save_picture(options, looked_into, shown, Path(parsed.save_picture))
        say(f"the picture of {saved.place} is {parsed.save_picture}, as it was uploaded")
    return 0 if shown else 1
