"""The caption desk: the process's copies of the groups that have something pending, and when to trust them.

``arrive`` is called for every assignment, ``poll`` by the timers until it says that nothing is pending.
Neither waits for a generation, except for room: in the captioner (`Inflight.submit`) and in a full list of
waiters.

A runner may drop a bundle and try it again on the same process, and nobody tells the desk. So a copy may only
be *ahead* of the state, by arrivals that will come again: once something has left the state (sent, or taken
from the bag) the copy is read anew in the next bundle, and an exception drops it.
"""

from __future__ import annotations

import collections
import threading
import time
from collections.abc import Callable

from transforms.cache import TextCache
from transforms.group import Group, Store, Streak
from transforms.inflight import Inflight
from transforms.means import DeskOptions, Means, Output
from transforms.metrics import count
from transforms.plan import Planner
from transforms.review import ReviewPolicy
from transforms.similarity import SimilarityRule
from transforms.values import Assignment, Role
from transforms.visit import Visit

__all__ = ["Desk", "DeskOptions", "Output"]


class Desk:
    """One per process and job; a runner serialises the calls for one leader id."""

    def __init__(
        self,
        planner: Planner,
        inflight: Inflight,
        rule: SimilarityRule,
        policy: ReviewPolicy,
        options: DeskOptions,
        clock: Callable[[], float] = time.monotonic,
        cache: TextCache | None = None,
    ) -> None:
        """All parts are shared by the DoFn instances of the process."""
        self._means = Means(planner, inflight, rule, policy, options, cache)
        self._clock = clock
        self._groups: collections.OrderedDict[str, Group] = collections.OrderedDict()
        """Longest untouched first."""
        self._trust = 0
        self._lock = threading.Lock()

    @property
    def inflight(self) -> Inflight:
        """The captioner it asks, with what that owes."""
        return self._means.inflight

    def distrust(self) -> None:
        """Forget the groups: after a restore the state may be older than they are. Futures are kept."""
        with self._lock:
            self._groups.clear()
            self._trust += 1

    def arrive(self, assignment: Assignment, store: Store) -> tuple[list[Output], bool]:
        """Serve one assignment. Returns what is finished, and whether something of the group is pending."""
        trust = self._trust
        visit = self._open(assignment.leader_id, store, fresh=assignment.role is Role.NEW_LEADER)
        if visit.has_stranded():
            visit.settle(to_the_end=False)
        arrival = assignment.arrival
        if arrival.deletion is not None:
            (visit.delete if arrival.deletion.task is None else visit.replace)(arrival.deletion)
        elif arrival.known is not None:
            visit.learn(arrival.known)
        elif arrival.candidate is not None:
            visit.serve(arrival.candidate)
            if visit.is_full():
                visit.settle(to_the_end=True)
        return visit.out, self._keep(assignment.leader_id, visit.group, trust)

    def poll(self, leader_id: str, store: Store, wait: float | None) -> tuple[list[Output], bool]:
        """Collect what is done, waiting at most ``wait`` seconds for the first one (None: for all of it)."""
        if self._is_settled(leader_id, store):
            return [], False
        trust = self._trust
        visit = self._open(leader_id, store)
        if wait and visit.group.requests:
            self._means.inflight.wait(visit.group.requests[0].future, wait)
        visit.settle(to_the_end=wait is None)
        return visit.out, self._keep(leader_id, visit.group, trust)

    def _open(self, leader_id: str, store: Store, fresh: bool = False) -> Visit:
        """A visit to the group. The copy is taken away for as long: an exception must not leave it behind."""
        with self._lock:
            held = self._groups.pop(leader_id, None)
        if held is None and fresh:  # its cell is empty: no need to read it
            return Visit(self._means, Group(), store)
        if held is not None and held.requests and not fresh and self._is_trusted(held, store):
            return Visit(self._means, held, store)
        state = store.read()
        # What this very bundle has taken from the state is missing from what is read, too.
        shrunk_in = held.shrunk_in if held is not None and held.shrunk_in is store.bundle else None
        if held is not None and held.requests and held.state() == state:  # nobody else has touched it meanwhile
            held.waiting, held.shrunk_in = None, shrunk_in
            return Visit(self._means, held, store)
        group = Group(
            list(state.texts),
            deletions=list(state.deletions),
            waiting=None if state.pending else 0,  # nobody waits where nothing is pending
            streak=held.streak if held is not None else Streak(),
            shrunk_in=shrunk_in,
        )
        if held is None:
            count("resubmitted", len(state.pending))
        visit = Visit(self._means, group, store)
        visit.resume(state)
        return visit

    def _is_settled(self, leader_id: str, store: Store) -> bool:
        """Whether this very bundle has seen that nothing is pending: POLL and END may both fire in it."""
        with self._lock:
            held = self._groups.get(leader_id)
        return held is not None and not held.requests and held.shrunk_in is store.bundle

    def _keep(self, leader_id: str, group: Group, trust: int) -> bool:
        pending = bool(group.requests)
        if not pending:
            group = Group(shrunk_in=group.shrunk_in)
        group.touched = self._clock()
        with self._lock:
            if trust == self._trust and (pending or group.shrunk_in is not None):
                self._groups[leader_id] = group
            # Groups that moved to another worker are never asked for again.
            while self._groups and self._is_old(next(iter(self._groups.values()))):
                self._groups.popitem(last=False)
        return pending

    def _is_trusted(self, group: Group, store: Store) -> bool:
        return group.shrunk_in in (None, store.bundle) and not self._is_old(group)

    def _is_old(self, group: Group) -> bool:
        return self._clock() - group.touched > self._means.options.distrust_seconds
