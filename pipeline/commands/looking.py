"""The options that say which topics are looked into, for the commands that look for an image."""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING, Any

from pipeline.commands.duration import milliseconds
from pipeline.commands.registry import add_registry, registry_options
from pipeline.commands.shared import add_upload_format, wire_format

if TYPE_CHECKING:
    from pipeline.inspect.topics import Topics
    from pipeline.report.window import Window


def add_window(command: argparse.ArgumentParser) -> None:
    """A bound in time; `window` reads it."""
    command.add_argument("--from", metavar="TIME", help="ISO time with a zone (default earliest)")
    command.add_argument("--to", metavar="TIME", help="first time not taken (default latest)")
    command.add_argument("--since", metavar="DURATION", help="instead of both: up to now, for example 24h or 7d")


def add_read_topics(command: argparse.ArgumentParser, uploads: str) -> Any:
    """The topics, and the format of the uploads; ``uploads`` says what there is without a ``--topic``."""
    group = command.add_argument_group("topics")
    group.add_argument("--topic", action="append", default=[], help=f"upload events ({uploads}); repeatable")
    group.add_argument("--captions-topic", default="image-captions", help="where captions are")
    group.add_argument("--dead-letters-topic", default="image-captions-dead-letters", help="where dead letters are")
    group.add_argument("--audit-topic", default="image-captions-audit", help="where every answer of the model is")
    add_upload_format(group)
    add_registry(command)
    return group


def add_looked_into(command: argparse.ArgumentParser, uploads: str) -> Any:
    """The topics in which an image is looked for; `topics` reads them."""
    group = add_read_topics(command, uploads)
    group.add_argument(
        "--key-partition-only",
        action="store_true",
        help="look only where Kafka's default partitioner puts the image id today: faster, and it misses what another "
        "partitioner wrote or what is older than the topic's last partitions",
    )
    return group


def window(arguments: argparse.Namespace) -> Window:
    """What `add_window` was told. Raises `ConfigInvalid`."""
    from pipeline.report.window import Window

    since_ms = None if arguments.since is None else milliseconds(arguments.since, "--since")
    return Window.parse(getattr(arguments, "from"), arguments.to, since_ms, int(time.time() * 1000))


def topics(arguments: argparse.Namespace, uploads: tuple[str, ...] = (), cache: str = "") -> Topics:
    """What `add_looked_into` was told; ``uploads`` without a ``--topic``. Raises `ConfigInvalid`."""
    from pipeline.inspect.topics import Topics

    return Topics(
        tuple(arguments.topic) or uploads,
        arguments.captions_topic,
        arguments.dead_letters_topic,
        arguments.audit_topic,
        cache,
        wire_format(arguments.upload_format, arguments.schema_id, registry_options(arguments)),
    )
