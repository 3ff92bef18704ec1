"""What the user may do, by what the brokers say it may: nothing is tried."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pipeline.check.finding import Finding, fail, ok, warn
from pipeline.check.plan import Plan
from pipeline.kafka.describe import Topic

WHAT = "rights"
READ, WRITE = "READ", "WRITE"


def topic_rights(plan: Plan, uploads: Sequence[str], topics: Mapping[str, Topic]) -> Iterator[Finding]:
    """Of those topics that exist."""
    needed: dict[str, set[str]] = {name: {READ} for name in uploads}
    for name in plan.config.topics.every:
        needed.setdefault(name, set()).add(WRITE)
    for name in plan.read_outputs:
        needed[name].add(READ)
    there = {name: rights for name, rights in needed.items() if name in topics}
    untold = [name for name in there if topics[name].rights is None]
    missing = {
        name: sorted(wanted - (topics[name].rights or set())) for name, wanted in there.items() if name not in untold
    }
    for name, lacking in missing.items():
        if lacking:
            deeds = " and ".join(lacking).title()
            remedy = f"allow it {deeds} on the topic; docs/deploying.md lists every right"
            yield fail(WHAT, f"this user may not {deeds.lower()} topic `{name}`", remedy)
    if untold:
        yield warn(WHAT, f"the brokers do not tell those on `{untold[0]}`", "compare them with docs/deploying.md")
    if there and not untold and not any(missing.values()):
        yield ok(WHAT, f"enough on all {len(there)} topics")
