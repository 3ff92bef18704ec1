"""Pictures that are odd and must be accepted."""

from __future__ import annotations

import struct

from data.pictures.blocks import (
    RED,
    ROW,
    WHITE,
    chunk,
    encode,
    exif,
    gif_frames,
    noise,
    plain,
    png,
    red_jpeg,
    segments,
)
from data.pictures.registry import good


@good("JPEG", 64, 48)
def polyglot_jpeg_zip() -> bytes:
    return red_jpeg() + b"PK\x03\x04" + bytes(26) + b"PK\x05\x06" + bytes(18)


@good("JPEG", 64, 48)
def motion_photo() -> bytes:
    """A film behind the picture, full of what looks like markers."""
    return red_jpeg() + b"\0\0\0\x18ftypmp42" + b"\xff\xda\0\2\xff\xe1\0\2" * 5000


@good("JPEG", 64, 48)
def multi_picture_jpeg() -> bytes:
    return encode(plain(), "MPO", save_all=True, append_images=[plain(colour=(0, 0, 0))])


@good("JPEG", 64, 48)
def jpeg_with_junk_between_segments() -> bytes:
    jpeg = red_jpeg()
    return jpeg[:20] + b"\0\1\2\3" + jpeg[20:]


@good("JPEG", 64, 48)
def jpeg_progressive() -> bytes:
    return encode(plain(), "JPEG", progressive=True)


@good("JPEG", 64, 48, colour=(156, 156, 156))
def jpeg_grey() -> bytes:
    return encode(plain("L", colour=156), "JPEG")


@good("JPEG", 64, 48, colour=(51, 204, 153))
def jpeg_cmyk_adobe_inverted() -> bytes:
    """Adobe stores CMYK inks inverted; Pillow writes them so, with the Adobe marker."""
    jpeg = encode(plain("CMYK", colour=(204, 51, 102, 0)), "JPEG", quality=95)
    assert b"\xff\xee\0\x0eAdobe" in jpeg
    return jpeg


@good("JPEG", 64, 48)
def gps_exif_jpeg() -> bytes:
    return encode(plain(), "JPEG", exif=exif(1), comment=b"made at home")


@good("JPEG", 48, 64)
def exif_rotated_6() -> bytes:
    return encode(plain(), "JPEG", exif=exif(6))


@good("JPEG", 64, 48)
def exif_of_garbage() -> bytes:
    return segments(red_jpeg(), (0xE1, b"Exif\0\0MM\0*\xff\xff\xff\xff"))


@good("PNG", 48, 64)
def exif_behind_the_pixels_of_a_png() -> bytes:
    data = encode(plain(), "PNG")
    return data[:-12] + chunk(b"eXIf", exif(8)[6:]) + data[-12:]


@good("PNG", 64, 48, colour=(156, 156, 156))
def png_16bit() -> bytes:
    return png(64, 48, 16, 0, struct.pack(">H", 40000) * 64)


@good("PNG", 64, 48, colour=WHITE)
def png_16bit_transparent_grey() -> bytes:
    return png(64, 48, 16, 0, struct.pack(">H", 40000) * 64, chunk(b"tRNS", struct.pack(">H", 40000)))


@good("PNG", 64, 48, colour=(156, 78, 39))
def png_16bit_rgb() -> bytes:
    return png(64, 48, 16, 2, struct.pack(">HHH", 40000, 20000, 10000) * 64)


@good("PNG", 64, 48, colour=WHITE)
def png_16bit_rgb_transparent_colour() -> bytes:
    clear = struct.pack(">HHH", 40000, 20000, 10000)
    return png(64, 48, 16, 2, clear * 64, chunk(b"tRNS", clear))


@good("PNG", 64, 48, colour=(205, 167, 147))
def png_16bit_rgba() -> bytes:
    return png(64, 48, 16, 6, struct.pack(">HHHH", 40000, 20000, 10000, 32768) * 64)


@good("PNG", 64, 48, colour=(205, 205, 205))
def png_16bit_grey_alpha() -> bytes:
    return png(64, 48, 16, 4, struct.pack(">HH", 40000, 32768) * 64)


@good("PNG", 64, 48, colour=WHITE)
def rgba_transparent_black() -> bytes:
    return encode(plain("RGBA", colour=(0, 0, 0, 0)), "PNG")


@good("PNG", 64, 48, colour=(127, 127, 127))
def rgba_half_black() -> bytes:
    return encode(plain("RGBA", colour=(0, 0, 0, 128)), "PNG")


