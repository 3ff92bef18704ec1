"""Decode steps that a card records once and replays: the launches of 2,000 kernels take longer than their work.

Recorded are steps over some numbers of slots and some lengths only; others run as the next larger one, whose further
slots are free and whose further tokens are masked.
"""

from __future__ import annotations

import logging
from bisect import bisect_left
from collections.abc import Callable

import torch

STEP_BYTES = 8 << 20
"""What a recorded step of a large model takes on the card, estimated."""
_LENGTH = 256
"""Tokens between two lengths. Of a step at 64 slots the keys of 256 tokens are about a tenth."""

_log = logging.getLogger(__name__)

Decode = Callable[[int, int], torch.Tensor]
"""(slots, length) → logits."""
Record = Callable[[Callable[[], None]], Callable[[], None]]
"""Runs something that reads and writes the same tensors each time, and returns how to run it again."""


def counts(slots: int) -> list[int]:
    """Numbers of slots that are recorded: powers of two, later every sixteenth."""
    found = [count for count in (1, 2, 4, 8, 16, *range(32, slots, 16)) if count < slots]
    return [*found, slots]


def lengths(length: int) -> list[int]:
    """Lengths that are recorded."""
    return [*range(_LENGTH, length, _LENGTH), length]


class RecordedDecode:
    """Is called as what it records, and gives the same."""

    def __init__(self, decode: Decode, slots: int, length: int, logits: torch.Tensor, record: Record) -> None:
        """``logits`` [slots, vocabulary] holds the newest: kept by each recorded step they would fill the card."""
        self._decode, self._logits, self._record = decode, logits, record
        self._counts, self._lengths = counts(slots), lengths(length)
        self._replays: dict[tuple[int, int], Callable[[], None]] = {}
        self._may_record = True

    @property
    def recorded(self) -> list[tuple[int, int]]:
        """Slots and lengths of the steps that are recorded."""
        return list(self._replays)

    def __call__(self, count: int, length: int) -> torch.Tensor:
        """Logits of the next token of the first ``count`` slots; valid until the next call."""
        key = (
            self._counts[bisect_left(self._counts, count)],
            self._lengths[bisect_left(self._lengths, length)],
        )
        if key not in self._replays and self._may_record:
            self._try_to_record(key)
        if key not in self._replays:
            return self._decode(count, key[1])
        self._replays[key]()
        return self._logits[:count]

    def _try_to_record(self, key: tuple[int, int]) -> None:
        try:
            self._replays[key] = self._record(lambda: self._step(key))
        except RuntimeError as error:
            # No room for more, or a card or a version that cannot record this. It can still compute it; if not even
            # that, the caller hears of it.
            _log.warning("decode steps are not recorded any more, and take longer: %s", str(error).splitlines()[0])
            self._may_record = False

    def _step(self, key: tuple[int, int]) -> None:
        self._logits[: key[0]].copy_(self._decode(*key))


class CudaRecorder:
    """Records with CUDA graphs, which share one pool of memory: they never run at once."""

    def __init__(self) -> None:
        self._pool = torch.cuda.graph_pool_handle()

    def __call__(self, step: Callable[[], None]) -> Callable[[], None]:
        """Run the step once outside, for libraries set themselves up on first use, and record it."""
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            step()
        torch.cuda.current_stream().wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self._pool, capture_error_mode="thread_local"):
            step()
        replay: Callable[[], None] = graph.replay
        return replay
