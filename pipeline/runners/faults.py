"""Says why a job stopped, out of what a runner raises."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

from transforms import errors


@contextlib.contextmanager
def plain_faults() -> Iterator[None]:
    """Raise the `JobError` behind what a runner raises inside; and Ctrl-C as such, which Beam wraps in a stage."""
    try:
        yield
    except Exception as error:
        if str(error).startswith("KeyboardInterrupt"):
            raise KeyboardInterrupt from error
        fault = job_error(error)
        if fault is None:
            raise
        raise fault from error


def job_error(error: BaseException) -> errors.JobError | None:
    """The `JobError` behind what a runner raised: it may come as a cause, or only as text from a worker."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, errors.JobError):
            return type(cause)(_plain(cause.message))
        cause = cause.__cause__ or cause.__context__
    for name, message in re.findall(r"transforms\.errors\.(\w+): (.*)", str(error)):
        kind = getattr(errors, name, None)
        if isinstance(kind, type) and issubclass(kind, errors.JobError):
            return kind(_plain(message))
    return None


def _plain(message: str) -> str:
    return re.sub(r" \[while running .*$", "", message.splitlines()[0])
