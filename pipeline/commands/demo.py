"""``captionstream demo``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from pipeline.commands.shared import add_command
from transforms.errors import ConfigInvalid

_EXAMPLE = "example:\n  captionstream demo --seed 7 --report report.html\n"


def add(commands: Any) -> None:
    """Declare its options."""
    summary = "run the whole job on a real local broker and check every event"
    demo = add_command(commands, "demo", summary, _EXAMPLE)
    demo.add_argument("--seed", type=int, default=1, help="which script of events (default 1)")
    demo.add_argument("--report", default="captionstream-report.html", help="HTML report to write")
    demo.add_argument("--json", action="store_true", help="print one JSON object instead of the table")


def run(parsed: argparse.Namespace) -> int:
    """Run it."""
    report = Path(parsed.report)
    try:  # before the run, not after it
        report.parent.mkdir(parents=True, exist_ok=True)
        report.open("a").close()
    except OSError as error:
        raise ConfigInvalid(f"report `{report}` cannot be written (`{error.strerror}`); mend --report") from error
    from pipeline.demo.run import run_demo

    return run_demo(parsed.seed, parsed.report, as_json=parsed.json)
