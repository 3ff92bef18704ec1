"""What the registry's subjects say of this job: by Confluent's default name, ``<topic>-value``.

Uploads must be readable by us, whoever wrote them; our own schemas must be there before the first record is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from pipeline.config import Config, Topics
from pipeline.kafka.positions import Uploads
from schemas.codec import WireFormat, load_schema, schema_json
from schemas.registry.client import Registry, SchemaForeign
from schemas.registry.http import Http
from schemas.registry.options import RegistryOptions
from schemas.resolution import problems
from transforms.errors import JobError, SchemaUnfit

OK, WARN, FAIL = "ok", "warn", "fail"
SAFE_LEVEL = "FULL_TRANSITIVE"
"""What the subjects of captions and audit records should take: every consumer reads every record."""
MOST_VERSIONS = 32
"""Of an uploads subject, the newest."""
CHECK_SECONDS = 6.0
"""Patience where a person waits: `check_registry` has no more for all of its questions."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One subject, and what is to be said of it."""

    subject: str
    """Empty: the registry itself."""
    level: str
    """`OK`, `WARN` or `FAIL`."""
    message: str
    """What was found and, where it is not well, what to do."""
    schema_id: int | None = None
    """Under which our schema is registered."""


def subject_of(topic: str) -> str:
    """The subject of a topic's values."""
    return f"{topic}-value"


def check_registry(
    options: RegistryOptions, uploads: Uploads | None, topics: Topics, seconds: float = CHECK_SECONDS
) -> tuple[Finding, ...]:
    """Look at every subject of a job, for at most so many seconds; changes nothing. No ``uploads``: they are bare.

    A registry that does not answer is a finding, too.
    """
    try:
        registry = Registry(Http(options, seconds, seconds))
    except JobError as error:
        return (Finding("", FAIL, error.message),)
    found: list[Finding] = []
    try:
        found += findings(registry, uploads, topics)
    except JobError as error:
        found.append(Finding("", FAIL, error.message))
    finally:
        registry.close()
    return tuple(found)


def findings(registry: Registry, uploads: Uploads | None, topics: Topics) -> Iterator[Finding]:
    """Look at the subjects one after the other. Raises `RegistryUnreachable` and `RegistryRefused`."""
    subjects = [] if uploads is None else [subject_of(topic) for topic in uploads.topics]
    if uploads is not None and uploads.pattern:
        all_of_them = (name for name in registry.subjects() if name.endswith("-value"))
        subjects = [name for name in all_of_them if uploads.matches(name.removesuffix("-value"))]
        subjects = [name for name in subjects if name.removesuffix("-value") not in topics.every]
    for subject in subjects:
        yield _uploads(registry, subject)
    yield output(registry, topics.captions, "caption")
    yield output(registry, topics.audit, "audit")


def framed_uploads(config: Config) -> Uploads | None:
    """The uploads, where they are read by the ids they carry; bare ones have no subject."""
    return None if config.uploads_wire.registry is None else config.uploads


def with_registry(config: Config) -> tuple[Config, tuple[Finding, ...]]:
    """The configuration with the ids to write with, and what else was found; as it was without a registry.

    Raises `SchemaUnfit` for what does not fit, `RegistryUnreachable` and `RegistryRefused`.
    """
    if config.registry is None:
        return config, ()
    registry = Registry(Http(config.registry, CHECK_SECONDS))
    try:
        found = tuple(findings(registry, framed_uploads(config), config.topics))
    finally:
        registry.close()
    for finding in found:
        if finding.level == FAIL:
            raise SchemaUnfit(finding.message)
    *_, captions, audit = (finding.schema_id for finding in found)
    wired = replace(config, captions_wire=_wire(captions, "caption"), audit_wire=_wire(audit, "audit"))
    return wired, found


def output(registry: Registry, topic: str, schema: str) -> Finding:
    """Whether our schema is in the subject of a topic that we write."""
    subject, ours = subject_of(topic), schema_json(schema)
    registered = registry.find(subject, ours)
    if registered is None:
        why = registry.incompatible(subject, ours)
        if why:
            return Finding(
                subject,
                FAIL,
                f"our schema `{schema}` is not in subject `{subject}`, which would not take it: {why[0]}; "
                "give the topic another name, or mend the subject",
            )
        return Finding(
            subject,
            FAIL,
            f"our schema `{schema}` is not in subject `{subject}`; register it: captionstream schemas register",
        )
    said = f"our schema `{schema}` is version {registered.version} of `{subject}`, id {registered.id}"
    level = registry.level(subject)
    if level == SAFE_LEVEL:
        return Finding(subject, OK, said, registered.id)
    return Finding(
        subject,
        WARN,
        f"{said}; the subject takes changes of level `{level or 'unknown'}`: set `{SAFE_LEVEL}` in the registry, so "
        "that no later version breaks a consumer",
        registered.id,
    )


def _uploads(registry: Registry, subject: str) -> Finding:
    versions = sorted(registry.versions(subject))[-MOST_VERSIONS:]
    if not versions:
        return Finding(
            subject,
            WARN,
            f"there is no subject `{subject}`: nothing is known of what producers write; "
            "uploads are read by the ids they carry",
        )
    reader, unfit = load_schema("image_upload"), {}
    for version in versions:
        try:
            writer = registry.version(subject, version)
        except SchemaForeign as error:
            unfit[version] = str(error)
            continue
        if writer is not None and (found := problems(writer, reader)):
            unfit[version] = found[0]
    if versions[-1] in unfit:
        return Finding(
            subject,
            FAIL,
            f"version {versions[-1]} of `{subject}`, the newest, cannot be read as an upload: {unfit[versions[-1]]}; "
            "mend the producer's schema, see schemas/image_upload.avsc",
        )
    if unfit:
        version = max(unfit)
        return Finding(
            subject,
            WARN,
            f"version {version} of `{subject}` cannot be read as an upload: {unfit[version]}; what was written with it "
            "becomes dead letters",
        )
    every = f"all {len(versions)} versions" if len(versions) > 1 else "the only version"
    return Finding(subject, OK, f"{every} of `{subject}` can be read as uploads")


def _wire(schema_id: int | None, schema: str) -> WireFormat:
    if schema_id is None:
        raise ValueError("an output that fits has an id")
    return WireFormat("confluent", ((schema_id, schema),))
