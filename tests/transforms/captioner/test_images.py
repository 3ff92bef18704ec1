import io
import os
import pickle
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from data.bad_pictures import PICTURES
from data.pictures.blocks import RED, encode, noise, red_jpeg
from data.pictures.huge import HUGE
from PIL import Image, ImageFile, ImageOps

from transforms.captioner.images import decode_rgb, open_checked
from transforms.errors import ImageBomb, ImageCorrupt, ImageFormatUnsupported, ImageTooManyPixels

GOOD = {name: odd for name, odd in PICTURES.items() if odd.facts}
ROOT = Path(__file__).parents[3]


def chart(width: int = 64, height: int = 48) -> Image.Image:
    """Red, green, blue and white quarters: no turn leaves it as it is."""
    image = Image.new("RGB", (width, height), "red")
    image.paste("lime", (width // 2, 0, width, height // 2))
    image.paste("blue", (0, height // 2, width // 2, height))
    image.paste("white", (width // 2, height // 2, width, height))
    return image


@pytest.mark.parametrize("name", GOOD)
def test_odd_pictures_are_upright_rgb_of_the_right_colour(name: str) -> None:
    facts = GOOD[name].facts
    rgb = decode_rgb(GOOD[name].make())
    assert (rgb.mode, rgb.size) == ("RGB", (facts.width, facts.height))
    if facts.colour is not None:
        middle = rgb.getpixel((rgb.width // 2, rgb.height // 2))
        assert middle == pytest.approx(facts.colour, abs=3)


@pytest.mark.parametrize("name", GOOD)
def test_nothing_of_the_file_comes_along(name: str) -> None:
    rgb = decode_rgb(GOOD[name].make())
    assert type(rgb) is Image.Image
    assert rgb.info == {}


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_all_exif_turns(kind: str, orientation: int) -> None:
    tags = Image.Exif()
    tags[0x0112] = orientation
    encoded = encode(chart(), kind, exif=tags.tobytes())
    expected = ImageOps.exif_transpose(Image.open(io.BytesIO(encoded))).convert("RGB")
    assert decode_rgb(encoded).tobytes() == expected.tobytes()


@pytest.mark.parametrize(
    ("size", "at_least", "expected"),
    [
        ((2048, 2100), 256, (256, 263)),
        ((2047, 2100), 256, (512, 525)),
        ((1000, 1000), 256, (500, 500)),
        ((1025, 1025), 512, (513, 513)),
        ((1024, 1024), 1, (256, 256)),
        ((511, 2000), 256, (511, 2000)),
        ((64, 64), 256, (64, 64)),
        ((900, 1000), None, (900, 1000)),
    ],
)
@pytest.mark.parametrize(("mode", "kind"), [("RGB", "JPEG"), ("RGBA", "PNG")])
def test_shrinks_by_powers_of_two_and_never_below_256(size, at_least, expected, mode, kind) -> None:
    assert decode_rgb(encode(Image.new(mode, size), kind), at_least).size == expected


def test_a_shrunk_png_looks_like_its_shrunk_jpeg() -> None:
    picture = noise(64, 48).resize((1024, 768), Image.Resampling.BICUBIC)
    png = np.asarray(decode_rgb(encode(picture, "PNG"), 256), float)
    jpeg = np.asarray(decode_rgb(encode(picture, "JPEG", quality=98, subsampling=0), 256), float)
    assert png.shape == jpeg.shape
    assert np.abs(png - jpeg).mean() < 2


def test_transparency_is_composited_before_it_is_averaged() -> None:
    picture = Image.new("RGBA", (1024, 1024), (0, 0, 0, 0))
    picture.paste((*RED, 255), (0, 0, 512, 1024))
    rgb = decode_rgb(encode(picture, "PNG"), 256)
    assert rgb.getpixel((0, 9)) == RED
    assert rgb.getpixel((255, 9)) == (255, 255, 255)


def test_other_content_is_refused() -> None:
    with pytest.raises(ImageFormatUnsupported, match=r"`474946`.*send JPEG, PNG"):
        decode_rgb(b"GIF")


@pytest.mark.parametrize(
    "error",
    [OSError, SyntaxError, ValueError, EOFError, MemoryError, IndexError, OverflowError, RuntimeError],
)
def test_whatever_pillow_raises_is_the_pictures_fault(monkeypatch, error) -> None:
    def load(image: ImageFile.ImageFile) -> None:
        raise error("x" * 1000)

    monkeypatch.setattr("PIL.JpegImagePlugin.JpegImageFile.load", load)
    with pytest.raises(ImageCorrupt, match=error.__name__) as raised:
        decode_rgb(red_jpeg())
    assert len(raised.value.message) < 300


def test_pillows_own_pixel_guard_is_a_bomb(monkeypatch) -> None:
    def load(image: ImageFile.ImageFile) -> None:
        raise Image.DecompressionBombError

    monkeypatch.setattr("PIL.JpegImagePlugin.JpegImageFile.load", load)
    with pytest.raises(ImageBomb):
        decode_rgb(red_jpeg())


def test_a_raised_cap_is_not_stopped_by_pillows_global_one(monkeypatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert open_checked(red_jpeg(), 10_000, 1).rgb()[0].size == (64, 48)
    with pytest.raises(ImageTooManyPixels):
        open_checked(red_jpeg(), 64 * 48 - 1, 1)


def test_damaged_exif_does_not_warn() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        decode_rgb(PICTURES["exif_of_garbage"].make())


def test_threads_agree() -> None:
    pictures = [odd.make() for odd in GOOD.values() if odd.facts.width < 1000]
    alone = [decode_rgb(picture).tobytes() for picture in pictures]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda picture: decode_rgb(picture).tobytes(), pictures * 3))
    assert together == alone * 3


PEAK = """
import sys
from transforms.captioner.images import decode_rgb, open_checked
from transforms.inspect import InspectLimits, inspect

def peak():
    # Not getrusage: its peak starts at that of the process that forked this one.
    return int(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1]) / 1024

encoded = sys.stdin.buffer.read()
decode_rgb(b"GIF89a\\1\\0\\1\\0\\x80\\0\\0\\0\\0\\0\\0\\0\\0,\\0\\0\\0\\0\\1\\0\\1\\0\\0\\2\\2D\\1\\0;")
before = peak()
{what}
print(peak() - before)
"""
INSPECT = "inspect(encoded, InspectLimits())"
FULL = "decode_rgb(encoded)"


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="peak memory is read from Linux's /proc")
@pytest.mark.parametrize(
    ("name", "what"),
    # Looking at a picture takes less than decoding it whole, but where it must be re-encoded.
    [*((name, FULL) for name in HUGE), ("animated_webp_full_of_metadata", INSPECT)],
)
def test_fifty_megapixels_take_less_than_600_mib(name: str, what: str) -> None:
    command = [sys.executable, "-c", PEAK.format(what=what)]
    done = subprocess.run(command, input=HUGE[name](), capture_output=True, cwd=ROOT, check=True)
    assert 10 < float(done.stdout) < 600


def test_bombs_take_next_to_nothing() -> None:
    bombs = [odd.make() for odd in PICTURES.values() if odd.code == "image_bomb"]
    code = PEAK.format(
        what="""
import pickle
from transforms.errors import ImageBomb
for bomb in pickle.loads(encoded):
    try:
        inspect(bomb, InspectLimits())
    except ImageBomb:
        pass
    else:
        raise AssertionError
"""
    )
    done = subprocess.run(
        [sys.executable, "-c", code], input=pickle.dumps(bombs), capture_output=True, cwd=ROOT, check=True
    )
    assert float(done.stdout) < 120
