import numpy as np
import pytest
from PIL import Image

from transforms.captioner import flatten as module
from transforms.captioner.flatten import flatten

WHITE = (255, 255, 255)


@pytest.mark.parametrize(
    ("mode", "colour", "expected"),
    [
        ("1", 1, WHITE),
        ("L", 100, (100, 100, 100)),
        ("LA", (100, 255), (100, 100, 100)),
        ("LA", (0, 0), WHITE),
        ("La", (0, 0), WHITE),
        ("PA", (0, 0), WHITE),
        ("RGBA", (0, 0, 0, 0), WHITE),
        ("RGBA", (200, 100, 0, 255), (200, 100, 0)),
        ("RGBa", (0, 0, 0, 0), WHITE),
        ("RGBa", (64, 32, 0, 128), (191, 159, 127)),
        ("RGBX", (1, 2, 3, 0), (1, 2, 3)),
        ("CMYK", (0, 0, 0, 0), WHITE),
        ("CMYK", (255, 0, 0, 0), (0, 255, 255)),
        ("YCbCr", (255, 128, 128), WHITE),
        ("I;16", 65535, WHITE),
        ("I;16", 40000, (156, 156, 156)),
        ("I;16B", 40000, (156, 156, 156)),
        ("I;16L", 257, (1, 1, 1)),
        ("I", 40000, (156, 156, 156)),
        ("I", 200, (1, 1, 1)),
        ("F", 0.5, (128, 128, 128)),
        ("F", 100.0, (100, 100, 100)),
        ("F", float("nan"), (0, 0, 0)),
    ],
)
@pytest.mark.parametrize("factor", [1, 4])
def test_one_colour_in_every_mode(mode, colour, expected, factor) -> None:
    flat = flatten(Image.new(mode, (9, 6), colour), factor)
    assert (flat.mode, flat.size) == ("RGB", (9, 6) if factor == 1 else (3, 2))
    assert {flat.getpixel((x, y)) for x in range(flat.width) for y in range(flat.height)} == {expected}


@pytest.mark.parametrize(("mode", "top"), [("I", 131_070), ("F", 1_000.0)])
def test_values_beyond_the_usual_range_stretch_it(mode, top) -> None:
    image = Image.new(mode, (3, 1), 0)
    image.putpixel((1, 0), top / 2 if mode == "F" else top // 2)
    image.putpixel((2, 0), top)
    assert [flatten(image).getpixel((x, 0))[0] for x in range(3)] == [0, 128, 255]


def test_sixteen_bits_keep_their_order() -> None:
    ramp = np.linspace(0, 65535, 512).astype(np.uint16).reshape(2, 256)
    grey = np.asarray(flatten(Image.fromarray(ramp)))[..., 0].ravel()
    assert (np.diff(grey.astype(int)) >= 0).all()
    assert len(set(grey.tolist())) == 256


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB"])
def test_a_transparent_colour_becomes_white(mode) -> None:
    image = Image.new(mode, (4, 2), 0)
    image.putpixel((3, 1), (9, 9, 9) if mode == "RGB" else 1)
    image.info["transparency"] = (0, 0, 0) if mode == "RGB" else 0
    flat = flatten(image)
    assert flat.getpixel((0, 0)) == WHITE
    assert mode == "1" or flat.getpixel((3, 1)) != WHITE


@pytest.mark.parametrize("factor", [1, 2, 8])
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P", "CMYK", "I;16", "F"])
def test_strips_leave_no_seam(monkeypatch, mode, factor) -> None:
    pixels = np.random.default_rng(3).integers(0, 256, (101, 37, 3), np.uint8)
    image = Image.fromarray(pixels)
    if mode == "I;16":
        image = Image.fromarray(pixels[..., 0].astype(np.uint16) * 257)
    elif mode != "RGB":
        image = image.convert(mode)
    whole = flatten(image, factor)
    monkeypatch.setattr(module, "STRIP_PIXELS", 100)
    assert flatten(image, factor).tobytes() == whole.tobytes()


def test_the_source_is_left_alone() -> None:
    image = Image.new("RGB", (4, 4), "red")
    image.info["comment"] = "private"
    flat = flatten(image)
    assert flat.info == {}
    flat.putpixel((0, 0), (0, 0, 0))
    assert image.getpixel((0, 0)) == (255, 0, 0)
    assert image.info == {"comment": "private"}
