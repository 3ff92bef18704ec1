"""The engine's tokens are those of stock `generate()`, whoever joins and leaves meanwhile."""

import random
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from transforms.captioner.api import CaptionerOptions, RenderedPrompt, Sampling
from transforms.captioner.checkpoint import Checkpoint, load_checkpoint
from transforms.captioner.engine import steps as steps_module
from transforms.captioner.engine.admission import AdmissionRule
from transforms.captioner.engine.build import build
from transforms.captioner.engine.engine import Engine
from transforms.captioner.engine.jobs import Job
from transforms.captioner.engine.rows import lay_out
from transforms.captioner.engine.slots import Slots
from transforms.captioner.engine.steps import Steps
from transforms.captioner.patches import Patches, patchify
from transforms.captioner.prompts import Library
from transforms.captioner.reference import Reference
from transforms.captioner.tiny.products import HELD_OUT, render

pytestmark = pytest.mark.model
EN, ZH = (Library.load("tiny").render("any", "DESCRIBE", tag, {}, None) for tag in ("en", "zh-Hans"))
LONG = replace(EN, text=EN.text + " Say what it is, which colour it has and what lies behind it.")
ASKS = ((EN,), (ZH,), (EN, ZH), (LONG,), (ZH, LONG, EN), (EN, EN))
SIZES = ((64, 64), (96, 64), (64, 96), (96, 96), (160, 32), (128, 128))
PICTURES = 12
LENGTH = 160
"""Tokens of a slot."""


@dataclass
class World:
    """The model twice: taken apart for engines, and whole."""

    checkpoint: Checkpoint
    taken: Engine
    reference: Reference
    pictures: list[Patches]

    def engine(self, slots: int = 8, rule: AdmissionRule | None = None, stops: bool = True, **more: Any) -> Engine:
        parts = self.taken._steps
        decoder = parts._decoder
        with torch.inference_mode():
            sizes = (len(decoder.layers), slots, decoder.key_heads, LENGTH, decoder.width)
            held = Slots(*sizes, torch.device("cpu"), torch.float32)
            steps = Steps(decoder, parts._vision, parts._rotary, held)
        stop_ids = self.checkpoint.stop_ids if stops else ()
        return Engine(steps, stop_ids, rule or AdmissionRule.for_cpu(slots), **more)

    def job(
        self, picture: int, prompts: Sequence[RenderedPrompt], sampling: Sampling | None = None, source: str = ""
    ) -> Job:
        patches, chat, merge = self.pictures[picture], self.checkpoint.chat, self.checkpoint.rule.merge
        size = patches.rows // merge, patches.columns // merge
        row = lay_out(chat.before(prompts[0]), chat.image_id, *size, [chat.after(prompt) for prompt in prompts])
        return Job(patches, row, sampling or Sampling(), tuple(p.max_new_tokens for p in prompts), source)


@pytest.fixture(scope="module")
def world() -> World:
    options = CaptionerOptions("engine")
    checkpoint, whole = load_checkpoint(options), load_checkpoint(options)
    dice = random.Random(4)
    pictures = [
        patchify(render(HELD_OUT[n * 7], dice, SIZES[n % len(SIZES)]), checkpoint.rule) for n in range(PICTURES)
    ]
    return World(checkpoint, build(checkpoint, options), Reference(whole), pictures)


class Stock:
    """What `generate()` says of a picture alone, and how likely the model finds it, token by token."""

    def __init__(self, world: World) -> None:
        self._reference = world.reference
        self._model = world.reference._checkpoint.model
        self._pictures = world.pictures
        self._known: dict[tuple[int, RenderedPrompt, bool], tuple[list[int], torch.Tensor]] = {}

    def tokens(self, picture: int, prompt: RenderedPrompt, stops: bool) -> list[int]:
        """A smaller limit leaves their beginning."""
        return self._ask(picture, prompt, stops)[0][: prompt.max_new_tokens]

    def chances(self, picture: int, prompt: RenderedPrompt, stops: bool) -> torch.Tensor:
        """Their log-probabilities, from one pass over the whole text."""
        return self._ask(picture, prompt, stops)[1][: prompt.max_new_tokens]

    def _ask(self, picture: int, prompt: RenderedPrompt, stops: bool) -> tuple[list[int], torch.Tensor]:
        key = picture, replace(prompt, max_new_tokens=40), stops
        if key not in self._known:
            row = self._reference.row(self._pictures[picture], key[1], Sampling())
            (said,) = self._reference.generate([row], threading.Event(), stops)
            inputs = self._reference.collate([replace(row, ids=row.ids + said)])
            with torch.inference_mode():
                logits = self._model(**inputs).logits[0, len(row.ids) - 1 : -1]
            self._known[key] = said, logits.log_softmax(-1).gather(1, torch.tensor(said)[:, None])[:, 0]
        return self._known[key]


