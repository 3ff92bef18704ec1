"""Images that are deleted at any moment."""

from __future__ import annotations

from dataclasses import replace

from data import samples
from data.desk_rig import COPY, LEADER, captions, library, only, picture, rig
from data.samples import deletion

from transforms.captioner.api import CaptionRequest, RenderedPrompt
from transforms.captioner.prompts import Library
from transforms.values import (
    Caption,
    DeadLetter,
    GroupState,
    Refusal,
    Tombstone,
)


def test_deleted_while_pending() -> None:
    with rig(gated=True) as r:
        r.lead(LEADER)
        out = r.arrive(COPY)
        out += r.arrive(deletion("lead", 5))
        assert [type(o) for o in out] == [Tombstone]
        r.gate.set()
        out += r.poll()
        about_leader = [type(o) for o in out if isinstance(o, Tombstone) or o.record == LEADER.record]
        assert about_leader == [Tombstone, Caption, Tombstone]
        assert set(captions(out)) == {"lead", "copy"}
        assert r.store.cell == GroupState()


def test_deleted_while_waiting() -> None:
    with rig(gated=True) as r:
        r.lead(LEADER)
        r.arrive(COPY)
        r.arrive(deletion("copy", 5))
        r.gate.set()
        assert [type(o) for o in r.poll()] == [Caption, Caption, Tombstone]
        assert r.store.cell is not None
        assert len(r.store.cell.texts) == 1
        assert r.store.cell.deletions == ()


def test_an_answer_that_goes_with_its_image_before_the_caption_is_out_is_in_the_audit() -> None:
    def script(_: object, prompt: object) -> str | None:
        return "!" * 40 if prompt.language == "en" else None  # type: ignore[attr-defined]

    with rig(script=script) as r:
        r.lead(picture("lead", languages=("zh-Hans", "en")))
        r.idle()
        r.gate.clear()
        assert r.poll(0.0) == []  # the other language is asked for again
        out = r.arrive(deletion("lead", 5))
        r.gate.set()
        out += r.poll()
        assert isinstance(out[-1], DeadLetter)
        answers = [(o.text.language, o.text.rules) for o in out if isinstance(o, Refusal)]
        assert answers.count(("zh-Hans", ("incomplete",))) == 1


def test_an_answer_that_goes_while_its_upload_waits_for_another_is_in_the_audit() -> None:
    def script(request: CaptionRequest, prompt: RenderedPrompt) -> str | None:
        return "!" * 40 if prompt.language == "en" and request.sampling.greedy else None

    with rig(script=script) as r:
        r.lead(LEADER)
        r.arrive(replace(COPY, upload=replace(COPY.upload, languages=("zh-Hans", "en"))))  # only its Chinese is asked
        r.idle()
        r.gate.clear()
        assert [type(o) for o in r.poll(0.0)] == []  # the leader's English is asked for again: both wait for it
        assert [one.upload.image_id for one in r.store.bag] == ["copy"]
        out = r.arrive(deletion("copy", 5))
        assert [type(o) for o in out] == [Tombstone, Refusal]
        assert (out[1].upload.image_id, out[1].text.language, out[1].text.rules) == ("copy", "zh-Hans", ("incomplete",))
        assert [one.upload.image_id for one in r.store.bag] == ["copy"]  # its caption is owed all the same
        r.gate.set()
        kinds = [(type(o), o.upload.image_id) for o in r.poll() if not isinstance(o, Tombstone)]
        assert kinds.count((Caption, "copy")) == 1


def test_who_waits_for_a_language_that_is_served_no_more_fails_once() -> None:
    def script(request: CaptionRequest, prompt: RenderedPrompt) -> str | None:
        return "!" * 40 if prompt.language == "en" and request.sampling.greedy else None

    with rig(script=script) as r:
        r.lead(LEADER)
        r.arrive(replace(COPY, upload=replace(COPY.upload, languages=("zh-Hans", "en"))))
        r.idle()
        r.gate.clear()
        r.poll(0.0)
        r.prompts = Library("2", tuple(one for one in library().prompts if one.language == "en"), "test")
        r.new_process()
        out = r.arrive(deletion("copy", 5))
        assert [type(o) for o in out] == [Tombstone]
        r.gate.set()
        failed = [o for o in out + r.poll() if isinstance(o, DeadLetter)]
        assert [(o.record.offset, o.code) for o in failed] == [(COPY.record.offset, "unsupported_language")]


def test_deleted_leader_takes_its_text_along() -> None:
    with rig() as r:
        r.lead(LEADER)
        r.poll()
        assert [type(o) for o in r.arrive(deletion("lead", 5))] == [Tombstone]
        assert r.store.cell == GroupState()
        made = captions(r.arrive(COPY) + r.poll())
        assert made["copy"].reused == (False,)


def test_unknown_image_gets_its_tombstone_at_once() -> None:
    with rig() as r:
        assert only(r.arrive(deletion("nobody", 3))) == Tombstone(deletion("nobody", 3).record, "nobody", "shop")
        assert r.store.calls == ["read"]


def test_deletion_that_overtook_its_upload() -> None:
    with rig() as r:
        out = r.lead(replace(LEADER, deleted=True)) + r.poll()
        assert [type(o) for o in out] == [Caption, Tombstone]
        assert r.store.cell == GroupState()  # its text stands for nobody


def test_upload_after_the_deletion_lives() -> None:
    with rig(gated=True) as r:
        r.lead(LEADER)
        r.arrive(deletion("lead", 5))
        r.arrive(replace(LEADER, record=samples.record(6)))
        r.gate.set()
        assert [(type(o), o.record.offset) for o in r.poll()] == [(Caption, 0), (Tombstone, 0), (Caption, 6)]


def test_rolled_back_deletion_is_written_again() -> None:
    with rig(gated=True) as r:
        r.lead(LEADER)
        before = r.store.snapshot()
        r.arrive(deletion("lead", 5))
        r.store.roll_back(before)
        r.arrive(deletion("lead", 5))
        assert r.store.cell is not None
        assert len(r.store.cell.deletions) == 1


def test_leader_id_used_again_reads_the_state() -> None:
    with rig(gated=True) as r:
        r.lead(LEADER)
        r.lead(COPY)  # the index says so though the group lives, its leader having been deleted
        r.gate.set()
        assert set(captions(r.poll())) == {"lead", "copy"}
