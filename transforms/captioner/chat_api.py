"""The way to a server that speaks OpenAI's chat API: attempts, one deadline for all of them, and what its words mean.

The address is the operator's own; nothing of it but its host and port is told, and of the key nothing.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests

from transforms.errors import CaptionFailed, ConfigInvalid, ModelUnavailable
from transforms.references import secret

ATTEMPTS = 4
"""Of one question, when the server is busy or cannot be reached."""
DEADLINE = 300.0
"""Seconds for all questions about one picture, with all their attempts."""
MOST_BYTES = 16 << 20
"""Of an answer."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 10.0
"""Seconds before another attempt; each pause is twice the one before."""
_CONNECT_SECONDS, _ANSWER_SECONDS = 5.0, 120.0
_BUSY = frozenset((408, 429, 500, 502, 503, 504))
_PIECE = 1 << 16


class ServerFailed(RuntimeError):
    """The server is to blame, or the way to it."""


@dataclass(slots=True)
class Said:
    """An answer, read to its end."""

    status: int
    content: bytes
    retry_after: float

    def json(self) -> Any:
        """What it says. Raises `ServerFailed`."""
        try:
            return json.loads(self.content)
        except ValueError:
            raise ServerFailed("the server did not answer in JSON; look at --endpoint") from None


class ChatApi:
    """One server; thread-safe. Raises `ConfigInvalid` on a key that cannot be."""

    def __init__(
        self,
        endpoint: str,
        api_key: str | None,
        closing: threading.Event,
        pause: Callable[[float], object] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``pause`` waits so many seconds between attempts; none is begun once ``closing`` is set."""
        self._address = endpoint.rstrip("/")
        self._headers = _headers(api_key)
        self._closing = closing
        self._pause = pause or closing.wait
        self._clock = clock
        self._sessions = threading.local()

    @property
    def place(self) -> str:
        """Host and port, for messages."""
        return urlsplit(self._address).netloc

    def deadline(self) -> float:
        """Of questions that are asked from now on."""
        return self._clock() + DEADLINE

    def models(self) -> dict[str, Any]:
        """What the server has loaded, by name. Raises `ModelUnavailable`."""
        try:
            said = self._judged(self._send("GET", "/models", None, self.deadline()))
            return {model["id"]: model for model in said.json()["data"]}
        except (requests.RequestException, ServerFailed, CaptionFailed, KeyError, TypeError) as error:
            # Not chained: its words may hold the key.
            raise ModelUnavailable(
                f"the model server at `{self.place}` does not tell its models (`{type(error).__name__}`); "
                "start it, or mend --endpoint and --api-key"
            ) from None

    def complete(self, body: Mapping[str, Any], deadline: float) -> Any:
        """Ask once; again, when the server is busy or away. Raises `CaptionFailed` and `ServerFailed`."""
        failure = ServerFailed("the captioner was closed")
        pause = _FIRST_PAUSE
        for attempt in range(ATTEMPTS):
            if attempt:
                self._pause(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
            if self._closing.is_set():
                break
            if attempt and self._clock() >= deadline:
                break
            try:
                said = self._send("POST", "/chat/completions", body, deadline)
            except requests.RequestException as error:
                failure = ServerFailed(f"`{self.place}` cannot be asked (`{type(error).__name__}`)")
                continue
            if said.status not in _BUSY:
                return self._judged(said).json()
            failure = ServerFailed(f"`{self.place}` answered `{said.status}` `{attempt + 1}` times")
            pause = max(pause, min(said.retry_after, _LONGEST_PAUSE))
        raise failure

    def _send(self, method: str, path: str, body: Mapping[str, Any] | None, deadline: float) -> Said:
        left = max(1.0, deadline - self._clock())
        with self._session().request(
            method,
            self._address + path,
            json=body,
            timeout=(_CONNECT_SECONDS, min(left, _ANSWER_SECONDS)),
            allow_redirects=False,  # elsewhere is not where the operator sends pictures and the key
            stream=True,
        ) as response:
            content = bytearray()
            for piece in response.iter_content(_PIECE):
                content += piece
                if len(content) > MOST_BYTES:
                    raise ServerFailed(f"`{self.place}` answered more than `{MOST_BYTES >> 20}` MiB")
                if self._clock() >= deadline:
                    raise requests.ReadTimeout
            return Said(response.status_code, bytes(content), _seconds(response.headers.get("Retry-After")))

    def _judged(self, said: Said) -> Said:
        if said.status in (400, 413, 422):
            raise CaptionFailed(
                f"the server refused the picture or its prompt with `{said.status}`; see the server's log"
            )
        if said.status != 200:
            raise ServerFailed(f"`{self.place}` answered `{said.status}`; look at --endpoint and --api-key")
        return said

    def _session(self) -> requests.Session:
        """One a thread: they are not made to be shared."""
        if not hasattr(self._sessions, "mine"):
            self._sessions.mine = requests.Session()
            self._sessions.mine.trust_env = False  # no proxy, and no password from a file, by accident
            self._sessions.mine.headers.update(self._headers)
        session: requests.Session = self._sessions.mine
        return session


def _headers(api_key: str | None) -> dict[str, str]:
    if api_key is None:
        return {}
    key = secret(api_key, "--api-key")
    # Such a header is refused further down with an error that shows it.
    if not (key.isascii() and key.isprintable()) or key != key.strip():
        raise ConfigInvalid(f"secret `{api_key}` is no key: it has blanks around it or signs that a header cannot hold")
    return {"Authorization": f"Bearer {key}"}


def _seconds(header: str | None) -> float:
    return float(header) if header is not None and header.isascii() and header.isdigit() else 0.0
