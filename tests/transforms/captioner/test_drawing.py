"""Draws have stock sampling's distribution, and depend on seed and place only."""

import collections

import pytest
import torch
from transformers.generation.logits_process import TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

from transforms.captioner.api import Sampling
from transforms.captioner.drawing import Draw, draw, ranked

pytestmark = pytest.mark.model
SAMPLINGS = [
    Sampling(0.7, 0.8, top_k=20),
    Sampling(1.0, 1.0),
    Sampling(2.5, 0.3),
    Sampling(1.0, 1.0, top_k=3),
    Sampling(0.1, 0.01),
]


def logits(rows: int, vocabulary: int = 500) -> torch.Tensor:
    return 3 * torch.randn(rows, vocabulary, generator=torch.Generator().manual_seed(5))


def stock(scores: torch.Tensor, sampling: Sampling) -> torch.Tensor:
    warpers = [TemperatureLogitsWarper(float(sampling.temperature))]
    warpers += [TopKLogitsWarper(sampling.top_k)] if sampling.top_k else []
    for warper in [*warpers, TopPLogitsWarper(float(sampling.top_p))]:
        scores = warper(None, scores)
    return scores.softmax(-1)


def test_chances_are_those_of_stock_sampling() -> None:
    rows = logits(len(SAMPLINGS))
    chances, order = ranked(rows, SAMPLINGS)
    ours = torch.zeros_like(rows).scatter(1, order, chances)
    theirs = torch.cat([stock(row[None], sampling) for row, sampling in zip(rows, SAMPLINGS, strict=True)])
    assert torch.allclose(ours, theirs, atol=1e-6)
    assert [int((row > 0).sum()) for row in ours] == [int((row > 0).sum()) for row in theirs]
    assert int((ours[4] > 0).sum()) == 1


def test_tokens_come_as_often_as_they_should() -> None:
    rows = logits(1, 6)
    sampling = Sampling(2.0, 0.9)
    expected = stock(rows, sampling)[0]
    count = 20_000
    drawn = draw(rows.expand(count, -1), [Draw(Sampling(2.0, 0.9, seed), 3) for seed in range(count)])
    found = collections.Counter(drawn.tolist())
    for token, chance in enumerate(expected.tolist()):
        assert found[token] == pytest.approx(count * chance, abs=4 * (count * chance * (1 - chance)) ** 0.5)


def test_a_row_does_not_see_its_neighbours() -> None:
    rows = logits(40)
    draws = [Draw(SAMPLINGS[n % 5], n) for n in range(40)]
    together = draw(rows, draws)
    assert [int(draw(rows[n : n + 1], draws[n : n + 1])) for n in range(40)] == together.tolist()


def test_seed_and_place_both_matter() -> None:
    shares = {Draw(Sampling(1.0, seed=seed), number).share for seed in range(50) for number in range(50)}
    assert len(shares) == 2500
    assert 0 <= min(shares) < 0.01
    assert 0.99 < max(shares) < 1


def test_the_ends_of_the_distribution(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = logits(len(SAMPLINGS))
    allowed = [set(row.nonzero()[:, 0].tolist()) for row in (stock(rows[n : n + 1], SAMPLINGS[n])[0] for n in range(5))]
    for share in (0.0, 1 - 2**-53, 1 - 2**-24):
        monkeypatch.setattr(Draw, "share", property(lambda _, share=share: share))
        tokens = draw(rows, [Draw(sampling, 0) for sampling in SAMPLINGS]).tolist()
        assert all(token in kept for token, kept in zip(tokens, allowed, strict=True))
