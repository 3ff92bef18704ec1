"""Output that a checkpoint leaves in the runner: why `finish_bundle_before_checkpointing` is not optional."""

from collections.abc import Callable

from faults.scene import Scene

BURST = ("--checkpointing_interval=1500", "--max_bundle_time_mills=20000", "--max_bundle_size=512")


def test_a_burst_comes_out_with_it(scene: Callable[..., Scene]) -> None:
    case = scene()
    case.release()
    case.start(beam=BURST)
    case.wait_for_checkpoint()
    case.uploads.leaders(40)
    case.wait(lambda: case.committed() == 40, "all are read, and safe in a checkpoint")
    case.wait_for_checkpoint(3)
    case.wait_for_all()
    case.check()


def test_without_it_a_burst_stays_inside_and_the_watchdog_says_so(scene: Callable[..., Scene]) -> None:
    case = scene()
    case.release()
    flag = "--finish_bundle_before_checkpointing=false"
    case.start("--watchdog", "9s", "--watchdog-fails", beam=(*BURST, flag), unchecked=True)
    case.wait_for_checkpoint()
    case.uploads.leaders(40)
    before = case.job.checkpoints().completed
    case.wait(lambda: "none was finished" in case.said() or bool(case.job.failures()), "a watchdog says so")
    assert case.job.checkpoints().completed - before >= 3  # it looked healthy all the while
    assert len(case.watch.seen) < 40
    said = case.said() + "".join(case.job.failures())
    assert "uploads are owed" in said or "`40` uploads lie in the topic and none was finished" in said
