"""Jobs that are stopped and started again: from a savepoint, an older checkpoint, or a rewound offset."""

from collections.abc import Callable

from faults.scene import Scene

ENDED = ("FINISHED", "FAILED", "CANCELED")


def cancel(case: Scene) -> None:
    case.job.cancel()
    case.wait(lambda: case.job.state() in ENDED, "it is cancelled")


def test_stop_with_savepoint_and_resume(scene: Callable[..., Scene]) -> None:
    case = scene()
    case.start()
    pending = case.hold(leaders=16, copies=10)
    savepoint = case.job.stop_with_savepoint(case.folder / "savepoints")
    case.wait(lambda: case.committed() == len(case.uploads.ids), "the group knows of all that the savepoint holds")
    case.uploads.leaders(3)
    case.start("--resume", savepoint)
    case.wait(lambda: case.job.checkpoints().restored == 1, "it went on from the savepoint")
    case.release()
    case.wait_for_all()
    case.wait(lambda: case.tally().get("resubmitted", 0) >= pending, "what was pending was submitted again")
    case.check(pending)


def test_restore_from_an_older_checkpoint(scene: Callable[..., Scene]) -> None:
    case = scene()
    case.start()
    case.hold(leaders=16, copies=8)
    case.wait_for_checkpoint()
    complete = sorted(case.checkpoints.glob("*/chk-*/_metadata"), key=lambda path: path.stat().st_mtime_ns)
    older = complete[-1].parent
    pending = case.hold(leaders=8, copies=4)
    case.wait_for_checkpoint(2)
    cancel(case)
    case.start("--resume", older.as_uri())
    case.release()
    case.wait_for_all()
    assert case.job.checkpoints().restored == 1
    case.check(pending)


def test_a_range_is_delivered_again(scene: Callable[..., Scene]) -> None:
    case = scene()
    case.start()
    pending = case.hold(leaders=16, copies=8)
    case.wait_for_checkpoint(2)  # the group's offsets are committed, beyond what is pending
    cancel(case)
    case.start("--rewind", "1h")
    case.release()
    case.wait_for_all()
    case.check(pending + 16)  # what was let out before is in nobody's state any more


def test_a_job_that_started_warm_goes_on_from_its_savepoint(scene: Callable[..., Scene]) -> None:
    case = scene()
    cache = ("--cache-topic", f"cache-{case.name}")
    case.kafka.create_topics({cache[1]: 2})
    case.start(*cache)
    case.release()
    ids = case.uploads.leaders(6)
    case.wait_for_all()
    case.job.stop_with_savepoint(case.folder / "first")
    asked = case.asked()

    case.start(*cache, "--from", "latest")
    case.wait(
        lambda: case.tally().get("cache_learned", 0) == 12, "the texts of six pictures in two languages are known"
    )
    copies = case.uploads.copies(ids, 8)
    case.wait_for_all()
    savepoint = case.job.stop_with_savepoint(case.folder / "second")

    case.start(*cache, "--resume", savepoint)
    case.wait(lambda: case.job.checkpoints().restored == 1, "it went on from the savepoint")
    copies += case.uploads.copies(ids, 8)
    case.wait_for_all()
    assert case.asked() == asked == 6
    told = {caption["image_id"]: caption for caption in case.shop.captions()}
    for copy in copies:
        original = copy.partition("-")[0]
        assert (told[copy]["origin"], told[copy]["duplicate_of"]) == ("REUSED", original)
        assert [text["caption"] for text in told[copy]["texts"]] == [
            text["caption"] for text in told[original]["texts"]
        ]
