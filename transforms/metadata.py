"""A picture without what it says besides its pixels: places, people, devices, comments, thumbnails, profiles.

What is dropped is everything that a decoder does not need, known or not: a list of what may stay has no gaps. Pixels
are not touched. The EXIF turn is written anew, alone.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator

_MARKER = re.compile(rb"\xff([^\x00\xff\xd0-\xd7])")
"""As in `transforms.captioner.headers`: both must see the same segments."""
_START_OF_SCAN, _END, _JFIF, _ADOBE = 0xDA, 0xD9, 0xE0, 0xEE
_NEEDED = frozenset((*range(0xC0, 0xD0), 0xDA, 0xDB, 0xDC, 0xDD, 0xDE, 0xDF))
"""Frames, tables, scans, restarts."""
_AMONG_SCANS = frozenset((0xC4, 0xDA, 0xDB, 0xDC, 0xDD))
_TOLD = frozenset((*range(0xE0, 0xF0), 0xFE))
"""What applications and people say."""
_PNG_NEEDED = frozenset((b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"))
"""Of an animation the first frame is enough: its other chunks may be damaged where nobody has looked."""
_WEBP_NEEDED = frozenset((b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF"))
_WEBP_ALPHA, _WEBP_ANIMATION, _WEBP_EXIF = 0x10, 0x02, 0x08
_AVIF_BOXES = frozenset((b"ftyp", b"meta", b"mdat", b"free", b"skip"))
_AVIF_TOLD = re.compile(rb"Exif|mime|uri |uuid|prof|rICC|udta|XMP")


def bare(encoded: bytes, kind: str, turn: int) -> bytes | None:
    """The same picture without metadata; ``encoded`` itself where there is none, so that nothing is written twice.

    ``turn`` is its EXIF orientation. None: it cannot be done without touching pixels. The picture must have been
    decoded: its structure is taken for granted.
    """
    try:
        made = {"JPEG": _jpeg, "PNG": _png, "WEBP": _webp, "GIF": _gif, "AVIF": _avif}[kind](encoded, turn)
    except (struct.error, IndexError):  # it ends too early for us, though not for the decoder
        return None
    return encoded if made == encoded else made


def _jpeg(data: bytes, turn: int) -> bytes | None:
    """None where a marker is none that a JPEG has there.

    Through such damage a decoder finds its way as it can, and another way when less is there: the fingerprint would be
    of one picture and the caption of another.
    """
    kept, is_scan, position = [b"\xff\xd8"], False, 2
    if turn != 1:
        kept.append(_segment(0xE1, b"Exif\0\0" + _tiff(turn)))
    while (match := _MARKER.search(data, position)) is not None:
        if is_scan:
            kept.append(data[position : match.start()])
        code, position = match[1][0], match.end()
        if code == _END:
            break
        if code not in (_AMONG_SCANS if is_scan else _NEEDED) and code not in _TOLD:
            return None
        (length,) = struct.unpack_from(">H", data, position)
        content = data[position + 2 : position + length]
        if code in _NEEDED:
            kept.append(data[position - 2 : position + length])
        elif code == _JFIF and content.startswith(b"JFIF\0") and len(content) >= 14:
            kept.append(_segment(code, content[:12] + b"\0\0"))  # without its thumbnail
        elif code == _ADOBE and content.startswith(b"Adobe") and len(content) >= 12:
            kept.append(_segment(code, content[:12]))  # how colours are stored
        is_scan = code == _START_OF_SCAN
        position += length
    else:
        kept.append(data[position:])  # it ends without a marker, and decoders forgive that
    return b"".join((*kept, b"\xff\xd9"))


def _segment(code: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, code, len(content) + 2) + content


def _tiff(turn: int) -> bytes:
    """EXIF that says the orientation and nothing else."""
    return struct.pack(">2sHIHHHIHHI", b"MM", 42, 8, 1, 0x0112, 3, 1, turn, 0, 0)


def _png(data: bytes, turn: int) -> bytes | None:
    """None where a later frame of an animation stands first: Pillow takes it for the picture."""
    kept, position, name, has_pixels = [data[:8]], 8, b"", False
    while position + 8 <= len(data) and name != b"IEND":
        length, name = struct.unpack_from(">I4s", data, position)
        has_pixels |= name == b"IDAT"
        if name == b"fdAT" and not has_pixels:
            return None
        if name in _PNG_NEEDED:
            kept.append(data[position : position + 12 + length])
        if name == b"IHDR" and turn != 1:
            exif = b"eXIf" + _tiff(turn)
            kept.append(struct.pack(">I", len(exif) - 4) + exif + struct.pack(">I", zlib.crc32(exif)))
        position += 12 + length
    return b"".join(kept)


def _webp(data: bytes, turn: int) -> bytes:
    kept, flags, size = [], 0, b""
    for name, content in _chunks(data[12 : 8 + struct.unpack_from("<I", data, 4)[0]]):
        if name == b"VP8X":
            flags, size = content[0], content[4:10]
        elif name == b"ANMF":
            inner = b"".join(_chunk(part, pixels) for part, pixels in _chunks(content[16:]) if part in _WEBP_NEEDED)
            kept.append(_chunk(name, content[:16] + inner))
        elif name in _WEBP_NEEDED:
            kept.append(_chunk(name, content))
    flags &= _WEBP_ALPHA | _WEBP_ANIMATION
    if turn != 1:
        flags |= _WEBP_EXIF
        kept.append(_chunk(b"EXIF", _tiff(turn)))
    if size:  # it was there: a simple file has no metadata and no turn
        kept.insert(0, _chunk(b"VP8X", bytes((flags, 0, 0, 0)) + size))
    body = b"WEBP" + b"".join(kept)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    position = 0
    while position + 8 <= len(data):
        name, length = struct.unpack_from("<4sI", data, position)
        if position + 8 + length > len(data):
            raise IndexError
        yield name, data[position + 8 : position + 8 + length]
        position += 8 + length + (length & 1)


def _chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) & 1)


def _gif(data: bytes, turn: int) -> bytes:
    start = 13 + _palette(data[10])
    kept, position = [data[:start]], start
    while position < len(data) and data[position] != 0x3B:
        begun = position
        if data[position] == 0x2C:
            position = _past_blocks(data, position + 11 + _palette(data[position + 9]))
            kept.append(data[begun:position])
        elif data[position] == 0x21:
            position = _past_blocks(data, position + 2)
            if data[begun + 1] == 0xF9:  # transparency and time
                kept.append(data[begun:position])
        else:
            position += 1
    return b"".join((*kept, b";"))


def _palette(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _past_blocks(data: bytes, position: int) -> int:
    while data[position]:
        position += data[position] + 1
    return position + 1


def _avif(data: bytes, turn: int) -> bytes | None:
    """Its metadata lies among the pixels, by places that other parts of the file name: it is only found here."""
    position = 0
    while position + 8 <= len(data):
        length, name = struct.unpack_from(">I4s", data, position)
        if name not in _AVIF_BOXES or length < 8:
            return None
        if name != b"mdat" and _AVIF_TOLD.search(data, position + 8, position + length):
            return None
        if name in (b"free", b"skip") and data[position + 8 : position + length].strip(b"\0"):
            return None
        position += length
    return data if position == len(data) else None
