"""Texts that are reused, and those that are not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from data import samples
from data.desk_rig import COPY, LEADER, captions, failing, is_about, library, only, picture, rig
from data.samples import candidate, fingerprint

from transforms.answer import is_sampled
from transforms.errors import ConfigInvalid
from transforms.group import Case
from transforms.means import DeskOptions
from transforms.values import Caption, Refusal


@pytest.mark.parametrize("moment", ["before", "during", "after"])
def test_copy_reuses_the_leaders_text(moment: str) -> None:
    with rig(gated=True) as r:
        out = r.lead(LEADER)
        if moment == "after":
            r.open()
            out += r.poll()
        if moment == "during":
            out += r.poll(0.0)
        out += r.arrive(COPY)
        r.gate.set()
        out += r.poll()
        made = captions(out)
        assert made["lead"].reused == (False,)
        assert made["lead"].duplicate_of is None
        assert made["copy"].reused == (True,)
        assert made["copy"].duplicate_of == "lead"
        assert made["copy"].hash_distance == 2
        assert made["copy"].colour_distance == 0.0
        assert made["copy"].texts == made["lead"].texts
        assert is_about(made["copy"].texts[0].caption, LEADER)
        assert r.fake.submitted == 1
        assert len(out) == 2


def test_redelivered_leader_stays_generated() -> None:
    with rig() as r:
        r.lead(LEADER)
        first = only(r.poll())
        again = only(r.arrive(replace(LEADER, record=samples.record(9))))
        assert isinstance(first, Caption)
        assert isinstance(again, Caption)
        assert again.event_id == first.event_id
        assert again.reused == (False,)
        assert r.fake.submitted == 1


def test_redelivery_while_pending() -> None:
    with rig(gated=True) as r:
        r.lead(LEADER)
        assert r.arrive(LEADER) == []  # the same record: it is owed one caption
        assert r.arrive(replace(LEADER, record=samples.record(9))) == []  # sent twice by the shop
        r.gate.set()
        out = r.poll()
        assert [o.record.offset for o in out] == [0, 9]
        assert len({o.event_id for o in out if isinstance(o, Caption)}) == 1
        assert r.fake.submitted == 1


def test_titles_in_the_prompt_part_the_copies() -> None:
    one = picture("lead", attributes={"title": "Red mug"})
    two = picture("b", 2, offset=1, attributes={"title": "Cup"})
    with rig(prompts=library("Describe {title}.")) as r:
        made = captions(r.lead(one) + r.arrive(two) + r.poll())
        assert is_about(made["lead"].texts[0].caption, one)
        assert is_about(made["b"].texts[0].caption, two)
        assert made["lead"].texts[0].prompt_sha256 != made["b"].texts[0].prompt_sha256
        assert r.fake.submitted == 2
    with rig() as r:
        made = captions(r.lead(one) + r.arrive(two) + r.poll())
        assert made["lead"].texts == made["b"].texts
        assert r.fake.submitted == 1


@pytest.mark.parametrize("late", [False, True])
def test_a_language_the_leader_did_not_ask(late: bool) -> None:
    second = picture("b", 2, offset=1, languages=("zh-Hans", "en"))
    third = picture("c", 1, offset=2, languages=("zh-Hans", "en"))
    with rig(gated=True) as r:
        out = r.lead(LEADER)
        if late:
            r.open()
            out += r.poll()
            r.gate.clear()
        out += r.arrive(second) + r.arrive(third)
        r.gate.set()
        out += r.poll()
        made = captions(out)
        assert [t.language for t in made["b"].texts] == ["zh-Hans", "en"]
        assert is_about(made["b"].texts[0].caption, second)
        assert is_about(made["b"].texts[1].caption, LEADER)
        assert made["b"].reused == (False, True)
        assert made["c"].reused == (True, True)
        assert made["c"].texts == made["b"].texts
        assert r.fake.submitted == 2
        assert len(out) == 3
        assert r.store.bag == []


def test_similarity_never_chains() -> None:
    left = candidate("left", mark=fingerprint(0b111111), offset=1)
    right = candidate("right", mark=fingerprint(0b111111 << 20), offset=2)

    def fail_leader(request: object, _: object) -> RuntimeError | None:
        return RuntimeError("no") if request.image == b"lead" else None  # type: ignore[attr-defined]

    with rig(script=fail_leader) as r:
        made = captions(r.lead(LEADER) + r.arrive(left) + r.arrive(right) + r.poll())
        assert is_about(made["left"].texts[0].caption, left)
        assert is_about(made["right"].texts[0].caption, right)


def audit_rig(**more: object) -> Any:
    return rig(audit_share=1.0, **more)


def test_a_sampled_copy_is_captioned_and_compared() -> None:
    with audit_rig() as r:
        r.lead(LEADER)
        r.poll()
        assert r.arrive(COPY) == []
        made = only(r.poll())
        assert isinstance(made, Caption)
        assert is_about(made.texts[0].caption, COPY)
        assert made.reused == (False,)
        assert (made.duplicate_of, made.hash_distance, made.flags) == ("lead", 2, ("audited", "audit_disagrees"))
        again = only(r.arrive(replace(COPY, record=samples.record(9))))
        assert isinstance(again, Caption)
        assert again.texts == made.texts
        assert r.fake.submitted == 2


def test_equal_bytes_are_not_sampled() -> None:
    with audit_rig() as r:
        r.lead(LEADER)
        r.poll()
        same = replace(LEADER, record=samples.record(7), upload=replace(LEADER.upload, image_id="same"))
        for content in (replace(LEADER, record=samples.record(6)), same):
            made = only(r.arrive(content))
            assert isinstance(made, Caption)
            assert made.flags == ()
        assert (made.reused, made.duplicate_of) == ((True,), "lead")
        assert r.fake.submitted == 1


def test_a_sampled_copy_whose_original_went_meanwhile_is_compared_with_nothing() -> None:
    with audit_rig() as r:
        r.lead(LEADER)
        r.poll()
        r.gate.clear()
        r.arrive(COPY)
        r.arrive(samples.deletion("lead", 9))
        r.gate.set()
        made = captions(r.poll())["copy"]
        assert (made.reused, made.duplicate_of, made.flags) == ((False,), None, ())


def test_a_sampled_copy_that_is_told_the_same_agrees() -> None:
    answers = iter(["A red mug, on a table.", "a red mug on a table"])
    with audit_rig(script=lambda *_: next(answers)) as r:
        r.lead(LEADER)
        r.poll()
        r.arrive(COPY)
        made = only(r.poll())
        assert isinstance(made, Caption)
        assert made.flags == ("audited",)


def test_a_sampled_copy_whose_own_caption_fails_reuses_after_all() -> None:
    with audit_rig(script=failing("copy")) as r:
        r.lead(LEADER)
        r.poll()
        r.arrive(COPY)
        made = only(r.poll())
        assert isinstance(made, Caption)
        assert made.reused == (True,)
        assert made.flags == ()


def test_what_a_sampled_copy_was_answered_in_one_language_is_in_the_audit_though_it_reuses_both() -> None:
    def script(request: object, prompt: object) -> str | None:
        is_bad = (request.image, prompt.language) == (b"copy", "en")  # type: ignore[attr-defined]
        return "!" * 40 if is_bad else None

    both = ("zh-Hans", "en")
    with audit_rig(script=script) as r:
        r.lead(picture("lead", languages=both))
        r.poll()
        out = r.arrive(picture("copy", 2, offset=1, languages=both)) + r.poll()
        assert captions(out)["copy"].reused == (True, True)
        answers = [o.text for o in out if isinstance(o, Refusal)]
        assert [text.language for text in answers] == ["en", "en", "en", "zh-Hans"]
        assert (answers[-1].rules, answers[-1].image_id) == (("incomplete",), "copy")


def test_a_copy_that_has_waited_is_not_sampled() -> None:
    with audit_rig(gated=True) as r:
        r.lead(LEADER)
        r.arrive(COPY)
        r.gate.set()
        assert captions(r.poll())["copy"].reused == (True,)
        assert r.fake.submitted == 1


def test_a_sampled_copy_is_pending_after_a_restore() -> None:
    with audit_rig() as r:
        r.lead(LEADER)
        r.poll()
        r.gate.clear()
        r.arrive(COPY)
        r.new_desk()
        r.gate.set()
        made = only(r.poll())
        assert isinstance(made, Caption)
        assert made.flags == ("audited", "audit_disagrees")


@pytest.mark.parametrize(("share", "least", "most"), [(0.0, 0, 0), (0.01, 5, 15), (0.5, 450, 550), (1.0, 1000, 1000)])
def test_the_share_of_duplicates_that_is_sampled(share: float, least: int, most: int) -> None:
    cases = [Case(COPY, (), f"event-{number}") for number in range(1000)]
    sampled = [case.event_id for case in cases if is_sampled(case, share)]
    assert least <= len(sampled) <= most
    assert sampled == [case.event_id for case in cases if is_sampled(case, share)]


def test_a_picture_that_very_many_show_is_flagged() -> None:
    with rig() as r:
        r.lead(replace(LEADER, is_placeholder=True))
        made = only(r.poll())
        assert isinstance(made, Caption)
        assert made.flags == ("placeholder",)


@pytest.mark.parametrize("share", [-0.1, 1.5])
def test_a_share_is_between_none_and_all(share: float) -> None:
    with pytest.raises(ConfigInvalid, match="--audit-sample"):
        DeskOptions(audit_share=share)
