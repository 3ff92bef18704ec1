"""The benchmark's ceiling is the one that was computed by hand in the research memo."""

import json
from pathlib import Path

import pytest
from transformers import Qwen3VLConfig

from tests.benchmarks import card
from tests.benchmarks.roofline import Rates, Work, ceiling

pytestmark = pytest.mark.model
WORK = Work(Qwen3VLConfig(**json.loads((Path(__file__).parents[3] / "data" / "qwen3_vl_8b.json").read_text("utf-8"))))
H200 = Rates(790e12, 4.3e12)


@pytest.mark.parametrize(
    ("side", "vision", "text", "most"),
    [(512, 1.06, 4.42, 73.0), (768, 2.75, 8.96, 44.1), (1024, 5.80, 15.41, 27.6)],
)
def test_work_and_ceiling_of_the_8b(side: int, vision: float, text: float, most: float) -> None:
    patches = (side // 16) ** 2
    assert WORK.vision_flops(patches) / 1e12 == pytest.approx(vision, rel=0.02)
    assert WORK.prefill_flops(patches // 4 + 60) / 1e12 == pytest.approx(text, rel=0.02)
    assert ceiling(WORK, H200, patches, 60, 100, 64)[0] == pytest.approx(most, rel=0.02)


def test_a_step_reads_weights_and_what_the_slots_hold() -> None:
    assert WORK.step_bytes(0, 0) == pytest.approx(15.14e9, rel=0.001)
    assert WORK.step_bytes(1, 1) - WORK.step_bytes(0, 0) == 147_456
    assert ceiling(WORK, H200, 1024, 60, 100, 64)[1] == pytest.approx(4.3e-3, rel=0.03)


def test_the_card_s_benchmark_runs_where_there_is_no_card() -> None:
    """With the bundled model's shapes, in float32: so logits and tokens are the stock model's."""
    options = "--small --device cpu --sides 64 96 --requests 10 --in-flight 4 --answer 12"
    told = card.main(card.parsed(options.split()))
    assert told["logits_largest_difference_of_their_deviation"] < 1e-4
    assert told["first_tokens_equal"] == "64 of 64"
    assert list(told["by_side"]) == [64, 96]
    for side in told["by_side"].values():
        assert 0 < side["of_the_ceiling"] < 1
        assert side["step_of_its_limit"] > 1
        assert set(side["generate_images_per_s"]) == {8}
