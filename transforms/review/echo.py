"""Prompt echo: a text that says what the model was told instead of what it saw."""

from __future__ import annotations

import re
from functools import lru_cache

from transforms.review.folding import compact

_QUOTED = re.compile(r"«[^»]*»|「[^」]*」")
"""A shop's own words, as `transforms.captioner.prompts.template` puts them: a caption may well repeat a title."""
_GRAM, _STRIDE = 20, 5
_GRAM_WIDE, _STRIDE_WIDE = 11, 3
"""Letters in a row that are no chance: about five words, or eleven characters. Only every fifth or third is tried."""

_told = lru_cache(maxsize=256)(compact)
"""Without a shop's words a job has only as many prompts as its library."""


def echoes(text: str, prompt: str, wide: bool) -> bool:
    """Whether the text has a stretch of the prompt in it, or is a part of it. A shop's own words do not count."""
    told, said = _told(_QUOTED.sub("", prompt)), compact(text)
    if not told or not said:
        return False
    gram, stride = (_GRAM_WIDE, _STRIDE_WIDE) if wide else (_GRAM, _STRIDE)
    short, long = sorted((told, said), key=len)
    if len(short) <= gram + stride:
        return len(short) > gram // 3 and short in long
    return any(said[place : place + gram] in told for place in range(0, len(said) - gram + 1, stride))
