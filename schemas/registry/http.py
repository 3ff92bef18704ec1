"""One question to the registry: attempts with growing pauses within one deadline, and no word of a secret."""

from __future__ import annotations

import json
import math
import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import requests
import requests.exceptions

from schemas.registry.options import RegistryOptions
from transforms.errors import RegistryRefused, RegistryUnreachable
from transforms.references import read, secret

PATIENCE_SECONDS = 60.0
"""For one question with all its attempts; then the bundle fails, and the runner tries it again."""
MOST_BYTES = 4 << 20
"""Of an answer."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 8.0
"""Seconds before another attempt; each pause is twice the one before, and drawn."""
_CONNECT_SECONDS, _ANSWER_SECONDS = 3.0, 10.0
_BUSY = frozenset((408, 429, 500, 502, 503, 504))
_PIECE = 1 << 16
_TYPE = "application/vnd.schemaregistry.v1+json"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the registry said that was neither busy nor away."""

    status: int
    body: Any
    """JSON; None where it is none."""

    @property
    def code(self) -> int:
        """The registry's own number for what is wrong; 0 where it gives none."""
        code = self.body.get("error_code") if isinstance(self.body, dict) else None
        return code if isinstance(code, int) else 0

    @property
    def message(self) -> str:
        """Its own words, cut."""
        said = self.body.get("message") if isinstance(self.body, dict) else None
        return " ".join(str(said).split())[:300] if said else ""


class Http:
    """Thread-safe. Raises `ConfigInvalid` for a password or an authority that cannot be read."""

    def __init__(
        self,
        options: RegistryOptions,
        patience_seconds: float = PATIENCE_SECONDS,
        budget_seconds: float = math.inf,
        pause: Callable[[float], object] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """``budget_seconds`` is for all questions together, where a person waits."""
        self._options = options
        self._patience = patience_seconds
        self._until = clock() + budget_seconds
        self._pause, self._clock, self._chance = pause, clock, chance
        self._lock = threading.Lock()
        self._session = session = requests.Session()
        session.trust_env = False  # no proxy, and no password from a file, by accident
        session.headers["Accept"] = f"{_TYPE}, application/json"
        if options.username is not None and options.password is not None:
            password = secret(options.password, "--registry-password")
            session.auth = (options.username.encode(), password.encode())  # type: ignore[assignment]
        if options.ca_file is not None:
            read(options.ca_file, "--registry-ca-file")
            session.verify = options.ca_file

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Answer:
        """Ask, again while it is busy or away. Raises `RegistryUnreachable` and `RegistryRefused`."""
        begun, pause, tried = self._clock(), _FIRST_PAUSE, 0
        deadline = min(begun + self._patience, self._until)
        while True:
            tried += 1
            try:
                answer = self._send(method, path, body, deadline)
                if answer.status not in _BUSY:
                    return self._judged(answer)
                failure = f"answered `{answer.status}`"
            except requests.exceptions.SSLError:
                raise RegistryRefused(
                    f"the registry's certificate at `{self._options.place}` is not trusted, or it speaks no TLS; "
                    "mend it, or name its authority with --registry-ca-file"
                ) from None
            except requests.RequestException as error:  # not chained: its words may hold the address
                failure = f"cannot be asked (`{type(error).__name__}`)"
            wait = pause * (0.5 + self._chance())
            if self._clock() + wait >= deadline:
                waited = round(self._clock() - begun, 1)
                raise RegistryUnreachable(
                    f"the registry at `{self._options.place}` {failure}, `{tried}` times in {waited:g} s; "
                    "check --registry and that it is running"
                )
            self._pause(wait)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def close(self) -> None:
        """Disconnect."""
        with self._lock:
            self._session.close()

    def _send(self, method: str, path: str, body: Mapping[str, Any] | None, deadline: float) -> Answer:
        left = max(0.1, deadline - self._clock())
        with (
            self._lock,
            self._session.request(
                method,
                self._options.url.rstrip("/") + path,
                data=None if body is None else json.dumps(body),
                headers={} if body is None else {"Content-Type": _TYPE},
                timeout=(min(left, _CONNECT_SECONDS), min(left, _ANSWER_SECONDS)),
                allow_redirects=False,  # elsewhere is not where the operator sends the password
                stream=True,
            ) as response,
        ):
            content = bytearray()
            for piece in response.iter_content(_PIECE):
                content += piece
                if len(content) > MOST_BYTES:
                    raise RegistryRefused(
                        f"the registry at `{self._options.place}` answered more than `{MOST_BYTES >> 20}` MiB; "
                        "check --registry"
                    )
                if self._clock() >= deadline:
                    raise requests.ReadTimeout
            return Answer(response.status_code, _json(bytes(content)))

    def _judged(self, answer: Answer) -> Answer:
        if answer.status in (401, 403):
            raise RegistryRefused(
                f"the registry at `{self._options.place}` answered `{answer.status}`: it does not let us; "
                "check --registry-username, --registry-password and that user's rights"
            )
        if answer.status == 200 and answer.body is not None:
            return answer
        if answer.status in (404, 409, 422) and answer.code:
            return answer
        raise RegistryRefused(
            f"the registry at `{self._options.place}` answered `{answer.status}`, and not as one does; "
            "check --registry, which may need a path such as /apis/ccompat/v7"
        )


def _json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        return None
