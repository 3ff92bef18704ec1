"""The list of metrics: complete, well named, and the one that the documentation shows."""

import re
from pathlib import Path

import pytest

from pipeline.metrics.families import COUNTER, FAMILIES, GAUGE, HISTOGRAM, Family, table
from transforms.tally import BUCKETS

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "metrics.md"
LOOKED_AT = {"inflight_requests", "slots", "uploads_owed", "silent_seconds"}
"""Of `collector.levels`."""


def test_the_memos_names_are_there() -> None:
    assert {(family.name, family.labels) for family in FAMILIES} >= {
        ("caption_images_total", ("outcome",)),
        ("caption_dead_letters_total", ("stage", "code")),
        ("caption_reused_total", ()),
        ("caption_tokens_total", ("type",)),
        ("caption_generation_seconds", ()),
        ("caption_fetch_seconds", ()),
        ("caption_fetch_bytes_total", ()),
        ("caption_batch_images", ()),
        ("caption_guard_blocks_total", ("rule", "lang")),
        ("caption_model_info", ("model", "revision", "prompt")),
        ("caption_consumer_lag", ("topic", "partition")),
    }
    assert len({family.name for family in FAMILIES}) == len(FAMILIES)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_names_are_as_prometheus_wants_them(family: Family) -> None:
    assert re.fullmatch(r"caption_[a-z_]+", family.name)
    assert family.kind in (COUNTER, GAUGE, HISTOGRAM)
    assert family.name.endswith("_total") == (family.kind == COUNTER)
    assert family.help.endswith(".")
    assert "|" not in family.help
    for labels in family.sources.values():
        assert len(labels) in (0, len(family.labels))
    assert not {"image_id", "image", "url", "uri", "key", "merchant"} & set(family.labels)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_what_they_are_made_of_is_counted_somewhere(family: Family) -> None:
    """A counter that nobody counts would be 0 for ever, and its alert silent."""
    said = {
        name
        for folder in ("transforms", "pipeline/kafka")
        for path in (ROOT / folder).rglob("*.py")
        for name in re.findall(
            r'(?:count|add|put|observe)\((?:self\._counter|"(\w+)"(?: if .*? else "(\w+)")?)', path.read_text()
        )
        for name in name
    } | {"uploads_read", *LOOKED_AT}
    assert set(family.sources) <= said
    if family.kind == HISTOGRAM:
        assert set(family.sources) <= set(BUCKETS)


def test_the_page_shows_the_list_as_it_is() -> None:
    assert table() in PAGE.read_text(), "put what `python -m pipeline.metrics.families` prints into docs/metrics.md"
