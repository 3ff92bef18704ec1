"""The options that say when a caption is used again. Imports nothing heavy until asked to."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from pipeline.commands.duration import milliseconds
from pipeline.commands.given import given
from pipeline.terminal import say

if TYPE_CHECKING:
    from pipeline.config import Config
    from transforms.similarity import SimilarityRule


def add_similarity(group: Any) -> None:
    """What `similarity_rule` reads."""
    group.add_argument(
        "--preset",
        choices=("strict", "balanced", "lenient"),
        default="balanced",
        help="how near two pictures must be to share a text (default balanced)",
    )
    group.add_argument("--max-hash-distance", type=int, help="phash bits, 0 to 16; overrides the preset")
    group.add_argument("--max-colour-distance", type=float, help="CIE76 dE; overrides the preset")
    group.add_argument("--max-chroma-distance", type=float, help="the same without lightness; overrides the preset")
    group.add_argument(
        "--reuse-colour-variants",
        action="store_true",
        help="one text for all colours of a product: colours are not compared, and no attribute keeps two apart",
    )
    group.add_argument(
        "--scope",
        choices=("merchant", "category"),
        default="merchant",
        help="compare a picture with all of its merchant, or only with those of its category and those that have none "
        "(default merchant)",
    )


def add_reuse(command: argparse.ArgumentParser, group: Any) -> None:
    """What `reuse` reads, but for `add_similarity`; ``group`` is that one's."""
    group.add_argument(
        "--audit-sample",
        nargs="?",
        type=float,
        const=0.01,
        metavar="SHARE",
        help="caption this share of duplicates all the same and compare (without a number 0.01; default 0)",
    )
    group.add_argument(
        "--placeholder-after",
        type=int,
        metavar="N",
        help="flag a picture that so many images of a merchant show; 0: never (default 100)",
    )
    group.add_argument(
        "--split-merchant",
        action="append",
        default=[],
        metavar="MERCHANT=N",
        help="let N keys, a power of two, decide on a hot merchant's pictures; 4 miss 0.6 %% of copies; repeatable; "
        "changed on --resume, what was known of the merchant is forgotten",
    )
    group.add_argument(
        "--index-ttl", default="60d", metavar="DURATION", help="how long a picture is found again (default 60d)"
    )
    group.add_argument(
        "--index-leaders",
        type=int,
        help="distinct pictures kept per merchant, or part of a split one; the oldest go first (default 300000)",
    )
    group.add_argument(
        "--index-memory", type=int, metavar="MIB", help="memory of a Python worker for all merchants (default 1024)"
    )
    group = command.add_argument_group("texts that jobs share", "for exact copies; needs captionstream[redis]")
    group.add_argument("--cache", default="", metavar="URL", help="redis://host:6379/0, rediss:// or unix://")
    group.add_argument("--cache-password", metavar="REFERENCE", help="env:NAME or file:/path")
    group.add_argument("--cache-ttl", default="30d", metavar="DURATION", help="default 30d")
    group.add_argument(
        "--cache-timeout", default="0.05s", metavar="DURATION", help="how long an upload waits for it (default 0.05s)"
    )
    group.add_argument(
        "--cache-across-merchants",
        action="store_true",
        help="let all merchants find texts whose prompt nothing of the upload entered, whatever its attributes; "
        "off by default",
    )


def similarity_rule(arguments: argparse.Namespace) -> SimilarityRule:
    """``--preset`` and what overrides it."""
    from dataclasses import replace

    from transforms.similarity import CATEGORY, PRESETS

    wanted = {
        "max_hash_distance": arguments.max_hash_distance,
        "max_colour_distance": arguments.max_colour_distance,
        "max_chroma_distance": arguments.max_chroma_distance,
    }
    rule = replace(PRESETS[arguments.preset], **given(wanted))
    if arguments.reuse_colour_variants:
        rule = replace(rule, ignore_colour=True, veto_attributes=())
    if arguments.scope == "category":
        rule = replace(rule, veto_attributes=(*rule.veto_attributes, CATEGORY))
    return rule


def reuse(arguments: argparse.Namespace) -> dict[str, Any]:
    """The fields of `Config` for all these options. Raises `ConfigInvalid`."""
    from transforms.cache import CacheOptions, require_client
    from transforms.desk import DeskOptions
    from transforms.index.limits import IndexLimits

    if arguments.cache:
        require_client()
    index = {
        "max_leaders": arguments.index_leaders,
        "placeholder_after": arguments.placeholder_after,
        "keep_seconds": milliseconds(arguments.index_ttl, "--index-ttl") / 1000,
    }
    memory = None if arguments.index_memory is None else arguments.index_memory << 20
    return {
        "similarity": similarity_rule(arguments),
        "index": IndexLimits(**given(index)),
        "splits": _splits(arguments.split_merchant),
        "cache": CacheOptions(
            arguments.cache,
            arguments.cache_password,
            milliseconds(arguments.cache_ttl, "--cache-ttl") / 1000,
            milliseconds(arguments.cache_timeout, "--cache-timeout") / 1000,
            arguments.cache_across_merchants,
        ),
        "desk": DeskOptions(**given({"audit_share": arguments.audit_sample})),
        **given({"index_bytes": memory}),
    }


def with_cache(config: Config) -> Config:
    """Resolve what the cache topic holds now; as it was without one. Raises what `resolve` does."""
    from dataclasses import replace

    from pipeline.kafka.offsets import resolve
    from pipeline.kafka.positions import Uploads

    if not config.topics.cache:
        return config
    spans = tuple(resolve(config.kafka, Uploads((config.topics.cache,))))
    say(f"the cache topic holds {sum(span.stop - span.start for span in spans):,} records")
    return replace(config, cached=spans)


def _splits(wanted: list[str]) -> tuple[tuple[str, int], ...]:
    from transforms.errors import ConfigInvalid

    splits: dict[str, int] = {}
    for pair in wanted:
        merchant, sign, parts = pair.rpartition("=")
        if not sign or not parts.isdecimal():
            raise ConfigInvalid(f"split `{pair}` is not MERCHANT=N; mend --split-merchant, for example acme=4")
        if merchant in splits:
            raise ConfigInvalid(f"merchant `{merchant}` is split twice; name it once with --split-merchant")
        splits[merchant] = int(parts)
    return tuple(splits.items())
