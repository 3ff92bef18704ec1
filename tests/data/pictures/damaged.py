"""Pictures that are not whole."""

from __future__ import annotations

import struct

from data.pictures.blocks import (
    ROW,
    chunk,
    encode,
    gif_frames,
    noise,
    plain,
    png,
    red_jpeg,
    riff,
    with_size,
)
from data.pictures.registry import bad, good


@bad("image_corrupt", "JPEG", "OSError", "truncated")
def truncated_jpeg() -> bytes:
    jpeg = encode(noise(64, 48), "JPEG")
    return jpeg[: len(jpeg) * 2 // 3]


@bad("image_corrupt", "JPEG", "OSError")
def jpeg_without_last_bytes() -> bytes:
    return encode(noise(64, 48), "JPEG")[:-40]


@bad("image_corrupt", "JPEG", "first scan")
def jpeg_header_only() -> bytes:
    return red_jpeg()[:30]


@bad("image_corrupt", "JPEG", "length 0")
def jpeg_segment_without_length() -> bytes:
    jpeg = red_jpeg()
    return jpeg[:2] + b"\xff\xe1\0\0" + jpeg[2:]


@bad("image_corrupt", "JPEG", "between its segments")
def jpeg_with_a_mebibyte_of_padding() -> bytes:
    jpeg = red_jpeg()
    return jpeg[:2] + b"\xff" * 2**20 + jpeg[2:]


@bad("image_corrupt", "JPEG", "first scan")
def jpeg_of_padding_only() -> bytes:
    return b"\xff\xd8" + b"\xff" * 10 * 2**20


@bad("image_corrupt", "JPEG", "SyntaxError")
def jpeg_of_twelve_bits() -> bytes:
    return red_jpeg().replace(b"\xff\xc0\0\x11\x08", b"\xff\xc0\0\x11\x0c")


@bad("image_corrupt", "JPEG")
def jpeg_without_rows() -> bytes:
    return with_size(red_jpeg(), 64, 0)


@bad("image_corrupt", "PNG", "OSError", "truncated")
def truncated_png() -> bytes:
    data = encode(noise(64, 48), "PNG")
    return data[: len(data) // 2]


@bad("image_corrupt", "PNG", "`20` bytes")
def png_cut_in_its_header() -> bytes:
    return encode(plain(), "PNG")[:20]


@bad("image_corrupt", "PNG", "wrong checksum in IDAT")
def png_bad_crc() -> bytes:
    data = bytearray(encode(plain(), "PNG"))
    data[-13] ^= 1
    return bytes(data)


@bad("image_corrupt", "PNG", "wrong checksum in IHDR")
def png_bad_header_crc() -> bytes:
    data = bytearray(encode(plain(), "PNG"))
    data[29] ^= 1
    return bytes(data)


@bad("image_corrupt", "PNG", "second IHDR")
def png_with_a_second_header() -> bytes:
    return png(64, 48, 8, 2, ROW, chunk(b"IHDR", struct.pack(">IIBBBBB", 30000, 30000, 8, 2, 0, 0, 0)))


@bad("image_corrupt", "PNG", "OSError")
def png_with_broken_deflate() -> bytes:
    start = png(64, 48, 8, 2, ROW)
    return start[:33] + chunk(b"IDAT", b"this is not deflate") + chunk(b"IEND", b"")


@good("PNG", 64, 48, colour=(0, 0, 0))
def png_with_too_few_rows() -> bytes:
    """Not truncated: its stream ends properly, and the rest stays black, in browsers too."""
    return png(64, 48, 8, 2, ROW, rows=20)


@bad("image_corrupt", "PNG")
def zero_dimension_png() -> bytes:
    return png(0, 48, 8, 2, b"")


@bad("image_corrupt", "PNG")
def png_of_unknown_depth() -> bytes:
    return png(64, 48, 3, 2, ROW)


@bad("image_corrupt", "WEBP")
def truncated_webp() -> bytes:
    data = encode(noise(64, 48), "WEBP")
    return data[: len(data) // 2]


@bad("image_corrupt", "WEBP", "first chunk")
def webp_without_picture() -> bytes:
    return riff(b"RIFF\0\0\0\0WEBPjunk\4\0\0\0abcd")


@bad("image_corrupt", "GIF", "first frame")
def gif_without_frame() -> bytes:
    return gif_frames(0)


@bad("image_corrupt", "GIF", "OSError")
def truncated_gif() -> bytes:
    return encode(noise(64, 48).convert("L"), "GIF")[:1000]


@bad("image_corrupt", "AVIF")
def truncated_avif() -> bytes:
    data = encode(noise(64, 48), "AVIF")
    return data[: len(data) // 2]
