import random
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from data.samples import arrival, candidate, deletion, far, fingerprint, record, text
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms.coders import AvroCoder
from transforms.errors import ConfigInvalid
from transforms.index.decide import DuplicateIndex, leader_id
from transforms.index.leaders import LEADER
from transforms.index.limits import IndexLimits
from transforms.index.showings import ELSEWHERE, REPEAT, Showing
from transforms.index.showings import LEADER as LEADER_KIND
from transforms.origin import ORIGIN
from transforms.similarity import SimilarityRule
from transforms.values import (
    Arrival,
    Assignment,
    Candidate,
    Deletion,
    IndexChunk,
    IndexEntry,
    KnownTexts,
    Role,
    Task,
)

RULE = SimilarityRule()
NEAR = fingerprint(0)
CODER = AvroCoder(IndexChunk)


def bits(number: int) -> Any:
    return fingerprint((1 << number) - 1)


class Scope:
    """An index and its journal."""

    def __init__(self) -> None:
        self.index = DuplicateIndex("shop", RULE)
        self.journal: list[IndexEntry] = []

    def all(self, content: Candidate | Deletion) -> list[Assignment]:
        assignments, entries = self.index.assign(arrival(content))
        self.journal += entries
        return assignments

    def one(self, content: Candidate | Deletion) -> Assignment:
        (only,) = [assigned for assigned in self.all(content) if assigned.role is not Role.REPLACED]
        return only


def test_the_first_picture_leads() -> None:
    first = candidate("a", b"A")
    assigned = Scope().one(first)
    assert assigned.role is Role.NEW_LEADER
    assert assigned.leader_id == leader_id("shop", first.picture.sha256, "")
    assert assigned.arrival == Arrival(candidate=first)


def test_a_copy_is_a_member_and_a_stranger_leads() -> None:
    scope = Scope()
    first = scope.one(candidate("a", b"A", NEAR))
    copy = scope.one(candidate("b", b"B", bits(6)))
    stranger = scope.one(candidate("c", b"C", bits(8)))
    assert (copy.role, copy.leader_id) == (Role.MEMBER, first.leader_id)
    assert stranger.role is Role.NEW_LEADER
    assert len(scope.index) == 2


def test_members_do_not_lead_so_similarity_never_chains() -> None:
    scope = Scope()
    scope.one(candidate("a", b"A", bits(0)))
    assert scope.one(candidate("b", b"B", bits(6))).role is Role.MEMBER
    assert scope.one(candidate("c", b"C", bits(12))).role is Role.NEW_LEADER


def test_the_nearest_leader_wins() -> None:
    scope = Scope()
    scope.one(candidate("a", b"A", bits(0)))
    second = scope.one(candidate("b", b"B", bits(8)))
    assert scope.one(candidate("c", b"C", bits(6))).leader_id == second.leader_id


def test_a_tie_goes_to_the_oldest() -> None:
    scope = Scope()
    first = scope.one(candidate("a", b"A", bits(0)))
    scope.one(candidate("b", b"B", bits(8)))
    assert scope.one(candidate("c", b"C", bits(4))).leader_id == first.leader_id


def test_another_colour_leads() -> None:
    scope = Scope()
    scope.one(candidate("a", b"A", fingerprint(lab=(0, 0, 0))))
    assert scope.one(candidate("b", b"B", fingerprint(lab=(0, 0, 11)))).role is Role.NEW_LEADER
    assert scope.one(candidate("c", b"C", fingerprint(lab=(-10, 0, 0)))).role is Role.MEMBER


def test_the_veto_parts_even_equal_bytes() -> None:
    scope = Scope()
    red = scope.one(candidate("a", b"A", NEAR, attributes={"colour": "red"}))
    blue = scope.one(candidate("b", b"A", NEAR, attributes={"colour": "blue"}))
    assert blue.role is Role.NEW_LEADER
    assert blue.leader_id != red.leader_id
    again = scope.one(candidate("c", b"C", NEAR, attributes={"colour": "blue"}))
    assert (again.role, again.leader_id) == (Role.MEMBER, blue.leader_id)


def test_a_separator_in_an_attribute_stops_nothing() -> None:
    scope = Scope()
    scope.one(candidate("a", b"A", NEAR, attributes={"colour": "red\x1f"}))
    assert scope.one(candidate("b", b"B", NEAR, attributes={"colour": "blue"})).role is Role.NEW_LEADER


