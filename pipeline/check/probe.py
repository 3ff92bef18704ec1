"""What only torch can tell, asked of a process of its own: to import it takes seconds, and it can be killed.

``python -m pipeline.check.probe OPTIONS``, `CaptionerOptions` in JSON, writes findings, one JSON array a line.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from types import TracebackType

from pipeline.check.finding import Finding, Level, fail, from_error, ok, warn
from transforms.captioner.api import CaptionerOptions
from transforms.captioner.memory import GIB
from transforms.errors import JobError

WHAT = "weights"


class Probe:
    """``with Probe(options) as probe:`` it works while other things are looked at; at the end it is gone."""

    def __init__(self, options: CaptionerOptions) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._began = time.monotonic()
        if not options.has_checkpoint or options.download:  # a check downloads nothing
            return
        self._process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", "pipeline.check.probe", json.dumps(asdict(options))],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def __enter__(self) -> Probe:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def findings(self, seconds: float) -> Iterator[Finding]:
        """What it found; a warning when it is not done in time."""
        if self._process is None:
            return
        is_late = False
        try:
            said, _ = self._process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            is_late = True
            self._process.kill()
            said, _ = self._process.communicate()
        for line in said.splitlines():
            level, what, found, remedy = json.loads(line)
            yield Finding(Level(level), what, found, remedy)
        if is_late:
            found = (
                "shapes and room were not looked at: PyTorch and transformers need over "
                f"`{time.monotonic() - self._began:.0f}` s to load here"
            )
            yield warn(
                WHAT, found, "nothing; the job looks before it reads an upload, or run the check on a faster machine"
            )
        elif code := self._process.returncode:
            remedy = "say `python -c 'import torch'` to see why"
            yield fail(WHAT, f"not looked at: the process that asks PyTorch ended with `{code}`", remedy)


def look(options: CaptionerOptions) -> Iterator[Finding]:
    """In this process. Imports torch."""
    yield from _device(options.device)
    from transforms.captioner.checkpoint import check_checkpoint

    try:
        check_checkpoint(options)
    except JobError as error:
        yield from_error(WHAT, error)
    else:
        yield ok(WHAT, f"have the shapes that the configuration wants, and there is room on {options.device}")


def _device(device: str) -> Iterator[Finding]:
    import torch

    cards = torch.cuda.device_count()
    if device == "cpu" and cards:
        yield warn("device", f"--device is cpu, and there are {cards} GPUs", "say --device cuda to use one")
    elif device == "cpu":
        yield ok("device", f"cpu, PyTorch {torch.__version__}; no GPU is seen")
    elif (torch.device(device).index or 0) < cards:  # of one that is not there, the checkpoint's check says it
        free, total = torch.cuda.mem_get_info(device)
        name = torch.cuda.get_device_name(device)
        yield ok(
            "device", f"{device} is {name}: {free / GIB:.1f} of {total / GIB:.1f} GiB free, PyTorch {torch.__version__}"
        )


def main() -> None:
    """Look, and write what was found."""
    options = CaptionerOptions(**json.loads(sys.argv[1]))
    for finding in look(options):
        print(json.dumps([finding.level, finding.what, finding.found, finding.remedy]), flush=True)


if __name__ == "__main__":
    main()
