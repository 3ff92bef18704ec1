"""From an upright RGB picture to the patches of a Qwen3-VL vision tower. Only numpy and Pillow here."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from transforms.errors import ImageFormatUnsupported

MAX_ASPECT = 200
"""The model's own limit: longest side over shortest."""


@dataclass(frozen=True, slots=True)
class PatchRule:
    """How a checkpoint wants its pictures. The defaults are those of Qwen3-VL."""

    patch: int = 16
    """Side of a patch in pixels."""
    merge: int = 2
    """A visual token stands for ``merge`` x ``merge`` patches."""
    temporal: int = 2
    """Frames per patch; a still picture is repeated."""
    min_pixels: int = 65_536
    """Smaller pictures are enlarged to about this many pixels."""
    max_pixels: int = 16_777_216
    """Larger pictures are reduced to at most this many pixels."""
    mean: tuple[float, ...] = (0.5, 0.5, 0.5)
    std: tuple[float, ...] = (0.5, 0.5, 0.5)

    @classmethod
    def read(cls, directory: Path, vision: Mapping[str, Any]) -> PatchRule:
        """Read ``preprocessor_config.json`` or ``processor_config.json``, where the directory has one.

        ``vision`` is the model's ``vision_config``. Raises `ValueError`, `TypeError` or `AttributeError` when
        the files make no sense or contradict each other.
        """
        config = _preprocessor_config(directory)
        size = config.get("size") or {}
        default = cls()
        rule = cls(
            patch=int(config.get("patch_size", default.patch)),
            merge=int(config.get("merge_size", default.merge)),
            temporal=int(config.get("temporal_patch_size", default.temporal)),
            min_pixels=int(config.get("min_pixels") or size.get("shortest_edge", default.min_pixels)),
            max_pixels=int(config.get("max_pixels") or size.get("longest_edge", default.max_pixels)),
            mean=tuple(float(value) for value in config.get("image_mean", default.mean)),
            std=tuple(float(value) for value in config.get("image_std", default.std)),
        )
        built_for = {
            "patch_size": rule.patch,
            "spatial_merge_size": rule.merge,
            "temporal_patch_size": rule.temporal,
        }
        for name, value in built_for.items():
            if vision.get(name, value) != value:
                raise ValueError(f"{name} is {vision[name]} in `config.json`, {value} for the pictures")
        return rule

    def capped(self, max_pixels: int) -> PatchRule:
        """Apply the operator's pixel cap, which wins over the checkpoint's limits."""
        limit = min(self.max_pixels, max_pixels)
        return replace(self, max_pixels=limit, min_pixels=min(self.min_pixels, limit))

    def size(self, width: int, height: int) -> tuple[int, int]:
        """Width and height the model sees: multiples of a visual token's side, within the pixel limits.

        The arithmetic is that of ``smart_resize`` in transformers' ``image_processing_qwen2_vl``. Raises
        `ImageFormatUnsupported` for a picture that is nearly a line.
        """
        if max(width, height) > MAX_ASPECT * min(width, height):
            raise ImageFormatUnsupported(
                f"picture of `{width}x{height}` pixels is over {MAX_ASPECT} times as long as wide; crop it"
            )
        side = self.patch * self.merge
        wide, high = round(width / side) * side, round(height / side) * side
        if wide * high > self.max_pixels:
            shrink = math.sqrt(width * height / self.max_pixels)
            wide = max(side, math.floor(width / shrink / side) * side)
            high = max(side, math.floor(height / shrink / side) * side)
        elif wide * high < self.min_pixels:
            grow = math.sqrt(self.min_pixels / (width * height))
            wide = math.ceil(width * grow / side) * side
            high = math.ceil(height * grow / side) * side
        return wide, high

    def levels(self) -> npt.NDArray[np.float32]:
        """Say what each byte becomes for the model: float32 [3, 256], rounded as the stock processor does."""
        scaled = (np.arange(256) * (1 / 255)).astype(np.float32)
        mean, std = (np.asarray(values, np.float32)[:, None] for values in (self.mean, self.std))
        levels: npt.NDArray[np.float32] = (scaled - mean) / std
        return levels


@dataclass(frozen=True, slots=True, eq=False)
class Patches:
    """A picture cut up; a twelfth of the bytes of the float32 patches that the stock processor makes."""

    pixels: npt.NDArray[np.uint8]
    """[rows * columns, 3 * patch * patch], in the order in which the tower merges them, channel first."""
    rows: int
    columns: int
    tokens: int
    """Visual tokens."""


def patchify(picture: Image.Image, rule: PatchRule) -> Patches:
    """Resize (bicubic) and cut an RGB picture."""
    size = rule.size(*picture.size)
    if picture.size != size:
        picture = picture.resize(size, Image.Resampling.BICUBIC)
    patch, merge = rule.patch, rule.merge
    rows, columns = size[1] // patch, size[0] // patch
    blocks = np.asarray(picture).reshape(rows // merge, merge, patch, columns // merge, merge, patch, 3)
    pixels = blocks.transpose(0, 3, 1, 4, 6, 2, 5).reshape(rows * columns, 3 * patch * patch)
    return Patches(pixels, rows, columns, rows * columns // merge**2)


def _preprocessor_config(directory: Path) -> dict[str, Any]:
    for name in ("preprocessor_config.json", "processor_config.json"):
        path = directory / name
        if path.is_file():
            config = json.loads(path.read_text("utf-8"))
            return dict(config.get("image_processor", config))
    return {}
