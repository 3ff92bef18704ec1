"""State: few operations, and every way in which it comes back."""

from __future__ import annotations

import threading
import time

import pytest
from data.desk_rig import COPY, LEADER, captions, failing, letters, picture, rig

from transforms.errors import CaptionerBroken
from transforms.values import (
    GroupState,
    Role,
)


def test_state_operations_of_a_leader_without_copies() -> None:
    with rig(gated=True) as r:
        r.lead(LEADER)
        assert r.store.calls == ["write"]
        r.poll(0.0)
        r.poll(0.001)
        assert r.store.calls == ["write"]
        r.open()
        r.poll(0.0)
        assert r.store.calls == ["write", "write"]
        r.arrive(COPY)
        assert r.store.calls == ["write", "write", "read"]


def test_restore_serves_what_was_pending_and_who_waited() -> None:
    with rig(gated=True) as r:
        r.lead(LEADER)
        r.arrive(COPY)
        r.arrive(picture("zh", 1, 2, languages=("zh-Hans",)))
        state = r.store.snapshot()
    with rig() as restored:
        restored.store.roll_back(state)
        made = captions(restored.poll())
        assert set(made) == {"lead", "copy", "zh"}
        assert made["copy"].duplicate_of == "lead"
        assert restored.fake.submitted == 2
        assert restored.store.cell is not None
        assert restored.store.cell.pending == ()
        assert restored.store.bag == []


@pytest.mark.parametrize("role", [Role.NEW_LEADER, Role.MEMBER])
def test_retried_bundle_neither_loses_nor_generates_twice(role: Role) -> None:
    with rig(gated=True) as r:
        before = r.store.snapshot()
        r.arrive(LEADER, role)
        r.store.roll_back(before)
        r.arrive(LEADER, role)
        assert r.store.cell is not None
        assert r.store.cell.pending == (LEADER,)
        r.open()
        assert list(captions(r.poll())) == ["lead"]
        assert r.fake.submitted == 1


def test_rolled_back_result_comes_again() -> None:
    with rig(gated=True) as r:
        r.lead(LEADER)
        r.arrive(picture("zh", 1, 1, languages=("zh-Hans",)))
        before = r.store.snapshot()
        r.open()
        first = r.poll(0.0)
        r.store.roll_back(before)
        assert captions(r.poll(0.0)) == captions(first)
        assert r.fake.submitted == 2


def test_rolled_back_partial_result_comes_again() -> None:
    slow = threading.Event()

    def script(request: object, _: object) -> None:
        if request.image != b"lead":  # type: ignore[attr-defined]
            slow.wait(5)

    with rig(script=script, slots=1) as r:
        r.lead(LEADER)
        r.arrive(picture("zh", 1, 1, languages=("zh-Hans",)))
        before = r.store.snapshot()
        while r.fake.settled < 1:
            time.sleep(0.001)
        assert set(captions(r.poll(0.0))) == {"lead"}
        r.store.roll_back(before)  # the sink failed; the next bundle runs on the same process
        slow.set()
        assert set(captions(r.poll())) == {"lead", "zh"}
        assert r.fake.submitted == 2


def test_a_copy_made_from_what_was_rolled_back_is_not_believed() -> None:
    zh = picture("zh", 1, 1, languages=("zh-Hans",))
    with rig() as r:
        r.lead(LEADER)
        r.idle()
        before = r.store.snapshot()
        r.store.bundle = object()
        r.poll(0.0)
        r.arrive(zh)  # read from a cell that has the leader's text and will be rolled back
        r.store.roll_back(before)
        out = r.arrive(zh)
        assert set(captions(out + r.poll())) == {"lead", "zh"}
        assert r.fake.submitted == 2


def test_an_exception_leaves_no_copy_behind() -> None:
    with rig(script=failing("lead")) as r:
        r.lead(LEADER)
        r.idle()
        r.inflight.outcomes.ENOUGH = 1
        before = r.store.snapshot()
        with pytest.raises(CaptionerBroken):
            r.poll(0.0)
        r.store.roll_back(before)
        r.inflight.outcomes.ENOUGH = 1000
        assert len(letters(r.poll())) == 1


@pytest.mark.parametrize("how", ["distrust", "time"])
def test_stale_copy_is_read_again(how: str) -> None:
    with rig(gated=True) as r:
        r.lead(LEADER)
        if how == "distrust":
            r.desk.distrust()
        else:
            r.now += 6
        r.store.cell = GroupState()  # another worker finished it meanwhile
        r.open()
        assert r.desk.poll("leader", r.store, None) == ([], False)


def test_an_old_copy_that_the_state_agrees_with_asks_nothing_again() -> None:
    with rig(gated=True) as r:
        r.lead(LEADER)
        r.arrive(COPY)
        future = r.desk._groups["leader"].requests[0].future
        r.now += 6
        r.store.calls.clear()
        assert r.poll(0.0) == []
        assert r.store.calls == ["read", "waiting", "write"]
        assert [request.future for request in r.desk._groups["leader"].requests] == [future]
        r.open()
        assert set(captions(r.poll())) == {"lead", "copy"}
        assert r.fake.submitted == 1


def test_two_timers_of_a_bundle_read_the_state_once() -> None:
    with rig() as r:
        r.lead(LEADER)
        assert list(captions(r.poll())) == ["lead"]
        r.store.calls.clear()
        assert r.poll() == []
        assert r.store.calls == []
        r.store.bundle = object()
        assert r.poll() == []
        assert r.store.calls == ["read"]


def test_a_visit_that_distrust_overtook_leaves_no_copy() -> None:
    with rig(gated=True) as r:
        before = r.desk._trust
        r.desk.distrust()
        r.lead(LEADER)
        assert r.desk._trust == before + 1
        group = r.desk._groups.pop("leader")
        r.desk._keep("leader", group, before)
        assert not r.desk._groups


def test_copies_of_groups_that_moved_away_are_dropped() -> None:
    with rig(gated=True, slots=50) as r:
        for n in range(50):
            r.lead(picture(f"p{n}", offset=n), f"g{n}")
        r.now += 6
        r.lead(LEADER)
        assert list(r.desk._groups) == ["leader"]
