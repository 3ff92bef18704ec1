"""Between host and device without waiting: numbers go up, tokens come down while the next step is computed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch


def upload(numbers: Sequence[int], device: torch.device) -> torch.Tensor:
    """Int64 [n] on the device. Unpinned memory would make the host wait for all that is queued there."""
    return moved(torch.tensor(numbers), device)


def moved(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """A host's tensor on the device."""
    if device.type != "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)


class Download:
    """A copy of a device's tensor that is under way: it waits for this tensor only, not for what is queued later."""

    def __init__(self, tensor: torch.Tensor) -> None:
        self._host, self._arrived = tensor, None
        if tensor.is_cuda:
            self._host = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
            self._host.copy_(tensor, non_blocking=True)
            self._arrived = torch.cuda.Event()
            self._arrived.record()

    def tolist(self) -> list[Any]:
        """Its values, once they are here."""
        if self._arrived is not None:
            self._arrived.synchronize()
        values: list[Any] = self._host.tolist()
        return values
