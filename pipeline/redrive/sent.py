"""Which letters of a partition were sent: kept by the broker as a consumer group's committed offset.

A selection skips letters, so one offset does not say it: the metadata beside the offset holds a bit for each letter
after it. That is how Confluent's parallel consumer keeps what it finished out of order.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterable
from dataclasses import dataclass

from transforms.errors import ConfigInvalid, JobError

MAX_METADATA = 4096
"""Bytes; the broker's default ``offset.metadata.max.bytes``."""
_MARK = "redrive1:"


@dataclass(frozen=True, slots=True)
class Sent:
    """Letters sent: all before ``base``, and those in ``beyond``."""

    base: int = 0
    beyond: frozenset[int] = frozenset()

    def __contains__(self, offset: object) -> bool:
        return isinstance(offset, int) and (offset < self.base or offset in self.beyond)

    def add(self, offsets: Iterable[int], letters: Iterable[int]) -> Sent:
        """With more offsets sent. ``letters``, the partition's own, sorted: ``base`` moves up to the first unsent."""
        beyond, last, base = self.beyond.union(offsets), self.base, None
        for offset in letters:
            if offset >= self.base and offset not in beyond:
                base = offset
                break
            last = max(last, offset + 1)
        base = last if base is None else base
        return Sent(base, frozenset(offset for offset in beyond if offset >= base))

    def metadata(self) -> str:
        """``beyond`` as text. Raises `JobError` when a broker would not keep it."""
        bits = bytearray((max(self.beyond, default=self.base) - self.base) // 8 + 1)
        for offset in self.beyond:
            bits[(offset - self.base) // 8] |= 1 << (offset - self.base) % 8
        text = _MARK + base64.b85encode(zlib.compress(bits, 9)).decode()
        if len(text) > MAX_METADATA:
            raise JobError(
                f"too many letters lie between those sent for the group to remember which (`{len(text)}` bytes, "
                f"{MAX_METADATA} are kept); send fewer with --limit, all of them, or each --code with its own --group"
            )
        return text

    @classmethod
    def parse(cls, offset: int, metadata: str, group: str) -> Sent:
        """Inverse of ``base`` and `metadata`. Raises `ConfigInvalid` for the offset of some other consumer."""
        try:
            if not metadata.startswith(_MARK):
                raise ValueError("no mark")
            bits = zlib.decompress(base64.b85decode(metadata.removeprefix(_MARK)))
        except (ValueError, zlib.error) as error:
            raise ConfigInvalid(
                f"group `{group}` has offsets that no redrive committed; name another with --group"
            ) from error
        return cls(offset, frozenset(offset + bit for bit in range(8 * len(bits)) if bits[bit // 8] >> bit % 8 & 1))
