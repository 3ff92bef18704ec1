"""The ``captionstream`` command. Thin: each command's work is elsewhere and is imported when it runs.

Options come from the command line, a config file and the environment (`pipeline.settings`). Exit codes are those that
every ``--help`` ends with: 0 done, 1 it failed, 2 wrong options, 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import select
import signal
import sys
from collections.abc import Mapping, Sequence
from types import FrameType
from typing import NoReturn

from pipeline.commands import (
    audit,
    check,
    demo,
    duplicates,
    inspect,
    own_pictures,
    redrive,
    replay,
    report,
    run,
    schemas,
    submit,
)
from pipeline.settings.apply import apply
from pipeline.settings.parser import CommandParser
from pipeline.terminal import quiet, say, threads_aside
from transforms.errors import CaptionstreamError, ConfigInvalid

_COMMANDS = {
    "run": run,
    "replay": replay,
    "demo": demo,
    "try": own_pictures,
    "check": check,
    "submit": submit,
    "redrive": redrive,
    "duplicates": duplicates,
    "report": report,
    "inspect": inspect,
    "audit": audit,
    "schemas": schemas,
}

_OVERVIEW = """Kafka image-upload events in, Avro caption records out.

example:
  captionstream demo
  captionstream replay --config shop.toml
"""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = CommandParser(
        prog="captionstream",
        description=_OVERVIEW,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="`captionstream COMMAND --help` shows an example first; docs/reference.md lists every option.",
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in _COMMANDS.values():
        command.add(commands)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    try:
        parsed = parse(sys.argv[1:] if arguments is None else list(arguments))
    except ConfigInvalid as error:
        return _refused(error)
    with _quiet(parsed):
        return _run(parsed)


def entry() -> NoReturn:
    """The process: `main`, and from Ctrl-C or its end on silence, in which Beam's servers and threads end."""
    try:
        parsed = parse(sys.argv[1:])
    except ConfigInvalid as error:
        sys.exit(_refused(error))
    with _quiet(parsed) as undo:
        if not parsed.verbose and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, _interrupt)
        code = _run(parsed)
        if not parsed.verbose:
            sys.stdout.flush()
            signal.signal(signal.SIGINT, lambda *_: os._exit(code))  # nothing is left to be stopped in good order
            threads_aside()
            logging.disable(logging.CRITICAL)
        undo.pop_all()  # it stays so
    sys.exit(code)


def parse(arguments: list[str], environ: Mapping[str, str] = os.environ) -> argparse.Namespace:
    """The command and its options; what follows ``--`` is ``beam``, for the runner.

    Raises `ConfigInvalid` for what a config file or a variable says; exits for what the command line does.
    """
    arguments = check.named(arguments)
    split = arguments.index("--") if "--" in arguments else len(arguments)
    top = parser()
    sources = apply(top, arguments[:split], environ)
    parsed = top.parse_args(arguments[:split])
    parsed.sources, parsed.beam = sources, arguments[split + 1 :]
    if parsed.beam and not getattr(_COMMANDS[parsed.command], "TAKES_BEAM_OPTIONS", False):
        top.error(f"{parsed.command} takes no options after --")
    return parsed


def _quiet(parsed: argparse.Namespace) -> contextlib.AbstractContextManager[contextlib.ExitStack]:
    return quiet(parsed.verbose, getattr(_COMMANDS[parsed.command], "SHOWS_LOGS", False))


def _refused(error: ConfigInvalid) -> int:
    say(f"{error.code}: {error.message}")
    return 2


def _interrupt(signum: int, frame: FrameType | None) -> None:
    threads_aside()
    signal.default_int_handler(signum, frame)


def _run(parsed: argparse.Namespace) -> int:
    try:
        code = _COMMANDS[parsed.command].run(parsed)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        say("interrupted")
        return 130
    except CaptionstreamError as error:
        if parsed.verbose:
            logging.getLogger(__name__).exception("the command failed")
        say(f"{error.code}: {parsed.sources.explain(error.message)}")
        return 2 if isinstance(error, ConfigInvalid) else 1
    except Exception as error:
        if isinstance(error, BrokenPipeError) and _reader_left():
            return 1
        if parsed.verbose:
            raise
        say(f"unexpected `{type(error).__name__}`: {str(error).splitlines()[0][:300] if str(error) else ''}")
        say("run it again with --verbose for the trace, and please report it")
        return 1


def _reader_left() -> bool:
    """Whether nobody reads what we print, as with ``| head``: then the rest goes nowhere, and there is no fault."""
    pipes = select.poll()
    pipes.register(sys.stdout.fileno(), 0)
    has_left = any(event & (select.POLLERR | select.POLLHUP) for _, event in pipes.poll(0))
    if has_left:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return has_left


if __name__ == "__main__":
    entry()
