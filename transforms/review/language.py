"""Whether a text is in the language asked for: by its script, and in Latin script by a detector."""

from __future__ import annotations

import re
from functools import cache

from py3langid.langid import MODEL_FILE, LanguageIdentifier

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
_DETECTED = ("en", "de", "fr", "es", "it", "pt", "nl", "sv", "da", "no", "fi", "pl", "cs", "ro", "hu", "tr", "vi", "id")
"""Latin languages that are told apart: with all that the detector knows it takes brands for Basque."""
_MIN_WORDS = 6
"""Words that are no names, below which nothing is said: of `leather handbag` nobody can tell the language."""
_SURE = 0.9
_MAX_CHARS = 120
"""Of these words, looked at by the detector: it needs no more."""

_LETTER = re.compile(r"[^\W\d_]")
_LATIN_WORD = re.compile(r"[A-Za-z\u00c0-\u024f]+")
_PLAIN_WORD = re.compile(r"(?<!\w)[^\W\d_]{2,}(?!\w)")
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
    foreign = len(_foreign().findall(text))
    return (not foreign or foreign <= 0.1 * len(_LETTER.findall(text))) and _is_detected(text, spoken)


def _is_written_in(text: str, scripts: tuple[str, ...]) -> bool:
    """At most 60 % of the words are Latin; a word in lower case is no name and counts twice. Others are few."""
    mine = len(_letters_of(scripts).findall(text))
    words = _LATIN_WORD.findall(text)
    latin = sum(2 if word.islower() else 1 for word in words)
    others = len(_LETTER.findall(text)) - mine - sum(map(len, words))
    if scripts[0] not in ("han", "hangul"):
        mine = len(_words_of(scripts).findall(text))
    return mine > 0 and latin <= _NAMES_AT_MOST * (mine + latin) and others <= 0.5 * mine


def _is_of_the_other_script(text: str, language: str) -> bool:
    if language.startswith("zh-Hans"):
        return is_traditional(text)
    return language.startswith("zh-Hant") and is_simplified(text)


def is_simplified(text: str) -> bool:
    """Whether Chinese that is to be traditional is written in simplified characters.

    One of them is enough where no character is traditional: of a few words half are the same in both. Beside
    traditional ones there must be three, and an eighth of all. What is quoted may be a print or a name.
    """
    characters = _letters_of(("han",)).findall(_QUOTED.sub("", text))
    simple = sum(character in only_simplified() for character in characters)
    if not any(character in simplified() for character in characters):
        return simple > 0
    return simple >= 3 and simple >= len(characters) / 8


def is_traditional(text: str) -> bool:
    """Whether many of its Han characters are traditional ones: three of them, and an eighth: less are a name."""
    table, characters = simplified(), _letters_of(("han",)).findall(text)
    traditional = sum(character in table for character in characters)
    return traditional >= 3 and traditional >= len(characters) / 8


def is_chinese(text: str) -> bool:
    """Whether it has a dozen Han characters and nothing that only Japanese and Korean have."""
    return len(_letters_of(("han",)).findall(text)) >= 12 and not _letters_of(("kana", "hangul")).search(text)


def _is_detected(text: str, language: str) -> bool:
    language = "no" if language in ("nb", "nn") else language
    if language not in _DETECTED:
        return True
    # A word with a capital is a name, or opens a sentence: without it nothing is lost.
    words = [word for word in _PLAIN_WORD.findall(text) if word.islower()]
    if len(words) < _MIN_WORDS:
        return True
    found, share = _detector().classify(" ".join(words)[:_MAX_CHARS])
    return bool(found == language or share < _SURE)


@cache
def _detector() -> LanguageIdentifier:
    detector = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    detector.set_languages(_DETECTED)
    return detector


@cache
def _letters_of(scripts: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(f"[{''.join(_SCRIPTS[name] for name in scripts)}]")


@cache
def _words_of(scripts: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(f"[{''.join(_SCRIPTS[name] for name in scripts)}]+")


@cache
def _foreign() -> re.Pattern[str]:
    return _letters_of(tuple(_SCRIPTS))
