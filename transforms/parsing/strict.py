"""One JSON object and nothing else: nothing is mended, nothing is guessed."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Sequence
from typing import Any

MAX_CHARS = 8000
"""Longest answer that is looked at; the longest good one has some 3,000."""

_FENCED = re.compile(r"```(?:json)?[ \t]*\n(.*)\n[ \t]*```", re.DOTALL)


class Unparsable(ValueError):
    """The answer is not what the prompt asked for; the message says why, without its words."""


def read_object(text: str, keys: Sequence[str]) -> dict[str, Any]:
    """The object of an answer that has these keys and no others. Raises `Unparsable`.

    A fence around all of the answer is put up with: instruction models are trained to write one.
    """
    text = text.strip()
    if len(text) > MAX_CHARS:
        raise Unparsable(f"it has {len(text)} characters")
    fenced = _FENCED.fullmatch(text)
    try:
        found = _DECODER.decode(fenced[1] if fenced else text)
    except Unparsable:
        raise
    except (ValueError, RecursionError) as error:
        raise Unparsable("it is not JSON") from error
    if not isinstance(found, dict):
        raise Unparsable("it is not an object")
    check_keys(found, keys)
    return found


def check_keys(found: dict[str, Any], keys: Sequence[str]) -> None:
    """Raise `Unparsable` unless the keys are exactly these, in any order."""
    missing = [key for key in keys if key not in found]
    if missing:
        raise Unparsable(f"`{missing[0]}` is missing")
    if len(found) > len(keys):
        raise Unparsable("it has a key that nobody asked for")


def words(found: dict[str, Any], key: str) -> str:
    """A text that says something. Raises `Unparsable`."""
    value = text_of(found[key], f"`{key}`")
    if not value:
        raise Unparsable(f"`{key}` is empty")
    return value


def text_of(value: Any, name: str) -> str:
    """A text without white space around it. Raises `Unparsable` for what is none, or no topic could hold."""
    if not isinstance(value, str):
        raise Unparsable(f"{name} is no text")
    # What can be printed has none of them, and most texts can.
    signs = "" if value.isprintable() else value
    if any(unicodedata.category(sign) in ("Cs", "Cc") and not sign.isspace() for sign in signs):
        raise Unparsable(f"{name} has signs that are none")
    return value.strip()


def items(found: dict[str, Any], key: str, most: int) -> list[Any]:
    """A list of at most so many. Raises `Unparsable`."""
    value = found[key]
    if not isinstance(value, list):
        raise Unparsable(f"`{key}` is no list")
    if len(value) > most:
        raise Unparsable(f"`{key}` has more than {most}")
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):  # which of the two is meant?
        raise Unparsable("a key stands twice")
    return found


def _no_constant(name: str) -> None:
    raise Unparsable(f"{name} is not JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_no_constant)
