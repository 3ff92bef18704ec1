"""The duplicate indexes of the process: as many as fit, the longest unused leave first."""

from __future__ import annotations

import collections
import threading
from dataclasses import dataclass

from transforms.index.decide import DuplicateIndex

Key = tuple[str, str]
"""(job, scope)"""


@dataclass(slots=True)
class Held:
    """An index, and the state that it stands for."""

    version: bytes
    """Chained hash of what was written to state."""
    index: DuplicateIndex
    is_timed: bool = False
    """Whether its timer is known to be set."""


class Scopes:
    """Bounded by bytes. What has left is built again from state."""

    def __init__(self) -> None:
        self._held: collections.OrderedDict[Key, tuple[Held, int]] = collections.OrderedDict()
        self.nbytes = 0
        self._lock = threading.Lock()

    def take(self, key: Key) -> Held | None:
        """Take an index out, to be put back when done: one changed by half an upload must not be trusted."""
        with self._lock:
            held, nbytes = self._held.pop(key, (None, 0))
            self.nbytes -= nbytes
            return held

    def put(self, key: Key, held: Held, most_bytes: int) -> None:
        """Keep an index, and drop others beyond ``most_bytes``."""
        nbytes = held.index.nbytes
        with self._lock:
            self._held[key] = held, nbytes
            self.nbytes += nbytes
            while self.nbytes > most_bytes and len(self._held) > 1:
                _, (_, dropped) = self._held.popitem(last=False)
                self.nbytes -= dropped

    def forget(self, job: str) -> None:
        """Drop all of a job."""
        with self._lock:
            for key in [key for key in self._held if key[0] == job]:
                self.nbytes -= self._held.pop(key)[1]
