from dataclasses import replace

import pytest

from transforms.captioner.engine.memory import Plan
from transforms.captioner.memory import GIB
from transforms.errors import ModelUnavailable

PLAN = Plan(int(40 * GIB), 16 * GIB, GIB // 4, 200 << 10, GIB // 2, 0.95)
ROW = 1344


def test_no_more_than_wanted() -> None:
    assert PLAN.fit(64, 8192, ROW, "qwen") == (64, 8192)
    assert PLAN.fit(3, 8192, ROW, "qwen") == (3, 8192)


def test_prefills_shrink_before_slots_do() -> None:
    # 38 GiB less 16.5 leaves 21.5; prefills of 8192, 4096 and 2048 tokens take 1.56, 0.78 and 0.39 of it.
    assert PLAN.fit(79, 8192, ROW, "qwen") == (79, 8192)
    assert PLAN.fit(80, 8192, ROW, "qwen") == (80, 4096)
    assert PLAN.fit(84, 8192, ROW, "qwen") == (84, 2048)
    assert PLAN.fit(99, 8192, ROW, "qwen") == (84, 2048)


def test_a_single_picture_may_be_larger_than_a_prefill() -> None:
    assert PLAN.fit(99, 8192, 20_000, "qwen") == (70, 2048)


def test_a_card_that_is_too_small_is_named_with_what_it_has() -> None:
    with pytest.raises(ModelUnavailable) as raised:
        replace(PLAN, total=16 * GIB).fit(8, 8192, ROW, "qwen")
    assert str(raised.value) == (
        "model `qwen` needs `17.1` GiB for one picture at a time, and may use 15.2 of the card's 16.0; "
        "take a larger card, lower --max-pixels or --text-tokens, or raise --memory-fraction"
    )
