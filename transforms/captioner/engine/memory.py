"""How many slots fit on a card: weights, keys and values, and what a prefill needs meanwhile. No torch here."""

from __future__ import annotations

from dataclasses import dataclass

from transforms.errors import ModelUnavailable


@dataclass(frozen=True, slots=True)
class Plan:
    """Bytes of a card."""

    total: int
    weights: int
    """Held already."""
    slot: int
    """Keys and values of one slot."""
    activations: int
    """Of one prefill of the largest pictures."""
    fraction: float
    """Of the card that we may fill."""

    def slots(self, wanted: int, model: str) -> int:
        """At most ``wanted``, as many as fit. Raises `ModelUnavailable` when not even one does."""
        room = int(self.total * self.fraction) - self.weights - self.activations
        fitting = room // self.slot
        if fitting < 1:
            needed = self.weights + self.activations + self.slot
            raise ModelUnavailable(
                f"model `{model}` needs `{needed / 2**30:.1f}` GiB for one picture at a time, and may use "
                f"{self.total * self.fraction / 2**30:.1f} of the card's {self.total / 2**30:.1f}; "
                "take a larger card, lower --max-pixels or --text-tokens, or raise --memory-fraction"
            )
        return min(wanted, fitting)
