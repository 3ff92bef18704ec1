"""Products with the weights of a model.

On a CPU with AVX-512 through oneDNN, with weights that it has packed, where that is faster: MKL uses AVX2 on processors
that are not Intel's. On one AMD EPYC oneDNN took half the time (180 to 240 against 90 to 110 GFLOP/s for 32 to 300
rows); on another (Zen 4), which does 512 bits in two halves, it gains nothing and takes 10 µs longer to begin. So
both are tried once. The operators are those that torch's own compiler emits; where they are missing, and on a card, it
is the usual product.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache
from typing import Any, Protocol

import torch
import torch.nn.functional as F  # noqa: N812 - its name everywhere

_ROWS = 64
"""For so many rows weights are packed; any number may be multiplied."""
_TRIED = (32, 128, 768)
"""Rows, inputs and outputs of the product that is tried both ways: small, for overhead counts where the model is."""
_GAIN = 0.85
"""Of the usual time; what gains less is not worth its own way of rounding."""


class Product(Protocol):
    """A matrix [in, out] that others are multiplied by."""

    shape: tuple[int, int]

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """[n, in] → [n, out]."""
        ...

    def add_to(self, sum_: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """[n, out], [n, in] → [n, out]: the sum and the product."""
        ...

    def rows_for(self, rows: int) -> int:
        """So many are computed where ``rows`` are asked for."""
        ...


class Plain:
    """As torch multiplies."""

    def __init__(self, matrix: torch.Tensor) -> None:
        self.matrix = matrix
        self.shape = (matrix.shape[0], matrix.shape[1])

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """As `Product`."""
        return torch.mm(x, self.matrix)

    def add_to(self, sum_: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """As `Product`."""
        return torch.addmm(sum_, x, self.matrix)

    def rows_for(self, rows: int) -> int:
        """As `Product`."""
        return rows


class Packed:
    """As oneDNN multiplies; float32 on a CPU."""

    def __init__(self, matrix: torch.Tensor) -> None:
        self.shape = (matrix.shape[0], matrix.shape[1])
        self._weight = pack(matrix.T)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """As `Product`."""
        return multiply(x, self._weight)

    def add_to(self, sum_: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """As `Product`."""
        return multiply(x, self._weight).add_(sum_)

    def rows_for(self, rows: int) -> int:
        """As `Product`."""
        return rows_for(rows)


class PackedLinear(torch.nn.Module):
    """Stands for a stock linear layer."""

    def __init__(self, linear: torch.nn.Linear) -> None:
        super().__init__()
        self._weight, self._bias = pack(linear.weight), linear.bias

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[…, in] → […, out]."""
        return multiply(x.flatten(0, -2), self._weight, self._bias).unflatten(0, x.shape[:-1])


def product(matrix: torch.Tensor) -> Product:
    """For a matrix [in, out], which is not kept where it is packed."""
    return Packed(matrix) if is_packed(matrix) else Plain(matrix)


def pack_linears(module: torch.nn.Module) -> None:
    """Replace the linear layers below a module, where that is faster."""
    for name, child in module.named_children():
        if isinstance(child, torch.nn.Linear) and is_packed(child.weight):
            setattr(module, name, PackedLinear(child))
        else:
            pack_linears(child)


def is_packed(like: torch.Tensor) -> bool:
    """Whether weights of this device and dtype are multiplied by oneDNN."""
    return can_pack(like) and _gains()


@cache
@torch.inference_mode()
def _gains() -> bool:
    rows, width, out = _TRIED
    x, matrix = torch.ones(rows, width), torch.ones(width, out)
    usual, packed = Plain(matrix), Packed(matrix)
    return _least_seconds(lambda: packed(x)) < _GAIN * _least_seconds(lambda: usual(x))


def _least_seconds(run: Callable[[], object]) -> float:
    """Of 30 runs: what else the machine does makes them longer, never shorter."""
    times = []
    for _ in range(30):
        begun = time.perf_counter()
        run()
        times.append(time.perf_counter() - begun)
    return min(times)


def can_pack(like: torch.Tensor) -> bool:
    """Whether oneDNN packs weights of this device and dtype."""
    return (
        like.device.type == "cpu"
        and like.dtype is torch.float32
        and torch.backends.mkldnn.is_available()
        and torch.backends.cpu.get_cpu_capability().startswith("AVX512")
        and hasattr(torch.ops.mkldnn, "_reorder_linear_weight")
        and hasattr(torch.ops.mkldnn, "_linear_pointwise")
    )


def pack(weight: torch.Tensor) -> torch.Tensor:
    """A weight [out, in] as oneDNN wants it; opaque."""
    packed: torch.Tensor = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous(), _ROWS)
    return packed


def multiply(x: torch.Tensor, weight: torch.Tensor, bias: Any = None) -> torch.Tensor:
    """[n, in] → [n, out]."""
    rows = len(x)
    more = rows_for(rows) - rows
    if more:
        x = F.pad(x, (0, 0, 0, more))
    multiplied: torch.Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
    return multiplied[:rows] if more else multiplied


def rows_for(rows: int) -> int:
    """The next larger number of rows that is multiplied: oneDNN writes and keeps code for each it meets."""
    step = 4 if rows <= 32 else 32 if rows <= 256 else 128 if rows <= 1024 else 512
    return -(-rows // step) * step
