"""The caption desk with a fake captioner and a state that can be rolled back."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import pytest
from data import samples
from data.samples import assignment, candidate, deletion, fingerprint
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from transforms.answer import seed_of
from transforms.captioner.api import Captioner, CaptionerInfo, CaptionRequest, Completion, Generation
from transforms.captioner.fake import FakeCaptioner, Script, fake_text
from transforms.captioner.prompts import Library, Prompt
from transforms.desk import Desk, DeskOptions, Output
from transforms.errors import CaptionerBroken, CaptionerStalled, ImageCorrupt
from transforms.inflight import Inflight
from transforms.plan import Planner
from transforms.review import ReviewPolicy
from transforms.similarity import SimilarityRule
from transforms.values import (
    Candidate,
    Caption,
    DeadLetter,
    Deletion,
    GroupState,
    Refusal,
    Role,
    Tombstone,
)

RULE = SimilarityRule()
POLICY = ReviewPolicy(max_attempts=3)


def library(text: str = "Describe it.") -> Library:
    prompts = (Prompt(f"p-{tag}", "DESCRIBE", "*", tag, f"{tag}: {text}") for tag in ("en", "zh-Hans"))
    return Library("1", tuple(prompts), "test")


@dataclass
class MemoryStore:
    cell: GroupState | None = None
    bag: list[Candidate] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    bundle: object = field(default_factory=object)

    def read(self) -> GroupState:
        self.calls.append("read")
        return self.cell or GroupState()

    def write(self, state: GroupState) -> None:
        self.calls.append("write")
        self.cell = state

    def waiting(self) -> list[Candidate]:
        self.calls.append("waiting")
        return list(self.bag)

    def add_waiting(self, candidate: Candidate) -> None:
        self.calls.append("add")
        self.bag.append(candidate)

    def clear_waiting(self) -> None:
        self.calls.append("clear")
        self.bag.clear()

    def snapshot(self) -> tuple[GroupState | None, list[Candidate]]:
        return self.cell, list(self.bag)

    def roll_back(self, to: tuple[GroupState | None, list[Candidate]]) -> None:
        self.cell, self.bag = to[0], list(to[1])
        self.bundle = object()


class Rig:
    """A desk with one group."""

    def __init__(
        self,
        script: Script | None = None,
        gated: bool = False,
        slots: int = 8,
        prompts: Library | None = None,
        stall: float = 5.0,
        captioner: Captioner | None = None,
        **options: float,
    ) -> None:
        self.gate = threading.Event()
        if not gated:
            self.gate.set()
        self.fake = FakeCaptioner(slots, script=script, gate=self.gate)
        self.inflight = Inflight(captioner or self.fake, stall_seconds=stall)
        self.options = DeskOptions(**options)  # type: ignore[arg-type]
        self.prompts = prompts or library()
        self.now = 0.0
        self.stores: dict[str, MemoryStore] = {}
        self.desk = self.new_desk()

    def new_desk(self) -> Desk:
        planner = Planner(self.prompts, self.inflight.captioner.info, self.options.sampling, POLICY.version)
        self.desk = Desk(planner, self.inflight, RULE, POLICY, self.options, lambda: self.now)
        return self.desk

    @property
    def store(self) -> MemoryStore:
        return self.stores.setdefault("leader", MemoryStore())

    def arrive(self, content: Candidate | Deletion, role: Role = Role.MEMBER, leader: str = "leader") -> list[Output]:
        store = self.stores.setdefault(leader, MemoryStore())
        return self.desk.arrive(assignment(content, leader, role), store)[0]

    def lead(self, content: Candidate, leader: str = "leader") -> list[Output]:
        return self.arrive(content, Role.NEW_LEADER, leader)

    def poll(self, wait: float | None = None, leader: str = "leader") -> list[Output]:
        return self.desk.poll(leader, self.stores.setdefault(leader, MemoryStore()), wait)[0]

    def open(self) -> None:
        """Let the captioner answer, and wait until it has."""
        self.gate.set()
        self.idle()

    def idle(self) -> None:
        deadline = time.monotonic() + 5
        while self.fake.settled < self.fake.submitted and time.monotonic() < deadline:
            time.sleep(0.001)


@contextmanager
def rig(**options: object) -> Iterator[Rig]:
    made = Rig(**options)  # type: ignore[arg-type]
    try:
        yield made
    finally:
        made.gate.set()
        made.fake.close()


def picture(image_id: str, bits: int = 0, offset: int = 0, **asked: object) -> Candidate:
    """A picture ``bits`` away from the leader's."""
    return candidate(image_id, mark=fingerprint((1 << bits) - 1), offset=offset, **asked)  # type: ignore[arg-type]


