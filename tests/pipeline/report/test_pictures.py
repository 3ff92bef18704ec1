"""Thumbnails: of the picture that was captioned, checked as the job checks it, and of nothing else."""

import base64
import hashlib
import io

import pytest
from data.bad_pictures import PICTURES
from data.samples import record
from data.shop_folder import product
from PIL import Image

from pipeline.report.pictures import BY_ADDRESS, NO_PICTURE, OTHER, thumbnail
from pipeline.report.thumbnail import SIDE
from schemas.codec import Decoder, Encoder
from transforms.inspect import InspectLimits
from transforms.values import KafkaRecord

DECODER = Decoder("image_upload")
BAD = {name: odd for name, odd in PICTURES.items() if odd.code is not None}


def upload(image: bytes | None, uri: str | None = None) -> KafkaRecord:
    value = {"image_id": "i", "uploaded_at": 0, "image": image, "uri": uri}
    return record(value=Encoder("image_upload").encode(value))


def photo(width: int, height: int, kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    product(3, 640).resize((width, height)).save(buffer, kind)
    return buffer.getvalue()


@pytest.mark.parametrize(("kind", "size"), [("PNG", (640, 320)), ("JPEG", (300, 900)), ("WEBP", (40, 30))])
def test_a_picture_becomes_a_small_jpeg(kind: str, size: tuple[int, int]) -> None:
    image = photo(*size, kind)
    made = thumbnail(upload(image), DECODER, InspectLimits(), hashlib.sha256(image).hexdigest())
    small = Image.open(io.BytesIO(base64.b64decode(made.uri.removeprefix("data:image/jpeg;base64,"))))
    assert (small.format, max(small.size)) == ("JPEG", min(SIDE, max(size)))
    assert small.width / small.height == pytest.approx(size[0] / size[1], rel=0.02)
    assert len(made.uri) < 10_000


def test_a_picture_that_had_to_be_scaled_has_one_too() -> None:
    image = photo(640, 640)
    limits = InspectLimits(max_encoded=16 * 2**10, model_max_pixels=64 * 64)
    assert thumbnail(upload(image), DECODER, limits, None).uri.startswith("data:image/jpeg;base64,")


def test_of_another_picture_there_is_none() -> None:
    made = thumbnail(upload(photo(64, 64)), DECODER, InspectLimits(), "00" * 32)
    assert (made.uri, made.why) == ("", OTHER)


def test_of_an_address_there_is_none() -> None:
    made = thumbnail(upload(None, "https://h.example/1.jpg?token=s3cret"), DECODER, InspectLimits(), None)
    assert (made.uri, made.why) == ("", BY_ADDRESS)


@pytest.mark.parametrize("value", [b"", b"not avro", None])
def test_of_what_is_no_upload_there_is_none(value: bytes | None) -> None:
    assert thumbnail(record(value=value), DECODER, InspectLimits(), None).why == NO_PICTURE


@pytest.mark.parametrize("name", BAD)
def test_of_what_the_job_refuses_there_is_none(name: str) -> None:
    made = thumbnail(upload(BAD[name].make()), DECODER, InspectLimits(), None)
    assert (made.uri, made.why) == ("", NO_PICTURE)
