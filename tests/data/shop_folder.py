"""A shop's folder of generated pictures: distinct ones, copies of each kind, and files that are no pictures."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
from PIL import Image

SHOP = {
    "bag.png": "bag",
    "bag/again.png": "bag",
    "bag/half.png": "bag",
    "bag/q60.jpg": "bag",
    "bag/red.png": "red bag",
    "hat.png": "hat",
    "hat/pale.png": "hat",
    "shoe.png": "shoe",
}
"""Every picture with enough detail, and what it shows: the labels of a person."""


def product(seed: int, side: int = 320) -> Image.Image:
    """Coloured boxes on white: enough detail to be hashed, far from that of another seed."""
    draw = np.random.default_rng(seed)
    pixels = np.full((side, side, 3), 255, np.uint8)
    for _ in range(40):
        left, top = draw.integers(0, side - side // 8, 2)
        width, height = draw.integers(side // 16, side // 3, 2)
        pixels[top : top + height, left : left + width] = draw.integers(0, 256, 3)
    return Image.fromarray(pixels)


def red(image: Image.Image) -> Image.Image:
    """The same product in another colour."""
    return Image.merge("RGB", image.convert("L").split() + image.split()[:2])


def pale(image: Image.Image) -> Image.Image:
    """Lighter, in the same colours: by so much that of the hat only the lenient preset calls it a copy."""
    light, *colours = image.convert("YCbCr").split()
    lighter = light.point(lambda level: level + (255 - level) // 7)
    return Image.merge("YCbCr", (lighter, *colours)).convert("RGB")


def fill(folder: Path) -> Path:
    """Write the shop: `SHOP`, two blank pages with a copy of one, and what is not a picture."""
    for below in ("bag", "hat", ".cache"):
        (folder / below).mkdir(parents=True)
    bag, hat = product(1), product(2)
    bag.save(folder / "bag.png")
    shutil.copy(folder / "bag.png", folder / "bag" / "again.png")
    bag.resize((160, 160), Image.Resampling.LANCZOS).save(folder / "bag" / "half.png")
    bag.save(folder / "bag" / "q60.jpg", quality=60)
    red(bag).save(folder / "bag" / "red.png")
    hat.save(folder / "hat.png")
    pale(hat).save(folder / "hat" / "pale.png")
    product(3).save(folder / "shoe.png")
    Image.new("RGB", (300, 300), "white").save(folder / "white.png")
    shutil.copy(folder / "white.png", folder / "white-again.png")
    Image.new("RGB", (300, 300), (250, 250, 250)).save(folder / "white-other.png")
    (folder / "notes.txt").write_text("ask Ann for the missing pictures")
    (folder / "torn.png").write_bytes((folder / "hat.png").read_bytes()[:900])
    (folder / ".DS_Store").write_bytes(b"hidden")
    (folder / ".cache" / "bag.png").write_bytes(b"hidden")
    return folder


def write_labels(path: Path, products: dict[str, str] = SHOP) -> Path:
    """The labels file of these products."""
    path.write_text("path,product\n" + "".join(f"{name},{shown}\n" for name, shown in products.items()))
    return path
