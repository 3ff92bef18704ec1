"""Whole pictures of every kind that is decoded, cut off at every tenth or so of their length."""

from __future__ import annotations

from functools import cache

from data.pictures.blocks import encode, noise
from data.pictures.registry import PICTURES, Odd

SHARES = (0.12, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.97)
OF_FIRST = (0.1, 0.2, 0.3, 0.4)
"""Of animations of two frames, of which only the first is decoded."""


@cache
def _whole() -> dict[str, bytes]:
    picture, other = noise(120, 90), noise(90, 120).resize((120, 90))
    grey, clear = picture.convert("L"), picture.convert("RGBA")
    clear.putalpha(grey)
    more = {"save_all": True, "append_images": [other]}
    return {
        "jpeg": encode(picture, "JPEG"),
        "jpeg progressive": encode(picture, "JPEG", progressive=True),
        "jpeg grey": encode(grey, "JPEG"),
        "jpeg cmyk": encode(picture.convert("CMYK"), "JPEG", quality=90),
        "jpeg restarts": encode(picture, "JPEG", restart_marker_blocks=3),
        "png": encode(picture, "PNG"),
        "png rgba": encode(clear, "PNG"),
        "png grey": encode(grey, "PNG"),
        "png palette": encode(picture.quantize(200), "PNG"),
        "webp": encode(picture, "WEBP"),
        "webp lossless": encode(picture, "WEBP", lossless=True),
        "webp alpha": encode(clear, "WEBP"),
        "gif": encode(picture.quantize(200), "GIF"),
        "avif": encode(picture, "AVIF"),
        "avif alpha": encode(clear, "AVIF"),
        "avif fine": encode(picture, "AVIF", quality=95, subsampling="4:4:4"),
        "animated png": encode(picture, "PNG", **more),
        "animated gif": encode(picture, "GIF", **more),
        "animated webp": encode(picture, "WEBP", lossless=True, **more),
    }


def _register() -> None:
    for name in _whole():
        for share in OF_FIRST if name.startswith("animated") else SHARES:

            def make(name: str = name, share: float = share) -> bytes:
                whole = _whole()[name]
                return whole[: int(len(whole) * share)]

            PICTURES[f"{name} cut at {share:.0%}"] = Odd(make, "image_corrupt")


_register()
