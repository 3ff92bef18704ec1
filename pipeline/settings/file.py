"""One TOML file of options: keys are their names, at the top for all commands, in a table for one."""

from __future__ import annotations

import argparse
import difflib
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pipeline.settings.options import Option, commands_of, options_of
from pipeline.settings.values import from_file
from transforms.errors import ConfigInvalid

Found = dict[str, tuple[Any, str]]
"""Name of an option → its value and where it was said, in words."""
Known = Mapping[str, Mapping[str, Option]]
"""Options by command and name."""


def read_file(path: str, parser: argparse.ArgumentParser, command: str) -> Found:
    """What the file says for one command; a table's keys go before those at the top.

    All of the file is checked, whichever command runs. Raises `ConfigInvalid` for a key that is unknown, is of
    another type or means different things to different commands.
    """
    known = {name: options_of(one) for name, one in commands_of(parser).items()}
    top: Found = {}
    tables: dict[str, Found] = {}
    for key, value in _parsed(path).items():
        if isinstance(value, dict):
            tables[key] = _table(key, value, path, known)
        else:
            top[key] = _for_all(key, value, path, known)
    return {key: found for key, found in top.items() if key in known[command]} | tables.get(command, {})


def _parsed(path: str) -> dict[str, Any]:
    try:
        return tomllib.loads(Path(path).read_text("utf-8"))
    except OSError as error:
        raise ConfigInvalid(f"config file `{path}` cannot be read (`{error.strerror}`); mend --config") from error
    except ValueError as error:
        raise ConfigInvalid(f"config file `{path}` is not TOML: {error}; mend the file") from error


def _table(name: str, table: Mapping[str, Any], path: str, known: Known) -> Found:
    if name not in known:
        raise _unknown(
            f"table `[{name}]` in `{path}`",
            name,
            known,
            "tables are named after commands; check reads [run] or [replay]",
        )
    found: Found = {}
    for key, value in table.items():
        where = f"`{key}` of [{name}] in `{path}`"
        if key not in known[name]:
            raise _unknown(f"key {where}", key, known[name], f"{name} has no option --{key}")
        found[key] = from_file(known[name][key], value, where), where
    return found


def _for_all(key: str, value: Any, path: str, known: Known) -> tuple[Any, str]:
    where = f"`{key}` in `{path}`"
    meant = {name: options[key] for name, options in known.items() if key in options}
    if not meant:
        every = {name for options in known.values() for name in options}
        raise _unknown(f"key {where}", key, every, f"no command has an option --{key}")
    first, *others = meant.values()
    if not all(first.same_as(other) for other in others):
        places = " or ".join(f"[{name}]" for name in meant)
        raise ConfigInvalid(f"key {where} is not the same option in {', '.join(meant)}; move it into {places}")
    return from_file(first, value, where), where


def _unknown(what: str, key: str, known: Iterable[str], otherwise: str) -> ConfigInvalid:
    near = nearest(key, known)
    return ConfigInvalid(f"{what} is unknown; " + (f"did you mean `{near}`?" if near else otherwise))


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known name that was probably meant."""
    found = difflib.get_close_matches(word.replace("_", "-").lower(), sorted(known), 1, 0.65)
    return found[0] if found else None
