import ast
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from transforms import tally
from transforms.tally import BUCKETS, Distribution

CAPTIONER = Path(tally.__file__).parent / "captioner"


def test_counts_are_kept_by_label_and_summed_by_name() -> None:
    tally.add("test_labelled", 2, "a", "x")
    tally.add("test_labelled", 3, "b", "x")
    tally.add("test_labelled")
    counts = tally.numbers().counts
    assert counts["test_labelled", "a", "x"] == 2
    assert counts["test_labelled", "b", "x"] == 3
    assert tally.totals()["test_labelled"] == 6


def test_a_value_at_a_bound_is_in_its_bucket() -> None:
    before = tally.numbers().distributions["batch_images"]
    for value in (1, 2, 3, 128, 129):
        tally.observe("batch_images", value)
    after = tally.numbers().distributions["batch_images"]
    assert tuple(b - a for a, b in zip(before.counts, after.counts, strict=True)) == (1, 1, 1, 0, 0, 0, 0, 1, 1)
    assert after.total - before.total == 263
    assert len(after.counts) == len(BUCKETS["batch_images"]) + 1


def test_what_was_taken_does_not_change() -> None:
    taken = tally.numbers()
    tally.observe("fetch_seconds", 0.3)
    tally.add("test_taken")
    assert ("test_taken",) not in taken.counts
    assert taken.distributions["fetch_seconds"] != tally.numbers().distributions["fetch_seconds"]
    assert isinstance(taken.distributions["fetch_seconds"], Distribution)


def test_levels_are_put_and_dropped() -> None:
    tally.put("test_level", 3, "t", "0")
    tally.put("test_level", 4, "t", "0")
    tally.put("test_level", 5, "t", "1")
    assert tally.numbers().levels["test_level", "t", "0"] == 4
    tally.drop("test_level", "t", "0")
    assert ("test_level", "t", "0") not in tally.numbers().levels
    assert tally.numbers().levels["test_level", "t", "1"] == 5
    tally.drop("test_level")
    assert not [key for key in tally.numbers().levels if key[0] == "test_level"]


def test_a_level_is_told_for_its_time_only() -> None:
    tally.put("test_aged", 1, "old", seconds=0.0)
    tally.put("test_aged", 2, "new", seconds=1000.0)
    assert {key: value for key, value in tally.numbers().levels.items() if key[0] == "test_aged"} == {
        ("test_aged", "new"): 2
    }
    tally.put("test_aged", 3, "old")
    assert tally.numbers().levels["test_aged", "old"] == 3


def test_nothing_is_lost_to_threads() -> None:
    before = sum(tally.numbers().distributions["fetch_seconds"].counts)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: [tally.observe("fetch_seconds", n / 10) for _ in range(500)], range(8)))
    assert sum(tally.numbers().distributions["fetch_seconds"].counts) - before == 4000


def test_a_distribution_that_has_no_buckets_is_a_mistake() -> None:
    with pytest.raises(KeyError):
        tally.observe("no_such", 1.0)


@pytest.mark.parametrize("path", [Path(tally.__file__), *CAPTIONER.rglob("*.py")], ids=lambda path: path.name)
def test_neither_beam_nor_prometheus_is_known_here(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        assert not [name for name in names if name.split(".")[0] in ("apache_beam", "prometheus_client", "pipeline")]
        assert "transforms.metrics" not in names
