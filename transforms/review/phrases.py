"""What a model says instead of a caption: refusals, talk with whoever asked, markup, and instructions from the picture.

What is particular to a shop belongs in the policy's word lists. Each pattern stands beside words of which one must be
there for it to hit (and which are enough, where it is empty): to look for those takes a tenth of the time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from transforms.review.folding import plain
from transforms.review.instructions import INSTRUCTION, MARKUP
from transforms.review.refusals import CHATTER, REFUSAL

_PATTERNS = {"markup": MARKUP, "refusal": REFUSAL, "chatter": CHATTER, "instruction": INSTRUCTION}
_RULES = tuple(
    (rule, tuple((tuple(needles.split("|")), re.compile(pattern, re.DOTALL)) for needles, pattern in patterns))
    for rule, patterns in _PATTERNS.items()
)
_SPACED = re.compile(r"(?<=[\u3400-\u9fff，。、；：！？,]) +(?=[\u3400-\u9fff])")
"""Chinese has no spaces."""
_QUOTED = re.compile(r"\"[^\"]*\"|“[^”]*”|「[^」]*」|『[^』]*』|«[^»]*»")


def find(text: str) -> Iterator[str]:
    """Names of the rules that hit."""
    # Line breaks are looked for; everything else is folded.
    folded = "\n".join(map(plain, text.splitlines())) if "\n" in text or "\r" in text else plain(text)
    if " " in folded:
        folded = _SPACED.sub("", folded)
    # What a mug says is no refusal: "Sorry, I can't adult today".
    unquoted = _QUOTED.sub("", folded)
    for rule, patterns in _RULES:
        searched = unquoted if rule == "refusal" else folded
        for needles, pattern in patterns:
            if any(needle in searched for needle in needles) and pattern.search(searched):
                yield rule
                break
