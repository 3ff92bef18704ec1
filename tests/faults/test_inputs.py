"""Trouble that comes with the uploads, in the middle of other trouble."""

from collections.abc import Callable

from data.web_host import WebHost, drip, picture
from faults.gated import lines
from faults.scene import Scene
from live.shop import product_png

from transforms.fetch import FetchLimits, HttpLimits


def test_deletion_while_its_caption_is_pending(scene: Callable[..., Scene]) -> None:
    case = scene()
    case.start()
    pending = case.hold(leaders=12, copies=6)
    ids = [image_id for image_id in case.uploads.ids if image_id not in case.watch.seen]
    gone = case.rng.sample(ids, 3)
    for image_id in gone:
        case.uploads.delete(image_id)
    case.wait(lambda: case.tally().get("deletions", 0) >= 3, "the deletions were seen")
    case.wait_for_checkpoint()
    case.flink.kill_task_manager()
    case.flink.start_task_manager()
    case.release()
    case.wait_for_all()
    assert case.job.failures()
    captions = case.settled("captions")
    for image_id in gone:
        of_it = [record for record in captions if record.key == image_id.encode()]
        assert of_it[-1].value is None, f"a caption of the deleted `{image_id}` stays"
    case.check(pending)


def test_a_thousand_poison_records_in_a_row(scene: Callable[..., Scene]) -> None:
    case = scene()
    case.start()
    case.hold(leaders=12, copies=6)
    case.uploads.poison(1000)
    case.wait_for_checkpoint()
    pending = case.hold(leaders=6, copies=3)
    case.flink.kill_task_manager()
    case.flink.start_task_manager()
    case.release()
    case.wait_for_all()
    assert case.job.failures()
    case.check(pending)
    [code] = {
        next(header.value for header in record.headers if header.name == "caption.error.code")
        for record in case.published().dead_letters
    }
    assert code == b"event_undecodable"


def test_the_card_is_short_of_memory_once(scene: Callable[..., Scene]) -> None:
    case = scene(captioner="faults.gated:tiny_with_oom")
    case.start()
    ids = case.uploads.leaders(10)
    case.wait(lambda: case.asked() == 10, "all are pending")
    case.uploads.copies(ids, 5)
    case.wait(lambda: case.tally().get("waited", 0) == 5, "duplicates wait")
    case.release()
    case.wait_for_all()
    assert lines(case.gate / "oom") == 1
    # What a worker has counted is written ten times a second, on a loaded machine later.
    case.wait(lambda: case.tally()["generations"] >= 10, "all generations are counted")
    assert case.tally()["generations"] == 10
    case.check()


def test_an_image_host_hangs(scene: Callable[..., Scene]) -> None:
    """Its uploads end as dead letters; those of a host that is well, and those with their picture in them, do not."""

    def well(head: str) -> bytes:
        return picture(product_png(int(head.split()[1].strip("/").removesuffix(".png"))))

    with WebHost(lambda _: drip(b"", hangs.closing, 60)) as hangs, WebHost(well) as other:
        http = HttpLimits(("127.0.0.1",), allow_plain=True, ports=(other.port,), networks=("127.0.0.1/32",))
        case = scene(fetch=FetchLimits(http=http))
        ports = ("--fetch-port", str(hangs.port), "--fetch-port", str(other.port))
        case.start(
            *("--fetch-host", "127.0.0.1", "--fetch-plain-http", "--fetch-network", "127.0.0.1/32", *ports),
            *("--fetch-timeout", "4s"),
        )
        case.hold(leaders=12, copies=6)
        case.wait_for_checkpoint()
        pending = case.hold(leaders=6, copies=3)
        case.uploads.hopeless(hangs, case.rng.randrange(80, 160))
        hosted = case.uploads.hosted(other, 8)
        case.wait(lambda: hangs.accepted >= 1, "pictures are asked of the host that hangs")
        case.flink.kill_task_manager()
        case.flink.start_task_manager()
        case.release()
        case.wait_for_all()
        assert case.job.failures()
        case.check(pending + len(hosted))
        assert hangs.accepted < len(case.uploads.poisoned)  # it is left alone after some
        codes = {
            next(header.value for header in record.headers if header.name == "caption.error.code")
            for record in case.published().dead_letters
        }
        assert codes == {b"image_unreadable"}
