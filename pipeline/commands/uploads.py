"""The options that say which uploads are read, for the commands that read them."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.kafka.positions import Position, Uploads
    from pipeline.kafka.span import Span

_OFFSET = "[TOPIC:]PARTITION=OFFSET"


def add_uploads(group: Any) -> None:
    """Topics and partitions, to a group of options."""
    add_topics_read(group)
    group.add_argument(
        "--partition",
        action="append",
        default=[],
        metavar="[TOPIC:]PARTITION",
        help="of that topic only this one; repeatable",
    )


def add_topics_read(group: Any) -> None:
    """Topics; `topics_read` reads them."""
    add_topic(group)
    group.add_argument("--topic-pattern", default="", metavar="REGEX", help="topics by whole name, instead of --topic")


def add_topic(group: Any) -> None:
    """``--topic``."""
    group.add_argument("--topic", action="append", default=[], help="upload events (default image-uploads); repeatable")


def uploads_topic(arguments: argparse.Namespace) -> str:
    """The one topic that a command takes. Raises `ConfigInvalid` when there are several."""
    from pipeline.kafka.positions import Uploads
    from transforms.errors import ConfigInvalid

    topics = tuple(arguments.topic) or Uploads().topics
    if len(topics) > 1:
        raise ConfigInvalid(f"`{', '.join(topics)}` are several topics; name one with --topic")
    return topics[0]


def add_offsets(group: Any, option: str, what: str) -> None:
    """An option such as ``--from-offset``; `offsets` reads it."""
    group.add_argument(
        option, action="append", default=[], metavar=_OFFSET, help=f"{what} of one partition; repeatable"
    )


def topics_read(arguments: argparse.Namespace) -> Uploads:
    """What `add_topics_read` was told. Raises `ConfigInvalid`."""
    from pipeline.kafka.positions import Uploads

    topics = tuple(arguments.topic) or (() if arguments.topic_pattern else Uploads().topics)
    return Uploads(topics, arguments.topic_pattern)


def uploads(arguments: argparse.Namespace) -> Uploads:
    """What `add_uploads` was told. Raises `ConfigInvalid`."""
    from dataclasses import replace

    read = topics_read(arguments)
    partitions = tuple(_place(text, read.topics, "--partition") for text in arguments.partition)
    return replace(read, partitions=partitions)


def offsets(arguments: argparse.Namespace, name: str) -> tuple[Position, ...]:
    """What the option with the attribute ``name`` was told. Raises `ConfigInvalid`."""
    from pipeline.kafka.positions import Position
    from transforms.errors import ConfigInvalid

    option = f"--{name.replace('_', '-')}"
    positions = []
    for text in getattr(arguments, name):
        place, _, offset = text.partition("=")
        if not offset.isdecimal():
            raise ConfigInvalid(f"`{text}` is not {_OFFSET}; mend {option}, for example 0=1200")
        topic, partition = _place(place, uploads(arguments).topics, option)
        positions.append(Position(topic, partition, int(offset)))
    return tuple(positions)


def show_spans(spans: Sequence[Span]) -> None:
    """A table of what will be read, on stderr; nothing where that is nothing."""
    if not spans:
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("topic", *(_numbers(name) for name in ("partition", "from", "to", "records")), box=None)
    for span in spans:
        table.add_row(span.topic, str(span.partition), str(span.start), str(span.stop), f"{span.stop - span.start:,}")
    Console(stderr=True, width=1000, highlight=False).print(table)


def _numbers(name: str) -> Any:
    from rich.table import Column

    return Column(name, justify="right")


def _place(text: str, topics: tuple[str, ...], option: str) -> tuple[str, int]:
    from transforms.errors import ConfigInvalid

    topic, _, number = text.rpartition(":")
    if not number.isdecimal():
        raise ConfigInvalid(f"`{text}` names no partition; mend {option}, for example image-uploads:0")
    if not topic and len(topics) != 1:
        raise ConfigInvalid(f"`{text}` does not say of which topic; mend {option}, for example image-uploads:{number}")
    return topic or topics[0], int(number)
