"""The desk is bounded."""

from __future__ import annotations

import threading
import time

import pytest
from data.desk_rig import COPY, LEADER, captions, picture, rig

from transforms.errors import CaptionerStalled


def test_waiting_is_bounded() -> None:
    with rig(gated=True, max_waiting=3) as r:
        r.lead(LEADER)
        assert r.arrive(picture("a", 2, 1)) == []
        assert r.arrive(picture("b", 2, 2)) == []
        threading.Timer(0.05, r.gate.set).start()
        assert set(captions(r.arrive(picture("c", 2, 3)))) == {"lead", "a", "b", "c"}
        assert r.store.bag == []


def test_a_full_group_with_a_stalled_captioner_stops() -> None:
    with rig(gated=True, max_waiting=1, stall=0.05) as r:
        r.lead(LEADER)
        with pytest.raises(CaptionerStalled):
            r.arrive(COPY)


def test_submit_blocks_at_twice_the_slots_and_goes_on() -> None:
    with rig(gated=True, slots=2) as r:
        taken = []

        def offer() -> None:
            for n in range(12):
                r.lead(picture(f"p{n}", offset=n), f"g{n}")
                taken.append(n)

        offering = threading.Thread(target=offer)
        offering.start()
        deadline = time.monotonic() + 5
        while len(taken) < 4 and time.monotonic() < deadline:
            time.sleep(0.001)
        time.sleep(0.05)
        assert (len(taken), r.fake.submitted, r.inflight.unfinished) == (4, 4, 4)
        r.gate.set()
        offering.join(5)
        assert r.fake.submitted == 12
        assert r.fake.max_in_flight <= 4
