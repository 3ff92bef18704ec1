"""What the images of a scope showed and when: which group each upload went to, and which image was deleted."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from transforms.index.keys import Keys
from transforms.index.leaders import word
from transforms.origin import origin_of
from transforms.values import KafkaRecord, Task

MEMBER, LEADER, DELETED, WITHDRAWN, ELSEWHERE, REPEAT = range(6)
"""Kinds of a row: an upload that joined a group, one that founded it, a deletion, a founder that was deleted, an upload
that went to another part of a split merchant, an upload whose image was in the group already."""

SHOWING = np.dtype(
    [
        ("image", "<u8"),
        ("content", "<u8"),
        ("group", "V16"),
        ("place", "<u4"),
        ("offset", "<i8"),
        ("timestamp_ms", "<i8"),
        ("task", "u1"),
        ("kind", "u1"),
    ]
)
"""One row in state and in memory, 54 bytes. Part of savepoints."""

_TASKS = (Task.DESCRIBE, Task.MODERATE, Task.INDEX, Task.ANSWER, Task.UNKNOWN)
_NO_TASK = 255
_LEAST_ROWS = 16


class Showing(NamedTuple):
    """A row of type `SHOWING`."""

    image: int
    """Digest of the image id."""
    content: int
    """Digest of the picture's bytes and the upload's veto attributes; 0 where there is no picture."""
    group: bytes
    """Leader id, 16 bytes; zeros where there is none."""
    place: int
    """Number of the topic and partition."""
    offset: int
    timestamp_ms: int
    task: int
    kind: int


def image_word(image_id: str) -> int:
    """The digest an image is known by."""
    return word(hashlib.blake2b(image_id.encode(), digest_size=8).digest())


def content_word(sha256: bytes, veto: str) -> int:
    """The digest a picture is known by, with what forbids it a group."""
    return word(hashlib.blake2b(sha256 + veto.encode(), digest_size=8).digest())


def task_number(task: Task | None) -> int:
    """The task as a row has it."""
    return _NO_TASK if task is None else _TASKS.index(task)


class Showings:
    """Rows in the order they came. A row that a deletion removed is not found any more."""

    def __init__(self, records: NDArray[np.void] | None = None, places: Iterable[tuple[str, int]] = ()) -> None:
        """``records`` of type `SHOWING`, shape (n,), whose deletions are not applied yet."""
        self.places = list(places)
        self._numbers = {place: number for number, place in enumerate(self.places)}
        self.count = 0 if records is None else len(records)
        room = max(_LEAST_ROWS, self.count)
        self._records = np.zeros(room, SHOWING)
        if records is not None:
            self._records[: self.count] = records
        kinds = self._records["kind"]
        founds = (kinds == LEADER) | (kinds == WITHDRAWN)
        self._leads = np.where(founds, np.cumsum(founds) - 1, -1).astype(np.int32)
        self._is_gone = kinds == WITHDRAWN
        self._by_image = Keys(self.records["image"].copy())
        self.elsewhere = int((self.records["kind"] == ELSEWHERE).sum())
        """Rows of that kind: a part of a split merchant has many."""

    @property
    def records(self) -> NDArray[np.void]:
        """A view of all rows, of type `SHOWING`."""
        return self._records[: self.count]

    @property
    def leads(self) -> NDArray[np.int32]:
        """The leader that each row founded, or -1."""
        return self._leads[: self.count]

    @property
    def is_gone(self) -> NDArray[np.bool_]:
        """Which rows a deletion removed."""
        return self._is_gone[: self.count]

    @property
    def nbytes(self) -> int:
        """Memory, about."""
        return sum(column.nbytes for column in (self._records, self._leads, self._is_gone, self._by_image))

    def of(self, image: int, is_gone: bool = False) -> list[tuple[int, Showing]]:
        """An image's rows with their numbers, oldest first; or those that a deletion removed."""
        rows = self._by_image.find(image)
        return [(row, Showing(*self._records[row].item())) for row in rows if self._is_gone[row] == is_gone]

    def place(self, topic: str, partition: int) -> int:
        """The number of a topic's partition."""
        number = self._numbers.setdefault((topic, partition), len(self.places))
        if number == len(self.places):
            self.places.append((topic, partition))
        return number

    def only(self, keep: NDArray[np.bool_]) -> Showings:
        """Those rows, and the places they name: whoever sends uploads may say where they first lay."""
        records = self.records[keep]
        used, records["place"] = np.unique(records["place"], return_inverse=True)
        return Showings(records, [self.places[place] for place in used])

    def add(self, showing: Showing, leads: int = -1) -> int:
        """Append a row; its number."""
        row = self.count
        if row == len(self._records):
            self._records = np.concatenate((self._records, np.zeros_like(self._records)))
            self._leads = np.concatenate((self._leads, np.full_like(self._leads, -1)))
            self._is_gone = np.concatenate((self._is_gone, np.zeros_like(self._is_gone)))
        self._records[row] = tuple(showing)
        self._leads[row] = leads
        self._by_image.add(showing.image, row)
        self.elsewhere += showing.kind == ELSEWHERE
        self.count += 1
        return row

    def remove(self, row: int) -> int | None:
        """A deletion reached it; the leader it founded, if it did."""
        self._is_gone[row] = True
        if self._leads[row] < 0:
            return None
        self._records[row]["kind"] = WITHDRAWN
        return int(self._leads[row])

    def later_by(self, showing: Showing, record: KafkaRecord) -> int:
        """How much later than a record its upload was first sent: offsets in a partition, else milliseconds."""
        origin = origin_of(record)
        if self.places[showing.place] == (origin.topic, origin.partition):
            return showing.offset - origin.offset
        return showing.timestamp_ms - record.timestamp_ms


def precedes(first: Showing, deletion: Showing) -> bool:
    """Order of two records of one image, as first sent: by offset in a partition, by time across partitions."""
    if first.place == deletion.place:
        return first.offset < deletion.offset
    return first.timestamp_ms <= deletion.timestamp_ms


def last_deletion(rows: Sequence[tuple[int, Showing]]) -> Showing | None:
    """The newest of an image's deletions: ranges of a replay arrive out of order."""
    last: Showing | None = None
    for _, showing in rows:
        if showing.kind == DELETED and (last is None or precedes(last, showing)):
            last = showing
    return last


def shown(rows: Sequence[tuple[int, Showing]], task: Task | None) -> Showing | None:
    """What an image shows for a task: its newest upload that is known."""
    number, newest = task_number(task), None
    for _, showing in rows:
        if showing.kind != DELETED and showing.task == number and (newest is None or not precedes(showing, newest)):
            newest = showing
    return newest
