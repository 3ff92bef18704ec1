"""What a picture's bytes say of themselves before anything is decoded: format, size, frames.

Pillow parses the same headers, but partly in unbounded Python loops: a GIF comment in one-byte pieces or
a JPEG with a million empty segments or ten thousand scans keeps it busy for minutes, and an animated PNG
takes its canvas while it is being opened. So the structure is walked first, once and in linear time.
"""

from __future__ import annotations

import re
import struct
import zlib
from dataclasses import dataclass
from struct import unpack_from

from transforms.errors import ImageBomb, ImageCorrupt

MAX_METADATA = 1_000
"""Segments, chunks or blocks beside pixel data. Real files stay below 400 (a 20 MB depth map in XMP)."""
MAX_SCANS = 64
"""Passes of a progressive JPEG. Encoders write about 10; each costs a walk over all coefficients."""
MAX_COMMENT_BLOCKS = 4_096
"""Pieces of GIF comments before the first frame: 1 MiB in full pieces."""
MAX_JUNK = 65_536
"""Bytes between the segments of a JPEG, where none belong: Pillow steps over them one by one."""
MAX_CHUNKS = 65_536
"""PNG chunks of any kind: encoders write 4 KiB to 64 KiB of pixel data per chunk."""


@dataclass(frozen=True, slots=True)
class Header:
    """What the bytes declare; nothing of it is proved before the picture is decoded."""

    width: int
    """Pixels, before any EXIF turn. 0 when only the decoder can tell (AVIF sequences)."""
    height: int
    frames: int
    """Pictures in the animation; 1 for a still. AVIF: 1, the decoder knows better."""


def picture_format(encoded: bytes) -> str | None:
    """``JPEG``, ``PNG``, ``WEBP``, ``GIF`` or ``AVIF`` by content, None for anything else."""
    if encoded.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if encoded.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if encoded.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if encoded.startswith(b"RIFF") and encoded[8:12] == b"WEBP":
        return "WEBP"
    if encoded[4:8] == b"ftyp":
        length = min(int.from_bytes(encoded[:4], "big"), 256)
        brands = {encoded[8:12]} | {encoded[at : at + 4] for at in range(16, length, 4)}
        if brands & {b"avif", b"avis"}:
            return "AVIF"
    return None


def read_header(encoded: bytes, kind: str) -> Header:
    """Walk the structure of a picture of a format that `picture_format` found.

    Raises `ImageCorrupt` (cut short, wrong checksum, no size) and `ImageBomb` (floods of metadata or scans).
    """
    walk = {"JPEG": _jpeg, "PNG": _png, "GIF": _gif, "WEBP": _webp, "AVIF": _avif}[kind]
    try:
        return walk(encoded)
    except (struct.error, IndexError):
        raise ImageCorrupt(f"the {kind} ends after `{len(encoded)}` bytes; upload the whole file") from None


def _flood(kind: str, what: str, cap: int) -> ImageBomb:
    return ImageBomb(f"the {kind} has more than `{cap}` {what}, which no honest encoder writes; save the picture again")


def _damaged(kind: str, what: str) -> ImageCorrupt:
    return ImageCorrupt(f"the {kind} is damaged: `{what}`; upload the file again")


_MARKER = re.compile(rb"\xff([^\x00\xff\xd0-\xd7])")
"""Next marker; in a scan 0xFF is followed by 0 or a restart number, so this also jumps over pixel data."""
_FRAME_HEADERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC} | {0xDE}


def _jpeg(data: bytes) -> Header:
    width = height = segments = scans = junk = 0
    position = 2
    while (match := _MARKER.search(data, position)) is not None:
        junk += 0 if scans else match.start() - position
        if junk > MAX_JUNK:
            raise _damaged("JPEG", f"over {MAX_JUNK} bytes between its segments")
        code, position = match[1][0], match.end()
        if code == 0xD9:
            break
        segments += 1
        if segments > MAX_METADATA:
            raise _flood("JPEG", "segments", MAX_METADATA)
        (length,) = unpack_from(">H", data, position)
        if length < 2:
            raise _damaged("JPEG", f"segment {code:02X} has length {length}")
        if code in _FRAME_HEADERS:
            rows, columns = unpack_from(">HH", data, position + 3)
            height, width = max(height, rows), max(width, columns)
        if code == 0xDA:
            scans += 1
            if scans > MAX_SCANS:
                raise _flood("JPEG", "scans", MAX_SCANS)
        position += length
    if not scans:
        raise _damaged("JPEG", "it ends before its first scan")
    return Header(width, height, 1)


