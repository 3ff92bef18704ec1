"""The files below a folder, in the order in which they are taken for uploads."""

from __future__ import annotations

import errno
import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from transforms.errors import ConfigInvalid, ImageMissing, ImageTooLarge, ImageUnreadable, InputError


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file that is not a picture, or not one that the job takes."""

    image_id: str
    code: str
    """Of the error tree, as on a dead letter."""
    message: str


@dataclass(frozen=True, slots=True)
class Folder:
    """What lies below a directory."""

    files: dict[str, Path]
    """By image id, sorted: the path below the directory, with slashes; bytes that are not UTF-8 as ``\\xff``."""
    left_out: tuple[Unreadable, ...]
    """Directories that could not be entered."""


def find_files(root: Path, besides: Collection[Path] = ()) -> Folder:
    """All files but hidden ones and ``besides`` (our own report and labels may lie there).

    A linked file is a file; a linked directory is not entered, as it may lead back. Raises `ConfigInvalid` when
    ``root`` is no directory or has no files.
    """
    if not os.path.isdir(root):
        raise ConfigInvalid(f"`{root}` is not a directory; name one that holds pictures")
    ours = {path.resolve() for path in besides}
    files: dict[str, Path] = {}
    left_out: list[Unreadable] = []

    def unlisted(error: OSError) -> None:
        left_out.append(unreadable(_image_id(Path(os.fsdecode(error.filename)), root), _fault(error)))

    for name, directories, names in os.walk(root, onerror=unlisted):
        here = Path(name)
        for below in directories:
            if (here / below).is_symlink() and not below.startswith("."):
                fault = ImageUnreadable("a linked directory is not entered; run the command on it, or copy it here")
                left_out.append(unreadable(_image_id(here / below, root), fault))
        directories[:] = [below for below in directories if not below.startswith(".")]
        for path in (here / file for file in names if not file.startswith(".")):
            if not ours or path.resolve() not in ours:
                files[_image_id(path, root)] = path
    if not files and not left_out:
        raise ConfigInvalid(f"`{root}` has no files; name a directory that holds pictures")
    return Folder(dict(sorted(files.items())), tuple(sorted(left_out, key=lambda one: one.image_id)))


def read(path: Path, max_bytes: int) -> bytes:
    """Read a file's bytes. Raises `ImageTooLarge`, `ImageMissing` or `ImageUnreadable`."""
    try:
        if not path.is_file():
            if path.exists():
                raise ImageUnreadable("it is not a regular file; put the picture itself there")
            raise ImageMissing("the link leads nowhere; put the picture itself there")
        size = path.stat().st_size
        if size > max_bytes:  # before it is read: films lie in such folders too
            raise ImageTooLarge(
                f"the picture has `{size}` bytes, over the cap of `{max_bytes}`; "
                "send a smaller one or raise --max-image-bytes"
            )
        return path.read_bytes()
    except OSError as error:
        raise _fault(error) from None


def unreadable(image_id: str, fault: InputError) -> Unreadable:
    """A file with why it was refused."""
    return Unreadable(image_id, fault.code, fault.message)


def _fault(error: OSError) -> InputError:
    if error.errno == errno.ENOENT:
        return ImageMissing("it is gone; leave the folder alone while the command runs")
    return ImageUnreadable(f"it could not be read: `{error.strerror}`; see to its permissions and its disk")


def _image_id(path: Path, root: Path) -> str:
    return os.fsencode(path.relative_to(root).as_posix()).decode("utf-8", "backslashreplace")
