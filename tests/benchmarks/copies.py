"""How well copies are found and different pictures kept apart on real photos, beside imagehash and imagededup.

    python -m tests.benchmarks.copies [photos] [--every 1] [--imagededup ENVIRONMENT/bin/python]

``photos`` is a folder of JPEG and WebP files of distinct pictures. Of each, twelve copies and four recoloured ones are
made. Found: share of copies that the rule calls the same picture as their original. False: photos that another photo is
merged with, each pair listed. `imagehash` is its plain phash at 6 bits (ours without colour and quality), `imagededup`
the hash of that package at 10 bits, its default; it runs in an environment of its own, since it brings torchvision.
At the end, how many JPEGs of 1 and of 12 megapixels one core inspects and fingerprints in a second.
"""

from __future__ import annotations

import argparse
import io
import itertools
import json
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import imagehash
import numpy as np
from PIL import Image

from tests.benchmarks.edits import copies, encode, patched, recoloured
from transforms.captioner.images import LEAST_SIDE, decode_rgb
from transforms.fingerprint import colour_distance, fingerprint_of, hash_distance
from transforms.inspect import InspectLimits, inspect
from transforms.similarity import PRESETS
from transforms.values import Fingerprint

PHOTOS = Path(__file__).parents[3] / "shared" / "data" / "photos"
ORIGINAL = "original"
_HASHES = Path(__file__).with_name("imagededup_hashes.py")

Same = Callable[[Fingerprint, Fingerprint], bool]


@dataclass
class Method:
    """One way to compare pictures: fingerprints by edit, in the order of the photos."""

    same: Same
    marks: dict[str, list[Fingerprint]]
    seconds: list[float] = field(default_factory=list)
    """Per picture, decoding included."""

    def found(self, edit: str) -> float:
        """Share of the edited pictures that are called the same as their originals."""
        pairs = list(zip(self.marks[ORIGINAL], self.marks[edit], strict=True))
        return sum(self.same(*pair) for pair in pairs) / len(pairs)

    def false(self) -> list[tuple[int, int]]:
        """Pairs of different photos that are called the same."""
        numbered = enumerate(self.marks[ORIGINAL])
        return [(i, j) for (i, a), (j, b) in itertools.combinations(numbered, 2) if self.same(a, b)]


def ours(encoded: bytes) -> Fingerprint:
    """As the job does it."""
    return fingerprint_of(decode_rgb(encoded, at_least=LEAST_SIDE))


def plain(encoded: bytes) -> Fingerprint:
    """`imagehash.phash` of the picture as Pillow opens it."""
    with Image.open(io.BytesIO(encoded)) as image:
        return _hash_only(np.packbits(imagehash.phash(image).hash).tobytes())


def within(bits: int) -> Same:
    """Whether two hashes differ in so many bits at most."""
    return lambda a, b: hash_distance(a, b) <= bits


def edits(photo: Image.Image) -> Iterable[tuple[str, bytes]]:
    """All that is made of a photo, itself first."""
    return [(ORIGINAL, encode(photo, quality=92)), *copies(photo), *recoloured(photo), ("5 % patch", patched(photo))]