def test_poor_pictures_match_on_equal_bytes_only() -> None:
    scope = Scope()
    poor = fingerprint(quality=49)
    first = scope.one(candidate("a", b"A", poor))
    assert scope.one(candidate("b", b"B", poor)).role is Role.NEW_LEADER
    equal = scope.one(candidate("c", b"A", poor))
    assert (equal.role, equal.leader_id) == (Role.MEMBER, first.leader_id)
    assert scope.one(candidate("d", b"D", fingerprint(quality=50))).role is Role.NEW_LEADER


def test_other_fingerprint_versions_match_on_equal_bytes_only() -> None:
    scope = Scope()
    scope.one(candidate("a", b"A", fingerprint(version=1)))
    assert scope.one(candidate("b", b"B", fingerprint(version=2))).role is Role.NEW_LEADER
    assert scope.one(candidate("c", b"A", fingerprint(version=2))).role is Role.MEMBER


@pytest.mark.parametrize("task", [Task.MODERATE, Task.ANSWER])
def test_exact_tasks_join_equal_bytes_only(task: Task) -> None:
    scope = Scope()
    first = scope.one(candidate("a", b"A", NEAR))
    assert scope.one(candidate("b", b"B", NEAR, task=task)).role is Role.NEW_LEADER
    equal = scope.one(candidate("c", b"A", NEAR, task=task))
    assert (equal.role, equal.leader_id) == (Role.MEMBER, first.leader_id)


def test_a_leader_delivered_again_keeps_its_group_and_adds_nothing() -> None:
    scope = Scope()
    first = scope.one(candidate("a", b"A", NEAR))
    again = scope.one(candidate("a", b"A", NEAR))
    assert (again.role, again.leader_id) == (Role.MEMBER, first.leader_id)
    assert len(scope.journal) == 1


def test_a_member_delivered_again_keeps_its_group_though_a_nearer_leader_came() -> None:
    scope = Scope()
    first = scope.one(candidate("a", b"A", bits(0)))
    member = scope.one(candidate("b", b"B", bits(6)))
    nearer = scope.one(candidate("c", b"C", bits(8)))
    again = scope.one(candidate("b", b"B", bits(6)))
    assert nearer.role is Role.NEW_LEADER
    assert again.leader_id == member.leader_id == first.leader_id
    assert len(scope.journal) == 3


def test_new_bytes_under_an_old_image_id_are_a_new_picture() -> None:
    scope = Scope()
    first = scope.one(candidate("a", b"A", far(1)))
    second = scope.one(candidate("a", b"B", far(2)))
    assert second.role is Role.NEW_LEADER
    assert second.leader_id != first.leader_id


def test_a_deleted_leader_gets_no_new_members() -> None:
    scope = Scope()
    first = scope.one(candidate("a", b"A", NEAR, offset=1))
    gone = scope.one(deletion("a", offset=2))
    assert (gone.role, gone.leader_id) == (Role.DELETION, first.leader_id)
    copy = scope.one(candidate("b", b"B", NEAR, offset=3))
    assert copy.role is Role.NEW_LEADER
    assert scope.one(candidate("c", b"C", NEAR, offset=4)).leader_id == copy.leader_id


def test_a_deletion_reaches_every_group_of_its_image() -> None:
    scope = Scope()
    groups = {scope.one(candidate("a", bytes([n]), far(n), offset=n)).leader_id for n in range(3)}
    gone = scope.all(deletion("a", offset=9))
    assert {assigned.leader_id for assigned in gone} == groups
    assert len(scope.index) == 0


def test_a_deleted_member_leaves_its_leader() -> None:
    scope = Scope()
    first = scope.one(candidate("a", b"A", NEAR, offset=1))
    scope.one(candidate("b", b"B", NEAR, offset=2))
    assert scope.one(deletion("b", offset=3)).leader_id == first.leader_id
    assert scope.one(candidate("c", b"C", NEAR, offset=4)).leader_id == first.leader_id


def test_deleting_what_nobody_knows_is_one_deletion() -> None:
    scope = Scope()
    assigned = scope.one(deletion("nobody", offset=1))
    assert assigned.role is Role.DELETION
    assert len(scope.index) == 0


def test_a_deletion_that_overtakes_its_upload_marks_it() -> None:
    scope = Scope()
    scope.one(deletion("a", offset=5))
    late = scope.one(candidate("a", b"A", NEAR, offset=3))
    assert late.arrival.candidate is not None
    assert late.arrival.candidate.deleted
    assert len(scope.index) == 0


