"""Registers an Avro coder for every value that crosses a shuffle or lives in state."""

from __future__ import annotations

from typing import Any

from apache_beam import coders

from schemas.state import StateCodec
from transforms import values

CROSSING: tuple[type, ...] = (
    values.KafkaRecord,
    values.Decoded,
    values.Fetched,
    values.Inspected,
    values.Candidate,
    values.Deletion,
    values.CachedTexts,
    values.KnownTexts,
    values.Arrival,
    values.Assignment,
    values.IndexEntry,
    values.IndexChunk,
    values.GroupState,
    values.Caption,
    values.Refusal,
    values.Tombstone,
    values.Finished,
    values.DeadLetter,
    values.Outgoing,
    values.Publication,
)
"""The registered types; each has golden bytes in schemas/history/state."""


class AvroCoder(coders.Coder):
    """Encodes one dataclass with `schemas.state.StateCodec`. Equal values give equal bytes."""

    def __init__(self, cls: type) -> None:
        self._cls = cls
        self._codec = StateCodec(cls)

    def __reduce__(self) -> tuple[Any, ...]:
        """Beam pickles coders into the job graph; the parsed schema is built again on the worker."""
        return AvroCoder, (self._cls,)

    def encode(self, value: Any) -> bytes:
        """The value as bytes."""
        return self._codec.encode(value)

    def decode(self, encoded: bytes) -> Any:
        """The value from bytes of this or an earlier version."""
        return self._codec.decode(encoded)

    def is_deterministic(self) -> bool:
        """Field order is fixed and there are no maps."""
        return True

    def to_type_hint(self) -> type:
        """The dataclass."""
        return self._cls

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AvroCoder) and other._cls is self._cls

    def __hash__(self) -> int:
        return hash(self._cls)


def _coder_class(cls: type) -> type[AvroCoder]:
    def __init__(self: AvroCoder) -> None:  # noqa: N807 - becomes the method of a generated class
        AvroCoder.__init__(self, cls)

    return type(f"{cls.__name__}Coder", (AvroCoder,), {"__init__": __init__})


for _cls in CROSSING:
    coders.registry.register_coder(_cls, _coder_class(_cls))
