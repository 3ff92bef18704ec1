"""An answer of any form, read, and written out again."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from transforms.captioner.api import Form
from transforms.parsing.keywords import read_keywords
from transforms.parsing.moderation import read_moderation
from transforms.parsing.strict import Unparsable, read_object, words
from transforms.values import Moderation

ALT_TEXT_CHARS = 125
"""Longest alternative text: screen readers stop there, and shops cut it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model said, in parts."""

    caption: str
    """The words for people: a caption, an explanation, a description or an answer."""
    alt_text: str | None = None
    keywords: tuple[str, ...] = ()
    moderation: Moderation | None = None


def parse(text: str, form: Form) -> Answer:
    """Read an answer. Raises `Unparsable` where it is not of this form; a plain one always is."""
    return _READERS[form](text.strip())


def _alt_text(text: str) -> Answer:
    found = read_object(text, Form.ALT_TEXT.keys)
    alt_text = " ".join(words(found, "alt_text").split())
    if len(alt_text) > ALT_TEXT_CHARS:
        raise Unparsable(f"`alt_text` has more than {ALT_TEXT_CHARS} characters")
    return Answer(words(found, "caption"), alt_text=alt_text)


def _moderation(text: str) -> Answer:
    found = read_object(text, Form.MODERATION.keys)
    return Answer(words(found, "explanation"), moderation=read_moderation(found))


def _keywords(text: str) -> Answer:
    found = read_object(text, Form.KEYWORDS.keys)
    return Answer(words(found, "description"), keywords=read_keywords(found))


_READERS: Mapping[Form, Callable[[str], Answer]] = {
    Form.PLAIN: Answer,
    Form.ALT_TEXT: _alt_text,
    Form.MODERATION: _moderation,
    Form.KEYWORDS: _keywords,
}

_ENCODER = json.JSONEncoder(ensure_ascii=False)


def written_out(answer: Answer) -> str:
    """The answer as its form has it, and as the audit tells it: `parse` reads the same from it."""
    if answer.moderation is not None:
        moderation = answer.moderation
        regions = [
            {"reason": one.reason, "bbox_2d": [one.left, one.top, one.right, one.bottom]} for one in moderation.regions
        ]
        told: dict[str, Any] = {"explanation": answer.caption, "verdict": moderation.verdict}
        told |= {"reasons": list(moderation.reasons), "regions": regions}
    elif answer.keywords:
        told = {"description": answer.caption, "keywords": list(answer.keywords)}
    elif answer.alt_text is not None:
        told = {"caption": answer.caption, "alt_text": answer.alt_text}
    else:
        return answer.caption
    return _ENCODER.encode(told)
