"""The trial's report: one HTML page on which a person sees what a rule does with their pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from pipeline.duplicates.grouping import Pair
from pipeline.duplicates.summary import distance, limits, percent, speed
from pipeline.duplicates.thumbnails import thumbnails
from pipeline.duplicates.trial import Trial
from pipeline.report.page import write_page
from pipeline.terminal import printable
from transforms.values import Candidate

MAX_GROUPS = 200
MAX_JOINS = 11
"""Shown of one group, beside its leader."""
MAX_PAIRS = 100
"""Shown of near misses, wrong joins and missed ones each."""
MAX_PLAIN = 60
MAX_UNREADABLE = 500


@dataclass(frozen=True, slots=True)
class Group:
    """A leader with those who joined it, as the page shows them."""

    leader: Candidate
    joins: Sequence[Pair]
    """The most different first."""
    more: int
    """Joins that are not shown."""


def write_report(path: Path, folder: str, files: Mapping[str, Path], trial: Trial) -> None:
    """Write the page; ``files`` by image id, for the thumbnails."""
    shown = _sections(trial)
    pictures = chain(
        chain.from_iterable((group.leader, *(join.picture for join in group.joins)) for group in shown["groups"]),
        chain.from_iterable((pair.earlier, pair.picture) for _, pair in shown["near_misses"]),
        chain.from_iterable((pair.earlier, pair.picture) for pair in shown["wrong"]),
        chain.from_iterable((one.pair.earlier, one.pair.picture) for one in shown["missed"]),
        shown["plain"],
    )
    write_page(
        path,
        Path(__file__).parent / "report.html.j2",
        folder=printable(folder),
        trial=trial,
        speed=speed(trial),
        thumbnails=thumbnails(pictures, files),
        distance=distance,
        limits=limits,
        percent=percent,
        printable=printable,
        **shown,
    )


def _sections(trial: Trial) -> dict[str, Any]:
    scores, rule = trial.scores, trial.rule
    groups = [sorted(joins, key=lambda join: -join.strain(rule)) for joins in trial.grouping.groups]
    groups.sort(key=lambda joins: -joins[0].strain(rule))
    return {
        "groups": [
            Group(joins[0].earlier, joins[:MAX_JOINS], max(0, len(joins) - MAX_JOINS)) for joins in groups[:MAX_GROUPS]
        ],
        "all_groups": len(groups),
        "near_misses": trial.near_misses[:MAX_PAIRS],
        "wrong": [] if scores is None else scores.wrong[:MAX_PAIRS],
        "missed": [] if scores is None else scores.missed[:MAX_PAIRS],
        "plain": trial.plain[:MAX_PLAIN],
        "unreadable": trial.pictures.unreadable[:MAX_UNREADABLE],
    }
