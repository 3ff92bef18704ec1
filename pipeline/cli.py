"""The ``captionstream`` command. Thin: each command's work is elsewhere and is imported when it runs.

Exit codes: 0 done; 1 the job failed or the demo found a difference; 2 wrong options; 130 interrupted.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

from pipeline.options import parser, replay_config
from transforms.errors import CaptionstreamError, ConfigInvalid


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    parsed = parser().parse_args(arguments)
    before = logging.root.manager.disable
    with warnings.catch_warnings():
        if not parsed.verbose:
            # Libraries log whole traces for what is said in one line below; --verbose shows them.
            logging.disable(logging.CRITICAL)
            warnings.simplefilter("ignore")
        try:
            return _run(parsed)
        finally:
            logging.disable(before)


def _run(parsed: argparse.Namespace) -> int:
    try:
        return {"demo": _demo, "replay": _replay}[parsed.command](parsed)
    except KeyboardInterrupt:
        _say("interrupted")
        return 130
    except CaptionstreamError as error:
        if parsed.verbose:
            logging.getLogger(__name__).exception("the command failed")
        _say(f"{error.code}: {error.message}")
        return 2 if isinstance(error, ConfigInvalid) else 1
    except Exception as error:
        if parsed.verbose:
            raise
        _say(f"unexpected `{type(error).__name__}`: {str(error).splitlines()[0][:300] if str(error) else ''}")
        _say("run it again with --verbose for the trace, and please report it")
        return 1


def _demo(parsed: argparse.Namespace) -> int:
    report = Path(parsed.report)
    try:  # before the run, not after it
        report.parent.mkdir(parents=True, exist_ok=True)
        report.open("a").close()
    except OSError as error:
        raise ConfigInvalid(f"report `{report}` cannot be written (`{error.strerror}`); mend --report") from error
    from pipeline.demo.run import run_demo

    return run_demo(parsed.seed, parsed.report, as_json=parsed.json)


def _replay(parsed: argparse.Namespace) -> int:
    config = replay_config(parsed)
    from pipeline.kafka.replay import resolve
    from pipeline.progress import Progress
    from pipeline.runners import run_embedded

    spans = resolve(config.kafka, config.topics.uploads, parsed.start, parsed.stop)
    records = sum(span.stop - span.start for span in spans)
    for span in spans:
        _say(f"{span.topic} partition {span.partition}: offsets {span.start} to {span.stop}")
    _say(f"{records} records, run {config.run_id}")
    with Progress("Captioning", records):
        counters = run_embedded(config, spans)
    print(json.dumps(counters) if parsed.json else _table(counters))
    return 0


def _table(counters: dict[str, int]) -> str:
    width = max((len(name) for name in counters), default=0)
    return "\n".join(f"{name:<{width}}  {value:>10,}" for name, value in sorted(counters.items()))


def _say(line: str) -> None:
    print(f"captionstream: {line}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
