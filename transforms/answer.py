"""What becomes of an answer: reviewed texts, a caption record, or the error of a failed request."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from transforms.captioner.api import CaptionerInfo, Completion, Generation
from transforms.errors import AnswerRefused, AnswerUnparsable, CaptionFailed, CaptionRejected, InputError
from transforms.fingerprint import colour_distance, hash_distance
from transforms.group import Case, Request
from transforms.parsing import Answer, written_out
from transforms.plan import Question
from transforms.review import Asked, Reviewed, ReviewPolicy, Verdict, review, review_answer
from transforms.review.answers import REFUSAL
from transforms.review.fallback import fallback_text
from transforms.review.policy import UNPARSABLE
from transforms.similarity import SimilarityRule
from transforms.values import Candidate, Caption, Refusal, Task, Text

PLACEHOLDER = "placeholder"
AUDITED = "audited"
DISAGREES = "audit_disagrees"
"""Flags of a caption record, and the names of their counters."""
REJECTED = "caption_rejected"
"""What failures share whose answers the review refused."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A reviewed generation."""

    accepted: tuple[Text, ...]
    refused: dict[Question, tuple[str, ...]]
    """The questions to ask again, with the rules their answers broke."""
    refusals: tuple[Refusal, ...]


def judge(
    request: Request, generation: Generation, policy: ReviewPolicy, rule: SimilarityRule, info: CaptionerInfo
) -> Judged:
    """Review every completion of a request."""
    accepted: list[Text] = []
    refused: dict[Question, tuple[str, ...]] = {}
    refusals: list[Refusal] = []
    case = request.case
    candidate = case.candidate
    veto = rule.veto_key(candidate.upload)
    for question, completion in zip(request.questions, generation.completions, strict=True):
        asked = asked_of(question, candidate.upload.task, completion.finish_reason)
        reviewed = review_answer(completion.text, question.prompt.form, asked, policy)
        milliseconds = generation.milliseconds
        text = _text(request, question, completion, milliseconds, reviewed, policy.version, veto, info)
        if reviewed.ruling.verdict is Verdict.REJECTED:
            refused[question] = reviewed.ruling.rules
            refusals.append(Refusal(case.event_id, candidate.record, candidate.upload, candidate.picture, text))
        else:
            accepted.append(text)
    return Judged(tuple(accepted), refused, tuple(refusals))


def asked_of(question: Question, task: Task, finish_reason: str = "stop") -> Asked:
    """What the review must know of a question."""
    prompt = question.prompt
    return Asked(prompt.language, task.value, f"{prompt.system}\n{prompt.text}", finish_reason)


def _text(
    request: Request,
    question: Question,
    completion: Completion,
    milliseconds: int,
    reviewed: Reviewed,
    policy_version: str,
    veto: str,
    info: CaptionerInfo,
) -> Text:
    candidate, prompt, sampling = request.case.candidate, question.prompt, request.sampling
    ruling, answer, written = reviewed.ruling, reviewed.answer, completion.text.strip()
    return Text(
        reuse_key=question.reuse_key,
        language=prompt.language,
        caption=answer.caption,
        finish_reason=completion.finish_reason,
        prompt_id=prompt.prompt_id,
        prompt_version=prompt.prompt_version,
        prompt_sha256=question.prompt_sha256,
        input_tokens=completion.input_tokens,
        output_tokens=completion.output_tokens,
        generation_ms=milliseconds,
        temperature=sampling.temperature,
        top_p=sampling.top_p,
        attempt=request.attempt,
        seed=None if sampling.greedy else sampling.seed,
        rules=ruling.rules,
        policy_version=policy_version,
        model=info.model,
        model_revision=info.revision,
        image_id=candidate.upload.image_id,
        sha256=candidate.picture.sha256,
        fingerprint=candidate.fingerprint,
        veto=veto,
        verdict=ruling.verdict.value,
        written="" if written == ruling.text else written,
        alt_text=answer.alt_text,
        keywords=answer.keywords,
        moderation=answer.moderation,
    )


def answer_of(text: Text) -> Answer:
    """The answer that a text holds."""
    return Answer(text.caption, text.alt_text, text.keywords, text.moderation)


def told(text: Text) -> str:
    """What is published of a text, in one string."""
    return written_out(answer_of(text))


