"""A small picture for a page."""

from __future__ import annotations

import base64
import io

from PIL import Image

SIDE = 120
"""Pixels of the longer side."""
_QUALITY = 75


def jpeg_uri(rgb: Image.Image) -> str:
    """A decoded picture as a JPEG data URI; the picture itself is scaled."""
    rgb.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    rgb.save(buffer, "JPEG", quality=_QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"
