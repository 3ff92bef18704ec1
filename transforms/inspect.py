"""Inspect image: what was fetched is a whole, decodable picture of a bearable size, or an error says why not.

Everything is decided by content; names and content types that came along are not looked at. Order: bytes,
format, declared size and structure, and only then the decoder.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import math
import threading
from dataclasses import dataclass

from PIL import Image

from transforms.captioner.headers import picture_format
from transforms.captioner.images import LEAST_SIDE, Opened, open_checked
from transforms.captioner.plugins import FORMATS
from transforms.captioner.sniff import HINTS, sniff
from transforms.errors import ConfigInvalid, ImageEmpty, ImageFormatUnsupported, ImageTooLarge, InputError
from transforms.metadata import bare
from transforms.values import Fetched, Inspected, Picture

QUALITIES = (90, 80, 70, 60, 50, 40)
"""JPEG qualities tried in turn for a picture that must shrink; below 40, fewer pixels look better."""
LONGEST_SIDE = 16_384
"""Pixels of a re-encoded side: a JPEG ends at 65,500, and no model looks at a strip of one pixel's height."""
LARGE_PIXELS = 8_000_000
_one_large_picture = threading.Lock()


@dataclass(frozen=True, slots=True)
class InspectLimits:
    """What the pipeline is willing to decode and to carry."""

    max_bytes: int = 20 * 2**20
    """Bytes of a file as uploaded."""
    max_pixels: int = 50_000_000
    """Pixels of the first frame; AVIF gets half. At 12 bytes for each, decoding stays below 600 MiB: several threads
    decode, but pictures above `LARGE_PIXELS` one at a time."""
    max_frames: int = 1_000
    """Frames of an animation. Only the first is decoded, so more would cost nothing; but beyond 40 s at 25
    frames a second it is a film, and its first frame says little about it."""
    max_encoded: int = 512 * 2**10
    """Bytes of a picture that crosses a shuffle; larger ones are scaled to ``model_max_pixels`` first."""
    model_max_pixels: int = 768 * 768
    """Pixels that the captioner looks at; keep it equal to the captioner's own cap."""

    def __post_init__(self) -> None:
        """Raise `ConfigInvalid` naming the option that mends it."""
        for option, value, least in (
            ("--max-image-bytes", self.max_bytes, 1),
            ("--max-image-pixels", self.max_pixels, 1),
            ("--max-image-frames", self.max_frames, 1),
            # What a JPEG of one visual token needs, with room to spare: shrinking must come to an end.
            ("--max-encoded-bytes", self.max_encoded, 16 * 2**10),
            ("--max-pixels", self.model_max_pixels, 32 * 32),
        ):
            if value < least:
                raise ConfigInvalid(f"{option} `{value}` is below `{least}`; mend {option}")


def inspect(encoded: bytes, limits: InspectLimits) -> tuple[Picture, Image.Image | None]:
    """Look at the bytes of an upload and decode them once, all of the first frame.

    The sha256 is of the bytes as given. They are carried on without their metadata, unless there are more than
    ``max_encoded``: then as an upright RGB JPEG, scaled to the model's pixel budget. So are those few whose metadata
    cannot be taken out (AVIF).

    Also returns what was decoded, where it is what `decode_rgb` makes of the carried bytes at `LEAST_SIDE`. A
    scaled JPEG skips no bytes, only arithmetic: one that is cut short or damaged is found as in full size.

    Raises `ImageEmpty`, `ImageTooLarge`, `ImageFormatUnsupported`, `ImageTooManyPixels`, `ImageBomb`,
    `ImageTooManyFrames` or `ImageCorrupt`, and nothing else.
    """
    if not encoded:
        raise ImageEmpty("the picture has `0` bytes; upload it again")
    if len(encoded) > limits.max_bytes:
        raise ImageTooLarge(
            f"the picture has `{len(encoded)}` bytes, over the cap of `{limits.max_bytes}`; "
            "send a smaller one or raise --max-image-bytes"
        )
    if picture_format(encoded) not in FORMATS:
        raise _unsupported(encoded)
    opened = _opened(encoded, limits)
    decoded = None
    with _one_large_picture if opened.width * opened.height > LARGE_PIXELS else contextlib.nullcontext():
        if len(encoded) > limits.max_encoded:
            carried, turn = _shrunk(opened, limits)
        else:
            decoded, turn = opened.rgb(at_least=LEAST_SIDE)
            plain = _bare(encoded, opened.kind, turn, limits)
            if plain is None:
                decoded, (carried, turn) = None, _shrunk(_opened(encoded, limits), limits)
            else:
                carried = plain
    width, height = (opened.height, opened.width) if turn >= 5 else (opened.width, opened.height)
    digest = hashlib.sha256(encoded).digest()
    return Picture(carried, digest, opened.kind, width, height, opened.frames), decoded


def _opened(encoded: bytes, limits: InspectLimits) -> Opened:
    return open_checked(encoded, limits.max_pixels, limits.max_frames)


def _bare(encoded: bytes, kind: str, turn: int, limits: InspectLimits) -> bytes | None:
    """Without metadata; None where that cannot be done, or makes something else of a file that is damaged elsewhere."""
    plain = bare(encoded, kind, turn)
    if plain is not None and plain is not encoded:
        try:
            _opened(plain, limits)
        except InputError:
            return None
    return plain


def _unsupported(encoded: bytes) -> ImageFormatUnsupported:
    kind = sniff(encoded)
    hint = HINTS.get(kind, "")
    return ImageFormatUnsupported(
        f"the content is `{kind}`, not a picture that is decoded here{hint}; send {', '.join(FORMATS)}"
    )


def _shrunk(opened: Opened, limits: InspectLimits) -> tuple[bytes, int]:
    """An upright JPEG for the model, and the EXIF orientation that the picture had."""
    width, height = _within(opened.width, opened.height, limits.model_max_pixels)
    rgb, turn = opened.rgb(at_least=min(width, height))
    size = (height, width) if turn >= 5 else (width, height)
    while True:
        rgb = rgb.resize(size, Image.Resampling.LANCZOS) if rgb.size != size else rgb
        for quality in QUALITIES:
            buffer = io.BytesIO()
            rgb.save(buffer, "JPEG", quality=quality)
            if buffer.tell() <= limits.max_encoded:
                return buffer.getvalue(), turn
        size = _within(*size, size[0] * size[1] // 2)


def _within(width: int, height: int, pixels: int) -> tuple[int, int]:
    """Scale a size down, never up, keeping its shape: at most ``pixels`` and no side over `LONGEST_SIDE`."""
    scale = min(1.0, math.sqrt(pixels / (width * height)), LONGEST_SIDE / max(width, height))
    return max(1, int(width * scale)), max(1, int(height * scale))


@dataclass(frozen=True, slots=True)
class InspectImage:
    """`Fetched` → `Inspected`."""

    limits: InspectLimits

    def __call__(self, fetched: Fetched) -> Inspected:
        """Inspect one picture."""
        return Inspected(fetched.record, fetched.upload, *inspect(fetched.image, self.limits))
