"""Prompt templates: `{placeholders}`, and what a shop's words may do to a prompt, which is nothing."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from functools import lru_cache
from string import Formatter

VALUE_CHARS = 200
"""Longest attribute value that enters a prompt."""
QUESTION_CHARS = 300
"""Longest question that enters a prompt."""
NAME_CHARS = 40
"""Longest attribute name that enters the `{attributes}` block."""
BLOCK_LINES = 40
"""Most attributes in the `{attributes}` block: an upload may carry any number of them."""

QUESTION = "question"
"""Placeholder of what a customer asks; quoted like an attribute."""
ATTRIBUTES = "attributes"
"""Placeholder of all attributes, one a line."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_QUOTES = str.maketrans("", "", "「」『』｢｣«»‹›")
_JOINERS = "\u200c\u200d"  # format characters, but Persian and emoji need them
_WIDE = ("zh", "yue", "ja")
_FORMATTER = Formatter()


def is_name(text: str) -> bool:
    """Whether it could be a placeholder's name."""
    return bool(_NAME.fullmatch(text))


@lru_cache(maxsize=512)
def names(template: str) -> frozenset[str]:
    """The placeholders. Raises `ValueError`, saying what is wrong, unless each is a plain ``{name}``."""
    try:
        pieces = list(_FORMATTER.parse(template))
    except ValueError as error:
        raise ValueError(f"braces do not match ({error})") from error
    for _, name, spec, conversion in pieces:
        if name is not None and (spec or conversion or not _NAME.fullmatch(name)):
            written = name + (f"!{conversion}" if conversion else "") + (f":{spec}" if spec else "")
            raise ValueError(f"placeholder `{{{written}}}` is not a plain name")
    return frozenset(name for _, name, _, _ in pieces if name is not None)


def has_placeholder(text: str) -> bool:
    """Whether somebody expects something to be filled in."""
    return bool(re.search(rf"\{{{_NAME.pattern}\}}", text))


def fill(template: str, language: str, attributes: Mapping[str, str], question: str | None) -> str:
    """Fill a checked template in one pass: a value is never looked at for placeholders.

    A missing attribute becomes the empty string. A line of nothing but empty placeholders goes away.
    """
    values: dict[str, str] = {}
    for name in names(template):
        if name == QUESTION:
            values[name] = quote(question or "", language, QUESTION_CHARS)
        elif name == ATTRIBUTES:
            values[name] = _block(language, attributes)
        else:
            values[name] = quote(attributes.get(name, ""), language, VALUE_CHARS)
    lines = (_fill_line(pieces, values) for pieces in _lines(template))
    return "\n".join(line for line in lines if line is not None).strip()


@lru_cache(maxsize=512)
def general(template: str, language: str) -> str:
    """Fill a checked template for an upload of which nothing enters it."""
    return fill(template, language, {}, None)


@lru_cache(maxsize=512)
def _lines(template: str) -> tuple[tuple[tuple[str, str | None], ...], ...]:
    """Of each line the pieces: text, and the placeholder behind it."""
    return tuple(tuple((text, name) for text, name, _, _ in _FORMATTER.parse(line)) for line in template.splitlines())


def quote(value: str, language: str, cap: int) -> str:
    """Single-line a value, cap it at ``cap`` characters and put it in 「」 or «»; empty stays empty."""
    clean = single_line(value, cap)
    if not clean:
        return ""
    return f"「{clean}」" if is_wide(language) else f"«{clean}»"


def is_wide(language: str) -> bool:
    """Whether the language has wide characters, and quotes like these."""
    return language.split("-")[0].lower() in _WIDE


def single_line(value: str, cap: int) -> str:
    """Drop quotes, line breaks, control, invisible and unassigned characters, then cut to ``cap``."""
    # Cut roughly first: an event may hold a megabyte, and every character is looked at.
    spaced = " ".join(value[: cap * 8].translate(_QUOTES).split())
    if not spaced.isprintable():  # without other white space those are just the categories that begin with C
        spaced = "".join(c for c in spaced if c in _JOINERS or unicodedata.category(c)[0] != "C")
    return spaced.strip()[:cap].rstrip()


def _block(language: str, attributes: Mapping[str, str]) -> str:
    """One ``name: «value»`` per line, sorted by name."""
    lines = []
    for name, value in sorted(attributes.items()):
        label, quoted = single_line(name, NAME_CHARS), quote(value, language, VALUE_CHARS)
        if label and quoted:
            lines.append(f"{label}: {quoted}")
        if len(lines) == BLOCK_LINES:
            break
    return "\n".join(lines)


def _fill_line(pieces: Sequence[tuple[str, str | None]], values: Mapping[str, str]) -> str | None:
    """Return the filled line, or None when it was only placeholders and all of them are empty."""
    filled, placeholders = [], False
    for literal, name in pieces:
        filled.append(literal)
        if name is not None:
            placeholders = True
            filled.append(values[name])
    text = "".join(filled)
    return None if placeholders and not text.strip() else text
