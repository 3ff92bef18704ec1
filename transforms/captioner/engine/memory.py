"""What a card holds: weights, keys and values, and what a prefill needs meanwhile. No torch here."""

from __future__ import annotations

from dataclasses import dataclass

from transforms.captioner.memory import GIB
from transforms.errors import ModelUnavailable

LEAST_TOKENS = 2048
"""Of one prefill, where room is short: a card computes so many as fast, token by token, as four times as many."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Bytes of a card."""

    total: int
    held: int
    """Already: weights, and what others hold."""
    slot: int
    """Keys and values of one slot."""
    token: int
    """Of one token of a prefill, at its widest."""
    fixed: int
    """Tables, recorded steps, work space."""
    fraction: float
    """Of the card that we may fill."""

    def fit(self, wanted: int, tokens: int, row: int, model: str) -> tuple[int, int]:
        """Slots, at most ``wanted``, and tokens of a prefill, at most ``tokens``; a single picture may have ``row``.

        Prefills shrink before slots do. Raises `ModelUnavailable` when not even one slot fits.
        """
        while tokens > LEAST_TOKENS and self._room(max(tokens, row)) < wanted * self.slot:
            tokens //= 2
        room = self._room(max(tokens, row))
        if room < self.slot:
            needed = self.total * self.fraction - room + self.slot
            raise ModelUnavailable(
                f"model `{model}` needs `{needed / GIB:.1f}` GiB for one picture at a time, and may use "
                f"{self.total * self.fraction / GIB:.1f} of the card's {self.total / GIB:.1f}; "
                "take a larger card, lower --max-pixels or --text-tokens, or raise --memory-fraction"
            )
        return min(wanted, room // self.slot), tokens

    def _room(self, tokens: int) -> int:
        return int(self.total * self.fraction) - self.held - self.fixed - tokens * self.token