LEADER = picture("lead")
COPY = picture("copy", 2, offset=1)


def only(outputs: list[Output]) -> Output:
    assert len(outputs) == 1, outputs
    return outputs[0]


def captions(outputs: list[Output]) -> dict[str, Caption]:
    return {o.upload.image_id: o for o in outputs if isinstance(o, Caption)}


def letters(outputs: list[Output]) -> list[DeadLetter]:
    return [o for o in outputs if isinstance(o, DeadLetter)]


def is_about(text: str, whose: Candidate) -> bool:
    return whose.picture.sha256.hex()[:12] in text


# ---------------------------------------------------------------- reuse


@pytest.mark.parametrize("moment", ["before", "during", "after"])
def test_copy_reuses_the_leaders_text(moment: str) -> None:
    with rig(gated=True) as r:
        out = r.lead(LEADER)
        if moment == "after":
            r.open()
            out += r.poll()
        if moment == "during":
            out += r.poll(0.0)
        out += r.arrive(COPY)
        r.gate.set()
        out += r.poll()
        made = captions(out)
        assert made["lead"].reused == (False,)
        assert made["lead"].duplicate_of is None
        assert made["copy"].reused == (True,)
        assert made["copy"].duplicate_of == "lead"
        assert made["copy"].hash_distance == 2
        assert made["copy"].colour_distance == 0.0
        assert made["copy"].texts == made["lead"].texts
        assert is_about(made["copy"].texts[0].caption, LEADER)
        assert r.fake.submitted == 1
        assert len(out) == 2


def test_redelivered_leader_stays_generated() -> None:
    with rig() as r:
        r.lead(LEADER)
        first = only(r.poll())
        again = only(r.arrive(replace(LEADER, record=samples.record(9))))
        assert isinstance(first, Caption)
        assert isinstance(again, Caption)
        assert again.event_id == first.event_id
        assert again.reused == (False,)
        assert r.fake.submitted == 1


def test_redelivery_while_pending() -> None:
    with rig(gated=True) as r:
        r.lead(LEADER)
        assert r.arrive(LEADER) == []  # the same record: it is owed one caption
        assert r.arrive(replace(LEADER, record=samples.record(9))) == []  # sent twice by the shop
        r.gate.set()
        out = r.poll()
        assert [o.record.offset for o in out] == [0, 9]
        assert len({o.event_id for o in out if isinstance(o, Caption)}) == 1
        assert r.fake.submitted == 1


def test_titles_in_the_prompt_part_the_copies() -> None:
    one = picture("lead", attributes={"title": "Red mug"})
    two = picture("b", 2, offset=1, attributes={"title": "Cup"})
    with rig(prompts=library("Describe {title}.")) as r:
        made = captions(r.lead(one) + r.arrive(two) + r.poll())
        assert is_about(made["lead"].texts[0].caption, one)
        assert is_about(made["b"].texts[0].caption, two)
        assert made["lead"].texts[0].prompt_sha256 != made["b"].texts[0].prompt_sha256
        assert r.fake.submitted == 2
    with rig() as r:
        made = captions(r.lead(one) + r.arrive(two) + r.poll())
        assert made["lead"].texts == made["b"].texts
        assert r.fake.submitted == 1


@pytest.mark.parametrize("late", [False, True])
def test_a_language_the_leader_did_not_ask(late: bool) -> None:
    second = picture("b", 2, offset=1, languages=("zh-Hans", "en"))
    third = picture("c", 1, offset=2, languages=("zh-Hans", "en"))
    with rig(gated=True) as r:
        out = r.lead(LEADER)
        if late:
            r.open()
            out += r.poll()
            r.gate.clear()
        out += r.arrive(second) + r.arrive(third)
        r.gate.set()
        out += r.poll()
        made = captions(out)
        assert [t.language for t in made["b"].texts] == ["zh-Hans", "en"]
        assert is_about(made["b"].texts[0].caption, second)
        assert is_about(made["b"].texts[1].caption, LEADER)
        assert made["b"].reused == (False, True)
        assert made["c"].reused == (True, True)
        assert made["c"].texts == made["b"].texts
        assert r.fake.submitted == 2
        assert len(out) == 3
        assert r.store.bag == []


