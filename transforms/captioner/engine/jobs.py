"""What an engine is asked and what it has said so far."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from transforms.captioner.api import Sampling
from transforms.captioner.engine.rows import Row
from transforms.captioner.patches import Patches


@dataclass(slots=True, eq=False)
class Answer:
    """One prompt's answer."""

    prompt: int
    """Tokens of the prompt, the picture included."""
    limit: int
    """Most new tokens."""
    sampling: Sampling | None
    """None: always the likeliest token."""
    computed: int = 0
    """Tokens, those included that nobody has looked at yet."""
    tokens: list[int] = field(default_factory=list)
    chances: list[float] = field(default_factory=list)
    """Log-probability of each token, where wanted."""
    is_ended: bool = False
    """By the model; else, when it is done, by the limit."""
    slot: int = -1
    """While it is being answered."""

    def take(self, token: int, chance: float | None, stop_ids: frozenset[int]) -> bool:
        """Append a token; whether the answer is over."""
        self.tokens.append(token)
        if chance is not None:
            self.chances.append(chance)
        self.is_ended = token in stop_ids
        return self.is_ended or len(self.tokens) >= self.limit


@dataclass(slots=True, eq=False)
class Job:
    """One picture with the prompts that share it."""

    patches: Patches
    row: Row
    sampling: Sampling
    limits: tuple[int, ...]
    source: str = ""
    answers: list[Answer] = field(default_factory=list)
    error: BaseException | None = None
    """Why there is no answer."""
    is_cancelled: bool = False
    begun_at: float = 0.0
    """A reading of `time.monotonic`."""

    def start(self) -> None:
        """From the beginning, also when it was begun before."""
        self.begun_at = time.monotonic()
        self.answers = [
            Answer(self.row.length(place), limit, None if self.sampling.greedy else self.sampling)
            for place, limit in enumerate(self.limits)
        ]

    @property
    def cost(self) -> int:
        """Tokens that it may take, for fairness: what is prefilled, and what may be said."""
        return len(self.row.ids) + sum(self.limits)


@dataclass(slots=True)
class Counters:
    """What was computed so far."""

    pictures: int = 0
    """Vision passes."""
    prefills: int = 0
    prefill_tokens: int = 0
    decode_steps: int = 0
    decode_slots: int = 0
    """Answers that grew, over all steps."""
    joined: int = 0
    left: int = 0
    sent_back: int = 0
    """Jobs begun anew because memory was short."""
