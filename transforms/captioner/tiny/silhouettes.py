"""Outlines of the product categories, as fractions of a square's side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PIL import Image, ImageDraw

_DRESS = ((0.38, 0.12), (0.62, 0.12), (0.60, 0.42), (0.82, 0.9), (0.18, 0.9), (0.40, 0.42))
_SLEEVES = ((0.3, 0.18), (0.7, 0.18), (0.95, 0.38), (0.84, 0.5), (0.72, 0.42))
_T_SHIRT = (*_SLEEVES, (0.72, 0.86), (0.28, 0.86), (0.28, 0.42), (0.16, 0.5), (0.05, 0.38))
_TROUSERS = ((0.28, 0.1), (0.72, 0.1), (0.78, 0.92), (0.58, 0.92), (0.5, 0.38), (0.42, 0.92), (0.22, 0.92))
_SHOE = ((0.1, 0.35), (0.38, 0.35), (0.55, 0.56), (0.88, 0.64), (0.94, 0.8), (0.1, 0.8))
_SHADE = ((0.36, 0.1), (0.64, 0.1), (0.84, 0.46), (0.16, 0.46))
_SHAPES: Mapping[str, tuple[tuple[str, Sequence[tuple[float, float]]], ...]] = {
    "dress": (("polygon", _DRESS),),
    "t-shirt": (("polygon", _T_SHIRT),),
    "trousers": (("polygon", _TROUSERS),),
    "handbag": (("box", ((0.15, 0.42), (0.85, 0.88))), ("strap", ((0.3, 0.12), (0.7, 0.72)))),
    "mug": (("box", ((0.2, 0.22), (0.66, 0.84))), ("handle", ((0.5, 0.34), (0.92, 0.72)))),
    "hat": (("ellipse", ((0.05, 0.6), (0.95, 0.82))), ("dome", ((0.24, 0.22), (0.76, 1.1)))),
    "shoe": (("polygon", _SHOE),),
    "chair": (
        ("box", ((0.24, 0.08), (0.34, 0.94))),
        ("box", ((0.24, 0.5), (0.78, 0.62))),
        ("box", ((0.68, 0.6), (0.78, 0.94))),
    ),
    "lamp": (
        ("polygon", _SHADE),
        ("box", ((0.46, 0.46), (0.54, 0.84))),
        ("box", ((0.3, 0.84), (0.7, 0.92))),
    ),
    "bottle": (("box", ((0.43, 0.06), (0.57, 0.28))), ("rounded", ((0.3, 0.26), (0.7, 0.94)))),
}


def silhouette(category: str, side: int) -> Image.Image:
    """Draw a category as an ``L`` mask of ``side`` pixels, white on black, with soft edges."""
    # Twice the size, then halved: that is what softens the edges.
    mask = Image.new("L", (side * 2, side * 2), 0)
    _Pen(mask).draw(category)
    return mask.resize((side, side), Image.Resampling.BILINEAR)


class _Pen:
    """Draws shapes whose corners are given as fractions of the side."""

    def __init__(self, mask: Image.Image) -> None:
        self._side = mask.width
        self._draw = ImageDraw.Draw(mask)

    def draw(self, category: str) -> None:
        for shape, corners in _SHAPES[category]:
            getattr(self, f"_{shape}")([(x * self._side, y * self._side) for x, y in corners])

    def _polygon(self, points: list[tuple[float, float]]) -> None:
        self._draw.polygon(points, fill=255)

    def _box(self, points: list[tuple[float, float]]) -> None:
        self._draw.rectangle(points, fill=255)

    def _rounded(self, points: list[tuple[float, float]]) -> None:
        self._draw.rounded_rectangle(points, radius=0.08 * self._side, fill=255)

    def _ellipse(self, points: list[tuple[float, float]]) -> None:
        self._draw.ellipse(points, fill=255)

    def _dome(self, points: list[tuple[float, float]]) -> None:
        self._draw.pieslice(points, 180, 360, fill=255)

    def _strap(self, points: list[tuple[float, float]]) -> None:
        self._draw.arc(points, 180, 360, fill=255, width=max(2, int(0.07 * self._side)))

    def _handle(self, points: list[tuple[float, float]]) -> None:
        self._draw.arc(points, -100, 100, fill=255, width=max(2, int(0.08 * self._side)))
