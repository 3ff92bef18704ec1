"""Creates topics on a broker of one node and waits until they can be used."""

from __future__ import annotations

from collections.abc import Mapping

from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError

from transforms.errors import BrokerUnreachable, ConfigInvalid


def create_topics(bootstrap_servers: str, topics: Mapping[str, int], configs: Mapping[str, Mapping[str, str]]) -> None:
    """Create topics (name: partitions) with their configs (by topic); on return each partition has a leader.

    Raises `ConfigInvalid` for a topic the broker refuses, `BrokerUnreachable` when it does not answer.
    """
    if unknown := sorted(configs.keys() - topics.keys()):
        raise ConfigInvalid(f"configs name the topic `{unknown[0]}`, which topics do not; add it there")
    wanted = {
        name: {"num_partitions": partitions, "replication_factor": 1, "configs": dict(configs.get(name, {}))}
        for name, partitions in topics.items()
    }
    try:
        admin = KafkaAdminClient(bootstrap_servers=bootstrap_servers)
        try:
            for topic in admin.create_topics(wanted, raise_errors=False)["topics"]:
                if topic["error_code"]:
                    raise ConfigInvalid(
                        f"the broker refused the topic `{topic['name']}`: `{topic['error_message']}`; "
                        "change its name, partitions or configs"
                    )
            admin.wait_for_topics(list(topics))
        finally:
            admin.close()
    except KafkaError as error:
        raise BrokerUnreachable(
            f"the broker at `{bootstrap_servers}` did not answer: `{error}`; check that it is running"
        ) from error
