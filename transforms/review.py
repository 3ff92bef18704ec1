"""The output guard: what a text must be to leave the pipeline. Pure functions, no Beam."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cache

from transforms.errors import ConfigInvalid


@dataclass(frozen=True, slots=True)
class ReviewPolicy:
    """Limits of an acceptable text."""

    version: str = "1"
    """Part of the reuse key: a text accepted by another policy is judged again."""
    min_chars_wide: int = 4
    """For Chinese, Japanese and Korean, whose characters carry about a word each."""
    max_chars_wide: int = 300
    min_chars: int = 10
    max_chars: int = 1000
    max_run: int = 8
    """Longest run of one character: an all-``!`` answer is a known failure of the model."""
    max_repeated_share: float = 0.5
    """Share of 4-grams that occurred before in the same text."""
    max_attempts: int = 3
    """Answers asked for before the upload becomes a dead letter."""

    def __post_init__(self) -> None:
        """Raise `ConfigInvalid` naming the option that mends it."""
        if self.max_attempts < 1:
            raise ConfigInvalid(f"max attempts `{self.max_attempts}` must be at least 1; mend --max-attempts")


_WIDE = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff]")
_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
_WORD = re.compile(r"\w+")
_WIDE_LANGUAGES = frozenset(("zh", "ja", "ko", "yue"))


def review(text: str, language: str, policy: ReviewPolicy) -> tuple[str, ...]:
    """Names of the rules the text breaks, in a fixed order; empty means it passed."""
    broken = []
    text = text.strip()
    wide = is_wide(language)
    low, high = (policy.min_chars_wide, policy.max_chars_wide) if wide else (policy.min_chars, policy.max_chars)
    if len(text) < low:
        broken.append("too_short")
    if len(text) > high:
        broken.append("too_long")
    if longest_run(text) > policy.max_run:
        broken.append("one_character")
    if repeated_share(text, wide) > policy.max_repeated_share:
        broken.append("repetition")
    if not speaks(text, language):
        broken.append("wrong_language")
    return tuple(broken)


@cache
def is_wide(language: str) -> bool:
    """Whether the language is written in wide characters without spaces."""
    return language.split("-")[0].lower() in _WIDE_LANGUAGES


def longest_run(text: str) -> int:
    """Length of the longest run of one character, white space aside."""
    longest = run = 0
    previous = ""
    for character in text:
        if character.isspace():
            continue
        run = run + 1 if character == previous else 1
        previous = character
        longest = max(longest, run)
    return longest


def repeated_share(text: str, wide: bool) -> float:
    """Share of 4-grams (of characters when ``wide``, else of words) that the text has said before."""
    units = [c for c in text if not c.isspace()] if wide else _WORD.findall(text.lower())
    grams = [tuple(units[i : i + 4]) for i in range(len(units) - 3)]
    return 1 - len(set(grams)) / len(grams) if len(grams) >= 8 else 0.0


def speaks(text: str, language: str) -> bool:
    """Whether the script is the language's. Brand names in Latin letters are allowed in Chinese.

    Chinese: at least 40 % of the letters are Han. Languages in Latin script: at most 10 % are wide. Others pass.
    """
    letters = sum(unicodedata.category(c)[0] == "L" for c in text)
    if not letters:
        return False
    if language.split("-")[0].lower() in ("zh", "yue"):
        return len(_HAN.findall(text)) >= 0.4 * letters
    if is_wide(language):
        return bool(_WIDE.search(text))
    return len(_WIDE.findall(text)) <= 0.1 * letters
