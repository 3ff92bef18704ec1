"""What a person names on the command line → pictures, each with the id that its upload gets.

An id does not depend on what else is submitted: the same file or address has the same one tomorrow, and a changed file
replaces what was said of it before.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from pipeline.duplicates.folder import find_files
from transforms.captioner.headers import picture_format
from transforms.decode import MAX_ID
from transforms.errors import ConfigInvalid

SCHEMES = ("http", "https", "file", "gs", "s3")
_HEAD = 512
"""Bytes that show a picture's format."""


@dataclass(frozen=True, slots=True)
class Source:
    """One picture: a file of this machine, whose bytes go along, or an address that the job will read."""

    image_id: str
    path: Path | None = None
    uri: str | None = None

    @property
    def place(self) -> str:
        """For messages; without what an address may keep secret."""
        return str(self.path) if self.path is not None else self.image_id


@dataclass(frozen=True, slots=True)
class Gathered:
    """What is to be submitted, and what was found beside it."""

    sources: tuple[Source, ...]
    no_pictures: tuple[str, ...]
    """Files in the directories that are in no format the job takes."""


def gather(places: Sequence[str], merchant: str = "") -> Gathered:
    """Files, the pictures in directories, and addresses.

    The id is the path below the directory, the name of a file, or an address without its query and with a hash of it;
    behind the merchant, where one is named. Raises `ConfigInvalid` for a place that is none of them, a directory
    without pictures, and two different pictures that would have one id.
    """
    sources: dict[str, Source] = {}
    no_pictures: list[str] = []
    for place in places:
        for source in _at(place, no_pictures):
            named = Source(
                _cut(f"{merchant}/{source.image_id}" if merchant else source.image_id), source.path, source.uri
            )
            earlier = sources.setdefault(named.image_id, named)
            if earlier is not named and not _same(earlier, named):
                raise ConfigInvalid(
                    f"`{earlier.place}` and `{named.place}` would both be image `{named.image_id}`; submit the "
                    "directory that holds both, or one after the other with another --merchant"
                )
    if not sources:
        raise ConfigInvalid(f"`{', '.join(places)}` holds no picture; the job takes JPEG, PNG, WEBP, GIF and AVIF")
    return Gathered(tuple(sources.values()), tuple(no_pictures))


def _at(place: str, no_pictures: list[str]) -> Iterator[Source]:
    if re.match(r"[a-z][a-z0-9+.-]*:", place):
        yield Source(_address_id(place), uri=place)
    elif os.path.isdir(place):
        folder = find_files(Path(place))
        no_pictures += [one.image_id for one in folder.left_out]
        for image_id, path in folder.files.items():
            if _is_picture(path):
                yield Source(image_id, path)
            else:
                no_pictures.append(image_id)
    elif os.path.isfile(place):
        yield Source(os.fsencode(Path(place).name).decode("utf-8", "backslashreplace"), Path(place))
    else:
        raise ConfigInvalid(f"`{place}` is no file, directory or address; name one of them")


def _address_id(address: str) -> str:
    parts = urlsplit(address)
    if parts.scheme not in SCHEMES or not (parts.netloc or parts.path):
        shown = address.partition("?")[0].rpartition("@")[2]
        raise ConfigInvalid(f"`{shown}` is no address that the job reads; it reads {':, '.join(SCHEMES)}:")
    plain = f"{parts.hostname or ''}{parts.path}".strip("/")
    if parts.query:
        return f"{plain}-{_hash(address)}"
    return plain


def _is_picture(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return picture_format(file.read(_HEAD)) is not None
    except OSError:
        return True  # whoever reads it next says why it cannot be read


def _same(one: Source, other: Source) -> bool:
    if one.path is None or other.path is None:
        return one == other
    return one.path.resolve() == other.path.resolve()


def _cut(image_id: str) -> str:
    """At most as long as an id may be; what is cut off is in a hash."""
    return image_id if len(image_id) <= MAX_ID else f"{image_id[: MAX_ID - 17]}-{_hash(image_id)}"


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:16]