def measure(paths: list[Path], other_python: str | None) -> dict[str, Method]:
    """Fingerprint everything with every method."""
    marks: dict[str, dict[str, list[Fingerprint]]] = {name: defaultdict(list) for name in ("ours", "imagehash")}
    seconds: dict[str, list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        files: list[tuple[str, Path]] = []
        for path in paths:
            with Image.open(path) as image:
                photo = image.convert("RGB")
            for edit, encoded in edits(photo):
                for name, make in (("ours", ours), ("imagehash", plain)):
                    begun = time.process_time()
                    marks[name][edit].append(make(encoded))
                    seconds[name].append(time.process_time() - begun)
                if other_python:
                    files.append((edit, Path(folder) / f"{len(files):06}"))
                    files[-1][1].write_bytes(encoded)
        methods = {name: Method(rule.near, marks["ours"], seconds["ours"]) for name, rule in PRESETS.items()}
        methods["imagehash"] = Method(within(6), marks["imagehash"], seconds["imagehash"])
        if other_python:
            methods["imagededup"] = _imagededup(other_python, files)
    return methods


def _imagededup(python: str, files: list[tuple[str, Path]]) -> Method:
    done = subprocess.run(
        [python, _HASHES], input="\n".join(str(path) for _, path in files), capture_output=True, text=True, check=True
    )
    answer = json.loads(done.stdout)
    marks: dict[str, list[Fingerprint]] = defaultdict(list)
    for (edit, _), hexadecimal in zip(files, answer["hashes"], strict=True):
        marks[edit].append(_hash_only(bytes.fromhex(hexadecimal)))
    return Method(within(10), marks, answer["seconds"])


def _hash_only(phash: bytes) -> Fingerprint:
    return Fingerprint(phash, bytes(192), 100, 1)


def report(paths: list[Path], methods: dict[str, Method]) -> None:
    """Print the table, and every pair of different photos that a preset merges."""
    photos = len(paths)
    print(f"{photos} photos" + " " * 12 + "".join(f"{name:>12}" for name in methods))
    some = next(iter(methods.values()))
    benign = [edit for edit, _ in copies(Image.new("RGB", (64, 64)))]
    for edit in some.marks:
        if edit != ORIGINAL:
            print(f"{edit:<22}" + "".join(f"{method.found(edit):>12.1%}" for method in methods.values()))
    means = (np.mean([method.found(edit) for edit in benign]) for method in methods.values())
    print(f"{'all twelve copies':<22}" + "".join(f"{mean:>12.2%}" for mean in means))
    wrong_colours = [edit for edit, _ in recoloured(Image.new("RGB", (64, 64)))]
    mixed = [np.mean([method.found(edit) for edit in wrong_colours]) for method in methods.values()]
    print(f"{'all four recoloured':<22}" + "".join(f"{mean:>12.2%}" for mean in mixed))
    precise = (_precision(method, benign, wrong_colours) for method in methods.values())
    print(f"{'precision':<22}" + "".join(f"{share:>12.2%}" for share in precise))
    wrong = {name: method.false() for name, method in methods.items()}
    touched = (len({photo for pair in pairs for photo in pair}) for pairs in wrong.values())
    print(f"{'false: photos':<22}" + "".join(f"{number:>12}" for number in touched))
    print(
        f"{'false: share':<22}" + "".join(f"{len({p for q in w for p in q}) / photos:>12.2%}" for w in wrong.values())
    )
    spent = (np.mean(method.seconds) * 1000 for method in methods.values())
    print(f"{'ms per picture':<22}" + "".join(f"{mean:>12.2f}" for mean in spent))
    moved = [
        hash_distance(a, b) for a, b in zip(some.marks[ORIGINAL], methods["imagehash"].marks[ORIGINAL], strict=True)
    ]
    print("bits between ours and imagehash:", {bits: moved.count(bits) for bits in sorted(set(moved))})
    for name in PRESETS:
        for i, j in wrong[name]:
            a, b = (some.marks[ORIGINAL][photo] for photo in (i, j))
            told = f"{hash_distance(a, b)} bits, dE {colour_distance(a, b):.1f}"
            print(f"{name} merges {paths[i].name} and {paths[j].name}: {told}")


def _precision(method: Method, benign: list[str], wrong: list[str]) -> float:
    """Copies among all that is found."""
    right = sum(method.found(edit) for edit in benign)
    return right / (right + sum(method.found(edit) for edit in wrong))


def speed(paths: list[Path]) -> None:
    """Print pictures a second of CPU, best of three rounds, with Inspect image and Fingerprint as in the job."""
    limits = InspectLimits()
    for megapixels in (1, 12):
        encoded = []
        for path in paths[:: max(1, len(paths) // 8)]:
            with Image.open(path) as image:
                photo = image.convert("RGB")
            scale = (megapixels * 1e6 / (photo.width * photo.height)) ** 0.5
            size = round(photo.width * scale), round(photo.height * scale)
            encoded.append(encode(photo.resize(size, Image.Resampling.BICUBIC), quality=85))
        rates = []
        for _ in range(3):
            begun = time.process_time()
            for one in encoded:
                ours(one)
            middle = time.process_time()
            for one in encoded:
                inspect(one, limits)
            ended = time.process_time()
            rates.append((len(encoded) / (middle - begun), len(encoded) / (ended - middle)))
        fingerprints, inspections = (max(column) for column in zip(*rates, strict=True))
        kilobytes = np.mean([len(one) for one in encoded]) / 1000
        print(
            f"{megapixels} MP JPEG of {kilobytes:.0f} KB: {fingerprints:.0f} fingerprints/s, decoding included; ",
            end="",
        )
        print(f"{inspections:.0f} inspections/s")


def photos_in(folder: Path, every: int = 1) -> list[Path]:
    """The pictures of a folder, or one of ``every``."""
    return sorted(path for path in folder.rglob("*") if path.suffix in (".jpg", ".webp"))[::every]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Copies found, and different photos merged")
    parser.add_argument("photos", type=Path, nargs="?", default=PHOTOS)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--imagededup", metavar="PYTHON", help="a Python that has imagededup")
    arguments = parser.parse_args()
    chosen = photos_in(arguments.photos, arguments.every)
    report(chosen, measure(chosen, arguments.imagededup))
    speed(chosen)
