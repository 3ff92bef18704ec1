"""Which errors end a device's context: nothing that is computed after them can succeed."""

from __future__ import annotations


def is_fatal(error: BaseException) -> bool:
    """An illegal access, a failed assertion on the card, a card that fell off the bus; not memory that is short.

    CUDA reports such an error again with every later call of the process.
    """
    words = str(error)
    return "CUDA error" in words and "out of memory" not in words
