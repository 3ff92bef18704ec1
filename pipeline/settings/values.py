"""A value from a file or a variable → what the command line would have made of it."""

from __future__ import annotations

import argparse
import tomllib
from typing import Any

from pipeline.settings.options import Kind, Option
from transforms.errors import ConfigInvalid


class Replaced(list[Any]):
    """Values of a repeatable option that the first one on the command line replaces.

    argparse copies the default before it appends to it; a copy of this one is empty.
    """

    def __copy__(self) -> list[Any]:
        return []


def from_file(option: Option, value: Any, where: str) -> Any:
    """A TOML value. Raises `ConfigInvalid`, beginning with ``where``, when it has another type or is none it takes."""
    if option.kind is Kind.SEVERAL:
        if not isinstance(value, list):
            raise _wrong(option, value, where)
        return Replaced(_one(option, item, where) for item in value)
    if option.bare is not None and value is True:
        return option.bare
    return _one(option, value, where)


def from_text(option: Option, text: str, where: str) -> Any:
    """A variable's text: as on the command line; several values are a TOML array. Raises as `from_file`."""
    if option.kind is Kind.SWITCH:
        if text not in ("true", "false"):
            raise _wrong(option, text, where)
        return text == "true"
    if option.kind is Kind.SEVERAL:
        return from_file(option, _array(option, text, where) if text.startswith("[") else [_typed(option, text)], where)
    if option.bare is not None and text == "true":
        return option.bare
    return _one(option, _typed(option, text), where)


def _typed(option: Option, text: str) -> Any:
    """The number that the text is, where it should be one; else the text, for `_one` to refuse."""
    kinds: dict[Kind, type[Any]] = {Kind.WHOLE: int, Kind.NUMBER: float}
    try:
        return kinds.get(option.item, str)(text)
    except ValueError:
        return text


def _array(option: Option, text: str, where: str) -> Any:
    try:
        return tomllib.loads(f"array = {text}")["array"]
    except tomllib.TOMLDecodeError:
        raise ConfigInvalid(f'{where} is no array; write one value, or several as ["a", "b"]') from None


def _one(option: Option, value: Any, where: str) -> Any:
    right = {
        Kind.SWITCH: isinstance(value, bool),
        Kind.TEXT: isinstance(value, str),
        Kind.WHOLE: isinstance(value, int) and not isinstance(value, bool),
        Kind.NUMBER: isinstance(value, int | float) and not isinstance(value, bool),
    }[Kind.SWITCH if option.kind is Kind.SWITCH else option.item]
    if not right:
        raise _wrong(option, value, where)
    if option.action.choices is not None and value not in option.action.choices:
        raise ConfigInvalid(
            f"{where} is {_shown(option, value)}; it takes {', '.join(map(str, option.action.choices))}"
        )
    if option.item is Kind.TEXT and option.action.type is not None:
        return _converted(option, value, where)
    return float(value) if option.item is Kind.NUMBER else value


def _converted(option: Option, value: str, where: str) -> Any:
    try:
        return option.action.type(value)  # type: ignore[misc, operator]
    except (ValueError, TypeError, argparse.ArgumentTypeError):
        raise ConfigInvalid(
            f"{where} is {_shown(option, value)}, which --{option.name} does not take; mend it"
        ) from None


def _wrong(option: Option, value: Any, where: str) -> ConfigInvalid:
    wanted = option.kind.value
    if option.kind is Kind.SEVERAL:
        each = {Kind.TEXT: "strings", Kind.WHOLE: "whole numbers", Kind.NUMBER: "numbers"}[option.item]
        wanted = f"an array of {each}"
    if option.bare is not None:
        wanted += f", or true for {option.bare}"
    return ConfigInvalid(f"{where} is {_shown(option, value)}; make it {wanted}")


def _shown(option: Option, value: Any) -> str:
    """The value as the file has it, cut; nothing of what may be a secret."""
    if option.is_secret:
        return "of another kind"
    words = {True: "true", False: "false"}.get(value, str(value)) if isinstance(value, bool) else str(value)
    return f"`{words[:80]}`"
