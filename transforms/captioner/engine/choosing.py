"""The next tokens from logits: the likeliest, or drawn."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from transforms.captioner.drawing import Draw, draw
from transforms.captioner.engine.transfer import upload


def choose(
    logits: torch.Tensor, draws: Mapping[int, Draw], wants_chances: bool
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """The next token of each row of logits [n, vocabulary] and, where wanted, its log-probability: both [n].

    ``draws`` by row; all others take the likeliest token.
    """
    tokens = logits.argmax(-1)
    if draws:
        rows = upload(list(draws), logits.device)
        tokens[rows] = draw(logits[rows], list(draws.values()))
    if not wants_chances:
        return tokens, None
    return tokens, logits.float().log_softmax(-1).gather(1, tokens[:, None])[:, 0]
