"""The review of an answer in parts: an object is read strictly, and each text in it must pass like a caption."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from transforms.captioner.api import Form
from transforms.parsing import Answer, Unparsable, parse, written_out
from transforms.parsing.answer import ALT_TEXT_CHARS
from transforms.review import phrases
from transforms.review.guard import Asked, Ruling, Verdict, review
from transforms.review.policy import UNPARSABLE, ReviewPolicy

REFUSAL = "refusal"
_LOOKED_AT = 4000
"""Characters: a refusal is at the beginning."""


@dataclass(frozen=True, slots=True)
class Reviewed:
    """The guard's word on an answer."""

    ruling: Ruling
    """Of all parts together; its text is the answer as a whole, as it was written where it is rejected."""
    answer: Answer
    """What may be published; of a rejected one, only its words."""


def review_answer(written: str, form: Form, asked: Asked, policy: ReviewPolicy) -> Reviewed:
    """Judge what a model wrote. Never raises.

    What is not of its form is rejected: as a refusal where it reads like one, else as unparsable.
    """
    written = written.strip()
    if form is Form.PLAIN:
        ruling = review(written, asked, policy)
        return Reviewed(ruling, Answer(ruling.text))
    try:
        answer = parse(written, form)
    except Unparsable:
        cut = ("truncated",) if asked.finish_reason == "length" else ()
        refuses = REFUSAL in phrases.find(written[:_LOOKED_AT])
        return _rejected(written, (*cut, REFUSAL if refuses else UNPARSABLE))
    rulings = [review(text, part, policy) for text, part in _parts(answer, asked)]
    rules = tuple(dict.fromkeys(rule for ruling in rulings for rule in ruling.rules))
    if any(ruling.verdict is Verdict.REJECTED for ruling in rulings):
        return _rejected(written, rules)
    if not rules:
        return Reviewed(Ruling(Verdict.PASSED, (), written_out(answer)), answer)
    left = _redacted(answer, [ruling.text for ruling in rulings], policy)
    if left is None:
        return _rejected(written, rules)
    return Reviewed(Ruling(Verdict.REDACTED, rules, written_out(left)), left)


def passes(answer: Answer, asked: Asked, policy: ReviewPolicy) -> bool:
    """Whether an answer that was reviewed before would pass as it is."""
    return all(review(text, part, policy).verdict is Verdict.PASSED for text, part in _parts(answer, asked))


def _parts(answer: Answer, asked: Asked) -> Iterator[tuple[str, Asked]]:
    judged = answer.moderation.verdict if answer.moderation else None
    yield answer.caption, replace(asked, judged=judged)
    if answer.alt_text is not None:
        yield answer.alt_text, replace(asked, is_aside=True)
    if answer.keywords:
        yield "\n".join(answer.keywords), replace(asked, is_aside=True)


def _redacted(answer: Answer, texts: list[str], policy: ReviewPolicy) -> Answer | None:
    """What redaction leaves of each part; None: too little. A keyword goes as a whole."""
    caption, *beside = texts
    if answer.alt_text is not None:
        (alt_text,) = beside
        return None if len(alt_text) > ALT_TEXT_CHARS else replace(answer, caption=caption, alt_text=alt_text)
    if answer.keywords:
        (lines,) = (text.split("\n") for text in beside)
        kept = tuple(keyword for keyword in answer.keywords if keyword in lines)
        lost = len(answer.keywords) - len(kept)
        if not kept or lost > policy.max_redacted_share * len(answer.keywords):
            return None
        return replace(answer, caption=caption, keywords=kept)
    return replace(answer, caption=caption)


def _rejected(written: str, rules: tuple[str, ...]) -> Reviewed:
    return Reviewed(Ruling(Verdict.REJECTED, rules, written), Answer(written))
