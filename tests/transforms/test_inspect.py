import contextlib
import hashlib
import io
import os
import random
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from data.bad_pictures import PICTURES
from data.pictures.blocks import encode, exif, gif_frames, noise, plain, red_jpeg, segments
from data.samples import record, upload
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from transforms.captioner.images import LEAST_SIDE, Opened, decode_rgb
from transforms.errors import (
    ConfigInvalid,
    ImageCorrupt,
    ImageFormatUnsupported,
    ImageTooLarge,
    ImageTooManyPixels,
    InputError,
)
from transforms.fingerprint import fingerprint, fingerprint_picture
from transforms.inspect import InspectImage, InspectLimits, inspect
from transforms.values import Fetched, Inspected, Picture

ROOT = Path(__file__).parents[2]
LIMITS = InspectLimits()
BAD = {name: odd for name, odd in PICTURES.items() if odd.code}
GOOD = {name: odd for name, odd in PICTURES.items() if odd.facts}


def look(encoded: bytes, limits: InspectLimits = LIMITS) -> Picture:
    return inspect(encoded, limits)[0]


def test_there_are_enough_oddities() -> None:
    assert len(BAD) >= 450
    assert len(GOOD) >= 40


@pytest.mark.parametrize("name", BAD)
def test_bad_pictures_answer_with_their_code(name: str) -> None:
    encoded = BAD[name].make()
    started = time.process_time()
    with pytest.raises(InputError) as raised:
        inspect(encoded, LIMITS)
    assert raised.value.code == BAD[name].code
    for word in BAD[name].words:
        assert word in raised.value.message
    assert "Traceback" not in raised.value.message
    assert time.process_time() - started < 2


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="peak memory is read from Linux's /proc")
def test_all_bad_pictures_together_take_little_memory() -> None:
    """In one process, made there, too. Each has its two seconds above."""
    program = """
import sys
sys.path[:0] = [".", "tests"]
from data.bad_pictures import PICTURES
from transforms.errors import InputError
from transforms.inspect import InspectLimits, inspect
seen = 0
for odd in PICTURES.values():
    if odd.code:
        try:
            inspect(odd.make(), InspectLimits())
        except InputError as error:
            seen += error.code == odd.code
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(seen, peak.split()[1])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, cwd=ROOT, check=True)
    seen, kibibytes = map(int, done.stdout.split())
    assert seen == len(BAD)
    assert kibibytes < 600 * 1024


@pytest.mark.parametrize("name", GOOD)
def test_good_pictures_are_described(name: str) -> None:
    encoded, facts = GOOD[name].make(), GOOD[name].facts
    picture = look(encoded)
    assert (picture.format, picture.width, picture.height, picture.frames) == (
        facts.format,
        facts.width,
        facts.height,
        facts.frames,
    )
    assert picture.sha256 == hashlib.sha256(encoded).digest()
    assert len(picture.encoded) <= LIMITS.max_encoded


@pytest.mark.parametrize("name", GOOD)
def test_the_fingerprint_is_the_same_of_what_was_decoded_and_of_the_bytes(name: str) -> None:
    inspected = InspectImage(LIMITS)(Fetched(record(), upload(), GOOD[name].make()))
    read_back = Inspected(inspected.record, inspected.upload, inspected.picture)
    assert read_back == inspected
    assert fingerprint_picture(read_back) == fingerprint_picture(inspected)


def test_a_picture_is_decoded_once(monkeypatch) -> None:
    loads = []
    load = JpegImageFile.load
    monkeypatch.setattr(JpegImageFile, "load", lambda self: (self.tile and loads.append(self.size), load(self))[1])
    encoded = encode(noise(2000, 1100), "JPEG", quality=20)
    fingerprint_picture(InspectImage(LIMITS)(Fetched(record(), upload(), encoded)))
    assert loads == [(500, 275)]


@pytest.mark.parametrize("size", [(64, 48), (300, 300), (640, 480), (1024, 1024), (3000, 2100)])
@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_that_is_cut_anywhere_is_found(size: tuple[int, int], progressive: bool) -> None:
    """Also where it is decoded at a half, a quarter or an eighth: every coefficient is still read."""
    whole = encode(noise(*size), "JPEG", quality=30, progressive=progressive)
    inspect(whole, InspectLimits(max_encoded=8 * 2**20))
    for left in (len(whole) // 2, len(whole) * 9 // 10, len(whole) - 200, len(whole) - 20):
        with pytest.raises(ImageCorrupt):
            inspect(whole[:left], InspectLimits(max_encoded=8 * 2**20))


def test_what_was_decoded_is_what_the_bytes_decode_to() -> None:
    encoded = encode(noise(1100, 900), "JPEG", quality=30, exif=exif(6))
    decoded = inspect(encoded, LIMITS)[1]
    assert decoded is not None
    assert decoded.tobytes() == decode_rgb(encoded, LEAST_SIDE).tobytes()
    assert inspect(encoded, InspectLimits(max_encoded=16 * 2**10))[1] is None


def test_a_large_file_is_carried_as_a_jpeg_of_the_models_budget() -> None:
    encoded = encode(noise(400, 300).resize((2000, 1500)), "PNG", compress_level=1)
    picture = look(encoded)
    carried = Image.open(io.BytesIO(picture.encoded))
    assert (picture.format, picture.width, picture.height) == ("PNG", 2000, 1500)
    assert (carried.format, carried.mode) == ("JPEG", "RGB")
    assert 0.99 * LIMITS.model_max_pixels < carried.width * carried.height <= LIMITS.model_max_pixels
    assert carried.width / carried.height == pytest.approx(4 / 3, rel=0.01)


def test_metadata_of_a_large_file_is_dropped_and_its_turn_kept() -> None:
    upright = noise(60, 40).resize((1500, 1000), Image.Resampling.BICUBIC)
    sensor = upright.transpose(Image.Transpose.ROTATE_90)
    encoded = encode(sensor, "JPEG", quality=100, exif=exif(6), comment=b"made at home")
    assert len(encoded) > LIMITS.max_encoded
    picture = look(encoded)
    carried = Image.open(io.BytesIO(picture.encoded))
    assert (picture.width, picture.height) == (1500, 1000)
    assert carried.width > carried.height
    assert not carried.getexif()
    assert b"made at home" not in picture.encoded
    small = upright.resize(carried.size)
    for x, y in ((100, 100), (800, 100), (100, 500)):
        assert carried.getpixel((x, y)) == pytest.approx(small.getpixel((x, y)), abs=40)


def test_a_small_picture_in_a_large_file_keeps_its_size() -> None:
    encoded = segments(red_jpeg(), *[(0xE2, bytes(60_000))] * 10)
    picture = look(encoded)
    assert len(picture.encoded) < 1000
    assert Image.open(io.BytesIO(picture.encoded)).size == (64, 48)


@pytest.mark.parametrize("max_encoded", [16 * 2**10, 40 * 2**10, 200 * 2**10])
def test_quality_and_then_size_give_way_until_it_fits(max_encoded: int) -> None:
    picture = look(encode(noise(1000, 1000), "PNG"), InspectLimits(max_encoded=max_encoded))
    assert max_encoded / 4 < len(picture.encoded) <= max_encoded


@pytest.mark.parametrize("size", [(60_000, 3), (3, 60_000), (1, 40_000)])
def test_a_strip_over_the_carried_size_becomes_a_jpeg(size: tuple[int, int]) -> None:
    encoded = encode(noise(*size), "PNG")
    picture = look(encoded, InspectLimits(max_encoded=16 * 2**10))
    assert (picture.width, picture.height) == size
    assert decode_rgb(picture.encoded).size[size[0] < size[1]] <= 16_384


def test_the_same_bytes_are_carried_the_same() -> None:
    encoded = encode(noise(1000, 1000), "PNG")
    assert look(encoded) == look(encoded)


def test_limits_are_inclusive() -> None:
    encoded = red_jpeg()
    inspect(encoded, InspectLimits(max_bytes=len(encoded), max_pixels=64 * 48, max_frames=1))
    with pytest.raises(ImageTooLarge):
        inspect(encoded, InspectLimits(max_bytes=len(encoded) - 1))
    with pytest.raises(ImageTooManyPixels):
        inspect(encoded, InspectLimits(max_pixels=64 * 48 - 1))


def test_avif_without_a_decoder_is_refused(monkeypatch) -> None:
    monkeypatch.setattr("transforms.inspect.FORMATS", ("JPEG",))
    with pytest.raises(ImageFormatUnsupported, match=r"`AVIF`.*no AVIF.*send JPEG$"):
        inspect(encode(plain(), "AVIF"), LIMITS)


@pytest.mark.parametrize(
    ("field", "value", "option"),
    [
        ("max_bytes", 0, "--max-image-bytes"),
        ("max_pixels", 0, "--max-image-pixels"),
        ("max_frames", 0, "--max-image-frames"),
        ("max_encoded", 1000, "--max-encoded-bytes"),
        ("model_max_pixels", 1000, "--max-pixels"),
    ],
)
def test_wrong_limits_name_their_option(field: str, value: int, option: str) -> None:
    with pytest.raises(ConfigInvalid, match=f"{option} `{value}`.*mend {option}"):
        InspectLimits(**{field: value})


@pytest.mark.parametrize(
    "make",
    [
        lambda: b"\xff\xd8\xff\xe0\0\2" + bytes(10_000_000),
        lambda: b"\xff\xd8" + b"\xff" * 10_000_000,
        lambda: segments(red_jpeg(), *[(0xE1, b"Exif\0\0" + bytes(20_000))] * 490),
        lambda: gif_frames(1)[:-3] + b"\1\0" * 5_000_000 + b";",
        lambda: gif_frames(1, b"\x21\xfe" + b"\1x" * 5_000_000 + b"\0"),
        lambda: gif_frames(650_000),
        lambda: red_jpeg()[:-2] + red_jpeg()[2:] * 15_000,
    ],
    ids=["zeros", "padding", "exif", "pieces", "comment", "frames", "pictures"],
)
def test_ten_megabytes_of_malice_take_seconds_at_most(make) -> None:
    encoded = make()
    started = time.process_time()
    with contextlib.suppress(InputError):
        inspect(encoded, LIMITS)
    assert time.process_time() - started < 3


def test_mutilated_pictures_raise_nothing_else() -> None:
    rng = random.Random(5)
    seeds = [odd.make() for odd in GOOD.values()] + [encode(noise(64, 48), kind) for kind in ("JPEG", "WEBP", "AVIF")]
    seeds = [seed for seed in seeds if len(seed) < 20_000]
    limits = InspectLimits(max_pixels=1_000_000)
    passed = 0
    for _ in range(4_000):
        data = bytearray(rng.choice(seeds))
        for _ in range(rng.choice((1, 2, 8))):
            at = rng.randrange(len(data))
            data[at : at + rng.randrange(4)] = rng.randbytes(rng.randrange(4)) or b"\xff"
        try:
            fingerprint(look(bytes(data), limits).encoded)
            passed += 1
        except InputError:
            pass
    assert 100 < passed < 3_500


def test_large_pictures_are_decoded_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("transforms.inspect.LARGE_PIXELS", 100)
    inside, most, changed = 0, 0, threading.Condition()
    rgb = Opened.rgb

    def counted(opened: Opened, at_least: int | None = None) -> object:
        nonlocal inside, most
        with changed:
            inside += 1
            most = max(most, inside)
            changed.notify_all()
            changed.wait_for(lambda: inside > 1, timeout=0.05)  # another has time to come in, if it may
        made = rgb(opened, at_least)
        with changed:
            inside -= 1
        return made

    monkeypatch.setattr(Opened, "rgb", counted)
    encoded = encode(noise(64, 48), "JPEG")
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: look(encoded), range(8)))
    assert (len(done), most) == (8, 1)