def test_similarity_never_chains() -> None:
    left = candidate("left", mark=fingerprint(0b111111), offset=1)
    right = candidate("right", mark=fingerprint(0b111111 << 20), offset=2)

    def fail_leader(request: object, _: object) -> RuntimeError | None:
        return RuntimeError("no") if request.image == b"lead" else None  # type: ignore[attr-defined]

    with rig(script=fail_leader) as r:
        made = captions(r.lead(LEADER) + r.arrive(left) + r.arrive(right) + r.poll())
        assert is_about(made["left"].texts[0].caption, left)
        assert is_about(made["right"].texts[0].caption, right)


# ---------------------------------------------------------------- failures


def failing(*images: str) -> Script:
    def script(request: object, _: object) -> RuntimeError | None:
        image = request.image.decode()  # type: ignore[attr-defined]
        return RuntimeError(f"cannot do {image}") if image in images else None

    return script


def test_failed_leader_promotes_the_first_who_waits() -> None:
    with rig(script=failing("lead"), gated=True) as r:
        out = r.lead(LEADER)
        out += r.arrive(COPY) + r.arrive(picture("third", 1, offset=2))
        r.gate.set()
        out += r.poll()
        assert [letter.code for letter in letters(out)] == ["caption_failed"]
        made = captions(out)
        assert made["copy"].reused == (False,)
        assert made["third"].duplicate_of == "copy"
        assert r.fake.submitted == 2
        assert r.store.cell is not None
        assert r.store.cell.pending == ()


def test_a_text_never_crosses_a_veto_inside_a_group() -> None:
    red = with_colour(picture("red", 2, offset=1), "red")
    blue = with_colour(picture("blue", 2, offset=2), "blue")
    plain = picture("plain", 2, offset=3)
    with rig(script=failing("lead"), gated=True) as r:
        out = r.lead(LEADER) + r.arrive(red) + r.arrive(blue) + r.arrive(plain)
        r.gate.set()
        made = captions(out + r.poll())
        assert is_about(made["red"].texts[0].caption, red)
        assert is_about(made["blue"].texts[0].caption, blue)
        assert made["plain"].duplicate_of == "red"


def with_colour(candidate: Candidate, colour: str) -> Candidate:
    return replace(candidate, upload=replace(candidate.upload, attributes=(("colour", colour),)))


def test_after_max_failures_the_others_fail_unasked() -> None:
    with rig(script=failing("lead", "w1", "w2", "w3", "w4"), gated=True) as r:
        out = r.lead(LEADER)
        for n in range(1, 5):
            out += r.arrive(picture(f"w{n}", offset=n))
        r.lead(picture("other", offset=9), "other")  # shows that the captioner itself is well
        r.open()
        out += r.poll(0.0)
        r.poll(leader="other")
        out += r.poll()
        assert [letter.code for letter in letters(out)] == ["caption_failed"] * 5
        assert "copies of this picture failed" in out[-1].message  # type: ignore[union-attr]
        assert r.fake.submitted == 1 + 3
        assert r.store.bag == []


def test_input_error_keeps_its_code() -> None:
    with rig(script=lambda *_: ImageCorrupt("`lead` is torn; send it again")) as r:
        out = r.lead(LEADER) + r.poll()
        letter = only(out)
        assert isinstance(letter, DeadLetter)
        assert (letter.code, letter.retryable) == ("image_corrupt", False)
        assert letter.record == LEADER.record


def test_failed_request_is_asked_anew_when_it_comes_again() -> None:
    broken = [True]
    with rig(script=lambda *_: RuntimeError("out of memory") if broken[0] else None) as r:
        assert letters(r.lead(LEADER) + r.poll())
        broken[0] = False
        assert captions(r.arrive(replace(LEADER, record=samples.record(5))) + r.poll())


def test_refused_texts_are_retried_with_seeds_then_rejected() -> None:
    seeds = []

    def refuse(request: object, _: object) -> str:
        seeds.append((request.sampling.temperature, request.sampling.seed))  # type: ignore[attr-defined]
        return "!" * 40

    with rig(script=refuse) as r:
        out = r.lead(LEADER) + r.poll()
        assert [type(o) for o in out] == [Refusal, Refusal, Refusal, DeadLetter]
        assert out[-1].code == "caption_rejected"  # type: ignore[union-attr]
        event = out[0].event_id  # type: ignore[union-attr]
        assert seeds == [(0.0, 0), (0.7, seed_of(event, 1)), (0.7, seed_of(event, 2))]
        assert [o.text.attempt for o in out[:3] if isinstance(o, Refusal)] == [0, 1, 2]


