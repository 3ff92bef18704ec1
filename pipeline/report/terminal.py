"""The report as tables for a person at a terminal."""

from __future__ import annotations

import io
import shutil
import sys
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.report.captions import FLAGS
from pipeline.report.report import Report
from pipeline.report.spread import Spread
from pipeline.report.tally import Tally
from pipeline.report.words import DASH, duration, named, number, percent
from pipeline.terminal import printable

MOST = 12
"""Rows of a table of names; the page and the JSON have more."""
_PIPED_WIDTH = 140

Cells = Sequence[str]


def tables(report: Report) -> str:
    """All of it, as wide as the terminal."""
    is_terminal = sys.stdout.isatty()
    width = max(shutil.get_terminal_size().columns, 60) if is_terminal else _PIPED_WIDTH
    console = Console(file=io.StringIO(), width=width, highlight=False, force_terminal=is_terminal)
    for table in _tables(report):
        title, table.title = table.title, None  # a title is broken at its table's width
        console.print(title, style="bold")
        console.print(table)
        console.print()
    return console.file.getvalue().rstrip()  # type: ignore[attr-defined]


def _tables(report: Report) -> Iterable[Table]:
    found = report.found
    captions, answers, letters = found.captions, found.answers, found.letters
    yield _facts(
        f"captionstream report: {report.about}",
        [
            ("captions", number(captions.captions), f"{number(captions.repeats)} repeats left out"),
            ("  reused", number(captions.reused), f"{percent(captions.reuse_rate)} of captions"),
            ("  of replays", number(captions.replayed), "not in the times from upload to caption"),
            ("texts", number(captions.texts), f"{number(captions.texts_reused)} used again"),
            ("withdrawn", number(captions.withdrawn), "records without a value"),
            ("dead letters", number(letters.lost), f"{percent(found.failure_rate)} of uploads with a result"),
            *((f"  {flag}", number(captions.flags[flag]), "captions") for flag in FLAGS if captions.flags[flag]),
        ],
    )
    for title, tally in names(report):
        yield _counts(title, tally, MOST)
    yield _facts(
        "tokens and GPU time",
        [
            ("tokens in", number(answers.input_tokens), f"of {number(answers.answers)} answers, refused ones included"),
            ("tokens out", number(answers.output_tokens), _speed(report)),
            ("tokens saved", number(answers.saved_output_tokens), "out, of texts used again"),
            *report.gpu_lines(),
        ],
    )
    yield _rows("time", ("", "p50", "p90", "p99", "longest", "count"), times(report))
    yield _rows("answers of the model", ("verdict", "answers"), verdicts(report))
    if answers.rules:
        yield _rows("rules that hit", ("rule", "rejected", "redacted", "other"), rules(report))
    if letters.uploads:
        codes = letters.by_code()
        lost = [
            (code.code, number(code.letters), number(code.captioned), ", ".join(code.stages), report.remedy(code))
            for code in codes
        ]
        yield _rows("dead letters", ("code", "uploads", "captioned since", "stage", "remedy"), lost, text=(0, 3, 4))
        yield _rows("sending them back", ("command",), [(report.redrive(code),) for code in codes], text=(0,))
    if found.unreadable or letters.foreign:
        rows = [(topic, number(count), found.first_unreadable[topic]) for topic, count in found.unreadable.items()]
        if letters.foreign:
            rows.append((report.topics.dead_letters, number(letters.foreign), "without the headers of a dead letter"))
        yield _rows("records that are not ours", ("topic", "records", "first"), rows, text=(0, 2))


def names(report: Report) -> list[tuple[str, Tally]]:
    """What captions are counted by."""
    captions = report.found.captions
    moderated = [("moderation verdict", captions.moderated)] if captions.moderated.total() else []
    return [
        ("task", captions.tasks),
        *moderated,
        ("language of texts", captions.languages),
        ("category", captions.categories),
        ("merchant", captions.merchants),
        ("model", captions.models),
    ]


def times(report: Report) -> list[tuple[str, ...]]:
    """Percentiles in words."""
    captions = report.found.captions
    every: list[tuple[str, Spread]] = [
        ("upload to caption", captions.latency),
        ("  generated", captions.latency_generated),
        ("  reused", captions.latency_reused),
        ("generation of a request", report.found.answers.generation),
    ]
    return [
        (
            name,
            *(duration(spread.percentile(share)) for share in (0.5, 0.9, 0.99)),
            duration(spread.largest) if spread.count else DASH,
            number(spread.count),
        )
        for name, spread in every
    ]


def verdicts(report: Report) -> list[tuple[str, str]]:
    """Verdicts, and how often the model was asked again."""
    answers = report.found.answers
    again = sum(count for attempt, count in answers.attempts.items() if attempt)
    rows = [(name, number(count)) for name, count in answers.verdicts.largest()]
    return [*rows, ("answers to a retry", number(again)), ("cut at the limit of tokens", number(answers.cut))]


def rules(report: Report) -> list[tuple[str, ...]]:
    """Rules with what came of it, the most frequent first."""
    ranked = sorted(report.found.answers.rules.items(), key=lambda pair: (-pair[1].total(), pair[0]))
    return [
        (
            rule,
            number(hits["REJECTED"]),
            number(hits["REDACTED"]),
            number(hits.total() - hits["REJECTED"] - hits["REDACTED"]),
        )
        for rule, hits in ranked
    ]


def _speed(report: Report) -> str:
    speed = report.tokens_per_second
    return "" if speed is None else f"{speed:,.0f} a second of busy time"


def _facts(title: str, rows: Iterable[Cells]) -> Table:
    table = Table(title=_text(title), box=None, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(style="dim")
    for row in rows:
        table.add_row(*map(_text, row))
    return table


def _counts(title: str, tally: Tally, most: int) -> Table:
    total = tally.total()
    rows = [(named(name), number(count), percent(count / total)) for name, count in tally.largest(most)]
    return _rows(f"by {title}", (title, "count", "share"), rows)


def _rows(title: str, heads: Cells, rows: Iterable[Cells], text: Sequence[int] = (0,)) -> Table:
    table = Table(title=_text(title), box=None)
    for place, head in enumerate(heads):
        is_text = place in text
        table.add_column(
            _text(head), justify="left" if is_text else "right", overflow="fold" if is_text else "ellipsis"
        )
    for row in rows:
        table.add_row(*map(_text, row))
    return table


def _text(words: str) -> Text:
    return Text(printable(words))
