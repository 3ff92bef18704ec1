"""Texts of an earlier job: their records, the group they go to, and what they save."""

import logging
from dataclasses import replace
from typing import Any

import pytest
from data import samples
from data.desk_rig import COPY, LEADER, captions, only, picture, rig
from data.samples import arrival, candidate, deletion, far, fingerprint, record

from transforms.audit import Audit
from transforms.coders import AvroCoder
from transforms.encode import Encode
from transforms.index.decide import DuplicateIndex, leader_id
from transforms.metrics import tally
from transforms.origin import ORIGIN
from transforms.similarity import SimilarityRule
from transforms.values import (
    Arrival,
    Assignment,
    CachedTexts,
    Caption,
    Finished,
    KafkaRecord,
    KnownTexts,
    Role,
    Task,
    Text,
    Tombstone,
)
from transforms.warm import cache_key, latest

EARLIER = candidate("old", b"old", fingerprint(0))
TEXT = samples.text("A red mug.", of=EARLIER)
CACHED = AvroCoder(CachedTexts)


def known(text: Text = TEXT, offset: int = 0, task: Task = Task.DESCRIBE) -> Arrival:
    """What was generated for the upload at an offset."""
    place = replace(record(offset), key=None, value=None)
    return Arrival(known=KnownTexts(place, "shop", text.image_id, task, (text,)))


def cached(offset: int, text: Text | None = TEXT, **more: Any) -> KafkaRecord:
    """A record of the cache topic, for the upload at offset 2."""
    origin = ("uploads", 0, 2, record(2).timestamp_ms)
    value = None if text is None else CACHED.encode(CachedTexts("shop", "old", Task.DESCRIBE, *origin, (text,)))
    return record(offset, b"key", value, **more)


def test_what_is_generated_goes_to_the_cache_topic_and_what_is_reused_does_not() -> None:
    english, chinese = samples.text("A mug.", of=EARLIER), samples.text("杯子。", "zh-Hans", of=EARLIER)
    source = replace(EARLIER, record=record(30, headers={ORIGIN: b"shop-uploads/4/17"}))
    caption = samples.caption(source, (english, chinese), (False, True))
    encode = Encode("captions", "run", False, Audit("audit", "run"), "cache", clock=lambda: 5.0)
    to_captions, to_cache = encode(Finished(caption=caption)).records
    assert (to_captions.topic, to_cache.topic) == ("captions", "cache")
    assert (to_cache.key, to_cache.timestamp_ms) == (cache_key("shop", "old", Task.DESCRIBE), 5000)
    first = ("shop-uploads", 4, 17, source.record.timestamp_ms)
    assert CACHED.decode(to_cache.value or b"") == CachedTexts("shop", "old", Task.DESCRIBE, *first, (english,))
    all_reused = samples.caption(source, (english, chinese), (True, True))
    assert [sent.topic for sent in encode(Finished(caption=all_reused)).records] == ["captions"]
    without = Encode("captions", "run", False, Audit("audit", "run"))
    assert [sent.topic for sent in without(Finished(caption=caption)).records] == ["captions"]


def test_a_deletion_withdraws_whatever_was_said_of_an_image() -> None:
    encode = Encode("captions", "run", False, Audit("audit", "run"), "cache")
    sent = encode(Finished(tombstone=Tombstone(record(3, value=None), "old", "shop"))).records
    assert (sent[0].topic, sent[0].key, sent[0].value) == ("captions", b"old", None)
    assert {(one.topic, one.key, one.value) for one in sent[1:]} == {
        ("cache", cache_key("shop", "old", task), None) for task in Task
    }
    assert cache_key("shop", "old", Task.DESCRIBE) not in {
        cache_key(merchant, image, Task.DESCRIBE) for merchant, image in (("shop", "new"), ("other", "old"))
    }


def test_the_newest_record_of_a_key_counts(caplog: pytest.LogCaptureFixture) -> None:
    newer = replace(TEXT, caption="A mug, red.")
    (found,) = latest((b"key", [cached(7, newer), cached(3)]))
    place = replace(record(2), key=None, value=None)
    assert found == KnownTexts(place, "shop", "old", Task.DESCRIBE, (newer,))
    moved = cached(0, newer, partition=0, timestamp_ms=record(9).timestamp_ms)  # to another partition
    assert list(latest((b"key", [cached(4, partition=1), moved]))) == [found]
    assert list(latest((b"key", [cached(3), cached(9, None)]))) == []
    before = tally().get("cache_unreadable", 0)
    with caplog.at_level(logging.WARNING):
        assert list(latest((b"key", [record(4, b"key", b"nonsense")]))) == []
    assert tally()["cache_unreadable"] == before + 1
    assert "record `uploads/0/4` of the cache topic cannot be read" in caplog.text


def test_a_known_picture_founds_its_group_and_copies_join_it() -> None:
    index = DuplicateIndex("shop", SimilarityRule())
    (learned,), (entry,) = index.assign(known())
    assert (learned.role, learned.leader_id) == (Role.KNOWN, leader_id("shop", TEXT.sha256, ""))
    assert (entry.kind, entry.image_id, entry.task) == ("leader", "old", None)
    for copy in (candidate("b", b"B", fingerprint(0b11), 5), candidate("c", b"old", fingerprint(0), 6)):
        ((assigned,), _) = index.assign(arrival(copy))
        assert (assigned.role, assigned.leader_id) == (Role.MEMBER, learned.leader_id)
    assert index.assign(arrival(candidate("d", b"D", far(1), 7)))[0][0].role is Role.NEW_LEADER