def test_only_the_refused_language_is_asked_again() -> None:
    asked = []

    def script(request: object, prompt: object) -> str | None:
        asked.append(prompt.language)  # type: ignore[attr-defined]
        return "!" * 40 if prompt.language == "en" and request.sampling.greedy else None  # type: ignore[attr-defined]

    with rig(script=script) as r:
        out = r.lead(picture("lead", languages=("zh-Hans", "en"))) + r.poll()
        assert asked == ["zh-Hans", "en", "en"]
        assert [type(o) for o in out] == [Refusal, Caption]
        made = captions(out)["lead"]
        assert [t.attempt for t in made.texts] == [0, 1]
        assert made.reused == (False, False)


def test_unservable_language_is_a_dead_letter() -> None:
    with rig() as r:
        letter = only(r.lead(picture("lead", languages=("fr",))))
        assert isinstance(letter, DeadLetter)
        assert letter.code == "unsupported_language"


@pytest.mark.parametrize("copies", [0, 40])
def test_broken_captioner_stops_the_job(copies: int) -> None:
    sent: list[Output] = []

    def drive(r: Rig) -> None:
        for n in range(300):
            sent.extend(r.lead(picture(f"p{n}", offset=100 * n), f"g{n}"))
            for c in range(copies):
                sent.extend(r.arrive(picture(f"p{n}-{c}", 2, 100 * n + c + 1), leader=f"g{n}"))
            r.open()
            sent.extend(r.poll(leader=f"g{n}"))

    with rig(script=lambda *_: RuntimeError("CUDA error: device-side assert")) as r:
        with pytest.raises(CaptionerBroken, match=r"RuntimeError.*device-side assert"):
            drive(r)
        assert len(sent) <= 200


def test_captioner_that_breaks_later_empties_little() -> None:
    broken = [False]
    sent: list[Output] = []
    with rig(script=lambda *_: RuntimeError("dead") if broken[0] else None, gated=True) as r:
        r.gate.set()
        for n in range(150):
            r.lead(picture(f"ok{n}", offset=n), f"ok{n}")
            r.poll(leader=f"ok{n}")
        broken[0] = True

        def drive() -> None:
            for n in range(100):
                r.gate.clear()
                sent.extend(r.lead(picture(f"p{n}", offset=1000 * n), f"g{n}"))
                for c in range(40):
                    sent.extend(r.arrive(picture(f"p{n}-{c}", 2, 1000 * n + c + 1), leader=f"g{n}"))
                r.gate.set()
                sent.extend(r.poll(leader=f"g{n}"))

        with pytest.raises(CaptionerBroken):
            drive()
        assert len(letters(sent)) <= 200


def test_good_and_bad_mixed_goes_on() -> None:
    bad = tuple(f"p{n}" for n in range(0, 200, 2))
    with rig(script=failing(*bad)) as r:
        out = []
        for n in range(200):
            out += r.lead(picture(f"p{n}", offset=n), f"g{n}") + r.poll(leader=f"g{n}")
        assert len(letters(out)) == 100
        assert len(captions(out)) == 100


def test_closed_captioner_makes_no_dead_letters() -> None:
    with rig(gated=True) as r:
        r.lead(LEADER)
        r.fake.close()
        with pytest.raises(CaptionerBroken, match="closed"):
            r.poll()


# ---------------------------------------------------------------- room


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


# ---------------------------------------------------------------- state


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


# ---------------------------------------------------------------- deletions


def test_deleted_while_pending() -> None:
    with rig(gated=True) as r:
        r.lead(LEADER)
        out = r.arrive(COPY)
        out += r.arrive(deletion("lead", 5))
        assert [type(o) for o in out] == [Tombstone]
        r.gate.set()
        out += r.poll()
        about_leader = [type(o) for o in out if isinstance(o, Tombstone) or o.record == LEADER.record]
        assert about_leader == [Tombstone, Caption, Tombstone]
        assert set(captions(out)) == {"lead", "copy"}
        assert r.store.cell == GroupState()


