"""Prompt echo: a text that says what the model was told instead of what it saw."""

from __future__ import annotations

import re
from functools import lru_cache

from transforms.review.folding import COMPACT, compact

_QUOTED = re.compile(r"«[^»]*»|「[^」]*」")
"""A shop's own words, as `transforms.captioner.prompts.template` puts them: a caption may well repeat a title."""
_GRAM, _STRIDE = 20, 5
_GRAM_WIDE, _STRIDE_WIDE = 11, 3
"""Letters in a row that are no chance: about five words, or eleven characters. Only every fifth or third is tried."""


def echoes(text: str, prompt: str, wide: bool) -> bool:
    """Whether the text has a stretch of the prompt in it, or is a part of it. A shop's own words do not count."""
    said, told = compact(text), _told(_without_quotes(prompt))
    if not told or not said:
        return False
    gram, stride = (_GRAM_WIDE, _STRIDE_WIDE) if wide else (_GRAM, _STRIDE)
    short, long = sorted((told, said), key=len)
    if len(short) <= gram + stride:
        return len(short) > gram // 3 and short in long
    tried = [said[place : place + gram] for place in range(0, len(said) - gram + 1, stride)]
    return not _grams(told, gram).isdisjoint(tried)


@lru_cache(maxsize=64)  # the parts of an answer and its attempts have one prompt
def _without_quotes(prompt: str) -> str:
    return _QUOTED.sub("", prompt)


@lru_cache(maxsize=64)
def _told(prompt: str) -> str:
    """Without a shop's words a job has only as many prompts as its library."""
    return prompt.translate(COMPACT)


@lru_cache(maxsize=64)
def _grams(told: str, size: int) -> frozenset[str]:
    """Every stretch of so many letters: a look into them takes a fifth of a search through the prompt."""
    return frozenset(told[place : place + size] for place in range(len(told) - size + 1))
