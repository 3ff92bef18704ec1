"""Names for content that is not decoded here, so that an error can say what was sent instead of a picture."""

from __future__ import annotations

import zlib

_MAGIC = (
    (b"%PDF-", "PDF"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
    (b"8BPS", "Photoshop document"),
    (b"\0\0\x01\0", "icon"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\0\0\0\x0cJXL ", "JPEG XL"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"\0\0\0\x0cjP  ", "JPEG 2000"),
    (b"%!PS", "PostScript"),
    (b"RIFF", "RIFF audio or video"),
    (b"\x1aE\xdf\xa3", "Matroska video"),
    (b"PK\x03\x04", "ZIP"),
    (b"\x1f\x8b", "gzip"),
)
_HEIC_BRANDS = frozenset((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"))

HINTS = {
    "HEIC": " (phones write it; convert it first, for instance with the optional package `pillow-heif`)",
    "SVG": " (a drawing, and a program as far as security goes; render it first)",
    "HTML": " (the address probably answers with a page)",
    "AVIF": " (this build of Pillow has no AVIF)",
}
"""What to know about a kind, ready to be put behind its mention in a message."""


def sniff(encoded: bytes) -> str:
    """Name the kind of content: ``SVG``, ``HEIC``, ``PDF``, ``HTML``, ``text`` … or else its first bytes."""
    if encoded[4:8] == b"ftyp":
        brand = encoded[8:12]
        if brand in (b"avif", b"avis"):
            return "AVIF"
        return "HEIC" if brand in _HEIC_BRANDS else "MP4 video"
    head = encoded[:4096]
    if head.startswith(b"\x1f\x8b"):
        return "SVG" if _text_kind(_gunzip(head)) == "SVG" else "gzip"
    if head.startswith(b"BM") and head[6:10] == bytes(4):
        return "BMP"
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    return _text_kind(head) or f"unknown, starting {encoded[:8].hex()}"


def _gunzip(head: bytes) -> bytes:
    try:
        return zlib.decompressobj(31).decompress(head, 4096)
    except zlib.error:
        return b""


def _text_kind(head: bytes) -> str | None:
    encoding = "utf-16" if head.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    text = head.decode(encoding, errors="replace").strip().lower()
    if "<svg" in text:
        return "SVG"
    if text.startswith(("<!doctype html", "<html", "<head", "<body")):
        return "HTML"
    if text.startswith("<?xml"):
        return "XML"
    if text.startswith(("{", "[")):
        return "JSON"
    printable = sum(sign.isprintable() or sign.isspace() for sign in text if sign != "�")
    return "text" if text and printable >= 0.95 * len(text) else None
