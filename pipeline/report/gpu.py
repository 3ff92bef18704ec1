"""What the card did, and what it would have done without reuse: time and money.

A request's milliseconds run from its start to its end, and requests share a card: their sum (request time) is larger
than the time the card worked (busy time), which is the union of their periods. Each card is taken to work whenever any
does, so ``gpus`` cards have worked at most ``gpus`` times as long as the busy time, and never longer than the requests
took together. What reuse saved is converted from request time to card time by what a request's second cost a card here.
"""

from __future__ import annotations

from dataclasses import dataclass

HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class GpuTime:
    """Times of a window, milliseconds."""

    requests: int
    """Pictures asked about, retries included; those of several languages at once are one."""
    request_ms: int
    """Sum over the requests."""
    busy_ms: int
    """Length of the time in which at least one request was under way."""
    saved_ms: int
    """Request time of the generations whose texts were used again, once for every upload that has them."""
    gpus: int = 1

    @property
    def side_by_side(self) -> float | None:
        """Requests under way at once, on average over the busy time."""
        return self.request_ms / self.busy_ms if self.busy_ms else None

    @property
    def card_ms(self) -> int:
        """Time that all cards together worked."""
        return min(self.busy_ms * self.gpus, self.request_ms)

    @property
    def saved_card_ms(self) -> float | None:
        """Card time that reuse saved; None where nothing was generated to compare with."""
        return self.saved_ms * self.card_ms / self.request_ms if self.request_ms else None


def cost(milliseconds: float, hour_price: float) -> float:
    """Price of so much card time."""
    return milliseconds / HOUR_MS * hour_price
