"""The bytes of an upload, wherever they are."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass, replace
from functools import cached_property

from transforms import tally
from transforms.errors import EventInvalid, SourceForbidden
from transforms.fetch.answers import Hold, check_size
from transforms.fetch.client import Client
from transforms.fetch.files import Files
from transforms.fetch.limits import FetchLimits
from transforms.fetch.pool import Pool
from transforms.fetch.stored import StoredObject, is_stored, listed
from transforms.fetch.stores import Stores
from transforms.fetch.target import Target, judged
from transforms.fetch.uri import split
from transforms.values import Decoded, Fetched, Upload


class Fetcher:
    """Fetches the bytes of uploads; thread-safe, made on the worker."""

    def __init__(self, limits: FetchLimits, client: Client | None = None, stores: Stores | None = None) -> None:
        """``client`` asks hosts, ``stores`` object stores. Raises `ConfigInvalid` for what is missing here."""
        self._limits = limits
        self._files = Files(limits.file_root, self._check_size)
        self._client = client or (_client(limits) if limits.http.hosts else None)
        self._stores = stores or (_stores(limits) if limits.buckets.names else None)

    def fetch(self, upload: Upload) -> bytes:
        """Return the picture's bytes; at most ``max_bytes``, possibly none, not looked at.

        Raises `EventInvalid` (no picture, two pictures, an address that does not parse), `SourceForbidden`
        (scheme or host not served, a private address, outside the root, not a regular file), `ImageMissing`,
        `ImageTooLarge` or `ImageUnreadable`.
        """
        target = self.target(upload)
        return self.at_hand(upload) if target is None else self.asked(target)

    def target(self, upload: Upload) -> Target | StoredObject | None:
        """What is to be asked of a host or a store; None for a picture `at_hand`.

        Raises `SourceForbidden` and `EventInvalid`.
        """
        uri = upload.uri
        if uri is None or upload.inline is not None:
            return None
        if self._stores is not None and is_stored(uri):
            return listed(uri, self._limits.buckets)
        if self._client is None or uri[:4].lower() != "http":
            return None
        address = split(uri)
        return judged(address, self._limits.http) if address.scheme in ("http", "https") else None

    def asked(self, target: Target | StoredObject, hold: Hold = lambda _: None) -> bytes:
        """The picture from its host or store; ``hold`` is told how many bytes it has."""
        if isinstance(target, StoredObject):
            assert self._stores is not None, "an object is listed with stores only"  # noqa: S101
            return self._stores.fetch(target, hold)
        assert self._client is not None, "a target is made with a client only"  # noqa: S101
        begun = time.monotonic()
        try:
            return self._client.fetch(target, hold)
        finally:
            tally.observe("fetch_seconds", time.monotonic() - begun)

    def at_hand(self, upload: Upload) -> bytes:
        """The picture from the event or a file."""
        if upload.inline is not None and upload.uri is None:
            self._check_size(len(upload.inline))
            return upload.inline
        if upload.uri is None or upload.inline is not None:
            raise EventInvalid("the event must hold one picture: set either `uri` or `inline`")
        address = split(upload.uri)
        if address.scheme != "file":
            raise SourceForbidden(
                f"scheme `{address.scheme}` is not served; pictures may be inside the event, have `file:` addresses "
                "under --file-root, `https:` addresses on a host named with --fetch-host, or `s3:` and `gs:` addresses "
                "in a bucket named with --fetch-bucket"
            )
        return self._files.read(address)

    def _check_size(self, size: int) -> None:
        check_size(size, self._limits.max_bytes)


@dataclass(frozen=True)
class FetchImage:
    """`Decoded` → `Fetched`."""

    limits: FetchLimits

    def __call__(self, decoded: Decoded) -> Fetched:
        """Fetch one picture; from here on the event's own copy of it is not carried along."""
        return self.fetched(decoded, self.fetcher.fetch(decoded.upload))

    def fetched(self, decoded: Decoded, image: bytes) -> Fetched:
        """An upload with the bytes of its picture."""
        return Fetched(decoded.record, replace(decoded.upload, inline=None), image)

    @cached_property
    def fetcher(self) -> Fetcher:
        """Made on the worker, where the file root is."""
        return Fetcher(self.limits)

    @property
    def pool(self) -> Pool:
        """The threads of this process that ask hosts."""
        return _pool(self.limits)

    def __reduce__(self) -> tuple[type[FetchImage], tuple[FetchLimits]]:
        """Neither threads nor connections travel."""
        return FetchImage, (self.limits,)


_lock = threading.Lock()
_clients: dict[tuple[int, FetchLimits], Client] = {}
_made_stores: dict[tuple[int, FetchLimits], Stores] = {}
_pools: dict[tuple[int, FetchLimits], Pool] = {}


def _client(limits: FetchLimits) -> Client:
    """The process's client: its bounds are for the whole worker, and a fork shares no connection."""
    with _lock:
        key = os.getpid(), limits
        if key not in _clients:
            _clients[key] = Client(limits)
        return _clients[key]


def _stores(limits: FetchLimits) -> Stores:
    with _lock:
        key = os.getpid(), limits
        if key not in _made_stores:
            _made_stores[key] = Stores(limits)
        return _made_stores[key]


def _pool(limits: FetchLimits) -> Pool:
    with _lock:
        key, http = (os.getpid(), limits), limits.http
        if key not in _pools:
            _pools[key] = Pool(http.connections, http.connections_per_host, http.memory, limits.max_bytes)
        return _pools[key]