def test_an_overtaken_upload_keeps_out_of_the_group_that_its_bytes_would_lead() -> None:
    scope = Scope()
    scope.one(deletion("a", offset=5))
    late = scope.one(candidate("a", b"A", NEAR, offset=3))
    other = scope.one(candidate("b", b"A", NEAR, offset=6))
    assert other.role is Role.NEW_LEADER  # which says that nothing is pending under its id
    assert late.leader_id != other.leader_id
    assert late.role is Role.MEMBER


def test_an_older_deletion_that_comes_later_does_not_hide_the_newer() -> None:
    scope = Scope()
    scope.one(deletion("a", offset=9))
    scope.one(deletion("a", offset=3))
    between = scope.one(candidate("a", b"A", NEAR, offset=6))
    assert between.arrival.candidate is not None
    assert between.arrival.candidate.deleted


def test_across_partitions_time_decides() -> None:
    scope = Scope()
    scope.one(deletion("a", offset=5, partition=1))
    earlier = scope.one(candidate("a", b"A", far(1), offset=4, partition=0)).arrival.candidate
    later = scope.one(candidate("a", b"B", far(2), offset=6, partition=0)).arrival.candidate
    assert earlier is not None
    assert later is not None
    assert (earlier.deleted, later.deleted) == (True, False)


def test_an_upload_after_its_deletion_leads_again_but_not_as_new() -> None:
    """Its old group may have duplicates waiting: NEW_LEADER would let Caption image skip reading them."""
    scope = Scope()
    first = scope.one(candidate("a", b"A", NEAR, offset=1))
    scope.one(deletion("a", offset=2))
    again = scope.one(candidate("a", b"A", NEAR, offset=3))
    assert (again.role, again.leader_id) == (Role.MEMBER, first.leader_id)
    assert again.arrival.candidate is not None
    assert not again.arrival.candidate.deleted
    assert len(scope.index) == 1
    assert scope.one(candidate("b", b"B", NEAR, offset=4)).leader_id == first.leader_id


def test_the_same_bytes_of_another_image_after_a_deletion_are_not_new_either() -> None:
    scope = Scope()
    first = scope.one(candidate("a", b"A", NEAR, offset=1))
    scope.one(deletion("a", offset=2))
    other = scope.one(candidate("b", b"A", NEAR, offset=3))
    assert (other.role, other.leader_id) == (Role.MEMBER, first.leader_id)


def test_a_late_deletion_spares_a_leader_that_came_after_it() -> None:
    scope = Scope()
    newer = scope.one(candidate("a", b"A", bits(0), offset=4))
    scope.one(candidate("a", b"A", bits(0), offset=1))
    assert scope.all(deletion("a", offset=2)) == []  # its tombstone would withdraw the newer caption
    assert scope.one(candidate("b", b"C", bits(0), offset=5)).leader_id == newer.leader_id


def test_no_leader_id_is_new_twice() -> None:
    scope = Scope()
    led = []
    for offset in range(0, 12, 2):
        led.append(scope.one(candidate("a", b"A", NEAR, offset=offset)).role)
        scope.all(deletion("a", offset=offset + 1))
    assert led == [Role.NEW_LEADER] + [Role.MEMBER] * 5


def test_many_leaders_outgrow_the_first_block() -> None:
    scope = Scope()
    for number in range(600):
        assert scope.one(candidate(f"i{number}", mark=far(number))).role is Role.NEW_LEADER
    assert scope.one(candidate("copy", b"copy", far(599))).leader_id == scope.journal[599].leader_id
    assert scope.one(candidate("copy-0", b"copy-0", far(0))).leader_id == scope.journal[0].leader_id


def test_an_empty_arrival_is_refused() -> None:
    with pytest.raises(ValueError, match="this one is none"):
        DuplicateIndex("shop", RULE).assign(Arrival())


def test_scopes_do_not_share_leader_ids() -> None:
    assert leader_id("a", b"x" * 32, "") != leader_id("b", b"x" * 32, "")
    assert leader_id("a", b"x" * 32, "") != leader_id("a", b"x" * 32, "colour=red")


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["upload"] * 4 + ["delete", "know"]),
        st.integers(0, 4),  # image
        st.integers(0, 5),  # content, which also gives the hash
        st.sampled_from([{}, {"colour": "red"}, {"colour": "blue"}]),
        st.sampled_from([Task.DESCRIBE, Task.DESCRIBE, Task.ANSWER]),
        st.integers(0, 40),  # offset: not in order
        st.integers(0, 1),  # partition
    ),
    max_size=25,
)


