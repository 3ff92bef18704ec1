"""Word lists: one pass over the folded text finds every word of every class, however it was spaced or dressed up."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import ahocorasick

from transforms.review.folding import COMPACT, as_bytes, compact, origins
from transforms.review.policy import WordClass
from transforms.review.spans import Span
from transforms.review.spelling import Word, is_the_word

_ALLOWED = ""
"""The class of words that are right."""
_DISGUISED = re.compile(
    r"(?<![^\W_])(?=[\w@$]{0,30}[A-Za-z])(?=[A-Za-z]{0,30}[0134578@$])[A-Za-z0134578@$]{3,30}(?![^\W_])"
)
"""Letters with digits or signs among them that look like letters."""
_SIGN = re.compile(r"[0134578@$]")
"""Without one of these nothing is disguised; most texts have none."""
_LETTERS = tuple(str.maketrans("0134578@$", f"o{one}eastbas") for one in "li")


@dataclass(frozen=True, slots=True)
class _Entry:
    word: Word
    classes: tuple[str, ...]


class Words:
    """A compiled set of word lists."""

    def __init__(self, classes: Sequence[WordClass], allowed: Sequence[str]) -> None:
        """Words that fold to nothing are passed over; the policy's reader has refused them."""
        named: dict[str, tuple[Word, list[str]]] = {}
        for name, words in (*((one.name, one.words) for one in classes), (_ALLOWED, allowed)):
            for written in words:
                word = Word.of(written)
                if word.letters:
                    named.setdefault(word.letters, (word, []))[1].append(name)
        self._automaton = ahocorasick.Automaton()
        for letters, (word, names) in named.items():
            self._automaton.add_word(as_bytes(letters), _Entry(word, tuple(dict.fromkeys(names))))
        self._is_empty = not named
        if named:
            self._automaton.make_automaton()

    def find(self, text: str) -> list[Span]:
        """Where words of a class stand in ``text`` as written, in no order."""
        if self._is_empty:
            return []
        spans = self._find(text)
        if _SIGN.search(text) and _DISGUISED.search(text):
            disguised = [match.span() for match in _DISGUISED.finditer(text)]
            for letters in _LETTERS:  # one sign for one letter: the places stay what they are
                shown = list(text)
                for start, end in disguised:
                    shown[start:end] = text[start:end].translate(letters)
                spans += self._find("".join(shown))
        return list(dict.fromkeys(spans))

    def _find(self, text: str) -> list[Span]:
        folded = compact(text)
        hits = list(self._automaton.iter(as_bytes(folded)))
        if not hits:
            return []
        characters = [place for place, letter in enumerate(folded) for _ in letter.encode("utf-8", "surrogatepass")]
        found = [(characters[end], entry) for end, entry in hits]
        places = origins(text, COMPACT)
        spans = list(_spans(text, places, found))
        allowed = [span for span in spans if span.rule == _ALLOWED]
        return [span for span in spans if span.rule != _ALLOWED and not _is_allowed(span, allowed)]


def _spans(text: str, places: list[int], found: list[tuple[int, _Entry]]) -> Iterator[Span]:
    for end, entry in found:
        mine = places[end + 1 - len(entry.word.letters) : end + 1]
        if is_the_word(text, mine, entry.word):
            for name in entry.classes:
                yield Span(name, mine[0], mine[-1] + 1)


def _is_allowed(span: Span, allowed: list[Span]) -> bool:
    """Whether a right word lies over it; one that is a mere part of it makes it no better."""
    return any(
        right.start < span.end
        and span.start < right.end
        and not (span.start <= right.start and right.end <= span.end and right.length < span.length)
        for right in allowed
    )
