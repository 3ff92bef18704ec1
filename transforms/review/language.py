"""Whether a text is in the language asked for: by its script, and in Latin script by a detector."""

from __future__ import annotations

import re
from functools import cache

from transforms.review.detector import DETECTED, is_surely_another
from transforms.review.folding import only_simplified, simplified

_WIDE_LANGUAGES = frozenset(("zh", "ja", "ko", "yue"))
_SCRIPTS = {
    "han": r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff",
    "kana": r"\u3040-\u30ff\uff66-\uff9f",
    "hangul": r"\u1100-\u11ff\u3130-\u318f\uac00-\ud7af",
    "cyrillic": r"\u0400-\u052f",
    "greek": r"\u0370-\u03ff\u1f00-\u1fff",
    "arabic": r"\u0600-\u06ff\u0750-\u077f\u08a0-\u08ff\ufb50-\ufdff\ufe70-\ufeff",
    "hebrew": r"\u0590-\u05ff",
    "thai": r"\u0e00-\u0e7f",
    "devanagari": r"\u0900-\u097f",
}
_LANGUAGES = {
    **dict.fromkeys(("zh", "yue"), ("han",)),
    "ja": ("han", "kana"),
    "ko": ("hangul", "han"),
    **dict.fromkeys(("ru", "uk", "be", "bg", "kk", "ky", "mk", "mn", "tg"), ("cyrillic",)),
    "el": ("greek",),
    **dict.fromkeys(("ar", "fa", "ur", "ug"), ("arabic",)),
    **dict.fromkeys(("he", "yi"), ("hebrew",)),
    "th": ("thai",),
    **dict.fromkeys(("hi", "mr", "ne"), ("devanagari",)),
}
"""Languages by the scripts they are written in; those that are not here have Latin letters, or nobody checks them."""
_UNCHECKED = frozenset(
    ("sr", "uz", "az", "ku", "ta", "te", "bn", "gu", "kn", "ml", "pa", "si", "my", "km", "lo", "am", "ka", "hy")
)
_MIN_WORDS = 6
"""Words that are no names, below which nothing is said: of `leather handbag` nobody can tell the language."""
_MAX_CHARS = 120
"""Of these words, looked at by the detector: it needs no more."""

_LETTER = re.compile(r"[^\W\d_]")
_LETTERS = re.compile(r"[^\W\d_]+")
_LATIN_WORD = re.compile(r"[A-Za-z\u00c0-\u024f]+")
_PLAIN_WORD = re.compile(r"\b[^\W\d_]{2,}+\b")
_ASCII_WORD = re.compile(r"\b[a-z]{2,}+\b", re.ASCII)
"""The same of a text in ASCII, without those that have a capital."""
_QUOTED = re.compile(r"\"[^\"]*\"|“[^”]*”|「[^」]*」|『[^』]*』|《[^》]*》")
_NAMES_AT_MOST = 0.6
"""Of a text's words in a language that is not written in Latin letters: brands and models."""


def is_wide(language: str) -> bool:
    """Whether the language is written in wide characters without spaces."""
    return primary(language) in _WIDE_LANGUAGES


@cache
def primary(language: str) -> str:
    """The first part of a BCP 47 tag, in lower case."""
    return language.split("-")[0].lower()


def speaks(text: str, language: str) -> bool:
    """Whether the text is in the language, as far as that can be told."""
    spoken = primary(language)
    if not _LETTER.search(text):
        return False
    if spoken in _UNCHECKED:
        return True
    if spoken in _LANGUAGES:
        if _is_of_the_other_script(text, language) or (spoken in ("ja", "ko") and is_chinese(text)):
            return False
        return _is_written_in(text, _LANGUAGES[spoken])
    return not _is_in_other_letters(text) and _is_detected(text, spoken)


def _is_in_other_letters(text: str) -> bool:
    """Whether more than a tenth of the letters of a language in Latin ones are of another script."""
    if text.isascii():
        return False
    foreign = _count(_words_of(tuple(_SCRIPTS)), text)
    return foreign > 0.1 * _count(_LETTERS, text)


def _is_written_in(text: str, scripts: tuple[str, ...]) -> bool:
    """At most 60 % of the words are Latin; a word in lower case is no name and counts twice. Others are few."""
    mine = _count(_words_of(scripts), text)
    words = _LATIN_WORD.findall(text)
    latin = sum(2 if word.islower() else 1 for word in words)
    others = _count(_LETTERS, text) - mine - sum(map(len, words))
    if scripts[0] not in ("han", "hangul"):
        mine = len(_words_of(scripts).findall(text))
    return mine > 0 and latin <= _NAMES_AT_MOST * (mine + latin) and others <= 0.5 * mine


def _count(runs: re.Pattern[str], text: str) -> int:
    """Characters of all matches: fewer of them than characters are made."""
    return sum(map(len, runs.findall(text)))


def _is_of_the_other_script(text: str, language: str) -> bool:
    if language.startswith("zh-Hans"):
        return is_traditional(text)
    return language.startswith("zh-Hant") and is_simplified(text)


def is_simplified(text: str) -> bool:
    """Whether Chinese that is to be traditional is written in simplified characters.

    One of them is enough where no character is traditional: of a few words half are the same in both. Beside
    traditional ones there must be three, and an eighth of all. What is quoted may be a print or a name.
    """
    said = _QUOTED.sub("", text)
    han = _count(_words_of(("han",)), said)
    simple = len(_simple().findall(said)) if han else 0  # the table takes a while to make
    if not _traditional().search(said):
        return simple > 0
    return simple >= 3 and simple >= han / 8


def is_traditional(text: str) -> bool:
    """Whether many of its Han characters are traditional ones: three of them, and an eighth: less are a name."""
    traditional = len(_traditional().findall(text))
    return traditional >= 3 and traditional >= _count(_words_of(("han",)), text) / 8


def is_chinese(text: str) -> bool:
    """Whether it has a dozen Han characters and nothing that only Japanese and Korean have."""
    return _count(_words_of(("han",)), text) >= 12 and not _letters_of(("kana", "hangul")).search(text)


def _is_detected(text: str, language: str) -> bool:
    language = "no" if language in ("nb", "nn") else language
    if language not in DETECTED:
        return True
    # A word with a capital is a name, or opens a sentence: without it nothing is lost.
    if text.isascii():
        words = _ASCII_WORD.findall(text)
    else:
        words = [word for word in _PLAIN_WORD.findall(text) if word.islower()]
    return len(words) < _MIN_WORDS or not is_surely_another(" ".join(words)[:_MAX_CHARS], language)


@cache
def _traditional() -> re.Pattern[str]:
    """Traditional characters, of those that count as Han."""
    return re.compile(f"[{''.join(_letters_of(('han',)).findall(''.join(simplified())))}]")


@cache
def _simple() -> re.Pattern[str]:
    return re.compile(f"[{''.join(only_simplified())}]")


@cache
def _letters_of(scripts: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(f"[{''.join(_SCRIPTS[name] for name in scripts)}]")


@cache
def _words_of(scripts: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(f"[{''.join(_SCRIPTS[name] for name in scripts)}]+")
