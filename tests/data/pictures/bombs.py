"""Pictures too large for what they are."""

from __future__ import annotations

import struct
import zlib

from data.pictures.blocks import (
    ROW,
    WHITE,
    chunk,
    encode,
    gif_frames,
    plain,
    png,
    red_jpeg,
    riff,
    segments,
    with_size,
)
from data.pictures.registry import bad


@bad("image_too_many_pixels", "`7746x7746`", "`50000000`", "--max-image-pixels")
def sixty_megapixel_png() -> bytes:
    return png(7746, 7746, 8, 0, bytes(7746))


@bad("image_too_many_pixels", "`5000000x1`", "`65535`")
def png_of_a_single_row() -> bytes:
    return png(5_000_000, 1, 8, 0, bytes(5_000_000))


@bad("image_too_many_pixels", "`10000x6000`")
def sixty_megapixel_jpeg() -> bytes:
    return with_size(red_jpeg(), 10000, 6000)


@bad("image_too_many_pixels", "`6000x5000`", "`25000000`")
def thirty_megapixel_avif() -> bytes:
    avif = encode(plain(), "AVIF")
    return avif.replace(struct.pack(">II", 64, 48), struct.pack(">II", 6000, 5000))


@bad("image_bomb", "`30000x30000`", "4 times")
def bomb_png() -> bytes:
    return png(30000, 30000, 8, 6, b"", rows=1)


@bad("image_bomb", "`65535x65535`")
def bomb_jpeg() -> bytes:
    return with_size(red_jpeg(), 65535, 65535)


@bad("image_bomb", "`60000x60000`")
def bomb_gif() -> bytes:
    return gif_frames(1)[:6] + struct.pack("<HH", 60000, 60000) + gif_frames(1)[10:]


@bad("image_bomb", "`60001x60001`")
def bomb_gif_by_frame_beyond_screen() -> bytes:
    return gif_frames(1).replace(b"\x2c\0\0\0\0\x01\0", b"\x2c" + struct.pack("<HHH", 60000, 60000, 1))


@bad("image_bomb", "`16383x16383`")
def bomb_webp() -> bytes:
    webp = bytearray(encode(plain(), "WEBP"))
    webp[26:30] = struct.pack("<HH", 16383, 16383)
    return bytes(webp)


@bad("image_bomb", "`40000x40000`")
def bomb_avif() -> bytes:
    return encode(plain(), "AVIF").replace(struct.pack(">II", 64, 48), struct.pack(">II", 40000, 40000))


@bad("image_bomb", "`50000x50000`")
def bomb_apng_that_takes_its_canvas_on_opening() -> bytes:
    control = struct.pack(">IIIIIHHBB", 0, 50000, 50000, 0, 0, 1, 1, 1, 0)  # dispose to background
    return png(50000, 50000, 8, 6, b"", chunk(b"acTL", struct.pack(">II", 2, 0)), chunk(b"fcTL", control), rows=1)


def _text(size: int) -> bytes:
    return chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(size)))


@bad("image_bomb", "metadata", "1 MiB")
def png_ztxt_bomb() -> bytes:
    return png(64, 48, 8, 2, ROW, _text(8 * 2**20))


@bad("image_bomb", "metadata")
def png_many_ztxt() -> bytes:
    return png(64, 48, 8, 2, ROW, *[_text(2**20)] * 70)


@bad("image_bomb", "metadata")
def png_itxt_bomb() -> bytes:
    return png(64, 48, 8, 2, ROW, chunk(b"iTXt", b"k\0\1\0\0\0" + zlib.compress(bytes(8 * 2**20))))


@bad("image_bomb", "metadata")
def png_iccp_bomb() -> bytes:
    return png(64, 48, 8, 2, ROW, chunk(b"iCCP", b"k\0\0" + zlib.compress(bytes(8 * 2**20))))


@bad("image_bomb", "`1000` metadata chunks")
def png_chunk_flood() -> bytes:
    return png(64, 48, 8, 2, ROW, chunk(b"prVt", b"") * 100_000)


@bad("image_bomb", "`65536` chunks")
def png_pixel_chunk_flood() -> bytes:
    return png(64, 48, 8, 2, ROW, chunk(b"IDAT", b"") * 100_000)


@bad("image_bomb", "`1000` segments")
def jpeg_segment_flood() -> bytes:
    return segments(red_jpeg(), *[(0xE1, b"")] * 100_000)


@bad("image_bomb", "`64` scans")
def jpeg_scan_flood() -> bytes:
    jpeg = encode(plain(), "JPEG", progressive=True)
    scan = jpeg.rindex(b"\xff\xda")
    return jpeg[:scan] + jpeg[scan:-2] * 10_000 + jpeg[-2:]


@bad("image_bomb", "comment blocks")
def gif_comment_in_single_bytes() -> bytes:
    return gif_frames(1, b"\x21\xfe" + b"\x01x" * 2**20 + b"\0")


@bad("image_bomb", "`1000` metadata blocks")
def gif_extension_flood() -> bytes:
    return gif_frames(1, b"\x21\x01\0" * 100_000)


@bad("image_bomb", "`1000` metadata chunks")
def webp_chunk_flood() -> bytes:
    return riff(encode(plain(), "WEBP") + b"junk\0\0\0\0" * 100_000)


@bad("image_too_many_frames", "`1001` frames", "`1000`", "--max-image-frames")
def gif_many_frames() -> bytes:
    return gif_frames(1001)


@bad("image_too_many_frames", "`1100` frames")
def webp_many_frames() -> bytes:
    webp = encode(plain(), "WEBP", save_all=True, append_images=[plain(colour=WHITE)], lossless=True)
    frame = webp[webp.rindex(b"ANMF") :]
    return riff(webp + frame * 1098)
