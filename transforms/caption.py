"""Caption image: the stateful DoFn around the caption desk, keyed by leader id.

Every touched state cell costs a round trip to the runner at the end of the bundle, so there is one cell a
group, the bag is touched only when somebody waits, and a poll that finds nothing done touches neither.
"""

from __future__ import annotations

import atexit
import gc
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
from apache_beam import pvalue
from apache_beam.transforms.timeutil import TimeDomain
from apache_beam.transforms.userstate import BagStateSpec, ReadModifyWriteStateSpec, TimerSpec, on_timer
from apache_beam.utils.timestamp import Timestamp

from transforms import tally
from transforms.cache import cache_for
from transforms.coders import AvroCoder
from transforms.desk import Desk, Output
from transforms.group import Store
from transforms.inflight import captioner_for
from transforms.plan import Planner
from transforms.stage_options import CaptionOptions
from transforms.values import (
    Assignment,
    Candidate,
    Caption,
    DeadLetter,
    Finished,
    GroupState,
    Refusal,
    Tombstone,
)

DEAD_LETTERS = "dead_letters"
REFUSALS = "refusals"
_TAGS = {DeadLetter: DEAD_LETTERS, Refusal: REFUSALS}


atexit.register(gc.unfreeze)  # what `desk_for` freezes; libraries call it a leak where it stays frozen to the end

_lock = threading.Lock()
_desks: dict[CaptionOptions, Desk] = {}


def desk_for(options: CaptionOptions) -> Desk:
    """The process's desk for these options; loads the captioner on first use, and anew after it broke."""
    with _lock:
        inflight = captioner_for(options.captioner)
        if options not in _desks or _desks[options].inflight is not inflight:
            parts = (planner_for(options), inflight, options.rule, options.policy, options.desk)
            _desks[options] = Desk(*parts, cache=cache_for(options.cache))
            # A model, Beam and torch are hundreds of thousands of objects that stay: the garbage collector need not
            # look at them again and again.
            gc.collect()
            gc.freeze()
        return _desks[options]


def planner_for(options: CaptionOptions) -> Planner:
    """What gives each upload its questions and its record's id; loads the captioner on first use."""
    info = captioner_for(options.captioner).captioner.info
    tally.put("model_info", 1, info.model, info.revision, options.prompts.version)
    return Planner(options.prompts, info, options.desk.sampling, options.policy.version)


def forget(job: str) -> None:
    """Drop the desks of a finished job from memory; the captioner stays loaded."""
    with _lock:
        for options in [options for options in _desks if options.job == job]:
            del _desks[options]


@dataclass(frozen=True, slots=True)
class _BeamStore(Store):
    cell: Any
    bag: Any
    bundle: object

    def read(self) -> GroupState:
        return self.cell.read() or GroupState()

    def write(self, state: GroupState) -> None:
        self.cell.write(state)

    def waiting(self) -> list[Candidate]:
        return list(self.bag.read())

    def add_waiting(self, candidate: Candidate) -> None:
        self.bag.add(candidate)

    def clear_waiting(self) -> None:
        self.bag.clear()


class CaptionImage(beam.DoFn):
    """(leader id, `Assignment`) → `Finished`; tagged `DeadLetter` and `Refusal`."""

    CELL = ReadModifyWriteStateSpec("cell", AvroCoder(GroupState))
    WAITING = BagStateSpec("waiting", AvroCoder(Candidate))
    POLL = TimerSpec("poll", TimeDomain.REAL_TIME)
    END = TimerSpec("end", TimeDomain.WATERMARK)
    TTL = TimerSpec("ttl", TimeDomain.WATERMARK)

    def __init__(self, options: CaptionOptions, clock: Callable[[], float] = time.time) -> None:
        """``clock`` gives seconds since the epoch, for the real-time timer."""
        self._options = options
        self._clock = clock

    def setup(self) -> None:
        """Load the captioner, once per process. A new instance may follow a restore: trust no group."""
        self._desk = desk_for(self._options)
        self._desk.distrust()

    def start_bundle(self) -> None:
        """Allow one wait."""
        self._patience = self._options.patience_seconds
        self._bundle = object()

    def process(
        self,
        element: tuple[str, Assignment],
        timestamp: Any = beam.DoFn.TimestampParam,
        window: Any = beam.DoFn.WindowParam,
        cell: Any = beam.DoFn.StateParam(CELL),
        waiting: Any = beam.DoFn.StateParam(WAITING),
        poll: Any = beam.DoFn.TimerParam(POLL),
        end: Any = beam.DoFn.TimerParam(END),
        ttl: Any = beam.DoFn.TimerParam(TTL),
    ) -> Iterator[Any]:
        """Submit, wait or answer at once."""
        _, assignment = element
        outputs, pending = self._desk.arrive(assignment, _BeamStore(cell, waiting, self._bundle))
        if pending:
            poll.set(Timestamp.of(self._clock() + self._options.poll_seconds))
            end.set(window.max_timestamp())
        # An upload may name a time long ago, and the watermark of an idle partition follows the clock.
        seen = max(Timestamp.of(timestamp), Timestamp.of(self._clock()))
        ttl.set(seen + self._options.keep_texts_seconds)
        yield from _tagged(outputs)

    @on_timer(POLL)
    def on_poll(
        self,
        leader_id: Any = beam.DoFn.KeyParam,
        cell: Any = beam.DoFn.StateParam(CELL),
        waiting: Any = beam.DoFn.StateParam(WAITING),
        poll: Any = beam.DoFn.TimerParam(POLL),
        end: Any = beam.DoFn.TimerParam(END),
    ) -> Iterator[Any]:
        """Collect what is done; look again later at what is not."""
        patience, self._patience = self._patience, 0.0
        outputs, pending = self._desk.poll(leader_id, _BeamStore(cell, waiting, self._bundle), patience)
        if pending:
            poll.set(Timestamp.of(self._clock() + self._options.poll_seconds))
        else:  # a pending real-time timer keeps a bounded job on Flink running for ever
            poll.clear()
            end.clear()
        yield from _tagged(outputs)

    @on_timer(END)
    def on_end(
        self,
        leader_id: Any = beam.DoFn.KeyParam,
        cell: Any = beam.DoFn.StateParam(CELL),
        waiting: Any = beam.DoFn.StateParam(WAITING),
        poll: Any = beam.DoFn.TimerParam(POLL),
    ) -> Iterator[Any]:
        """The input is over: wait for what is left."""
        outputs, _ = self._desk.poll(leader_id, _BeamStore(cell, waiting, self._bundle), None)
        poll.clear()
        yield from _tagged(outputs)

    @on_timer(TTL)
    def on_ttl(
        self,
        cell: Any = beam.DoFn.StateParam(CELL),
    ) -> None:
        """Forget the texts of a group that has been quiet for long; what is pending stays."""
        state = cell.read()
        if state is not None and not state.pending:
            cell.clear()


def _tagged(outputs: Iterable[Output]) -> Iterator[Any]:
    for output in outputs:
        if isinstance(output, Caption):
            yield Finished(caption=output)
        elif isinstance(output, Tombstone):
            yield Finished(tombstone=output)
        else:
            yield pvalue.TaggedOutput(_TAGS[type(output)], output)
