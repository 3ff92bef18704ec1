"""A finished report: what was gathered, and what it means in time, money and remedies."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from pipeline.report.gather import Gathering
from pipeline.report.gpu import GpuTime, cost
from pipeline.report.letters import Code
from pipeline.report.read import ReportTopics
from pipeline.report.words import duration, moment, money, number

RETRY = "may pass without a change: send them back"
MEND = "will fail again as it is: mend the cause, then send them back"


class Line(NamedTuple):
    """One figure of the card's time and its cost."""

    name: str
    value: str
    how: str
    """The arithmetic."""


@dataclass(frozen=True)
class Report:
    """Everything that the terminal, the JSON and the page show."""

    found: Gathering
    servers: str
    topics: ReportTopics
    made_ms: int
    gpus: int = 1
    hour_price: float | None = None
    """Of one GPU, in whatever currency."""

    @cached_property
    def gpu(self) -> GpuTime:
        """Times of the cards."""
        return self.found.gpu(self.gpus)

    @property
    def about(self) -> str:
        """The window in words."""
        window, found = self.found.window, self.found
        start = found.first_ms if window.start_ms is None else window.start_ms
        stop = found.last_ms if window.stop_ms is None else window.stop_ms
        return "no records" if start is None or stop is None else f"{moment(start)} to {moment(stop)} UTC"

    @property
    def tokens_per_second(self) -> float | None:
        """Tokens written per second of the busy time."""
        busy = self.gpu.busy_ms
        return 1000 * self.found.answers.output_tokens / busy if busy else None

    def gpu_lines(self) -> list[Line]:
        """Time of the cards, then money if there is a price."""
        gpu = self.gpu
        cards = f"{self.gpus} GPU{'s' if self.gpus > 1 else ''}"
        side = "" if gpu.side_by_side is None else f", {gpu.side_by_side:.1f} side by side on average"
        lines = [
            Line(
                "request time",
                duration(gpu.request_ms),
                f"{number(gpu.requests)} requests, start to end; they share a card, so this is no card time",
            ),
            Line("busy time", duration(gpu.busy_ms), f"at least one request was under way{side}"),
            Line("card time", duration(gpu.card_ms), f"busy time × {cards}, at most the request time"),
            Line(
                "saved by reuse",
                duration(gpu.saved_card_ms),
                f"{duration(gpu.saved_ms)} of request time for texts used again × card time ÷ request time",
            ),
        ]
        return lines if self.hour_price is None else [*lines, *self._money(self.hour_price, cards)]

    def spent(self) -> float | None:
        """What the card time cost; None without a price."""
        return None if self.hour_price is None else cost(self.gpu.card_ms, self.hour_price)

    def saved_money(self) -> float | None:
        """What reuse saved; None without a price, or without anything to compare with."""
        saved = self.gpu.saved_card_ms
        return None if self.hour_price is None or saved is None else cost(saved, self.hour_price)

    def redrive(self, code: Code) -> str:
        """The command that sends the letters of a code back."""
        words = ("--dead-letters-topic", self.topics.dead_letters, "--code", code.code, "--send")
        return shlex.join(("captionstream", "redrive", "--bootstrap-servers", self.servers, *words))

    def remedy(self, code: Code) -> str:
        """What to do about letters of a code."""
        return RETRY if code.retryable else MEND

    def _money(self, price: float, cards: str) -> list[Line]:
        gpu, captions = self.gpu, self.found.captions.captions
        spent, saved = cost(gpu.card_ms, price), self.saved_money()
        lines = [Line("cost", money(spent), f"{duration(gpu.card_ms)} of card time at {money(price)} an hour")]
        if saved is not None:
            lines.append(Line("cost saved by reuse", money(saved), f"{duration(gpu.saved_card_ms)} at the same price"))
        if captions:
            lines.append(
                Line("cost of 1,000 captions", money(1000 * spent / captions), f"of {number(captions)} captions")
            )
        held = cost(self.found.span_ms * self.gpus, price)
        lines.append(
            Line("cards held all the time", money(held), f"{duration(self.found.span_ms)} × {cards}, idle or not")
        )
        return lines
