"""Recall and false merges of the fingerprint on real photos, beside imagehash's own hash of the whole picture.

    python -m tests.benchmarks.fingerprints [photos] [--pixels 307200] [--every 1]

``photos`` is a folder of JPEG and WebP files of distinct pictures; without ``--pixels`` they keep their size.
Recall: share of edited copies that the similarity rule merges with their original. Bits: mean hash distance.
"""

import argparse
import io
import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import imagehash
import numpy as np
from PIL import Image, ImageDraw

from transforms.captioner.images import LEAST_SIDE, decode_rgb
from transforms.fingerprint import colour_distance, fingerprint_of, hash_distance
from transforms.similarity import PRESETS
from transforms.values import Fingerprint

PHOTOS = Path(__file__).parents[3] / "shared" / "data" / "photos"


def whole(rgb: Image.Image) -> Fingerprint:
    """The fingerprint with the hash of `imagehash.phash` alone: LANCZOS over all pixels."""
    return replace(fingerprint_of(rgb), phash=np.packbits(imagehash.phash(rgb).hash).tobytes())


METHODS: dict[str, Callable[[Image.Image], Fingerprint]] = {"imagehash": whole, "ours": fingerprint_of}


def encode(image: Image.Image, kind: str = "JPEG", quality: int = 85) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, quality=quality)
    return buffer.getvalue()


def edits(photo: Image.Image) -> Iterator[tuple[str, bytes]]:
    """What shops do to a picture without making it another one; the first is the original."""
    width, height = photo.size
    yield "original", encode(photo, quality=92)
    yield "JPEG q80", encode(photo, quality=80)
    yield "JPEG q50", encode(photo, quality=50)
    yield "half", encode(photo.resize((width // 2, height // 2), Image.Resampling.LANCZOS))
    yield "double", encode(photo.resize((width * 2, height * 2), Image.Resampling.BICUBIC))
    yield "WebP q75", encode(photo, "WEBP", 75)
    yield "PNG", encode(photo, "PNG")
    marked = photo.copy()
    ImageDraw.Draw(marked, "RGBA").text(
        (width // 4, height * 45 // 100), "© shop 2026", (255, 255, 255, 128), font_size=max(12, width // 14)
    )
    yield "watermark", encode(marked)
    left, top = round(width / 100), round(height / 100)
    yield "2 % crop", encode(photo.crop((left, top, width - left, height - top)))


def load(path: Path, pixels: int | None) -> Image.Image:
    photo = Image.open(path).convert("RGB")
    if pixels is None:
        return photo
    scale = math.sqrt(pixels / (photo.width * photo.height))
    return photo.resize((round(photo.width * scale), round(photo.height * scale)), Image.Resampling.LANCZOS)


Marks = dict[str, dict[str, list[Fingerprint]]]


def measure(paths: list[Path], pixels: int | None) -> Marks:
    """Fingerprints by method and edit, in the order of the photos."""
    marks: Marks = {method: {} for method in METHODS}
    for path in paths:
        for edit, encoded in edits(load(path, pixels)):
            rgb = decode_rgb(encoded, at_least=LEAST_SIDE)
            for method, make in METHODS.items():
                marks[method].setdefault(edit, []).append(make(rgb))
    return marks


def report(marks: Marks) -> None:
    ours, theirs = marks["ours"], marks["imagehash"]
    moved = [hash_distance(a, b) for edit in ours for a, b in zip(ours[edit], theirs[edit], strict=True)]
    print("bits moved:", {bits: f"{moved.count(bits) / len(moved):.1%}" for bits in sorted(set(moved))})
    print(f"{'':<12}" + "".join(f"{method:^38}" for method in METHODS))
    print(f"{'edit':<12}" + _heads() * len(METHODS))
    for edit in itertools.islice(ours, 1, None):
        print(f"{edit:<12}" + "".join(_recall(marks[method]["original"], marks[method][edit]) for method in METHODS))
    for method in METHODS:
        pairs = list(itertools.combinations(marks[method]["original"], 2))
        near = [pair for pair in pairs if hash_distance(*pair) <= 10]
        least = min((colour_distance(*pair) for pair in near), default=math.nan)
        merged = ", ".join(f"{name} {sum(rule.near(*pair) for pair in near)}" for name, rule in PRESETS.items())
        print(f"{method}: of {len(pairs)} pairs of different photos {len(near)} within 10 bits (least dE {least:.1f})")
        print(f"{'':<12}merged: {merged}")


def _heads() -> str:
    return f"{'bits':>6}{'max':>5}" + "".join(f"{name:>9}" for name in PRESETS)


def _recall(originals: list[Fingerprint], copies: list[Fingerprint]) -> str:
    pairs = list(zip(originals, copies, strict=True))
    bits = [hash_distance(*pair) for pair in pairs]
    found = (sum(rule.near(*pair) for pair in pairs) / len(pairs) for rule in PRESETS.values())
    return f"{np.mean(bits):>6.2f}{max(bits):>5}" + "".join(f"{share:>9.1%}" for share in found)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Recall and false merges of the fingerprint")
    parser.add_argument("photos", type=Path, nargs="?", default=PHOTOS)
    parser.add_argument("--pixels", type=int)
    parser.add_argument("--every", type=int, default=1)
    arguments = parser.parse_args()
    found = sorted(path for path in arguments.photos.rglob("*") if path.suffix in (".jpg", ".webp"))
    report(measure(found[:: arguments.every], arguments.pixels))
