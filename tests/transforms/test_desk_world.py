"""Everything at once, in random order, against what must hold."""

from __future__ import annotations

from dataclasses import replace

from data.by_hand import ByHand
from data.desk_rig import RULE, Rig, SharedTexts, letters, library, rig
from data.samples import assignment, candidate, deletion, fingerprint
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from transforms.desk import Output
from transforms.values import (
    Candidate,
    Caption,
    DeadLetter,
    Deletion,
    Role,
    Tombstone,
)

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
    st.tuples(st.sampled_from(["poll", "poll", "commit", "retry", "restore", "kill", "late kill", "old"])),
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
        self.has_timer = False
        self.saved = (0, r.store.snapshot(), False)

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
            out, is_pending = self.r.desk.arrive(assignment(content, role=role), self.r.store)
            self.open += out
            self.has_timer |= is_pending

    def poll(self, wait: float | None) -> None:
        """As the timer does, if it is set."""
        if self.has_timer:
            out, self.has_timer = self.r.desk.poll("leader", self.r.store, wait)
            self.open += out

    def commit(self) -> None:
        self.sent += self.open
        self.open = []
        self.saved = (self.delivered, self.r.store.snapshot(), self.has_timer)
        self.r.store.bundle = object()

    def roll_back(self) -> None:
        self.open = []
        self.delivered, state, self.has_timer = self.saved
        self.r.store.roll_back(state)

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
                self.poll(0.0)
            case ("answer", int(n)):
                self.hand.answer(n)
            case ("commit",):
                self.commit()
            case ("retry",):
                self.roll_back()
            case ("restore",):
                self.roll_back()
                self.r.new_desk()
            case ("kill",) | ("late kill",):
                if action[0] == "late kill":  # when all is answered, and shared, but not committed
                    self.commit()
                    self.hand.close()
                    self.poll(0.0)
                self.roll_back()
                self.hand.open.clear()
                self.r.new_process()
                self.r.inflight.outcomes.ENOUGH = 10**9
            case ("old",):
                self.r.now += 6
        self.deliver()


UPLOAD = ("upload", 0, ("en",), "", "ok")
"""Each one like the others, but for its id."""


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@example([UPLOAD, UPLOAD, ("late kill",), UPLOAD], True)
@example([UPLOAD, UPLOAD, ("late kill",), ("delete", 1)], True)
@given(st.lists(actions, min_size=1, max_size=25), st.booleans())
def test_nothing_is_lost_or_mixed_up(script: list[tuple[object, ...]], is_shared: bool) -> None:
    hand, cache = ByHand(), SharedTexts() if is_shared else None
    with rig(captioner=hand, prompts=library("Describe {title}."), max_failures=99, cache=cache) as r:
        r.inflight.outcomes.ENOUGH = 10**9
        world = World(r, hand)
        for action in script:
            world.act(action)
        hand.at_once = True
        hand.close()
        world.poll(None)
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
