"""Seeded draws. A token depends on its logits, its request's seed and how many came before it: nothing is kept.

So a step that fails is repeated alike, and neighbours change nothing. Stock sampling takes torch's global generator,
which other threads draw from too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import torch

from transforms.captioner.api import Sampling
from transforms.captioner.engine.transfer import moved


class Draw(NamedTuple):
    """One token to be drawn."""

    sampling: Sampling
    number: int
    """Tokens of the answer before it."""

    @property
    def share(self) -> float:
        """Where in the distribution: uniform over [0, 1)."""
        digest = hashlib.blake2b(f"{self.sampling.seed}/{self.number}".encode(), digest_size=8).digest()
        return (int.from_bytes(digest, "big") >> 11) / 2**53


def draw(logits: torch.Tensor, draws: Sequence[Draw]) -> torch.Tensor:
    """The next token of each row of logits [n, vocabulary]: int64 [n]."""
    device = logits.device
    chances, order = ranked(logits, [one.sampling for one in draws])
    shares = moved(torch.tensor([one.share for one in draws], dtype=torch.float32), device)
    along = chances.cumsum(-1)
    # The sum is rounded: a share close to 1 must not fall behind the last token that may be drawn.
    places = (along <= shares[:, None] * along[:, -1:]).sum(-1).clamp_(max=logits.shape[-1] - 1)
    last = (chances > 0).sum(-1) - 1
    return order.gather(1, torch.minimum(places, last)[:, None])[:, 0]


def ranked(logits: torch.Tensor, samplings: Sequence[Sampling]) -> tuple[torch.Tensor, torch.Tensor]:
    """Chances of the tokens, the likeliest first, float32 [n, vocabulary], and which tokens they are, int64 alike.

    After temperature, top-k and top-p in this order, as stock ``generate()`` has it; what may not be drawn has none.
    """
    device = logits.device
    heat = moved(torch.tensor([sampling.temperature for sampling in samplings], dtype=torch.float32), device)
    most = moved(torch.tensor([sampling.top_k or logits.shape[-1] for sampling in samplings]), device)
    within = moved(torch.tensor([sampling.top_p for sampling in samplings], dtype=torch.float32), device)
    scores, order = torch.sort(logits.float() / heat[:, None], stable=True, descending=True)
    ranks = torch.arange(logits.shape[-1], device=device)
    chances = scores.masked_fill_(ranks >= most[:, None], -torch.inf).softmax(-1)
    before = chances.cumsum(-1) - chances
    chances = chances.masked_fill((before >= within[:, None]) & (ranks > 0), 0)
    return chances / chances.sum(-1, keepdim=True), order
