"""Asks the brokers of themselves, of topics, rights and the group, and reads the newest events; changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any

from kafka.errors import KafkaError

from pipeline.check.contact import Contact
from pipeline.check.events import event_findings
from pipeline.check.finding import Finding, fail, from_error, ok, warn
from pipeline.check.group import group_findings
from pipeline.check.plan import Plan
from pipeline.check.rights import topic_rights
from pipeline.check.topics import topic_findings
from pipeline.kafka.connection import KafkaOptions, consumer
from pipeline.kafka.describe import Topic, describe
from pipeline.kafka.offsets import Broker
from pipeline.kafka.positions import Uploads, answering
from transforms.errors import CaptionstreamError, JobError

WHAT = "brokers"


def broker_findings(plan: Plan, brokers: Contact) -> Iterator[Finding]:
    """All that the brokers tell; one line when they do not answer."""
    kafka = brokers.kafka
    try:
        client = brokers.client()
    except JobError as error:
        yield from_error(WHAT, error)
        yield warn("topics", "not looked at, for no broker answers", "mend the line above first")
        return
    with closing(client):
        yield from _cluster(client, kafka)
        uploads, missing = _uploads(client, kafka, plan.config.uploads, plan.config.topics.every)
        yield from missing
        found = describe(client, kafka, [*uploads, *plan.config.topics.every])
        yield from topic_findings(plan, uploads, found)
        yield from topic_rights(plan, uploads, found)
        yield from _in_partitions(client, plan, kafka, {name: found[name] for name in uploads if name in found})


def _cluster(client: Any, kafka: KafkaOptions) -> Iterator[Finding]:
    with answering(kafka.bootstrap_servers):
        cluster = client.describe_cluster()
    version = ".".join(map(str, client._manager.broker_version or ()))
    number = len(cluster["brokers"])
    yield ok(WHAT, f"`{kafka.bootstrap_servers}` answers: {number} broker{'s' * (number > 1)}, Kafka {version or '?'}")
    if cluster.get("controller_id", 0) < 0:
        yield warn(WHAT, "there is no controller", "see to the cluster: no partition can get a new leader")


def _uploads(
    client: Any, kafka: KafkaOptions, uploads: Uploads, written: tuple[str, ...]
) -> tuple[tuple[str, ...], list[Finding]]:
    """The topics that are read, and what is wrong with how they are named."""
    if not uploads.pattern:
        return uploads.topics, []
    with answering(kafka.bootstrap_servers):
        topics = tuple(sorted(name for name in client.list_topics() if uploads.matches(name) and name not in written))
    if topics:
        return topics, []
    found = f"no topic on `{kafka.bootstrap_servers}` matches `{uploads.pattern}`"
    return (), [fail("topics", found, "create one, or mend --topic-pattern")]


def _in_partitions(client: Any, plan: Plan, kafka: KafkaOptions, uploads: Mapping[str, Topic]) -> Iterator[Finding]:
    """What needs offsets. A consumer asks only for topics that exist: asking for another could make it."""
    chosen = plan.config.uploads.partitions
    places = tuple((name, number) for name, topic in uploads.items() for number in range(topic.partitions))
    for name, number in chosen:
        if name in uploads and (name, number) not in places:
            found = f"partition `{number}` does not exist, there are {uploads[name].partitions}"
            yield fail(f"topic {name}", found, "mend --partition")
    readable = {name for name, topic in uploads.items() if topic.rights is None or "READ" in topic.rights}
    narrowed = {name for name, _ in chosen}
    places = tuple(place for place in places if place[0] not in narrowed or place in chosen)
    places = tuple(place for place in places if place[0] in readable)
    if not places:
        return
    with closing(consumer(kafka)) as reader:
        try:
            broker = Broker(reader, kafka.bootstrap_servers, places)
            if plan.group:
                yield from group_findings(client, plan, broker)
            yield from event_findings(reader, plan, kafka, broker)
        except KafkaError as error:
            yield fail("offsets", f"cannot be read (`{type(error).__name__}`)", "look at the brokers' log")
        except CaptionstreamError as error:
            yield from_error("offsets", error)
