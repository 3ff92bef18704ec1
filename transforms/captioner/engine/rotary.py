"""Rotary position embedding with Qwen3-VL's three axes: time, height, width."""

from __future__ import annotations

from typing import Any

import torch

from transforms.captioner.engine.kept import Kept


def rotate(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor, out: torch.Tensor | None = None) -> torch.Tensor:
    """Turn the pairs (i, i + width / 2) of the last axis. ``sin`` is signed as `signed` makes it."""
    return torch.addcmul(x * cos, x.roll(x.shape[-1] // 2, -1), sin, out=out)


def signed(sin: torch.Tensor) -> torch.Tensor:
    """Give the sines of the first half the minus sign of the stock ``rotate_half``."""
    half = sin.shape[-1] // 2
    return torch.cat((-sin[..., :half], sin[..., half:]), -1)


class Rotary:
    """Cosines and signed sines by position, of text from a table, of a picture's tokens by its size."""

    def __init__(self, stock: Any, positions: int, like: torch.Tensor) -> None:
        """``stock`` is the checkpoint's rotary module; ``like`` gives device and dtype."""
        self._stock, self._like = stock, like
        along = torch.arange(positions, device=like.device)
        self.cos, self.sin = self._compute(along.expand(3, -1))
        """Shape (positions, head width), for text: all axes are equal."""
        self._pictures = Kept(self._picture)

    def picture(self, first: int, rows: int, columns: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Tables of a picture of rows x columns visual tokens whose first one has position ``first``.

        Each of shape (rows * columns, head width).
        """
        return self._pictures(first, rows, columns)

    def _picture(self, first: int, rows: int, columns: int) -> tuple[torch.Tensor, torch.Tensor]:
        place = torch.arange(rows * columns, device=self._like.device)
        axes = torch.stack((torch.zeros_like(place), place // columns, place % columns)) + first
        return self._compute(axes)

    def _compute(self, axes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        cos, sin = self._stock(self._like, axes[:, None])
        return cos[0], signed(sin[0])
