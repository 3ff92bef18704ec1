"""The broker's jars: pinned by content in `jars.lock`, fetched through Beam's own jar cache."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import queue
import re
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transforms.errors import JarUnavailable

LOCK = Path(__file__).with_name("jars.lock")

Progress = Callable[[int, int], None]
"""Called with the jars that are ready and the jars in all, after each jar, in the thread that fetches."""

_LINE = re.compile(r"([\w.-]+):([\w.-]+):([\w.-]+) ([0-9a-f]{64})")
_WORKERS = 8
_STALL_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Jar:
    """One pinned jar."""

    group: str
    artifact: str
    version: str
    sha256: str
    """Of the file, in lower-case hex."""

    @property
    def file_name(self) -> str:
        """Its name in the cache."""
        return f"{self.artifact}-{self.version}.jar"


def read_lock(path: Path = LOCK) -> tuple[Jar, ...]:
    """Read the jars of a lock file of `group:artifact:version sha256` lines; `#` starts a comment."""
    jars = []
    for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise JarUnavailable(
                f"line `{number}` of `{path}` is not `group:artifact:version sha256`; install captionstream again"
            )
        jars.append(Jar(*match.groups()))
    return tuple(jars)


def fetch(jars: Iterable[Jar], progress: Progress | None = None, cache: Path | None = None) -> tuple[Path, ...]:
    """Return where the jars lie, in their order, each verified on every call (43 MB take 0.1 s).

    ``cache`` is Beam's own by default. Raises `JarUnavailable` for the first jar that cannot be had or is not
    what was pinned; a download of the wrong content never enters the cache.
    """
    wanted = tuple(jars)
    folder = Path(_server().JAR_CACHE) if cache is None else cache
    todo: queue.SimpleQueue[Jar] = queue.SimpleQueue()
    outcomes: queue.SimpleQueue[JarUnavailable | None] = queue.SimpleQueue()
    for jar in wanted:
        todo.put(jar)

    def work() -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                outcomes.put(_outcome(todo.get_nowait(), folder))

    with _beam_silent():
        for _ in range(min(_WORKERS, len(wanted))):
            # Daemons: Beam's download has no time-out, and a stuck one must not hold up the exit.
            threading.Thread(target=work, name="fetch-jars", daemon=True).start()
        try:
            for ready in range(1, len(wanted) + 1):
                _raise_failure(outcomes, folder)
                if progress is not None:
                    progress(ready, len(wanted))
        finally:
            with contextlib.suppress(queue.Empty):
                while True:
                    todo.get_nowait()
    return tuple(folder / jar.file_name for jar in wanted)


def _raise_failure(outcomes: queue.SimpleQueue[JarUnavailable | None], folder: Path) -> None:
    try:
        failure = outcomes.get(timeout=_STALL_SECONDS)
    except queue.Empty:
        raise JarUnavailable(
            f"no jar arrived in `{_STALL_SECONDS:g}` s; check the network and its proxy settings, "
            f"or put the jars of `{LOCK}` into `{folder}` yourself"
        ) from None
    if failure is not None:
        raise failure


def _outcome(jar: Jar, folder: Path) -> JarUnavailable | None:
    """None when the jar is ready, else why not: it is raised in the thread that asked."""
    try:
        _make_ready(jar, folder)
    except JarUnavailable as failure:
        return failure
    except Exception as error:
        # Beam hides the reason (no such host, 404) behind a text that is mostly addresses.
        reason = error.__context__ or error
        unavailable = JarUnavailable(
            f"the jar `{jar.file_name}` could not be fetched: `{type(reason).__name__}: {reason}`; check the "
            f"network and its proxy settings, or put the file at `{folder / jar.file_name}` yourself"
        )
        unavailable.__cause__ = error
        return unavailable
    return None


def _make_ready(jar: Jar, folder: Path) -> None:
    path = folder / jar.file_name
    if path.exists():
        _verify(path, jar, f"delete `{path}` and try again")
        return
    folder.mkdir(parents=True, exist_ok=True)
    # Beam's temporary file has the same name for every process that downloads this jar at this moment.
    with tempfile.TemporaryDirectory(prefix=".captionstream-", dir=folder) as own:
        address = _server().path_to_maven_jar(jar.artifact, jar.group, jar.version)
        download = Path(_server().local_jar(address, cache_dir=own))
        _verify(download, jar, f"try again, or put the right file at `{path}` yourself")
        os.replace(download, path)


def _verify(path: Path, jar: Jar, remedy: str) -> None:
    with path.open("rb") as content:
        found = hashlib.file_digest(content, "sha256").hexdigest()
    if found != jar.sha256:
        raise JarUnavailable(f"the jar `{jar.file_name}` has sha256 `{found}`, not the pinned `{jar.sha256}`; {remedy}")


@contextlib.contextmanager
def _beam_silent() -> Iterator[None]:
    """Hold back Beam's ten lines of warning per download: what is fetched here is pinned."""
    logger = logging.getLogger(_server().__module__)

    def errors_only(record: logging.LogRecord) -> bool:
        return record.levelno >= logging.ERROR

    logger.addFilter(errors_only)
    try:
        yield
    finally:
        logger.removeFilter(errors_only)


def _server() -> Any:
    """Beam's fetcher of jars; to import Beam takes seconds, and who only reads the lock needs none of it."""
    from apache_beam.utils.subprocess_server import JavaJarServer

    return JavaJarServer
