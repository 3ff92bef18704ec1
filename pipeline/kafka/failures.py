"""What to say of an error of kafka-python's: whether a right is missing or a broker."""

from __future__ import annotations

import re

from kafka.errors import KafkaError

from transforms.errors import BrokerRefused, BrokerUnreachable, JobError


def failure(error: KafkaError, servers: str, deed: str, otherwise: str) -> JobError:
    """`BrokerRefused` when the user may not do the ``deed`` ("read topic …"), else `BrokerUnreachable` with the words.

    A producer that may not begin says which right is missing in its words only.
    """
    refusal = re.search(r"\w+AuthorizationFailedError", f"{type(error).__name__} {error}")
    if refusal is None:
        return BrokerUnreachable(otherwise)
    return BrokerRefused(
        f"the broker at `{servers}` does not let this user {deed} (`{refusal[0]}`); give it the rights that "
        "docs/deploying.md lists"
    )
