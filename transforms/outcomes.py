"""What became of the last uploads: one bad picture, or something that is broken."""

from __future__ import annotations

import collections
import threading

from transforms.errors import CaptionerBroken, JobError


class Outcomes:
    """Tells a broken captioner from bad input: most recent outcomes share a cause that is not the input's."""

    WINDOW = 100
    ENOUGH = 20
    SHARE = 0.8

    def __init__(
        self,
        broken: type[JobError] = CaptionerBroken,
        remedy: str = "Mend the model or its prompts and start again",
    ) -> None:
        """``broken`` is what is raised; ``remedy`` ends its message."""
        self._broken = broken
        self._remedy = remedy
        self.captions = 0
        """Captions so far."""
        self._recent: collections.deque[str | None] = collections.deque(maxlen=self.WINDOW)
        self._lock = threading.Lock()

    def add(self, cause: str | None, detail: str = "") -> None:
        """Record one upload's outcome; None is a caption. Raises ``broken`` when the job should stop.

        ``cause`` is what outcomes are compared by, ``detail`` what is only told.
        """
        with self._lock:
            self._recent.append(cause)
            if cause is None:
                self.captions += 1
                return
            if len(self._recent) < self.ENOUGH:
                return
            share = self._recent.count(cause) / len(self._recent)
        if share >= self.SHARE:
            told = f"{cause}: {detail}" if detail else cause
            raise self._broken(
                f"`{share:.0%}` of the last {len(self._recent)} uploads failed alike: {told}; the job stops "
                f"so that the topic is not emptied into dead letters. {self._remedy}"
            )
