"""Texts that several jobs share in a Redis: an exact copy is not captioned again, whichever job saw it first.

A merchant's texts are found by that merchant only, and only for equal bytes and an equal reuse key. Where that is asked
for, texts of prompts that nothing of the upload entered are found by all merchants, whatever the attributes of their
uploads, and without the id of the image they were written for: what one shop says of a picture must not be told, or
lent, to another one.

The job never waits longer than the time-out, also when the server hangs or its name is not resolved: one thread of our
own talks to it, and after a failure it is left alone for a while. What could not be read is generated, what could not
be written is lost.
"""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Any, Protocol, cast
from urllib.parse import urlsplit

from schemas.state import StateCodec
from transforms.errors import ConfigInvalid
from transforms.metrics import count
from transforms.plan import Question
from transforms.references import check_reference, secret
from transforms.values import Text

_log = logging.getLogger(__name__)

_REST_SECONDS = 5.0
"""How long a server that failed is left alone."""
_MOST_QUEUED = 1024
_SCHEMES = ("redis://", "rediss://", "unix://")


@dataclass(frozen=True, slots=True)
class CacheOptions:
    """Where shared texts lie. It may travel in a job graph: the password is read on the worker."""

    url: str = ""
    """``redis://host:6379/0``, ``rediss://`` with TLS, or ``unix:///path``; empty: none."""
    password: str | None = None
    """A reference: ``env:NAME`` or ``file:/absolute/path``."""
    keep_seconds: float = 30 * 24 * 3600.0
    timeout_seconds: float = 0.05
    across_merchants: bool = False
    """Share the texts of general prompts with all merchants."""

    def __post_init__(self) -> None:
        """Raise `ConfigInvalid` naming the option that mends it, never what a password option was given."""
        if not self.url:
            return
        _check_address(self.url)
        check_reference(self.password, "--cache-password")
        if self.keep_seconds < 1:
            raise ConfigInvalid(f"a cache that keeps texts for `{self.keep_seconds:g}` s is none; mend --cache-ttl")
        if not 0.001 <= self.timeout_seconds <= 10:
            raise ConfigInvalid(f"`{self.timeout_seconds:g}` s is not 0.001 to 10; mend --cache-timeout")


def _check_address(url: str) -> None:
    """Raise `ConfigInvalid`; the address is not told, it may hold a password in a place we do not know."""
    if "@" in url or "?" in url or "#" in url:
        raise ConfigInvalid(
            "the cache's address has `@`, `?` or `#` in it; mend --cache: a password goes to --cache-password"
        )
    try:
        parts = urlsplit(url)
        place = parts.path.strip("/") if parts.scheme == "unix" else parts.hostname and (parts.port or "any")
    except ValueError:  # a port that is none
        place = ""
    if not place or not url.startswith(_SCHEMES):
        raise ConfigInvalid(
            "the cache's address is no `redis://host:6379/0`, `rediss://…` or `unix:///path`; mend --cache"
        )


class TextCache(Protocol):
    """Texts of other jobs."""

    def get(self, merchant: str, sha256: bytes, questions: Sequence[Question]) -> list[Text]:
        """Those that answer any of the questions about these bytes."""
        ...

    def put(self, merchant: str, question: Question, text: Text) -> None:
        """Share an answer; returns at once."""
        ...

    def forget(self, merchant: str, texts: Iterable[Text]) -> None:
        """Their image was deleted; returns at once."""
        ...


