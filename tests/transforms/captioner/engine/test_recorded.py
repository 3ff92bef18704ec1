"""Recorded decode steps, with a recorder that works on a CPU."""

from collections.abc import Callable

import pytest
import torch
from data.engine_world import EN, LENGTH, ZH, Stock, World, check_empty, run, run_again, tokens_of

from transforms.captioner.engine.recorded import RecordedDecode, counts, lengths

pytestmark = pytest.mark.model


def test_few_sizes_stand_for_all() -> None:
    assert counts(1) == [1]
    assert counts(5) == [1, 2, 4, 5]
    assert counts(16) == [1, 2, 4, 8, 16]
    assert counts(64) == [1, 2, 4, 8, 16, 32, 48, 64]
    assert lengths(1344) == [256, 512, 768, 1024, 1280, 1344]
    assert lengths(256) == [256]


def test_a_step_runs_as_the_next_larger_one() -> None:
    asked = []

    def decode(count: int, length: int) -> torch.Tensor:
        asked.append((count, length))
        return torch.arange(count)[:, None] * torch.ones(1, 3) + length

    logits = torch.zeros(20, 3)
    recorded = RecordedDecode(decode, 20, 600, logits, run_again)
    assert recorded(3, 100).tolist() == [[256.0] * 3, [257.0] * 3, [258.0] * 3]
    assert recorded(17, 257)[16].tolist() == [528.0] * 3
    assert recorded(20, 600)[19].tolist() == [619.0] * 3
    assert recorded(4, 256)[3].tolist() == [259.0] * 3
    assert recorded.recorded == [(4, 256), (20, 512), (20, 600)]
    assert asked == [(4, 256)] * 2 + [(20, 512)] * 2 + [(20, 600)] * 2 + [(4, 256)]


def test_each_size_is_recorded_once(world: World, stock: Stock) -> None:
    recordings = []

    def record(step: Callable[[], None]) -> Callable[[], None]:
        recordings.append(step)
        return run_again(step)

    engine = world.engine(8, record=record)
    jobs = [world.job(n % 12, (EN,) if n % 2 else (EN, ZH)) for n in range(20)]
    run(engine, *jobs)
    assert len(recordings) == len(engine._recorded.recorded) <= 4
    assert {length for _, length in engine._recorded.recorded} == {LENGTH}
    assert tokens_of(jobs[2]) == [stock.tokens(2, prompt, stops=True) for prompt in (EN, ZH)]
    check_empty(engine)


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("CUDA error: not permitted")]
)
def test_what_cannot_be_recorded_is_computed(
    world: World, stock: Stock, caplog: pytest.LogCaptureFixture, error: RuntimeError
) -> None:
    recorded = []

    def record(step: Callable[[], None]) -> Callable[[], None]:
        if recorded:
            raise error
        recorded.append(step)
        return run_again(step)

    engine = world.engine(16, record=record)
    jobs = [world.job(n, (EN,)) for n in range(12)]  # eight join, then four
    run(engine, *jobs)
    assert [tokens_of(job) for job in jobs] == [[stock.tokens(n, EN, stops=True)] for n in range(12)]
    assert caplog.text.count("decode steps are not recorded any more, and take longer: CUDA") == 1
    assert engine._recorded.recorded == [(8, LENGTH)]
    check_empty(engine)
