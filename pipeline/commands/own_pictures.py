"""``captionstream try``."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from pipeline.commands.captioner import add_captioner, captioner
from pipeline.commands.shared import add_command, add_model_pixels, add_prompts, library_name, writable_report
from pipeline.terminal import printable, say

if TYPE_CHECKING:
    from pipeline.trying.run import Result

MOST_SHOWN = 20

_EXAMPLE = """example:
  captionstream try photos
  captionstream try photos --model /models/Qwen3-VL-8B-Instruct --device cuda

Takes the pictures below a directory through the whole job: a Kafka broker of its own is started on this machine, an
upload event is written for each picture, the job captions them in Chinese and English, and both topics are read back.
The broker is gone afterwards. Without --model it is the bundled tiny model that writes: it knows ten kinds of rendered
products and no photos, and will guess wrongly at yours.
"""


def add(commands: Any) -> None:
    """Declare its options."""
    command = add_command(
        commands, "try", "caption your own pictures on a local broker", _EXAMPLE, fails="no picture got a caption"
    )
    command.add_argument("places", nargs="+", metavar="PLACE", help="directory or file")
    command.add_argument(
        "--report",
        default="captionstream-pictures.html",
        metavar="FILE",
        help="HTML page to write (default captionstream-pictures.html)",
    )
    command.add_argument("--json", action="store_true", help="print one JSON object a picture instead of the table")
    group = add_captioner(command)
    add_model_pixels(group)
    add_prompts(group)


def run(parsed: argparse.Namespace) -> int:
    """Run it."""
    options = captioner(parsed)
    report = writable_report(parsed.report)
    from pipeline.submit.pictures import gather
    from pipeline.trying.page import write
    from pipeline.trying.run import TINY, try_pictures
    from transforms.captioner.prompts import Library
    from transforms.errors import ConfigInvalid

    gathered = gather(parsed.places)
    for source in gathered.sources:
        if source.path is None:
            raise ConfigInvalid(
                f"`{source.place}` is an address; name files or directories, or use captionstream submit"
            )
    is_tiny = options.has_checkpoint and options.model == "tiny"
    prompts = Library.load(library_name(parsed))
    results = try_pictures(gathered.sources, options, prompts, (lambda _: None) if parsed.json else say)
    write(report, results, options.model, TINY if is_tiny else "")
    if parsed.json:
        for result in results:
            print(json.dumps(_line(result), ensure_ascii=False))
    else:
        _show(results)
    if is_tiny:
        say(TINY)
    say(f"the pictures with their captions are in {report.resolve()}")
    return 0 if any(result.texts for result in results) else 1


def _line(result: Result) -> dict[str, Any]:
    line: dict[str, Any] = {"image_id": result.source.image_id}
    if result.texts:
        return {**line, "texts": dict(result.texts), "copy_of": result.copy_of or None}
    return {**line, "code": result.code, "error": result.message}


def _show(results: list[Result]) -> None:
    for result in results[:MOST_SHOWN]:
        print(printable(result.source.image_id))
        for language, text in result.texts.items():
            print(f"  {language:<8} {printable(text)}")
        if result.copy_of:
            print(f"  a copy of {printable(result.copy_of)}, whose text it has")
        if not result.texts:
            print(f"  no caption: {result.code}: {printable(result.message)}")
    if len(results) > MOST_SHOWN:
        print(f"… and {len(results) - MOST_SHOWN:,} more: see the page, or --json")
