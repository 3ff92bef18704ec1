"""Addresses of objects in stores: which bucket, and which name in it. Judged by their text alone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

from transforms.errors import EventInvalid, SourceForbidden
from transforms.fetch.limits import STORES, BucketLimits
from transforms.fetch.uri import SHOWN

_ADDRESS = re.compile(rf"({'|'.join(STORES)})://([a-z0-9][a-z0-9._-]*)/(.*)", re.ASCII | re.DOTALL)
_SCHEME = re.compile(rf"({'|'.join(STORES)}):", re.ASCII | re.IGNORECASE)
_NAME_BYTES = 1024
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_SEPARATORS = re.compile(r"[/\\]")


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object of a bucket that is listed: made by `listed` only."""

    store: str
    """One of `STORES`."""
    bucket: str
    name: str

    @property
    def place(self) -> str:
        """``s3://bucket``."""
        return f"{self.store}://{self.bucket}"

    @property
    def shown(self) -> str:
        """For messages: what looks like a query may be a secret that strayed into the name."""
        return f"{self.place}/{re.split('[?#]', self.name)[0]}"[:SHOWN]


def is_stored(uri: str) -> bool:
    """Whether the address is one of an object store."""
    return _SCHEME.match(uri) is not None


def listed(uri: str, limits: BucketLimits) -> StoredObject:
    """The object of an address, whose name is taken as it stands, as the stores' own tools do: ``%20`` is no space.

    Raises `EventInvalid` and `SourceForbidden`.
    """
    store, _, rest = uri.partition(":")
    found = _ADDRESS.fullmatch(f"{store.lower()}:{rest}")
    if found is None:
        raise EventInvalid(f"`uri` of `{len(uri)}` characters is no address of an object; send `s3://bucket/name`")
    thing = StoredObject(*found.groups())
    if thing.place not in limits.names:
        raise SourceForbidden(
            f"bucket `{thing.place[:SHOWN]}` is not listed, so nothing is read from it; name it with --fetch-bucket"
        )
    _check_name(thing.name)
    return thing


def _check_name(name: str) -> None:
    """Nothing on the way to the store may read a name as one that leads out of its bucket."""
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        size = 0
    if not 0 < size <= _NAME_BYTES or _CONTROLS.search(name):
        raise EventInvalid(
            f"the object's name has `{size}` bytes of UTF-8, over `{_NAME_BYTES}` or none, or control characters; "
            "send `s3://bucket/name`"
        )
    plain, before = name, ""
    while plain != before:  # however often it was encoded
        if any(step in (".", "..") for step in _SEPARATORS.split(plain)):
            raise SourceForbidden("the object's name has a step `.` or `..`, which may lead elsewhere; rename it")
        plain, before = unquote(plain), plain
