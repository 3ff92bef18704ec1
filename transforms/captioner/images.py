"""Encoded pictures to upright RGB on white: shared by inspect, fingerprint and the captioners.

Follows Pillow's security handbook: only the reader of the sniffed format is ever entered, sizes are checked
before pixels are allocated, and truncated data stays an error. Readers are used directly and not through
`Image.open`: its pixel guard is a process-wide setting and a warning, which threads cannot share; ours is an
argument.

Memory for 50 megapixels is what the format's decoder takes (12 bytes a pixel for WebP and progressive CMYK
JPEG: 573 MiB, and the file itself once more for WebP), never that and a second picture: conversion runs in
strips, after the decoder is freed.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from PIL import Image
from PIL.ImageFile import ImageFile

from transforms.captioner.flatten import flatten
from transforms.captioner.headers import picture_format, read_header
from transforms.captioner.plugins import FORMATS, OPENERS, TURNS, orientation
from transforms.errors import (
    ImageBomb,
    ImageCorrupt,
    ImageFormatUnsupported,
    ImageTooManyFrames,
    ImageTooManyPixels,
    InputError,
)

LEAST_SIDE = 256
"""Decoding never shrinks the shorter side below this: perceptual hashes begin to move there."""
BOMB_FACTOR = 4
"""A picture that declares more than this many times the pixel cap is not a large photo but an attack."""
MAX_SIDE = 65_535
"""No other format goes beyond; a PNG of a single row would be held three times over while being read."""
AVIF_SHARE = 0.5
"""AVIF gets half of the pixel cap: at 12 bits its planes alone take twice the memory of an RGB picture."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A picture whose header was parsed and whose pixels were not decoded. Decode it once."""

    image: ImageFile
    kind: str
    """One of `transforms.captioner.plugins.FORMATS`."""
    width: int
    """Pixels, before the EXIF turn: that is known for certain after decoding only."""
    height: int
    frames: int

    def rgb(self, at_least: int | None = None) -> tuple[Image.Image, int]:
        """Decode the first frame as `decode_rgb` does. Also its EXIF orientation: from 5 on it lay on its side."""
        factor = 1
        if at_least is not None:
            times = min(self.width, self.height) // max(at_least, LEAST_SIDE)
            factor = next((power for power in (8, 4, 2) if times >= power), 1)
        with _blaming(self.kind):
            if factor > 1 and self.kind == "JPEG":
                self.image.draft("RGB", (self.width // factor, self.height // factor))
                factor = 1
            self.image.load()
            turn = orientation(self.image)
            flat = flatten(self.image, factor)
            self.image.close()
            return flat.transpose(TURNS[turn]) if turn in TURNS else flat, turn


def open_checked(encoded: bytes, max_pixels: int, max_frames: int) -> Opened:
    """Open a picture after its declared size, frames and structure were found within bounds.

    Nothing of the order of the declared size is allocated before that. Raises `ImageFormatUnsupported`,
    `ImageTooManyPixels`, `ImageBomb`, `ImageTooManyFrames` or `ImageCorrupt`.
    """
    kind = _allowed(encoded)
    header = read_header(encoded, kind)
    _check(kind, header.width, header.height, header.frames, max_pixels, max_frames)
    image = _open(encoded, kind)
    # Of AVIF only the decoder knows the frames; a GIF would be walked a second time.
    frames = getattr(image, "n_frames", 1) if kind == "AVIF" else header.frames
    _check(kind, *image.size, frames, max_pixels, max_frames)
    return Opened(image, kind, *image.size, frames)


def decode_rgb(encoded: bytes, at_least: int | None = None) -> Image.Image:
    """Decode the first frame of a picture that `inspect` let through: RGB, upright, on white, no metadata.

    With ``at_least`` the picture may come back smaller by a factor of 2, 4 or 8 (JPEG: scaled inverse DCT,
    which is also several times faster; others: box average), as long as its shorter side keeps
    ``max(at_least, 256)`` pixels. It is never enlarged. Limits are not checked again: bytes that nobody
    inspected do not belong here.

    Raises `ImageFormatUnsupported`, `ImageCorrupt` or `ImageBomb`.
    """
    kind = _allowed(encoded)
    image = _open(encoded, kind)
    rgb, _ = Opened(image, kind, *image.size, 1).rgb(at_least)
    return rgb


def _allowed(encoded: bytes) -> str:
    kind = picture_format(encoded)
    if kind is None or kind not in OPENERS:
        raise ImageFormatUnsupported(
            f"content starting `{encoded[:8].hex()}` is not decoded here; send {', '.join(FORMATS)}"
        )
    return kind


def _open(encoded: bytes, kind: str) -> ImageFile:
    with _blaming(kind):
        return OPENERS[kind](io.BytesIO(encoded))


def _check(kind: str, width: int, height: int, frames: int, max_pixels: int, max_frames: int) -> None:
    cap = int(max_pixels * AVIF_SHARE) if kind == "AVIF" else max_pixels
    declared = f"the {kind} declares `{width}x{height}` pixels"
    if width * height > BOMB_FACTOR * max_pixels:
        raise ImageBomb(f"{declared}, over {BOMB_FACTOR} times the cap of `{max_pixels}`; it was not decoded")
    if width * height > cap:
        raise ImageTooManyPixels(
            f"{declared}, over the cap of `{cap}`; send a smaller picture or raise --max-image-pixels"
        )
    if max(width, height) > MAX_SIDE:
        raise ImageTooManyPixels(f"{declared}, a side over `{MAX_SIDE}`; send a picture, not a strip")
    if frames > max_frames:
        raise ImageTooManyFrames(
            f"the animation has `{frames}` frames, over the cap of `{max_frames}`; "
            "send a still picture or raise --max-image-frames"
        )


@contextmanager
def _blaming(kind: str) -> Iterator[None]:
    """Turn what Pillow raises into the picture's fault: its readers raise nearly every built-in exception."""
    try:
        yield
    except InputError:
        raise
    except Image.DecompressionBombError:
        raise ImageBomb(f"the {kind} declares more pixels than Pillow allows; it was not decoded") from None
    except Exception as error:
        # Pillow names its limits on compressed text and colour profiles.
        if isinstance(error, ValueError) and "MAX_TEXT_" in str(error):
            raise ImageBomb(f"the {kind} has metadata that unpacks to over 1 MiB; save it without") from None
        reason = f"{type(error).__name__}: {str(error)[:120]}"
        raise ImageCorrupt(f"the {kind} cannot be decoded: `{reason}`; upload the whole file again") from None
