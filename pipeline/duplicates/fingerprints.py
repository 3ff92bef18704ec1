"""Takes the files of a folder for uploads and brings them as far as Find duplicate, with the job's own stages."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

from pipeline.duplicates.folder import Folder, Unreadable, read, unreadable
from pipeline.duplicates.labels import Label
from pipeline.progress import Progress
from transforms.errors import InputError
from transforms.fingerprint import fingerprint_picture
from transforms.inspect import InspectImage, InspectLimits
from transforms.values import Candidate, Fetched, KafkaRecord, Task, Upload

_MOST_THREADS = 8
"""Decoding runs beside other threads, hashing does not: more bring nothing."""
_UNLABELLED = Label("")


@dataclass(frozen=True, slots=True)
class Pictures:
    """A folder's pictures."""

    candidates: tuple[Candidate, ...]
    """In order of arrival; their pictures' bytes are let go."""
    unreadable: tuple[Unreadable, ...]
    """Sorted by image id."""
    seconds: float
    """Reading, inspecting and fingerprinting took so long."""


def fingerprint_folder(folder: Folder, labels: Mapping[str, Label], limits: InspectLimits) -> Pictures:
    """Fingerprint every file, several at once; what cannot be is listed with its error."""
    inspect = InspectImage(limits)

    def arrive(number: int, image_id: str, path: Path) -> Candidate | Unreadable:
        label = labels.get(image_id, _UNLABELLED)
        upload = Upload(image_id, number, label.merchant, label.category, Task.DESCRIBE, (), label.attributes)
        record = KafkaRecord("", 0, number, number, image_id.encode(), None)
        try:
            fetched = Fetched(record, upload, read(path, limits.max_bytes))
            candidate = fingerprint_picture(inspect(fetched))
        except InputError as fault:
            return unreadable(image_id, fault)
        return replace(candidate, picture=replace(candidate.picture, encoded=b""))

    began = time.monotonic()
    seen: list[Candidate | Unreadable] = []
    threads = ThreadPoolExecutor(min(os.cpu_count() or 1, _MOST_THREADS), "fingerprint")
    try:
        with Progress("Fingerprinting", len(folder.files), lambda: len(seen), "pictures"):
            seen.extend(threads.map(arrive, count(), folder.files, folder.files.values()))
    finally:
        threads.shutdown(cancel_futures=True)  # after Ctrl-C
    refused = [*folder.left_out, *(one for one in seen if isinstance(one, Unreadable))]
    return Pictures(
        tuple(one for one in seen if isinstance(one, Candidate)),
        tuple(sorted(refused, key=lambda one: one.image_id)),
        time.monotonic() - began,
    )
