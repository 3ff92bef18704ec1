"""Nobody is left behind in the bag: what a restore finds answered serves those who waited for it."""

from __future__ import annotations

from data.desk_rig import COPY, LEADER, SharedTexts, captions, letters, library, picture, rig
from data.samples import record

from transforms.captioner.prompts import Library
from transforms.values import Candidate, Deletion, GroupState

Snapshot = tuple[GroupState | None, list[Candidate]]


def killed_when_the_text_was_shared(shared: SharedTexts) -> Snapshot:
    """The state of a leader that is pending and a copy that waits for it, whose text the cache has already."""
    with rig(gated=True, cache=shared) as r:
        r.lead(LEADER)
        r.arrive(COPY)
        assert [waiting.upload.image_id for waiting in r.store.bag] == ["copy"]
        state = r.store.snapshot()
        r.open()
        assert set(captions(r.poll())) == {"lead", "copy"}
        assert len(shared.texts) == 1
        return state


def test_who_waited_is_served_when_the_cache_answers_a_restored_leader() -> None:
    state = killed_when_the_text_was_shared(shared := SharedTexts())
    with rig(cache=shared) as restored:
        restored.store.roll_back(state)
        out = restored.arrive(picture("later", 1, 7)) + restored.poll()
        assert set(captions(out)) == {"lead", "copy", "later"}
        assert restored.store.bag == []
        assert restored.fake.submitted == 0


def test_a_deletion_that_comes_first_after_a_restore_follows_what_waited() -> None:
    state = killed_when_the_text_was_shared(shared := SharedTexts())
    with rig(cache=shared) as restored:
        restored.store.roll_back(state)
        out = restored.arrive(Deletion(record(9, b"copy", None), "copy", "shop")) + restored.poll()
        assert [type(output).__name__ for output in out] == ["Caption", "Caption", "Tombstone"]
        assert set(captions(out)) == {"lead", "copy"}


def test_a_prompt_that_is_gone_after_a_restore_fails_everybody_who_asked_for_it() -> None:
    with rig(gated=True) as r:
        r.lead(LEADER)
        r.arrive(COPY)
        state = r.store.snapshot()
    without = Library("2", tuple(prompt for prompt in library().prompts if prompt.language != "en"), "test")
    with rig(prompts=without) as restored:
        restored.store.roll_back(state)
        out = restored.arrive(Deletion(record(9, b"other", None), "other", "shop")) + restored.poll()
        assert [letter.record.offset for letter in letters(out)] == [0, 1]
        assert {letter.code for letter in letters(out)} == {"unsupported_language"}
