"""``captionstream check``."""

from __future__ import annotations

import argparse
import itertools
import json
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from pipeline.commands import replay
from pipeline.commands import run as live
from pipeline.commands.shared import EXIT_CODES, add_command, job_config, library_name
from pipeline.commands.uploads import offsets

if TYPE_CHECKING:
    from pipeline.check.finding import Finding
    from pipeline.check.plan import Plan

TAKES_BEAM_OPTIONS = True
JOBS = {"run": live, "replay": replay}
SECONDS = 8.5
"""For everything, from the start of the command; Python starts before it and ends after it."""
LEAST_SECONDS = 3.0
"""For what is asked after loading what that takes, however long it took."""
_FAILS = "something must be mended"

_EXAMPLE = """example:
  captionstream check {job} --config shop.toml
  captionstream check {job} --bootstrap-servers broker:9092 --topic image-uploads --model /models/Qwen3-VL-8B-Instruct

Put `check` before the words of a job, and it tells what would stop the job or make it lose data, a line each: ok, warn
or fail, and what to do. It reads only, and writes and commits nothing: it may be run beside a job in production. It
takes about ten seconds at most, however silent a broker is.
"""


def add(commands: Any) -> None:
    """Declare its options: those of the jobs."""
    check = commands.add_parser(
        "check",
        help="tell what would stop a job or make it lose data; changes nothing",
        description=f"Tell what would stop a job or make it lose data.\n\n{_EXAMPLE.format(job='run')}\n"
        "Without the name of a job it is `run`.",
        epilog=EXIT_CODES.format(_FAILS),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    jobs = check.add_subparsers(dest="job", required=True, metavar="JOB")
    for name, job in JOBS.items():
        example = _EXAMPLE.format(job=name)
        command = add_command(jobs, name, f"check what `{name}` would do", example, fails=_FAILS)
        command.add_argument("--json", action="store_true", help="print one JSON object a line")
        job.declare(command)


def named(arguments: list[str]) -> list[str]:
    """The arguments, with the job that is meant where none is named."""
    if arguments[:1] == ["check"] and not {*JOBS, "-h", "--help"} & set(arguments[1:2]):
        return ["check", "run", *arguments[1:]]
    return arguments


def run(parsed: argparse.Namespace) -> int:
    """Run it."""
    import time

    began = time.monotonic()
    from pipeline.check.contact import Contact
    from pipeline.check.probe import WHAT, Probe
    from pipeline.commands.captioner import captioner
    from pipeline.commands.kafka import kafka_options

    with Probe(captioner(parsed)) as probe, Contact(kafka_options(parsed)) as brokers:  # both take seconds
        policy = list(_policy(parsed))
        plan = plan_of(parsed)
        from pipeline.check.checks import checks_of
        from pipeline.check.together import together

        checks = [*checks_of(plan, brokers)]
        if plan.is_here:
            checks.append((WHAT, lambda: probe.findings(_left(began, time.monotonic()))))
        findings = together(checks, _left(began, time.monotonic()) + 0.5)
        return _tell(policy, findings, parsed.json, lambda: time.monotonic() - began)


def plan_of(parsed: argparse.Namespace) -> Plan:
    """The job, refused where the job itself would refuse its options. Raises `ConfigInvalid`."""
    from dataclasses import replace as with_changes

    from pipeline.check.plan import Plan
    from pipeline.commands.runner import submission
    from pipeline.runners.options import Submission

    name = library_name(parsed)
    config = job_config(_with_prompts_that_load(parsed, name))
    job: Submission | None = None
    if parsed.job == "replay":
        replay.span(parsed)
        if parsed.runner != "embedded":
            job = submission(parsed, config, is_bounded=True)
        return Plan(config, job, name, only_changed=parsed.only_changed)
    live.live_read(parsed, config)
    moment, rewind = live.start(parsed)
    places = offsets(parsed, "from_offset")
    starts_anew = not (parsed.resume or rewind is not None or places or moment.text != "committed")
    return Plan(with_changes(config, is_replay=False), submission(parsed, config), name, parsed.group, starts_anew)


def _with_prompts_that_load(parsed: argparse.Namespace, name: str) -> argparse.Namespace:
    """A broken library has a line of its own; with the bundled one the rest can be looked at all the same."""
    from transforms.captioner.prompts import Library
    from transforms.errors import ConfigInvalid

    try:
        Library.load(name)
    except ConfigInvalid:
        return argparse.Namespace(**{**vars(parsed), "prompts": "default"})
    return parsed


def _policy(parsed: argparse.Namespace) -> Iterator[Finding]:
    """The policy's own line; with the bundled one the rest can be looked at all the same."""
    from pipeline.check.finding import from_error, ok
    from transforms.errors import ConfigInvalid
    from transforms.review import load_policy

    try:
        policy = load_policy(parsed.policy)
    except ConfigInvalid as error:
        yield from_error(f"policy {parsed.policy}", error)
        parsed.policy = "default"
    else:
        words = sum(len(one.words) for one in policy.classes)
        yield ok(
            f"policy {parsed.policy}", f"version {policy.version}, {len(policy.classes)} word lists, {words:,} words"
        )


def _left(began: float, now: float) -> float:
    return max(LEAST_SECONDS, SECONDS - (now - began))


def _tell(first: list[Finding], others: Iterable[Finding], as_json: bool, seconds: Any) -> int:
    from rich.console import Console

    from pipeline.check.finding import Level
    from pipeline.terminal import printable

    console = Console(highlight=False, soft_wrap=True)
    counted = dict.fromkeys(Level, 0)
    for finding in itertools.chain(first, others):
        counted[finding.level] += 1
        if as_json:
            line = {"level": finding.level, "what": finding.what, "found": finding.found, "remedy": finding.remedy}
            print(json.dumps(line, ensure_ascii=False), flush=True)
            continue
        style = {Level.OK: "green", Level.WARN: "yellow", Level.FAIL: "bold red"}[finding.level]
        console.print(f"{finding.level:<5}", style=style, end="")
        console.print(printable(f"{finding.what}: {finding.found}"), markup=False)
        if finding.remedy:
            console.print(f"     → {printable(finding.remedy)}", markup=False)
    if not as_json:
        told = ", ".join(f"{number} {level}" for level, number in counted.items())
        console.print(f"{told} in {seconds():.1f} s", markup=False)
    return 1 if counted[Level.FAIL] else 0
