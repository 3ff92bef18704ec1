"""The broker goes away and comes back."""

from collections.abc import Callable

from faults.scene import Scene

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
