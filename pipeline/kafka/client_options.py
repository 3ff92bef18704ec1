"""Settings of kafka-python's clients that a user may add, and those that are not the user's to change."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from transforms.errors import ConfigInvalid

Value = str | int | float | bool
ClientOptions = tuple[tuple[str, Value], ...]

_OURS = {
    "enable_auto_commit": "it would call uploads finished that are still pending; offsets are committed once a "
    "checkpoint holds what they cover",
    "group_id": "the group is named with --group",
    "auto_offset_reset": "the start is named with --from",
    "isolation_level": "records of aborted transactions are never read",
    "allow_auto_create_topics": "a misspelt topic is an error, not a new topic",
    "acks": "a caption counts as written when all replicas have it",
    "enable_idempotence": "a retry must not write twice",
    "transactional_id": "the job writes without transactions",
    "key_serializer": "records are written as they are",
    "value_serializer": "records are written as they are",
    "bootstrap_servers": "brokers are named with --bootstrap-servers",
    "client_id": "it is named with --client-id",
}
_SECURITY = re.compile("security_|sasl_|ssl_")


def parse_client_options(given: Sequence[str]) -> ClientOptions:
    """``NAME=VALUE`` pairs; numbers, true and false are taken as such. Raises `ConfigInvalid`."""
    pairs = []
    for text in given:
        name, has_value, value = text.partition("=")
        if not has_value or not re.fullmatch(r"[a-z_]+", name.replace(".", "_")):
            raise ConfigInvalid(f"`{text}` is not NAME=VALUE; mend --kafka-option, for example fetch_max_wait_ms=100")
        pairs.append((name.replace(".", "_"), _value(value)))
    return tuple(pairs)


def check_client_options(options: ClientOptions) -> None:
    """Raise `ConfigInvalid` for a setting that is unknown, or that would break a promise."""
    for name, value in options:
        if name in _OURS:
            raise ConfigInvalid(f"`{name}={value}` is refused: {_OURS[name]}; take it out of --kafka-option")
        if _SECURITY.match(name):
            raise ConfigInvalid(f"`{name}` is refused: security has options of its own, --kafka-security-protocol, …")
        if not any(name in client.DEFAULT_CONFIG for client in _clients()):
            raise ConfigInvalid(f"`{name}` is no setting of kafka-python's clients; mend --kafka-option")


def for_client(options: ClientOptions, client: type[Any]) -> dict[str, Value]:
    """Those that this client knows."""
    return {name: value for name, value in options if name in client.DEFAULT_CONFIG}


def _clients() -> tuple[type[Any], ...]:
    from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer

    return KafkaAdminClient, KafkaConsumer, KafkaProducer


def _value(text: str) -> Value:
    if text in ("true", "false"):
        return text == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
