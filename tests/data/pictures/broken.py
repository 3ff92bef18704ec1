"""Pictures with one part that is wrong, missing, or where it does not belong; each is whole otherwise."""

from __future__ import annotations

import re
import zlib

from data.pictures.blocks import ROW, chunk, encode, gif_frames, noise, plain, png, red_jpeg, riff
from data.pictures.registry import PICTURES, Maker, Odd


def _broken(name: str, make: Maker, code: str = "image_corrupt") -> None:
    PICTURES[name] = Odd(make, code)


def _without(jpeg: bytes, *codes: int) -> bytes:
    """A JPEG without some of its segments."""
    kept, position = [jpeg[:2]], 2
    while jpeg[position + 1] != 0xDA:
        length = int.from_bytes(jpeg[position + 2 : position + 4], "big") + 2
        if jpeg[position + 1] not in codes:
            kept.append(jpeg[position : position + length])
        position += length
    return b"".join((*kept, b"" if 0xDA in codes else jpeg[position:]))


def _frame(place: int, value: int) -> bytes:
    """A JPEG whose frame header has another byte: 0 is its precision, 5 the number of components."""
    jpeg = bytearray(encode(noise(64, 48), "JPEG"))
    jpeg[jpeg.index(b"\xff\xc0") + 4 + place] = value
    return bytes(jpeg)


def _header(depth: int, colour: int) -> bytes:
    return png(64, 48, depth, colour, bytes(64 * 8))


def _at(data: bytes, place: int, content: bytes) -> bytes:
    return data[:place] + content + data[place + len(content) :]


for _name, _codes in {"quantisation": (0xDB,), "frame": (0xC0,), "scan": (0xDA,)}.items():
    _broken(
        f"jpeg without its {_name}", lambda codes=_codes: _without(encode(noise(64, 48), "JPEG", optimize=True), *codes)
    )
for _precision in (0, 1, 7, 9, 12, 16, 255):
    _broken(f"jpeg of {_precision} bits", lambda precision=_precision: _frame(0, precision))
for _components in (0, 2, 5, 9, 255):
    _broken(f"jpeg of {_components} components", lambda components=_components: _frame(5, components))
for _kind in (0xC3, 0xC5, 0xC6, 0xC7, 0xCB, 0xCD, 0xCE, 0xCF):
    _broken(
        f"jpeg of frame {_kind:02X}",
        lambda kind=_kind: encode(noise(64, 48), "JPEG").replace(b"\xff\xc0", bytes((255, kind)), 1),
    )
for _depth, _colour in (
    (1, 2),
    (2, 2),
    (4, 2),
    (16, 3),
    (1, 4),
    (2, 4),
    (4, 4),
    (1, 6),
    (4, 6),
    (8, 1),
    (8, 5),
    (8, 7),
    (0, 0),
    (32, 0),
):
    _broken(f"png of depth {_depth} and colour {_colour}", lambda depth=_depth, colour=_colour: _header(depth, colour))
for _place, _what in ((16, "width"), (20, "height"), (24, "depth"), (25, "colour"), (28, "interlace")):
    _broken(f"png whose {_what} was changed", lambda place=_place: _at(encode(noise(64, 48), "PNG"), place, b"\x07"))
for _at_byte in (0, 1, 5, 100, 2000):
    _broken(
        f"png whose pixels are wrong at {_at_byte}",
        lambda at=_at_byte: (lambda data, begun: _at(data, begun + at, bytes((data[begun + at] ^ 0xFF,))))(
            encode(noise(64, 48), "PNG"), encode(noise(64, 48), "PNG").index(b"IDAT") + 4
        ),
    )
_broken("png without pixels", lambda: png(64, 48, 8, 2, ROW)[:33] + chunk(b"IEND", b""))
_broken(
    "png with an empty chunk of pixels", lambda: png(64, 48, 8, 2, ROW)[:33] + chunk(b"IDAT", b"") + chunk(b"IEND", b"")
)
_broken("png that begins with pixels", lambda: png(64, 48, 8, 2, ROW)[:8] + png(64, 48, 8, 2, ROW)[33:])
_broken("png of the signature alone", lambda: b"\x89PNG\r\n\x1a\n")
_broken("png with a palette missing", lambda: png(64, 48, 8, 3, bytes(64)))
_broken(
    "png with other deflate",
    lambda: png(64, 48, 8, 2, ROW)[:33] + chunk(b"IDAT", b"\x79" + zlib.compress(ROW * 48)[1:]) + chunk(b"IEND", b""),
)
_broken(
    "png with an unknown filter",
    lambda: png(64, 48, 8, 2, ROW)[:33] + chunk(b"IDAT", zlib.compress((b"\x09" + ROW) * 48)) + chunk(b"IEND", b""),
)
_broken("gif of the signature alone", lambda: b"GIF89a")
_broken("gif without a frame, but with its end", lambda: gif_frames(0) + b";")
_broken("gif with code size 13", lambda: gif_frames(1).replace(b"\x02\x02\x44", b"\x0d\x02\x44"))
_broken("gif with an empty frame", lambda: gif_frames(1).replace(b"\x02\x02\x44\x01\0", b"\x02\0"))
_broken("gif that ends in its palette", lambda: encode(noise(64, 48).quantize(200), "GIF")[:200])
_broken("webp of the signature alone", lambda: b"RIFF\x04\0\0\0WEBP")
_broken("webp without a start code", lambda: encode(plain(), "WEBP").replace(b"\x9d\x01\x2a", b"\0\0\0"))
_broken("webp without its signature", lambda: encode(plain(), "WEBP", lossless=True).replace(b"\x2f", b"\0", 1))
_broken("webp of no size", lambda: _at(encode(plain(), "WEBP"), 26, bytes(4)))
_broken(
    "webp with alpha and nothing else",
    lambda: riff(b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\x10\0\0\0\x3f\0\0\x2f\0\0ALPH\x02\0\0\0\0\0"),
)
_broken(
    "webp that is animated and has no frame",
    lambda: riff(b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\x02\0\0\0\x3f\0\0\x2f\0\0ANIM\x06\0\0\0\0\0\0\0\0\0"),
)
_broken(
    "webp with noise for pixels", lambda: _at(encode(noise(64, 48), "WEBP", lossless=True), 25, noise(16, 16).tobytes())
)
_broken("avif of the signature alone", lambda: b"\0\0\0\x10ftypavif\0\0\0\0")
_broken("avif without pixels", lambda: re.sub(rb"mdat.*", b"", encode(plain(), "AVIF"), flags=re.DOTALL))
_broken("avif without a description", lambda: encode(plain(), "AVIF").replace(b"meta", b"atem"))
for _part in (b"iloc", b"pitm", b"iinf", b"iprp", b"ipco", b"ipma", b"av1C", b"ispe"):
    _broken(f"avif without {_part.decode()}", lambda part=_part: encode(plain(), "AVIF").replace(part, part[::-1]))
_broken(
    "avif with noise for pixels",
    lambda: (lambda data, begun: data[:begun] + noise(16, 16).tobytes()[: len(data) - begun])(
        encode(noise(64, 48), "AVIF"), encode(noise(64, 48), "AVIF").index(b"mdat") + 4
    ),
)
_broken("jpeg of the signature alone", lambda: b"\xff\xd8\xff")
_broken("jpeg and then nothing but its end", lambda: b"\xff\xd8\xff\xd9")
_broken("jpeg with text for a picture", lambda: b"\xff\xd8\xff" + b"The quick brown fox jumps over the lazy dog. " * 40)
_broken("jpeg twice begun", lambda: b"\xff\xd8" + red_jpeg()[:300])
