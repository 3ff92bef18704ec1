"""What is said of topics as the brokers describe them. Nothing is asked here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pipeline.check.finding import Finding, fail, ok, warn
from pipeline.check.plan import Plan
from pipeline.kafka.describe import Topic

TEXT_BYTES = 256 << 10
"""Room for a record of texts: 16 languages, or an answer with its prompt, each of a few KiB."""
HEADER_BYTES = 4 << 10
"""What a dead letter has beside its upload, but for a stack trace, which is left out where there is no room."""
LARGEST_SENT = 64 << 20
"""Our producer sends nothing larger."""
_DAY = 86_400_000


def topic_findings(plan: Plan, uploads: Sequence[str], topics: Mapping[str, Topic]) -> Iterator[Finding]:
    """``uploads`` are those topics that the job reads; what is not in ``topics`` does not exist."""
    for name in uploads:
        if name in topics:
            yield from _uploads(plan, topics[name])
        else:
            yield _missing(name, "--topic")
    largest = max((topics[name].number("max.message.bytes") or 0 for name in uploads if name in topics), default=0)
    written = plan.config.topics
    for name, option in ((written.captions, "--captions-topic"), (written.audit, "--audit-topic")):
        yield from _texts(topics[name]) if name in topics else [_missing(name, option)]
    if written.dead_letters in topics:
        yield from _dead_letters(topics[written.dead_letters], largest)
    else:
        yield _missing(written.dead_letters, "--dead-letters-topic")
    if written.cache:
        yield from (
            _cache(topics[written.cache]) if written.cache in topics else [_missing(written.cache, "--cache-topic")]
        )


def _missing(name: str, option: str) -> Finding:
    remedy = f"create it as docs/deploying.md says, or mend {option}"
    return fail(f"topic {name}", "does not exist, or this user may not see it", remedy)


def _uploads(plan: Plan, topic: Topic) -> Iterator[Finding]:
    what = f"topic {topic.name}"
    faults = list(_common(topic))
    parallelism = plan.submission.parallelism if plan.submission else 1
    if topic.partitions < parallelism:
        found = f"{_number(topic.partitions, 'partition')} for --parallelism {parallelism}: each is read by one subtask"
        faults.append(warn(what, found, "add partitions, or lower --parallelism"))
    if "compact" in topic.settings.get("cleanup.policy", ""):
        found = "is compacted: an upload that is followed by another of its image may go before it is read"
        faults.append(warn(what, found, "set cleanup.policy=delete"))
    kept = topic.number("retention.ms")
    if kept is not None and 0 <= kept < _DAY:
        found = f"keeps uploads for {_duration(kept)}: what comes in a longer stop of the job is lost"
        faults.append(warn(what, found, "raise its retention.ms above your longest outage"))
    if (topic.number("max.message.bytes") or 0) > LARGEST_SENT:
        found = f"takes records over {LARGEST_SENT >> 20} MiB, and so large a dead letter cannot be written"
        faults.append(warn(what, found, f"lower its max.message.bytes to {LARGEST_SENT}"))
    yield from faults or [ok(what, _summary(topic))]


def _texts(topic: Topic) -> Iterator[Finding]:
    what = f"topic {topic.name}"
    faults = [*_common(topic), *_room_for_texts(topic)]
    if "compact" in topic.settings.get("cleanup.policy", ""):
        found = "is compacted, which keeps one record per image: an image has one for each task, language and picture"
        faults.append(fail(what, found, "set cleanup.policy=delete"))
    yield from faults or [ok(what, _summary(topic))]


def _dead_letters(topic: Topic, largest_upload: int) -> Iterator[Finding]:
    what = f"topic {topic.name}"
    faults = list(_common(topic))
    if "compact" in topic.settings.get("cleanup.policy", ""):
        faults.append(fail(what, "is compacted: only the last letter of an image stays", "set cleanup.policy=delete"))
    limit = topic.number("max.message.bytes")
    if limit is not None and limit < largest_upload:
        found = f"takes records of {limit:,} bytes, uploads have up to {largest_upload:,}: a larger one stops the job"
        faults.append(fail(what, found, f"set its max.message.bytes to {largest_upload + HEADER_BYTES}"))
    elif limit is not None and limit < largest_upload + HEADER_BYTES:
        found = f"takes records as large as the uploads', {limit:,} bytes, and a dead letter has headers besides"
        faults.append(warn(what, found, f"set its max.message.bytes to {largest_upload + HEADER_BYTES}"))
    kept = topic.number("retention.ms")
    if kept is not None and 0 <= kept < _DAY:
        found = f"keeps letters for {_duration(kept)}: too short to mend something and redrive"
        faults.append(warn(what, found, "raise its retention.ms"))
    if topic.settings.get("message.timestamp.type") == "LogAppendTime":
        found = "gives letters a time of its own, and the time of the upload is lost to `captionstream redrive --from`"
        faults.append(warn(what, found, "set message.timestamp.type=CreateTime"))
    yield from faults or [ok(what, _summary(topic))]


def _cache(topic: Topic) -> Iterator[Finding]:
    what = f"topic {topic.name}"
    faults = [*_common(topic), *_room_for_texts(topic)]
    if topic.settings and "compact" not in topic.settings.get("cleanup.policy", ""):
        found = "is not compacted: it grows with every text, and those of deleted images stay"
        faults.append(fail(what, found, "set cleanup.policy=compact,delete"))
    yield from faults or [ok(what, _summary(topic))]


def _common(topic: Topic) -> Iterator[Finding]:
    what = f"topic {topic.name}"
    if topic.leaderless:
        partitions = ", ".join(map(str, topic.leaderless))
        yield fail(
            what, f"partition `{partitions}` has no leader", "see to the brokers: it can be neither read nor written"
        )
    if not topic.settings:
        yield warn(what, "its settings are not told to this user", "give it DescribeConfigs to have them checked")
    in_sync = topic.number("min.insync.replicas")
    if topic.replication == 1:
        yield warn(what, "has one replica: its records go with the broker", "set replication to 3")
    elif in_sync is not None and in_sync >= topic.replication:
        found = f"wants {in_sync} replicas in sync and has {topic.replication}: one broker down stops the writing"
        yield warn(what, found, "set min.insync.replicas=2 with 3 replicas")
    elif in_sync == 1:
        found = "takes a record as written when one replica has it"
        yield warn(what, found, "set min.insync.replicas=2 with 3 replicas")


def _room_for_texts(topic: Topic) -> Iterator[Finding]:
    limit = topic.number("max.message.bytes")
    if limit is not None and limit < TEXT_BYTES:
        found = f"takes records of {limit:,} bytes, too few for long texts in many languages"
        yield warn(f"topic {topic.name}", found, f"set its max.message.bytes to {TEXT_BYTES} or more")


def _summary(topic: Topic) -> str:
    kept, largest = topic.number("retention.ms"), topic.number("max.message.bytes")
    parts = [_number(topic.partitions, "partition"), _number(topic.replication, "replica")]
    if "compact" in topic.settings.get("cleanup.policy", ""):
        parts.append("compacted")
    elif kept is not None:
        parts.append(f"kept {_duration(kept)}" if kept >= 0 else "kept for ever")
    if largest is not None:
        parts.append(f"records up to {largest:,} bytes")
    return ", ".join(parts)


def _number(number: int, thing: str) -> str:
    return f"{number} {thing}{'s' * (number != 1)}"


def _duration(milliseconds: int) -> str:
    for unit, size in (("days", _DAY), ("hours", 3_600_000), ("minutes", 60_000)):
        if milliseconds >= 2 * size:
            return f"{milliseconds / size:.3g} {unit}"
    return f"{milliseconds / 1000:.3g} s"
