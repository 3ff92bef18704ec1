"""Any Pillow mode to 8-bit RGB on white, strip by strip: beside the source only RGB is held in full size."""

from __future__ import annotations

from typing import cast

import numpy as np
from PIL import Image

STRIP_PIXELS = 1 << 20
"""Pixels converted at once: a few MiB of scratch memory, and a one-megapixel picture is a single strip."""
_ALPHA_MODES = ("RGBA", "RGBa", "LA", "La", "PA")


def flatten(image: Image.Image, factor: int = 1) -> Image.Image:
    """Convert a picture to mode RGB without metadata, on white, and shrink it by ``factor`` (box average).

    * Alpha (LA, PA, RGBA and their premultiplied forms) and transparent colours of PNG and GIF (modes 1, L,
      P, RGB, I;16) are composited on white before anything is averaged.
    * 16 bits are scaled, not clipped: round(v / 257). I counts as 16-bit, F as 0 to 1 or else 0 to 255;
      values beyond stretch the range.
    * CMYK by Pillow's plain formula. Colour profiles are ignored in all modes.

    Returns ceil(width / factor) by ceil(height / factor) pixels. Raises what Pillow raises.
    """
    image.load()
    if image.mode == "RGB" and factor == 1 and "transparency" not in image.info:
        plain = image.copy()
        plain.info = {}  # comments and GPS stay behind
        return plain
    width, height = image.size
    bounds = _bounds(image)
    flat = Image.new("RGB", (-(-width // factor), -(-height // factor)))
    rows = max(STRIP_PIXELS // width // factor, 1) * factor
    for top in range(0, height, rows):
        strip = _on_white(image.crop((0, top, width, min(top + rows, height))), bounds)
        flat.paste(strip.reduce(factor) if factor > 1 else strip, (0, top // factor))
    return flat


def _on_white(strip: Image.Image, bounds: tuple[float, float]) -> Image.Image:
    if strip.mode == "F" or strip.mode.startswith("I"):
        strip = _eight_bit(strip, bounds)
    if strip.mode in _ALPHA_MODES or "transparency" in strip.info:
        if strip.mode == "La":
            strip = strip.convert("LA")
        clear = strip.convert("RGBA")
        white = Image.new("RGB", strip.size, "white")
        white.paste(clear, mask=clear.getchannel("A"))
        return white
    return strip.convert("RGB")


def _bounds(image: Image.Image) -> tuple[float, float]:
    """Tell which values become 0 and 255; of the whole picture, so that all strips agree."""
    if image.mode not in ("I", "F"):
        return 0, 65535
    low, high = cast(tuple[float, float], image.getextrema())
    usual = (65535,) if image.mode == "I" else (1, 255)
    return min(0, low), next((top for top in usual if high <= top), high)


def _eight_bit(strip: Image.Image, bounds: tuple[float, float]) -> Image.Image:
    values = np.asarray(strip)
    low, high = bounds
    scaled = (values.astype(np.float64) - low) * (255 / (high - low))
    grey = np.nan_to_num(np.rint(scaled)).clip(0, 255).astype(np.uint8)
    clear = strip.info.get("transparency")
    if clear is not None:
        grey[values == clear] = 255
    return Image.fromarray(grey)
