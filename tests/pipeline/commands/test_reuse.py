"""The options that say when a caption is used again reach the job's configuration."""

import argparse
from typing import Any

import pytest

from pipeline.commands.reuse import add_reuse, add_similarity, reuse
from transforms.cache import CacheOptions
from transforms.desk import DeskOptions
from transforms.errors import ConfigInvalid
from transforms.index.limits import IndexLimits
from transforms.similarity import CATEGORY, PRESETS, SimilarityRule

DAY = 24 * 3600.0


def fields(*options: str) -> dict[str, Any]:
    parser = argparse.ArgumentParser()
    group = parser.add_argument_group("reuse")
    add_similarity(group)
    add_reuse(parser, group)
    return reuse(parser.parse_args(options))


def test_defaults_are_those_of_the_code() -> None:
    assert fields() == {
        "similarity": SimilarityRule(),
        "index": IndexLimits(),
        "splits": (),
        "cache": CacheOptions(),
        "desk": DeskOptions(),
    }


@pytest.mark.parametrize(
    ("options", "name", "value"),
    [
        (["--preset", "strict"], "similarity", PRESETS["strict"]),
        (
            ["--max-hash-distance=2", "--max-colour-distance=3", "--max-chroma-distance=1"],
            "similarity",
            SimilarityRule(2, 3.0, 1.0),
        ),
        (["--reuse-colour-variants"], "similarity", SimilarityRule(ignore_colour=True, veto_attributes=())),
        (["--scope", "category"], "similarity", SimilarityRule(veto_attributes=("colour", "sku", CATEGORY))),
        (["--audit-sample"], "desk", DeskOptions(audit_share=0.01)),
        (["--audit-sample", "0.2"], "desk", DeskOptions(audit_share=0.2)),
        (
            ["--index-ttl=7d", "--index-leaders=9", "--placeholder-after=0"],
            "index",
            IndexLimits(7 * DAY, 9, 0),
        ),
        (["--index-memory=3"], "index_bytes", 3 << 20),
        (["--split-merchant", "acme=4", "--split-merchant", "a=b=2"], "splits", (("acme", 4), ("a=b", 2))),
        (["--split-merchant", "=4"], "splits", (("", 4),)),
        (
            [
                *("--cache=redis://host", "--cache-password=env:PASSWORD", "--cache-ttl=2d", "--cache-timeout=0.2s"),
                "--cache-across-merchants",
            ],
            "cache",
            CacheOptions("redis://host", "env:PASSWORD", 2 * DAY, 0.2, True),
        ),
    ],
)
def test_options_reach_the_configuration(options: list[str], name: str, value: object) -> None:
    assert fields(*options)[name] == value


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--split-merchant", "acme"], "split `acme` is not MERCHANT=N; mend --split-merchant"),
        (["--split-merchant", "acme=4", "--split-merchant", "acme=2"], "merchant `acme` is split twice"),
        (["--index-ttl", "soon"], "--index-ttl"),
        (["--cache-ttl", "x"], "--cache-ttl"),
    ],
)
def test_what_cannot_be_is_refused(options: list[str], words: str) -> None:
    with pytest.raises(ConfigInvalid, match=words):
        fields(*options)
