"""The parser of the command line: errors in one line, with the nearest name; no abbreviations."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from pipeline.settings.file import nearest
from pipeline.settings.options import walk


class CommandParser(argparse.ArgumentParser):
    """Says what is wrong without listing a hundred options; an abbreviation would change its meaning one day."""

    def __init__(self, **named: Any) -> None:
        """As `argparse.ArgumentParser`."""
        super().__init__(**{"allow_abbrev": False, **named})

    def parse_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> Any:  # type: ignore[override]
        """Parse all of it, or exit with code 2."""
        words = list(sys.argv[1:] if args is None else args)
        parsed, left = self.parse_known_args(words, namespace)
        if left:
            commands = [command for _, command in walk(self, words)]
            _refuse(commands[-1] if commands else self, left[0])
        return parsed

    def format_help(self) -> str:
        """Begins with one line of usage, not with seventy: the example comes next."""
        if self.usage is None:
            places = [action for action in self._actions if not action.option_strings]
            words = [f"{action.metavar or action.dest}{' …' if action.nargs == '+' else ''}" for action in places]
            self.usage = " ".join(("%(prog)s", *words, "[OPTION …]"))
        return super().format_help()

    def error(self, message: str) -> NoReturn:
        """Exit with code 2."""
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help\n")


def _refuse(command: argparse.ArgumentParser, word: str) -> NoReturn:
    name = word.partition("=")[0]
    if not name.startswith("-"):
        command.error(f"`{name}` is one argument too many")
    options = (option for option in command._option_string_actions if option.startswith("--"))
    near = nearest(name, options)
    command.error(f"`{name}` is no option" + (f", did you mean {near}?" if near else ""))
