"""What arrives in a picture's place: other formats, programs, archives, and pictures in wrappings."""

from __future__ import annotations

import base64
import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
import zlib

from data.pictures.blocks import encode, plain, png, red_jpeg
from data.pictures.registry import PICTURES, Maker, Odd


def _foreign(name: str, make: Maker) -> None:
    PICTURES[f"foreign {name}"] = Odd(make, "image_format_unsupported", ("JPEG, PNG, WEBP, GIF",))


def _tar() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        entry = tarfile.TarInfo("a.jpg")
        entry.size = len(red_jpeg())
        archive.addfile(entry, io.BytesIO(red_jpeg()))
    return buffer.getvalue()


def _zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.jpg", red_jpeg())
    return buffer.getvalue()


for _kind in (
    "BMP",
    "DIB",
    "PPM",
    "PCX",
    "TGA",
    "SGI",
    "TIFF",
    "ICO",
    "JPEG2000",
    "EPS",
    "PDF",
    "IM",
    "DDS",
    "SPIDER",
    "XBM",
    "ICNS",
    "BLP",
    "MSP",
):
    _mode = {"XBM": "1", "MSP": "1", "SPIDER": "F", "BLP": "P"}.get(_kind, "RGB")
    _foreign(_kind, lambda kind=_kind, mode=_mode: encode(plain("RGB").convert(mode), kind))
for _pack in ("tiff_lzw", "tiff_deflate", "jpeg", "packbits"):
    _foreign(f"tiff {_pack}", lambda pack=_pack: encode(plain(), "TIFF", compression=pack))
for _name, _head in {
    "ELF": b"\x7fELF\x02\x01\x01",
    "Windows program": b"MZ\x90\0\x03",
    "Java class": b"\xca\xfe\xba\xbe\0\0\0\x41",
    "WebAssembly": b"\0asm\x01\0\0\0",
    "MP3": b"ID3\x04\0\0",
    "MP3 frame": b"\xff\xfb\x90\x64",
    "AAC": b"\xff\xf1\x50\x80",
    "Ogg": b"OggS\0\x02",
    "FLAC": b"fLaC\0\0",
    "Matroska": b"\x1aE\xdf\xa3\x9f",
    "QuickTime": b"\0\0\0\x14ftypqt  ",
    "AVI": b"RIFF\x10\0\0\0AVI LIST",
    "HEIC sequence": b"\0\0\0\x18ftyphevc\0\0\0\0",
    "Canon raw": b"II*\0\x10\0\0\0CR\x02\0",
    "Fuji raw": b"FUJIFILMCCD-RAW ",
    "7z": b"7z\xbc\xaf\x27\x1c",
    "RAR": b"Rar!\x1a\x07\x01\0",
    "zstd": b"\x28\xb5\x2f\xfd",
    "SQLite": b"SQLite format 3\0",
    "PEM": b"-----BEGIN CERTIFICATE-----\nMIID\n",
    "shell": b"#!/bin/sh\nrm -rf /\n",
    "font": b"wOF2\0\x01\0\0",
    "TrueType": b"\0\x01\0\0\0\x0e\0\x80",
    "RTF": rb"{\rtf1\ansi hello}",
    "pickle": b"\x80\x05\x95\x10\0\0\0\0\0\0\0\x8c\x02os",
    "Avro": b"Obj\x01\x04\x16avro.schema",
    "Parquet": b"PAR1\x15\x04",
    "FLIF": b"FLIF44\x01",
    "QOI": b"qoif\0\0\0\x40\0\0\0\x30\x03\0",
    "BPG": b"BPG\xfb\x20\0",
    "OpenEXR": b"\x76\x2f\x31\x01\x02\0\0\0",
    "Radiance": b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n",
    "JBIG2": b"\x97JB2\x0d\x0a\x1a\x0a",
    "DjVu": b"AT&TFORM\0\0\0\x10DJVU",
    "Windows metafile": b"\xd7\xcd\xc6\x9a\0\0",
    "Photoshop large": b"8BPS\0\x02",
    "zeros": bytes(64),
    "ones": b"\xff" * 64,
    "one byte": b"\xff",
    "spaces": b" " * 100,
    "a null value": b"null",
    "a template": b"{{ image }}",
    "PHP": b"<?php system($_GET['c']); ?>",
    "LFS pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
    "multipart": b'--x\r\nContent-Disposition: form-data; name="f"\r\n\r\n\xff\xd8\xff',
    "an answer with its head": b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\n\r\n\xff\xd8\xff",
}.items():
    _foreign(_name, lambda head=_head: head + bytes(32) if len(head) > 60 else head)
for _name, _wrap in {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "base64": base64.b64encode,
    "hex": lambda data: data.hex().encode(),
    "data address": lambda data: b"data:image/jpeg;base64," + base64.b64encode(data),
    "JSON": lambda data: b'{"image": "' + base64.b64encode(data) + b'"}',
    "UTF-8 once too often": lambda data: data.decode("latin-1").encode(),
    "repr": lambda data: repr(data).encode(),
    "a line before it": lambda data: b"\r\n" + data,
    "a byte order mark": lambda data: b"\xef\xbb\xbf" + data,
    "a Confluent prefix": lambda data: b"\0\0\0\0\x07" + data,
    "backwards": lambda data: data[::-1],
    "without its first byte": lambda data: data[1:],
}.items():
    _foreign(f"jpeg as {_name}", lambda wrap=_wrap: wrap(red_jpeg()))
_foreign("tar", _tar)
_foreign("zip", _zip)
_foreign("png through a text mode", lambda: png(64, 48, 8, 2, bytes(192)).replace(b"\r\n", b"\n"))
_foreign("png as UTF-8", lambda: png(64, 48, 8, 2, bytes(192)).decode("latin-1").encode())
_foreign("png of seven bits", lambda: bytes(byte & 0x7F for byte in png(64, 48, 8, 2, bytes(192))))
_foreign("gif of another year", lambda: b"GIF90a" + bytes(40))
_foreign("webp of the other order", lambda: b"RIFX" + encode(plain(), "WEBP")[4:])
_foreign("avif of another brand", lambda: encode(plain(), "AVIF").replace(b"avif", b"avix").replace(b"avis", b"avix"))
