"""Files of one directory, and nothing else of the machine."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from urllib.parse import SplitResult, unquote_to_bytes

from transforms.errors import ConfigInvalid, EventInvalid, ImageMissing, ImageUnreadable, SourceForbidden
from transforms.fetch.uri import SHOWN

_CHUNK = 1 << 20
_KERNEL_TREES = ("/proc", "/sys", "/dev")
_MISSING = frozenset((errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG))
_NO_FILE = frozenset((errno.ENXIO, errno.ENODEV, errno.EOPNOTSUPP))
_OPEN = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW


class Files:
    """Reads the files below one root; thread-safe."""

    def __init__(self, file_root: str | None, check_size: Callable[[int], None]) -> None:
        """Resolve the file root here and not in the limits: those are made on another machine.

        ``check_size`` raises for too many bytes. Raises `ConfigInvalid` when the root is no directory here or would
        serve the machine itself.
        """
        self._check_size = check_size
        self._root: str | None = None
        if file_root is not None:
            root = os.path.realpath(file_root)
            if not os.path.isdir(root):
                raise ConfigInvalid(f"file root `{file_root}` is no directory here; mend --file-root")
            if root == "/" or any(_inside(root, tree) for tree in _KERNEL_TREES):
                raise ConfigInvalid(
                    f"file root `{file_root}` would serve the machine itself; "
                    "name a directory of pictures with --file-root"
                )
            self._root = root

    def read(self, address: SplitResult) -> bytes:
        """The file's bytes. Raises `EventInvalid`, `SourceForbidden`, `ImageMissing` or `ImageUnreadable`."""
        path, shown = _path(address), f"file://{address.path[:SHOWN]}"
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


def _inside(path: str, root: str) -> bool:
    return path == root or path.startswith(root + "/")


def _path(address: SplitResult) -> str:
    shown = address.path[:SHOWN]
    if address.netloc not in ("", "localhost"):
        raise SourceForbidden(f"`{shown}` is on another machine; file addresses have no host: `file:///…`")
    if address.query or address.fragment:
        raise EventInvalid(f"`{shown}` has a query or fragment; in a file name write `%3F` and `%23`")
    path = unquote_to_bytes(address.path)
    if not path.startswith(b"/") or b"\0" in path:
        raise EventInvalid(f"`{shown}` is not an absolute path; send `file:///…`")
    return os.fsdecode(path)
