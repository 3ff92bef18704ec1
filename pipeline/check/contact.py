"""The first question to the brokers, asked while the rest of the command is still being loaded."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from dataclasses import replace
from types import TracebackType
from typing import Any

from pipeline.kafka.connection import KafkaOptions, admin

ANSWER_SECONDS = 4.0
"""For a first answer; what comes after it is limited by the time of the whole check."""
_READ_SECONDS = 2.0


class Contact:
    """``with Contact(options) as brokers:`` it asks at once; `client` waits for the answer.

    A silent broker takes its whole time, and to load the rest takes seconds: one after the other it would be both.
    """

    def __init__(self, kafka: KafkaOptions) -> None:
        self.kafka = replace(kafka, connect_seconds=ANSWER_SECONDS, timeout_seconds=_READ_SECONDS)
        self._answer: Future[Any] = Future()
        self._is_taken = False
        threading.Thread(target=self._ask, name="contact brokers", daemon=True).start()

    def __enter__(self) -> Contact:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._is_taken:
            self._answer.add_done_callback(_close)

    def client(self) -> Any:
        """An admin client that has had an answer; the caller closes it.

        Raises `BrokerRefused`, `BrokerUnreachable` or `ConfigInvalid`.
        """
        self._is_taken = True
        return self._answer.result()

    def _ask(self) -> None:
        try:
            self._answer.set_result(admin(self.kafka))
        except BaseException as error:
            self._answer.set_exception(error)


def _close(answer: Future[Any]) -> None:
    if answer.exception() is None:
        answer.result().close()
