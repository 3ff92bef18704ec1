"""Makes what a file and the environment say the defaults of a command, so that the command line goes before them."""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pipeline.settings.environment import FILE, misspelt, read_environment
from pipeline.settings.file import read_file
from pipeline.settings.options import Kind, options_of, walk
from pipeline.terminal import say


@dataclass(frozen=True, slots=True)
class Sources:
    """Where options were said that the command line does not name."""

    places: Mapping[str, str] = field(default_factory=dict)
    """Option with its dashes → where, in words."""

    def explain(self, message: str) -> str:
        """The message, and where the options it names come from."""
        named = dict.fromkeys(re.findall(r"(?<![\w-])--[a-z][a-z-]*[a-z]", message))
        told = [f"{option} is {self.places[option]}" for option in named if option in self.places]
        return f"{message} ({'; '.join(told)})" if told else message


def apply(parser: argparse.ArgumentParser, arguments: Sequence[str], environ: Mapping[str, str]) -> Sources:
    """Change the defaults of the command that the arguments name. Raises `ConfigInvalid`.

    Strongest first: the command line, the file's table of that command, the top of the file, the environment.
    """
    path = list(walk(parser, list(arguments)))
    if not path or {"-h", "--help"} & set(arguments):
        return Sources()  # a broken file must not keep anybody from the help
    name, command = path[-1]
    for wrong, right in misspelt(environ, parser):
        say(f"environment variable `{wrong}` is no option; did you mean {right}?")
    found = read_environment(environ, command)
    file = _file(arguments) or environ.get(FILE, "")
    if file:
        found |= read_file(file, parser, name)
    options = options_of(command)
    for key, (value, _) in found.items():
        options[key].action.default = value
        options[key].action.required = False
    _let_switches_be_turned_off(command)
    said = _said(command, arguments)
    return Sources({f"--{key}": where for key, (_, where) in found.items() if key not in said})


def _file(arguments: Sequence[str]) -> str:
    """What ``--config`` names, before anything else is looked at."""
    finder = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    finder.add_argument("--config", default="")
    try:
        return str(finder.parse_known_args(list(arguments))[0].config)
    except argparse.ArgumentError:  # it has no value, as the command's own parser will say
        return ""


def _let_switches_be_turned_off(command: argparse.ArgumentParser) -> None:
    """A switch that a file turns on needs an option that turns it off."""
    for name, option in options_of(command).items():
        if option.kind is Kind.SWITCH and f"--no-{name}" not in command._option_string_actions:
            command.add_argument(f"--no-{name}", dest=option.dest, action="store_false", help=argparse.SUPPRESS)
            command.set_defaults(**{option.dest: option.default})


def _said(command: argparse.ArgumentParser, arguments: Sequence[str]) -> set[str]:
    words = {word.partition("=")[0] for word in arguments}
    return {name for name in options_of(command) if words & {f"--{name}", f"--no-{name}"}}
