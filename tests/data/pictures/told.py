"""Pictures that tell more than their pixels, in every place where a format lets them.

`SECRET` stands in each of them, most of the time as a place where somebody lives.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable

from data.pictures.blocks import chunk, encode, noise, riff, segments
from PIL import Image

SECRET = b"59.3293N 18.0686E"
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><GPSLatitude>' + SECRET + b"</GPSLatitude></x:xmpmeta>"


def exif(turn: int = 1) -> bytes:
    """With a position, a maker, a comment, and a thumbnail behind it."""
    tags = Image.Exif()
    tags[0x0112] = turn
    tags[0x010F] = SECRET.decode()
    tags.get_ifd(0x8825).update({1: "N", 2: (59.0, 19.0, 45.5), 3: "E", 4: (18.0, 4.0, 7.0), 29: SECRET.decode()})
    tags.get_ifd(0x8769)[0x9286] = b"ASCII\0\0\0" + SECRET
    return tags.tobytes() + _thumbnail()


def _thumbnail() -> bytes:
    return encode(Image.new("RGB", (16, 16), (1, 2, 3)), "JPEG", comment=SECRET)


def subject() -> Image.Image:
    return noise(8, 6).resize((160, 120), Image.Resampling.BICUBIC)


def _jpeg(*extra: tuple[int, bytes], **options: object) -> bytes:
    return segments(encode(subject(), "JPEG", **options), *extra)


def _thumbnail_in_jfif() -> bytes:
    jpeg = encode(subject(), "JPEG")
    pixels = (SECRET * 3)[:48]
    return jpeg[:2] + struct.pack(">BBH", 255, 0xE0, 16 + 48) + jpeg[6:18] + bytes((4, 4)) + pixels + jpeg[20:]


def _between_scans() -> bytes:
    jpeg = encode(subject(), "JPEG", progressive=True)
    scan = jpeg.rindex(b"\xff\xc4")
    return jpeg[:scan] + b"\xff\xfe" + struct.pack(">H", len(SECRET) + 2) + SECRET + jpeg[scan:]


def _png(*extra: bytes, after: bytes = b"") -> bytes:
    data = encode(subject(), "PNG")
    return data[:33] + b"".join(extra) + data[33:] + after


def _webp(*extra: bytes, **options: object) -> bytes:
    """The extra chunks go to the end, as EXIF and XMP do."""
    data = bytearray(
        encode(subject().convert("RGBA"), "WEBP", exif=exif(6), xmp=XMP, icc_profile=SECRET * 9, **options)
    )
    return riff(bytes(data) + b"".join(extra))


def _gif(extension: bytes, after: bytes = b"") -> bytes:
    data = encode(subject(), "GIF")
    start = 13 + 3 * 256
    return data[:start] + extension + data[start:] + after


def _piece(data: bytes) -> bytes:
    return bytes((len(data),)) + data


def _box(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content) + 8) + name + content


def _animated_webp() -> bytes:
    others = [subject().rotate(180)]
    data = encode(subject(), "WEBP", save_all=True, append_images=others, exif=exif(), xmp=XMP)
    at = data.index(b"ANMF")
    (length,) = struct.unpack_from("<I", data, at + 4)
    unknown = b"tell" + struct.pack("<I", len(SECRET) + 1) + SECRET + b"\0"
    frame = data[at + 8 : at + 8 + length] + unknown
    return riff(data[: at + 4] + struct.pack("<I", len(frame)) + frame + data[at + 8 + length :])


TOLD: dict[str, Callable[[], bytes]] = {
    "jpeg exif": lambda: encode(subject(), "JPEG", exif=exif()),
    "jpeg exif turned": lambda: encode(subject(), "JPEG", exif=exif(6)),
    "jpeg xmp": lambda: _jpeg((0xE1, b"http://ns.adobe.com/xap/1.0/\0" + XMP)),
    "jpeg long xmp": lambda: _jpeg((0xE1, b"http://ns.adobe.com/xmp/extension/\0" + bytes(40) + XMP)),
    "jpeg comment": lambda: encode(subject(), "JPEG", comment=SECRET),
    "jpeg iptc": lambda: _jpeg((0xED, b"Photoshop 3.0\x008BIM\x04\x04\0\0\0\0\0\x20\x1c\x02\x5a" + SECRET)),
    "jpeg icc": lambda: encode(subject(), "JPEG", icc_profile=SECRET * 20),
    "jpeg maker": lambda: _jpeg(
        (0xEC, b"Ducky" + SECRET), (0xE5, SECRET), (0xEF, SECRET), (0xE0, b"JFXX\0\x10" + SECRET)
    ),
    "jpeg adobe and more": lambda: encode(subject().convert("CMYK"), "JPEG", exif=exif(3)),
    "jpeg thumbnail": _thumbnail_in_jfif,
    "jpeg between scans": _between_scans,
    "jpeg tail": lambda: encode(subject(), "JPEG") + SECRET,
    "jpeg second picture": lambda: encode(subject(), "MPO", save_all=True, append_images=[subject()], comment=SECRET),
    "jpeg film": lambda: encode(subject(), "JPEG") + b"\0\0\0\x18ftypmp42" + SECRET,
    "png text": lambda: _png(chunk(b"tEXt", b"Comment\0" + SECRET)),
    "png packed text": lambda: _png(chunk(b"zTXt", b"Comment\0\0" + zlib.compress(SECRET))),
    "png international text": lambda: _png(chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP)),
    "png exif": lambda: encode(subject(), "PNG", exif=exif(8)),
    "png icc": lambda: encode(subject(), "PNG", icc_profile=SECRET * 20),
    "png time and size": lambda: _png(chunk(b"tIME", bytes(7)), chunk(b"pHYs", bytes(9))),
    "png unknown": lambda: _png(chunk(b"prVt", SECRET), chunk(b"caBX", SECRET)),
    "png tail": lambda: _png(after=SECRET),
    "png behind the pixels": lambda: (
        encode(subject(), "PNG")[:-12] + chunk(b"tEXt", b"k\0" + SECRET) + chunk(b"IEND", b"")
    ),
    "webp": lambda: _webp(),
    "webp lossless": lambda: _webp(lossless=True),
    "webp unknown": lambda: _webp(b"tell" + struct.pack("<I", len(SECRET) + 1) + SECRET + b"\0"),
    "webp tail": lambda: encode(subject(), "WEBP") + SECRET,
    "webp animated": _animated_webp,
    "gif comment": lambda: _gif(b"\x21\xfe" + _piece(SECRET) + b"\0"),
    "gif application": lambda: _gif(b"\x21\xff\x0bXMP DataXMP" + _piece(XMP[:200]) + b"\0"),
    "gif plain text": lambda: _gif(b"\x21\x01\x0c" + bytes(12) + _piece(SECRET) + b"\0"),
    "gif tail": lambda: _gif(b"", after=SECRET),
    "gif animated": lambda: encode(
        subject(), "GIF", save_all=True, append_images=[subject().rotate(90)], comment=SECRET
    ),
    "avif exif": lambda: encode(subject(), "AVIF", exif=exif(6)),
    "avif xmp": lambda: encode(subject(), "AVIF", xmp=XMP),
    "avif icc": lambda: encode(subject(), "AVIF", icc_profile=SECRET * 20),
    "avif box": lambda: encode(subject(), "AVIF") + _box(b"uuid", SECRET),
    "avif free": lambda: encode(subject(), "AVIF") + _box(b"free", SECRET),
    "avif tail": lambda: encode(subject(), "AVIF") + SECRET,
    "avif animated": lambda: encode(
        subject(), "AVIF", save_all=True, append_images=[subject().rotate(90)], exif=exif()
    ),
}
"""By format and place."""


def said(encoded: bytes) -> list[str]:
    """What a reader finds in it besides pixels; an orientation is not counted."""
    with Image.open(io.BytesIO(encoded)) as image:
        image.load()
        tags = {tag for tag in image.getexif() if tag != 0x0112}
        tags |= {tag for ifd in (0x8769, 0x8825) for tag in image.getexif().get_ifd(ifd)}
        known = (
            "exif",
            "xmp",
            "comment",
            "icc_profile",
            "photoshop",
            "XML:com.adobe.xmp",
            "Comment",
            "mp",
            "extension",
        )
        found = [name for name in known if image.info.get(name) and name != "exif"]
        return [*found, *(hex(tag) for tag in tags), *getattr(image, "text", {})]
