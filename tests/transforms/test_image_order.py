"""Find duplicate and the caption desk together: what lies last in the captions topic of an image is the truth."""

from __future__ import annotations

import random

import pytest
from data.by_hand import ByHand
from data.desk_rig import RULE, MemoryStore, captions, library, only, rig
from data.samples import arrival, candidate, deletion, far, fingerprint

from transforms.desk import Output
from transforms.index.decide import DuplicateIndex
from transforms.values import Candidate, Caption, DeadLetter, Deletion, Refusal, Tombstone

MARKS = [fingerprint(0), fingerprint(0b11), far(1), far(2)]
"""The first two are one picture to a person."""


class Job:
    """One merchant's index, and the desk."""

    def __init__(self, hand: ByHand, dice: random.Random) -> None:
        self.hand, self.dice = hand, dice
        self.index = DuplicateIndex("shop", RULE)
        self.pending: dict[str, None] = {}
        self.sent: list[Output] = []
        self.log: list[Candidate | Deletion] = []

    def run(self, events: int) -> None:
        with rig(captioner=self.hand, prompts=library(), max_failures=99) as r:
            r.inflight.outcomes.ENOUGH = 10**9
            for offset in range(events):
                self.log.append(self.draw(offset))
                for told in self.index.assign(arrival(self.log[-1]))[0]:
                    store = r.stores.setdefault(told.leader_id, MemoryStore())
                    out, is_pending = r.desk.arrive(told, store)
                    self.sent += out
                    if is_pending:
                        self.pending[told.leader_id] = None
                for _ in range(self.dice.randrange(3)):
                    self.hand.answer(self.dice.randrange(9))
                self.poll(r, [group for group in self.pending if self.dice.random() < 0.4], 0.0)
                if self.dice.random() < 0.1:
                    r.new_desk()
                for store in r.stores.values():
                    store.bundle = object()
            self.hand.at_once = True
            self.hand.close()
            self.poll(r, list(self.pending), None)
            assert [store.bag for store in r.stores.values() if store.bag] == []

    def poll(self, r: object, groups: list[str], wait: float | None) -> None:
        for group in groups:
            out, is_pending = r.desk.poll(group, r.stores[group], wait)  # type: ignore[attr-defined]
            self.sent += out
            if not is_pending:
                del self.pending[group]

    def draw(self, offset: int) -> Candidate | Deletion:
        image, number, dice = f"i{self.dice.randrange(3)}", self.dice.randrange(4), self.dice
        if dice.random() < 0.2:
            return deletion(image, offset)
        content = (b"bad%d" if dice.random() < 0.1 else b"ok%d") % number
        asked = {"attributes": dice.choice([{}, {"colour": "red"}])}
        return candidate(image, content, MARKS[number], offset, **asked)


@pytest.mark.parametrize("seed", range(8))
def test_the_last_record_of_an_image_is_the_true_one(seed: int) -> None:
    for round_ in range(60):
        job = Job(ByHand(), dice := random.Random(1000 * seed + round_))
        job.run(dice.randrange(3, 30))
        uploads = {c.record.offset for c in job.log if isinstance(c, Candidate)}
        ended = {o.record.offset for o in job.sent if isinstance(o, Caption | DeadLetter)}
        withheld = {o.record.offset for o in job.sent if isinstance(o, Refusal) and o.text.rules == ("replaced",)}
        assert uploads <= ended | withheld
        for image in ("i0", "i1", "i2"):
            check(image, job)


def check(image: str, job: Job) -> None:
    last = next((event for event in reversed(job.log) if image_of(event) == image), None)
    outputs = [o for o in job.sent if isinstance(o, Caption | Tombstone) and image_of(o) == image]
    failed = {o.record.offset for o in job.sent if isinstance(o, DeadLetter)}
    if isinstance(last, Deletion):
        assert isinstance(outputs[-1], Tombstone)
    elif last is not None and last.record.offset not in failed:
        assert isinstance(outputs[-1], Caption), f"`{image}` is withdrawn, and was uploaded again"
        assert outputs[-1].picture.sha256 == last.picture.sha256


def image_of(event: Candidate | Deletion | Caption | Tombstone) -> str:
    return event.image_id if isinstance(event, Deletion | Tombstone) else event.upload.image_id


def test_a_caption_that_was_owed_when_its_image_was_deleted_does_not_withdraw_the_next_one() -> None:
    hand = ByHand()
    with rig(captioner=hand, prompts=library()) as r:
        index, sent = DuplicateIndex("shop", RULE), []
        slow, fast = candidate("a", b"slow", far(1), 1), candidate("a", b"fast", far(2), 3)
        for content in (slow, deletion("a", 2), fast):
            for told in index.assign(arrival(content))[0]:
                sent += r.desk.arrive(told, r.stores.setdefault(told.leader_id, MemoryStore()))[0]
        assert isinstance(only(sent), Tombstone)
        groups = list(r.stores)
        hand.answer(1)
        assert list(captions(r.poll(0.0, groups[1]))) == ["a"]
        hand.answer(0)
        assert isinstance(only(r.poll(0.0, groups[0])), Refusal)