@pytest.fixture(scope="module")
def stock(world: World) -> Stock:
    return Stock(world)


def tokens_of(job: Job) -> list[list[int]]:
    return [answer.tokens for answer in job.answers]


def run(engine: Engine, *jobs: Job) -> list[Job]:
    for job in jobs:
        engine.add(job)
    done: list[Job] = []
    for _ in range(2000):
        done += engine.step()
        if len(done) == len(jobs):
            return done
    raise AssertionError(f"{len(done)} of {len(jobs)} jobs are done after 2,000 steps")


def check_empty(engine: Engine) -> None:
    """Nothing leaks: all slots are free, low ones first, and hold nothing."""
    assert (engine.active, engine.waiting, engine.slots.free) == (0, 0, engine.slots.count)
    assert [engine.slots.take() for _ in range(engine.slots.count)] == list(range(engine.slots.count))
    assert int(engine.slots.lengths.sum()) == int(engine.slots.steps.sum()) == 0
    assert engine.counters.joined == engine.counters.left


@dataclass
class Plan:
    """One request of a random schedule."""

    picture: int
    prompts: tuple[RenderedPrompt, ...]
    arrives: int
    cancelled_after: int | None
    limits: list[int] = field(default_factory=list)


PLANS = st.lists(
    st.builds(
        Plan,
        picture=st.integers(0, PICTURES - 1),
        prompts=st.sampled_from(ASKS),
        arrives=st.integers(0, 30),
        cancelled_after=st.one_of(st.none(), st.none(), st.none(), st.integers(0, 12)),
        limits=st.lists(st.sampled_from((1, 2, 7, 24, 40)), min_size=3, max_size=3),
    ),
    min_size=2,
    max_size=14,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    plans=PLANS,
    slots=st.sampled_from((3, 4, 8, 32)),
    rule=st.builds(
        AdmissionRule,
        least=st.integers(1, 4),
        most=st.integers(1, 8),
        tokens=st.sampled_from((40, 200, 8192)),
        patience=st.integers(0, 6),
    ),
    lag=st.integers(0, 1),
    stops=st.booleans(),
)
def test_every_schedule_says_what_generate_says(
    world: World, stock: Stock, plans: list[Plan], slots: int, rule: AdmissionRule, lag: int, stops: bool
) -> None:
    engine = world.engine(slots, rule, stops, lag=lag)
    jobs: dict[int, Job] = {}
    done: list[Job] = []
    for step in range(2000):
        for number, plan in enumerate(plans):
            if plan.arrives == step:
                prompts = [
                    replace(prompt, max_new_tokens=limit)
                    for prompt, limit in zip(plan.prompts, plan.limits, strict=False)
                ]
                jobs[number] = world.job(plan.picture, prompts)
                engine.add(jobs[number])
            if plan.cancelled_after is not None and plan.arrives + plan.cancelled_after == step:
                engine.cancel(jobs[number])
        done += engine.step()
        if len(done) == len(plans):
            break
    assert len(done) == len(set(map(id, done))) == len(plans)
    for number, job in jobs.items():
        assert job.error is None
        if not job.is_cancelled:
            prompts = zip(plans[number].prompts, job.limits, strict=True)
            assert tokens_of(job) == [
                stock.tokens(plans[number].picture, replace(prompt, max_new_tokens=limit), stops)
                for prompt, limit in prompts
            ]
    check_empty(engine)


def crowd(world: World, engine: Engine) -> tuple[list[Job], list[int]]:
    """Many requests of all kinds, three of them cancelled; and how many answers were under way in each step."""
    jobs = [
        world.job(n % PICTURES, [replace(prompt, max_new_tokens=5 + 3 * n % 35) for prompt in ASKS[n % len(ASKS)]])
        for n in range(36)
    ]
    for job in jobs:
        engine.add(job)
    active, done = [], 0
    while done < len(jobs):
        done += len(engine.step())
        active.append(engine.active)
        if len(active) == 4:
            for job in (jobs[1], jobs[5], jobs[35]):
                engine.cancel(job)
    return jobs, active


