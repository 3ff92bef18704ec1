"""The options that several commands share, and the configuration they make. Imports nothing heavy until asked to."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pipeline.commands.captioner import add_captioner, captioner
from pipeline.commands.fetching import add_fetching, fetch_limits
from pipeline.commands.given import given
from pipeline.commands.kafka import add_kafka, kafka_options
from pipeline.commands.metrics import add_metrics, metrics_options
from pipeline.commands.registry import add_registry, registry_options
from pipeline.commands.reuse import add_reuse, add_similarity, reuse

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.config import Config
    from schemas.codec import WireFormat
    from schemas.registry.options import RegistryOptions
    from transforms.inspect import InspectLimits


EXIT_CODES = "exit codes: 0 done, 1 {}, 2 wrong options, 130 stopped by Ctrl-C"


def add_command(
    commands: Any, name: str, summary: str, example: str, fails: str = "it failed"
) -> argparse.ArgumentParser:
    """A sub-command whose help shows an example first and ends with its exit codes; ``fails`` says what 1 means."""
    command: argparse.ArgumentParser = commands.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.\n\n{example}",
        epilog=EXIT_CODES.format(fails),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument(
        "--config",
        metavar="FILE",
        help="options in TOML, see docs/options.md (default: what CAPTIONSTREAM_CONFIG names, or none)",
    )
    command.add_argument("--verbose", action="store_true", help="show logs and traces")
    return command


def add_topics(command: argparse.ArgumentParser) -> Any:
    """Brokers, topics and the uploads' format; returns the group, for a command to add its own."""
    add_kafka(command)
    group = command.add_argument_group("topics")
    group.add_argument("--captions-topic", default="image-captions", help="where captions go")
    group.add_argument(
        "--dead-letters-topic", default="image-captions-dead-letters", help="where uploads go that got no caption"
    )
    group.add_argument("--audit-topic", default="image-captions-audit", help="where every answer of the model goes")
    group.add_argument(
        "--cache-topic", default="", help="compacted: texts go there too, and new jobs start with them (default none)"
    )
    add_upload_format(group)
    add_registry(command)
    return group


def add_upload_format(group: Any) -> None:
    """What `wire_format` takes."""
    group.add_argument(
        "--upload-format",
        choices=("avro", "confluent", "mixed"),
        help="bare Avro, behind a schema id, or both in one topic (default avro; confluent with --registry)",
    )
    group.add_argument(
        "--schema-id",
        action="append",
        default=[],
        metavar="ID=FILE",
        help="writer schema of a Confluent schema id; `image_upload` names the bundled one; repeatable",
    )


def add_job(command: argparse.ArgumentParser) -> None:
    """The run's name, pictures, duplicates and captioner."""
    command.add_argument("--run-id", help="name of this run in every record it writes (default: made up)")
    command.add_argument(
        "--audit-texts",
        choices=("all", "unpublished", "none"),
        default="all",
        help="texts in audit records: all, only those in no other topic, or none; their hashes always (default all)",
    )
    group = command.add_argument_group("pictures")
    add_fetching(group)
    add_inspection(group)
    group = command.add_argument_group("duplicates")
    add_similarity(group)
    add_reuse(command, group)
    group = add_captioner(command)
    add_model_pixels(group)
    add_prompts(group)
    group.add_argument("--policy", default="default", help="what texts must be: `default` or a TOML file")
    group.add_argument("--max-attempts", type=int, help="answers before a dead letter (default: the policy's, 3)")
    add_metrics(command)


def add_prompts(group: Any) -> None:
    """What `library_name` reads."""
    group.add_argument("--prompts", help="prompt library: `default`, `alt_text`, `tiny` or a TOML file")


def add_inspection(group: Any) -> None:
    """What `inspection` reads, but for `add_model_pixels`."""
    add_max_image_bytes(group)
    group.add_argument("--max-image-pixels", type=int, help="cap on a picture's pixels (default 50 M)")
    group.add_argument("--max-image-frames", type=int, help="cap on an animation's frames (default 1000)")
    group.add_argument("--max-encoded-bytes", type=int, help="larger ones are scaled first (default 512 KiB)")


