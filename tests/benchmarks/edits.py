"""What shops do to a picture without making it another one, and what does make it another one."""

import io
from collections.abc import Iterator

import numpy as np
from PIL import Image, ImageDraw

BENIGN = 12
"""Edits that `copies` gives."""


def encode(image: Image.Image, kind: str = "JPEG", quality: int = 85, **more: object) -> bytes:
    """The picture as a file."""
    buffer = io.BytesIO()
    image.save(buffer, kind, quality=quality, **more)
    return buffer.getvalue()


def copies(photo: Image.Image) -> Iterator[tuple[str, bytes]]:
    """Edits after which it is still the same picture, by name."""
    width, height = photo.size
    for quality in (80, 50, 30):
        yield f"JPEG q{quality}", encode(photo, quality=quality)
    yield "half", encode(photo.resize((width // 2, height // 2), Image.Resampling.LANCZOS))
    yield "three quarters", encode(photo.resize((width * 3 // 4, height * 3 // 4), Image.Resampling.BICUBIC))
    yield "double", encode(photo.resize((width * 2, height * 2), Image.Resampling.BICUBIC))
    yield "WebP q75", encode(photo, "WEBP", 75)
    yield "WebP q40", encode(photo, "WEBP", 40)
    yield "PNG", encode(photo, "PNG")
    exif = Image.Exif()
    exif[0x0112] = 6
    yield "turned by EXIF", encode(photo.transpose(Image.Transpose.ROTATE_90), exif=exif)
    marked = photo.copy()
    ImageDraw.Draw(marked, "RGBA").text(
        (width // 4, height * 45 // 100), "© shop 2026", (255, 255, 255, 128), font_size=max(12, width // 14)
    )
    yield "watermark", encode(marked)
    left, top = round(width / 100), round(height / 100)
    yield "2 % crop", encode(photo.crop((left, top, width - left, height - top)))


def recoloured(photo: Image.Image) -> Iterator[tuple[str, bytes]]:
    """Edits that make it a picture of another product: they must not be merged."""
    for degrees in (60, 180):
        hsv = np.asarray(photo.convert("HSV")).copy()
        hsv[..., 0] = (hsv[..., 0].astype(int) + degrees * 256 // 360) % 256
        yield f"hue +{degrees}", encode(Image.fromarray(hsv, "HSV").convert("RGB"))
        if degrees == 60:
            hsv[..., 0] = (hsv[..., 0].astype(int) - 2 * degrees * 256 // 360) % 256
            yield f"hue -{degrees}", encode(Image.fromarray(hsv, "HSV").convert("RGB"))
    yield "grey", encode(photo.convert("L").convert("RGB"))


def patched(photo: Image.Image) -> bytes:
    """The picture with a sign 5 % as wide on it: what a moderator must see, and a hash does not."""
    shown, side = photo.copy(), max(4, photo.width // 20)
    left, top = photo.width // 3, photo.height // 3
    draw = ImageDraw.Draw(shown)
    draw.rectangle((left, top, left + side, top + side), fill=(255, 255, 255))
    draw.ellipse((left + 1, top + 1, left + side - 1, top + side - 1), fill=(20, 20, 20))
    return encode(shown)