def differing(jobs: Sequence[Job], stock: Stock) -> int:
    """Answers whose tokens, or the model's log-probabilities of them, are not those of `generate()`."""
    return sum(
        answer.tokens != stock.tokens(n % PICTURES, replace(prompt, max_new_tokens=answer.limit), stops=False)
        or not torch.allclose(
            torch.tensor(answer.chances),
            stock.chances(n % PICTURES, replace(prompt, max_new_tokens=answer.limit), stops=False),
            atol=1e-4,
        )
        for n, job in enumerate(jobs)
        if not job.is_cancelled
        for prompt, answer in zip(ASKS[n % len(ASKS)], job.answers, strict=True)
    )


@pytest.mark.parametrize("lag", [0, 1])
def test_requests_join_and_leave_while_others_are_answered(world: World, stock: Stock, lag: int) -> None:
    engine = world.engine(8, stops=False, lag=lag, wants_chances=True)
    jobs, active = crowd(world, engine)
    assert differing(jobs, stock) == 0
    assert max(active) == 8
    joins = sum(later > earlier for earlier, later in pairwise(active))
    leaves = sum(later < earlier for earlier, later in pairwise(active))
    assert min(joins, leaves) >= 5
    assert engine.counters.prefills >= 5
    assert [job.is_cancelled for job in jobs].count(True) == 3
    check_empty(engine)


def sees_a_stale_token(self: Steps, lengths: torch.Tensor, length: int) -> torch.Tensor:
    mask = torch.zeros(len(lengths), length)
    return mask.masked_fill_(self._along[:length] > lengths[:, None] + 1, -torch.inf)


def sees_other_prompts(shape: tuple[int, Any], device: torch.device) -> torch.Tensor:
    size = shape[1][-1][1]
    return torch.ones(size, size, dtype=torch.bool).tril()


@pytest.mark.parametrize(
    ("place", "name", "broken"),
    [(Steps, "_mask", sees_a_stale_token), (steps_module, "branches", sees_other_prompts)],
    ids=["decode", "prefill"],
)
def test_a_broken_mask_would_be_noticed(
    world: World, stock: Stock, monkeypatch: pytest.MonkeyPatch, place: Any, name: str, broken: Any
) -> None:
    monkeypatch.setattr(place, name, broken)
    jobs, _ = crowd(world, world.engine(8, stops=False, wants_chances=True))
    assert differing(jobs, stock) >= 15


def test_a_picture_with_several_prompts_is_computed_once(world: World) -> None:
    engine = world.engine(8)
    alone = [world.job(5, [prompt]) for prompt in (EN, ZH, LONG)]
    run(engine, *alone)
    before = replace(engine.counters)
    together = world.job(5, (EN, ZH, LONG))
    run(engine, together)
    assert [[tokens] for tokens in tokens_of(together)] == [tokens_of(job) for job in alone]
    assert engine.counters.pictures - before.pictures == 1
    assert engine.counters.prefill_tokens - before.prefill_tokens == len(together.row.ids)
    prefix = len(together.row.ids) - sum(stop - start for start, stop in together.row.rests)
    assert sum(len(job.row.ids) for job in alone) - len(together.row.ids) == 2 * prefix


def test_a_drawn_text_depends_on_its_seed_only(world: World) -> None:
    hot = Sampling(4, 0.95)

    def drawn(seed: int) -> Job:
        return world.job(3, (EN,), replace(hot, seed=seed))

    alone = []
    for seed in range(5):
        (job,) = run(world.engine(8), drawn(seed))
        alone.append(tokens_of(job))
    assert len({tuple(tokens[0]) for tokens in alone}) >= 4
    seeded = [drawn(seed) for seed in range(5)]
    others = [world.job(n, ASKS[n % len(ASKS)], replace(hot, seed=n) if n % 2 else None) for n in range(10)]
    before = torch.random.get_rng_state()
    run(world.engine(8, AdmissionRule(most=3)), *others, *seeded)
    assert [tokens_of(job) for job in seeded] == alone
    assert torch.random.get_rng_state().equal(before)
    (narrow,) = run(world.engine(8), world.job(3, (EN,), Sampling(4, 1.0, top_k=1)))
    (greedy,) = run(world.engine(8), world.job(3, (EN,)))
    assert tokens_of(narrow) == tokens_of(greedy)
