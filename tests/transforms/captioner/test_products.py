import hashlib
import random

import pytest

from transforms.captioner.prompts import Library
from transforms.captioner.tiny import products
from transforms.captioner.tiny.products import ALL, HELD_OUT, SIZES, TRAIN, Spec, caption, render


def test_the_split_is_the_one_the_checkpoint_was_trained_with():
    assert (len(ALL), len(HELD_OUT), len(TRAIN)) == (1500, 225, 1275)
    assert not set(HELD_OUT) & set(TRAIN)
    joined = "\n".join(" ".join(spec) for spec in HELD_OUT)
    assert hashlib.sha256(joined.encode()).hexdigest()[:16] == "83121ed71b051716"


def test_fifty_pictures_are_the_same_to_the_pixel():
    rng = random.Random(11)
    digest = hashlib.sha256()
    for spec in HELD_OUT[:50]:
        picture = render(spec, rng)
        digest.update(repr(picture.size).encode() + picture.tobytes())
    assert digest.hexdigest() == "40eb516f0aa9fd0d969dbc1d8906dd995d44ebfd178fba9dfb66c949e701a06a"


def test_every_category_is_drawn_in_every_size():
    for category in products.CATEGORIES:
        for size in (*SIZES, (200, 120)):
            spec = Spec("red", "white", "dotted", category)
            picture = render(spec, random.Random(1), size)
            assert (picture.mode, picture.size) == ("RGB", size)
            assert len(picture.getcolors(maxcolors=1 << 16)) > 3


@pytest.mark.parametrize(
    ("spec", "english", "chinese"),
    [
        (
            Spec("orange", "beige", "striped", "hat"),
            "an orange striped hat on a beige background",
            "一顶橙色条纹帽子,米色背景",
        ),
        (
            Spec("gray", "light blue", "plain", "shoe"),
            "a gray shoe on a light blue background",
            "一只灰色鞋子,浅蓝色背景",
        ),
    ],
)
def test_captions(spec, english, chinese):
    assert caption(spec, "en") == english
    assert caption(spec, "zh-Hans") == chinese
    with pytest.raises(KeyError):
        caption(spec, "zh")


def test_the_tiny_prompts_are_those_of_the_training():
    library = Library.load("tiny")
    assert library.languages("DESCRIBE") == tuple(sorted(products.PROMPTS))
    for language, text in products.PROMPTS.items():
        prompt = library.render("any", "DESCRIBE", language, {"title": "x"}, None)
        assert (prompt.text, prompt.system, prompt.max_new_tokens) == (text, "", 32)
