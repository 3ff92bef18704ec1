"""The scripted uploads: 240 events of several shops, each with the outcome it must have.

Everything is drawn from one seed; no clock and no measure of similarity is asked. What must come of an event
follows from how its picture was made.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pipeline.demo.drafts import MERCHANTS, Again, Bad, Draft, draw
from pipeline.demo.events import Expected, Outcome, ScriptedEvent
from pipeline.demo.oddities import Oddity
from schemas.codec import Encoder, WireFormat
from transforms.decode import MERCHANT_HEADER

__all__ = ["WIRE", "Expected", "Outcome", "ScriptedEvent", "make_script"]

WIRE = WireFormat("confluent", ((1, "image_upload"),))
"""How the events lie on the uploads topic."""
START = datetime(2026, 1, 5, 8, tzinfo=UTC)
ORIGIN = (("origin", b"demo"),)
"""Headers of every event: they must come back on dead letters."""
FILE_SHARE = 0.12
"""Share of pictures that are files; the others lie in their events."""


def make_script(seed: int, file_root: Path) -> list[ScriptedEvent]:
    """The events in the order they are to be produced; pictures by address are written under ``file_root``.

    The same seed and root give the same events, byte for byte.
    """
    rng = random.Random(seed)
    root = file_root.absolute()
    return list(_Writer(root, rng).events(draw(seed, rng, root)))


class _Writer:
    """Drafts in their final order become events."""

    def __init__(self, file_root: Path, rng: random.Random) -> None:
        self._root = file_root
        self._rng = rng
        self._encoder = Encoder("image_upload", WIRE)
        self._written: dict[str, ScriptedEvent] = {}
        """Uploads so far by image id: what is delivered again is the very same bytes."""

    def events(self, order: list[Draft | Again | Bad]) -> Iterator[ScriptedEvent]:
        for number, each in enumerate(order):
            moment = START + timedelta(seconds=number)
            if isinstance(each, Draft):
                event = self._written[each.image_id] = self._upload(each, moment)
                yield event
            elif isinstance(each, Again):
                yield self._again(each, moment)
            else:
                yield self._bad(each.oddity, number, moment)

    def _upload(self, draft: Draft, moment: datetime) -> ScriptedEvent:
        spelling = {"zh-Hans": "zh-CN"} if self._rng.random() < 0.2 else {}
        photo = draft.photo
        expected = Expected(
            Outcome.CAPTION,
            draft.image_id,
            languages=draft.languages,
            spec=photo.spec,
            photo=photo.photo_id,
            group=draft.group,
            near_copy_of=draft.near_copy_of,
        )
        value = self._encoder.encode(
            {
                "image_id": draft.image_id,
                "uploaded_at": moment,
                "merchant": photo.merchant,
                "category": photo.spec.category,
                "languages": [spelling.get(language, language) for language in draft.languages],
                "attributes": dict(draft.attributes),
                **self._place(draft),
            }
        )
        return ScriptedEvent(
            draft.name,
            draft.image_id.encode(),
            value,
            ORIGIN,
            _milliseconds(moment),
            expected,
            photo.merchant,
            draft.encoded.data,
            draft.encoded.how,
            photo.product,
        )

    def _place(self, draft: Draft) -> dict[str, str | bytes]:
        if self._rng.random() >= FILE_SHARE:
            return {"image": draft.encoded.data}
        path = self._root / draft.photo.merchant / f"{draft.image_id}{draft.encoded.suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(draft.encoded.data)
        return {"uri": path.as_uri()}

    def _again(self, again: Again, moment: datetime) -> ScriptedEvent:
        first = self._written[again.draft.image_id]
        event = replace(first, name=again.name, timestamp_ms=_milliseconds(moment))
        if again.name == "redelivered":
            return event
        merchant = (MERCHANT_HEADER, first.merchant.encode())
        gone = Expected(Outcome.TOMBSTONE, first.expected.image_id)
        return replace(event, value=None, headers=(*first.headers, merchant), expected=gone, picture=None)

    def _bad(self, oddity: Oddity, number: int, moment: datetime) -> ScriptedEvent:
        image_id = f"{oddity.name.replace('_', '-')}-{number:03d}"
        merchant = MERCHANTS[number % len(MERCHANTS)]
        fields = {"image_id": image_id, "uploaded_at": moment, "merchant": merchant, "languages": ["en"]}
        value = oddity.raw if oddity.raw is not None else self._encoder.encode(fields | oddity.fields)
        return ScriptedEvent(
            oddity.name,
            None if oddity.keyless else image_id.encode(),
            None if oddity.keyless else value,
            ORIGIN,
            _milliseconds(moment),
            Expected(Outcome.DEAD_LETTER, "" if oddity.keyless else image_id, oddity.code),
            merchant,
            oddity.fields.get("image"),
            oddity.how,
        )


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp()) * 1000
