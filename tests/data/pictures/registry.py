"""The register of odd pictures, and the decorators that fill it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from data.pictures.blocks import RED

Maker = Callable[[], bytes]


@dataclass(frozen=True)
class Facts:
    """What `inspect` says of a picture that is odd but good."""

    format: str
    width: int
    height: int
    frames: int = 1
    colour: tuple[int, int, int] | None = None
    """What the middle of the decoded picture shows."""


@dataclass(frozen=True)
class Odd:
    make: Maker
    code: str | None = None
    """Error code, None for a good picture."""
    words: tuple[str, ...] = ()
    """Must occur in the error message."""
    facts: Facts | None = None


PICTURES: dict[str, Odd] = {}


def bad(code: str, *words: str) -> Callable[[Maker], Maker]:
    def register(make: Maker) -> Maker:
        PICTURES[make.__name__] = Odd(make, code, words)
        return make

    return register


def good(
    format: str,  # noqa: A002
    width: int,
    height: int,
    frames: int = 1,
    colour: tuple[int, int, int] | None = RED,
) -> Callable[[Maker], Maker]:
    def register(make: Maker) -> Maker:
        PICTURES[make.__name__] = Odd(make, facts=Facts(format, width, height, frames, colour))
        return make

    return register
