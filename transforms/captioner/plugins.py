"""Pillow's readers of the allowed formats, each cut down to the first frame, and the EXIF turn."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Mapping

from PIL import Image, features
from PIL.AvifImagePlugin import AvifImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

EXIF_BYTES = 1 << 16
"""Enough of a WebP's EXIF to find the orientation, which stands at its start."""
_RAW_SCALE = {"L;2": 85, "L;4": 17, "RGB;16B": 1 / 256}
"""Samples that Pillow brings to 8 bits while decoding, without doing so to the transparent colour."""


class _Jpeg(JpegImageFile):
    def _read_dpi_from_exif(self) -> None:
        """Leave it: the resolution is not used, and damaged EXIF would warn through a process-wide filter."""


class _FirstFramePng(PngImageFile):
    def load_prepare(self) -> None:
        self.dispose = None  # a whole canvas, kept for the second frame
        scale = _RAW_SCALE.get(str(self.tile[0].args))
        clear = self.info.get("transparency")
        if scale is not None and isinstance(clear, tuple):
            self.info["transparency"] = tuple(int(sample * scale) for sample in clear)
        elif scale is not None and isinstance(clear, int):
            self.info["transparency"] = int(clear * scale)
        super().load_prepare()


class _FirstFrameWebP(WebPImageFile):
    def _open(self) -> None:
        super()._open()
        # The format with the largest decoder cannot afford copies of 20 MiB of metadata.
        exif = self.info.get("exif", b"")[:EXIF_BYTES]
        self.info = {"exif": exif}

    def load_prepare(self) -> None:
        self._decoder = None  # two whole canvases, kept for the second frame
        super().load_prepare()


class _FirstFrameAvif(AvifImageFile):
    def load_prepare(self) -> None:
        self._decoder = None  # all planes, kept for the second frame
        super().load_prepare()


OPENERS: Mapping[str, Callable[[io.BytesIO], ImageFile]] = {
    "JPEG": _Jpeg,
    "PNG": _FirstFramePng,
    "WEBP": _FirstFrameWebP,
    "GIF": GifImageFile,
} | ({"AVIF": _FirstFrameAvif} if features.check("avif") else {})
"""Format to reader. A multi-picture (MPO) file is read as its first JPEG."""

FORMATS = tuple(OPENERS)
"""What is decoded; AVIF only where this Pillow has it."""

TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF orientation to what undoes it (EXIF 2.32, tag 0x0112)."""


def orientation(image: ImageFile) -> int:
    """EXIF orientation 1 to 8 of a loaded picture; 1 where there is none or it cannot be read.

    Read here, as Pillow's own reader warns of damaged EXIF.
    """
    exif = image.info.get("exif")
    if not isinstance(exif, bytes):
        return 1
    exif = exif.removeprefix(b"Exif\0\0")
    order = {b"II": "<", b"MM": ">"}.get(exif[:2])
    if order is None:
        return 1
    try:
        (start,) = struct.unpack_from(order + "I", exif, 4)
        (count,) = struct.unpack_from(order + "H", exif, start)
        for entry in range(start + 2, start + 2 + 12 * count, 12):
            tag, kind, _, value = struct.unpack_from(order + "HHIH", exif, entry)
            if tag == 0x0112 and kind == 3:
                return int(value)
    except struct.error:
        pass
    return 1
