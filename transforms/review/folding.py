"""Folding: the forms under which a text is searched, and the way back to the characters as written.

Each character is folded by itself, so that a place in the folded text always has one in the original.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from functools import cache, lru_cache

import opencc

_HAN = (range(0x3400, 0x4DC0), range(0x4E00, 0xA000), range(0x20000, 0x2A6E0))
_SHARP = {"\u3002": ".", "\uff61": ".", "\u2019": "'", "\u2018": "'", "\u02bc": "'", "\u2010": "-", "\u2011": "-"}
"""Characters that stand for one of ASCII in an address or a contraction. NFKC knows only the full-width ones."""


@cache
def simplified() -> Mapping[str, str]:
    """Traditional characters to their simplified ones, character by character, from OpenCC's tables."""
    characters = [chr(code) for block in _HAN for code in block]
    converted = opencc.OpenCC("t2s").convert("\n".join(characters)).split("\n")
    pairs = zip(characters, converted, strict=True)
    return {old: new for old, new in pairs if old != new and len(new) == 1}


@cache
def only_simplified() -> frozenset[str]:
    """Characters that no traditional text has: OpenCC writes another for them, and Big5 does not know them.

    Of 后, 里 or 台 nobody can tell: they are the simplified forms of some words and the only ones of others.
    """
    characters = [chr(code) for code in _HAN[1]]
    converted = opencc.OpenCC("s2t").convert("\n".join(characters)).split("\n")
    pairs = zip(characters, converted, strict=True)
    return frozenset(old for old, new in pairs if old != new and old not in simplified() and not _is_in_big5(old))


def _is_in_big5(character: str) -> bool:
    try:
        return bool(character.encode("big5"))
    except UnicodeEncodeError:
        return False


class _Plain(dict[int, str]):
    """Width, case, traditional characters and invisible ones; punctuation and spaces stay."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        category = unicodedata.category(character)
        if character in _SHARP:
            folded = _SHARP[character]
        elif character.isspace():
            folded = " "
        elif category in ("Cf", "Cc", "Cs", "Co", "Cn") or character in "\u115f\u1160\u3164\uffa0":
            folded = ""
        else:
            table = simplified()
            decomposed = unicodedata.normalize("NFKD", character).casefold()
            # Accents go, and with them any number of marks stacked on a letter.
            folded = "".join(table.get(c, c) for c in decomposed if unicodedata.category(c) not in ("Mn", "Me"))
        self[code] = folded
        return folded


class _Compact(dict[int, str]):
    """Letters and digits of the plain form only."""

    def __missing__(self, code: int) -> str:
        folded = self[code] = "".join(c for c in PLAIN[code] if c.isalnum())
        return folded


class _Deleting(dict[int, str | None]):
    """`COMPACT` as `str.translate` is fast with: an empty text makes it go character by character, None does not."""

    def __missing__(self, code: int) -> str | None:
        folded = self[code] = COMPACT[code] or None
        return folded


PLAIN: dict[int, str] = _Plain()
COMPACT: dict[int, str] = _Compact()
_DELETING: dict[int, str | None] = _Deleting()


@lru_cache(maxsize=8)  # the rules fold the same text one after another
def plain(text: str) -> str:
    """Half width, lower case, simplified, without accents and invisible characters."""
    return text.translate(PLAIN)


@lru_cache(maxsize=8)
def compact(text: str) -> str:
    """The plain form's letters and digits, without anything between them."""
    return text.translate(_DELETING)


def as_bytes(text: str) -> str:
    """The bytes of UTF-8, as characters: a node of an automaton looks through its children one by one."""
    return text.encode("utf-8", "surrogatepass").decode("latin-1")


def origins(text: str, table: dict[int, str]) -> list[int]:
    """For each character of the folded text, the place in ``text`` it comes from."""
    places: list[int] = []
    for place, character in enumerate(text):
        places.extend([place] * len(table[ord(character)]))
    return places
