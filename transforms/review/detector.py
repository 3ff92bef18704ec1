"""What py3langid says of a text in Latin script, in a third of its time where the answer is the usual one.

Its scores are sums over the letter groups of a text, and their share is a softmax over these, divided by the root of
the bytes. A language whose score is not far below the best leaves none with a large share, so that neither the softmax
nor the half precision of its table (which is slow to compute with) is needed to say so.
"""

from __future__ import annotations

import math
import unicodedata
from array import array
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from py3langid.langid import MODEL_FILE, LanguageIdentifier, visit_counts

DETECTED = ("en", "de", "fr", "es", "it", "pt", "nl", "sv", "da", "no", "fi", "pl", "cs", "ro", "hu", "tr", "vi", "id")
"""Latin languages that are told apart: with all that the detector knows it takes brands for Basque."""
SURE = 0.9
_NEAR = 2.0
"""Of the best score less the language's own, by the root of the bytes: up to ln(SURE / (1 - SURE)) = 2.197 no other
language has the share `SURE`. The rest is for rounding, which is below 0.01."""


def is_surely_another(text: str, language: str) -> bool:
    """Whether the detector gives one of the other languages of `DETECTED` a share of at least `SURE`."""
    return not _is_near_the_best(text, language) and _is_told(text, language)


def _is_told(text: str, language: str) -> bool:
    found, share = _detector().classify(text)
    return bool(found != language and share >= SURE)


def _is_near_the_best(text: str, language: str) -> bool:
    """Whether it can be told cheaply that no other language has that share."""
    model = _model()
    letters = unicodedata.normalize("NFC", text).encode("utf-8", "surrogatepass")
    counts = visit_counts(model.moves, model.rows, model.groups, letters)
    if not counts:
        return True
    found = np.fromiter(counts, np.intp, len(counts))
    times = np.log1p(np.fromiter(counts.values(), np.float32, len(counts)))
    scores = (times @ model.weights.take(found, axis=0) + model.priors).tolist()
    own = scores[model.languages.index(language)]
    return bool(max(scores) - own <= _NEAR * math.sqrt(len(letters)))


@cache
def _detector() -> LanguageIdentifier:
    detector = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    detector.set_languages(DETECTED)
    return detector


@dataclass(frozen=True, slots=True)
class _Model:
    """The detector's tables as they are quick to read, 8 MB; that of the moves is its own."""

    moves: array[int]
    """The next state, by row and byte."""
    rows: array[int]
    """Where a state's row begins. An array, for the numbers of a list lie all over the memory."""
    groups: array[int]
    """The letter group that ends with a state, or -1."""
    weights: np.ndarray[Any, np.dtype[np.float32]]
    """By group and language."""
    priors: np.ndarray[Any, np.dtype[np.float32]]
    languages: list[str]


@cache
def _model() -> _Model:
    detector = _detector()
    return _Model(
        detector.tk_nextmove,
        array("q", (row << 8 for row in detector.tk_row)),
        array("q", detector.tk_output),
        np.ascontiguousarray(detector.nb_ptc, np.float32),
        np.asarray(detector.nb_pc, np.float32),
        list(detector.nb_classes),
    )