@good("PNG", 64, 48, colour=WHITE)
def la_transparent() -> bytes:
    return encode(plain("LA", colour=(0, 0)), "PNG")


@good("PNG", 64, 48, colour=WHITE)
def palette_transparency() -> bytes:
    return encode(plain("P", colour=0), "PNG", transparency=0)


@good("PNG", 64, 48, colour=(227, 142, 142))
def palette_half_transparency() -> bytes:
    palette = chunk(b"PLTE", bytes((*RED, 0, 0, 0)))
    return png(64, 48, 8, 3, bytes(64), palette, chunk(b"tRNS", bytes((128, 200))))


@good("PNG", 64, 48, colour=WHITE)
def rgb_transparent_colour() -> bytes:
    return png(64, 48, 8, 2, ROW, chunk(b"tRNS", struct.pack(">HHH", *RED)))


@good("PNG", 64, 48, colour=WHITE)
def two_bit_transparent_grey() -> bytes:
    return png(64, 48, 2, 0, b"\x55" * 16, chunk(b"tRNS", b"\0\1"))


@good("PNG", 64, 48, colour=(85, 85, 85))
def two_bit_grey() -> bytes:
    return png(64, 48, 2, 0, b"\x55" * 16, chunk(b"tRNS", b"\0\2"))


@good("PNG", 64, 48, colour=(0, 0, 0))
def one_bit() -> bytes:
    return png(64, 48, 1, 0, bytes(8))


@good("PNG", 64, 48, colour=WHITE)
def one_bit_transparent_black() -> bytes:
    return png(64, 48, 1, 0, bytes(8), chunk(b"tRNS", b"\0\0"))


@good("PNG", 64, 48)
def png_without_end() -> bytes:
    """All pixels are there, as browsers see it."""
    return png(64, 48, 8, 2, ROW)[:-12]


@good("PNG", 64, 48, 3)
def apng() -> bytes:
    others = [plain(colour=(0, 0, 0)), plain(colour=WHITE)]
    return encode(plain(), "PNG", save_all=True, append_images=others, default_image=False)


@good("PNG", 1, 1)
def single_pixel() -> bytes:
    return encode(plain(size=(1, 1)), "PNG")


@good("PNG", 40_000, 1)
def very_wide() -> bytes:
    return encode(plain(size=(40_000, 1)), "PNG")


@good("WEBP", 64, 48, 2)
def webp_animated() -> bytes:
    return encode(plain(), "WEBP", save_all=True, append_images=[plain(colour=(0, 0, 0))], lossless=True)


@good("WEBP", 64, 48, colour=WHITE)
def webp_transparent() -> bytes:
    return encode(plain("RGBA", colour=(0, 0, 0, 0)), "WEBP", lossless=True)


@good("WEBP", 48, 64)
def webp_turned() -> bytes:
    return encode(plain(), "WEBP", exif=exif(6))


@good("GIF", 64, 48, 2)
def gif_animated() -> bytes:
    return encode(plain(), "GIF", save_all=True, append_images=[plain(colour=(0, 0, 0))])


@good("GIF", 64, 48, colour=WHITE)
def gif_transparent() -> bytes:
    return encode(plain("P", colour=0), "GIF", transparency=0)


@good("GIF", 1, 1, 1000)
def gif_as_many_frames_as_allowed() -> bytes:
    return gif_frames(1000)


@good("AVIF", 64, 48)
def avif() -> bytes:
    return encode(plain(), "AVIF")


@good("AVIF", 64, 48, colour=WHITE)
def avif_transparent() -> bytes:
    return encode(plain("RGBA", colour=(0, 0, 0, 0)), "AVIF")


@good("AVIF", 48, 64)
def avif_turned() -> bytes:
    return encode(plain(), "AVIF", exif=exif(6))


@good("AVIF", 64, 48, 2)
def avif_animated() -> bytes:
    return encode(plain(), "AVIF", save_all=True, append_images=[plain(colour=(0, 0, 0))])


@good("PNG", 1200, 1000, colour=None)
def noise_over_the_carried_size() -> bytes:
    return encode(noise(1200, 1000), "PNG", compress_level=1)


@good("JPEG", 1000, 1200, colour=None)
def turned_noise_over_the_carried_size() -> bytes:
    return encode(noise(1200, 1000), "JPEG", quality=95, exif=exif(6))
