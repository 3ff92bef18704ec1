"""What a host answers: a picture, another address, or an error that says what to do."""

from __future__ import annotations

import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime

from urllib3.response import BaseHTTPResponse

from transforms.errors import ImageMissing, ImageTooLarge, ImageUnreadable, SourceForbidden

CHUNK = 1 << 16
_REDIRECTS = frozenset((301, 302, 303, 307, 308))
_TRY_AGAIN = frozenset((408, 429))

Hold = Callable[[int], None]
"""Told how many bytes a picture will have, and has, so that room is kept for no more."""


class TryAgain(Exception):
    """An attempt failed in a way that the next one may not."""

    def __init__(self, what: str, after: float = 0.0, is_ours: bool = False) -> None:
        """``what`` happened, without the address; the host asks to be left alone for ``after`` seconds.

        ``is_ours``: it failed before any host was asked.
        """
        super().__init__(what)
        self.what, self.after, self.is_ours = what, after, is_ours


def redirect(response: BaseHTTPResponse) -> str | None:
    """The address that an answer sends us to, as it stands there."""
    location = response.headers.get("Location")
    if response.status not in _REDIRECTS or location is None:
        return None
    try:
        return location.encode("latin-1").decode()  # headers are bytes; what is no ASCII in them is mostly UTF-8
    except UnicodeError:
        return location


def picture(response: BaseHTTPResponse, shown: str, max_bytes: int, hold: Hold, may_be_packed: bool = False) -> bytes:
    """The body of an answer. Raises what it means when it is none, and `TryAgain`.

    ``may_be_packed``: of an object, a `Content-Encoding` is only what somebody noted beside its bytes.
    Foreign errors of reading it pass: `OSError` and those of urllib3.
    """
    _check_status(response, shown)
    encoding = response.headers.get("Content-Encoding", "identity")
    if not may_be_packed and encoding.strip().lower() not in ("", "identity"):
        raise ImageUnreadable(
            f"`{shown}` came with the content encoding `{encoding[:20]}`, which was not asked for; "
            "let the host send pictures as they are"
        )
    declared = response.headers.get("Content-Length", "")
    if declared.isdecimal() and len(declared) < 20 and "Transfer-Encoding" not in response.headers:
        check_size(int(declared), max_bytes)
        hold(int(declared))
    pieces, total = [], 0
    while piece := response.read(CHUNK, decode_content=False):
        total += len(piece)
        check_size(total, max_bytes)
        pieces.append(piece)
    hold(total)
    return b"".join(pieces)


def check_size(size: int, max_bytes: int) -> None:
    """Raise `ImageTooLarge` over the cap."""
    if size > max_bytes:
        raise ImageTooLarge(
            f"the picture has `{size}` bytes or more, over the cap of `{max_bytes}`; "
            "send a smaller one or raise --max-image-bytes"
        )


def _check_status(response: BaseHTTPResponse, shown: str) -> None:
    status = response.status
    if status == 200:
        return
    if status in (404, 410):
        raise ImageMissing(f"`{shown}` is not there (`{status}`); upload the picture before its event")
    if status in (401, 403, 407):
        raise SourceForbidden(f"the host refuses `{shown}` (`{status}`); let it answer without a password")
    if status in _TRY_AGAIN or status >= 500:
        raise TryAgain(f"the host answered `{status}`", seconds(response.headers.get("Retry-After")))
    raise ImageUnreadable(f"the host answered `{status}` for `{shown}`; send an address that gives the picture itself")


def seconds(header: str | None) -> float:
    """``Retry-After``: seconds, or a date."""
    if header is None:
        return 0.0
    if header.isdecimal():
        return float(header[:9])
    try:
        return max(0.0, parsedate_to_datetime(header).timestamp() - time.time())
    except (ValueError, OverflowError, OSError):
        return 0.0
