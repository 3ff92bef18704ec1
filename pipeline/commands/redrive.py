"""``captionstream redrive``."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from pipeline.commands.kafka import add_kafka, kafka_options
from pipeline.commands.shared import add_command
from pipeline.terminal import say

if TYPE_CHECKING:
    from pipeline.redrive.letters import Letter
    from pipeline.redrive.plan import Plan, Selection

_EXAMPLE = """example:
  captionstream redrive --bootstrap-servers broker:9092 --retryable-only
  captionstream redrive --bootstrap-servers broker:9092 --retryable-only --send

The first only says what would be sent, the second sends it: the original key, value, timestamp and headers, to the
original topic, with two headers of ours (which attempt, and which record it was). The job captions it from there.

Of a record that failed several times the last letter counts. What was sent is remembered by the group, letter by
letter, so a second run sends nothing twice; a letter that a selection leaves out stays for another run. A run that is
killed may send its last 500 letters again, and a group that was not used for the broker's offsets.retention.minutes
(7 days) forgets: that costs captions, not correctness, since their ids are the same.
"""


def add(commands: Any) -> None:
    """Declare its options."""
    redrive = add_command(commands, "redrive", "send dead letters back to the topic they came from", _EXAMPLE)
    redrive.add_argument("--send", action="store_true", help="send them; without it nothing is written")
    redrive.add_argument("--json", action="store_true", help="print one JSON object instead of the table")
    add_kafka(redrive)
    group = redrive.add_argument_group("topics")
    group.add_argument("--dead-letters-topic", default="image-captions-dead-letters", help="where the letters are read")
    group.add_argument("--to-topic", metavar="TOPIC", help="where to (default: the topic each letter came from)")
    group.add_argument(
        "--group",
        default="captionstream-redrive",
        help="consumer group that remembers what was sent (default %(default)s)",
    )
    group = redrive.add_argument_group("which letters", "all that are given must hold; repeatable ones take several")
    group.add_argument("--code", action="append", default=[], help="error code, for example image_missing; repeatable")
    group.add_argument("--retryable-only", action="store_true", help="only errors that may pass without a change")
    group.add_argument("--stage", action="append", default=[], help="stage that failed, `Fetch image`; repeatable")
    group.add_argument("--source-topic", action="append", default=[], help="topic they came from; repeatable")
    group.add_argument("--run-id", action="append", default=[], help="run that failed; repeatable")
    group.add_argument("--image-id", action="append", default=[], help="record key; repeatable")
    group.add_argument(
        "--from",
        dest="start",
        default="earliest",
        metavar="TIME",
        help="ISO time with a zone, of the upload: a letter keeps its timestamp",
    )
    group.add_argument("--to", dest="stop", default="latest", metavar="TIME", help="first time not taken")
    group.add_argument("--limit", type=int, help="at most this many, the oldest first")
    group.add_argument("--max-attempts", type=int, default=3, help="leave letters redriven this often (default 3)")


def run(parsed: argparse.Namespace) -> int:
    """Run it."""
    selection = _selection(parsed)
    from pipeline.redrive.plan import make_plan
    from pipeline.redrive.send import Redrive

    redrive = Redrive(kafka_options(parsed), parsed.dead_letters_topic, parsed.group)
    try:
        survey = redrive.survey()
        plan = make_plan(survey.letters, survey.foreign, survey.places_sent(), selection)
        if not parsed.json:
            print(_table(plan))
        redrive.check(plan, parsed.to_topic)
        sent, too_large = redrive.send(survey, plan, parsed.to_topic) if parsed.send else (0, None)
    finally:
        redrive.close()
    if parsed.json:
        print(json.dumps(_summary(plan, sent), ensure_ascii=False))
    if too_large is not None:
        raise too_large
    if parsed.send:
        say(f"letters sent: {sent:,}")
    elif plan.to_send:
        say("nothing was sent; add --send to send them")
    return 0


def _selection(parsed: argparse.Namespace) -> Selection:
    from pipeline.kafka.positions import EARLIEST, LATEST, Moment
    from pipeline.redrive.plan import Selection

    return Selection(
        codes=tuple(parsed.code),
        retryable_only=parsed.retryable_only,
        stages=tuple(parsed.stage),
        source_topics=tuple(parsed.source_topic),
        run_ids=tuple(parsed.run_id),
        keys=tuple(image_id.encode(errors="surrogateescape") for image_id in parsed.image_id),
        start_ms=Moment.parse(parsed.start, "--from", (EARLIEST,)).time_ms,
        stop_ms=Moment.parse(parsed.stop, "--to", (LATEST,)).time_ms,
        limit=parsed.limit,
        max_attempts=parsed.max_attempts,
    )


def _table(plan: Plan) -> str:
    rows = [("code", "stage", "from topic", "to send", "at maximum")]
    rows += [(*group, f"{to_send:,}", f"{left:,}") for group, to_send, left in plan.groups()]
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    lines = ["  ".join((*map(str.ljust, row[:3], widths), *map(str.rjust, row[3:], widths[3:]))) for row in rows]
    times = f", uploaded {_time(plan.to_send[0])} to {_time(plan.to_send[-1])}" if plan.to_send else ""
    left = "".join(f"; left, {why}: {number:,}" for why, number in plan.left().items() if number)
    return "\n".join([*lines[: len(lines) if rows[1:] else 0], f"letters to send: {len(plan.to_send):,}{times}{left}"])


def _summary(plan: Plan, sent: int) -> dict[str, Any]:
    return {
        "sent": sent,
        "to_send": len(plan.to_send),
        "oldest": _time(plan.to_send[0]) if plan.to_send else None,
        "newest": _time(plan.to_send[-1]) if plan.to_send else None,
        "left": {why.replace(" ", "_"): number for why, number in plan.left().items()},
        "groups": [
            {**group._asdict(), "to_send": to_send, "at_maximum": left} for group, to_send, left in plan.groups()
        ],
    }


def _time(letter: Letter) -> str:
    from datetime import UTC, datetime

    last = 253_402_300_799_000  # of the year 9999; a producer may say anything
    return datetime.fromtimestamp(min(letter.timestamp_ms, last) / 1000, UTC).isoformat(timespec="seconds")
