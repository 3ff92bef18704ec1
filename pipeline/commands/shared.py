"""The options that several commands share, and the configuration they make. Imports nothing heavy until asked to."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from pipeline.commands.duration import milliseconds
from pipeline.commands.kafka import add_kafka, kafka_options
from pipeline.terminal import say

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.config import Config
    from schemas.codec import WireFormat
    from transforms.inspect import InspectLimits
    from transforms.similarity import SimilarityRule


def add_command(commands: Any, name: str, summary: str, example: str) -> argparse.ArgumentParser:
    """A sub-command whose help shows an example first."""
    command: argparse.ArgumentParser = commands.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.\n\n{example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("--verbose", action="store_true", help="show logs and traces")
    return command


def add_topics(command: argparse.ArgumentParser) -> Any:
    """Brokers, topics and the uploads' format; returns the group, for a command to add its own."""
    add_kafka(command)
    group = command.add_argument_group("topics")
    group.add_argument("--captions-topic", default="image-captions")
    group.add_argument("--dead-letters-topic", default="image-captions-dead-letters")
    group.add_argument("--audit-topic", default="image-captions-audit")
    group.add_argument(
        "--cache-topic", default="", help="compacted: texts go there too, and new jobs start with them (default none)"
    )
    group.add_argument("--upload-format", choices=("avro", "confluent"), default="avro")
    group.add_argument(
        "--schema-id",
        action="append",
        default=[],
        metavar="ID=FILE",
        help="writer schema of a Confluent schema id; `image_upload` names the bundled one; repeatable",
    )
    return group


def add_job(command: argparse.ArgumentParser) -> None:
    """The run's name, pictures, duplicates and captioner."""
    command.add_argument("--run-id", help="name of this run in every record it writes (default: made up)")
    group = command.add_argument_group("pictures")
    group.add_argument("--file-root", help="the one directory that file: addresses may lead to")
    add_inspection(group)
    group = command.add_argument_group("duplicates")
    add_similarity(group)
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
        help="let N keys, a power of two, decide on a hot merchant's pictures; 4 miss 0.6 %% of copies; repeatable",
    )
    group.add_argument(
        "--index-ttl", default="60d", metavar="DURATION", help="how long a picture is found again (default 60d)"
    )
    group.add_argument(
        "--index-leaders", type=int, help="distinct pictures kept per merchant, the oldest go first (default 300000)"
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
        help="let all merchants find texts whose prompt nothing of the upload entered; off by default",
    )
    group = command.add_argument_group("captioner")
    group.add_argument(
        "--captioner", default="huggingface", metavar="KIND", help="huggingface, fake, or MODULE:FUNCTION of your own"
    )
    group.add_argument("--model", default="tiny", help="checkpoint directory, hub id, or the bundled `tiny`")
    group.add_argument("--revision", default="", help="of a hub id; recorded as given for a directory")
    group.add_argument("--download", action="store_true", help="allow the model hub to be asked")
    group.add_argument("--device", default="cpu", help="cpu or cuda")
    group.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32")
    group.add_argument("--slots", type=int, default=8, help="pictures generated at once (default 8)")
    add_model_pixels(group)
    group.add_argument("--prompts", help="prompt library: `default`, `tiny` or a TOML file")
    group.add_argument("--max-attempts", type=int, help="answers before a dead letter (default 3)")


def add_inspection(group: Any) -> None:
    """What `inspection` reads, but for `add_model_pixels`."""
    group.add_argument("--max-image-bytes", type=int, help="cap on a picture's bytes (default 20 MiB)")
    group.add_argument("--max-image-pixels", type=int, help="cap on a picture's pixels (default 50 M)")
    group.add_argument("--max-image-frames", type=int, help="cap on an animation's frames (default 1000)")
    group.add_argument("--max-encoded-bytes", type=int, help="larger ones are scaled first (default 512 KiB)")


def add_model_pixels(group: Any) -> None:
    """To what a picture is scaled that is too large to be carried."""
    group.add_argument("--max-pixels", type=int, default=768 * 768, help="pixels the model sees (default 768x768)")


def add_similarity(group: Any) -> None:
    """What `similarity_rule` reads."""
    group.add_argument("--preset", choices=("strict", "balanced", "lenient"), default="balanced")
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
        help="compare a picture with all of its merchant, or only with those of its category (default merchant)",
    )


def wire_format(name: str, schema_ids: list[str]) -> WireFormat:
    """``--upload-format`` and ``--schema-id``. Raises `ConfigInvalid`."""
    from schemas.codec import WireFormat
    from transforms.errors import ConfigInvalid

    schemas = []
    for pair in schema_ids:
        number, _, file = pair.partition("=")
        if not number.isdigit() or not file:
            raise ConfigInvalid(f"schema id `{pair}` is not ID=FILE; mend --schema-id, for example 7=upload.avsc")
        schemas.append((int(number), file))
    if name == "avro" and schemas:
        raise ConfigInvalid("`--schema-id` is for Confluent's wire format; add --upload-format confluent")
    return WireFormat(name, tuple(schemas))