def test_deleted_while_waiting() -> None:
    with rig(gated=True) as r:
        r.lead(LEADER)
        r.arrive(COPY)
        r.arrive(deletion("copy", 5))
        r.gate.set()
        assert [type(o) for o in r.poll()] == [Caption, Caption, Tombstone]
        assert r.store.cell is not None
        assert len(r.store.cell.texts) == 1
        assert r.store.cell.deletions == ()


def test_deleted_leader_takes_its_text_along() -> None:
    with rig() as r:
        r.lead(LEADER)
        r.poll()
        assert [type(o) for o in r.arrive(deletion("lead", 5))] == [Tombstone]
        assert r.store.cell == GroupState()
        made = captions(r.arrive(COPY) + r.poll())
        assert made["copy"].reused == (False,)


def test_unknown_image_gets_its_tombstone_at_once() -> None:
    with rig() as r:
        assert only(r.arrive(deletion("nobody", 3))) == Tombstone(deletion("nobody", 3).record, "nobody")
        assert r.store.calls == ["read"]


def test_deletion_that_overtook_its_upload() -> None:
    with rig() as r:
        out = r.lead(replace(LEADER, deleted=True)) + r.poll()
        assert [type(o) for o in out] == [Caption, Tombstone]
        assert r.store.cell == GroupState()  # its text stands for nobody


def test_upload_after_the_deletion_lives() -> None:
    with rig(gated=True) as r:
        r.lead(LEADER)
        r.arrive(deletion("lead", 5))
        r.arrive(replace(LEADER, record=samples.record(6)))
        r.gate.set()
        assert [(type(o), o.record.offset) for o in r.poll()] == [(Caption, 0), (Tombstone, 0), (Caption, 6)]


def test_rolled_back_deletion_is_written_again() -> None:
    with rig(gated=True) as r:
        r.lead(LEADER)
        before = r.store.snapshot()
        r.arrive(deletion("lead", 5))
        r.store.roll_back(before)
        r.arrive(deletion("lead", 5))
        assert r.store.cell is not None
        assert len(r.store.cell.deletions) == 1


def test_leader_id_used_again_reads_the_state() -> None:
    with rig(gated=True) as r:
        r.lead(LEADER)
        r.lead(COPY)  # the index says so though the group lives, its leader having been deleted
        r.gate.set()
        assert set(captions(r.poll())) == {"lead", "copy"}


# ---------------------------------------------------------------- everything at once


class ByHand:
    """A captioner whose requests the test answers one by one, in any order."""

    def __init__(self) -> None:
        self.info = CaptionerInfo("by hand", "1", 64)
        self.open: list[tuple[CaptionRequest, Future[Generation]]] = []
        self.at_once = False

    def submit(self, request: CaptionRequest) -> Future[Generation]:
        future: Future[Generation] = Future()
        self.open.append((request, future))
        if self.at_once:
            self.answer(0)
        return future

    def answer(self, place: int) -> None:
        if not self.open:
            return
        request, future = self.open.pop(place % len(self.open))
        if request.image.startswith(b"bad"):
            future.set_exception(RuntimeError("no"))
            return
        refuse = request.image.startswith(b"odd") and request.sampling.greedy
        texts = ["!" * 40 if refuse else fake_text(request, prompt) for prompt in request.prompts]
        future.set_result(Generation(tuple(Completion(text, "stop", 1, 1) for text in texts), 1))

    def close(self) -> None:
        while self.open:
            self.answer(0)


PICTURES = [fingerprint(0), fingerprint(0b11), fingerprint(0b111111), fingerprint(0b111111 << 20)]

uploads = st.tuples(
    st.just("upload"),
    st.integers(0, 3),
    st.sampled_from([("en",), ("zh-Hans",), ("zh-Hans", "en")]),
    st.sampled_from(["", "Mug"]),
    st.sampled_from(["ok", "ok", "odd", "bad"]),
)
actions = st.one_of(
    uploads,
    uploads,
    st.tuples(st.just("delete"), st.integers(0, 9)),
    st.tuples(st.just("again"), st.integers(0, 9)),
    st.tuples(st.sampled_from(["poll", "poll", "commit", "retry", "restore", "old"])),
    st.tuples(st.just("answer"), st.integers(0, 9)),
)


