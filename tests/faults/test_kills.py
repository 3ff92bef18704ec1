"""Processes that die while generations are pending and duplicates wait."""

import os
import signal
from collections.abc import Callable

from faults.scene import Scene


def test_task_manager_killed_mid_generation(scene: Callable[..., Scene]) -> None:
    case = scene()
    case.start()
    case.hold(leaders=24, copies=12)
    case.wait_for_checkpoint()
    pending = case.hold(leaders=12, copies=6)  # these are in no checkpoint, or in the next
    case.flink.kill_task_manager()
    case.flink.start_task_manager()
    case.release()
    case.wait_for_all()
    assert case.job.checkpoints().restored >= 1
    case.check(pending)


def test_task_manager_killed_before_the_first_checkpoint_then_bursts_and_silence(
    scene: Callable[..., Scene],
) -> None:
    case = scene()
    case.start(beam=("--checkpointing_interval=3600000",))
    pending = case.hold(leaders=12, copies=8)
    assert case.job.checkpoints().completed == 0
    case.flink.kill_task_manager()
    case.flink.start_task_manager()
    case.release()
    case.wait_for_all()
    assert case.job.checkpoints().restored == 0
    assert case.job.failures()
    for _ in range(2):
        case.uploads.copies(case.uploads.leaders(case.rng.randrange(1, 4)), 1)
        case.take_checkpoint()  # silence; what the checkpoint held back would stay there
        case.wait_for_all()
    case.check(pending)


def test_sdk_worker_killed(scene: Callable[..., Scene]) -> None:
    case = scene()
    case.start()
    case.hold(leaders=16, copies=8)
    case.wait_for_checkpoint(case.rng.randrange(1, 3))
    pending = case.hold(leaders=8, copies=4)
    before = case.tally()["pid"]
    assert case.pool.kill_workers() == 1
    case.wait(lambda: case.tally()["pid"] != before, "another worker works")
    case.release()
    case.wait_for_all()
    assert case.job.failures()
    case.check(pending)


def test_captioner_s_process_killed(scene: Callable[..., Scene]) -> None:
    case = scene(captioner="faults.gated:hosted")
    case.start()
    case.hold(leaders=16, copies=8)
    case.wait_for_checkpoint(case.rng.randrange(1, 3))
    pending = case.hold(leaders=8, copies=4)
    worker, child = case.tally()["pid"], case.tally()["child"]
    os.kill(child, signal.SIGKILL)
    case.wait(lambda: case.tally()["child"] != child, "another process answers")
    case.wait(lambda: case.tally()["held"] == pending, "what was pending is asked again")
    case.release()
    case.wait_for_all()
    assert not case.job.failures()
    assert case.tally()["pid"] == worker  # nothing else has noticed
    case.check(pending)


def test_more_than_five_megabytes_of_state(scene: Callable[..., Scene]) -> None:
    case = scene()
    case.start()
    pictures = case.uploads.big_leaders(110)
    case.wait(lambda: case.tally().get("held") == len(pictures), "all are pending")
    failed = case.job.checkpoints().failed  # before all tasks ran
    case.wait_for_checkpoint(2)
    assert (case.job.checkpoints().last_bytes or 0) > 5 << 20
    assert case.job.checkpoints().failed == failed
    case.flink.kill_task_manager()
    case.flink.start_task_manager()
    case.release()
    case.wait_for_all()
    assert case.job.checkpoints().restored >= 1
    case.check(len(pictures))
