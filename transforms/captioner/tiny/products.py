"""Rendered product pictures and their captions: what the tiny checkpoint was trained on.

The training, the goldens and the demo all draw from here, so a change in any pixel or in the order of the
random draws makes the bundled checkpoint wrong: `tests/transforms/captioner/test_products.py` pins both.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from itertools import product
from types import MappingProxyType
from typing import NamedTuple

from PIL import Image, ImageDraw

from transforms.captioner.tiny.silhouettes import silhouette

Colour = tuple[int, int, int]
"""Red, green, blue, 0-255."""


class Spec(NamedTuple):
    """What is on the picture, in the English words of its caption."""

    colour: str
    background: str
    pattern: str
    category: str


COLOURS: Mapping[str, tuple[str, Colour]] = MappingProxyType(
    {
        "red": ("红色", (210, 40, 40)),
        "orange": ("橙色", (240, 140, 30)),
        "yellow": ("黄色", (240, 220, 50)),
        "green": ("绿色", (50, 160, 70)),
        "blue": ("蓝色", (40, 80, 210)),
        "purple": ("紫色", (130, 50, 170)),
        "pink": ("粉色", (250, 150, 190)),
        "brown": ("棕色", (120, 75, 40)),
        "black": ("黑色", (25, 25, 25)),
        "gray": ("灰色", (128, 128, 128)),
    }
)
"""English name to Chinese name and colour value."""
BACKGROUNDS: Mapping[str, tuple[str, Colour]] = MappingProxyType(
    {
        "white": ("白色", (250, 250, 250)),
        "beige": ("米色", (238, 225, 195)),
        "light blue": ("浅蓝色", (190, 220, 245)),
        "light green": ("浅绿色", (200, 240, 205)),
        "lavender": ("淡紫色", (226, 214, 246)),
    }
)
"""English name to Chinese name and colour value."""
PATTERNS: Mapping[str, str] = MappingProxyType({"plain": "", "striped": "条纹", "dotted": "圆点"})
"""English name to Chinese name; a plain product's pattern is not mentioned."""
CATEGORIES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "dress": ("连衣裙", "条"),
        "t-shirt": ("T恤", "件"),
        "trousers": ("裤子", "条"),
        "handbag": ("手提包", "个"),
        "mug": ("马克杯", "个"),
        "hat": ("帽子", "顶"),
        "shoe": ("鞋子", "只"),
        "chair": ("椅子", "把"),
        "lamp": ("台灯", "盏"),
        "bottle": ("瓶子", "个"),
    }
)
"""English name to Chinese name and measure word."""
PROMPTS: Mapping[str, str] = MappingProxyType({"en": "Describe the product.", "zh-Hans": "请描述这件商品。"})
"""Language to the only prompt the checkpoint knows in it."""
SIZES: Sequence[tuple[int, int]] = ((64, 64), (96, 64), (64, 96), (96, 96))
"""Width and height in pixels: multiples of 32, so nothing is resized before the model."""


def _split(held_out_percent: int = 15) -> tuple[tuple[Spec, ...], tuple[Spec, ...], tuple[Spec, ...]]:
    specs = [Spec(*words) for words in product(COLOURS, BACKGROUNDS, PATTERNS, CATEGORIES)]
    shuffled = specs.copy()
    random.Random(7).shuffle(shuffled)
    held_out = len(shuffled) * held_out_percent // 100
    return tuple(specs), tuple(shuffled[:held_out]), tuple(shuffled[held_out:])


ALL, HELD_OUT, TRAIN = _split()
"""All 1,500 combinations, the 225 that training never shows, and the 1,275 that it does."""


def caption(spec: Spec, language: str) -> str:
    """Say what is on the picture. Raises `KeyError` for a language other than ``en`` and ``zh-Hans``."""
    colour, background, pattern, category = spec
    if language == "zh-Hans":
        name, measure = CATEGORIES[category]
        described = f"{COLOURS[colour][0]}{PATTERNS[pattern]}{name}"
        return f"一{measure}{described},{BACKGROUNDS[background][0]}背景"
    if language != "en":
        raise KeyError(language)
    described = f"{colour} {category}" if pattern == "plain" else f"{colour} {pattern} {category}"
    return f"{_article(described)} {described} on {_article(background)} {background} background"


def render(spec: Spec, rng: random.Random, size: tuple[int, int] | None = None) -> Image.Image:
    """Draw the product as an RGB picture, differently each time ``rng`` goes on.

    Place, scale, direction and shades vary. ``size`` is (width, height) in pixels, by default one of `SIZES`.
    """
    width, height = size or rng.choice(SIZES)
    picture = Image.new("RGB", (width, height), _shade(BACKGROUNDS[spec.background][1], rng, 6))
    shortest = min(width, height)
    side = int(shortest * rng.uniform(0.78, 1.0))
    mask = silhouette(spec.category, side)
    if rng.random() < 0.5:
        mask = mask.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    texture = _texture(spec.pattern, _shade(COLOURS[spec.colour][1], rng, 14), side, rng)
    picture.paste(texture, (rng.randint(0, width - side), rng.randint(0, height - side)), mask)
    return picture


def _article(words: str) -> str:
    return "an" if words[0] in "aeiou" else "a"


def _shade(colour: Colour, rng: random.Random, spread: int) -> Colour:
    red, green, blue = (max(0, min(255, value + rng.randint(-spread, spread))) for value in colour)
    return red, green, blue


def _texture(pattern: str, colour: Colour, side: int, rng: random.Random) -> Image.Image:
    texture = Image.new("RGB", (side, side), colour)
    draw = ImageDraw.Draw(texture)
    luma = 0.3 * colour[0] + 0.59 * colour[1] + 0.11 * colour[2]
    ink = (250, 250, 250) if luma < 150 else (40, 40, 40)
    if pattern == "striped":
        step = max(6, side // 8)
        for y in range(rng.randint(0, step), side, step):
            draw.rectangle((0, y, side, y + step // 3), fill=ink)
    elif pattern == "dotted":
        step = max(7, side // 7)
        radius = step // 4
        for y in range(step // 2, side, step):
            for x in range(step // 2, side, step):
                draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=ink)
    return texture
