"""Writes docs/errors.md from the error tree: ``python docs/make_errors.py``. A test holds the two together."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path

from transforms.errors import CaptionstreamError, InputError, JobError

PAGE = Path(__file__).with_name("errors.md")

_HEAD = """# Error codes

Made from [transforms/errors.py](../transforms/errors.py) by `docs/make_errors.py`: mend it there.

A message always says what happened, with the value in backticks, and what to do. The codes below are stable: in the
header `caption.error.code` of a dead letter, in counters, and before the message that a command prints.
"""
_DEAD_LETTERS = """
## One upload's fault: dead letters

The upload's record goes to the dead-letter topic as it came, and the job goes on. What is *retryable* may succeed
without a change; `captionstream redrive --retryable-only` sends those back, `--code CODE` one kind.
"""
_JOB = """
## Not an upload's fault: the job or the command stops

Uploads are never turned into dead letters for these. A command prints `captionstream: CODE: MESSAGE` and ends with exit
code 2 for `config_invalid`, 1 for the others.
"""


def leaves(error: type[CaptionstreamError]) -> Iterator[type[CaptionstreamError]]:
    """The classes below, in the order of their definition, that are raised: those that have no class below them."""
    below = error.__subclasses__()
    if not below:
        yield error
    for one in below:
        yield from leaves(one)


def section(error: type[CaptionstreamError]) -> str:
    """What happened, and what to do."""
    happened, _, remedy = inspect.cleandoc(error.__doc__ or "").partition("\n\n")
    again = " *Retryable.*" if error.retryable else ""
    return f"\n### `{error.code}`\n\n{happened}{again}\n\n**What to do.** {remedy}\n"


def page() -> str:
    """The whole page."""
    parts = [_HEAD, _DEAD_LETTERS, *map(section, leaves(InputError)), _JOB, *map(section, leaves(JobError))]
    return "".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
