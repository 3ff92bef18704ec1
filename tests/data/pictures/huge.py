"""Pictures of exactly 50 megapixels, made in a blink: they cost memory to decode, not to make."""

from __future__ import annotations

import struct
import zlib

from data.pictures.blocks import RED, chunk, encode, plain, with_size
from data.pictures.registry import Maker

WIDTH, HEIGHT = 10_000, 5_000


def rgba_png() -> bytes:
    return _png(8, 6, bytes((*RED, 128)))


def sixteen_bit_png() -> bytes:
    return _png(16, 0, struct.pack(">H", 40_000))


def progressive_cmyk_jpeg() -> bytes:
    """A small one that declares a large size: the decoder takes all coefficients, then runs out of data."""
    ink = plain("CMYK", colour=(10, 200, 100, 5))
    return with_size(encode(ink, "JPEG", progressive=True, subsampling=0), WIDTH, HEIGHT)


def animated_webp_full_of_metadata() -> bytes:
    """Lossless and of one colour, so that no pixel takes a bit; its size is set afterwards, three times."""
    clear = plain("RGBA", colour=(*RED, 128))
    others = [plain("RGBA", colour=(0, 0, 0, 255))]
    webp = bytearray(encode(clear, "WEBP", save_all=True, append_images=others, lossless=True))
    extent = (WIDTH - 1).to_bytes(3, "little") + (HEIGHT - 1).to_bytes(3, "little")
    frame, pixels = webp.index(b"ANMF"), webp.index(b"VP8L")
    webp[24:30] = webp[frame + 14 : frame + 20] = extent
    version = int.from_bytes(webp[pixels + 9 : pixels + 13], "little") >> 28 << 28
    webp[pixels + 9 : pixels + 13] = (version | (HEIGHT - 1) << 14 | WIDTH - 1).to_bytes(4, "little")
    webp[20] |= 0x0C  # EXIF and XMP follow
    for name in (b"EXIF", b"XMP "):
        webp += name + struct.pack("<I", 10 * 2**20 - 500) + bytes(10 * 2**20 - 500)
    webp[4:8] = struct.pack("<I", len(webp) - 8)
    return bytes(webp)


def transparent_gif() -> bytes:
    return encode(plain("P", (WIDTH, HEIGHT), 0), "GIF", transparency=0)


def _png(depth: int, colour: int, pixel: bytes) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", WIDTH, HEIGHT, depth, colour, 0, 0, 0))
    packer, row = zlib.compressobj(1), b"\0" + pixel * WIDTH
    pixels = b"".join([*(packer.compress(row) for _ in range(HEIGHT)), packer.flush()])
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


HUGE: dict[str, Maker] = {
    make.__name__: make
    for make in (
        rgba_png,
        sixteen_bit_png,
        progressive_cmyk_jpeg,
        animated_webp_full_of_metadata,
        transparent_gif,
    )
}
