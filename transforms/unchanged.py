"""Skip unchanged: lets only those uploads through whose caption has not been published yet.

The id of a caption record is made of image id, content, task, and the reuse keys of its prompts, its model and
its review policy. So an upload whose id is in the captions topic needs nothing, and whatever changed gives
another id. What follows from the rule:

- A skipped upload does not enter the duplicate index: a changed upload never reuses the text of a skipped one.
- What became a dead letter is not in the captions topic, and is tried again.
- A record that is older than the upload answers an earlier one (uploaded, deleted, uploaded again): no skip.
- Deletions are never skipped, and so nothing of an image that the captions topic says was deleted is: a
  tombstone written again must be followed again by what was uploaded after it.
- A deletion whose tombstone retention took is not known of: it may withdraw a caption that came after it.
- Prompts that go back to what they were before publish nothing: those records are there already.
"""

from __future__ import annotations

import threading
import uuid
from array import array
from collections.abc import Callable, Iterator
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import apache_beam as beam
import numpy as np
from numpy.typing import NDArray

from transforms.caption import planner_for
from transforms.errors import InputError
from transforms.metrics import count
from transforms.plan import Planner, event_id
from transforms.stage_options import CaptionOptions
from transforms.values import Inspected, KafkaRecord


class Published:
    """What a captions topic holds: ids with the time of their last record, and the images that were deleted.

    Sorted arrays: 24 bytes an id and 8 a deleted image; about three times that while they are sorted.
    """

    def __init__(self, ids: NDArray[np.bytes_], times: NDArray[np.int64], deleted: NDArray[np.uint64]) -> None:
        """``ids`` of dtype ``S16`` and ``times`` in milliseconds, in any order; ``deleted`` as `_image` gives them."""
        order = np.lexsort((times, ids))
        ids, times = ids[order], times[order]
        is_last = np.append(ids[1:] != ids[:-1], np.ones(min(len(ids), 1), bool))
        self._ids, self._times, self._deleted = ids[is_last], times[is_last], np.unique(deleted)

    def __len__(self) -> int:
        return len(self._ids)

    def time_of(self, identity: str) -> int | None:
        """Timestamp of the last record with this UUID; None when there is none."""
        wanted = np.array([uuid.UUID(identity).bytes], "S16")
        place = int(np.searchsorted(self._ids, wanted)[0])
        if place == len(self) or self._ids[place] != wanted[0]:
            return None
        return int(self._times[place])

    def was_deleted(self, image_id: str) -> bool:
        """Whether there is a tombstone of the image (or, once in 2**64, of another)."""
        wanted = np.uint64(_image(image_id.encode()))
        place = int(np.searchsorted(self._deleted, wanted))
        return place < len(self._deleted) and bool(self._deleted[place] == wanted)


class PublishedReader:
    """Gathers `Published` from records of a captions topic.

    Only key, timestamp, header ``ce_id`` and the absence of a value are looked at; records without an id are not ours.
    """

    def __init__(self) -> None:
        self._ids = bytearray()
        self._times = array("q")
        self._deleted: set[int] = set()

    def add(self, record: KafkaRecord) -> None:
        """One more, in any order."""
        if record.value is None:
            self._deleted.add(_image(record.key or b""))
        elif identity := _identity(record):
            self._ids += identity
            self._times.append(record.timestamp_ms)

    def finish(self) -> Published:
        """What was gathered."""
        ids = np.frombuffer(self._ids, "S16")
        return Published(ids, np.array(self._times, np.int64), np.array(sorted(self._deleted), np.uint64))


def _image(key: bytes) -> int:
    return int.from_bytes(blake2b(key, digest_size=8).digest(), "big")


def _identity(record: KafkaRecord) -> bytes | None:
    told = next((header.value for header in record.headers if header.name == "ce_id"), None)
    try:
        return uuid.UUID((told or b"").decode()).bytes
    except ValueError:
        return None


class Unchanged:
    """Says whether an upload's caption is published."""

    def __init__(self, published: Published, planner: Planner) -> None:
        """``planner`` is the caption stage's: its ids must be the same."""
        self._published = published
        self._planner = planner

    def __call__(self, inspected: Inspected) -> bool:
        """False for what the prompt library does not serve: the caption stage says so."""
        upload = inspected.upload
        if self._published.was_deleted(upload.image_id):
            return False
        try:
            questions = self._planner.plan(upload)
        except InputError:
            return False
        time = self._published.time_of(event_id(upload, inspected.picture.sha256, questions))
        return time is not None and time >= inspected.record.timestamp_ms


class SkipUnchanged(beam.DoFn):
    """`Inspected` → the same, less those whose caption is published.

    What is published is read by each worker process, from the captions topic: in the job graph 10 million ids
    would be 240 MB, and a side input is not kept between the bundles of a streaming job. The captioner is loaded,
    too: ids name the model and its revision.
    """

    def __init__(self, read: Callable[[], Published], options: CaptionOptions) -> None:
        """``read`` is hashable and cheap to pickle, and gives the same on every worker and at every retry."""
        self._read = read
        self._options = options

    def setup(self) -> None:
        """Read what is published, once per process."""
        with _lock:
            published = _read_once(self._read)
        self._unchanged = Unchanged(published, planner_for(self._options))

    def process(self, element: Inspected) -> Iterator[Any]:
        """The upload, or nothing."""
        if self._unchanged(element):
            count("unchanged")
        else:
            yield element


_lock = threading.Lock()


@lru_cache(maxsize=1)
def _read_once(read: Callable[[], Published]) -> Published:
    return read()
