"""Fetch image: the bytes of an upload, from the event itself or from a file under one directory."""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass, replace
from functools import cached_property
from urllib.parse import SplitResult, unquote_to_bytes, urlsplit

from transforms.errors import (
    ConfigInvalid,
    EventInvalid,
    ImageMissing,
    ImageTooLarge,
    ImageUnreadable,
    SourceForbidden,
)
from transforms.values import Decoded, Fetched, Upload

SERVED = "pictures inside the event and `file:` addresses"
"""What this version fetches, for messages."""
_CHUNK = 1 << 20
_KERNEL_TREES = ("/proc", "/sys", "/dev")
_MISSING = frozenset((errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG))
_NO_FILE = frozenset((errno.ENXIO, errno.ENODEV, errno.EOPNOTSUPP))
_OPEN = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """Where pictures may come from, and how large they may be."""

    file_root: str | None = None
    """Absolute path of the one directory whose files are served; None serves no files at all."""
    max_bytes: int = 20 * 2**20
    """Bytes of a picture, counted while reading: a file may grow."""

    def __post_init__(self) -> None:
        """Raise `ConfigInvalid` naming the option that mends it."""
        if self.max_bytes < 1:
            raise ConfigInvalid(f"the byte cap `{self.max_bytes}` is below 1; mend --max-image-bytes")
        if self.file_root is not None and not os.path.isabs(self.file_root):
            raise ConfigInvalid(f"file root `{self.file_root}` is not an absolute path; mend --file-root")


