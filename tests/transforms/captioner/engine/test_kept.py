import pytest
import torch

from transforms.captioner.engine.kept import Kept

pytestmark = pytest.mark.model


def test_the_latest_used_are_kept_within_their_bytes() -> None:
    made = []

    def make(name: str, size: int) -> tuple[torch.Tensor, ...]:
        made.append(name)
        return torch.zeros(size, dtype=torch.uint8), torch.zeros(1, dtype=torch.uint8)

    kept = Kept(make, most=100)
    kept("a", 39)
    kept("b", 39)
    assert kept("a", 39)[0].shape == (39,)
    assert (made, kept.bytes) == (["a", "b"], 80)
    kept("c", 39)  # "b" goes
    kept("a", 39)
    assert made == ["a", "b", "c"]
    kept("b", 39)  # "c" goes
    assert made[3:] == ["b"]
    kept("large", 500)
    assert kept("large", 500)[0].shape == (500,)
    assert (made[4:], kept.bytes) == (["large"], 501)
    kept("a", 39)
    assert kept.bytes == 40
