"""What a batch adds to stock ``generate()``: a limit for each row, and seeded draws."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import CancelledError
from typing import Any

import torch
from transformers import LogitsProcessor, StoppingCriteria
from transformers.generation.logits_process import (
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

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


class Drawing:
    """Draws the tokens of one answer.

    Stock sampling takes torch's global generator, which other threads draw from too.
    """

    def __init__(self, sampling: Sampling) -> None:
        self._warpers: list[LogitsProcessor] = [TemperatureLogitsWarper(float(sampling.temperature))]
        if sampling.top_k:
            self._warpers.append(TopKLogitsWarper(sampling.top_k))
        self._warpers.append(TopPLogitsWarper(float(sampling.top_p)))
        self._generator = torch.Generator().manual_seed(sampling.seed % 2**63)

    def __call__(self, logits: torch.Tensor) -> torch.Tensor:
        """The next token, shape (), from logits [vocabulary]."""
        scores = logits[None].float()
        for warper in self._warpers:
            scores = warper(None, scores)
        chances = scores.softmax(-1).cpu()
        return torch.multinomial(chances, 1, generator=self._generator)[0, 0].to(logits.device)


class Draw(LogitsProcessor):
    """Leaves the drawn token of a single row as the only choice for greedy search."""

    def __init__(self, sampling: Sampling) -> None:
        self._drawing = Drawing(sampling)

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Take and return logits [1, vocabulary]."""
        token = self._drawing(scores[0])
        return torch.full_like(scores, -torch.inf).index_fill(1, token[None], 0.0)
