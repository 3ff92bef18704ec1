"""Whether letters found in a row are the listed word, or parts of other words that happen to meet.

A Latin word has borders: `Essex` is not `sex`. Between its letters may stand what no writer puts there by chance:
something between all of them (`s e x`), or signs that separate nothing (`s*ex`). Chinese has no borders and no spaces,
so a space changes nothing; a comma between two characters of a word counts only where it is clear that they belong
together: in `有白色，情侣款` they do not.
"""

from __future__ import annotations

from dataclasses import dataclass

from transforms.review.folding import COMPACT, PLAIN

_PUNCTUATION = frozenset("，。、；：！？,.;:!?/\\-—–|&+()（）[]【】《》<>「」\"'“”‘’…~")
"""Signs that separate words of an ordinary sentence."""

# Hangul as it is when decomposed, kana, Han.
_UNBORDERED = (("\u1100", "\u11ff"), ("\u3040", "\u30ff"), ("\u3400", "\u9fff"), ("\U00020000", "\U0003ffff"))


@dataclass(frozen=True, slots=True)
class Word:
    """A listed word."""

    letters: str
    """Its compact form."""
    joints: frozenset[int]
    """Before which of its letters the list has a space or a sign itself: ``click here`` has one before ``h``."""

    @classmethod
    def of(cls, written: str) -> Word:
        """Fold a word of a list."""
        letters, joints, is_apart = "", set(), False
        for character in written.strip():
            folded = COMPACT[ord(character)]
            if folded and is_apart and letters:
                joints.add(len(letters))
            is_apart = not folded
            letters += folded
        return cls(letters, frozenset(joints))


def is_the_word(text: str, places: list[int], word: Word) -> bool:
    """Whether the letters at ``places`` of ``text`` are the word."""
    before, after = _letter(text, places[0] - 1, -1), _letter(text, places[-1] + 1, 1)
    if _is_bordered(word.letters[0]) and before and _is_bordered(before):
        return False
    if _is_bordered(word.letters[-1]) and after and _is_bordered(after):
        return False
    size = len(places)
    gaps = {n: text[places[n - 1] + 1 : places[n]] for n in range(1, size) if places[n] - places[n - 1] > 1}
    gaps = {n: gap for n, gap in gaps.items() if n not in word.joints and any(_is_seen(c) for c in gap)}
    bordered = _is_bordered(word.letters[0]) and _is_bordered(word.letters[-1])
    parting = [gap for gap in gaps.values() if any(c in _PUNCTUATION or (bordered and c.isspace()) for c in gap)]
    is_everywhere = len(gaps) + len(word.joints) >= size - 1
    if bordered:
        return is_everywhere or all(gap == "." for gap in parting)
    return not parting or (is_everywhere and (size > 2 or (not before and not after)))


def _letter(text: str, place: int, step: int) -> str:
    """The folded letter or digit at a place, or the next one that can be seen; empty where there is none."""
    while 0 <= place < len(text) and not _is_seen(text[place]):
        place += step
    return COMPACT[ord(text[place])][:1] if 0 <= place < len(text) else ""


def _is_seen(character: str) -> bool:
    """Whether it takes room: zero-width characters separate nothing."""
    return bool(PLAIN[ord(character)])


def _is_bordered(letter: str) -> bool:
    """Whether words of its script stand apart and end where they end: not in Chinese, Japanese and Korean."""
    return not any(low <= letter <= high for low, high in _UNBORDERED)
