"""Entries for a person at a terminal."""

from __future__ import annotations

import io
import json
import shutil
import sys
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.inspect.decoded import Entry
from pipeline.inspect.find import Found
from pipeline.inspect.said import said
from pipeline.terminal import printable
from transforms.cloudevents import moment
from transforms.dead_letter import CONNECT

_PIPED_WIDTH = 200


def whole(entry: Entry) -> str:
    """One record with all of its fields; a dead letter's stack trace is in the JSON only."""
    shown = entry.as_json()
    shown["headers"] = {
        name: value for name, value in entry.headers.items() if name != f"{CONNECT}exception.stacktrace"
    }
    lines = json.dumps(shown, ensure_ascii=False, indent=2).splitlines()
    return "\n".join(printable(line) for line in lines)


def history(found: Found, about: str) -> str:
    """A table of entries, the oldest first."""
    entries = found.entries
    if not entries:
        return f"nothing of {printable(about)} is in these topics; {found.records:,} records were read"
    topics = len({entry.place.topic for entry in entries})
    more = f"; {found.left_out:,} older ones are left out" if found.left_out else ""
    head = f"{about}: {len(entries):,} records in {topics} {'topic' if topics == 1 else 'topics'}{more}"
    return f"{printable(head)}\n{_table(entries)}"


def _table(entries: Sequence[Entry]) -> str:
    is_terminal = sys.stdout.isatty()
    width = max(shutil.get_terminal_size().columns, 60) if is_terminal else _PIPED_WIDTH
    console = Console(file=io.StringIO(), width=width, highlight=False, force_terminal=is_terminal)
    table = Table("time", "what", "where", "it says", box=None, header_style="bold")
    for column in table.columns[:2]:
        column.no_wrap = True
    table.columns[2].overflow = "fold"
    for entry in entries:
        cells = (moment(entry.time_ms), entry.kind, str(entry.place), said(entry))
        table.add_row(*(Text(printable(cell)) for cell in cells))
    console.print(table)
    return console.file.getvalue().rstrip()  # type: ignore[attr-defined]
