"""What a batch adds to stock ``generate()``: a limit for each row, and seeded draws."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import CancelledError
from typing import Any

import torch
from transformers import LogitsProcessor, StoppingCriteria
from transformers.generation.logits_process import TemperatureLogitsWarper, TopPLogitsWarper

from transforms.captioner.api import Sampling


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


class Draw(LogitsProcessor):
    """Draws the next token of one row and leaves it as the only choice for greedy search.

    Stock sampling takes torch's global generator, which other threads draw from too.
    """

    def __init__(self, sampling: Sampling) -> None:
        self._warpers = [
            TemperatureLogitsWarper(float(sampling.temperature)),
            TopPLogitsWarper(float(sampling.top_p)),
        ]
        self._generator = torch.Generator().manual_seed(sampling.seed % 2**63)

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Take and return logits [1, vocabulary]."""
        for warper in self._warpers:
            scores = warper(input_ids, scores)
        chances = scores.float().softmax(-1).cpu()
        token = torch.multinomial(chances, 1, generator=self._generator).to(scores.device)
        return torch.full_like(scores, -torch.inf).scatter(1, token, 0.0)
