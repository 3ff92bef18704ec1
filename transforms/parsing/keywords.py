"""The answer to INDEX: words to find a picture by."""

from __future__ import annotations

from typing import Any

from transforms.parsing.strict import Unparsable, items, text_of

MAX_KEYWORDS = 20
KEYWORD_CHARS = 40


def read_keywords(found: dict[str, Any]) -> tuple[str, ...]:
    """The keywords of an answer's object, on one line each, without repeats. Raises `Unparsable`."""
    read: dict[str, str] = {}
    for item in items(found, "keywords", MAX_KEYWORDS):
        keyword = _keyword(item)
        read.setdefault(keyword.casefold(), keyword)
    if not read:
        raise Unparsable("there are no keywords")
    return tuple(read.values())


def _keyword(value: Any) -> str:
    keyword = " ".join(text_of(value, "a keyword").split())
    if not any(character.isalnum() for character in keyword):
        raise Unparsable("a keyword is no word")
    if len(keyword) > KEYWORD_CHARS:
        raise Unparsable(f"a keyword has more than {KEYWORD_CHARS} characters")
    return keyword
