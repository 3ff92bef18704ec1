"""A job to check, from the words of its command line, and findings as lines."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.check.finding import Finding
from pipeline.check.plan import Plan
from pipeline.cli import parse
from pipeline.commands.check import plan_of
from pipeline.kafka.describe import Topic

EVERYTHING = frozenset({"READ", "WRITE", "DESCRIBE"})
SETTINGS = {
    "cleanup.policy": "delete",
    "max.message.bytes": "1048588",
    "message.timestamp.type": "CreateTime",
    "min.insync.replicas": "2",
    "retention.ms": "604800000",
}


def plan(*words: str, job: str = "replay") -> Plan:
    return plan_of(parse(["check", job, *words], {}))


def topic(name: str, partitions: int = 4, replication: int = 3, **changes: object) -> Topic:
    """A good one, but for what is changed; settings by name with underscores."""
    rights = changes.pop("rights", EVERYTHING)
    leaderless = changes.pop("leaderless", ())
    settings = SETTINGS | {key.replace("_", "."): str(value) for key, value in changes.items()}
    return Topic(name, partitions, replication, leaderless, rights, settings)  # type: ignore[arg-type]


def lines(findings: Iterable[Finding]) -> list[str]:
    """``fail topic x: what was found -> the remedy``."""
    return [f"{one.level} {one.what}: {one.found}" + (f" -> {one.remedy}" if one.remedy else "") for one in findings]
