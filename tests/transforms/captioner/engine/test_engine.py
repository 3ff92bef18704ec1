"""The engine's tokens are those of stock `generate()`, whoever joins and leaves meanwhile."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import pytest
import torch
from data.engine_world import ASKS, EN, LONG, PICTURES, ZH, Stock, World, check_empty, run, run_again, tokens_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from transforms.captioner.api import RenderedPrompt, Sampling
from transforms.captioner.engine import steps as steps_module
from transforms.captioner.engine.admission import AdmissionRule
from transforms.captioner.engine.engine import Engine
from transforms.captioner.engine.jobs import Job
from transforms.captioner.engine.recorded import Record
from transforms.captioner.engine.steps import Steps

pytestmark = pytest.mark.model


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
    record=st.sampled_from((None, run_again)),
)
def test_every_schedule_says_what_generate_says(
    world: World,
    stock: Stock,
    plans: list[Plan],
    slots: int,
    rule: AdmissionRule,
    lag: int,
    stops: bool,
    record: Record | None,
) -> None:
    engine = world.engine(slots, rule, stops, record=record, lag=lag)
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
@pytest.mark.parametrize(("is_fused", "record"), [(False, None), (True, None), (True, run_again)])
def test_requests_join_and_leave_while_others_are_answered(
    world: World, stock: Stock, lag: int, is_fused: bool, record: Record | None
) -> None:
    """``lag``, ``is_fused`` and ``record`` are how an engine works on a card."""
    engine = world.engine(8, stops=False, record=record, lag=lag, is_fused=is_fused, wants_chances=True)
    jobs, active = crowd(world, engine)
    assert differing(jobs, stock) == 0
    assert max(active) == 8
    joins = sum(later > earlier for earlier, later in pairwise(active))
    leaves = sum(later < earlier for earlier, later in pairwise(active))
    assert min(joins, leaves) >= 5
    assert engine.counters.prefills >= 5
    assert [job.is_cancelled for job in jobs].count(True) == 3
    check_empty(engine)


def test_no_free_slot_is_computed(world: World, stock: Stock) -> None:
    """What is computed are all slots up to the highest in use."""
    engine = world.engine(8, AdmissionRule(least=6, most=8, patience=30), stops=False)
    limits = (3, 30, 5, 4, 30, 6, 7, 30)
    jobs = [world.job(n, [replace(EN, max_new_tokens=limit)]) for n, limit in enumerate(limits)]
    computed = []
    steps = engine._steps.decode
    engine._recorded = lambda count, length: computed.append(count) or steps(count, length)
    run(engine, *jobs)
    assert computed == [8] * 2 + [7] + [6] + [5] + [4] + [3] * 23
    assert [tokens_of(job) for job in jobs] == [
        [stock.tokens(n, replace(EN, max_new_tokens=limit), stops=False)] for n, limit in enumerate(limits)
    ]
    check_empty(engine)


def sees_a_stale_token(self: Steps, lengths: torch.Tensor, length: int) -> torch.Tensor:
    mask = torch.zeros(len(lengths), length)
    return mask.masked_fill_(self._along[:length] > lengths[:, None] + 1, -torch.inf)


def sees_other_prompts(shape: tuple[int, Any], device: torch.device) -> tuple[torch.Tensor]:
    size = shape[1][-1][1]
    return (torch.ones(size, size, dtype=torch.bool).tril(),)


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
