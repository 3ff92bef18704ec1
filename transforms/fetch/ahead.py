"""Fetching ahead: pictures of a bundle that lie on hosts are asked for at once, and leave as they come.

Those in the event or in a file are taken where they are, without another thread. Uploads of one image leave in the
order they came in: the last one is the true one.
"""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, wait
from dataclasses import dataclass
from functools import partial
from typing import Any

import apache_beam as beam

from transforms.ahead import Placed, timestamped, windowed, wrapped
from transforms.fetch.fetcher import FetchImage
from transforms.fetch.pool import Task
from transforms.fetch.stored import StoredObject
from transforms.fetch.target import Target
from transforms.metrics import count
from transforms.stage import Stage
from transforms.values import Decoded

MOST_BEGUN = 512
"""Uploads of a bundle that wait for hosts, or for an earlier one of their image."""


@dataclass(slots=True, eq=False)
class _Begun:
    element: Decoded
    timestamp: Any
    window: Any
    task: Task | None
    """None for a picture that is at hand, and waits for its turn only."""

    @property
    def image(self) -> tuple[str, str]:
        upload = self.element.upload
        return upload.merchant, upload.image_id

    @property
    def is_done(self) -> bool:
        return self.task is None or self.task.future.done()


class FetchAhead(Stage):
    """The stage around `FetchImage`."""

    _work: FetchImage

    def __init__(self, name: str, work: Callable[[Any], Any], tags: Mapping[type, str] | None = None) -> None:
        """As `Stage`; the threads are the process's."""
        super().__init__(name, work, tags)
        self._begun: list[_Begun] = []
        self._images: collections.Counter[tuple[str, str]] = collections.Counter()

    def start_bundle(self) -> None:
        """Forget what a bundle that failed had begun."""
        while self._begun:
            self._left(self._begun[0])

    def teardown(self) -> None:
        """The same."""
        self.start_bundle()

    def process(
        self, element: Decoded, timestamp: Any = beam.DoFn.TimestampParam, window: Any = beam.DoFn.WindowParam
    ) -> Iterator[Any]:
        """Begin with this element; those that are done go on, each with its own timestamp."""
        try:
            target = self._work.fetcher.target(element.upload)
        except Exception:
            target = None  # it is raised again in its turn
        image = element.upload.merchant, element.upload.image_id
        if target is None and not self._images[image]:
            yield from self.outputs(element, lambda: self._work(element))
        else:
            task = None if target is None else self._work.pool.submit(target.place, self._asking(target))
            self._begun.append(_Begun(element, timestamp, window, task))
            self._images[image] += 1
        yield from self._leaving(MOST_BEGUN, timestamped)

    def finish_bundle(self) -> Iterator[Any]:
        """Wait for the rest."""
        yield from self._leaving(0, windowed)

    def _asking(self, target: Target | StoredObject) -> Callable[[Callable[[int], None]], bytes]:
        return partial(self._work.fetcher.asked, target)

    def _leaving(self, most: int, wrap: Callable[[Any, Placed], Any]) -> Iterator[Any]:
        """What is done, and what must be waited for until no more than ``most`` are left."""
        while self._begun:
            begun = self._next()
            if begun is not None:
                try:
                    for output in self.outputs(begun.element, lambda begun=begun: self._result(begun)):  # type: ignore[misc]
                        yield wrapped(output, begun, wrap)
                finally:
                    self._left(begun)
            elif len(self._begun) > most:
                self._wait()
            else:
                return

    def _next(self) -> _Begun | None:
        """The oldest that is done and has none of its image before it."""
        before = set()
        for begun in self._begun:
            if begun.is_done and begun.image not in before:
                return begun
            before.add(begun.image)
        return None

    def _wait(self) -> None:
        """Until another is done. The oldest is not, and what is behind it may hold all the room there is."""
        tasks = [begun.task for begun in self._begun if begun.task is not None and not begun.is_done]
        self._work.pool.hurry(tasks[0])
        wait([task.future for task in tasks], return_when=FIRST_COMPLETED)

    def _result(self, begun: _Begun) -> Any:
        if begun.task is None:
            return self._work(begun.element)
        image = begun.task.future.result()
        count("pictures_from_hosts")
        count("bytes_from_hosts", len(image))
        return self._work.fetched(begun.element, image)

    def _left(self, begun: _Begun) -> None:
        self._begun.remove(begun)
        self._images[begun.image] -= 1
        if not self._images[begun.image]:
            del self._images[begun.image]
        if begun.task is not None:
            self._work.pool.release(begun.task)
