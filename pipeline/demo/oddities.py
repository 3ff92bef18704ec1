"""Events that cannot become captions, each with the code it must fail with."""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>'


@dataclass(frozen=True, slots=True)
class Oddity:
    """A bad event: fields to set on an otherwise good upload, or the raw value itself."""

    name: str
    code: str
    how: str
    fields: dict[str, Any] = field(default_factory=dict)
    raw: bytes | None = None
    """Takes the place of the encoded upload."""
    keyless: bool = False
    """A record with neither key nor value."""


def oddities(good: bytes, file_root: Path) -> tuple[Oddity, ...]:
    """Every kind of bad event. ``good`` is a whole picture, for events whose fault is elsewhere."""
    missing, outside = ((folder / "no-such-picture.png").as_uri() for folder in (file_root, file_root.parent))
    return (
        Oddity("bad_not_avro", "event_undecodable", "JSON, not Avro", raw=b'{"image_id": "not-avro"}'),
        Oddity("bad_avro_body", "event_undecodable", "Avro body cut off", raw=b"\0\0\0\0\x01\x14abc"),
        Oddity("bad_schema_id", "unknown_schema", "schema id 99", raw=b"\0\0\0\0\x63" + b"\x02a"),
        Oddity("bad_two_pictures", "event_invalid", "both uri and image", {"image": good, "uri": missing}),
        Oddity("bad_task", "unsupported_task", "task MODERATE", {"image": good, "task": "MODERATE"}),
        Oddity("bad_language", "unsupported_language", "language fr", {"image": good, "languages": ["en", "fr"]}),
        Oddity("bad_missing_file", "image_missing", "no such file", {"uri": missing}),
        Oddity("bad_outside_root", "source_forbidden", "file outside the root", {"uri": outside}),
        Oddity("bad_scheme", "source_forbidden", "an ftp address", {"uri": "ftp://pictures.example/a.png"}),
        Oddity("bad_empty", "image_empty", "no bytes", {"image": b""}),
        Oddity("bad_truncated_jpeg", "image_corrupt", "truncated JPEG", {"image": _truncated_jpeg()}),
        Oddity("bad_bomb", "image_bomb", "900 megapixels declared in a few bytes", {"image": _bomb()}),
        Oddity("bad_svg", "image_format_unsupported", "SVG", {"image": SVG}),
        Oddity("bad_pdf", "image_format_unsupported", "PDF", {"image": b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n"}),
        Oddity("bad_60_megapixels", "image_too_many_pixels", "60-megapixel PNG", {"image": _sixty_megapixels()}),
        Oddity("bad_deletion", "event_invalid", "deletion without key", keyless=True),
    )


def _truncated_jpeg() -> bytes:
    buffer = io.BytesIO()
    Image.radial_gradient("L").convert("RGB").save(buffer, "JPEG", quality=90)
    return buffer.getvalue()[: buffer.tell() * 2 // 3]


def _bomb() -> bytes:
    return _png(30_000, 30_000, colour_type=6, rows=b"\0" * 64)


def _sixty_megapixels() -> bytes:
    side = 7_746
    return _png(side, side, colour_type=0, rows=(b"\0" + bytes(side)) * side)


def _png(width: int, height: int, colour_type: int, rows: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, colour_type, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 1)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )
