"""What a picture says besides its pixels ends at Inspect image."""

import io
import struct
import zlib

import numpy as np
import pytest
from data.bad_pictures import PICTURES
from data.pictures.blocks import chunk, encode, exif, noise, png, red_jpeg
from data.pictures.told import SECRET, TOLD, said, subject
from data.samples import caption, record, text, upload
from PIL import Image

from schemas.state import StateCodec
from transforms.audit import Audit
from transforms.captioner.headers import picture_format
from transforms.captioner.images import decode_rgb
from transforms.encode import Encode
from transforms.errors import ImageCorrupt
from transforms.fingerprint import fingerprint_picture
from transforms.inspect import InspectImage, InspectLimits, inspect
from transforms.metadata import bare
from transforms.values import Candidate, Fetched, Finished

LIMITS = InspectLimits()
GOOD = {name: odd.make for name, odd in PICTURES.items() if odd.facts}


@pytest.mark.parametrize("name", TOLD)
def test_the_secrets_are_there_to_begin_with(name: str) -> None:
    encoded = TOLD[name]()
    assert SECRET in encoded or said(encoded) or b"tIME" in encoded


@pytest.mark.parametrize("name", TOLD)
def test_nothing_is_told(name: str) -> None:
    encoded = TOLD[name]()
    carried = inspect(encoded, LIMITS)[0].encoded
    assert SECRET not in carried
    assert said(carried) == []
    for word in (
        b"GPS",
        b"xmp",
        b"XMP",
        b"tEXt",
        b"zTXt",
        b"iTXt",
        b"tIME",
        b"ICC",
        b"8BIM",
        b"JFXX",
        b"uuid",
        b"Exif\0\0II",
    ):
        assert word not in carried


@pytest.mark.parametrize("name", [name for name in TOLD if not name.startswith("avif")])
def test_pixels_and_turn_stay_what_they_are(name: str) -> None:
    encoded = TOLD[name]()
    picture, decoded = inspect(encoded, LIMITS)
    before, after = decode_rgb(encoded), decode_rgb(picture.encoded)
    assert before.tobytes() == after.tobytes() == (decoded or after).tobytes()
    assert (picture.width, picture.height) == before.size == after.size
    assert picture_format(picture.encoded) == picture.format
    assert len(picture.encoded) < len(encoded)
    assert inspect(picture.encoded, LIMITS)[0].encoded is picture.encoded  # there is nothing left to do


@pytest.mark.parametrize("name", [name for name in TOLD if name.startswith("avif")])
def test_of_an_avif_that_tells_the_pixels_are_carried_as_a_jpeg(name: str) -> None:
    encoded = TOLD[name]()
    picture = inspect(encoded, LIMITS)[0]
    before, after = decode_rgb(encoded), decode_rgb(picture.encoded)
    assert (picture.format, picture_format(picture.encoded)) == ("AVIF", "JPEG")
    assert (picture.width, picture.height) == before.size == after.size
    assert np.abs(np.asarray(before, np.int16) - np.asarray(after, np.int16)).mean() < 4


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_every_turn_is_kept(kind: str, turn: int) -> None:
    encoded = encode(subject(), kind, exif=exif(turn))
    made = bare(encoded, kind, turn)
    assert made is not None
    assert decode_rgb(made).tobytes() == decode_rgb(encoded).tobytes()
    assert Image.open(io.BytesIO(made)).getexif().get(0x0112, 1) == turn


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "AVIF"])
def test_where_there_is_nothing_the_bytes_are_carried_themselves(kind: str) -> None:
    """They are a part of the record, and are not written twice."""
    encoded = encode(noise(64, 48), kind)
    assert bare(encoded, kind, 1) is encoded
    assert inspect(encoded, LIMITS)[0].encoded is encoded


@pytest.mark.parametrize("name", GOOD)
def test_odd_pictures_stay_what_they_are(name: str) -> None:
    encoded = GOOD[name]()
    picture = inspect(encoded, LIMITS)[0]
    if picture_format(picture.encoded) == picture.format and len(encoded) <= LIMITS.max_encoded:
        assert decode_rgb(picture.encoded).tobytes() == decode_rgb(encoded).tobytes()
    assert inspect(picture.encoded, LIMITS)[0].encoded == picture.encoded


@pytest.mark.parametrize(
    ("marker", "how"),
    [
        (b"\xff\x78\0\4ab", {"restart_marker_rows": 1}),
        (b"\xff\xb3", {"restart_marker_rows": 1}),
        (b"\xff\x01", {"restart_marker_rows": 1}),
        (b"\xff\x01", {"progressive": True}),
        (b"\xff\x01", {}),
    ],
)
def test_of_a_damaged_scan_the_model_sees_what_the_fingerprint_is_of(marker: bytes, how: dict[str, object]) -> None:
    """Decoders go on behind a marker that is none, each in its way."""
    whole, looked_at = encode(noise(96, 64), "JPEG", comment=b"hi", **how), 0
    begin = whole.index(b"\xff\xda") + 20
    for place in range(begin, len(whole) - 2, (len(whole) - begin) // 40):
        try:
            picture, decoded = inspect(whole[:place] + marker + whole[place:], LIMITS)
        except ImageCorrupt:
            continue
        looked_at += 1
        assert decoded is None or decode_rgb(picture.encoded).tobytes() == decoded.tobytes()
    assert looked_at


def test_of_an_animation_whose_later_frame_stands_first_the_model_sees_what_the_fingerprint_is_of() -> None:
    control = chunk(b"fcTL", struct.pack(">IIIIIHHBB", 0, 64, 48, 0, 0, 1, 10, 0, 0))
    frame = chunk(b"fdAT", struct.pack(">I", 1) + zlib.compress((b"\0" + b"\0\0\xff" * 64) * 48))
    encoded = png(64, 48, 8, 2, b"\xff\0\0" * 64, chunk(b"acTL", struct.pack(">II", 2, 0)), control, frame)
    picture, decoded = inspect(encoded, LIMITS)
    seen = decode_rgb(picture.encoded)
    assert decoded is None or seen.tobytes() == decoded.tobytes()
    assert np.abs(np.asarray(seen, np.int16) - np.asarray(decode_rgb(encoded), np.int16)).mean() < 4


def test_a_structure_that_cannot_be_followed_is_left_to_others() -> None:
    assert bare(red_jpeg()[:30], "JPEG", 1) != red_jpeg()[:30]
    assert bare(b"RIFF", "WEBP", 1) is None
    assert bare(b"GIF89a", "GIF", 1) is None


@pytest.mark.parametrize("name", ["jpeg exif turned", "jpeg xmp", "png exif", "webp", "gif comment", "avif exif"])
def test_neither_state_nor_any_topic_has_it(name: str) -> None:
    """Of a picture that was fetched. One inside its event rides along with that event, to the dead letters."""
    inspected = InspectImage(LIMITS)(Fetched(record(), upload("i", uri="https://shop.example/1"), TOLD[name]()))
    made = fingerprint_picture(inspected)
    stored = StateCodec(Candidate).encode(made)
    done = Encode("captions", "r", True, Audit("audits", "r"))(
        Finished(caption=caption(of=made, texts=(text(of=made),)))
    )
    published = [
        part for out in (*done.records, *done.audits) for part in (out.key, out.value, *(h.value for h in out.headers))
    ]
    assert len(done.audits) == 1
    for content in (stored, *published):
        assert SECRET not in (content or b"")