class Fetcher:
    """Fetches the bytes of uploads; thread-safe, made once per worker."""

    def __init__(self, limits: FetchLimits) -> None:
        """Resolve the file root here and not in the limits: those are made on another machine.

        Raises `ConfigInvalid` when the root is no directory here or would serve the machine itself.
        """
        self._max_bytes = limits.max_bytes
        self._root: str | None = None
        if limits.file_root is not None:
            root = os.path.realpath(limits.file_root)
            if not os.path.isdir(root):
                raise ConfigInvalid(f"file root `{limits.file_root}` is no directory here; mend --file-root")
            if root == "/" or any(_inside(root, tree) for tree in _KERNEL_TREES):
                raise ConfigInvalid(
                    f"file root `{limits.file_root}` would serve the machine itself; "
                    "name a directory of pictures with --file-root"
                )
            self._root = root

    def fetch(self, upload: Upload) -> bytes:
        """Return the picture's bytes; at most ``max_bytes``, possibly none, not looked at.

        Raises `EventInvalid` (no picture, two pictures, an address that does not parse), `SourceForbidden`
        (scheme not served, outside the root, not a regular file), `ImageMissing`, `ImageTooLarge` or
        `ImageUnreadable`.
        """
        if upload.inline is not None and upload.uri is None:
            self._check_size(len(upload.inline))
            return upload.inline
        if upload.uri is None or upload.inline is not None:
            raise EventInvalid("the event must hold one picture: set either `uri` or `inline`")
        address = _parse(upload.uri)
        if address.scheme != "file":
            raise SourceForbidden(f"scheme `{address.scheme}` is not served; this version takes {SERVED}")
        return self._read(_path(address), f"file://{address.path[:200]}")

    def _read(self, path: str, shown: str) -> bytes:
        if self._root is None:
            raise SourceForbidden(f"no files are served, so not `{shown}`; name a directory with --file-root")
        try:
            descriptor = self._open(self._root, os.path.realpath(path), shown)
            try:
                status = os.fstat(descriptor)
                if not stat.S_ISREG(status.st_mode):
                    raise SourceForbidden(f"`{shown}` is not a regular file; name the picture itself")
                self._check_size(status.st_size)
                return self._drain(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            if error.errno in _MISSING:
                raise ImageMissing(f"`{shown}` does not exist; upload the picture before its event") from None
            if error.errno == errno.ELOOP:
                raise SourceForbidden(
                    f"`{shown}` has a symbolic link that loops or was changed while being followed; "
                    "name the picture itself"
                ) from None
            if error.errno in _NO_FILE:
                raise SourceForbidden(f"`{shown}` is not a regular file; name the picture itself") from None
            raise ImageUnreadable(
                f"`{shown}` could not be read: `{error.strerror}`; see to its permissions and its disk"
            ) from None

    def _open(self, root: str, real: str, shown: str) -> int:
        """Open a resolved path step by step below the root, following no link.

        None is left in a resolved path; one that turns up was put there since, to lead out of the root. The
        alternative, asking for the name of an open file, is Linux only and comes after a device was opened.
        """
        if not _inside(real, root):
            raise SourceForbidden(f"`{shown}` is outside the directory given by --file-root; move it there")
        *parents, name = os.path.relpath(real, root).split("/")
        directory = os.open(root, _OPEN | os.O_DIRECTORY)
        for step in parents:
            try:
                below = os.open(step, _OPEN | os.O_DIRECTORY, dir_fd=directory)
            finally:
                os.close(directory)
            directory = below
        try:
            # Without O_NONBLOCK a FIFO would block until somebody writes to it.
            return os.open(name, _OPEN | os.O_NONBLOCK | os.O_NOCTTY, dir_fd=directory)
        finally:
            os.close(directory)

    def _drain(self, descriptor: int) -> bytes:
        pieces, total = [], 0
        while piece := os.read(descriptor, _CHUNK):
            total += len(piece)
            self._check_size(total)
            pieces.append(piece)
        return b"".join(pieces)

    def _check_size(self, size: int) -> None:
        if size > self._max_bytes:
            raise ImageTooLarge(
                f"the picture has `{size}` bytes or more, over the cap of `{self._max_bytes}`; "
                "send a smaller one or raise --max-image-bytes"
            )


def _inside(path: str, root: str) -> bool:
    return path == root or path.startswith(root + "/")


def _parse(uri: str) -> SplitResult:
    """Split an address. Messages show its path at most: the rest may hold a password or a token."""
    if any(sign <= " " or sign == "\x7f" for sign in uri):
        raise EventInvalid("`uri` has a space or control character; percent-encode it, a space is `%20`")
    try:
        address = urlsplit(uri)
        uri.encode()
    except ValueError:
        raise EventInvalid(f"`uri` of `{len(uri)}` characters is no address; send `file:///…`") from None
    if "@" in address.path.partition("/")[0]:  # `user:password@host` without `//`, of which the rest became the path
        raise EventInvalid(f"`uri` of `{len(uri)}` characters has a host without `//`; send `file:///…`")
    if not address.scheme:
        raise EventInvalid(f"`uri` with path `{address.path[:200]}` has no scheme; send `file:///…`")
    return address


def _path(address: SplitResult) -> str:
    shown = address.path[:200]
    if address.netloc not in ("", "localhost"):
        raise SourceForbidden(f"`{shown}` is on another machine; file addresses have no host: `file:///…`")
    if address.query or address.fragment:
        raise EventInvalid(f"`{shown}` has a query or fragment; in a file name write `%3F` and `%23`")
    path = unquote_to_bytes(address.path)
    if not path.startswith(b"/") or b"\0" in path:
        raise EventInvalid(f"`{shown}` is not an absolute path; send `file:///…`")
    return os.fsdecode(path)


@dataclass(frozen=True)
class FetchImage:
    """`Decoded` → `Fetched`."""

    limits: FetchLimits

    def __call__(self, decoded: Decoded) -> Fetched:
        """Fetch one picture; from here on the event's own copy of it is not carried along."""
        image = self._fetcher.fetch(decoded.upload)
        return Fetched(decoded.record, replace(decoded.upload, inline=None), image)

    @cached_property
    def _fetcher(self) -> Fetcher:
        return Fetcher(self.limits)

    def __reduce__(self) -> tuple[type[FetchImage], tuple[FetchLimits]]:
        """The fetcher is made on the worker, where the file root is."""
        return FetchImage, (self.limits,)