@settings(max_examples=200, deadline=None)
@given(steps=STEPS, seed=st.integers(0, 2**16))
def test_an_index_rebuilt_from_its_state_decides_alike(steps: list[Any], seed: int) -> None:
    limits = IndexLimits(placeholder_after=3, max_leaders=4)
    live, dice, new = DuplicateIndex("shop", RULE, limits), random.Random(seed), set()
    chunks: list[IndexChunk] = []
    journal: list[IndexEntry] = []
    for kind, image, content, attributes, task, offset, partition in steps:
        quality = 40 if content == 5 else 90
        mark = fingerprint((1 << (3 * content)) - 1, quality=quality)
        upload = candidate(f"i{image}", bytes([content]), mark, offset, partition, attributes=attributes, task=task)
        arrived = arrival(upload if kind == "upload" else deletion(f"i{image}", offset, partition))
        if kind == "know":
            written_for = replace(text(of=upload), veto=RULE.veto_key(upload.upload))
            arrived = Arrival(known=KnownTexts(upload.record, "shop", f"i{image}", task, (written_for,)))
        state = [CODER.decode(CODER.encode(chunk)) for chunk in dice.sample(chunks, len(chunks))]
        rebuilt = DuplicateIndex("shop", RULE, limits, state, dice.sample(journal, len(journal)))
        told, decided = rebuilt.assign(arrived), live.assign(arrived)
        assert told == decided
        journal += decided[1]
        assert live.unpacked == len(journal)
        written = dice.randrange(6)
        if written == 0:
            chunks.append(live.pack())
            journal = []
        elif written == 1 or live.is_over_cap():
            (live, chunks), journal = live.trimmed(float("-inf")), []
        for assigned in decided[0]:
            if assigned.role is Role.NEW_LEADER:
                assert assigned.leader_id not in new
                new.add(assigned.leader_id)


def test_a_group_is_told_when_its_image_shows_another_picture() -> None:
    scope = Scope()
    first = scope.one(candidate("a", b"A", far(1), offset=1))
    word, second = scope.all(candidate("a", b"B", far(2), offset=2))
    assert (word.role, word.leader_id) == (Role.REPLACED, first.leader_id)
    told = word.arrival.deletion
    assert told is not None
    assert (told.image_id, told.task, told.record.offset, told.record.value) == ("a", Task.DESCRIBE, 2, None)
    assert second.role is Role.NEW_LEADER


def test_each_change_of_picture_tells_the_last_group_only() -> None:
    scope = Scope()
    red, blue = candidate("a", b"A", far(1), offset=1), candidate("a", b"B", far(2), offset=2)
    groups = [scope.one(red).leader_id, scope.one(blue).leader_id]
    back = scope.all(candidate("a", b"A", far(1), offset=3))
    assert [(assigned.role, assigned.leader_id) for assigned in back] == [
        (Role.REPLACED, groups[1]),
        (Role.MEMBER, groups[0]),
    ]


def test_an_upload_whose_image_shows_a_later_picture_is_left_out() -> None:
    scope = Scope()
    scope.one(candidate("a", b"B", far(2), offset=2))
    assert scope.all(candidate("a", b"A", far(1), offset=1)) == []  # ranges of a replay come out of order
    assert len(scope.index) == 1


@pytest.mark.parametrize(
    "other",
    [
        candidate("a", b"B", far(2), offset=1, task=Task.INDEX),
        candidate("b", b"B", far(2), offset=1),
        candidate("a", b"A", far(1), offset=1),
    ],
    ids=["another task", "another image", "the same picture"],
)
def test_nothing_else_is_replaced(other: Candidate) -> None:
    for first in (candidate("a", b"A", far(1), offset=0), candidate("a", b"A", far(1), offset=2)):
        scope = Scope()
        scope.one(first)
        assert [assigned.role for assigned in scope.all(other)] in ([Role.NEW_LEADER], [Role.MEMBER])


@pytest.mark.parametrize(("content", "mark"), [(b"B", far(2)), (b"A", far(1))], ids=["another", "the same"])
def test_what_was_deleted_is_told_of_what_comes_after(content: bytes, mark: Any) -> None:
    """Its caption may still be owed, and its tombstone with it: they would withdraw the new one's."""
    scope = Scope()
    first = scope.one(candidate("a", b"A", far(1), offset=1))
    scope.all(deletion("a", offset=2))
    told, new = scope.all(candidate("a", content, mark, offset=3))
    assert (told.role, told.leader_id) == (Role.REPLACED, first.leader_id)
    assert new.role is (Role.NEW_LEADER if content == b"B" else Role.MEMBER)
    (again,) = scope.all(candidate("a", content, mark, offset=4))
    assert (again.role, again.leader_id) == (Role.MEMBER, new.leader_id)


