"""Texts of an earlier job: their records, the group they go to, and what they save."""

import logging
from dataclasses import replace

import pytest
from data import samples
from data.desk_rig import COPY, LEADER, captions, only, picture, rig
from data.samples import arrival, candidate, deletion, far, fingerprint, record

from transforms.audit import Audit
from transforms.coders import AvroCoder
from transforms.encode import Encode
from transforms.index.decide import DuplicateIndex, leader_id
from transforms.metrics import tally
from transforms.similarity import SimilarityRule
from transforms.values import (
    Arrival,
    Assignment,
    CachedText,
    Caption,
    Finished,
    KafkaRecord,
    KnownText,
    Role,
    Text,
    Tombstone,
)
from transforms.warm import cache_key, latest

EARLIER = candidate("old", b"old", fingerprint(0))
TEXT = samples.text("A red mug.", of=EARLIER)


def known(text: Text = TEXT, offset: int = 0) -> Arrival:
    return Arrival(known=KnownText(record(offset, b"key", None), "shop", text))


def cached(offset: int, text: Text | None = TEXT) -> KafkaRecord:
    value = None if text is None else AvroCoder(CachedText).encode(CachedText("shop", text))
    return record(offset, b"key", value)


def test_what_is_generated_goes_to_the_cache_topic_and_what_is_reused_does_not() -> None:
    english, chinese = samples.text("A mug.", of=EARLIER), samples.text("杯子。", "zh-Hans", of=EARLIER)
    caption = samples.caption(EARLIER, (english, chinese), (False, True))
    encode = Encode("captions", "run", False, Audit("audit", "run"), "cache", clock=lambda: 5.0)
    to_captions, to_cache = encode(Finished(caption=caption)).records
    assert (to_captions.topic, to_cache.topic) == ("captions", "cache")
    assert to_cache.key == cache_key("shop", english).encode()
    assert (to_cache.timestamp_ms, to_cache.origin) == (5000, caption.record)
    assert AvroCoder(CachedText).decode(to_cache.value or b"") == CachedText("shop", english)
    without = Encode("captions", "run", False, Audit("audit", "run"))
    assert [sent.topic for sent in without(Finished(caption=caption)).records] == ["captions"]


def test_a_deletion_withdraws_an_image_s_texts() -> None:
    encode = Encode("captions", "run", False, Audit("audit", "run"), "cache")
    tombstone = Tombstone(record(3, value=None), "old", ("one", "two"))
    sent = encode(Finished(tombstone=tombstone)).records
    assert [(one.topic, one.key, one.value) for one in sent] == [
        ("captions", b"old", None),
        ("cache", b"one", None),
        ("cache", b"two", None),
    ]


@pytest.mark.parametrize(
    "changed", [replace(TEXT, reuse_key="b" * 64), replace(TEXT, sha256=bytes(32)), replace(TEXT, veto="sku=1")]
)
def test_keys_differ_where_texts_must(changed: Text) -> None:
    assert cache_key("shop", changed) != cache_key("shop", TEXT)
    assert cache_key("other", TEXT) != cache_key("shop", TEXT)


def test_the_newest_record_of_a_key_counts(caplog: pytest.LogCaptureFixture) -> None:
    newer = replace(TEXT, caption="A mug, red.")
    (found,) = latest((b"key", [cached(7, newer), cached(3)]))
    assert found == KnownText(record(7, b"key", None), "shop", newer)
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


def test_a_text_whose_image_was_deleted_since_is_not_learned() -> None:
    index = DuplicateIndex("shop", SimilarityRule())
    index.assign(arrival(deletion("old", 50)))
    assert index.assign(known(offset=10)) == ([], [])


def test_a_known_picture_does_not_stand_for_what_its_image_shows_now() -> None:
    index = DuplicateIndex("shop", SimilarityRule())
    index.assign(known(offset=40))
    roles = [one.role for one in index.assign(arrival(candidate("old", b"new", far(3), 5)))[0]]
    assert roles == [Role.NEW_LEADER]


def test_a_copy_of_a_known_picture_costs_no_generation() -> None:
    text = samples.text("A red mug.", of=LEADER)
    with rig() as r:
        r.lead(LEADER)
        (told,) = captions(r.poll()).values()
        text = told.texts[0]
    with rig() as r:
        learned = Arrival(known=KnownText(record(0, b"k", None), "shop", text))
        assert r.desk.arrive(Assignment("leader", Role.KNOWN, learned), r.store) == ([], False)
        made = only(r.arrive(COPY))
        assert isinstance(made, Caption)
        assert (made.texts, made.reused, made.duplicate_of) == ((text,), (True,), "lead")
        assert r.fake.submitted == 0
        writes = r.store.calls.count("write")
        r.desk.arrive(Assignment("leader", Role.KNOWN, learned), r.store)
        assert r.store.calls.count("write") == writes  # known already
        refused = Arrival(known=KnownText(record(0, b"k", None), "shop", replace(text, caption="")))
        r.desk.arrive(Assignment("other", Role.KNOWN, refused), r.stores.setdefault("other", type(r.store)()))
        assert r.arrive(picture("x", 2), Role.MEMBER, "other") == []


def test_a_deleted_image_s_cached_texts_are_named() -> None:
    with rig() as r:
        r.lead(LEADER)
        (told,) = captions(r.poll()).values()
        gone = only(r.arrive(deletion("lead", 5)))
        assert isinstance(gone, Tombstone)
        assert gone.cached == (cache_key("shop", told.texts[0]),)
    with rig(gated=True) as r:
        r.lead(LEADER)
        r.arrive(deletion("lead", 5))
        r.gate.set()
        *_, again = r.poll()
        assert isinstance(again, Tombstone)
        assert again.cached == (cache_key("shop", told.texts[0]),)
