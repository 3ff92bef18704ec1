"""``captionstream submit``."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from pipeline.commands.given import given
from pipeline.commands.kafka import add_kafka, kafka_options
from pipeline.commands.registry import add_registry, registry_options
from pipeline.commands.shared import add_command, add_max_image_bytes, add_upload_format, wire_format
from pipeline.commands.uploads import add_topic
from pipeline.terminal import printable, say

if TYPE_CHECKING:
    from pipeline.submit.events import Asked
    from pipeline.submit.send import Written

TASKS = ("DESCRIBE", "MODERATE", "INDEX", "ANSWER")
MOST_SHOWN = 20

_EXAMPLE = """example:
  captionstream submit photos --bootstrap-servers broker:9092 --topic image-uploads --merchant acme
  captionstream submit shoe.jpg https://shop.example/img/hat.jpg --attribute brand=Acme --language en

Writes one upload event for each picture, as the job reads them. Files go inside the event, and of a directory every
picture below it; of an address only the address goes, and the job needs --fetch-host, --fetch-bucket or --file-root
for it.

The image id is the path below the directory, or a file's name, or an address without its query; --merchant goes before
it. So the same picture has the same id tomorrow, and a changed one replaces what was said of it. Two different pictures
with one id are refused before anything is written.
"""


def add(commands: Any) -> None:
    """Declare its options."""
    submit = add_command(
        commands, "submit", "write upload events from pictures", _EXAMPLE, fails="a picture was not written"
    )
    submit.add_argument("places", nargs="+", metavar="PLACE", help="file, directory or address")
    submit.add_argument("--dry-run", action="store_true", help="write nothing, only say what would be written")
    submit.add_argument("--json", action="store_true", help="print one JSON object a picture instead of the table")
    add_kafka(submit)
    group = submit.add_argument_group("topics")
    add_topic(group)
    add_upload_format(group)
    add_registry(submit)
    add_max_image_bytes(submit.add_argument_group("pictures", "as the job has it"))
    group = submit.add_argument_group("what the uploads say")
    group.add_argument("--merchant", default="", metavar="NAME", help="whose pictures they are (default: nobody's)")
    group.add_argument("--category", default="", metavar="NAME", help="chooses the prompt, for example food")
    group.add_argument(
        "--task",
        choices=TASKS,
        default=TASKS[0],
        help="what is asked for (default DESCRIBE)",
    )
    group.add_argument(
        "--language",
        action="append",
        default=[],
        metavar="TAG",
        help="of the texts; repeatable (default zh-Hans and en)",
    )
    group.add_argument(
        "--attribute",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="title, brand, colour, sku and the like, the same for all; repeatable",
    )
    group.add_argument("--question", metavar="TEXT", help="for task ANSWER")


def run(parsed: argparse.Namespace) -> int:
    """Run it."""
    asked, kafka = _asked(parsed), kafka_options(parsed)
    wire = wire_format(parsed.upload_format, parsed.schema_id, registry_options(parsed))
    import time

    from pipeline.commands.uploads import uploads_topic
    from pipeline.registry.write import with_writer
    from pipeline.submit.pictures import gather
    from pipeline.submit.send import Submission
    from transforms.inspect import InspectLimits

    limits = InspectLimits(**given({"max_bytes": parsed.max_image_bytes}))
    topic = uploads_topic(parsed)
    gathered = gather(parsed.places, asked.merchant)
    submission = Submission(kafka, topic, asked, with_writer(wire, topic), limits.max_bytes, time.time)
    written = []
    for one in submission.check(gathered.sources) if parsed.dry_run else submission.send(gathered.sources):
        if parsed.json:
            print(json.dumps(_line(one, topic), ensure_ascii=False), flush=True)
        written.append(one)
    failed = [one for one in written if one.error is not None]
    if not parsed.json:
        _show(written, parsed.dry_run)
    for one in failed if not parsed.json else ():
        say(f"not written: {printable(one.source.place)}: {one.error.message if one.error else ''}")
    if gathered.no_pictures:
        names = ", ".join(f"`{printable(name)}`" for name in gathered.no_pictures[:3])
        say(f"left out, as they are no picture the job takes: {len(gathered.no_pictures)}, the first {names}")
    deed = "would be written to" if parsed.dry_run else "written to"
    say(f"{len(written) - len(failed):,} of {len(written):,} uploads {deed} topic {topic}")
    return 1 if failed else 0


def _asked(parsed: argparse.Namespace) -> Asked:
    from pipeline.submit.events import Asked
    from transforms.errors import ConfigInvalid

    attributes = []
    for text in parsed.attribute:
        name, sign, value = text.partition("=")
        if not sign or not name:
            raise ConfigInvalid(f"attribute `{text}` is not NAME=VALUE; mend --attribute, for example brand=Acme")
        attributes.append((name, value))
    return Asked(
        parsed.merchant, parsed.category, parsed.task, tuple(parsed.language), tuple(attributes), parsed.question
    )


def _line(one: Written, topic: str) -> dict[str, Any]:
    line: dict[str, Any] = {"image_id": one.source.image_id, "topic": topic, "bytes": one.size}
    if one.error is not None:
        return {**line, "code": one.error.code, "error": one.error.message}
    return {**line, "partition": one.partition, "offset": one.offset}


def _show(written: list[Written], dry_run: bool) -> None:
    from rich.console import Console
    from rich.table import Column, Table

    good = [one for one in written if one.error is None]
    numbers = ("bytes",) if dry_run else ("bytes", "partition", "offset")
    table = Table("image id", *(Column(name, justify="right") for name in numbers), box=None)
    for one in good[:MOST_SHOWN]:
        cells = (f"{one.size:,}", str(one.partition), str(one.offset))
        table.add_row(printable(one.source.image_id), *cells[: len(numbers)])
    if good:
        Console(width=1000, highlight=False, markup=False).print(table)
    if len(good) > MOST_SHOWN:
        print(f"… and {len(good) - MOST_SHOWN:,} more; --json prints all")
