"""Output that a checkpoint leaves in the runner: why `finish_bundle_before_checkpointing` is not optional."""

from collections.abc import Callable

import pytest
from faults.scene import Scene

BURST = ("--checkpointing_interval=1500", "--max_bundle_time_mills=20000", "--max_bundle_size=512")


@pytest.mark.parametrize("finishes", [False, True])
def test_one_burst_and_then_silence(scene: Callable[..., Scene], finishes: bool) -> None:
    case = scene()
    case.release()
    flag = f"--finish_bundle_before_checkpointing={str(finishes).lower()}"
    case.start(beam=(*BURST, flag), unchecked=not finishes)
    case.wait_for_checkpoint()
    case.leaders(40)
    case.wait(lambda: case.tally().get("uploads_read", 0) >= 40, "all are read")
    case.wait_for_checkpoint(6)
    if finishes:
        case.wait_for_all()
        case.check()
    else:
        assert len(case.watch.seen) < 40
