"""What runs in the captioner's process: ``python -m transforms.captioner.process.host SOCKET MEMORY``."""

from __future__ import annotations

import logging
import os
import queue
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from dataclasses import replace
from multiprocessing.connection import Connection
from typing import NoReturn

from transforms.captioner.api import Captioner, Generation
from transforms.captioner.load import create
from transforms.captioner.process.wire import Answer, Ask, Cancel, Cells, Close, Fault, Ready, Start
from transforms.errors import CaptionerBroken, CaptionstreamError

BROKEN = 70
"""Exit status when the captioner says that it is broken: EX_SOFTWARE of sysexits.h."""


def main(socket: int, memory: int) -> None:
    """Serve until told to close, or until the worker is gone."""
    # Ctrl-C is the worker's to hear: it closes us.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.basicConfig(format="captioner: %(message)s")
    logging.getLogger("transforms").setLevel(logging.INFO)
    connection = Connection(socket)
    start: Start = connection.recv()
    cells = Cells(start.cells, memory)
    try:
        captioner = create(replace(start.options, own_process=False))
    except Exception as error:
        if not isinstance(error, CaptionstreamError):
            traceback.print_exc()  # the worker tells its name only
        connection.send(Fault.of(error))
        return
    connection.send(Ready(captioner.info))
    outbox: queue.SimpleQueue[Answer | None] = queue.SimpleQueue()
    sender = threading.Thread(target=_send, args=(connection, outbox), name="host-sends", daemon=True)
    sender.start()
    try:
        _serve(connection, captioner, cells, outbox)
    except (EOFError, OSError):
        os._exit(1)  # the worker is gone: nobody waits for anything
    captioner.close()
    outbox.put(None)
    sender.join()


def _serve(
    connection: Connection, captioner: Captioner, cells: Cells, outbox: queue.SimpleQueue[Answer | None]
) -> None:
    futures: dict[int, Future[Generation]] = {}

    def answering(number: int) -> Callable[[Future[Generation]], None]:
        def settle(future: Future[Generation]) -> None:
            futures.pop(number, None)
            if not future.cancelled() and isinstance(error := future.exception(), CaptionerBroken):
                _end(error)
            outbox.put(_answer(number, future))

        return settle

    while not isinstance(message := connection.recv(), Close):
        if isinstance(message, Cancel):
            if (waiting := futures.get(message.number)) is not None:
                waiting.cancel()
        elif isinstance(message, Ask):
            request = message.request
            if message.cell is not None:
                request = replace(request, image=cells.get(message.cell, message.size))
            try:
                future = captioner.submit(request)
            except CaptionerBroken as error:
                _end(error)
            except Exception as error:
                outbox.put(Answer(message.number, Fault.of(error)))
                continue
            futures[message.number] = future
            future.add_done_callback(answering(message.number))


def _end(error: CaptionerBroken) -> NoReturn:
    """Nothing can be computed here any more: another process may do better, and asks again."""
    print(f"captionstream: {error.message}", file=sys.stderr, flush=True)
    os._exit(BROKEN)


def _answer(number: int, future: Future[Generation]) -> Answer:
    try:
        return Answer(number, future.result())
    except CancelledError as error:
        return Answer(number, Fault.of(error), is_cancelled=True)
    except Exception as error:
        return Answer(number, Fault.of(error))


def _send(connection: Connection, outbox: queue.SimpleQueue[Answer | None]) -> None:
    while (answer := outbox.get()) is not None:
        try:
            connection.send(answer)
        except OSError:  # the worker is gone
            os._exit(1)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