class RedisCache:
    """`TextCache` in a Redis, one for a process."""

    def __init__(self, options: CacheOptions, clock: Callable[[], float] = time.monotonic) -> None:
        """Connects when it is first used. Raises `ConfigInvalid` where the client is not installed."""
        self._options = options
        self._clock = clock
        self._client = connect(options)
        self._codec = StateCodec(Text)
        self._rests_until = float("-inf")
        self._work: queue.Queue[tuple[Callable[[], Any], Future[Any] | None] | None] = queue.Queue(_MOST_QUEUED)
        self._thread = threading.Thread(target=self._talk, name="cache", daemon=True)
        self._thread.start()

    def get(self, merchant: str, sha256: bytes, questions: Sequence[Question]) -> list[Text]:
        """Ask once for all; nothing when the server is slow, down or resting."""
        keys = [_key(self._owner(merchant, question), sha256, question.reuse_key) for question in questions]
        answer: Future[Any] = Future()
        if not self._ask(lambda: self._client.mget(keys), answer):
            return []
        try:
            values = answer.result(self._options.timeout_seconds)
        except Exception as error:  # whatever a client may raise, and our own time-out
            self._failed(error)
            return []
        texts = [text for value in values if value is not None and (text := self._decoded(value)) is not None]
        wanted = {question.reuse_key for question in questions}
        known = [text for text in texts if text.sha256 == sha256 and text.reuse_key in wanted]
        count("cache_hits", len(known))
        count("cache_misses", len(keys) - len(known))
        return known

    def put(self, merchant: str, question: Question, text: Text) -> None:
        """Write it behind the job's back."""
        owner = self._owner(merchant, question)
        if owner is None:
            text = replace(text, image_id="", veto="")
        key, value = _key(owner, text.sha256, text.reuse_key), self._codec.encode(text)
        self._ask(lambda: self._client.set(key, value, ex=int(self._options.keep_seconds)), None)

    def forget(self, merchant: str, texts: Iterable[Text]) -> None:
        """Delete them behind the job's back; what that misses ends with its time."""
        owners = (merchant, None) if self._options.across_merchants else (merchant,)
        if keys := [_key(owner, text.sha256, text.reuse_key) for text in texts for owner in owners]:
            self._ask(lambda: self._client.delete(*keys), None)

    def close(self) -> None:
        """Finish what is queued, for as long as ten time-outs; the rest is lost."""
        with contextlib.suppress(queue.Full):
            self._work.put_nowait(None)
        self._thread.join(10 * self._options.timeout_seconds)

    def _owner(self, merchant: str, question: Question) -> str | None:
        """Who may find an answer; None: everybody."""
        return None if self._options.across_merchants and question.prompt.is_general else merchant

    def _ask(self, command: Callable[[], Any], answer: Future[Any] | None) -> bool:
        if self._clock() < self._rests_until:
            count("cache_skipped")
            return False
        try:
            self._work.put_nowait((command, answer))
        except queue.Full:
            count("cache_skipped")
            return False
        return True

    def _talk(self) -> None:
        while (task := self._work.get()) is not None:
            command, answer = task
            if self._clock() < self._rests_until:
                continue
            try:
                value = command()
            except Exception as error:  # whatever a client may raise
                if answer is None:
                    self._failed(error)
                else:
                    answer.set_exception(error)
            else:
                if answer is not None:
                    answer.set_result(value)

    def _failed(self, error: Exception) -> None:
        if self._clock() >= self._rests_until:
            _log.warning(
                "the cache does not answer (`%s`); it is left alone for %g s", type(error).__name__, _REST_SECONDS
            )
        self._rests_until = self._clock() + _REST_SECONDS
        count("cache_errors")

    def _decoded(self, value: bytes) -> Text | None:
        try:
            return cast("Text", self._codec.decode(value))
        except Exception as error:  # of another version, or somebody else's
            _log.warning("a text in the cache cannot be read (`%s`)", type(error).__name__)
            count("cache_errors")
            return None


def _key(owner: str | None, sha256: bytes, reuse_key: str) -> str:
    parts = b"\x00".join((b"*" if owner is None else b"=" + owner.encode(), sha256, reuse_key.encode()))
    return f"captionstream:text:1:{hashlib.sha256(parts).hexdigest()}"


def require_client() -> None:
    """Raise `ConfigInvalid` where the client is not installed."""
    if find_spec("redis") is None:
        raise ConfigInvalid("`--cache` needs the package `redis`, which is not here; install captionstream[redis]")


def connect(options: CacheOptions) -> Any:
    """A client, which connects when it is first used. Raises `ConfigInvalid` where none is installed."""
    require_client()
    from redis import Redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    password = None if options.password is None else secret(options.password, "--cache-password")
    limit = options.timeout_seconds
    return Redis.from_url(
        options.url,
        password=password,
        socket_timeout=limit,
        socket_connect_timeout=limit,
        retry=Retry(NoBackoff(), 0),
    )


_lock = threading.Lock()
_open: dict[CacheOptions, RedisCache] = {}


def cache_for(options: CacheOptions) -> RedisCache | None:
    """The process's cache for these options; None where none is wanted."""
    if not options.url:
        return None
    with _lock:
        if options not in _open:
            _open[options] = RedisCache(options)
            atexit.register(_open[options].close)
        return _open[options]
