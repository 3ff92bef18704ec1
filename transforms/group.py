"""A group of near-identical pictures as the caption stage holds it: its texts, what is pending, who waits."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Protocol

from transforms.captioner.api import Generation, Sampling
from transforms.plan import Question
from transforms.similarity import SimilarityRule, exact_only
from transforms.values import Candidate, Deletion, Fingerprint, GroupState, KafkaRecord, Text

MAX_TEXTS = 32
"""Texts kept per group, newest last: prompts that use titles give every duplicate its own."""


class Store(Protocol):
    """The group's durable state. Each call may be a round trip to the runner."""

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


@dataclass(slots=True)
class Request:
    """A candidate whose generation is under way."""

    candidate: Candidate
    event_id: str
    questions: tuple[Question, ...]
    """What is asked of the model; the candidate's other texts are known or pending elsewhere."""
    attempt: int
    sampling: Sampling
    future: Future[Generation]


@dataclass(slots=True)
class Group:
    """The process's copy of a group. It is dropped when nothing is pending: the cell has the texts."""

    texts: list[Text] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    deletions: list[Deletion] = field(default_factory=list)
    waiting: int | None = 0
    """Duplicates in the bag; None when this process cannot know, after a restore."""
    failures: int = 0
    """Uploads in a row that got no text."""
    touched: float = 0.0

    def state(self) -> GroupState:
        """What the cell must hold."""
        pending = tuple(request.candidate for request in self.requests)
        return GroupState(tuple(self.texts), pending, tuple(self.deletions))

    def text_for(self, candidate: Candidate, question: Question, rule: SimilarityRule) -> Text | None:
        """A text that answers the question and was written for the same picture; the newest first.

        The picture a text was written for need not be the leader (that may have failed, or not asked for this
        language), so it is compared again: similarity never chains.
        """
        for text in reversed(self.texts):
            if text.reuse_key == question.reuse_key and _same(
                candidate, text.sha256, text.fingerprint, rule
            ):
                return text
        return None

    def is_asked(self, candidate: Candidate, question: Question, rule: SimilarityRule) -> bool:
        """Whether a pending request will answer the question for the same picture."""
        return any(
            question.reuse_key == asked.reuse_key
            and _same(candidate, request.candidate.picture.sha256, request.candidate.fingerprint, rule)
            for request in self.requests
            for asked in request.questions
        )

    def add_text(self, text: Text) -> None:
        """Keep a text, dropping the oldest beyond `MAX_TEXTS` and any it replaces."""
        self.texts = [
            t for t in self.texts if (t.reuse_key, t.sha256) != (text.reuse_key, text.sha256)
        ]
        self.texts = [*self.texts, text][-MAX_TEXTS:]

    def forget_deleted(self) -> None:
        """Nothing is owed any more: the texts of deleted images go, and the deletions with them."""
        gone = {deletion.image_id for deletion in self.deletions}
        self.texts = [text for text in self.texts if text.image_id not in gone]
        self.deletions.clear()

    def is_deleted(self, candidate: Candidate) -> bool:
        """Whether the candidate's image was deleted after this upload."""
        return candidate.deleted or any(
            deletion.image_id == candidate.upload.image_id and precedes(candidate.record, deletion.record)
            for deletion in self.deletions
        )


def _same(candidate: Candidate, sha256: bytes, mark: Fingerprint, rule: SimilarityRule) -> bool:
    if candidate.picture.sha256 == sha256:
        return True
    return not exact_only(candidate.upload.task) and rule.near(candidate.fingerprint, mark)


def precedes(record: KafkaRecord, other: KafkaRecord) -> bool:
    """Order of two records of one image: by offset in a partition, by time across partitions."""
    if (record.topic, record.partition) == (other.topic, other.partition):
        return record.offset < other.offset
    return record.timestamp_ms <= other.timestamp_ms


def missing(
    group: Group, candidate: Candidate, questions: Sequence[Question], rule: SimilarityRule
) -> tuple[Question, ...]:
    """The questions that no kept text answers."""
    return tuple(q for q in questions if group.text_for(candidate, q, rule) is None)
