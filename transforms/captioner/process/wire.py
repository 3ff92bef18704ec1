"""What passes between a worker and its captioner's process: small messages by a socket, pictures by shared memory."""

from __future__ import annotations

import builtins
import contextlib
import mmap
import os
import tempfile
from dataclasses import dataclass

from transforms import errors
from transforms.captioner.api import CaptionerInfo, CaptionerOptions, CaptionRequest, Generation

CELL = 512 << 10
"""Bytes of a picture that go by shared memory: `inspect` makes none larger. A larger one goes with its message."""


@dataclass(frozen=True, slots=True)
class Start:
    """The first message to the process."""

    options: CaptionerOptions
    cells: int


@dataclass(frozen=True, slots=True)
class Ready:
    """Its first answer."""

    info: CaptionerInfo


@dataclass(frozen=True, slots=True)
class Ask:
    """A request; ``size`` bytes of its picture lie in ``cell``, if it has one."""

    number: int
    request: CaptionRequest
    cell: int | None = None
    size: int = 0


@dataclass(frozen=True, slots=True)
class Cancel:
    """Nobody waits for it any more."""

    number: int


@dataclass(frozen=True, slots=True)
class Close:
    """End."""


@dataclass(frozen=True, slots=True)
class Fault:
    """An exception by its name: its class may need torch, which the worker does not import."""

    name: str
    message: str

    @classmethod
    def of(cls, error: BaseException) -> Fault:
        """What is told of an exception."""
        return cls(type(error).__name__, str(error))

    def error(self) -> Exception:
        """One that reads the same; of our own and Python's classes it is an instance."""
        known = getattr(errors, self.name, None) or getattr(builtins, self.name, None)
        if isinstance(known, type) and issubclass(known, Exception):
            with contextlib.suppress(TypeError):  # some of Python's want other arguments
                return known(self.message)
        return type(self.name, (RuntimeError,), {})(self.message)


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a request."""

    number: int
    outcome: Generation | Fault
    is_cancelled: bool = False
    """By the captioner, as it closes."""


class Cells:
    """Shared memory in cells of one size. The worker's side says which are free."""

    def __init__(self, count: int, descriptor: int | None = None) -> None:
        """``descriptor`` is the other side's; without one the memory is made."""
        self.count = count
        if descriptor is None:
            descriptor = _anonymous_file()
            os.ftruncate(descriptor, count * CELL)
        self.descriptor = descriptor
        self._memory = mmap.mmap(descriptor, count * CELL)
        self._free = list(range(count))

    def put(self, content: bytes) -> int | None:
        """The cell that holds it now; None when it does not fit, or none is free."""
        if len(content) > CELL or not self._free:
            return None
        cell = self._free.pop()
        self._memory[cell * CELL : cell * CELL + len(content)] = content
        return cell

    def get(self, cell: int, size: int) -> bytes:
        """The content of a cell."""
        return self._memory[cell * CELL : cell * CELL + size]

    def release(self, cell: int) -> None:
        """It may be used again."""
        self._free.append(cell)

    def close(self) -> None:
        """Give the memory back."""
        self._memory.close()
        os.close(self.descriptor)


def _anonymous_file() -> int:
    if hasattr(os, "memfd_create"):
        return os.memfd_create("captionstream-pictures")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())
