"""The scripted uploads: about 240 events of several shops, each with the outcome it must have.

Everything is drawn from one seed; no clock and no measure of similarity is asked. What must come of an event
follows from how its picture was made.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pipeline.demo.events import Expected, Outcome, ScriptedEvent
from pipeline.demo.oddities import Oddity, oddities
from pipeline.demo.photos import KINDS, Encoded, Photo, near_copy, original
from schemas.codec import Encoder, WireFormat
from transforms.captioner.tiny.products import ALL, COLOURS
from transforms.decode import MERCHANT_HEADER
from transforms.values import Header

__all__ = ["WIRE", "Expected", "Outcome", "ScriptedEvent", "make_script"]

WIRE = WireFormat("confluent", ((1, "image_upload"),))
"""How the events lie on the uploads topic."""
START = datetime(2026, 1, 5, 8, tzinfo=UTC)
MERCHANTS = ("harbour-home", "lotus-apparel", "north-star", "qinghe-store", "willow-and-oak")
DISTINCT, PRODUCTS, VARIANTS, COPIES = 117, 6, 3, 72
REDELIVERED, VETOES, DELETIONS = 10, 4, 3
FILE_SHARE = 0.12
"""Share of pictures that are files; the others lie in their events."""
_LANGUAGES = ((("zh-Hans", "en"), 6), (("en", "zh-Hans"), 2), (("en",), 1), (("zh-Hans",), 1))
"""What photos ask for, and how often. All pictures of a photo ask for the same, or copies would find no text."""


@dataclass(frozen=True, slots=True)
class _Draft:
    """An upload whose place in the script is not known yet."""

    name: str
    photo: Photo
    image_id: str
    encoded: Encoded
    languages: tuple[str, ...]
    moment: float
    """Place in the script, 0 to 1."""
    attributes: tuple[tuple[str, str], ...] = ()
    group: str = ""
    near_copy_of: str | None = None


@dataclass(frozen=True, slots=True)
class _Again:
    """A draft delivered again, or deleted."""

    name: str
    draft: _Draft
    moment: float


@dataclass(frozen=True, slots=True)
class _Bad:
    oddity: Oddity
    moment: float


def make_script(seed: int, file_root: Path) -> list[ScriptedEvent]:
    """The events in the order they are to be produced; pictures that are files are written under ``file_root``.

    The same seed and root give the same events, byte for byte.
    """
    rng = random.Random(seed)
    photos = list(_photos(rng, seed))
    drafts = _originals(photos, rng)
    plain = [draft for draft in drafts if draft.photo.product is None]
    marked = rng.sample(plain, VETOES + DELETIONS)
    vetoed, deleted = marked[:VETOES], marked[VETOES:]
    copied = [draft for draft in drafts if draft not in marked]
    drafts = [_with_sku(draft) if draft in vetoed else draft for draft in drafts]
    drafts += list(_copies(copied, rng))
    drafts += [_veto(_with_sku(draft), rng) for draft in vetoed]
    kept = [draft for draft in drafts if draft not in deleted]
    again = [_Again("redelivered", draft, rng.uniform(draft.moment, 1)) for draft in rng.sample(kept, REDELIVERED)]
    again += [_Again("deletion", draft, rng.uniform(draft.moment, 1)) for draft in deleted]
    bad = [_Bad(oddity, rng.random()) for oddity in oddities(drafts[0].encoded.data, file_root)]
    order = sorted([*drafts, *again, *bad], key=lambda each: each.moment)
    return list(_Writer(file_root.absolute(), rng).events(order))


def _photos(rng: random.Random, seed: int) -> Iterator[Photo]:
    """Photos of which no two of a shop show the same category in the same colour: far apart by construction."""
    taken: set[tuple[str, str, str]] = set()
    made = 0

    def free(merchant: str, colours: list[str], category: str) -> bool:
        return not any((merchant, colour, category) in taken for colour in colours)

    while made < DISTINCT + PRODUCTS:
        merchant, spec = rng.choice(MERCHANTS), rng.choice(ALL)
        is_product = made < PRODUCTS
        others = [colour for colour in COLOURS if colour != spec.colour]
        colours = [spec.colour, *(rng.sample(others, VARIANTS - 1) if is_product else ())]
        if not free(merchant, colours, spec.category):
            continue
        made += 1
        name = f"{merchant}-{made:03d}"
        for colour in colours:
            taken.add((merchant, colour, spec.category))
            photo_id = f"{name}-{colour}" if is_product else name
            variant = spec._replace(colour=colour)
            yield Photo(photo_id, merchant, variant, f"{seed}/{name}", name if is_product else None)


def _originals(photos: list[Photo], rng: random.Random) -> list[_Draft]:
    choices, weights = zip(*_LANGUAGES, strict=True)
    return [
        _Draft(
            "distinct" if photo.product is None else "colour_variant",
            photo,
            photo.photo_id,
            original(photo),
            rng.choices(choices, weights)[0],
            rng.random(),
            group=photo.photo_id,
        )
        for photo in photos
    ]


def _copies(originals: list[_Draft], rng: random.Random) -> Iterator[_Draft]:
    kinds = tuple(KINDS)
    # A third of the photos: groups of one to five copies.
    copied = rng.sample(originals, len(originals) // 3)
    for number in range(COPIES):
        draft, kind = rng.choice(copied), kinds[number % len(kinds)]
        yield replace(
            draft,
            name="near_copy",
            image_id=f"{draft.image_id}-copy{number + 1:02d}",
            encoded=near_copy(draft.photo, kind, rng),
            moment=rng.uniform(draft.moment, 1),
            near_copy_of=draft.image_id,
        )


def _with_sku(draft: _Draft) -> _Draft:
    return replace(draft, attributes=(("sku", f"{draft.image_id}-A"),))


def _veto(draft: _Draft, rng: random.Random) -> _Draft:
    image_id = f"{draft.image_id}-other-sku"
    return replace(
        draft,
        name="sku_veto",
        image_id=image_id,
        encoded=near_copy(draft.photo, "jpeg", rng),
        moment=rng.uniform(draft.moment, 1),
        attributes=(("sku", f"{draft.image_id}-B"),),
        group=image_id,
    )


class _Writer:
    """Drafts in their final order become events."""

    def __init__(self, file_root: Path, rng: random.Random) -> None:
        self._root = file_root
        self._rng = rng
        self._encoder = Encoder("image_upload", WIRE)
        self._written: dict[str, ScriptedEvent] = {}
        """Uploads so far by image id: what is delivered again is the very same bytes."""

    def events(self, order: list[_Draft | _Again | _Bad]) -> Iterator[ScriptedEvent]:
        for number, each in enumerate(order):
            moment = START + timedelta(seconds=number)
            if isinstance(each, _Draft):
                event = self._written[each.image_id] = self._upload(each, moment)
                yield event
            elif isinstance(each, _Again):
                yield self._again(each, moment)
            else:
                yield self._bad(each.oddity, number, moment)

    def _upload(self, draft: _Draft, moment: datetime) -> ScriptedEvent:
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
            (Header("origin", b"demo"),),
            _milliseconds(moment),
            expected,
            photo.merchant,
            draft.encoded.data,
            draft.encoded.how,
            photo.product,
        )

    def _place(self, draft: _Draft) -> dict[str, str | bytes]:
        if self._rng.random() >= FILE_SHARE:
            return {"image": draft.encoded.data}
        path = self._root / draft.photo.merchant / f"{draft.image_id}{draft.encoded.suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(draft.encoded.data)
        return {"uri": path.as_uri()}

    def _again(self, again: _Again, moment: datetime) -> ScriptedEvent:
        first = self._written[again.draft.image_id]
        event = replace(first, name=again.name, timestamp_ms=_milliseconds(moment))
        if again.name == "redelivered":
            return event
        merchant = Header(MERCHANT_HEADER, first.merchant.encode())
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
            (Header("origin", b"demo"), Header("traceparent", None)),
            _milliseconds(moment),
            Expected(Outcome.DEAD_LETTER, "" if oddity.keyless else image_id, oddity.code),
            merchant,
            oddity.fields.get("image"),
            oddity.how,
        )


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp()) * 1000
