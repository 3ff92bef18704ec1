import json
import random

import numpy as np
import pytest
from PIL import Image

from transforms.captioner.patches import PatchRule, patchify
from transforms.errors import ImageFormatUnsupported


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((100, 100), (256, 256)),
        ((4000, 3000), (864, 640)),
        ((768, 768), (768, 768)),
        ((300, 80), (512, 160)),
        ((10, 1500), (32, 3136)),
    ],
)
def test_sizes_are_multiples_of_a_visual_token_within_the_limits(size, expected):
    assert PatchRule().capped(768 * 768).size(*size) == expected


def test_the_cap_wins_over_the_minimum():
    rule = PatchRule().capped(1024)
    assert (rule.min_pixels, rule.max_pixels) == (1024, 1024)
    assert rule.size(500, 500) == (32, 32)


def test_a_line_is_refused():
    with pytest.raises(ImageFormatUnsupported) as caught:
        PatchRule().size(1001, 5)
    assert str(caught.value) == "picture of `1001x5` pixels is over 200 times as long as wide; crop it"
    assert PatchRule().size(1000, 5)


def test_patches_hold_every_pixel_in_merge_order():
    rng = random.Random(0)
    pixels = np.frombuffer(rng.randbytes(64 * 96 * 3), np.uint8).reshape(64, 96, 3)
    patches = patchify(Image.fromarray(pixels), PatchRule(min_pixels=1024))
    assert (patches.rows, patches.columns, patches.tokens) == (4, 6, 6)
    assert patches.pixels.shape == (24, 768)
    assert patches.pixels.dtype == np.uint8
    # The first four patches are one visual token: the upper left 32 x 32 pixels.
    for number, (top, left) in enumerate([(0, 0), (0, 16), (16, 0), (16, 16), (0, 32)]):
        expected = pixels[top : top + 16, left : left + 16].transpose(2, 0, 1)
        assert np.array_equal(patches.pixels[number], expected.ravel())


def test_levels_follow_mean_and_standard_deviation():
    levels = PatchRule(mean=(0.5, 0.4, 0.3), std=(0.5, 0.2, 0.1)).levels()
    assert (levels.shape, levels.dtype) == ((3, 256), np.float32)
    assert levels[:, 255] == pytest.approx([1, 3, 7])


def test_the_rule_is_read_from_either_file(tmp_path):
    config = {"patch_size": 14, "size": {"shortest_edge": 10, "longest_edge": 20}, "image_mean": [0, 0, 0]}
    assert PatchRule.read(tmp_path, {}) == PatchRule()
    (tmp_path / "processor_config.json").write_text(json.dumps({"image_processor": config}))
    rule = PatchRule.read(tmp_path, {"patch_size": 14})
    assert (rule.patch, rule.min_pixels, rule.max_pixels, rule.mean) == (14, 10, 20, (0, 0, 0))
    (tmp_path / "preprocessor_config.json").write_text(json.dumps({"min_pixels": 5, "max_pixels": 6}))
    assert (PatchRule.read(tmp_path, {}).min_pixels, PatchRule.read(tmp_path, {}).max_pixels) == (5, 6)
    with pytest.raises(ValueError, match=r"patch_size is 14 in `config\.json`, 16 for the pictures"):
        PatchRule.read(tmp_path, {"patch_size": 14})
