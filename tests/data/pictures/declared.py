"""Small files that declare every size which is not taken; the code follows from the size."""

from __future__ import annotations

import struct
from collections.abc import Callable

from data.pictures.blocks import encode, gif_frames, plain, png, red_jpeg, with_size
from data.pictures.registry import PICTURES, Odd

CAP = 50_000_000
Sized = Callable[[int, int], bytes]


def _png(width: int, height: int) -> bytes:
    return png(width, height, 8, 6, b"", rows=1)


def _interlaced(width: int, height: int) -> bytes:
    return png(width, height, 16, 2, b"", rows=1)


def _gif(width: int, height: int) -> bytes:
    frame = gif_frames(1)
    return frame[:6] + struct.pack("<HH", width, height) + frame[10:]


def _frame_of_gif(width: int, height: int) -> bytes:
    return gif_frames(1).replace(b"\x2c\0\0\0\0\x01\0\x01\0", b"\x2c\0\0\0\0" + struct.pack("<HH", width, height))


def _webp(width: int, height: int) -> bytes:
    webp = bytearray(encode(plain(), "WEBP"))
    webp[26:30] = struct.pack("<HH", width, height)
    return bytes(webp)


def _lossless(width: int, height: int) -> bytes:
    webp = bytearray(encode(plain(), "WEBP", lossless=True))
    webp[21:25] = struct.pack("<I", width - 1 | height - 1 << 14)
    return bytes(webp)


def _extended(width: int, height: int) -> bytes:
    webp = bytearray(encode(plain("RGBA", colour=(1, 2, 3, 4)), "WEBP"))
    assert webp[12:16] == b"VP8X"
    webp[24:30] = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return bytes(webp)


def _avif(width: int, height: int) -> bytes:
    return encode(plain(), "AVIF").replace(struct.pack(">II", 64, 48), struct.pack(">II", width, height))


SIZES: dict[str, tuple[Sized, list[tuple[int, int]]]] = {
    "jpeg": (
        lambda width, height: with_size(red_jpeg(), width, height),
        [(65535, 65535), (65535, 4000), (20000, 20000), (14143, 14143), (65535, 800), (7072, 7072), (800, 65500)],
    ),
    "png": (
        _png,
        [
            *((2**31 - 1, 2**31 - 1), (2**31 - 1, 1), (1, 2**31 - 1), (70000, 70000), (65536, 10), (10, 65536)),
            *((14143, 14143), (7072, 7072), (50000, 1001), (200_000_001, 1)),
        ],
    ),
    "png of 16 bits": (_interlaced, [(30000, 30000), (14000, 14000), (65535, 765), (765, 65535)]),
    "gif": (_gif, [(65535, 65535), (14143, 14143), (7072, 7072), (65535, 763), (763, 65535)]),
    "gif's frame": (_frame_of_gif, [(65535, 65535), (14143, 14143), (7072, 7072), (65535, 763)]),
    "webp": (_webp, [(16383, 16383), (14143, 14143), (7072, 7072), (16383, 3100), (3100, 16383)]),
    "webp lossless": (_lossless, [(16383, 16383), (14143, 14143), (7072, 7072), (16383, 3100)]),
    "webp extended": (_extended, [(2**24, 200), (200, 2**24), (14143, 14143), (7072, 7072), (65536, 60), (60, 65536)]),
    "avif": (_avif, [(65535, 65535), (14143, 14143), (7072, 7072), (5001, 5000), (65536, 100), (100_000, 2)]),
}


def code(width: int, height: int) -> str:
    return "image_bomb" if width * height > 4 * CAP else "image_too_many_pixels"


def _register() -> None:
    for name, (make, sizes) in SIZES.items():
        for width, height in sizes:
            made = lambda make=make, width=width, height=height: make(width, height)  # noqa: E731
            PICTURES[f"{name} of {width}x{height}"] = Odd(made, code(width, height), (f"`{width}x{height}`",))


_register()