def test_another_picture_of_the_same_group_is_told_too() -> None:
    scope = Scope()
    first = scope.one(candidate("a", b"A", bits(0), offset=1))
    told, new = scope.all(candidate("a", b"B", bits(2), offset=3))
    assert (told.role, told.leader_id, new.leader_id) == (Role.REPLACED, first.leader_id, first.leader_id)
    assert scope.all(candidate("a", b"C", bits(4), offset=2)) == []


def test_a_leader_that_was_deleted_leaves_nothing_but_its_id() -> None:
    scope = Scope()
    scope.one(candidate("a", b"A", fingerprint(0xABCD, (9, 9, 9)), offset=1))
    scope.one(deletion("a", offset=2))
    _, (chunk,) = scope.index.trimmed(float("-inf"))
    (kept,) = np.frombuffer(chunk.leaders, LEADER)
    assert kept["id"].tobytes().hex() == scope.journal[0].leader_id
    assert (kept["hash"], kept["lab"].any(), kept["sha256"].tobytes()) == (0, False, bytes(32))


def test_other_veto_attributes_than_a_leader_was_stored_with_forbid_nothing() -> None:
    wide, narrow = SimilarityRule(), SimilarityRule(veto_attributes=("size", "colour"))
    index = DuplicateIndex("shop", wide)
    index.assign(arrival(candidate("a", b"A", NEAR, attributes={"colour": "red", "sku": "1", "size": "L"})))
    chunk = index.pack()

    def role(rule: SimilarityRule, **attributes: str) -> Role:
        found = DuplicateIndex("shop", rule, None, [chunk])
        return found.assign(arrival(candidate("b", b"B", NEAR, 1, attributes=attributes)))[0][0].role

    assert role(wide, sku="2") is Role.NEW_LEADER
    assert role(narrow, sku="2") is Role.MEMBER
    assert role(narrow, size="S") is Role.MEMBER  # nobody looked at it when the leader came
    assert role(narrow, colour="blue", size="L") is Role.NEW_LEADER


def test_a_damaged_chunk_is_refused() -> None:
    index = DuplicateIndex("shop", RULE)
    index.assign(arrival(candidate("a", b"A")))
    with pytest.raises(ValueError, match="chunk `1` of the duplicate index is damaged"):
        DuplicateIndex("shop", RULE, None, [replace(index.pack(), leaders=b"")])


@pytest.mark.parametrize(
    ("bad", "option"), [({"keep_seconds": 5}, "--index-ttl"), ({"max_leaders": 0}, "--index-leaders")]
)
def test_limits_are_checked(bad: dict[str, Any], option: str) -> None:
    with pytest.raises(ConfigInvalid, match=option):
        IndexLimits(**bad)


def test_a_picture_that_many_images_show_is_a_placeholder_from_then_on() -> None:
    index = DuplicateIndex("shop", RULE, IndexLimits(placeholder_after=3))

    def flagged(*of: Candidate) -> list[bool]:
        told = [assigned.arrival.candidate for one in of for assigned in index.assign(arrival(one))[0]]
        return [found.is_placeholder for found in told if found is not None]

    same = [candidate(f"i{n}", b"no image", fingerprint(quality=3), n) for n in range(4)]
    assert flagged(*same) == [False, False, True, True]
    assert flagged(replace(same[0], record=record(9, b"i0"))) == [True]
    assert flagged(candidate("other", mark=far(7), offset=20)) == [False]
    rebuilt = DuplicateIndex("shop", RULE, IndexLimits(placeholder_after=3), [index.pack()])
    (again,), _ = rebuilt.assign(arrival(candidate("i9", b"no image", fingerprint(quality=3), 30)))
    assert again.arrival.candidate is not None
    assert again.arrival.candidate.is_placeholder
    never = DuplicateIndex("shop", RULE, IndexLimits(placeholder_after=0), [rebuilt.pack(), index.trimmed(0)[1][0]])
    (again,), _ = never.assign(arrival(candidate("i9", b"no image", fingerprint(quality=3), 31)))
    assert again.arrival.candidate is not None
    assert not again.arrival.candidate.is_placeholder


