import logging
from collections.abc import Iterator
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.testing.util import assert_that
from data.samples import arrival, candidate, deletion, far, fingerprint

from transforms import duplicates
from transforms.duplicates import FindDuplicate, by_scope, chain, scope_of
from transforms.metrics import tally
from transforms.similarity import SimilarityRule
from transforms.values import Arrival, Assignment, Role

NEAR = fingerprint(0)


@pytest.fixture(autouse=True)
def fresh_memory() -> Iterator[None]:
    duplicates.forget("job")
    yield
    duplicates.forget("job")


class Bag(list[bytes]):
    """Bag state of one key."""

    add = list.append

    def read(self) -> list[bytes]:
        return list(self)


class BrokenBag(Bag):
    """A runner that does not answer."""

    def add(self, item: bytes) -> None:
        raise OSError("state is gone")


class Cell:
    """Read-modify-write state of one key."""

    def __init__(self, value: bytes | None = None) -> None:
        self.value = value

    def read(self) -> bytes | None:
        return self.value

    def write(self, value: bytes) -> None:
        self.value = value


def bundle(bag: Bag, cell: Cell, *arrivals: Any) -> list[Assignment]:
    stage = FindDuplicate("job", SimilarityRule())
    stage.start_bundle()
    return [assigned for content in arrivals for _, assigned in stage.process(by_scope(arrival(content)), bag, cell)]


def test_leaders_and_members_in_a_pipeline() -> None:
    arrivals = [
        arrival(candidate("a", b"A", NEAR, 0)),
        arrival(candidate("b", b"B", NEAR, 1)),
        arrival(candidate("c", b"C", far(1), 2)),
        arrival(candidate("d", b"D", NEAR, 3, merchant="other")),
    ]

    def check(found: list[tuple[str, Assignment]]) -> None:
        roles = {a.arrival.candidate.upload.image_id: a.role for _, a in found if a.arrival.candidate}
        leader = Role.NEW_LEADER
        assert sorted((roles.pop("a"), roles.pop("b"))) == [
            "MEMBER",
            "NEW_LEADER",
        ]  # one of the two was first
        assert roles == {"c": leader, "d": leader}
        groups = {a.arrival.candidate.upload.image_id: key for key, a in found if a.arrival.candidate}
        assert groups["a"] == groups["b"]
        assert len(set(groups.values())) == 3
        assert all(key == assigned.leader_id for key, assigned in found)

    logging.disable(logging.WARNING)
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        keyed = pipeline | beam.Create(arrivals) | beam.Map(by_scope).with_output_types(tuple[str, Arrival])
        found = keyed | beam.ParDo(FindDuplicate("job", SimilarityRule()))
        assert_that(found, check)
    logging.disable(logging.NOTSET)


def test_a_later_bundle_knows_the_leader() -> None:
    bag, cell = Bag(), Cell()
    (first,) = bundle(bag, cell, candidate("a", b"A", NEAR))
    (second,) = bundle(bag, cell, candidate("b", b"B", NEAR, 1))
    assert (second.role, second.leader_id) == (Role.MEMBER, first.leader_id)
    assert len(bag) == 2


def test_the_index_in_memory_is_used_while_it_agrees() -> None:
    bag, cell = Bag(), Cell()
    bundle(bag, cell, candidate("a", b"A", NEAR))
    before = tally().get("index_rebuilds", 0)
    bundle(bag, cell, candidate("b", b"B", NEAR, 1))
    assert tally()["index_rebuilds"] == before


def test_the_index_is_rebuilt_when_the_process_lost_its_memory() -> None:
    bag, cell = Bag(), Cell()
    (first,) = bundle(bag, cell, candidate("a", b"A", NEAR))
    duplicates.forget("job")
    before = tally()["index_rebuilds"]
    (second,) = bundle(bag, cell, candidate("b", b"B", NEAR, 1))
    assert (second.role, second.leader_id) == (Role.MEMBER, first.leader_id)
    assert tally()["index_rebuilds"] == before + 1


def test_after_a_failed_bundle_state_is_believed() -> None:
    bag, cell = Bag(), Cell()
    bundle(bag, cell, candidate("a", b"A", NEAR))
    saved_bag, saved_cell = Bag(bag), Cell(cell.value)
    bundle(bag, cell, candidate("b", b"B", far(1), 1))  # this one is rolled back
    (again,) = bundle(saved_bag, saved_cell, candidate("b", b"B", far(1), 1))
    assert again.role is Role.NEW_LEADER
    assert len(saved_bag) == 2


def test_a_retry_with_as_many_other_entries_is_noticed() -> None:
    bag, cell = Bag(), Cell()
    bundle(bag, cell, candidate("a", b"A", NEAR))  # rolled back
    other_bag, other_cell = Bag(), Cell()
    duplicates.forget("job")
    bundle(other_bag, other_cell, candidate("b", b"B", far(1)))
    (copy,) = bundle(bag, cell, candidate("c", b"C", NEAR, 1))
    assert copy.role is Role.MEMBER


def test_an_upload_that_fails_halfway_leaves_no_trust_in_the_index() -> None:
    bag, cell = Bag(), Cell()
    bundle(bag, cell, candidate("a", b"A", NEAR))
    with pytest.raises(OSError, match="state is gone"):
        bundle(BrokenBag(bag), cell, candidate("b", b"B", far(1), 1))
    (again,) = bundle(bag, cell, candidate("b", b"B", far(1), 1))
    assert again.role is Role.NEW_LEADER
    assert len(bag) == 2


def test_a_deletion_is_journalled() -> None:
    bag, cell = Bag(), Cell()
    bundle(bag, cell, candidate("a", b"A", NEAR, 1), deletion("a", 2))
    duplicates.forget("job")
    (copy,) = bundle(bag, cell, candidate("b", b"B", NEAR, 3))
    assert copy.role is Role.NEW_LEADER


def test_a_redelivery_writes_no_state() -> None:
    bag, cell = Bag(), Cell()
    bundle(bag, cell, candidate("a", b"A", NEAR))
    known = cell.value
    bundle(bag, cell, candidate("a", b"A", NEAR))
    assert cell.value == known
    assert len(bag) == 1


def test_the_chain_depends_on_order_and_content() -> None:
    assert chain(chain(b"", b"a"), b"b") != chain(chain(b"", b"b"), b"a")
    assert len(chain(b"", b"a")) == 16


def test_jobs_and_merchants_are_kept_apart() -> None:
    assert scope_of(arrival(candidate(merchant="m"))) == "m"
    assert scope_of(arrival(deletion(merchant="n"))) == "n"
    bundle(Bag(), Cell(), candidate("a", b"A", NEAR, merchant="m"))
    (other,) = bundle(Bag(), Cell(), candidate("b", b"B", NEAR, merchant="n"))
    assert other.role is Role.NEW_LEADER
