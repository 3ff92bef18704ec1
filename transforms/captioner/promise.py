"""The future of a request, settled by one thread while another may cancel it. No torch here."""

from __future__ import annotations

import threading
import traceback
from concurrent.futures import Future

from transforms.captioner.api import Generation


class Promise(Future[Generation]):
    """Stays pending until it is settled, so that it can be cancelled at any time."""

    def __init__(self) -> None:
        super().__init__()
        self._claim = threading.Lock()
        self._is_claimed = False

    def settle(self, outcome: Generation | BaseException) -> None:
        """Give it its outcome, unless it has one or was cancelled."""
        if not self._is_ours():
            return
        if isinstance(outcome, BaseException):
            drop_frames(outcome)
            self.set_exception(outcome)
        else:
            self.set_result(outcome)

    def wake(self) -> None:
        """After it was cancelled: wake who waits with `concurrent.futures.wait`."""
        self._is_ours()

    def _is_ours(self) -> bool:
        with self._claim:
            if self._is_claimed:
                return False
            self._is_claimed = True
        return self.set_running_or_notify_cancel()


def drop_frames(error: BaseException) -> None:
    """Free what the frames of an error and of those behind it hold: pictures and tensors, as long as it is kept."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop()
        if one is not None and id(one) not in seen:
            seen.add(id(one))
            traceback.clear_frames(one.__traceback__)
            waiting += one.__context__, one.__cause__
