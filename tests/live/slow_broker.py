"""A real broker that is slow: its process is stopped for moments."""

import os
import random
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from pipeline.local.kafka import LocalKafka


def stop_for(kafka: LocalKafka, seconds: float) -> None:
    """Return at once; the broker goes on after so long."""
    pid = _process(kafka)
    os.kill(pid, signal.SIGSTOP)
    threading.Timer(seconds, os.kill, (pid, signal.SIGCONT)).start()


@contextmanager
def slow(kafka: LocalKafka, rng: random.Random) -> Iterator[None]:
    """Most of the time it does not answer: a first request takes about a second, one to a warm client may not."""
    pid, over = _process(kafka), threading.Event()

    def stutter() -> None:
        while not over.is_set():
            os.kill(pid, signal.SIGSTOP)
            over.wait(rng.uniform(0.5, 1.5))
            os.kill(pid, signal.SIGCONT)
            over.wait(0.15)

    thread = threading.Thread(target=stutter)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _process(kafka: LocalKafka) -> int:
    [broker] = [p.pid for p in psutil.Process().children(recursive=True) if kafka.bootstrap_servers in _settings(p)]
    return broker


def _settings(process: psutil.Process) -> str:
    """The broker's server.properties, for a process that is one."""
    command = process.cmdline()
    if "kafka.Kafka" not in command or process.name() != "java":
        return ""
    with open(command[-1], encoding="ascii") as file:
        return file.read()
