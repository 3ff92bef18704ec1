"""Building blocks of odd pictures: encoders, and containers put together byte by byte."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image

RED, WHITE = (200, 30, 30), (255, 255, 255)
ROW = bytes(RED) * 64
"""Pixels of a row of a PNG 64 wide, 8-bit RGB."""


def encode(image: Image.Image, format: str, **options: Any) -> bytes:  # noqa: A002
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def plain(mode: str = "RGB", size: tuple[int, int] = (64, 48), colour: Any = RED) -> Image.Image:
    return Image.new(mode, size, colour)


def noise(width: int, height: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(7).integers(0, 256, (height, width, 3), np.uint8))


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width: int, height: int, depth: int, colour: int, row: bytes, *extra: bytes, rows: int = 0) -> bytes:
    """A PNG of equal rows, fewer than declared if ``rows`` says so; ``extra`` chunks go before the pixels."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress((b"\0" + row) * (rows or min(height, 1000))))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(extra) + pixels + chunk(b"IEND", b"")


def segments(jpeg: bytes, *extra: tuple[int, bytes]) -> bytes:
    """A JPEG with more segments right after its start."""
    return jpeg[:2] + b"".join(struct.pack(">BBH", 255, code, len(data) + 2) + data for code, data in extra) + jpeg[2:]


def gif_frames(count: int, before: bytes = b"") -> bytes:
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\0"
    return b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + bytes((*RED, 0, 0, 0)) + before + frame * count + b";"


def exif(orientation: int) -> bytes:
    tags = Image.Exif()
    tags[0x0112] = orientation
    tags.get_ifd(0x8825)[1] = "N"
    return tags.tobytes()


def red_jpeg() -> bytes:
    return encode(plain(), "JPEG")


def with_size(jpeg: bytes, width: int, height: int) -> bytes:
    """A 64 x 48 JPEG that declares another size."""
    return jpeg.replace(struct.pack(">HH", 48, 64), struct.pack(">HH", height, width), 1)


def riff(webp: bytes) -> bytes:
    """A WebP with its length set right."""
    return webp[:4] + struct.pack("<I", len(webp) - 8) + webp[8:]
