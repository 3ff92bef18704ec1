"""What a command takes, as data: the one description from which files, variables and the reference are read."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any


class Kind(Enum):
    """How an option's value is written in a file."""

    SWITCH = "true or false"
    TEXT = "a string"
    WHOLE = "a whole number"
    NUMBER = "a number"
    SEVERAL = "an array"


@dataclass(frozen=True, slots=True)
class Option:
    """One option of one command."""

    name: str
    """Without dashes in front: the key in a file."""
    kind: Kind
    group: str
    """Under which heading ``--help`` lists it; empty: under none."""
    action: argparse.Action

    @property
    def default(self) -> Any:
        """Where nothing is said."""
        return self.action.default

    @property
    def dest(self) -> str:
        """Its attribute in the parsed arguments."""
        return self.action.dest

    @property
    def item(self) -> Kind:
        """The kind of one value."""
        return {int: Kind.WHOLE, float: Kind.NUMBER}.get(self.action.type, Kind.TEXT)  # type: ignore[call-overload]

    @property
    def bare(self) -> Any:
        """What the option means without a value, where it may have one or none."""
        return self.action.const if self.action.nargs == "?" else None

    @property
    def is_secret(self) -> bool:
        """Whether its value is a reference to a secret: somebody may put the secret itself there."""
        return self.action.metavar == "REFERENCE"

    @property
    def variable(self) -> str:
        """Its name in the environment."""
        return PREFIX + self.name.upper().replace("-", "_")

    def same_as(self, other: Option) -> bool:
        """Whether one value in a file can be meant for both."""
        return (self.kind, self.item, self.default) == (other.kind, other.item, other.default)


PREFIX = "CAPTIONSTREAM_"
OF_THE_COMMAND_LINE = frozenset({"help", "config"})
"""Options that no file and no variable has; the file itself is named in `CAPTIONSTREAM_CONFIG`."""


def options_of(parser: argparse.ArgumentParser) -> dict[str, Option]:
    """By name, in the order of ``--help``."""
    groups = {
        id(action): str(group.title or "") if group.title not in ("options", "positional arguments") else ""
        for group in parser._action_groups
        for action in group._group_actions
    }
    found = {}
    for action in parser._actions:
        name = next((one[2:] for one in action.option_strings if one.startswith("--")), "")
        if name and name not in OF_THE_COMMAND_LINE and action.help != argparse.SUPPRESS:
            found[name] = Option(name, _kind(action), groups.get(id(action), ""), action)
    return found


def commands_of(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """Commands and their parsers; of one that has commands of its own, none."""
    return {name: command for name, command in _below(parser).items() if not _below(command)}


def walk(parser: argparse.ArgumentParser, arguments: list[str]) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """The commands that the words name, outermost first."""
    for word in arguments:
        below = _below(parser)
        if word not in below:
            return
        parser = below[word]
        yield word, parser


def _below(parser: argparse.ArgumentParser) -> Mapping[str, argparse.ArgumentParser]:
    found = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    return found[0].choices if found else {}


def _kind(action: argparse.Action) -> Kind:
    if action.nargs == 0:
        return Kind.SWITCH
    if isinstance(action, argparse._AppendAction) or action.nargs in ("+", "*"):
        return Kind.SEVERAL
    return {int: Kind.WHOLE, float: Kind.NUMBER}.get(action.type, Kind.TEXT)  # type: ignore[call-overload]
