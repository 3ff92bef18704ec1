"""Directories of this machine and addresses in an object store, as the user writes them."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname


def address(place: str) -> str:
    """A directory of this machine as ``file://``; anything with a scheme as it is."""
    return place if "://" in place or place.startswith("file:") else Path(place).absolute().as_uri()


def local_path(place: str) -> Path | None:
    """The path of a directory on this machine; None for an object store or nothing."""
    parts = urlsplit(place)
    if not place or parts.scheme not in ("", "file"):
        return None
    return Path(url2pathname(parts.path)).absolute()
