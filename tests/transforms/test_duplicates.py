import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.testing.util import assert_that
from apache_beam.utils.timestamp import MAX_TIMESTAMP, Timestamp
from data.samples import NEW_YEAR_MS, arrival, candidate, deletion, far, fingerprint

from transforms import duplicates
from transforms.duplicates import FindDuplicate, chain
from transforms.index.decide import leader_id
from transforms.index.limits import IndexLimits
from transforms.ledger import Ledger
from transforms.metrics import tally
from transforms.scope import ByScope, scope_of
from transforms.stage_options import DuplicateOptions
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


class Timer:
    """An event-time timer of one key."""

    def __init__(self) -> None:
        self.at: Timestamp | None = None

    def set(self, at: Timestamp) -> None:
        self.at = at


class State:
    """What a runner keeps of one key, and what a failed bundle goes back to."""

    def __init__(self, options: DuplicateOptions | None = None) -> None:
        self.options = options or DuplicateOptions("job")
        self.journal, self.chunks, self.version, self.timer = Bag(), Bag(), Cell(), Timer()

    def copy(self) -> "State":
        made = State(self.options)
        made.journal, made.chunks, made.version = Bag(self.journal), Bag(self.chunks), Cell(self.version.value)
        return made

    def bundle(self, *arrivals: Any, scope: str | None = None) -> list[Assignment]:
        stage = FindDuplicate(self.options)
        stage.start_bundle()
        return [
            assigned
            for content in arrivals
            for key, held in ByScope()(arrival(content))
            for _, assigned in stage.process(
                (key if scope is None else scope, held), self.journal, self.chunks, self.version, self.timer
            )
        ]

    def fire(self, at: Timestamp | None = None) -> None:
        moment = at or self.timer.at
        assert moment is not None
        self.timer.at = None
        stage = FindDuplicate(self.options)
        stage.start_bundle()
        stage.on_expire("shop", moment, self.journal, self.chunks, self.version, self.timer)


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
        keyed = pipeline | beam.Create(arrivals) | beam.FlatMap(ByScope()).with_output_types(tuple[str, Arrival])
        found = keyed | beam.ParDo(FindDuplicate(DuplicateOptions("job")))
        assert_that(found, check)
    logging.disable(logging.NOTSET)


def test_a_later_bundle_knows_the_leader() -> None:
    state = State()
    (first,) = state.bundle(candidate("a", b"A", NEAR))
    (second,) = state.bundle(candidate("b", b"B", NEAR, 1))
    assert (second.role, second.leader_id) == (Role.MEMBER, first.leader_id)
    assert len(state.journal) == 2


def test_the_index_in_memory_is_used_while_it_agrees() -> None:
    state = State()
    state.bundle(candidate("a", b"A", NEAR))
    before = tally().get("index_rebuilds", 0)
    state.bundle(candidate("b", b"B", NEAR, 1))
    assert tally()["index_rebuilds"] == before


def test_the_index_is_rebuilt_when_the_process_lost_its_memory() -> None:
    state = State()
    (first,) = state.bundle(candidate("a", b"A", NEAR))
    duplicates.forget("job")
    before = tally()["index_rebuilds"]
    (second,) = state.bundle(candidate("b", b"B", NEAR, 1))
    assert (second.role, second.leader_id) == (Role.MEMBER, first.leader_id)
    assert tally()["index_rebuilds"] == before + 1


def test_after_a_failed_bundle_state_is_believed() -> None:
    state = State()
    state.bundle(candidate("a", b"A", NEAR))
    saved = state.copy()
    state.bundle(candidate("b", b"B", far(1), 1))  # this one is rolled back
    (again,) = saved.bundle(candidate("b", b"B", far(1), 1))
    assert again.role is Role.NEW_LEADER
    assert len(saved.journal) == 2


def test_a_retry_with_as_many_other_entries_is_noticed() -> None:
    state = State()
    state.bundle(candidate("a", b"A", NEAR))  # rolled back
    other = State()
    duplicates.forget("job")
    other.bundle(candidate("b", b"B", far(1)))
    (copy,) = state.bundle(candidate("c", b"C", NEAR, 1))
    assert copy.role is Role.MEMBER


def test_an_upload_that_fails_halfway_leaves_no_trust_in_the_index() -> None:
    state = State()
    state.bundle(candidate("a", b"A", NEAR))
    broken = state.copy()
    broken.journal = BrokenBag(state.journal)
    with pytest.raises(OSError, match="state is gone"):
        broken.bundle(candidate("b", b"B", far(1), 1))
    (again,) = state.bundle(candidate("b", b"B", far(1), 1))
    assert again.role is Role.NEW_LEADER
    assert len(state.journal) == 2


