"""Keys of Find duplicate, and a merchant that is split over several."""

import random
from dataclasses import replace
from typing import Any

import pytest
from data.samples import arrival, candidate, deletion, far, fingerprint, record, text

from transforms.errors import ConfigInvalid
from transforms.index.decide import DuplicateIndex
from transforms.scope import ByScope
from transforms.similarity import CATEGORY, SimilarityRule
from transforms.values import Arrival, Candidate, Deletion, KnownTexts, Role, Task


class Split:
    """The parts of a merchant; arrivals reach them in order."""

    def __init__(self, parts: int = 4) -> None:
        self.by_scope = ByScope((("shop", parts),) if parts > 1 else ())
        self.indexes: dict[str, DuplicateIndex] = {}

    def arrive(self, content: Candidate | Deletion) -> list[tuple[Role, str]]:
        told = []
        for scope, arrived in self.by_scope(arrival(content)):
            index = self.indexes.setdefault(scope, DuplicateIndex(scope, SimilarityRule()))
            told += [(assigned.role, assigned.leader_id) for assigned in index.assign(arrived)[0]]
        return told


def part(number: int, rest: int = 0) -> Any:
    """A fingerprint of that part of four; ``rest`` tells pictures of one part apart."""
    return fingerprint((number << 38) | (0xFFFF * rest))


def test_the_merchant_is_the_key() -> None:
    for task, key in [
        (Task.DESCRIBE, "acme"),
        (Task.INDEX, "acme"),
        (Task.MODERATE, "acme\x1f="),
        (Task.ANSWER, "acme\x1f="),
    ]:
        upload = arrival(candidate("a", merchant="acme", task=task))
        assert list(ByScope()(upload)) == [(key, upload)]
        read = Arrival(known=KnownTexts(record(), "acme", "a", task, (text(),)))
        assert list(ByScope()(read)) == [(key, read)]
    gone = arrival(deletion("a", merchant="acme"))
    assert list(ByScope()(gone)) == [("acme", gone), ("acme\x1f=", replace(gone, is_told=True))]
    unnamed = arrival(candidate("a", merchant=""))
    assert list(ByScope()(unnamed)) == [("", unnamed)]
    assert [key for key, _ in ByScope((("", 2),))(unnamed)] == ["\x1f0/2", "\x1f1/2"]


def test_a_split_merchant_s_upload_goes_to_one_part_and_the_others_are_told() -> None:
    upload = candidate("a", mark=part(2), task=Task.INDEX, merchant="shop")
    keys = dict(ByScope((("shop", 4),))(arrival(upload)))
    assert list(keys) == [f"shop\x1f{number}/4" for number in range(4)]  # those of MODERATE and ANSWER have no INDEX
    assert keys.pop("shop\x1f2/4") == arrival(upload)
    for told in keys.values():
        word = told.deletion
        assert word is not None
        assert told.is_told
        assert (word.image_id, word.merchant, word.task, word.record.value) == ("a", "shop", Task.INDEX, None)
    other = arrival(candidate("a", merchant="other"))
    assert list(ByScope((("shop", 4),))(other)) == [("other", other)]


def test_copies_are_found_in_their_part() -> None:
    split = Split()
    ((role, group),) = split.arrive(candidate("a", b"A", part(1)))
    assert role is Role.NEW_LEADER
    assert split.arrive(candidate("b", b"B", part(1), 1)) == [(Role.MEMBER, group)]
    assert split.arrive(candidate("c", b"A", part(1), 2)) == [(Role.MEMBER, group)]


@pytest.mark.parametrize("parts", [1, 4])
def test_what_is_judged_by_its_bytes_draws_no_copies_to_itself(parts: int) -> None:
    shop = Split(parts)
    ((_, group),) = shop.arrive(candidate("a", b"A", part(1)))
    ((role, judged),) = shop.arrive(candidate("b", b"B", part(1), 1, task=Task.MODERATE))
    assert (role, judged != group) == (Role.NEW_LEADER, True)
    assert shop.arrive(candidate("b", b"B", part(1), 2)) == [(Role.MEMBER, group)]
    assert shop.arrive(candidate("c", b"B", part(1), 3, task=Task.INDEX)) == [(Role.MEMBER, group)]
    assert shop.arrive(candidate("c", b"B", part(1), 4, task=Task.MODERATE)) == [(Role.MEMBER, judged)]
    assert shop.arrive(candidate("c", b"B", part(1), 5, task=Task.ANSWER)) == [(Role.MEMBER, judged)]


