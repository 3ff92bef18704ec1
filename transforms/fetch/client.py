"""One picture from a host: a few attempts and redirects within one deadline."""

from __future__ import annotations

import functools
import http.client
import importlib.metadata
import itertools
import random
import socket
import ssl
import time
from collections.abc import Callable, Mapping

import urllib3.exceptions
from urllib3.response import BaseHTTPResponse

from transforms.errors import CaptionstreamError, ImageUnreadable, ProxyUnreachable
from transforms.fetch import answers
from transforms.fetch.answers import Hold, TryAgain
from transforms.fetch.connections import Connection, Connections
from transforms.fetch.deadline import Clock, Deadline
from transforms.fetch.dial import Dial
from transforms.fetch.hosts import Hosts
from transforms.fetch.limits import FetchLimits, HttpLimits
from transforms.fetch.proxy import ProxyDial, ProxyFailed
from transforms.fetch.target import Target, redirected

ATTEMPTS = 3
MAX_REDIRECTS = 3
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 10.0
"""Seconds between two attempts; each pause is twice the one before."""
_SILENT = (TimeoutError, urllib3.exceptions.ReadTimeoutError)


class Client:
    """Thread-safe; one for each worker process."""

    def __init__(
        self,
        limits: FetchLimits,
        dial: Dial | None = None,
        clock: Clock = time.monotonic,
        pause: Callable[[float], object] = time.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """Raises `ConfigInvalid` when the authorities cannot be read."""
        self._max_bytes, self._limits = limits.max_bytes, limits.http
        self._clock, self._pause, self._chance = clock, pause, chance
        dial = dial or _dial(limits.http)
        self._is_forwarded = dial.is_forwarding
        self._connections = Connections(dial, limits.http.connections, limits.http.ca_file, clock)
        self._hosts = Hosts(limits.http.connections_per_host, clock)

    def fetch(self, target: Target, hold: Hold = lambda _: None) -> bytes:
        """The picture's bytes. Raises `SourceForbidden`, `ImageMissing`, `ImageTooLarge` or `ImageUnreadable`."""
        deadline = Deadline(self._limits.seconds, self._clock)
        for attempt in itertools.count(1):
            try:
                return self._follow(target, deadline, hold)
            except TryAgain as failure:
                pause = max(FIRST_PAUSE * 2 ** (attempt - 1) * (0.5 + self._chance()), failure.after)
                if attempt == ATTEMPTS or pause > min(LONGEST_PAUSE, deadline.left()):
                    if failure.is_ours:
                        raise ProxyUnreachable(
                            f"{failure.what}, at attempt `{attempt}`; see to it, or mend --fetch-proxy"
                        ) from None
                    raise ImageUnreadable(
                        f"`{target.shown}` could not be fetched: {failure.what}, at attempt `{attempt}`; "
                        "see to its host and redrive"
                    ) from None
            self._pause(pause)
        raise AssertionError

    def _follow(self, target: Target, deadline: Deadline, hold: Hold) -> bytes:
        """Request and redirects. Raises `TryAgain` and what `fetch` does."""
        seen = [target]
        while True:
            with self._hosts.slot(target.place, deadline):
                answer = self._asked(target, deadline, hold)
            if isinstance(answer, bytes):
                return answer
            target = redirected(target, answer, self._limits)
            if target in seen or len(seen) > MAX_REDIRECTS:
                what = "in a circle" if target in seen else f"more than `{MAX_REDIRECTS}` times"
                raise ImageUnreadable(f"`{seen[0].shown}` redirects {what}; send the picture's own address")
            seen.append(target)

    def _asked(self, target: Target, deadline: Deadline, hold: Hold) -> bytes | str:
        """A picture, or where it is said to be."""
        connection, begun = self._connections.take(target, deadline), self._clock()
        try:
            return self._exchanged(target, connection, hold)
        except ssl.SSLCertVerificationError as error:
            raise ImageUnreadable(
                f"the certificate of `{target.place}` is not trusted: `{error.verify_message}`; "
                "mend it, or name its authority with --fetch-ca-file"
            ) from None
        except (OSError, http.client.HTTPException, urllib3.exceptions.HTTPError) as error:
            if connection.is_used and not isinstance(error, _SILENT):  # it was closed while it lay idle
                self._connections.drop(target)
                return self._asked(target, deadline, hold)
            raise self._failure(target, error, deadline) from None
        finally:
            self._hosts.took(target.place, self._clock() - begun)
            self._connections.give(target, connection)

    def _exchanged(self, target: Target, connection: Connection, hold: Hold) -> bytes | str:
        """One request and its answer; the connection is left open only when the answer was read to its end."""
        is_whole = False
        try:
            headers = {**_headers(), **self._credentials(target)}
            path = (
                f"http://{target.place}{target.path}" if self._is_forwarded and target.scheme == "http" else target.path
            )
            connection.request("GET", path, headers=headers, preload_content=False, decode_content=False)
            answer = self._read(target, connection.getresponse(), hold)
            is_whole = isinstance(answer, bytes)
            self._hosts.answered(target.place)
            return answer
        except (CaptionstreamError, TryAgain):
            self._hosts.answered(target.place)
            raise
        finally:
            if not is_whole:
                connection.close()

    def _credentials(self, target: Target) -> Mapping[str, str]:
        """Headers that say who asks: none, of strangers."""
        return {}

    def _read(self, target: Target, response: BaseHTTPResponse, hold: Hold) -> bytes | str:
        """A picture, or where it is said to be. Raises what else the answer means."""
        elsewhere = answers.redirect(response)
        return answers.picture(response, target.shown, self._max_bytes, hold) if elsewhere is None else elsewhere

    def _failure(self, target: Target, error: Exception, deadline: Deadline) -> Exception:
        """What became of a request that was not answered, in our words: foreign ones may quote the address."""
        if isinstance(error, ProxyFailed):
            return TryAgain(str(error), is_ours=True)
        if isinstance(error, socket.gaierror):
            self._hosts.failed(target.place)
            if error.errno != socket.EAI_AGAIN:
                return ImageUnreadable(f"host `{target.host}` has no address; mend the picture's address or the DNS")
            return TryAgain(f"the name of `{target.place}` could not be looked up")
        if isinstance(error, _SILENT):
            self._hosts.failed(target.place)
            if deadline.left() <= 0:
                return TryAgain(f"`{target.place}` took more than `{self._limits.seconds:g}` s")
            return TryAgain(f"`{target.place}` did not answer in time")
        if isinstance(error, OSError):
            self._hosts.failed(target.place)
        return TryAgain(f"the connection to `{target.place}` broke (`{type(error).__name__}`)")


def _dial(limits: HttpLimits) -> Dial:
    return Dial(limits.networks) if limits.proxy is None else ProxyDial(limits.proxy_place, limits.networks)


@functools.cache
def _headers() -> dict[str, str]:
    try:
        version = importlib.metadata.version("captionstream")
    except importlib.metadata.PackageNotFoundError:
        version = "0"
    return {"User-Agent": f"captionstream/{version}", "Accept": "image/*", "Accept-Encoding": "identity"}