_PALETTE = 3
"""Colour type of a PNG whose pixels are numbers of colours."""


def _png(data: bytes) -> Header:
    if data[12:16] != b"IHDR":
        raise _damaged("PNG", "the first chunk is not IHDR")
    width, height = unpack_from(">II", data, 16)
    view, lacks_palette = memoryview(data), data[25] == _PALETTE
    position, chunks, metadata, frames = 8, 0, 0, 0
    while position + 8 <= len(data):
        length, name = unpack_from(">I4s", data, position)
        end = position + 8 + length
        chunks += 1
        if name == b"IDAT" or name == b"IHDR":
            if name == b"IHDR" and chunks > 1:
                raise _damaged("PNG", "a second IHDR chunk")
            # Pillow skips the checksum of pixel data. Of a chunk that is cut short the decoder tells more.
            whole = end + 4 <= len(data)
            if whole and zlib.crc32(view[position + 4 : end]) != unpack_from(">I", data, end)[0]:
                raise _damaged("PNG", f"wrong checksum in {name.decode()}")
            if name == b"IDAT" and lacks_palette:
                raise _damaged("PNG", "no palette before its pixels")
        elif name == b"fcTL":
            frames += 1
        elif name == b"PLTE":
            lacks_palette = False
        elif name == b"IEND":
            break
        elif name != b"fdAT":
            metadata += 1
        if metadata > MAX_METADATA:
            raise _flood("PNG", "metadata chunks", MAX_METADATA)
        if chunks > MAX_CHUNKS:
            raise _flood("PNG", "chunks", MAX_CHUNKS)
        position = end + 4
    return Header(width, height, max(1, frames))


def _gif(data: bytes) -> Header:
    width, height, flags = unpack_from("<HHB", data, 6)
    position = 13 + _palette(flags)
    metadata = comments = frames = 0
    while position < len(data) and data[position] != 0x3B:
        block = data[position]
        if block == 0x2C:
            left, top, columns, rows, flags = unpack_from("<HHHHB", data, position + 1)
            if not frames:
                width, height = max(width, left + columns), max(height, top + rows)
            frames += 1
            position, _ = _skip_blocks(data, position + 11 + _palette(flags))
            continue
        if block == 0x21:
            comment = data[position + 1] == 0xFE
            position, pieces = _skip_blocks(data, position + 2)
        else:
            comment, pieces, position = False, 0, position + 1
        if frames:
            continue
        metadata += 1
        comments += pieces if comment else 0
        if metadata > MAX_METADATA:
            raise _flood("GIF", "metadata blocks", MAX_METADATA)
        if comments > MAX_COMMENT_BLOCKS:
            raise _flood("GIF", "comment blocks", MAX_COMMENT_BLOCKS)
    if not frames:
        raise _damaged("GIF", "it ends before its first frame")
    return Header(width, height, frames)


def _palette(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _skip_blocks(data: bytes, position: int) -> tuple[int, int]:
    pieces, end = 0, len(data)
    while position < end and (length := data[position]):
        position += length + 1
        pieces += 1
    return position + 1, pieces


def _webp(data: bytes) -> Header:
    name = data[12:16]
    if name == b"VP8X":
        width, height = (1 + int.from_bytes(data[at : at + 3], "little") for at in (24, 27))
    elif name == b"VP8L":
        (bits,) = unpack_from("<I", data, 21)
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    elif name == b"VP8 ":
        width, height = (side & 0x3FFF for side in unpack_from("<HH", data, 26))
    else:
        raise _damaged("WEBP", "the first chunk is not VP8, VP8L or VP8X")
    position, metadata, frames = 12, 0, 0
    while position + 8 <= len(data):
        name, length = unpack_from("<4sI", data, position)
        frames += name == b"ANMF"
        metadata += name != b"ANMF"
        if metadata > MAX_METADATA:
            raise _flood("WEBP", "metadata chunks", MAX_METADATA)
        position += 8 + length + (length & 1)
    return Header(width, height, max(1, frames))


_AVIF_EXTENT = re.compile(rb"ispe\0\0\0\0(.{8})", re.DOTALL)


def _avif(data: bytes) -> Header:
    # Tiles and thumbnails have extents of their own; the picture's is the largest.
    extents = (unpack_from(">II", match[1]) for match in _AVIF_EXTENT.finditer(data, 0, 1 << 20))
    width, height = max(extents, key=lambda extent: extent[0] * extent[1], default=(0, 0))
    return Header(width, height, 1)
