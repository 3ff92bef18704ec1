"""``captionstream run``."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from pipeline.commands.duration import milliseconds
from pipeline.commands.registry import with_schema_ids
from pipeline.commands.reuse import with_cache
from pipeline.commands.runner import add_runner, submission
from pipeline.commands.shared import add_command, add_job, add_topics, job_config
from pipeline.commands.uploads import add_offsets, add_uploads, offsets
from pipeline.terminal import say
from transforms.errors import ConfigInvalid

if TYPE_CHECKING:
    from pipeline.config import Config
    from pipeline.kafka.live.options import LiveRead
    from pipeline.kafka.offsets import Starts
    from pipeline.kafka.positions import Moment, Position

TAKES_BEAM_OPTIONS = True
SHOWS_LOGS = True

_EXAMPLE = """example:
  captionstream run --bootstrap-servers broker:9092 --topic image-uploads --checkpoint-dir /var/lib/captionstream \\
      --model /models/Qwen3-VL-8B-Instruct --device cuda --slots 64

It runs on a Flink of its own in this process, or on a cluster: --flink-master jobmanager:8081
--environment external:localhost:50000. Ctrl-C stops it with a savepoint.

Where it begins, strongest first: --resume; --from-offset of a partition; --from.
"""


def add(commands: Any) -> None:
    """Declare its options."""
    declare(add_command(commands, "run", "caption uploads as they come, until it is stopped", _EXAMPLE))


def declare(command: argparse.ArgumentParser) -> None:
    """The options that make the job."""
    group = add_topics(command)
    add_uploads(group)
    group.add_argument("--group", default="captionstream", help="consumer group that is told how far the job came")
    group = command.add_argument_group("start")
    group.add_argument(
        "--resume",
        default="",
        metavar="SAVEPOINT",
        help="checkpoint or savepoint to go on from; latest: the newest below --checkpoint-dir",
    )
    group.add_argument(
        "--from",
        default="committed",
        help="committed (default; what the group has not finished, all of it the first time), earliest, latest or "
        "an ISO time with a zone",
    )
    add_offsets(group, "--from-offset", "first offset")
    group.add_argument("--rewind", metavar="DURATION", help="go back so far from the committed offsets, e.g. 15m")
    group = command.add_argument_group("event time")
    group.add_argument("--event-time", choices=("record", "upload"), default="record", help="whose timestamp counts")
    group.add_argument("--allowed-disorder", default="1m", metavar="DURATION", help="default 1m")
    group.add_argument("--idle-after", default="10s", metavar="DURATION", help="default 10s")
    group = command.add_argument_group("watchdog")
    group.add_argument(
        "--watchdog", default="5m", metavar="DURATION", help="say so when nothing comes out for so long; 0s: off"
    )
    group.add_argument(
        "--watchdog-fails",
        action="store_true",
        help="and let the runner start the job again; end it when that does not help",
    )
    add_job(command)
    add_runner(command, ("flink", "prism", "dataflow"))


def run(parsed: argparse.Namespace) -> int:
    """Run it."""
    moment, rewind = start(parsed)
    from dataclasses import replace

    config = replace(job_config(parsed), is_replay=False)
    live = live_read(parsed, config)
    config = with_schema_ids(config)
    from pipeline.kafka.live.overseer import overseer_for
    from pipeline.kafka.offsets import resolve_starts
    from pipeline.kafka.source import ReadLive
    from pipeline.runners.places import address
    from pipeline.runners.resume import savepoint_of
    from pipeline.runners.submit import submit

    savepoint = savepoint_of(parsed.resume, parsed.checkpoint_dir)
    begin: tuple[Position, ...] | None = None
    if savepoint:
        say(f"going on from {savepoint}; new partitions are read from their beginning")
    else:
        config = with_cache(config)  # the savepoint has what was read before it
        starts = resolve_starts(
            config.kafka,
            config.uploads,
            moment,
            offsets(parsed, "from_offset"),
            parsed.group,
            rewind,
            config.topics.names,
        )
        _refuse_a_gap(starts, rewind)
        for position in starts.positions:
            say(f"{position.topic} partition {position.partition}: from offset {position.offset}")
        begin = starts.positions
    job = submission(parsed, config, savepoint)
    savepoints = f"{address(parsed.checkpoint_dir).rstrip('/')}/savepoints" if parsed.checkpoint_dir else ""
    oversee = overseer_for(live.watchdog, live.kafka, live.group, live.uploads, live.outputs)
    submit(config, ReadLive(live, begin), job, parsed.job_name, savepoints, oversee, say)
    return 0


def start(parsed: argparse.Namespace) -> tuple[Moment, int | None]:
    """``--from``, and ``--rewind`` in milliseconds. Raises `ConfigInvalid`."""
    from pipeline.kafka.positions import COMMITTED, EARLIEST, LATEST, Moment

    rewind = None if parsed.rewind is None else milliseconds(parsed.rewind, "--rewind")
    moment = Moment.parse(getattr(parsed, "from"), "--from", (COMMITTED, EARLIEST, LATEST))
    if rewind is not None and moment.text != COMMITTED:
        raise ConfigInvalid(f"`--rewind` goes back from committed offsets; leave --from `{moment.text}` out")
    return moment, rewind


def live_read(parsed: argparse.Namespace, config: Config) -> LiveRead:
    """What the source is told. Raises `ConfigInvalid`."""
    from pipeline.kafka.live.event_time import UploadTime
    from pipeline.kafka.live.options import LiveRead
    from pipeline.kafka.live.watchdog import WatchdogOptions
    from pipeline.kafka.live.watermark import WatermarkPolicy

    seconds = {
        name: milliseconds(getattr(parsed, name), f"--{name.replace('_', '-')}") / 1000
        for name in ("allowed_disorder", "idle_after", "watchdog")
    }
    return LiveRead(
        config.kafka,
        config.uploads,
        parsed.group,
        config.topics.names,
        WatermarkPolicy(seconds["allowed_disorder"], seconds["idle_after"]),
        UploadTime(config.uploads_wire) if parsed.event_time == "upload" else None,
        watchdog=WatchdogOptions(seconds["watchdog"], parsed.watchdog_fails),
        metrics=config.metrics,
    )


def _refuse_a_gap(starts: Starts, rewind: int | None) -> None:
    if starts.committed and rewind is None:
        topic, partition = starts.committed[0]
        raise ConfigInvalid(
            f"the group has committed offsets (`{topic}` partition {partition}, {len(starts.committed)} in all), and "
            "uploads before them may still have been pending in the stopped job's state, which a plain start leaves "
            "behind. Say --resume latest to go on from its checkpoint, or --rewind 15m to read again what may have "
            "been pending (repeats keep their ids), or --from earliest"
        )
