"""The similarity rule on real photos: a part of what tests/benchmarks/copies.py measures on all of them."""

import pytest
from benchmarks.copies import PHOTOS, Method, measure, photos_in
from benchmarks.edits import BENIGN, copies, patched, recoloured
from data.samples import arrival, candidate
from PIL import Image

from transforms.fingerprint import fingerprint
from transforms.index.decide import DuplicateIndex
from transforms.similarity import PRESETS, SimilarityRule
from transforms.values import Role, Task

SMALL = Image.new("RGB", (64, 64))


@pytest.fixture(scope="module")
def methods() -> dict[str, Method]:
    photos = photos_in(PHOTOS, every=10)
    if not photos:
        pytest.skip("no photos beside this project")
    assert len(photos) == 58
    return measure(photos, None)


def test_copies_are_found(methods: dict[str, Method]) -> None:
    kinds = [edit for edit, _ in copies(SMALL)]
    assert len(kinds) == BENIGN
    found = {edit: methods["balanced"].found(edit) for edit in kinds}
    assert sum(found.values()) / len(found) >= 0.985, found
    assert min(found.values()) >= 0.93, found


def test_recoloured_pictures_are_kept_apart(methods: dict[str, Method]) -> None:
    found = [methods["balanced"].found(edit) for edit, _ in recoloured(SMALL)]
    assert len(found) == 4
    assert sum(found) / len(found) <= 0.08, found
    assert methods["imagehash"].found("hue +60") > 0.7  # a hash alone merges them


def test_different_photos_are_kept_apart(methods: dict[str, Method]) -> None:
    assert methods["strict"].false() == []
    assert methods["balanced"].false() == []


def test_each_preset_finds_more_than_the_one_before(methods: dict[str, Method]) -> None:
    for edit in ("watermark", "2 % crop"):
        found = [methods[name].found(edit) for name in PRESETS]
        assert found == sorted(found)
        assert found[0] < found[2]


@pytest.mark.parametrize("task", [Task.MODERATE, Task.ANSWER])
def test_a_sign_on_a_photo_is_a_copy_to_describe_and_another_picture_to_judge(task: Task) -> None:
    photos = photos_in(PHOTOS, every=12)
    if not photos:
        pytest.skip("no photos beside this project")
    hidden = 0
    for path in photos:
        with Image.open(path) as image:
            photo = image.convert("RGB")
        plain, signed = fingerprint(path.read_bytes()), fingerprint(patched(photo))
        roles = []
        for wanted in (Task.DESCRIBE, task):
            index = DuplicateIndex("shop", SimilarityRule())
            index.assign(arrival(candidate("a", b"a", plain, task=wanted)))
            roles.append(index.assign(arrival(candidate("b", b"b", signed, 1, task=wanted)))[0][0].role)
        hidden += roles[0] is Role.MEMBER
        assert roles[1] is Role.NEW_LEADER
    assert hidden / len(photos) > 0.5, "the sign is to be seen by the hash: this test shows nothing"
