"""Takes an upload's address apart. Messages show its path at most: the rest may hold a password or a token."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit

from transforms.errors import EventInvalid

SHOWN = 200
"""Characters of an address in a message."""


def split(uri: str) -> SplitResult:
    """The parts of an address. Raises `EventInvalid`."""
    if has_controls(uri):
        raise EventInvalid("`uri` has a space or control character; percent-encode it, a space is `%20`")
    try:
        address = urlsplit(uri)
        uri.encode()
    except ValueError:
        raise EventInvalid(
            f"`uri` of `{len(uri)}` characters is no address; send `https://host/path` or `file:///…`"
        ) from None
    if "@" in address.path.partition("/")[0]:  # `user:password@host` without `//`, of which the rest became the path
        raise EventInvalid(
            f"`uri` of `{len(uri)}` characters has a host without `//`; send `https://host/path` or `file:///…`"
        )
    if not address.scheme:
        raise EventInvalid(
            f"`uri` with path `{address.path[:SHOWN]}` has no scheme; send `https://host/path` or `file:///…`"
        )
    return address


def has_controls(uri: str) -> bool:
    """Whether there is anything that could end a line or a word."""
    return any(sign <= " " or sign == "\x7f" for sign in uri)
