"""Connections to the broker: one place for client settings and for the words when nobody answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.errors import KafkaError

from pipeline.kafka.client_options import ClientOptions, check_client_options, for_client
from pipeline.kafka.network import NetClient, explain
from pipeline.kafka.produce import KeySerializer
from pipeline.kafka.security import Security
from transforms.errors import BrokerRefused, BrokerUnreachable, ConfigInvalid, TopicMissing


@dataclass(frozen=True, slots=True)
class KafkaOptions:
    """How to reach the brokers."""

    bootstrap_servers: str = "localhost:9092"
    """Comma-separated ``host:port``."""
    timeout_seconds: float = 30.0
    """For a send, and for progress of a read."""
    connect_seconds: float = 10.0
    """For a first answer."""
    client_id: str = "captionstream"
    security: Security = Security()
    client_options: ClientOptions = ()
    """Further settings of kafka-python's clients, each for those that know it."""

    def __post_init__(self) -> None:
        """Raise `ConfigInvalid` naming the option that mends it."""
        check_client_options(self.client_options)
        for server in self.bootstrap_servers.split(","):
            host, _, port = server.strip().rpartition(":")
            if not host or not port.isdigit() or not 0 < int(port) < 65536:
                raise ConfigInvalid(f"broker `{server}` is not host:port; mend --bootstrap-servers")

    @property
    def timeout_ms(self) -> int:
        """``timeout_seconds`` in milliseconds."""
        return int(self.timeout_seconds * 1000)


def client_settings(options: KafkaOptions) -> dict[str, Any]:
    """What kafka-python's clients have in common. It holds secrets: for the making of one client, not for keeping."""
    return {
        "bootstrap_servers": options.bootstrap_servers,
        "client_id": options.client_id,
        "bootstrap_timeout_ms": int(options.connect_seconds * 1000),
        "reconnect_backoff_max_ms": 1000,  # as Java's; the default of 30 s outlives any restart of a broker
        **options.security.settings(),
    }


def consumer(options: KafkaOptions, **overrides: Any) -> Any:
    """A consumer for `assign`: no group, no auto-commit, aborted transactions invisible."""
    settings = {
        "enable_auto_commit": False,
        "auto_offset_reset": "none",
        "isolation_level": "read_committed",
        "max_partition_fetch_bytes": 8 << 20,
    }
    return _connect(KafkaConsumer, options, {**settings, **overrides})


def producer(options: KafkaOptions) -> Any:
    """An idempotent producer with ``acks=all``; the broker, not the client, decides what is too large."""
    settings = {
        "max_block_ms": options.timeout_ms,
        "acks": "all",
        "enable_idempotence": True,
        "max_request_size": 64 << 20,
        "linger_ms": 5,
        "key_serializer": KeySerializer(),
    }
    return _connect(KafkaProducer, options, settings)


def admin(options: KafkaOptions) -> Any:
    """An admin client."""
    return _connect(KafkaAdminClient, options, {})


def _connect(make: type[Any], options: KafkaOptions, settings: dict[str, Any]) -> Any:
    """A client that has had an answer. Raises `BrokerRefused`, `BrokerUnreachable` or `ConfigInvalid`."""
    made: list[NetClient] = []

    def network(**everything: Any) -> NetClient:
        made.append(NetClient(**everything))
        return made[-1]

    try:
        everything = client_settings(options) | settings | for_client(options.client_options, make)
        return make(**everything, kafka_client=network)
    except KafkaError as error:
        refusals = [client.refusal for client in made if client.refusal is not None]
        for client in made:
            client.close()  # its thread would stay
        if refusals:
            words = explain(refusals[0], options.security)
            raise BrokerRefused(f"the broker at `{options.bootstrap_servers}` {words}") from refusals[0]
        raise BrokerUnreachable(
            f"no broker at `{options.bootstrap_servers}` answered in {options.connect_seconds:g} s "
            f"(`{type(error).__name__}`); check --bootstrap-servers and that the broker is running"
        ) from error


def partitions(client: Any, topic: str, servers: str) -> list[int]:
    """Partition numbers of a topic, sorted. Raises `TopicMissing`."""
    found = client.partitions_for_topic(topic)
    if not found:
        raise TopicMissing(
            f"topic `{topic}` does not exist on `{servers}`, or this user may not see it; create it or mend its option"
        )
    return sorted(found)


def check_topics(options: KafkaOptions, topics: tuple[str, ...]) -> None:
    """Raise `BrokerUnreachable`, `BrokerRefused` or `TopicMissing` before any work is done."""
    client = consumer(options)
    try:
        for topic in topics:
            partitions(client, topic, options.bootstrap_servers)
    finally:
        client.close()
