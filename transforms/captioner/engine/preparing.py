"""Pictures and prompts become jobs on threads of their own, a bounded number ahead of the engine. No torch here."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from transforms.captioner.api import CaptionRequest, RenderedPrompt
from transforms.captioner.chat import Chat
from transforms.captioner.engine.fair import FairQueue
from transforms.captioner.engine.jobs import Job
from transforms.captioner.engine.rows import lay_out
from transforms.captioner.images import decode_rgb
from transforms.captioner.patches import PatchRule, patchify
from transforms.errors import PromptTooLong

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Preparation:
    """Decodes, resizes and cuts a picture, and writes the tokens around it."""

    chat: Chat
    rule: PatchRule
    slots: int
    """Prompts that one job may have."""
    length: int
    """Tokens of a prompt with its picture and its answer."""

    def __call__(self, request: CaptionRequest) -> list[tuple[Job, tuple[int, ...]]]:
        """Jobs, and for each the places of its prompts in the request.

        Prompts share a job when their tokens up to the picture are equal. Raises what `decode_rgb` and `patchify`
        raise, and `PromptTooLong`.
        """
        patches = patchify(decode_rgb(request.image), self.rule)
        merge = self.rule.merge
        rows, columns = patches.rows // merge, patches.columns // merge
        jobs = []
        for places in self._together(request.prompts):
            prompts = [request.prompts[place] for place in places]
            before = self.chat.before(prompts[0])
            row = lay_out(before, self.chat.image_id, rows, columns, [self.chat.after(prompt) for prompt in prompts])
            limits = tuple(prompt.max_new_tokens for prompt in prompts)
            longest = max(row.length(n) + limit for n, limit in enumerate(limits))
            if longest > self.length:
                raise PromptTooLong(
                    f"the prompt, its picture and its answer take `{longest}` tokens, of {self.length} there are; "
                    "shorten the prompt or its attributes, or raise --text-tokens"
                )
            jobs.append((Job(patches, row, request.sampling, limits, request.source), places))
        return jobs

    def _together(self, prompts: Sequence[RenderedPrompt]) -> list[tuple[int, ...]]:
        by_system: dict[str, list[int]] = {}
        for place, prompt in enumerate(prompts):
            by_system.setdefault(prompt.system, []).append(place)
        return [
            tuple(places[first : first + self.slots])
            for places in by_system.values()
            for first in range(0, len(places), self.slots)
        ]


class Preparers(Generic[Item]):
    """Threads that take requests in fair order, while there is room for what becomes of them."""

    def __init__(
        self,
        prepare: Callable[[Item], None],
        has_room: Callable[[], bool],
        changed: threading.Condition,
        threads: int,
        name: str,
    ) -> None:
        """``changed`` guards ``has_room`` and is notified when that may have become true; nothing may be raised."""
        self._prepare, self._has_room, self._changed = prepare, has_room, changed
        self._waiting: FairQueue[Item] = FairQueue(1)
        self._closing = False
        # Daemons, so that a forgotten close() does not keep the process alive.
        self._threads = [threading.Thread(target=self._work, name=name, daemon=True) for _ in range(threads)]
        for thread in self._threads:
            thread.start()

    def put(self, source: str, item: Item) -> None:
        """Queue a request; the caller holds ``changed``."""
        self._waiting.put(source, 1, item)
        self._changed.notify_all()

    def close(self) -> list[Item]:
        """End the threads after what they are at; what was not begun."""
        with self._changed:
            self._closing = True
            left = list(self._waiting)
            self._changed.notify_all()
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join()
        return left

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closing or (len(self._waiting) and self._has_room()))
                item = None if self._closing else self._waiting.take()
            if item is None:
                return
            self._prepare(item)
