"""When waiting requests join, and how many at once. No torch here."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AdmissionRule:
    """A prefill computes many tokens at once and holds up everyone who is being answered.

    On a CPU it pays to wait until several can join together (measured 2.4 against 0.9 times `generate()` with one
    prefill per request); on a GPU one large picture fills the card, and joining at once is best.
    """

    least: int = 1
    """Pictures that join together, if so many wait and nobody has waited for `patience` steps."""
    most: int = 4
    """Pictures of one prefill."""
    tokens: int = 8192
    """Tokens of one prefill, visual tokens included; a single picture may have more."""
    patience: int = 8
    """Decode steps after which whoever waits may join, however few."""

    @classmethod
    def for_cpu(cls, slots: int) -> AdmissionRule:
        """A quarter of the slots at least, half of them at most."""
        return cls(max(1, slots // 4), max(1, slots // 2))


class Admission:
    """Counts the steps that somebody who could join has waited."""

    def __init__(self, rule: AdmissionRule) -> None:
        self.rule = rule
        self._waited = 0

    def is_due(self, waiting: int, free: int, active: int) -> bool:
        """Whether to admit before the next decode step: ``waiting`` requests, ``free`` slots, ``active`` answers."""
        if not waiting or not free:
            return False
        if active and min(waiting, free) < self.rule.least and self._waited < self.rule.patience:
            self._waited += 1
            return False
        self._waited = 0
        return True
