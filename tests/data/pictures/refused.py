"""What is no picture, or none that is decoded here."""

from __future__ import annotations

import gzip

from data.pictures.blocks import (
    encode,
    plain,
    red_jpeg,
)
from data.pictures.registry import PICTURES, Maker, Odd, bad


@bad("image_empty", "`0` bytes")
def empty() -> bytes:
    return b""


@bad("image_too_large", "20971520", "--max-image-bytes")
def over_twenty_mebibytes() -> bytes:
    return red_jpeg() + bytes(20 * 2**20)


def _refused(name: str, kind: str, make: Maker, *words: str) -> None:
    PICTURES[name] = Odd(make, "image_format_unsupported", (f"`{kind}`", "JPEG, PNG, WEBP, GIF", *words))


SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>'
_refused("svg", "SVG", lambda: SVG)
_refused("svg_with_declaration_and_bom", "SVG", lambda: b'\xef\xbb\xbf<?xml version="1.0"?>\n<!-- x -->' + SVG)
_refused("svg_utf16", "SVG", lambda: SVG.decode().encode("utf-16"))
_refused("svg_gzip", "SVG", lambda: gzip.compress(SVG))
_refused("gzip_of_something", "gzip", lambda: gzip.compress(b"something"))
_refused("heic_brand", "HEIC", lambda: b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(64), "pillow-heif")
_refused("heif_container", "HEIC", lambda: b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic" + bytes(64), "pillow-heif")
_refused("mp4", "MP4 video", lambda: b"\0\0\0\x18ftypisom\0\0\0\0isomavc1" + bytes(64))
_refused("tiff", "TIFF", lambda: encode(plain(), "TIFF"))
_refused("tiff_big_endian", "TIFF", lambda: b"MM\0*\0\0\0\x08" + bytes(32))
_refused("bmp", "BMP", lambda: encode(plain(), "BMP"))
_refused("ico", "icon", lambda: encode(plain(), "ICO"))
_refused("jpeg_2000", "JPEG 2000", lambda: encode(plain(), "JPEG2000"))
_refused("jpeg_xl", "JPEG XL", lambda: b"\xff\x0a" + bytes(16))
_refused("photoshop", "Photoshop document", lambda: b"8BPS\0\x01" + bytes(32))
_refused("postscript", "PostScript", lambda: encode(plain(), "EPS"))
_refused("pdf", "PDF", lambda: b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
_refused("zip_archive", "ZIP", lambda: b"PK\x03\x04" + bytes(26))
_refused("wav", "RIFF audio or video", lambda: b"RIFF\x24\0\0\0WAVEfmt " + bytes(28))
_refused("html_named_jpg", "HTML", lambda: b"\n<!DOCTYPE html><html><body>404</body></html>", "page")
_refused("xml_error", "XML", lambda: b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>")
_refused("json_error", "JSON", lambda: b'{"error": "no such picture"}')
_refused("text", "text", lambda: "图片不存在，请稍后再试。".encode())
_refused("random_bytes", "unknown, starting 00ff00ff00ff00ff", lambda: b"\0\xff" * 50)
_refused("two_bytes_of_a_jpeg", "unknown, starting ffd8", lambda: b"\xff\xd8")