def add_max_image_bytes(group: Any) -> None:
    """What the job takes of a picture at most."""
    group.add_argument("--max-image-bytes", type=int, help="cap on a picture's bytes (default 20 MiB)")


def add_model_pixels(group: Any) -> None:
    """To what a picture is scaled that is too large to be carried."""
    group.add_argument("--max-pixels", type=int, default=768 * 768, help="pixels the model sees (default 768x768)")


def wire_format(name: str | None, schema_ids: list[str], registry: RegistryOptions | None = None) -> WireFormat:
    """``--upload-format``, ``--schema-id`` and the registry. Raises `ConfigInvalid`."""
    from schemas.codec import WireFormat
    from transforms.errors import ConfigInvalid

    name, schemas = name or ("avro" if registry is None else "confluent"), []
    for pair in schema_ids:
        number, _, file = pair.partition("=")
        if not number.isdigit() or not file:
            raise ConfigInvalid(f"schema id `{pair}` is not ID=FILE; mend --schema-id, for example 7=upload.avsc")
        schemas.append((int(number), file))
    if name == "avro" and schemas:
        raise ConfigInvalid("`--schema-id` is for Confluent's wire format; add --upload-format confluent")
    return WireFormat(name, tuple(schemas), None if name == "avro" else registry)


def inspection(arguments: argparse.Namespace) -> InspectLimits:
    """The options of `add_inspection` and `add_model_pixels`. Raises `ConfigInvalid`."""
    from transforms.inspect import InspectLimits

    wanted = {
        "max_bytes": arguments.max_image_bytes,
        "max_pixels": arguments.max_image_pixels,
        "max_frames": arguments.max_image_frames,
        "max_encoded": arguments.max_encoded_bytes,
    }
    return InspectLimits(**given(wanted), model_max_pixels=arguments.max_pixels)


def writable_report(path: str) -> Path:
    """A page's path, tried out: before the run, not after it. Raises `ConfigInvalid`."""
    import os
    from pathlib import Path

    from transforms.errors import ConfigInvalid

    report = Path(path)
    is_new = not os.path.lexists(report)
    try:
        report.parent.mkdir(parents=True, exist_ok=True)
        report.open("a").close()
        if is_new:  # a command that fails leaves no empty page
            report.unlink()
    except OSError as error:
        raise ConfigInvalid(f"report `{report}` cannot be written (`{error.strerror}`); mend --report") from error
    return report


def library_name(arguments: argparse.Namespace) -> str:
    """``--prompts``, or the bundled library that the model knows."""
    return arguments.prompts or ("tiny" if arguments.model == "tiny" else "default")


def job_config(arguments: argparse.Namespace) -> Config:
    """What `add_topics`, `add_uploads` and `add_job` were told. Raises `ConfigInvalid`."""
    from pipeline.commands.uploads import uploads
    from pipeline.config import Config, Topics
    from transforms.captioner.prompts import Library
    from transforms.review import load_policy

    registry = registry_options(arguments)
    return Config(
        kafka=kafka_options(arguments),
        uploads=uploads(arguments),
        topics=Topics(
            arguments.captions_topic, arguments.dead_letters_topic, arguments.audit_topic, arguments.cache_topic
        ),
        uploads_wire=wire_format(arguments.upload_format, arguments.schema_id, registry),
        registry=registry,
        fetch=fetch_limits(arguments),
        inspect=inspection(arguments),
        captioner=captioner(arguments),
        prompts=Library.load(library_name(arguments)),
        review=replace(load_policy(arguments.policy), **given({"max_attempts": arguments.max_attempts})),
        audit_texts=arguments.audit_texts,
        metrics=metrics_options(arguments),
        **reuse(arguments),
        **given({"run_id": arguments.run_id}),
    )
