"""Photos of rendered products, and the ways in which shops upload the same photo again."""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from transforms.captioner.tiny.products import Spec, render

_ORIENTATION_TAG = 0x0112
_TURNS = {
    3: Image.Transpose.ROTATE_180,
    6: Image.Transpose.ROTATE_90,
    8: Image.Transpose.ROTATE_270,
}
"""EXIF orientation to the turn that a viewer takes back."""
_WATERMARK_OPACITY = 0.2


@dataclass(frozen=True, slots=True)
class Photo:
    """One render of one product."""

    photo_id: str
    merchant: str
    spec: Spec
    geometry: str
    """Seed of the render: photos that share it differ in nothing but what their specs say."""
    product: str | None = None
    """Product whose colour variants this is one of."""

    def image(self) -> Image.Image:
        """The picture at its native size, the same each time."""
        return render(self.spec, random.Random(self.geometry))


@dataclass(frozen=True, slots=True)
class Encoded:
    """A picture as a file, and how it was made, in words."""

    data: bytes
    suffix: str
    how: str


def original(photo: Photo) -> Encoded:
    """The photo without loss: exactly the pixels the tiny checkpoint was trained on."""
    return Encoded(_bytes(photo.image(), "PNG"), ".png", "original, PNG")


def near_copy(photo: Photo, kind: str, rng: random.Random) -> Encoded:
    """The photo made over in one of `KINDS`."""
    return KINDS[kind](photo.image(), rng)


def _jpeg(image: Image.Image, rng: random.Random) -> Encoded:
    quality = rng.randint(40, 80)
    return Encoded(_bytes(image, "JPEG", quality=quality), ".jpg", f"JPEG, quality {quality}")


def _webp(image: Image.Image, rng: random.Random) -> Encoded:
    quality = rng.randint(80, 95)
    return Encoded(_bytes(image, "WEBP", quality=quality), ".webp", f"WebP, quality {quality}")


def _png(image: Image.Image, rng: random.Random) -> Encoded:
    return Encoded(_bytes(image, "PNG", compress_level=rng.choice((0, 1))), ".png", "PNG, packed anew")


def _half(image: Image.Image, rng: random.Random) -> Encoded:
    return Encoded(_bytes(_scaled(image, 0.5), "PNG"), ".png", "half the size")


def _double(image: Image.Image, rng: random.Random) -> Encoded:
    return Encoded(_bytes(_scaled(image, 2.0), "JPEG", quality=90), ".jpg", "twice the size, JPEG")


def _watermark(image: Image.Image, rng: random.Random) -> Encoded:
    marked = image.copy()
    corner = (marked.width - 2, rng.choice((10, marked.height - 2)))
    font = ImageFont.load_default(8)
    ImageDraw.Draw(marked).text(corner, "shop", fill=(90, 90, 90), font=font, anchor="rs")
    blended = Image.blend(image, marked, _WATERMARK_OPACITY)
    return Encoded(_bytes(blended, "PNG"), ".png", "small watermark")


def _turned(image: Image.Image, rng: random.Random) -> Encoded:
    orientation = rng.choice(tuple(_TURNS))
    tags = Image.Exif()
    tags[_ORIENTATION_TAG] = orientation
    turned = image.transpose(_TURNS[orientation])
    data = _bytes(turned, "JPEG", quality=90, exif=tags.tobytes())
    return Encoded(data, ".jpg", f"turned, EXIF orientation {orientation}")


KINDS: dict[str, Callable[[Image.Image, random.Random], Encoded]] = {
    "jpeg": _jpeg,
    "webp": _webp,
    "png": _png,
    "half": _half,
    "double": _double,
    "watermark": _watermark,
    "turned": _turned,
}
"""Ways to make a near copy."""


def _scaled(image: Image.Image, factor: float) -> Image.Image:
    size = (round(image.width * factor), round(image.height * factor))
    return image.resize(size, Image.Resampling.LANCZOS)


def _bytes(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()
