"""A group of near-identical pictures as the caption stage holds it: its texts, what is pending, who waits."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Protocol

from transforms.captioner.api import Generation, Sampling
from transforms.origin import origin_of
from transforms.plan import Question
from transforms.similarity import SimilarityRule, exact_only, vetoed
from transforms.values import (
    Candidate,
    Deletion,
    Fingerprint,
    GroupState,
    KafkaRecord,
    Refusal,
    Task,
    Text,
)

MAX_TEXTS = 32
"""Texts kept per group, newest last: prompts that use titles give every duplicate its own."""


class Store(Protocol):
    """The group's durable state. Each call may be a round trip to the runner."""

    @property
    def bundle(self) -> object:
        """The bundle of this call: one object throughout it, another one when it is tried again."""
        ...

    def read(self) -> GroupState:
        """The cell."""
        ...

    def write(self, state: GroupState) -> None:
        """Replace the cell."""
        ...

    def waiting(self) -> list[Candidate]:
        """The bag of waiting duplicates."""
        ...

    def add_waiting(self, candidate: Candidate) -> None:
        """Append to the bag."""
        ...

    def clear_waiting(self) -> None:
        """Empty the bag."""
        ...


@dataclass(frozen=True, slots=True)
class Case:
    """An upload and what it asks; prompts are rendered and hashed once for both."""

    candidate: Candidate
    questions: tuple[Question, ...]
    event_id: str
    is_sampled: bool = False
    """A duplicate that is captioned all the same, to be compared with the text it would have got."""


@dataclass(slots=True)
class Request:
    """A case whose generation is under way."""

    case: Case
    questions: tuple[Question, ...]
    """What is asked of the model; the case's other texts are known or pending elsewhere."""
    attempt: int
    sampling: Sampling
    request_id: str
    future: Future[Generation]
    refusals: tuple[Refusal, ...] = ()
    """Answers refused so far. They go out with the outcome: the state knows nothing of attempts."""


@dataclass(slots=True)
class Streak:
    """Failures of a group in a row."""

    failures: int = 0
    cause: str | None = None
    """Of the last one; None when the picture was to blame."""
    captions_before: int = 0
    """Captions the captioner had produced when the first one failed."""


@dataclass(slots=True)
class Group:
    """The process's copy of a group. It is emptied when nothing is pending: the cell has the texts."""

    texts: list[Text] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    deletions: list[Deletion] = field(default_factory=list)
    waiting: int | None = 0
    """Duplicates in the bag, at most; None when this process cannot know, after a restore."""
    streak: Streak = field(default_factory=Streak)
    shrunk_in: object = None
    """The bundle in which something left the state. Should it fail, the state has it again, this copy not."""
    touched: float = 0.0

    def state(self) -> GroupState:
        """What the cell must hold."""
        pending = tuple(request.case.candidate for request in self.requests)
        return GroupState(tuple(self.texts), pending, tuple(self.deletions))

    def text_for(self, case: Case, question: Question, rule: SimilarityRule) -> Text | None:
        """The oldest text that answers the question and was written for the same picture.

        The picture a text was written for need not be the leader (that may have failed, or not asked for this
        language), so it is compared again: similarity never chains. The oldest, so that an upload delivered
        again gets the text it got before.
        """
        for text in self.texts:
            if text.reuse_key == question.reuse_key and _same(case, text.sha256, text.fingerprint, text.veto, rule):
                return text
        return None

    def missing(self, case: Case, rule: SimilarityRule) -> tuple[Question, ...]:
        """The questions that no kept text answers."""
        return tuple(q for q in case.questions if self.text_for(case, q, rule) is None)

    def is_asked(self, case: Case, question: Question, rule: SimilarityRule) -> bool:
        """Whether a pending request will answer the question for the same picture."""
        return any(
            question.reuse_key == asked.reuse_key
            and _same(case, seen.picture.sha256, seen.fingerprint, rule.veto_key(seen.upload), rule)
            for request in self.requests
            for seen in (request.case.candidate,)
            for asked in request.questions
        )

    def is_pending(self, record: KafkaRecord) -> bool:
        """Whether this very record is pending: it was read twice, or its bundle is tried again."""
        place = record.coordinates()
        return any(request.case.candidate.record.coordinates() == place for request in self.requests)

    def add_text(self, text: Text) -> None:
        """Keep a text, dropping the oldest beyond `MAX_TEXTS` and any it replaces."""
        kept = [t for t in self.texts if (t.reuse_key, t.sha256) != (text.reuse_key, text.sha256)]
        self.texts = [*kept, text][-MAX_TEXTS:]

    def add_deletion(self, deletion: Deletion) -> None:
        """Remember a deletion until nothing is owed any more."""
        if deletion not in self.deletions:
            self.deletions.append(deletion)

    def forget_texts_of(self, image_id: str) -> bool:
        """Drop the texts written for an image; whether there were any."""
        kept = [text for text in self.texts if text.image_id != image_id]
        dropped = len(kept) < len(self.texts)
        self.texts = kept
        return dropped

    def forget_deleted(self) -> None:
        """Nothing is owed any more: the texts of deleted images go, and the deletions with them."""
        for deletion in self.deletions:
            if deletion.task is None:
                self.forget_texts_of(deletion.image_id)
        self.deletions.clear()

    def is_deleted(self, candidate: Candidate) -> bool:
        """Whether the candidate's image was deleted after this upload."""
        return candidate.deleted or self._is_followed_by(candidate, None)

    def is_replaced(self, candidate: Candidate) -> bool:
        """Whether the candidate's image shows another picture since."""
        return self._is_followed_by(candidate, candidate.upload.task)

    def _is_followed_by(self, candidate: Candidate, task: Task | None) -> bool:
        return any(
            (deletion.image_id, deletion.task) == (candidate.upload.image_id, task)
            and precedes(candidate.record, deletion.record)
            for deletion in self.deletions
        )


def _same(case: Case, sha256: bytes, mark: Fingerprint, veto: str, rule: SimilarityRule) -> bool:
    candidate = case.candidate
    if vetoed(rule.veto_key(candidate.upload), veto):
        return False  # both may be near a leader that has neither's attribute
    if candidate.picture.sha256 == sha256:
        return True
    if case.is_sampled or exact_only(candidate.upload.task):
        return False
    return rule.near(candidate.fingerprint, mark)


def precedes(record: KafkaRecord, other: KafkaRecord) -> bool:
    """Order of two records of one image, as first sent: by offset in a partition, by time across partitions."""
    mine, theirs = origin_of(record), origin_of(other)
    if (mine.topic, mine.partition) == (theirs.topic, theirs.partition):
        return mine.offset < theirs.offset
    return record.timestamp_ms <= other.timestamp_ms