def similarity_rule(arguments: argparse.Namespace) -> SimilarityRule:
    """``--preset`` and what overrides it."""
    from dataclasses import replace

    from transforms.similarity import CATEGORY, PRESETS

    wanted = {
        "max_hash_distance": arguments.max_hash_distance,
        "max_colour_distance": arguments.max_colour_distance,
        "max_chroma_distance": arguments.max_chroma_distance,
    }
    rule = replace(PRESETS[arguments.preset], **_given(wanted))
    if arguments.reuse_colour_variants:
        rule = replace(rule, ignore_colour=True, veto_attributes=())
    if arguments.scope == "category":
        rule = replace(rule, veto_attributes=(*rule.veto_attributes, CATEGORY))
    return rule


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

    splits = []
    for pair in wanted:
        merchant, sign, parts = pair.rpartition("=")
        if not sign or not parts.isdecimal():
            raise ConfigInvalid(f"split `{pair}` is not MERCHANT=N; mend --split-merchant, for example acme=4")
        splits.append((merchant, int(parts)))
    return tuple(splits)


def inspection(arguments: argparse.Namespace) -> InspectLimits:
    """The options of `add_inspection` and `add_model_pixels`. Raises `ConfigInvalid`."""
    from transforms.inspect import InspectLimits

    wanted = {
        "max_bytes": arguments.max_image_bytes,
        "max_pixels": arguments.max_image_pixels,
        "max_frames": arguments.max_image_frames,
        "max_encoded": arguments.max_encoded_bytes,
    }
    return InspectLimits(**_given(wanted), model_max_pixels=arguments.max_pixels)


def writable_report(path: str) -> Path:
    """A page's path, tried out: before the run, not after it. Raises `ConfigInvalid`."""
    from pathlib import Path

    from transforms.errors import ConfigInvalid

    report = Path(path)
    try:
        report.parent.mkdir(parents=True, exist_ok=True)
        report.open("a").close()
    except OSError as error:
        raise ConfigInvalid(f"report `{report}` cannot be written (`{error.strerror}`); mend --report") from error
    return report


def job_config(arguments: argparse.Namespace) -> Config:
    """What `add_topics`, `add_uploads` and `add_job` were told. Raises `ConfigInvalid`."""
    from pipeline.commands.uploads import uploads
    from pipeline.config import Config, Topics
    from transforms.cache import CacheOptions
    from transforms.captioner.api import CaptionerOptions
    from transforms.desk import DeskOptions
    from transforms.fetch import FetchLimits
    from transforms.index.decide import IndexLimits
    from transforms.review import ReviewPolicy

    index = {
        "max_leaders": arguments.index_leaders,
        "placeholder_after": arguments.placeholder_after,
        "keep_seconds": milliseconds(arguments.index_ttl, "--index-ttl") / 1000,
    }
    memory = None if arguments.index_memory is None else arguments.index_memory << 20
    return Config(
        kafka=kafka_options(arguments),
        uploads=uploads(arguments),
        topics=Topics(
            arguments.captions_topic, arguments.dead_letters_topic, arguments.audit_topic, arguments.cache_topic
        ),
        uploads_wire=wire_format(arguments.upload_format, arguments.schema_id),
        fetch=FetchLimits(arguments.file_root, **_given({"max_bytes": arguments.max_image_bytes})),
        inspect=inspection(arguments),
        similarity=similarity_rule(arguments),
        index=IndexLimits(**_given(index)),
        captioner=CaptionerOptions(
            kind=arguments.captioner,
            model=arguments.model,
            revision=arguments.revision,
            slots=arguments.slots,
            dtype=arguments.dtype,
            device=arguments.device,
            max_pixels=arguments.max_pixels,
            download=arguments.download,
        ),
        prompts=arguments.prompts or ("tiny" if arguments.model == "tiny" else "default"),
        review=ReviewPolicy(**_given({"max_attempts": arguments.max_attempts})),
        splits=_splits(arguments.split_merchant),
        cache=CacheOptions(
            arguments.cache,
            arguments.cache_password,
            milliseconds(arguments.cache_ttl, "--cache-ttl") / 1000,
            milliseconds(arguments.cache_timeout, "--cache-timeout") / 1000,
            arguments.cache_across_merchants,
        ),
        desk=DeskOptions(**_given({"audit_share": arguments.audit_sample})),
        **_given({"run_id": arguments.run_id, "index_bytes": memory}),
    )


def _given(values: dict[str, Any]) -> dict[str, Any]:
    """What was said; the rest keeps the default that stands beside its field."""
    return {name: value for name, value in values.items() if value is not None}