class World:
    """A runner: bundles are committed or rolled back and then delivered again."""

    def __init__(self, r: Rig, hand: ByHand) -> None:
        self.r = r
        self.hand = hand
        self.log: list[Candidate | Deletion] = []
        self.delivered = 0
        self.sent: list[Output] = []
        self.open: list[Output] = []
        self.saved = (0, r.store.snapshot())

    def deliver(self) -> None:
        while self.delivered < len(self.log):
            content = self.log[self.delivered]
            seen = self.log[: self.delivered]
            role = Role.MEMBER
            if isinstance(content, Candidate):
                gone = any(
                    isinstance(d, Deletion)
                    and d.image_id == content.upload.image_id
                    and d.record.offset > content.record.offset
                    for d in seen
                )
                content = replace(content, deleted=gone)
                if not any(isinstance(c, Candidate) for c in seen):
                    role = Role.NEW_LEADER
            self.delivered += 1
            self.open += self.r.arrive(content, role)

    def commit(self) -> None:
        self.sent += self.open
        self.open = []
        self.saved = (self.delivered, self.r.store.snapshot())
        self.r.store.bundle = object()

    def roll_back(self) -> None:
        self.open = []
        self.delivered = self.saved[0]
        self.r.store.roll_back(self.saved[1])

    def act(self, action: tuple[object, ...]) -> None:
        match action:
            case ("upload", int(mark), languages, title, kind):
                image = f"{kind}{mark}-{len(self.log)}"
                asked = {"languages": languages, "attributes": {"title": title}}
                self.log.append(
                    candidate(image, mark=PICTURES[mark], offset=len(self.log), **asked)  # type: ignore[arg-type]
                )
            case ("again", int(n)) if self.log:
                self.log.append(self.log[n % len(self.log)])
            case ("delete", int(n)) if self.log:
                whose = self.log[n % len(self.log)]
                image = whose.upload.image_id if isinstance(whose, Candidate) else whose.image_id
                self.log.append(deletion(image, len(self.log)))
            case ("poll",):
                self.open += self.r.poll(0.0)
            case ("answer", int(n)):
                self.hand.answer(n)
            case ("commit",):
                self.commit()
            case ("retry",):
                self.roll_back()
            case ("restore",):
                self.roll_back()
                self.r.new_desk()
            case ("old",):
                self.r.now += 6
        self.deliver()


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(actions, min_size=1, max_size=25))
def test_nothing_is_lost_or_mixed_up(script: list[tuple[object, ...]]) -> None:
    hand = ByHand()
    with rig(captioner=hand, prompts=library("Describe {title}."), max_failures=99) as r:
        r.inflight.outcomes.ENOUGH = 10**9
        world = World(r, hand)
        for action in script:
            world.act(action)
        hand.at_once = True
        hand.close()
        world.open += r.poll(None)
        world.commit()

        uploaded = [c for c in world.log if isinstance(c, Candidate)]
        ended = {o.record for o in world.sent if isinstance(o, Caption | DeadLetter)}
        assert ended == {c.record for c in uploaded}
        assert r.store.bag == []
        assert r.store.cell is None or (r.store.cell.pending, r.store.cell.deletions) == ((), ())

        calm = not any(isinstance(c, Deletion) or "bad" in c.upload.image_id for c in world.log)
        told: dict[str, tuple[str, ...]] = {}
        for made in [o for o in world.sent if isinstance(o, Caption)]:
            assert tuple(t.language for t in made.texts) == made.upload.languages
            for text, reused in zip(made.texts, made.reused, strict=True):
                assert RULE.near(made.fingerprint, text.fingerprint)
                assert text.sha256.hex()[:12] in text.caption
                assert reused == (text.image_id != made.upload.image_id)
                prompt = r.prompts.render("", "DESCRIBE", text.language, dict(made.upload.attributes), None)
                assert prompt.digest()[:12] in text.caption
            words = tuple(t.caption for t in made.texts)
            if calm:
                assert told.setdefault(made.event_id, words) == words
        for failed in letters(world.sent):
            assert failed.record.key is not None
            assert failed.record.key.startswith(b"bad")
        if r.store.cell is not None:
            for text in r.store.cell.texts:
                assert not text.image_id.startswith("bad")
        check_deletions(world)


def check_deletions(world: World) -> None:
    for gone in [d for d in world.log if isinstance(d, Deletion)]:
        before = [
            place
            for place, o in enumerate(world.sent)
            if isinstance(o, Caption) and o.upload.image_id == gone.image_id and o.record.offset < gone.record.offset
        ]
        stones = [
            place for place, o in enumerate(world.sent) if isinstance(o, Tombstone) and o.image_id == gone.image_id
        ]
        assert stones
        assert not before or stones[-1] > before[-1]
