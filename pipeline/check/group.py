"""The consumer group of a live job: who else is in it, and whether its offsets are still in the topics."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from kafka.errors import (
    CoordinatorLoadInProgressError,
    CoordinatorNotAvailableError,
    KafkaError,
    NotCoordinatorError,
)

from pipeline.check.finding import Finding, fail, ok, warn
from pipeline.check.plan import Plan
from pipeline.kafka.offsets import Broker

_COORDINATOR_SECONDS = 3.0
"""Brokers that have just been started need a moment to say who keeps a group."""


def group_findings(client: Any, plan: Plan, broker: Broker) -> Iterator[Finding]:
    """``client`` is an admin client; it commits nothing."""
    what = f"group {plan.group}"
    try:
        told, committed = _asked(client, plan.group)
    except KafkaError as error:
        if "Authorization" in type(error).__name__:
            yield fail(what, f"this user may not use it (`{type(error).__name__}`)", "allow it Read on the group")
        else:
            yield warn(what, f"the brokers do not tell of it (`{type(error).__name__}`)", "look at their log")
        return
    rights = told.get("authorized_operations")
    if rights is not None and "READ" not in rights:
        yield fail(what, "this user may not commit its offsets", "allow it Read on the group")
    if members := told.get("members") or []:
        hosts = ", ".join(sorted({f"`{member['client_id']}`" for member in members})[:3])
        found = f"has {len(members)} members ({hosts}): the job joins no group, so they read and commit beside it"
        yield warn(what, found, "stop them, or name another group with --group")
    yield from _offsets(what, plan, broker, {tuple(place): offset.offset for place, offset in committed.items()})


def _asked(client: Any, group: str) -> tuple[dict[str, Any], dict[Any, Any]]:
    """Its description and its offsets."""
    until = time.monotonic() + _COORDINATOR_SECONDS
    while True:
        try:
            return client.describe_groups([group])[group], client.list_group_offsets({group: None}).get(group, {})
        except (CoordinatorNotAvailableError, NotCoordinatorError, CoordinatorLoadInProgressError):
            if time.monotonic() > until:
                raise
            time.sleep(0.1)


def _offsets(what: str, plan: Plan, broker: Broker, committed: dict[Any, int]) -> Iterator[Finding]:
    known = {place: committed[tuple(place)] for place in broker.places if committed.get(tuple(place), -1) >= 0}
    if not known:
        yield ok(what, "has no offsets: a start reads everything that is there, unless --from says otherwise")
        return
    outside = [place for place, offset in known.items() if not broker.first[place] <= offset <= broker.last[place]]
    for place in outside:
        found = (
            f"its offset `{known[place]}` of `{place.topic}:{place.partition}` is outside {broker.first[place]} to "
            f"{broker.last[place]}: retention took what was not read, or the topic was made anew"
        )
        yield fail(what, found, "name a start with --from or --from-offset")
    if outside:
        return
    behind = sum(broker.last[place] - offset for place, offset in known.items())
    found = f"has offsets in {len(known)} of {len(broker.places)} partitions, {behind:,} uploads behind"
    if plan.starts_anew:
        remedy = "say --resume latest, --rewind 15m or --from: what was pending at the stop is not in the offsets"
        yield warn(what, f"{found}; a start would be refused", remedy)
    else:
        yield ok(what, found)
