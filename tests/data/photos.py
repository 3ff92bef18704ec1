"""Real photos of distinct products, which lie beside the repository and are not part of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

PHOTOS = Path(os.environ.get("CAPTIONSTREAM_PHOTOS") or Path(__file__).parents[3] / "shared" / "data" / "photos")


def photo_paths(count: int) -> list[Path]:
    """So many, spread over all kinds; the test is skipped where there are none."""
    paths = sorted(path for path in PHOTOS.rglob("*") if path.suffix in (".jpg", ".webp"))
    if not paths:
        pytest.skip(f"no photos under `{PHOTOS}`; set CAPTIONSTREAM_PHOTOS")
    return paths[:: len(paths) // count][:count]
