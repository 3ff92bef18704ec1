"""The figures of docs/capacity.md, computed again."""

import json
import re
from pathlib import Path

import pytest
from transformers import Qwen3VLConfig

from tests.benchmarks.roofline import Rates, Work, ceiling

pytestmark = pytest.mark.model
ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "capacity.md").read_text("utf-8")
WORK = Work(Qwen3VLConfig(**json.loads((ROOT / "tests" / "data" / "qwen3_vl_8b.json").read_text("utf-8"))))
PROMPT, ANSWER = 60, 100
CARDS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.splitlines()
    if re.match(r"\| [A-Z]\w+ \d+ GB \|", line)
]


def patches(side: int) -> int:
    return (side // 16) ** 2


def seconds_to_read(side: int, rates: Rates, prompts: int = 1) -> float:
    tokens = patches(side) // 4 + prompts * PROMPT
    return (WORK.vision_flops(patches(side)) + WORK.prefill_flops(tokens)) / rates.flops


def seconds_a_token(side: int, rates: Rates, answers: int) -> float:
    length = patches(side) // 4 + PROMPT + ANSWER // 2
    return max(WORK.step_bytes(answers, length) / rates.bytes, WORK.step_flops(answers) / rates.flops)


@pytest.mark.parametrize("row", CARDS, ids=lambda row: row[0])
def test_pictures_a_second(row: list[str]) -> None:
    name, (tera_flops, tera_bytes, *told) = row[0], map(float, row[1:])
    rates, slots = Rates(tera_flops * 1e12, tera_bytes * 1e12), 16 if "24 GB" in name else 64
    computed = [ceiling(WORK, rates, patches(side), PROMPT, ANSWER, slots)[0] for side in (512, 768, 1024)]
    both = slots / 2 * seconds_to_read(768, rates, 2) + ANSWER * seconds_a_token(768, rates, slots)
    assert [f"{value:.1f}" for value in (*computed, slots / 2 / both)] == [f"{value:.1f}" for value in told]


def test_there_are_five_cards() -> None:
    assert len(CARDS) == 5


def test_the_example() -> None:
    asked = 1_000_000 / 86_400 * 3 * 0.7
    of_an_h100 = float(next(row for row in CARDS if row[0].startswith("H100"))[-1]) / 2
    assert f"= {asked:.1f} pictures a second. An H100 at half its ceiling does {of_an_h100:.1f}: two cards" in PAGE
    assert of_an_h100 < asked < 2 * of_an_h100 / 1.24


def test_the_article_s_card() -> None:
    rates = Rates(125e12, 0.6e12)
    read, token = seconds_to_read(768, rates), seconds_a_token(768, rates, 1)
    assert f"takes {read * 1000:.0f} ms there and each token {token * 1000:.1f} ms" in PAGE
    assert (
        f"leave {int((1 / 3.2 - read) / token)} tokens for an answer; 500 ms leave {round((0.5 - read) / token)}"
        in PAGE
    )
    assert f"takes {read + ANSWER * token:.1f} s, which is {1 / (read + ANSWER * token):.2f} pictures" in PAGE
