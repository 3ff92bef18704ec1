"""Find duplicate: keyed by scope, decides which group an upload belongs to.

The journal lies in bag state. The index it gives is kept in the process and is checked once per bundle and scope
against a chained hash in state: after a failed bundle, a restore or a move to another worker they differ and the
index is built again. (A counter would collide: a retried bundle counts to the same number with other entries.)
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from typing import Any

import apache_beam as beam
from apache_beam.coders import BytesCoder
from apache_beam.transforms.userstate import BagStateSpec, ReadModifyWriteStateSpec

from transforms.coders import AvroCoder
from transforms.index import DuplicateIndex
from transforms.metrics import count
from transforms.similarity import SimilarityRule
from transforms.values import Arrival, Assignment, Candidate, Deletion, IndexEntry, Role

_lock = threading.Lock()
_indexes: dict[tuple[str, str], tuple[bytes, DuplicateIndex]] = {}
"""(job, scope) → chained hash of the journal, index."""


def scope_of(arrival: Arrival) -> str:
    """The key: pictures are compared within one merchant only."""
    if arrival.candidate is not None:
        return arrival.candidate.upload.merchant
    return arrival.deletion.merchant if arrival.deletion is not None else ""


def arrive(element: Candidate | Deletion) -> Arrival:
    """What Find duplicate takes."""
    return Arrival(candidate=element) if isinstance(element, Candidate) else Arrival(deletion=element)


def by_scope(arrival: Arrival) -> tuple[str, Arrival]:
    """The arrival under its key."""
    return scope_of(arrival), arrival


def forget(job: str) -> None:
    """Drop the indexes of a finished job from memory."""
    with _lock:
        for key in [key for key in _indexes if key[0] == job]:
            del _indexes[key]


def chain(version: bytes, entry: bytes) -> bytes:
    """The journal's hash after one more entry."""
    return hashlib.blake2b(version + entry, digest_size=16).digest()


class FindDuplicate(beam.DoFn):
    """(scope, `Arrival`) → (leader id, `Assignment`)."""

    _coder = AvroCoder(IndexEntry)
    JOURNAL = BagStateSpec("journal", BytesCoder())
    VERSION = ReadModifyWriteStateSpec("version", BytesCoder())

    def __init__(self, job: str, rule: SimilarityRule) -> None:
        """``job`` keeps the indexes of jobs in one process apart."""
        self._job = job
        self._rule = rule

    def start_bundle(self) -> None:
        """Trust no index until it is checked against state."""
        self._checked: set[str] = set()

    def process(
        self,
        element: tuple[str, Arrival],
        journal: Any = beam.DoFn.StateParam(JOURNAL),
        version: Any = beam.DoFn.StateParam(VERSION),
    ) -> Iterator[tuple[str, Assignment]]:
        """Assign one arrival; the journal grows by what is new."""
        scope, arrival = element
        if scope not in self._checked:
            self._check(scope, journal, version)
        with _lock:  # put back when done: an index changed by half an upload must not be trusted
            known, index = _indexes.pop((self._job, scope))
        assignments, entries = index.assign(arrival)
        for entry in entries:
            encoded = self._coder.encode(entry)
            journal.add(encoded)
            known = chain(known, encoded)
        if entries:
            version.write(known)
        with _lock:
            _indexes[self._job, scope] = known, index
        if not assignments:
            count("replaced")
        for assignment in assignments:
            if assignment.arrival.candidate is not None:
                count("duplicates" if assignment.role is Role.MEMBER else "leaders")
            yield assignment.leader_id, assignment

    def _check(self, scope: str, journal: Any, version: Any) -> None:
        current = version.read() or b""
        with _lock:
            held = _indexes.get((self._job, scope))
        if held is None or held[0] != current:
            entries = [self._coder.decode(encoded) for encoded in journal.read()]
            held = current, DuplicateIndex(scope, self._rule, entries)
            count("index_rebuilds")
        with _lock:
            _indexes[self._job, scope] = held
        self._checked.add(scope)
