"""Small pictures for the page, as data URIs."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pipeline.report.thumbnail import jpeg_uri
from transforms.captioner.images import LEAST_SIDE, decode_rgb
from transforms.errors import InputError
from transforms.values import Candidate


def thumbnails(pictures: Iterable[Candidate], files: Mapping[str, Path]) -> dict[str, str]:
    """JPEG data URIs by image id; empty for a file that changed since it was fingerprinted."""
    once = {one.upload.image_id: one for one in pictures}
    with ThreadPoolExecutor(os.cpu_count() or 1, "thumbnail") as threads:
        made = threads.map(lambda one: thumbnail(one, files[one.upload.image_id]), once.values())
        return dict(zip(once, made, strict=True))


def thumbnail(picture: Candidate, file: Path) -> str:
    """The decoded picture, upright and on white, as the fingerprint saw it."""
    try:
        encoded = file.read_bytes()
        if hashlib.sha256(encoded).digest() != picture.picture.sha256:
            return ""
        rgb = decode_rgb(encoded, at_least=LEAST_SIDE)
    except (OSError, InputError):
        return ""
    return jpeg_uri(rgb)
