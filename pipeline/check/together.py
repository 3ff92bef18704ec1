"""Runs checks at the same time and waits for none of them longer than there is time."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator, Sequence

from pipeline.check.finding import Check, Finding, fail, from_error
from transforms.errors import CaptionstreamError

_DONE = None


def together(checks: Sequence[tuple[str, Check]], seconds: float) -> Iterator[Finding]:
    """What they find, in their order, as far as they came; the name says what one was looking at.

    Threads that are not done in time are left behind: they are daemons, and they only read.
    """
    deadline = time.monotonic() + seconds
    running = [(name, _start(name, check)) for name, check in checks]
    for name, findings in running:
        while True:
            try:
                finding = findings.get(timeout=max(deadline - time.monotonic(), 0.001))
            except queue.Empty:
                yield fail(name, f"did not end within `{seconds:.0f}` s", "see whether what it asks answers at all")
                break
            if finding is _DONE:
                break
            yield finding


def _start(name: str, check: Check) -> queue.SimpleQueue[Finding | None]:
    findings: queue.SimpleQueue[Finding | None] = queue.SimpleQueue()

    def work() -> None:
        try:
            for finding in check():
                findings.put(finding)
        except CaptionstreamError as error:
            findings.put(from_error(name, error))
        except Exception as error:  # a check that breaks must not hide the others
            said = str(error).splitlines()[0][:200] if str(error) else ""
            findings.put(fail(name, f"raised `{type(error).__name__}`: {said}", "please report it"))
        finally:
            findings.put(_DONE)

    threading.Thread(target=work, name=f"check {name}", daemon=True).start()
    return findings
