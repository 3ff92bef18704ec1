"""The PromQL in deploy/: of the alert rules, and of the dashboard's panels with Grafana's variables filled in."""

import json
import re
from collections.abc import Iterator
from typing import Any

from deploy.reading import DEPLOY, load

from pipeline.metrics.families import FAMILIES, HISTOGRAM

RULES: list[dict[str, Any]] = load(DEPLOY / "prometheus" / "rules.yaml")["groups"][0]["rules"]
BOARD: dict[str, Any] = json.loads((DEPLOY / "grafana" / "captionstream.json").read_text())
LABELS = {name: set(family.labels) for family in FAMILIES for name in family.series} | {
    f"{family.name}_bucket": {"le"} for family in FAMILIES if family.kind == HISTOGRAM
}
"""Names that a scrape has, with their own labels."""
FOREIGN = {"up", "process_resident_memory_bytes"}
"""Names that are not ours."""


def panels() -> Iterator[tuple[str, str]]:
    """Title and query of every target of the dashboard."""
    for panel in BOARD["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"].replace("$__rate_interval", "5m").replace("$job", ".+")


def queries() -> list[tuple[str, str]]:
    """All of them, with where they are."""
    return [*((rule["alert"], rule["expr"]) for rule in RULES), *panels()]


def names(query: str) -> set[str]:
    """Metrics that a query asks for."""
    return set(
        re.findall(r"\b(?:caption_\w+|process_\w+|up)\b", re.sub(r"\{[^}]*\}|by \([^)]*\)|\"[^\"]*\"", "", query))
    )


def labels(query: str) -> set[str]:
    """Labels by which a query chooses or groups."""
    chosen = (re.findall(r"(\w+)(?:=|!=|=~|!~)\"", part) for part in re.findall(r"\{([^}]*)\}", query))
    grouped = (part.split(",") for part in re.findall(r"by \(([^)]*)\)", query))
    return {label.strip() for found in (*chosen, *grouped) for label in found}
