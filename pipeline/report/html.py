"""The report as one page that needs nothing but itself."""

from __future__ import annotations

from itertools import chain
from pathlib import Path

from pipeline.report import words
from pipeline.report.chart import HEIGHT, WIDTH, bars
from pipeline.report.gather import DEAD, GENERATED, REUSED
from pipeline.report.page import write_page
from pipeline.report.pictures import Pictures
from pipeline.report.report import Report
from pipeline.report.samples import Samples, Shown
from pipeline.report.terminal import names, rules, times, verdicts
from pipeline.terminal import printable

KINDS = (GENERATED, REUSED, DEAD)
MOST_NAMES = 20
MOST_RULES = 30


def write_report(path: Path, report: Report, pictures: Pictures) -> None:
    """Write the page with thumbnails of its samples."""
    found = report.found
    samples = found.samples
    steps = found.timeline.steps()
    write_page(
        path,
        Path(__file__).parent / "report.html.j2",
        report=report,
        found=found,
        samples=samples,
        thumbnails=pictures.thumbnails(_shown(samples), samples.letters()),
        has_pictures=bool(pictures.topics),
        codes=found.letters.by_code(),
        names=[(title, tally.largest(MOST_NAMES), tally.total()) for title, tally in names(report)],
        times=times(report),
        verdicts=verdicts(report),
        rules=rules(report)[:MOST_RULES],
        steps=steps,
        kinds=KINDS,
        bars=bars(steps, KINDS),
        chart=(WIDTH, HEIGHT),
        words=words,
        printable=printable,
    )


def _shown(samples: Samples) -> list[Shown]:
    """All that the page shows a picture of."""
    groups = samples.groups()
    disagreeing = list(samples.disagreeing)
    leaders = [group.leader for group in groups] + [samples.leader(one.duplicate_of) for one in disagreeing]
    return [
        one
        for one in chain(samples.newest, samples.reviewed, disagreeing, *(group.members for group in groups), leaders)
        if one is not None
    ]