@pytest.mark.parametrize("parts", [1, 4])
def test_a_deletion_reaches_what_was_judged(parts: int) -> None:
    shop = Split(parts)
    ((_, judged),) = shop.arrive(candidate("a", b"A", part(1), task=Task.MODERATE))
    told = shop.arrive(deletion("a", 5))
    assert (Role.DELETION, judged) in told
    late = shop.arrive(candidate("a", b"A", part(1), 3, task=Task.MODERATE))
    assert [role for role, _ in late] == [Role.MEMBER]


def test_a_group_in_another_part_hears_that_its_image_shows_another_picture() -> None:
    split = Split()
    ((_, first),) = split.arrive(candidate("a", b"A", part(1), 1))
    told = split.arrive(candidate("a", b"B", part(3), 2))
    assert sorted(told)[1] == (Role.REPLACED, first)
    assert [role for role, _ in told if role is not Role.REPLACED] == [Role.NEW_LEADER]
    back = split.arrive(candidate("a", b"A", part(1), 3))
    assert (Role.MEMBER, first) in back
    assert [role for role, _ in back].count(Role.REPLACED) == 1


def test_an_upload_whose_image_shows_a_later_picture_in_another_part_is_left_out() -> None:
    split = Split()
    split.arrive(candidate("a", b"B", part(3), 2))
    assert split.arrive(candidate("a", b"A", part(1), 1)) == []


def test_a_deletion_is_answered_once_or_by_every_part_that_knows_the_image() -> None:
    split = Split()
    ((role, _),) = split.arrive(deletion("nobody", 1))
    assert role is Role.DELETION
    groups = {
        split.arrive(candidate("a", bytes([n]), part(n), n + 2, task=task))[-1] for n, task in enumerate(Task) if n < 4
    }
    told = split.arrive(deletion("a", 9))
    assert sorted(told) == sorted((Role.DELETION, group) for _, group in groups)
    assert [role for role, _ in split.arrive(deletion("a", 10))] == [Role.DELETION]


def test_what_a_part_was_told_is_in_its_state() -> None:
    by_scope, dice = ByScope((("shop", 2),)), random.Random(5)
    index, journal = DuplicateIndex("x", SimilarityRule()), []
    for offset in range(200):
        content: Candidate | Deletion = deletion(f"i{dice.randrange(9)}", offset)
        if dice.random() < 0.9:
            picture = dice.randrange(12)
            content = candidate(f"i{dice.randrange(9)}", b"%d" % picture, far(picture), dice.randrange(300))
        arrived = dict(by_scope(arrival(content)))["shop\x1f0/2"]
        rebuilt = DuplicateIndex("x", SimilarityRule(), journal=dice.sample(journal, len(journal)))
        told, decided = rebuilt.assign(arrived), index.assign(arrived)
        assert told == decided
        journal += decided[1]
    assert {entry.kind for entry in journal} == {"leader", "member", "repeat", "deleted", "elsewhere"}


@pytest.mark.parametrize("parts", [0, 1, 3, 128])
def test_parts_are_a_power_of_two(parts: int) -> None:
    with pytest.raises(ConfigInvalid, match="--split-merchant"):
        ByScope((("acme", parts),))


def test_pictures_of_different_categories_are_kept_apart_where_that_is_asked_for() -> None:
    for rule, role in (
        (SimilarityRule(), Role.MEMBER),
        (SimilarityRule(veto_attributes=("sku", CATEGORY)), Role.NEW_LEADER),
    ):
        index = DuplicateIndex("shop", rule)
        index.assign(Arrival(candidate=candidate("a", b"A", far(1), category="food")))
        assert index.assign(Arrival(candidate=candidate("b", b"A", far(1), 1, category="shoes")))[0][0].role is role