def test_a_known_text_of_a_picture_that_leads_already_goes_to_its_group() -> None:
    index = DuplicateIndex("shop", SimilarityRule())
    ((first,), _) = index.assign(arrival(candidate("b", b"B", fingerprint(0b11), 5)))
    (learned,), (entry,) = index.assign(known())
    assert (learned.role, learned.leader_id, entry.kind) == (Role.KNOWN, first.leader_id, "member")
    told = index.assign(arrival(deletion("old", 9)))[0]
    assert [(one.role, one.leader_id) for one in told] == [(Role.DELETION, first.leader_id)]


def test_texts_are_as_old_as_the_upload_they_were_written_for() -> None:
    deleted, spared = DuplicateIndex("shop", SimilarityRule()), DuplicateIndex("shop", SimilarityRule())
    deleted.assign(arrival(deletion("old", 50)))
    assert deleted.assign(known(offset=49)) == ([], [])
    spared.assign(arrival(deletion("old", 50)))
    assert [one.role for one in spared.assign(known(offset=51))[0]] == [Role.KNOWN]


def test_a_deletion_is_not_late_because_an_earlier_job_was_further() -> None:
    index = DuplicateIndex("shop", SimilarityRule())
    ((learned,), _) = index.assign(known(offset=90))
    told, _ = index.assign(arrival(deletion("old", 50)))
    assert [(one.role, one.leader_id) for one in told] == [(Role.DELETION, learned.leader_id)]


def test_a_known_picture_does_not_stand_for_what_its_image_shows_now() -> None:
    index = DuplicateIndex("shop", SimilarityRule())
    index.assign(known(offset=40))
    roles = [one.role for one in index.assign(arrival(candidate("old", b"new", far(3), 5)))[0]]
    assert roles == [Role.NEW_LEADER]


def test_a_picture_of_a_known_image_is_replaced_like_any_other() -> None:
    index = DuplicateIndex("shop", SimilarityRule())
    ((learned,), _) = index.assign(known(offset=4))
    ((again,), _) = index.assign(arrival(replace(EARLIER, record=record(6, b"old"))))
    assert (again.role, again.leader_id) == (Role.MEMBER, learned.leader_id)
    told, _ = index.assign(arrival(candidate("old", b"new", far(3), 7)))
    assert [(one.role, one.leader_id) for one in told[:1]] == [(Role.REPLACED, learned.leader_id)]


def test_what_is_known_already_adds_no_row_and_no_image() -> None:
    index = DuplicateIndex("shop", SimilarityRule())
    ((first,), _) = index.assign(arrival(EARLIER))
    assert index.assign(known(offset=3)) == ([Assignment(first.leader_id, Role.KNOWN, known(offset=3))], [])
    ((_,), (entry,)) = index.assign(known(samples.text(of=candidate("old", b"again", fingerprint(3))), 5))
    assert entry.kind == "repeat"


@pytest.mark.parametrize("task", [Task.MODERATE, Task.ANSWER])
def test_texts_of_exact_tasks_found_a_group_of_their_own(task: Task) -> None:
    index = DuplicateIndex("shop", SimilarityRule())
    index.assign(arrival(candidate("b", b"B", fingerprint(0b11), 5)))
    ((_,), (entry,)) = index.assign(known(task=task))
    assert entry.kind == "leader"
    ((_,), (entry,)) = index.assign(known(samples.text(of=candidate("c", b"old")), task=task))
    assert entry.kind == "member"


def test_a_copy_of_a_known_picture_costs_no_generation() -> None:
    with rig() as r:
        r.lead(LEADER)
        (told,) = captions(r.poll()).values()
        text = told.texts[0]
    with rig() as r:
        learned, before = known(text), tally().get("cache_learned", 0)
        assert r.desk.arrive(Assignment("leader", Role.KNOWN, learned), r.store) == ([], False)
        made = only(r.arrive(COPY))
        assert isinstance(made, Caption)
        assert (made.texts, made.reused, made.duplicate_of) == ((text,), (True,), "lead")
        assert r.fake.submitted == 0
        assert tally()["cache_learned"] == before + 1
        writes = r.store.calls.count("write")
        r.desk.arrive(Assignment("leader", Role.KNOWN, learned), r.store)
        assert r.store.calls.count("write") == writes  # known already


@pytest.mark.parametrize("changed", [{"caption": ""}, {"model": "x"}, {"model_revision": "x"}, {"policy_version": "x"}])
def test_texts_that_this_job_would_not_use_are_not_kept(changed: dict[str, str]) -> None:
    with rig() as r:
        r.lead(LEADER)
        (told,) = captions(r.poll()).values()
        text = replace(told.texts[0], **changed)
        r.desk.arrive(Assignment("other", Role.KNOWN, known(text)), r.stores.setdefault("other", type(r.store)()))
        assert r.stores["other"].calls == ["read"]
        assert r.arrive(picture("x", 2), Role.MEMBER, "other") == []
