"""What a batch adds to stock ``generate()``: a limit for each row, and seeded draws."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import CancelledError
from typing import Any

import torch
from transformers import LogitsProcessor, StoppingCriteria

from transforms.captioner.api import Sampling
from transforms.captioner.drawing import Draw, draw


class Limits(StoppingCriteria):
    """Ends each row at its own limit, and the whole batch when the captioner closes."""

    def __init__(self, width: int, limits: Sequence[int], device: torch.device, closing: threading.Event) -> None:
        self._ends = torch.tensor([width + limit for limit in limits], device=device)
        self._closing = closing

    def __call__(self, input_ids: torch.Tensor, scores: Any, **_: Any) -> torch.Tensor:
        """Say of each row whether it is done: bool [rows]. Raises `CancelledError` on closing."""
        if self._closing.is_set():
            raise CancelledError
        return self._ends <= input_ids.shape[1]


class Drawn(LogitsProcessor):
    """Leaves the drawn token of a single row as the only choice for greedy search."""

    def __init__(self, sampling: Sampling) -> None:
        self._sampling = sampling
        self._number = 0

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Take and return logits [1, vocabulary]."""
        token = draw(scores, [Draw(self._sampling, self._number)])
        self._number += 1
        return torch.full_like(scores, -torch.inf).index_fill(1, token, 0.0)
