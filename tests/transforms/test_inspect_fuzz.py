"""Headers and lengths of every format, changed at random but the same each time: a picture or a typed error."""

from collections.abc import Callable
from functools import cache

import pytest
from data.bad_pictures import PICTURES
from data.pictures.blocks import encode, noise
from data.pictures.told import TOLD
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from transforms.captioner.headers import picture_format
from transforms.captioner.images import LEAST_SIDE, decode_rgb
from transforms.errors import InputError
from transforms.inspect import InspectLimits, inspect

LIMITS = InspectLimits(max_pixels=1_000_000)
CODES = {odd.code for odd in PICTURES.values() if odd.code}
KINDS = ("JPEG", "PNG", "WEBP", "GIF", "AVIF")
HEAD = 700
"""Bytes in which the headers of these small pictures lie."""


@cache
def seeds(kind: str) -> tuple[bytes, ...]:
    good = [odd.make() for odd in PICTURES.values() if odd.facts and odd.facts.format == kind]
    told = [make() for name, make in TOLD.items() if name.startswith(kind.lower())]
    return tuple(sorted((one for one in (*good, *told, encode(noise(48, 40), kind)) if len(one) < 20_000), key=len))


@st.composite
def _damaged(draw: Callable[..., int], kind: str) -> bytes:
    data = bytearray(draw(st.sampled_from(seeds(kind))))
    for _ in range(draw(st.integers(0, 4))):
        within = min(len(data), HEAD) if draw(st.booleans()) else len(data)
        place = draw(st.integers(0, within - 1))
        what = draw(st.sampled_from(("bit", "byte", "long", "cut", "twice", "insert")))
        if what == "bit":
            data[place] ^= 1 << draw(st.integers(0, 7))
        elif what == "byte":
            data[place] = draw(st.sampled_from((0, 1, 0x7F, 0x80, 0xFF)))
        elif what == "long":
            data[place : place + 4] = draw(st.sampled_from((bytes(4), b"\xff" * 4, b"\x7f\xff\xff\xff", b"\0\0\0\1")))
        elif what == "cut":
            del data[place : place + draw(st.integers(1, 40))]
        elif what == "twice":
            data[place:place] = data[place : place + draw(st.integers(1, 200))]
        else:
            data[place:place] = draw(st.binary(min_size=1, max_size=8))
        assume(data)
    length = draw(st.integers(0, len(data) * 4))
    return bytes(data[:length])


@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_or_a_typed_error(kind: str) -> None:
    """And what is carried on is the same picture, without a secret in the places where those were."""
    passed = 0

    @given(_damaged(kind))
    @settings(
        max_examples=500, derandomize=True, deadline=5_000, suppress_health_check=list(HealthCheck), database=None
    )
    def check(data: bytes) -> None:
        nonlocal passed
        try:
            picture, decoded = inspect(data, LIMITS)
        except InputError as error:
            fault = error
        else:
            fault = None
        if fault is not None:
            assert fault.code in CODES
            assert "Traceback" not in fault.message
            return
        passed += 1
        carried = decode_rgb(picture.encoded, LEAST_SIDE)
        if decoded is not None:
            assert carried.tobytes() == decoded.tobytes()
        assert carried.size == decode_rgb(data, LEAST_SIDE).size or picture_format(picture.encoded) != picture.format
        assert inspect(picture.encoded, LIMITS)[0].encoded == picture.encoded

    check()
    assert passed > 12