def test_an_image_is_counted_once_for_a_placeholder() -> None:
    index, blank = DuplicateIndex("shop", RULE, IndexLimits(placeholder_after=3)), fingerprint(quality=3)
    index.assign(arrival(candidate("a", b"no image", blank, 0)))
    for offset in range(1, 20, 2):  # one image, to and fro
        index.assign(arrival(candidate("b", b"no image", blank, offset)))
        index.assign(arrival(candidate("b", b"its picture", far(1), offset + 1)))
    flags = []
    for offset, image in ((30, "b"), (31, "c"), (32, "b")):
        *_, told = index.assign(arrival(candidate(image, b"no image", blank, offset)))[0]
        assert told.arrival.candidate is not None
        flags.append(told.arrival.candidate.is_placeholder)
    assert flags == [False, True, True]


def test_a_picture_that_an_image_shows_for_another_task_is_replaced_there_too() -> None:
    scope = Scope()
    shown = [
        scope.one(candidate("a", b"A", far(1), n, task=task)) for n, task in enumerate((Task.INDEX, Task.DESCRIBE))
    ]
    assert shown[0].leader_id == shown[1].leader_id
    assert [entry.kind for entry in scope.journal] == ["leader", "repeat"]
    replaced, _ = scope.all(candidate("a", b"B", far(2), 5))
    assert (replaced.role, replaced.leader_id) == (Role.REPLACED, shown[0].leader_id)


def test_of_uploads_again_and_words_of_other_parts_the_newest_is_kept() -> None:
    index = DuplicateIndex("shop", RULE, IndexLimits(max_leaders=10))
    index.assign(arrival(candidate("a", b"A", far(1), 0)))
    for offset in range(1, 9):
        index.assign(arrival(candidate("a", b"A", far(1), offset)))
    for offset in range(20, 29):
        index.assign(arrival(replace(deletion("b", offset), task=Task.DESCRIBE)))
    assert not index.is_over_cap()
    rest, _ = index.trimmed(float("-inf"))
    kinds = [(Showing(*row.item()).kind, row["offset"]) for row in rest._showings.records]
    assert kinds == [(LEADER_KIND, 0), (REPEAT, 8), (ELSEWHERE, 28)]


def test_places_that_uploads_claim_to_come_from_go_with_them() -> None:
    """A header says where an upload first lay, and any producer may set it."""
    index = DuplicateIndex("shop", RULE, IndexLimits(max_leaders=8))
    for number in range(64):
        claimed = {ORIGIN: f"topic-{number}/{number}/0".encode()}
        upload = candidate(f"i{number}", b"%d" % number, far(number))
        index.assign(arrival(replace(upload, record=record(number, headers=claimed))))
        chunk = index.pack()
        assert chunk.places == (f"topic-{number}/{number}",)
        if index.is_over_cap():
            index, chunks = index.trimmed(float("-inf"))
            assert [len(one.places) for one in chunks] == [8]
    assert len(index._showings.places) <= 9
    again = DuplicateIndex("shop", RULE, IndexLimits(max_leaders=8), index.trimmed(float("-inf"))[1])
    assert again._showings.places == [(f"topic-{number}", number) for number in range(64 - again.rows, 64)]


def test_words_of_other_parts_do_not_crowd_out_copies() -> None:
    index = DuplicateIndex("shop", RULE, IndexLimits(max_leaders=8))
    first = index.assign(arrival(candidate("a", b"A", far(1), 0)))[0][0]
    index.assign(arrival(candidate("copy", b"A", far(1), 1)))
    for offset in range(2, 12):
        index.assign(arrival(replace(deletion(f"i{offset}", offset), task=Task.DESCRIBE)))
    assert index.is_over_cap()
    rest, _ = index.trimmed(float("-inf"))
    assert not rest.is_over_cap()
    assert rest.unpacked == 0
    told = rest.assign(arrival(deletion("copy", 20)))[0]
    assert [(one.role, one.leader_id) for one in told] == [(Role.DELETION, first.leader_id)]


def test_colour_variants_are_one_picture_where_that_is_asked_for() -> None:
    one_text = replace(RULE, ignore_colour=True, veto_attributes=())
    for rule, role in ((RULE, Role.NEW_LEADER), (one_text, Role.MEMBER)):
        index = DuplicateIndex("shop", rule)
        index.assign(arrival(candidate("a", b"A", fingerprint(0, (0, 50, 0)), attributes={"colour": "red"})))
        blue = candidate("b", b"B", fingerprint(0, (0, 0, -50)), 1, attributes={"colour": "blue"})
        assert index.assign(arrival(blue))[0][0].role is role
