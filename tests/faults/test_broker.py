"""The broker goes away and comes back, or is slow."""

from collections.abc import Callable

from faults.scene import Scene
from live.slow_broker import slow

from pipeline.local.kafka import LocalKafka


def test_broker_stopped_and_started_again(scene: Callable[..., Scene]) -> None:
    with LocalKafka() as own:
        case = scene(own)
        case.start()
        case.hold(leaders=12, copies=6)
        case.wait_for_checkpoint()
        pending = case.hold(leaders=6, copies=3)
        own.stop() if case.rng.random() < 0.5 else own.kill()
        case.release()  # answers come, and cannot be written
        case.wait(lambda: len(case.job.failures()) > 0, "the job has failed on it")
        own.start()
        case.uploads.leaders(3)
        case.wait_for_all()
        assert case.job.state() in ("RUNNING", "RESTARTING")
        case.check(pending)
        case.close()


def test_cold_readers_of_a_slow_broker(scene: Callable[..., Scene]) -> None:
    """A reader that gave up its first poll before the answer, and began anew, would never read anything."""
    with LocalKafka() as own:
        case = scene(own)
        case.start()
        case.hold(leaders=12, copies=6)
        case.wait_for_checkpoint()
        pending = case.hold(leaders=6, copies=3)
        before = case.tally()["pid"]
        with slow(own, case.rng):
            assert case.pool.kill_workers() == 1  # with it go all consumers
            case.wait(lambda: case.tally()["pid"] != before, "another worker works")
            case.uploads.leaders(3)
            case.release()
            case.wait_for_all()
        assert case.job.failures()
        case.check(pending)
        case.close()
