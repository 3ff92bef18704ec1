"""The next tokens from logits: the likeliest, or drawn with a generator of the request's own."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from transforms.captioner.hooks import Drawing


def choose(
    logits: torch.Tensor, drawings: Mapping[int, Drawing], wants_chances: bool
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """The next token of each row of logits [n, vocabulary] and, where wanted, its log-probability: both [n].

    ``drawings`` by row; all others take the likeliest token.
    """
    tokens = logits.argmax(-1)
    for row, drawing in drawings.items():
        tokens[row] = drawing(logits[row])
    if not wants_chances:
        return tokens, None
    return tokens, logits.float().log_softmax(-1).gather(1, tokens[:, None])[:, 0]
