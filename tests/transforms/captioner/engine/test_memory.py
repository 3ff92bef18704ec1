import pytest

from transforms.captioner.engine.memory import Plan
from transforms.errors import ModelUnavailable

GIB = 2**30
LENGTH = 576 + 1024  # tokens of a slot at 768 x 768 pixels
SLOT = 147_456 * LENGTH
"""Bytes of Qwen3-VL-8B's keys and values in bfloat16: 2 * 36 layers * 8 heads * 128 * 2 a token."""


def plan(total: float, fraction: float = 0.9) -> Plan:
    return Plan(int(total * GIB), int(16.4 * GIB), SLOT, int(0.7 * GIB), fraction)


def test_a_24_gb_card_serves_sixteen() -> None:
    assert plan(22.5, 0.95).slots(64, "qwen") >= 16


def test_no_more_than_wanted() -> None:
    assert plan(80).slots(64, "qwen") == 64


def test_a_card_that_is_too_small_is_named_with_what_it_has() -> None:
    with pytest.raises(ModelUnavailable) as raised:
        plan(16).slots(8, "qwen")
    assert str(raised.value) == (
        "model `qwen` needs `17.3` GiB for one picture at a time, and may use 14.4 of the card's 16.0; "
        "take a larger card, lower --max-pixels or --text-tokens, or raise --memory-fraction"
    )
