"""The page of one's own pictures and their captions; it needs nothing but itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.duplicates.folder import read
from pipeline.report.page import write_page
from pipeline.report.thumbnail import jpeg_uri
from pipeline.terminal import printable
from pipeline.trying.run import Result
from transforms.captioner.images import LEAST_SIDE, decode_rgb
from transforms.errors import InputError
from transforms.inspect import InspectLimits, inspect

MOST_PICTURES = 500
"""So that a large folder makes no page of a hundred megabytes."""


@dataclass(frozen=True, slots=True)
class Card:
    """One picture as the page shows it."""

    result: Result
    thumbnail: str
    """Data URI; empty where there is none."""

    @property
    def alt(self) -> str:
        """For who cannot see it: the caption, or that there is none."""
        return next(iter(self.result.texts.values()), f"{self.result.source.image_id}, without caption")


def write(path: Path, results: Sequence[Result], model: str, note: str) -> None:
    """Write the page; ``note`` says what to think of the captions, if anything."""
    write_page(
        path,
        Path(__file__).parent / "page.html.j2",
        cards=[Card(result, _thumbnail(result)) for result in results[:MOST_PICTURES]],
        total=len(results),
        captioned=sum(bool(result.texts) for result in results),
        copies=sum(bool(result.copy_of) for result in results),
        model=model,
        note=note,
        printable=printable,
    )


def _thumbnail(result: Result) -> str:
    """Checked as the job checked it: what is too large for it is not decoded here either."""
    if result.source.path is None:
        return ""
    limits = InspectLimits()
    try:
        picture, decoded = inspect(read(result.source.path, limits.max_bytes), limits)
        return jpeg_uri(decoded or decode_rgb(picture.encoded, at_least=LEAST_SIDE))
    except (OSError, InputError):
        return ""
