"""All checks of a job, in the order in which they are told."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.check.brokers import WHAT as BROKERS
from pipeline.check.brokers import broker_findings
from pipeline.check.contact import Contact
from pipeline.check.finding import Check
from pipeline.check.machine import cache_findings, file_findings, java_findings, memory_findings, version_findings
from pipeline.check.model import WHAT as MODEL
from pipeline.check.model import model_findings
from pipeline.check.plan import Plan
from pipeline.check.prompts import prompt_findings
from pipeline.check.registry import registry_findings
from pipeline.check.runner import runner_findings
from pipeline.check.schemas import schema_findings


def checks_of(plan: Plan, brokers: Contact) -> Sequence[tuple[str, Check]]:
    """Each with the name of what it looks at."""
    return (
        ("versions", version_findings),
        ("runner", lambda: runner_findings(plan)),
        ("Java", lambda: java_findings(plan)),
        ("memory", lambda: memory_findings(plan)),
        ("cache", lambda: cache_findings(plan)),
        ("files", lambda: file_findings(plan)),
        (BROKERS, lambda: broker_findings(plan, brokers)),
        ("schema", lambda: schema_findings(plan.config.uploads_wire)),
        ("registry", lambda: registry_findings(plan)),
        ("prompts", lambda: prompt_findings(plan.prompts, plan.config.captioner.text_tokens)),
        (MODEL, lambda: model_findings(plan)),
    )