def test_a_deletion_is_journalled() -> None:
    state = State()
    state.bundle(candidate("a", b"A", NEAR, 1), deletion("a", 2))
    duplicates.forget("job")
    (copy,) = state.bundle(candidate("b", b"B", NEAR, 3))
    assert copy.role is Role.NEW_LEADER


def test_a_redelivery_writes_no_state() -> None:
    state = State()
    state.bundle(candidate("a", b"A", NEAR))
    known = state.version.value
    state.bundle(candidate("a", b"A", NEAR))
    assert state.version.value == known
    assert len(state.journal) == 1


def test_the_chain_depends_on_order_and_content() -> None:
    assert chain(chain(b"", b"a"), b"b") != chain(chain(b"", b"b"), b"a")
    assert len(chain(b"", b"a")) == 16


def test_what_nothing_will_answer_is_not_owed(monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = Ledger()
    monkeypatch.setattr(duplicates, "LEDGER", ledger)
    late = (candidate("a", b"A", far(1), offset=1), deletion("a", offset=2))
    answered = candidate("a", b"B", far(2), offset=3)
    for content in (answered, *late):
        ledger.read(content.record)
    assert len(State().bundle(answered, *late)) == 1
    owed = ledger.overdue(0)
    assert owed is not None
    assert (owed.uploads, owed.oldest) == (1, answered.record.coordinates())


def test_jobs_and_merchants_are_kept_apart() -> None:
    assert scope_of(arrival(candidate(merchant="m"))) == "m"
    assert scope_of(arrival(deletion(merchant="n"))) == "n"
    State().bundle(candidate("a", b"A", NEAR, merchant="m"))
    (other,) = State().bundle(candidate("b", b"B", NEAR, merchant="n"))
    assert other.role is Role.NEW_LEADER


def many(count: int, first: int = 0) -> list[Any]:
    return [candidate(f"i{n}", b"%d" % n, far(n), n) for n in range(first, first + count)]


def test_the_journal_is_packed_when_it_is_long() -> None:
    state = State()
    found = state.bundle(*many(1030))
    assert (len(state.chunks), len(state.journal)) == (1, 6)
    duplicates.forget("job")
    again = state.bundle(*(candidate(f"j{n}", b"j%d" % n, far(n), 2000 + n) for n in (0, 1023, 1024, 1029)))
    assert [a.role for a in again] == [Role.MEMBER] * 4
    assert [a.leader_id for a in again] == [found[n].leader_id for n in (0, 1023, 1024, 1029)]


def test_a_bundle_that_packed_and_failed_is_rolled_back() -> None:
    state = State()
    state.bundle(*many(1023))
    saved = state.copy()
    state.bundle(*many(1, 1023))
    assert len(state.chunks) == 1
    before = tally()["index_rebuilds"]
    (again,) = saved.bundle(*many(1, 1023))
    assert again.role is Role.NEW_LEADER
    assert (tally()["index_rebuilds"], len(saved.chunks)) == (before + 1, 1)


def test_beyond_the_cap_the_oldest_go_and_are_never_new_again() -> None:
    state = State(DuplicateOptions("job", limits=IndexLimits(max_leaders=16)))
    state.bundle(*many(19))
    assert len(state.journal) == 0
    assert len(state.chunks) == 1
    old, kept = state.bundle(candidate("x", b"x", far(2), 30), candidate("y", b"y", far(3), 31))
    assert old.role is Role.MEMBER  # its group's texts may still be there: it is not new
    assert old.leader_id == leader_id("shop", candidate("x", b"x").picture.sha256, "")
    assert kept.leader_id == leader_id("shop", candidate("i3", b"3").picture.sha256, "")
    duplicates.forget("job")
    (later,) = state.bundle(candidate("z", b"z", far(99), 32))
    assert later.role is Role.MEMBER


def test_copies_of_one_picture_do_not_push_out_others() -> None:
    state = State(DuplicateOptions("job", limits=IndexLimits(max_leaders=16)))
    state.bundle(*many(3), *(candidate(f"copy{n}", b"0", far(0), 10 + n) for n in range(200)))
    (found,) = state.bundle(candidate("again", b"2", far(2), 300))
    assert found.role is Role.MEMBER
    assert found.leader_id == leader_id("shop", candidate("i2", b"2").picture.sha256, "")
    assert len(state.journal) < 40


DAY = 24 * 3600


def test_what_is_old_goes_when_its_time_has_come() -> None:
    state = State(DuplicateOptions("job", limits=IndexLimits(keep_seconds=8 * DAY)))
    old, young = candidate("a", b"A", far(1), 0), candidate("b", b"B", far(2), 3 * DAY)
    state.bundle(old, young)
    start = NEW_YEAR_MS // 1000
    assert state.timer.at == Timestamp(start + 8 * DAY + 0.001)
    state.fire()
    assert state.timer.at == Timestamp(start + 11 * DAY + 0.001)
    again = state.bundle(candidate("c", b"C", far(1), 10 * DAY), candidate("d", b"D", far(2), 10 * DAY))
    assert [a.role for a in again] == [Role.MEMBER, Role.MEMBER]
    assert again[0].leader_id == leader_id("shop", candidate("c", b"C").picture.sha256, "")
    assert again[1].leader_id == leader_id("shop", young.picture.sha256, "")


def test_a_quiet_scope_ends_without_a_timer() -> None:
    state = State(DuplicateOptions("job", limits=IndexLimits(keep_seconds=8 * DAY)))
    state.bundle(*many(5))
    state.fire()
    assert (state.timer.at, len(state.journal)) == (Timestamp(NEW_YEAR_MS // 1000 + 8 * DAY + DAY // 8 + 0.001), 0)
    state.fire()
    assert state.timer.at is None
    assert (len(state.journal), len(state.chunks)) == (0, 1)
    assert len(state.chunks[0]) < 100


def test_the_timer_leaps_to_when_enough_will_be_too_old() -> None:
    state = State(DuplicateOptions("job", limits=IndexLimits(keep_seconds=8 * DAY)))
    old = (candidate(f"old{n}", b"o%d" % n, far(50 + n), -20_000 * DAY + n) for n in range(2))
    today = (candidate(f"i{n}", b"%d" % n, far(n), 100 * DAY + n) for n in range(30))
    state.bundle(*old, *today)
    before, fired = tally().get("index_trims", 0), []
    while state.timer.at is not None:
        fired.append(state.timer.at.micros // 1_000_000 - NEW_YEAR_MS // 1000)
        state.fire()
    # Two in thirty-two are not worth writing the others again; then some hours pass, in which more would have come.
    assert fired == [-20_000 * DAY + 8 * DAY, 108 * DAY + 1, 108 * DAY + 1 + DAY // 8]
    assert tally()["index_trims"] == before + 2


@pytest.mark.parametrize("timestamp_ms", [2**63 - 1, 1_767_225_600 * 10**9], ids=["any", "nanoseconds"])
def test_a_time_that_no_timer_can_hold_ends_neither_the_job_nor_waits_for_ever(timestamp_ms: int) -> None:
    state = State()
    strange = candidate("a", b"A", far(1))
    state.bundle(replace(strange, record=replace(strange.record, timestamp_ms=timestamp_ms)))
    at = state.timer.at
    assert at is not None
    assert at.micros < MAX_TIMESTAMP.micros
    state.fire()  # as when the input of a replay ends
    assert state.timer.at is None
    again = state.bundle(candidate("b", b"B", far(1), offset=1))
    assert [assigned.role for assigned in again] == [Role.MEMBER]


def test_after_a_restart_the_timer_is_set_as_before() -> None:
    state = State(DuplicateOptions("job", limits=IndexLimits(keep_seconds=8 * DAY)))
    state.bundle(candidate("a", b"A", far(1), 0))
    due, state.timer.at = state.timer.at, None
    state.bundle(candidate("b", b"B", far(2), DAY))
    assert state.timer.at is None  # it is known to be set
    duplicates.forget("job")
    state.bundle(candidate("c", b"C", far(3), 2 * DAY))
    assert state.timer.at == due


def test_fingerprints_of_another_version_are_told_and_found_by_bytes_only(caplog: pytest.LogCaptureFixture) -> None:
    state = State()
    first, _ = state.bundle(
        candidate("a", b"A", fingerprint(0, version=1)), candidate("b", b"B", fingerprint(0xFFFF, version=2), 1)
    )
    duplicates.forget("job")
    with caplog.at_level(logging.WARNING):
        same, near = state.bundle(
            candidate("c", b"A", fingerprint(0, version=2), 2), candidate("d", b"D", fingerprint(0, version=2), 3)
        )
    assert (same.role, same.leader_id) == (Role.MEMBER, first.leader_id)
    assert near.role is Role.NEW_LEADER
    assert "merchant `shop`: another version than `2` made `1` of `2` fingerprints" in caplog.text


def test_scopes_that_do_not_fit_are_built_again() -> None:
    options = DuplicateOptions("job", memory_bytes=1)
    one, other = State(options), State(options)
    (first,) = one.bundle(candidate("a", b"A", NEAR), scope="one")
    other.bundle(candidate("a", b"A", NEAR), scope="other")
    before = tally()["index_rebuilds"]
    (again,) = one.bundle(candidate("b", b"B", NEAR, 1), scope="one")
    assert again.leader_id == first.leader_id
    assert tally()["index_rebuilds"] == before + 1
    one.bundle(candidate("c", b"C", NEAR, 2), scope="one")
    assert tally()["index_rebuilds"] == before + 1  # the one in use stays
