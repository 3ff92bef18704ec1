"""The benchmark for a card runs on a machine that has nothing else, and no card."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.model
_WITHOUT = ("apache_beam", "kafka", "fastavro", "imagehash", "torchvision")
_RUN = f"""
import sys
sys.modules.update(dict.fromkeys({_WITHOUT}))  # as if they were not installed
from tests.benchmarks import card
print(__import__("json").dumps(card.main(card.parsed(sys.argv[1:]))))
"""


def test_the_card_benchmark_needs_torch_transformers_and_pillow_only() -> None:
    asked = "--small --device cpu --sides 64 96 --requests 10 --in-flight 4 --answer 8"
    root = Path(__file__).parents[4]
    run = subprocess.run(
        [sys.executable, "-c", _RUN, *asked.split(" ")],
        cwd=root,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    told = json.loads(run.stdout.splitlines()[-1])
    # With the bundled model's shapes, in float32: so logits and tokens are the stock model's.
    assert told["logits_largest_difference_of_their_deviation"] < 1e-4
    assert told["first_tokens_equal"] == "64 of 64"
    assert list(told["by_side"]) == ["64", "96"]
    for side in told["by_side"].values():
        assert 0 < side["of_the_ceiling"] < 1
        assert side["step_of_its_limit"] > 1
        assert list(side["generate_images_per_s"]) == ["8"]
