"""A model that got stuck: runs of one character, and phrases said again and again."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from functools import cache

_WORD = re.compile(r"\w+")
_STUTTER = re.compile(r"([^\W\d_]{2,8}?[，、。,;；!！ ]*)\1{3,}")
"""Two to eight characters, with what follows them, four times in a row."""
_LAUGH = re.compile(r"([a-z]{2,4})\1{4,}")
"""Two to four letters five times in one word."""
_LONG = 10
_GRAM = 4
_MOST_TIMES = 4


def has_run(text: str, longest: int) -> bool:
    """Whether one character comes more than ``longest`` times in a row, white space aside."""
    return bool(_run(longest).search("".join(text.split())))


@cache
def _run(longest: int) -> re.Pattern[str]:
    return re.compile(rf"(.)\1{{{longest}}}")


def repeats(text: str, wide: bool, most: float) -> bool:
    """Whether more than ``most`` of the 4-grams were said before, or one of them five times, or it stutters."""
    words = _WORD.findall(text.lower())
    grams = _grams(text, words, wide)
    if len(grams) >= 8:
        counted = Counter(grams)
        if 1 - len(counted) / len(grams) > most or max(counted.values()) > _MOST_TIMES:
            return True
    if wide:
        return bool(_STUTTER.search(text))
    return any(len(word) >= _LONG and _LAUGH.search(word) for word in words) or any(
        words[i : i + 3 * size] == words[i + size : i + 4 * size] for size in (1, 2) for i in _starts(words, size)
    )


def _starts(words: list[str], size: int) -> Iterator[int]:
    """Where ``size`` words may come four times in a row: the first of them comes again after ``size``."""
    return (i for i in range(len(words) - 4 * size + 1) if words[i] == words[i + size])


def _grams(text: str, words: list[str], wide: bool) -> list[str]:
    if wide:
        squeezed = "".join(text.split())
        return [squeezed[i : i + _GRAM] for i in range(len(squeezed) - _GRAM + 1)]
    return [" ".join(words[i : i + _GRAM]) for i in range(len(words) - _GRAM + 1)]
