"""``captionstream demo``."""

from __future__ import annotations

import argparse
from typing import Any

from pipeline.commands.shared import add_command, writable_report

_EXAMPLE = "example:\n  captionstream demo --seed 7 --report report.html\n"


def add(commands: Any) -> None:
    """Declare its options."""
    summary = "run the whole job on a real local broker and check every event"
    demo = add_command(commands, "demo", summary, _EXAMPLE, fails="an event did not end where it should")
    demo.add_argument("--seed", type=int, default=1, help="which script of events (default 1)")
    demo.add_argument("--report", default="captionstream-report.html", help="HTML report to write")
    demo.add_argument("--json", action="store_true", help="print one JSON object instead of the table")


def run(parsed: argparse.Namespace) -> int:
    """Run it."""
    report = writable_report(parsed.report)
    from pipeline.demo.run import run_demo

    return run_demo(parsed.seed, str(report), as_json=parsed.json)
