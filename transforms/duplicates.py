"""Find duplicate: keyed by scope, decides which group an upload belongs to.

What is new lies as single entries in a bag, the journal, and after 1,024 of them packed in another. The index they
give is kept in the process and is checked once per bundle and scope against a chained hash in state: after a failed
bundle, a restore or a move to another worker they differ and the index is built again. (A counter would collide: a
retried bundle counts to the same number with other entries.)
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from typing import Any

import apache_beam as beam
from apache_beam.coders import BytesCoder
from apache_beam.transforms.timeutil import TimeDomain
from apache_beam.transforms.userstate import BagStateSpec, ReadModifyWriteStateSpec, TimerSpec, on_timer
from apache_beam.utils.timestamp import Timestamp

from transforms.coders import AvroCoder
from transforms.fingerprint import ALGORITHM_VERSION
from transforms.index.chunk import CHUNK_ROWS
from transforms.index.decide import DuplicateIndex
from transforms.index.memory import Held, Scopes
from transforms.ledger import LEDGER
from transforms.metrics import count
from transforms.stage_options import DuplicateOptions
from transforms.values import Arrival, Assignment, IndexChunk, IndexEntry, Role

_log = logging.getLogger(__name__)
SCOPES = Scopes()
"""The indexes of this process."""

_LEAST_WAIT = 64
"""The part of the time an upload is remembered that passes between two looks for what is too old."""
_LATEST = float(2**62 // 10**6)
"""The last timer, in seconds since the epoch: producers may say any time, Beam's has 64 bits of microseconds."""
_ENTRIES, _CHUNKS = AvroCoder(IndexEntry), AvroCoder(IndexChunk)


def forget(job: str) -> None:
    """Drop the indexes of a finished job from memory."""
    SCOPES.forget(job)


def chain(version: bytes, written: bytes) -> bytes:
    """The state's hash after one more write."""
    return hashlib.blake2b(version + written, digest_size=16).digest()


class FindDuplicate(beam.DoFn):
    """(scope, `Arrival`) → (leader id, `Assignment`)."""

    JOURNAL = BagStateSpec("journal", BytesCoder())
    CHUNKS = BagStateSpec("chunks", BytesCoder())
    VERSION = ReadModifyWriteStateSpec("version", BytesCoder())
    EXPIRE = TimerSpec("expire", TimeDomain.WATERMARK)

    def __init__(self, options: DuplicateOptions) -> None:
        self._options = options

    def start_bundle(self) -> None:
        """Trust no index until it is checked against state."""
        self._checked: set[str] = set()

    def process(
        self,
        element: tuple[str, Arrival],
        journal: Any = beam.DoFn.StateParam(JOURNAL),
        chunks: Any = beam.DoFn.StateParam(CHUNKS),
        version: Any = beam.DoFn.StateParam(VERSION),
        expire: Any = beam.DoFn.TimerParam(EXPIRE),
    ) -> Iterator[tuple[str, Assignment]]:
        """Assign one arrival; the journal grows by what is new."""
        scope, arrival = element
        held = self._take(scope, journal, chunks, version)
        before = held.version
        assignments, entries = held.index.assign(arrival)
        for entry in entries:
            encoded = _ENTRIES.encode(entry)
            journal.add(encoded)
            held.version = chain(held.version, encoded)
        if held.index.is_over_cap():
            _trim(held, float("-inf"), journal, chunks)
        elif held.index.unpacked >= CHUNK_ROWS:
            encoded = _CHUNKS.encode(held.index.pack())
            chunks.add(encoded)
            journal.clear()
            held.version = chain(held.version, encoded)
        if held.version != before:
            version.write(held.version)
            if not held.is_timed:
                self._time(held, expire, float("-inf"))
        SCOPES.put((self._options.job, scope), held, self._options.memory_bytes)
        if not assignments:
            _leave_out(arrival)
        for assignment in assignments:
            if assignment.arrival.candidate is not None:
                count("duplicates" if assignment.role is Role.MEMBER else "leaders")
            yield assignment.leader_id, assignment

    @on_timer(EXPIRE)
    def on_expire(
        self,
        scope: Any = beam.DoFn.KeyParam,
        moment: Any = beam.DoFn.TimestampParam,
        journal: Any = beam.DoFn.StateParam(JOURNAL),
        chunks: Any = beam.DoFn.StateParam(CHUNKS),
        version: Any = beam.DoFn.StateParam(VERSION),
        expire: Any = beam.DoFn.TimerParam(EXPIRE),
    ) -> None:
        """Drop what is too old, once it is an eighth."""
        held = self._take(scope, journal, chunks, version)
        now = moment.micros / 1e6
        oldest_ms = (now - self._options.limits.keep_seconds) * 1000
        if held.index.is_aged(oldest_ms):
            _trim(held, oldest_ms, journal, chunks)
            version.write(held.version)
        self._time(held, expire, now)
        SCOPES.put((self._options.job, scope), held, self._options.memory_bytes)

    def _take(self, scope: str, journal: Any, chunks: Any, version: Any) -> Held:
        held = SCOPES.take((self._options.job, scope))
        if held is not None and scope in self._checked:
            return held
        self._checked.add(scope)
        current = version.read() or b""
        if held is not None and held.version == current:
            return held
        count("index_rebuilds")
        packed = [_CHUNKS.decode(encoded) for encoded in chunks.read()]
        entries = [_ENTRIES.decode(encoded) for encoded in journal.read()]
        index = DuplicateIndex(scope, self._options.rule, self._options.limits, packed, entries)
        if stale := index.stale(ALGORITHM_VERSION):
            _log.warning(
                "merchant `%s`: another version than `%d` made `%d` of `%d` fingerprints; "
                "they are found by equal bytes only, until new uploads replace them",
                *(scope, ALGORITHM_VERSION, stale, len(index)),
            )
        return Held(current, index)

    def _time(self, held: Held, expire: Any, now: float) -> None:
        """Set the timer to when an eighth of today's rows will be too old, a while after ``now``: more will come."""
        ageing_ms, keep = held.index.ageing_ms, self._options.limits.keep_seconds
        held.is_timed = ageing_ms is not None and now < _LATEST
        if ageing_ms is not None and held.is_timed:
            wanted = max((ageing_ms + 1) / 1000 + keep, now + keep / _LEAST_WAIT)
            expire.set(Timestamp.of(min(wanted, _LATEST)))


def _leave_out(arrival: Arrival) -> None:
    """Nobody answers it: its image shows a later picture, or was uploaded again since."""
    deletion = arrival.deletion
    if arrival.candidate is not None:
        count("replaced")
        LEDGER.left_out(arrival.candidate.record)
    elif deletion is not None and deletion.task is None and not arrival.is_told:
        LEDGER.left_out(deletion.record)


def _trim(held: Held, oldest_ms: float, journal: Any, chunks: Any) -> None:
    """Drop what is older or beyond a cap; state is written anew."""
    count("index_trims")
    held.index, packed = held.index.trimmed(oldest_ms)
    journal.clear()
    chunks.clear()
    for chunk in packed:
        encoded = _CHUNKS.encode(chunk)
        chunks.add(encoded)
        held.version = chain(held.version, encoded)
