"""Fingerprint: what near-identical pictures are recognised by, and the distances between two of them.

The hash finds candidates and is blind to colour; the Lab thumbnail judges them; the quality says when to
believe neither. Chosen and measured on 11,188 photos.
"""

from __future__ import annotations

import math
from functools import lru_cache

import imagehash
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from transforms.captioner.images import LEAST_SIDE, decode_rgb
from transforms.values import Candidate, Fingerprint, Inspected

ALGORITHM_VERSION = 2
"""Goes up with every change that can move a hash, a cell or a quality: versions are never compared."""

LAB_SIDE = 8
"""Cells along a side of the Lab thumbnail."""
_LUMA_SIDE = 64
_HASH_SIDE = 32
"""Side of the luma picture that imagehash transforms."""
_GAP = 5
"""Luma is box-averaged to at least so many hash sides before LANCZOS: four times as fast, 5 % of photos get two other
bits, and copies are found as before. Measured by tests/benchmarks/copies.py."""

_SRGB = np.arange(256) / 255
_LINEAR = np.where(_SRGB <= 0.04045, _SRGB / 12.92, ((_SRGB + 0.055) / 1.055) ** 2.4)
_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
_WHITE = _XYZ.sum(axis=1)


def fingerprint(encoded: bytes) -> Fingerprint:
    """Fingerprint the bytes of an inspected picture; see `fingerprint_of`.

    Raises `ImageFormatUnsupported`, `ImageCorrupt` or `ImageBomb` for what `inspect` would have refused.
    """
    return fingerprint_of(decode_rgb(encoded, at_least=LEAST_SIDE))


def fingerprint_of(rgb: Image.Image) -> Fingerprint:
    """Fingerprint a decoded picture; 1 ms at 640 x 480.

    The picture was decoded upright, on white, at the smallest of the sizes 1, 1/2, 1/4 and 1/8 that keeps its
    shorter side at 256 pixels or more: below that the colours of the cells begin to move. Pictures that are
    smaller to begin with (rendered ones of 64 x 64, say) are used as they are.
    """
    luma = rgb.convert("L")
    return Fingerprint(
        phash=phash(luma),
        lab=lab_thumbnail(rgb).tobytes(),
        quality=quality(luma),
        version=ALGORITHM_VERSION,
    )


def phash(luma: Image.Image) -> bytes:
    """64 bits of `imagehash.phash`, 8 bytes big-endian."""
    small = luma.resize((_HASH_SIDE, _HASH_SIDE), Image.Resampling.LANCZOS, reducing_gap=_GAP)
    return np.packbits(imagehash.phash(small).hash).tobytes()


def lab_thumbnail(rgb: Image.Image) -> NDArray[np.int8]:
    """CIE Lab of 8 x 8 cells, int8 of shape (8, 8, 3): L - 50, a, b, each rounded to a whole unit.

    A cell is the plain mean (BOX) of the sRGB values of its pixels; other filters shift a cell by up to dE 8.
    sRGB to XYZ by IEC 61966-2-1, XYZ to Lab by CIE 15 with the D65 white of that matrix. Rounding moves a
    cell by dE 0.87 at most; the distance of two photos' cells moved by 1.1 in 99.9 % and by 1.5 at most.
    """
    cells = np.asarray(rgb.resize((LAB_SIDE, LAB_SIDE), Image.Resampling.BOX))
    return np.rint(srgb_to_lab(cells) - (50, 0, 0)).astype(np.int8)


def srgb_to_lab(srgb: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Convert 8-bit sRGB of shape (..., 3) to CIE Lab, D65: L 0 to 100, a -86 to 98, b -108 to 94."""
    xyz = _LINEAR[srgb] @ _XYZ.T / _WHITE
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz * (29 / 6) ** 2 / 3 + 4 / 29)
    x, y, z = np.moveaxis(f, -1, 0)
    return np.stack((116 * y - 16, 500 * (x - y), 200 * (y - z)), axis=-1)


def quality(luma: Image.Image) -> int:
    """Measure how much there is to hash, 0 to 100, as in Meta's PDQ (`pdqImageDomainQualityMetric`).

    Sum over a 64 x 64 luma thumbnail of the absolute differences between neighbours to the right and below,
    in percent of full scale and each cut to a whole percent, divided by 90. Below 50 (an object across a
    quarter of a white page, a blank page, a line of text) hashes of different pictures collide.
    """
    cells = np.asarray(luma.resize((_LUMA_SIDE, _LUMA_SIDE), Image.Resampling.BOX)).astype(np.int32)
    steps = sum(int((np.abs(np.diff(cells, axis=axis)) * 100 // 255).sum()) for axis in (0, 1))
    return min(100, steps // 90)


def hash_distance(a: Fingerprint, b: Fingerprint) -> int:
    """Count the bits in which two phashes differ, 0 to 64; nearly always even, as each has 32 set."""
    return (int.from_bytes(a.phash, "big") ^ int.from_bytes(b.phash, "big")).bit_count()


def colour_distance(a: Fingerprint, b: Fingerprint) -> float:
    """CIE76 dE (Euclidean distance in Lab) of the two thumbnails' worst cell; 2.3 is just noticeable."""
    return colour_distances(a, b)[0]


def chroma_distance(a: Fingerprint, b: Fingerprint) -> float:
    """Euclidean distance in a and b, without lightness, of the two thumbnails' worst cell."""
    return colour_distances(a, b)[1]


def colour_distances(a: Fingerprint, b: Fingerprint) -> tuple[float, float]:
    """`colour_distance` and `chroma_distance`."""
    return _lab_distances(a.lab, b.lab)


@lru_cache(maxsize=1024)
def _lab_distances(lab: bytes, other: bytes) -> tuple[float, float]:
    """Kept: a duplicate is compared with the same pictures by the index, for each text and for its record."""
    ours, theirs = (np.frombuffer(one, np.int8).astype(np.int32) for one in (lab, other))
    lightness, green_red, blue_yellow = (np.square(ours - theirs)).reshape(-1, 3).T
    chroma = green_red + blue_yellow
    return math.sqrt((lightness + chroma).max()), math.sqrt(chroma.max())


def fingerprint_picture(inspected: Inspected) -> Candidate:
    """`Inspected` → `Candidate`."""
    rgb = inspected.decoded
    mark = fingerprint(inspected.picture.encoded) if rgb is None else fingerprint_of(rgb)
    return Candidate(inspected.record, inspected.upload, inspected.picture, mark)
