"""Writes docs/reference.md from the parsers: ``python -m pipeline.settings.reference``."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path

from pipeline.settings.options import Kind, Option, commands_of, options_of

PAGE = Path(__file__).parents[2] / "docs" / "reference.md"
_BEGIN = """# Every option

Written by `make reference` from the parsers; a test compares the two. [options.md](options.md) says how a config file
and the environment go together with the command line.

An option such as `--file-root` is the key `file-root` in a config file and the variable `CAPTIONSTREAM_FILE_ROOT` in
the environment. `captionstream check run` and `check replay` take the options of `run` and `replay`.
"""


def reference(parser: argparse.ArgumentParser) -> str:
    """The page."""
    commands = commands_of(parser)
    parts = [_BEGIN, "## Commands\n", *_commands(parser, commands)]
    for title, rows in _groups(commands).items():
        parts += [
            f"\n## {_heading(title)}\n",
            "| option | takes | default | commands | |",
            "|---|---|---|---|---|",
            *rows,
        ]
    return "\n".join(parts) + "\n"


def _commands(parser: argparse.ArgumentParser, commands: Mapping[str, argparse.ArgumentParser]) -> Iterator[str]:
    yield "| command | | takes |"
    yield "|---|---|---|"
    summaries = _summaries(parser)
    for name, summary in summaries.items():
        words = [one.metavar or one.dest for one in _positionals(commands[name])] if name in commands else ["a command"]
        yield f"| `{name}` | {_cell(summary)} | {', '.join(f'`{word}`' for word in words)} |"


def _summaries(parser: argparse.ArgumentParser) -> dict[str, str]:
    (below,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    return {choice.dest: str(choice.help) for choice in below._choices_actions}


def _positionals(command: argparse.ArgumentParser) -> list[argparse.Action]:
    return [action for action in command._actions if not action.option_strings]


def _groups(commands: Mapping[str, argparse.ArgumentParser]) -> dict[str, list[str]]:
    """Rows of each heading; an option that several commands share is one row."""
    shared: dict[tuple[str, ...], tuple[Option, list[str]]] = {}
    for name, command in commands.items():
        for option in options_of(command).values():
            key = (option.name, option.kind.name, repr(option.default), str(option.action.help))
            shared.setdefault(key, (option, []))[1].append(name)
    groups: dict[str, list[str]] = {"": []}
    for option, names in shared.values():
        groups.setdefault(option.group, []).append(_row(option, names))
    return {title: rows for title, rows in groups.items() if rows}


def _row(option: Option, names: list[str]) -> str:
    told = argparse.HelpFormatter("captionstream")._expand_help(option.action)
    cells = (f"`--{option.name}`", _takes(option), _default(option), ", ".join(names), told)
    return f"| {' | '.join(_cell(cell) for cell in cells)} |"


def _takes(option: Option) -> str:
    if option.kind is Kind.SWITCH:
        has_opposite = isinstance(option.action, argparse.BooleanOptionalAction)
        return f"nothing; `--no-{option.name}` is its opposite" if has_opposite else "nothing"
    words = option.action.metavar
    if option.action.choices is not None:
        words = ", ".join(f"`{choice}`" for choice in option.action.choices)
    elif words is None:
        words = {Kind.WHOLE: "a whole number", Kind.NUMBER: "a number"}.get(option.item, "text")
    return str(words) + ("; repeatable" if option.kind is Kind.SEVERAL else "")


def _default(option: Option) -> str:
    return "" if option.default in (None, "", [], False) else f"`{option.default}`"


def _heading(title: str) -> str:
    return f"{title[0].upper()}{title[1:]}" if title else "General"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    from pipeline.cli import parser

    PAGE.write_text(reference(parser()), "utf-8")
