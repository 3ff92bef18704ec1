"""What the brokers say of topics, in requests that change nothing: a missing topic is not made by them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kafka.admin import ConfigResource, ConfigResourceType

from pipeline.kafka.connection import KafkaOptions
from pipeline.kafka.positions import answering

_MISSING, _FORBIDDEN = 3, 29
"""Error codes of a topic: it does not exist, and this user may not see it."""


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic as the brokers describe it."""

    name: str
    partitions: int
    replication: int
    """Of the partition with the fewest replicas."""
    leaderless: tuple[int, ...]
    """Partitions that cannot be read or written now."""
    rights: frozenset[str] | None
    """Operations that this user may do; None where the brokers do not tell."""
    settings: Mapping[str, str]
    """``retention.ms`` and the like, defaults included; empty where this user may not see them."""

    def number(self, setting: str) -> int | None:
        """A setting's number; None where it is not told."""
        return int(self.settings[setting]) if setting in self.settings else None


def describe(client: Any, options: KafkaOptions, names: Sequence[str]) -> dict[str, Topic]:
    """Those of the topics that exist and this user may see. ``client`` is an admin client.

    Raises `BrokerUnreachable` and `BrokerRefused`.
    """
    with answering(options.bootstrap_servers):
        answers = client.describe_topics(list(dict.fromkeys(names)))
        found = [one for one in answers if one["error_code"] not in (_MISSING, _FORBIDDEN)]
        settings = _settings(client, [str(one["name"]) for one in found])
    return {str(one["name"]): _topic(one, settings.get(one["name"], {})) for one in found}


def _topic(answer: Mapping[str, Any], settings: Mapping[str, str]) -> Topic:
    partitions = answer["partitions"]
    rights = answer.get("authorized_operations")
    return Topic(
        str(answer["name"]),
        len(partitions),
        min((len(one["replica_nodes"]) for one in partitions), default=0),
        tuple(sorted(one["partition_index"] for one in partitions if one["leader_id"] < 0)),
        None if rights is None else frozenset(rights),
        settings,
    )


def _settings(client: Any, names: Sequence[str]) -> dict[str, dict[str, str]]:
    if not names:
        return {}
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    told = client.describe_configs(resources, config_filter="all").get("topic", {})
    return {
        name: {key: str(entry["value"]) for key, entry in entries.items() if entry["value"] is not None}
        for name, entries in told.items()
    }
