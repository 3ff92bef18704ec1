"""A caption desk with a fake captioner and a state that can be rolled back."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from data.samples import assignment, candidate, fingerprint

from transforms.cache import TextCache
from transforms.captioner.api import Captioner
from transforms.captioner.fake import FakeCaptioner, Script
from transforms.captioner.prompts import Library, Prompt
from transforms.desk import Desk, DeskOptions, Output
from transforms.inflight import Inflight
from transforms.plan import Planner, Question
from transforms.review import ReviewPolicy
from transforms.similarity import SimilarityRule
from transforms.values import (
    Candidate,
    Caption,
    DeadLetter,
    Deletion,
    GroupState,
    Role,
    Text,
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


class SharedTexts:
    """A `TextCache` in memory, that outlives workers."""

    def __init__(self) -> None:
        self.texts: dict[tuple[str, bytes, str], Text] = {}

    def get(self, merchant: str, sha256: bytes, questions: Sequence[Question]) -> list[Text]:
        keys = ((merchant, sha256, question.reuse_key) for question in questions)
        return [self.texts[key] for key in keys if key in self.texts]

    def put(self, merchant: str, question: Question, text: Text) -> None:
        self.texts[merchant, text.sha256, question.reuse_key] = text

    def forget(self, merchant: str, texts: Iterable[Text]) -> None:
        for text in texts:
            self.texts.pop((merchant, text.sha256, text.reuse_key), None)


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
        cache: TextCache | None = None,
        policy: ReviewPolicy = POLICY,
        **options: float,
    ) -> None:
        self.gate = threading.Event()
        if not gated:
            self.gate.set()
        self.fake = FakeCaptioner(slots, script=script, gate=self.gate)
        self.inflight = Inflight(captioner or self.fake, stall_seconds=stall)
        self.cache = cache
        self.policy = policy
        self.options = DeskOptions(**options)  # type: ignore[arg-type]
        self.prompts = prompts or library()
        self.now = 0.0
        self.stores: dict[str, MemoryStore] = {}
        self.desk = self.new_desk()

    def new_process(self) -> None:
        """Another worker, to whom the captioner owes nothing."""
        self.inflight = Inflight(self.inflight.captioner, stall_seconds=5.0)
        self.new_desk()

    def new_desk(self) -> Desk:
        planner = Planner(self.prompts, self.inflight.captioner.info, self.options.sampling, self.policy.version)
        self.desk = Desk(planner, self.inflight, RULE, self.policy, self.options, lambda: self.now, self.cache)
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


def failing(*images: str) -> Script:
    def script(request: object, _: object) -> RuntimeError | None:
        image = request.image.decode()  # type: ignore[attr-defined]
        return RuntimeError(f"cannot do {image}") if image in images else None

    return script
