"""Ports of this machine that nobody has."""

import socket

HERE = "127.0.0.1"


def free_range(length: int) -> int:
    """The first of so many that follow each other and are free, as far as one can know."""
    for _ in range(200):
        with socket.socket() as probe:
            probe.bind((HERE, 0))
            first: int = probe.getsockname()[1]
        if first + length < 65536 and all(is_free(first + n) for n in range(length)):
            return first
    raise AssertionError("no free ports")


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HERE, port))
        except OSError:
            return False
        return True
