"""A group's texts, deletions and what is asked, without a captioner."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import replace

from data.samples import candidate, deletion, fingerprint, record, text

from transforms.captioner.api import RenderedPrompt, Sampling
from transforms.group import MAX_TEXTS, Case, Group, Request, precedes
from transforms.plan import Question
from transforms.similarity import SimilarityRule
from transforms.values import Candidate, Task

RULE = SimilarityRule()
EN = Question(RenderedPrompt("Describe.", "en", "p", "1"), "key-en", "sha-en")
ZH = Question(RenderedPrompt("描述。", "zh-Hans", "p", "1"), "key-zh", "sha-zh")
A = candidate("a", mark=fingerprint(0))
NEAR = candidate("near", mark=fingerprint(0b11), offset=1)
FAR = candidate("far", mark=fingerprint(0xFFFF), offset=2)


def case(of: Candidate) -> Case:
    return Case(of, (EN, ZH), "id")


def pending(of: Candidate, *questions: Question) -> Request:
    return Request(Case(of, questions, "id"), questions, 0, Sampling(), "r", Future())


def test_a_text_answers_the_same_question_of_a_near_picture() -> None:
    group = Group([text(of=A, reuse_key="key-en")])
    assert group.text_for(case(NEAR), EN, RULE) == group.texts[0]
    assert group.text_for(case(NEAR), ZH, RULE) is None
    assert group.text_for(case(FAR), EN, RULE) is None
    assert group.missing(Case(NEAR, (ZH, EN), "id"), RULE) == (ZH,)


def test_equal_bytes_need_no_quality() -> None:
    dull = candidate("dull", b"blank", mark=fingerprint(quality=10))
    group = Group([text(of=dull, reuse_key="key-en")])
    assert group.text_for(case(replace(dull, record=record(9))), EN, RULE)
    assert group.text_for(case(candidate("other", b"white", mark=fingerprint(quality=10))), EN, RULE) is None


def test_moderation_needs_equal_bytes() -> None:
    judged = candidate("a", b"same", mark=fingerprint(0), task=Task.MODERATE)
    group = Group([text(of=judged, reuse_key="key-en")], [pending(judged, ZH)])
    near = candidate("b", b"patched", mark=fingerprint(0b11), task=Task.MODERATE)
    equal = candidate("c", b"same", mark=fingerprint(0), task=Task.MODERATE)
    assert group.text_for(case(near), EN, RULE) is None
    assert not group.is_asked(case(near), ZH, RULE)
    assert group.text_for(case(equal), EN, RULE)
    assert group.is_asked(case(equal), ZH, RULE)


def test_the_oldest_text_stays_the_answer() -> None:
    left, right = candidate("l", mark=fingerprint(0b1111)), candidate("r", mark=fingerprint(0b1111 << 8))
    group = Group()
    group.add_text(text("left", of=left, reuse_key="key-en"))
    assert group.text_for(case(A), EN, RULE) == group.texts[0]
    group.add_text(text("right", of=right, reuse_key="key-en"))
    found = group.text_for(case(A), EN, RULE)
    assert found is not None
    assert found.caption == "left"


def test_texts_are_bounded_and_replaced() -> None:
    group = Group()
    for n in range(MAX_TEXTS + 5):
        group.add_text(text(of=A, reuse_key=f"key-{n}"))
    assert len(group.texts) == MAX_TEXTS
    assert group.texts[0].reuse_key == "key-5"
    group.add_text(text("again", of=A, reuse_key="key-9"))
    assert len(group.texts) == MAX_TEXTS
    assert group.texts[-1].caption == "again"


def test_is_asked_and_pending() -> None:
    group = Group(requests=[pending(A, EN)])
    assert group.is_asked(case(NEAR), EN, RULE)
    assert not group.is_asked(case(NEAR), ZH, RULE)
    assert not group.is_asked(case(FAR), EN, RULE)
    assert group.is_pending(A.record)
    assert not group.is_pending(NEAR.record)
    assert group.state().pending == (A,)


def test_deletions_count_once_and_take_the_texts_along() -> None:
    group = Group([text(of=A), text(of=NEAR)])
    group.add_deletion(deletion("a", 5))
    group.add_deletion(deletion("a", 5))
    assert len(group.deletions) == 1
    assert group.is_deleted(A)
    assert not group.is_deleted(replace(A, record=record(6)))
    assert not group.is_deleted(NEAR)
    assert group.is_deleted(replace(NEAR, deleted=True))
    group.forget_deleted()
    assert [t.image_id for t in group.texts] == ["near"]
    assert group.deletions == []
    assert group.forget_texts_of("near")
    assert not group.forget_texts_of("near")


def test_precedes() -> None:
    assert precedes(record(1), record(2))
    assert not precedes(record(2), record(2))
    early, late = record(9, partition=0, timestamp_ms=1), record(1, partition=1, timestamp_ms=2)
    assert precedes(early, late)
    assert not precedes(late, early)
