"""A model that got stuck: runs of one character, and phrases said again and again."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable, Sequence
from functools import cache
from operator import eq

_WORD = re.compile(r"\w+")
_STUTTER = re.compile(r"([^\W\d_]{2,8}?[，、。,;；!！ ]*)\1{3,}")
"""Two to eight characters, with what follows them, four times in a row."""
_LAUGH = re.compile(r"([a-z]{2,4})\1{4,}")
"""Two to four letters five times in one word."""
_LONG = 10
_GRAM = 4
_FEW = 8
"""4-grams below which their share says nothing."""
_MOST_TIMES = 4
_STUTTERED = 3
"""4-grams at least that were said before where two or more stand four times in a row: `abababab` has abab, baba, abab,
baba and abab. With fewer there is no such place to look for."""


def has_run(text: str, longest: int) -> bool:
    """Whether one character comes more than ``longest`` times in a row, white space aside."""
    return bool(_run(longest).search("".join(text.split())))


@cache
def _run(longest: int) -> re.Pattern[str]:
    # The first repeat stands by itself: it is seldom there, and a counted group is slow to enter.
    return re.compile(rf"(.)\1\1{{{longest - 1}}}")


def repeats(text: str, wide: bool, most: float) -> bool:
    """Whether more than ``most`` of the 4-grams were said before, or one of them five times, or it stutters."""
    if wide:
        squeezed = "".join(text.split())
        grams: Sequence[Hashable] = [squeezed[i : i + _GRAM] for i in range(len(squeezed) - _GRAM + 1)]
        again = len(grams) - len(set(grams))
        return _are_too_many(grams, again, most) or (again >= _STUTTERED and bool(_STUTTER.search(text)))
    words = _WORD.findall(text.lower())
    grams = list(zip(words, words[1:], words[2:], words[3:], strict=False))
    again = len(grams) - len(set(grams))
    if _are_too_many(grams, again, most) or any(_LAUGH.search(word) for word in words if len(word) >= _LONG):
        return True
    return (again >= _STUTTERED or any(map(eq, words, words[1:]))) and _stutters(words)


def _are_too_many(grams: Sequence[Hashable], again: int, most: float) -> bool:
    """``again``: how many of them were said before."""
    if len(grams) < _FEW:
        return False
    is_told = again >= _MOST_TIMES and max(Counter(grams).values()) > _MOST_TIMES
    return is_told or 1 - (len(grams) - again) / len(grams) > most


def _stutters(words: list[str]) -> bool:
    """Whether one or two words come four times in a row."""
    return any(
        words[i : i + 3 * size] == words[i + size : i + 4 * size]
        for size in (1, 2)
        for i in range(len(words) - 4 * size + 1)
    )
