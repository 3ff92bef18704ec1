"""What goes wrong in a step belongs to the request that is to blame, and to nobody else."""

import random
from typing import Any

import pytest
import torch
from data.engine_world import ASKS, EN, PICTURES, ZH, Stock, World, check_empty, run, tokens_of

from transforms.captioner.api import Sampling
from transforms.captioner.engine.admission import AdmissionRule
from transforms.captioner.engine.engine import Engine
from transforms.captioner.engine.fatal import is_fatal

pytestmark = pytest.mark.model


def expected(stock: Stock, picture: int, number: int) -> list[list[int]]:
    return [stock.tokens(picture, prompt, stops=True) for prompt in ASKS[number % len(ASKS)]]


def failing_prefill(engine: Engine, monkeypatch: pytest.MonkeyPatch, fails: Any) -> list[int]:
    """Make prefills fail where ``fails`` says so; the number of pictures of each."""
    usual, sizes = engine._steps.prefill, []

    def prefill(joining: Any) -> torch.Tensor:
        sizes.append(len(joining))
        if fails(joining):
            raise torch.OutOfMemoryError("CUDA out of memory")
        return usual(joining)

    monkeypatch.setattr(engine._steps, "prefill", prefill)
    return sizes


def test_memory_that_is_short_halves_a_prefill(world: World, stock: Stock, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = world.engine(32, AdmissionRule(most=8))
    sizes = failing_prefill(engine, monkeypatch, lambda joining: len(joining) > 2)
    jobs = [world.job(n, ASKS[n % len(ASKS)]) for n in range(8)]
    run(engine, *jobs)
    assert sizes == [8, 4, 2, 2, 4, 2, 2]
    assert [tokens_of(job) for job in jobs] == [expected(stock, n, n) for n in range(8)]
    check_empty(engine)


def test_a_picture_that_cannot_be_computed_fails_alone(
    world: World, stock: Stock, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = world.engine(32, AdmissionRule(most=8))
    failing_prefill(engine, monkeypatch, lambda joining: any(one.patches is world.pictures[5] for one in joining))
    jobs = [world.job(n, ASKS[n % len(ASKS)]) for n in range(8)]
    run(engine, *jobs)
    assert [str(job.error) for job in jobs if job.error] == ["CUDA out of memory"]
    assert jobs[5].error is not None
    assert [tokens_of(job) for n, job in enumerate(jobs) if n != 5] == [
        expected(stock, n, n) for n in range(8) if n != 5
    ]
    check_empty(engine)


@pytest.mark.parametrize("lag", [0, 1])
def test_a_step_that_fails_with_many_goes_on_with_fewer(
    world: World, stock: Stock, monkeypatch: pytest.MonkeyPatch, lag: int
) -> None:
    engine = world.engine(32, AdmissionRule(most=16), lag=lag)
    usual, active = engine._steps.decode, []

    def decode(count: int, length: int) -> torch.Tensor:
        active.append(engine.active)
        if engine.active > 6:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return usual(count, length)

    monkeypatch.setattr(engine._steps, "decode", decode)
    jobs = [world.job(n % PICTURES, ASKS[n % len(ASKS)]) for n in range(16)]
    run(engine, *jobs)
    assert [tokens_of(job) for job in jobs] == [expected(stock, n % PICTURES, n) for n in range(16)]
    assert engine.counters.sent_back >= 8
    assert sum(count > 6 for count in active) < 12  # it does not run into the wall with every step
    check_empty(engine)


def test_a_step_that_always_fails_ends_every_request_with_its_error(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = world.engine(8)

    def decode(count: int, length: int) -> torch.Tensor:
        raise ValueError("the card is gone")

    monkeypatch.setattr(engine._steps, "decode", decode)
    jobs = [world.job(n, (EN, ZH)) for n in range(5)]
    run(engine, *jobs)
    assert [str(job.error) for job in jobs] == ["the card is gone"] * 5
    check_empty(engine)


def test_what_nobody_expected_ends_what_is_under_way_only(
    world: World, stock: Stock, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = world.engine(2, AdmissionRule())
    jobs = [world.job(n, (EN,)) for n in range(4)]
    for job in jobs:
        engine.add(job)
    engine.step()
    gone = engine.abandon(ValueError("odd"))
    assert gone == jobs[:2]
    assert {str(job.error) for job in gone} == {"odd"}
    run(engine)
    done = []
    while len(done) < 2:
        done += engine.step()
    assert [tokens_of(job) for job in jobs[2:]] == [[stock.tokens(n, EN, stops=True)] for n in (2, 3)]
    check_empty(engine)


@pytest.mark.parametrize("lag", [0, 1])
def test_a_step_that_fails_changes_no_drawn_text(world: World, monkeypatch: pytest.MonkeyPatch, lag: int) -> None:
    hot = [Sampling(3, 0.95, seed) for seed in range(6)]
    alone = [tokens_of(run(world.engine(8), world.job(seed, (EN,), hot[seed]))[0]) for seed in range(6)]
    assert len({str(tokens) for tokens in alone}) == 6
    engine = world.engine(8, lag=lag)
    usual, dice, failures = engine.slots.grow, random.Random(2), []

    def grow(tokens: torch.Tensor) -> None:
        if engine.active > 1 and dice.random() < 0.3:  # after the tokens were drawn
            failures.append(engine.active)
            raise torch.OutOfMemoryError("CUDA out of memory")
        usual(tokens)

    monkeypatch.setattr(engine.slots, "grow", grow)
    jobs = [world.job(seed, (EN,), hot[seed]) for seed in range(6)]
    run(engine, *jobs)
    right = [tokens_of(job) == expected for job, expected in zip(jobs, alone, strict=True) if job.error is None]
    assert all(right)
    assert len(right) == 6
    assert len(failures) >= 5
    check_empty(engine)


LOST = "CUDA error: an illegal memory access was encountered"


@pytest.mark.parametrize(
    ("words", "fatal"),
    [
        (LOST, True),
        ("CUDA error: device-side assert triggered\nCompile with `TORCH_USE_CUDA_DSA`", True),
        ("CUDA out of memory. Tried to allocate 20.00 MiB", False),
        ("CUDA error: out of memory", False),
        ("mat1 and mat2 shapes cannot be multiplied", False),
    ],
)
def test_an_error_that_ends_the_device_is_told_from_others(words: str, fatal: bool) -> None:
    assert is_fatal(RuntimeError(words)) is fatal


@pytest.mark.parametrize("where", ["prefill", "decode"])
def test_a_lost_device_is_nobody_s_fault_and_is_not_asked_again(
    world: World, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    engine = world.engine(8, AdmissionRule(most=4))
    jobs = [world.job(n, (EN,)) for n in range(8)]
    for job in jobs:
        engine.add(job)
    if where == "decode":
        engine.step()
    asked = []

    def lost(*given: Any) -> torch.Tensor:
        asked.append(given)
        raise torch.AcceleratorError(LOST)

    monkeypatch.setattr(engine._steps, where, lost)
    with pytest.raises(torch.AcceleratorError):
        engine.step()
    assert len(asked) == 1
    gone = engine.abandon(RuntimeError(LOST))
    assert set(gone) == set(jobs[: 4 if where == "prefill" else 8])
    assert (engine.active, engine.slots.free) == (0, 8)


def test_what_was_done_before_a_step_raised_is_still_returned(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = world.engine(8)
    cancelled, other = world.job(0, (EN,)), world.job(1, (EN,))
    engine.add(cancelled)
    engine.step()
    engine.cancel(cancelled)
    engine.add(other)
    monkeypatch.setattr(engine, "_look", lambda: (_ for _ in ()).throw(KeyError("odd")))
    with pytest.raises(KeyError):
        engine.step()
    assert engine.abandon(KeyError("odd")) == [cancelled, other]
    assert (cancelled.error is None, str(other.error)) == (True, "'odd'")
    check_empty(engine)


def test_slots_are_free_again_though_the_device_cannot_be_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    slots = world.engine(4).slots
    taken = [slots.take() for _ in range(3)]

    def lost(*_: Any) -> torch.Tensor:
        raise torch.AcceleratorError(LOST)

    monkeypatch.setattr("transforms.captioner.engine.slots.upload", lost)
    with pytest.raises(torch.AcceleratorError):
        slots.release(taken)
    assert slots.free == 4


def test_one_source_s_bulk_delays_another_s_picture_by_a_few_steps(world: World) -> None:
    engine = world.engine(8)
    bulk = [world.job(n % PICTURES, (EN,), source="bulk") for n in range(300)]
    for job in bulk:
        engine.add(job)
    for _ in range(20):
        engine.step()
    before = engine.counters.prefills
    single = world.job(3, (ZH,), source="small")
    engine.add(single)
    steps = 0
    while not single.answers:
        engine.step()
        steps += 1
    assert engine.counters.prefills - before <= 2  # the next to join, or the one after: what a round of the bulk takes
    assert steps <= 2 * engine._admission.rule.patience
    assert engine.waiting > 250


def test_what_cannot_fit_is_refused(world: World) -> None:
    with pytest.raises(ValueError, match="`3` prompts do not fit into 2 slots"):
        world.engine(2).add(world.job(0, (EN, ZH, EN)))
    job = world.job(0, (EN,))
    job.limits = (1000,)
    with pytest.raises(ValueError, match="tokens do not fit into a slot of 160"):
        world.engine(2).add(job)


def test_random_failures_and_cancels_leak_nothing(world: World, stock: Stock, monkeypatch: pytest.MonkeyPatch) -> None:
    dice = random.Random(8)
    engine = world.engine(16)
    usual = engine._steps.decode
    failing_prefill(engine, monkeypatch, lambda joining: dice.random() < 0.1)

    def decode(count: int, length: int) -> torch.Tensor:
        if dice.random() < 0.02:
            raise RuntimeError("now and then")
        return usual(count, length)

    monkeypatch.setattr(engine._steps, "decode", decode)
    jobs = [world.job(n % PICTURES, ASKS[n % len(ASKS)], source=str(n % 3)) for n in range(300)]
    done, given = [], 0
    while len(done) < len(jobs):
        for job in jobs[given : given + 3]:
            engine.add(job)
        given += 3
        if dice.random() < 0.2:
            engine.cancel(dice.choice([job for job in jobs[:given] if job not in done]))
        done += engine.step()
    assert len({id(job) for job in done}) == len(jobs)
    for n, job in enumerate(jobs):
        if job.error is None and not job.is_cancelled:
            assert tokens_of(job) == expected(stock, n % PICTURES, n)
    assert sum(job.error is not None for job in jobs) < 100 < sum(job.error is None for job in jobs)
    check_empty(engine)
