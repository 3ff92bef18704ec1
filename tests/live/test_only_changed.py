"""A replay that captions only what the current prompts and model would caption differently."""

from collections.abc import Callable
from pathlib import Path

import pytest
from live.shop import Shop, near_copy, product_png

from pipeline.local.kafka import LocalKafka
from transforms import inflight
from transforms.captioner.api import CaptionerInfo, CaptionerOptions
from transforms.captioner.fake import FakeCaptioner
from transforms.captioner.prompts import Library
from transforms.inflight import Inflight

pytestmark = pytest.mark.broker

PROMPT = '[[prompt]]\nid = "{id}"\ntask = "DESCRIBE"\ncategory = "{category}"\nlanguage = "en"\ntext = "{text}"\n'


@pytest.fixture
def shop(kafka: LocalKafka, topics: Callable[..., dict[str, str]]) -> Shop:
    return Shop(kafka.bootstrap_servers, topics({"uploads": 2, "captions": 3, "dead": 1, "audit": 1}))


def uploaded(shop: Shop, **more: object) -> None:
    for n in range(4):
        png, category = product_png(n), "shoes" if n % 2 else "mugs"
        event = {"image": png, "languages": ["en"], "category": category, **more}
        shop.upload({"image_id": f"a{n}", **event}, {"image_id": f"b{n}", **event, "image": near_copy(png)})


def library(folder: Path, shoes: str) -> Library:
    path = folder / "prompts.toml"
    every = PROMPT.format(id="any", category="*", text="Describe it.")
    path.write_text('version = "1"\n' + every + PROMPT.format(id="shoes", category="shoes", text=shoes))
    return Library.load(str(path))


def written(shop: Shop) -> list[int]:
    return [len(shop.raw(name)) for name in ("captions", "audit", "dead")]


def test_a_second_replay_writes_nothing(shop: Shop) -> None:
    uploaded(shop)
    first = shop.run_changed()
    assert (first["captions"], first.get("unchanged", 0)) == (8, 0)
    before = written(shop)
    second = shop.run_changed()
    assert second["unchanged"] == second["uploads_read"] == 8
    assert second.get("captions", 0) == second.get("generations", 0) == 0
    assert written(shop) == before == [8, 8, 0]


def test_a_changed_prompt_captions_its_category_again(shop: Shop, tmp_path: Path) -> None:
    uploaded(shop)
    shop.run(prompts=library(tmp_path, "Describe the shoe."))
    old = {c["event_id"] for c in shop.captions()}
    counters = shop.run_changed(prompts=library(tmp_path, "Describe the shoe, and its sole."))
    assert (counters["captions"], counters["unchanged"]) == (4, 4)
    new = [c for c in shop.captions() if c["event_id"] not in old]
    assert sorted(c["image_id"] for c in new) == ["a1", "a3", "b1", "b3"]
    assert len(shop.captions()) == 12
    assert shop.run_changed(prompts=library(tmp_path, "Describe the shoe, and its sole."))["unchanged"] == 8


def test_another_model_captions_everything_again(shop: Shop) -> None:
    uploaded(shop)
    shop.run()
    options, captioner = CaptionerOptions(kind="fake", model="fake-2"), FakeCaptioner()
    captioner.info = CaptionerInfo("fake-2", "1", 8)
    inflight.preload(options, Inflight(captioner))
    counters = shop.run_changed(captioner=options)
    assert (counters["captions"], counters.get("unchanged", 0)) == (8, 0)
    assert [c["model"] for c in shop.captions()].count("fake-2") == 8


def test_new_uploads_and_new_pictures_are_captioned(shop: Shop) -> None:
    uploaded(shop)
    shop.run()
    shop.upload(
        {"image_id": "new", "image": product_png(9), "languages": ["en"]},
        {"image_id": "a0", "image": product_png(8), "languages": ["en"], "category": "mugs"},
    )
    assert (shop.run_changed()["captions"], len(shop.captions())) == (2, 10)


def test_a_dead_letter_is_tried_again(shop: Shop) -> None:
    shop.upload({"image_id": "a", "image": b"no picture"}, {"image_id": "b", "image": product_png(1)})
    shop.run()
    counters = shop.run_changed()
    assert (counters["unchanged"], counters["dead_letters"], len(shop.raw("dead"))) == (1, 1, 2)


def states(shop: Shop, image_id: str) -> list[bool]:
    """Whether each record of the image has a caption, in order."""
    return [record.value is not None for record in shop.raw("captions") if record.key == image_id.encode()]


def test_a_deleted_image_stays_deleted(shop: Shop) -> None:
    shop.upload(
        {"image_id": "gone", "image": product_png(5), "merchant": ""},
        {"image_id": "kept", "image": product_png(6), "merchant": ""},
        (b"gone", None),
    )
    shop.run()
    counters = shop.run_changed()
    assert (counters["unchanged"], counters["captions"], counters["deletions"]) == (1, 1, 1)
    assert states(shop, "gone")[-1] is False
    assert states(shop, "kept") == [True]


def test_an_image_uploaded_again_after_its_deletion_stays(shop: Shop) -> None:
    event = {"image_id": "back", "image": product_png(5), "merchant": ""}
    shop.upload(event, (b"back", None))
    shop.run()
    shop.upload(event)  # the same event id as before the deletion
    for _ in range(2):
        shop.run_changed()
        assert states(shop, "back")[-1] is True


def test_an_image_deleted_and_uploaded_again_while_nobody_listened_stays(shop: Shop) -> None:
    event = {"image_id": "back", "image": product_png(5), "merchant": ""}
    shop.upload(event)
    shop.run()
    shop.upload((b"back", None), event)
    shop.run_changed()
    assert states(shop, "back")[-1] is True
