"""When two pictures are the same to a person: the rule of Find duplicate and of reuse.

A perceptual hash finds candidates and is a poor judge: it is blind to colour (65 % of real colour variants pass at
6 bits). The judges are the largest CIE76 difference over an 8 × 8 Lab thumbnail, and the largest difference of colour
alone (a and b): a watermark or a crop moves the lightness of a cell, another colour of the product its chroma.

Measured by tests/benchmarks/copies.py on 577 photos of three catalogues with twelve copies each (re-encoded, resized,
watermarked, cropped by 2 %) and four recoloured ones (hue ±60°, +180°, grey). Recall: copies found. Precision: copies
among all that is found, of these sixteen. Without the limit on chroma ``balanced`` finds 99.8 % of the copies, and
12 % of the recoloured ones with them.
"""

from __future__ import annotations

from dataclasses import dataclass

from transforms.errors import ConfigInvalid
from transforms.fingerprint import colour_distances, hash_distance
from transforms.values import Fingerprint, Task, Upload

CATEGORY = "@category"
"""Among the veto attributes: the upload's category."""


@dataclass(frozen=True, slots=True)
class SimilarityRule:
    """The default is the preset ``balanced``."""

    max_hash_distance: int = 6
    """Hamming distance of the 64-bit phash; always even, so 5 is 4."""
    max_colour_distance: float = 10.0
    """CIE76 dE of the worst of 64 cells."""
    max_chroma_distance: float = 7.0
    """The same of a and b alone, without lightness."""
    min_quality: int = 50
    """Below it a hash says nothing: only equal bytes are the same."""
    ignore_colour: bool = False
    """Colour variants of a product are one picture: for shops that want one text per product line."""
    veto_attributes: tuple[str, ...] = ("colour", "sku")
    """Two uploads whose values for one of these differ are never merged, equal bytes included."""

    def __post_init__(self) -> None:
        """Raise `ConfigInvalid` naming the option that mends it."""
        if not 0 <= self.max_hash_distance <= 16:
            raise ConfigInvalid(
                f"hash distance `{self.max_hash_distance}` is outside 0 to 16; mend --max-hash-distance"
            )
        for name, distance, option in (
            ("colour", self.max_colour_distance, "--max-colour-distance"),
            ("chroma", self.max_chroma_distance, "--max-chroma-distance"),
        ):
            if distance < 0:
                raise ConfigInvalid(f"{name} distance `{distance}` is negative; mend {option}")

    def near(self, a: Fingerprint, b: Fingerprint) -> bool:
        """Whether two fingerprints are of the same picture, bytes aside."""
        return (
            a.version == b.version
            and min(a.quality, b.quality) >= self.min_quality
            and hash_distance(a, b) <= self.max_hash_distance
            and (self.ignore_colour or self._same_colours(a, b))
        )

    def _same_colours(self, a: Fingerprint, b: Fingerprint) -> bool:
        colour, chroma = colour_distances(a, b)
        return colour <= self.max_colour_distance and chroma <= self.max_chroma_distance

    def veto_key(self, upload: Upload) -> str:
        """The upload's veto attributes as one string, for `vetoed`."""
        values = ((name, _value(upload, name)) for name in self.veto_attributes)
        return "\x1f".join(name + "=" + value.replace("\x1f", " ") for name, value in values if value)


def _value(upload: Upload, name: str) -> str | None:
    return upload.category if name == CATEGORY else upload.attribute(name)


def vetoes(veto: str) -> dict[str, str]:
    """The values that a veto key names, by attribute."""
    return dict(pair.split("=", 1) for pair in veto.split("\x1f")) if veto else {}


def vetoed(a: str, b: str) -> bool:
    """Whether two veto keys name different values for one attribute. A missing attribute forbids nothing."""
    if a == b:
        return False
    first, second = vetoes(a), vetoes(b)
    return any(second.get(name, value) != value for name, value in first.items())


def exact_only(task: Task) -> bool:
    """Whether a task may reuse an answer on equal bytes only: a small patch hides from a perceptual hash."""
    return task in (Task.MODERATE, Task.ANSWER)


PRESETS = {
    "strict": SimilarityRule(max_hash_distance=4, max_colour_distance=7.0, max_chroma_distance=5.0),
    "balanced": SimilarityRule(),
    "lenient": SimilarityRule(max_hash_distance=8, max_colour_distance=15.0, max_chroma_distance=9.0),
}
"""Measured as said above:

strict: recall 95.6 %, precision 99.5 %; no photo merged with another; misses a third of watermarks.
balanced: recall 99.6 %, precision 98.7 %; no photo merged with another.
lenient: recall 100.0 %, precision 96.8 %; 1.0 % of photos merged with another, of another size or lid of one product.
"""
