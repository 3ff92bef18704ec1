"""The benchmark's ceiling is the one that was computed by hand in the research memo."""

import json
from pathlib import Path

import pytest
from transformers import Qwen3VLConfig

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
