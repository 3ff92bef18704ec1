"""Options from the environment: ``CAPTIONSTREAM_`` and the option's name."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping

from pipeline.settings.file import Found, nearest
from pipeline.settings.options import PREFIX, commands_of, options_of
from pipeline.settings.values import from_text

FILE = f"{PREFIX}CONFIG"
"""Names the config file where ``--config`` does not."""


def read_environment(environ: Mapping[str, str], command: argparse.ArgumentParser) -> Found:
    """What variables say for a command; an empty one says nothing.

    Raises `ConfigInvalid` for a value that the option does not take.
    """
    found: Found = {}
    for name, option in options_of(command).items():
        if text := environ.get(option.variable, ""):
            where = f"environment variable `{option.variable}`"
            found[name] = from_text(option, text, where), where
    return found


def misspelt(environ: Mapping[str, str], parser: argparse.ArgumentParser) -> Iterator[tuple[str, str]]:
    """Variables that are no option but look like one, each with that one.

    Others are left alone: Kubernetes makes variables of its own out of the names of services.
    """
    commands = commands_of(parser).values()
    known = {name: option.variable for command in commands for name, option in options_of(command).items()}
    known["config"] = FILE
    for name in sorted(environ):
        if name.startswith(PREFIX) and name not in known.values():
            near = nearest(name.removeprefix(PREFIX), known)
            if near:
                yield name, known[near]
