"""Where an upload first lay. A redriven record lies elsewhere, but keeps these coordinates, and its ids with them.

They travel in the header ``caption.origin`` as ``topic/partition/offset``. Whoever may write uploads may set it, as
they may set the image id: it names a record, it grants nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from transforms.values import KafkaRecord

ORIGIN = "caption.origin"
_FORM = re.compile(r"([a-zA-Z0-9._-]{1,249})/([0-9]{1,10})/([0-9]{1,19})")


@dataclass(frozen=True, slots=True)
class Origin:
    """Coordinates of the record as its producer sent it."""

    topic: str
    partition: int
    """Below 2**31."""
    offset: int
    """Below 2**63."""

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}"

    @classmethod
    def parse(cls, text: str) -> Origin | None:
        """Inverse of ``str``; None for anything else."""
        found = _FORM.fullmatch(text)
        if found is None:
            return None
        origin = cls(found[1], int(found[2]), int(found[3]))
        return origin if origin.partition < 2**31 and origin.offset < 2**63 else None


def origin_of(record: KafkaRecord) -> Origin:
    """What the record's header says, or where it lies when it was never redriven."""
    for header in reversed(record.headers):
        if header.name == ORIGIN:
            told = Origin.parse((header.value or b"").decode(errors="replace"))
            if told is not None:
                return told
    return Origin(record.topic, record.partition, record.offset)