def fallback(
    case: Case,
    question: Question,
    attempt: int,
    rules: tuple[str, ...],
    policy: ReviewPolicy,
    veto: str,
    info: CaptionerInfo,
) -> Text | None:
    """A text from the upload's attributes, reviewed like the model's; None: the policy has none that passes.

    Only a caption can be made of attributes: they say nothing of what a picture shows or leaves open. It is about this
    upload and no other: it must not be kept in the group, nor in any cache. ``rules`` are those that the model's last
    answer broke.
    """
    candidate, prompt = case.candidate, question.prompt
    describes = candidate.upload.task is Task.DESCRIBE
    made = fallback_text(policy, prompt.language, dict(candidate.upload.attributes)) if describes else None
    if made is None:
        return None
    ruling = review(made, Asked(prompt.language, candidate.upload.task.value), policy)
    if ruling.verdict is Verdict.REJECTED:
        return None
    return Text(
        reuse_key=question.reuse_key,
        language=prompt.language,
        caption=ruling.text,
        finish_reason="stop",
        prompt_id=prompt.prompt_id,
        prompt_version=prompt.prompt_version,
        prompt_sha256=question.prompt_sha256,
        input_tokens=0,
        output_tokens=0,
        generation_ms=0,
        temperature=0.0,
        top_p=1.0,
        attempt=attempt,
        seed=None,
        rules=tuple(dict.fromkeys((*rules, *ruling.rules))),
        policy_version=policy.version,
        model=info.model,
        model_revision=info.revision,
        image_id=candidate.upload.image_id,
        sha256=candidate.picture.sha256,
        fingerprint=candidate.fingerprint,
        veto=veto,
        verdict=Verdict.FALLBACK.value,
    )


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an upload gets no caption."""

    error: InputError
    cause: str | None
    """What failures with one reason share; None when the picture is to blame."""
    detail: str = ""


def failed(error: Exception) -> Failure:
    """The failure of a request whose future raised."""
    if isinstance(error, InputError):
        return Failure(error, None)
    kind = type(error).__name__
    wrapped = CaptionFailed(f"the captioner failed with `{kind}`; redrive it when the captioner is well")
    # Not chained: where it was raised is enough, its words may hold a secret.
    wrapped.__traceback__ = error.__traceback__
    return Failure(wrapped, f"caption_failed `{kind}`", str(error)[:200])


def rejected(attempts: int, refused: dict[Question, tuple[str, ...]]) -> Failure:
    """The failure of a request whose every answer the review refused, by what its last answers have in common."""
    rules = ", ".join(f"{q.prompt.language}: {'+'.join(broken)}" for q, broken in refused.items())
    error: InputError
    if all(REFUSAL in broken for broken in refused.values()):
        error = AnswerRefused(
            f"the model refused to answer, `{attempts}` times (`{rules}`); have a person look at the picture, or mend "
            "the prompt and redrive it"
        )
    elif all(UNPARSABLE in broken for broken in refused.values()):
        error = AnswerUnparsable(
            f"`{attempts}` answers are not the JSON that the prompt asks for (`{rules}`); see the audit topic, mend "
            "the prompt and redrive it"
        )
    else:
        error = CaptionRejected(
            f"`{attempts}` answers were refused by the review (`{rules}`); "
            "see the audit topic, mend the prompt or the policy and redrive it"
        )
    return Failure(error, REJECTED, rules)


def seed_of(event_id: str, attempt: int) -> int:
    """Seed of a retry, 31 bits: the same upload's retries are repeatable and differ from each other."""
    return int.from_bytes(hashlib.sha256(f"{event_id}/{attempt}".encode()).digest()[:4], "big") >> 1


def is_sampled(case: Case, share: float) -> bool:
    """Whether the case belongs to the share of duplicates that are captioned all the same: each time or never."""
    drawn = int.from_bytes(hashlib.sha256(f"audit/{case.event_id}".encode()).digest()[:4], "big")
    return drawn < share * 2**32


def caption_of(case: Case, texts: tuple[Text, ...], others: tuple[Text, ...] = ()) -> Caption:
    """The caption record: a text is reused when the model saw another upload's picture for it.

    ``others`` are the texts of other pictures that a sampled duplicate would have got: the record names the picture and
    says how it went.
    """
    candidate = case.candidate
    upload, picture = candidate.upload, candidate.picture
    reused = tuple((text.image_id, text.sha256) != (upload.image_id, picture.sha256) for text in texts)
    # Of several sources the farthest is named: the record must not look better than it is.
    named = others or tuple(text for text, flag in zip(texts, reused, strict=True) if flag)
    sources = [(_distance(candidate, text), text) for text in named]
    (bits, colour), source = max(sources, key=lambda pair: pair[0], default=((None, None), None))
    return Caption(
        case.event_id,
        candidate.record,
        upload,
        picture,
        candidate.fingerprint,
        texts,
        reused,
        None if source is None else source.image_id or None,  # nameless when it is another merchant's
        bits,
        colour,
        tuple(_flags(case, texts, others)),
    )


def _flags(case: Case, texts: tuple[Text, ...], others: tuple[Text, ...]) -> Iterator[str]:
    if case.candidate.is_placeholder:
        yield PLACEHOLDER
    if others:
        yield AUDITED
        own = {text.reuse_key: _words(text) for text in texts}
        if any(own[other.reuse_key] != _words(other) for other in others):
            yield DISAGREES


def _words(text: Text) -> list[str]:
    """Letter case, spaces and punctuation aside."""
    return re.findall(r"\w+", told(text).casefold())


def _distance(candidate: Candidate, text: Text) -> tuple[int, float]:
    return (
        hash_distance(candidate.fingerprint, text.fingerprint),
        colour_distance(candidate.fingerprint, text.fingerprint),
    )
