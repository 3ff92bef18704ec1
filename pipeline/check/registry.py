"""What the schema registry's subjects say of the job."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.check.finding import Finding, Level
from pipeline.check.plan import Plan
from pipeline.registry.check import check_registry, framed_uploads


def registry_findings(plan: Plan) -> Iterator[Finding]:
    """One for each subject of the job's topics; none where no registry is named."""
    config = plan.config
    if config.registry is None:
        return
    for one in check_registry(config.registry, framed_uploads(config), config.topics):
        found, _, remedy = one.message.partition("; ")
        yield Finding(Level(one.level), f"subject {one.subject}" if one.subject else "registry", found, remedy)
