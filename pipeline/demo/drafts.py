"""What is drawn for the script: photos, their near copies, what comes again and what is bad, in time."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

from pipeline.demo.oddities import Oddity, oddities
from pipeline.demo.photos import KINDS, Encoded, Photo, near_copy, original
from transforms.captioner.tiny.products import BACKGROUNDS, CATEGORIES, COLOURS, PATTERNS, Spec

MERCHANTS = ("harbour-home", "lotus-apparel", "north-star", "qinghe-store", "willow-and-oak")
DISTINCT, PRODUCTS, VARIANTS, COPIES = 117, 6, 3, 72
FURTHER_COPIES = 6
"""Of the copies, those that may be the second or third of their photo."""
REDELIVERED, VETOES, DELETIONS = 10, 4, 3
_LOOKS = tuple(product(COLOURS, PATTERNS))
_LANGUAGES: tuple[tuple[tuple[str, ...], int], ...] = (
    (("zh-Hans", "en"), 6),
    (("en", "zh-Hans"), 2),
    (("en",), 1),
    (("zh-Hans",), 1),
)
"""What photos ask for, and how often. Pictures of one photo ask for the same, so that texts can be shared."""


@dataclass(frozen=True, slots=True)
class Draft:
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
class Again:
    """A draft delivered again, or deleted."""

    name: str
    draft: Draft
    moment: float


@dataclass(frozen=True, slots=True)
class Bad:
    """An event that must fail."""

    oddity: Oddity
    moment: float


def draw(seed: int, rng: random.Random, file_root: Path) -> list[Draft | Again | Bad]:
    """Everything that is uploaded, in the order of its upload; what refers to an upload comes after it."""
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
    returned = [("redelivered", draft) for draft in rng.sample(kept, REDELIVERED)]
    returned += [("deletion", draft) for draft in deleted]
    again = [Again(name, draft, rng.uniform(draft.moment, 1)) for name, draft in returned]
    bad = [Bad(oddity, rng.random()) for oddity in oddities(drafts[0].encoded.data, file_root)]
    order: list[Draft | Again | Bad] = [*drafts, *again, *bad]
    order.sort(key=lambda each: each.moment)
    return order


def _looks(rng: random.Random) -> Iterator[tuple[str, str]]:
    """Colours and patterns without end, each pair as often as any other."""
    while True:
        yield from rng.sample(_LOOKS, len(_LOOKS))


def _photos(rng: random.Random, seed: int) -> Iterator[Photo]:
    """Photos of which no two of a shop show one category in one colour: far apart by construction."""
    taken: set[tuple[str, str, str]] = set()
    looks = _looks(rng)
    for number in range(DISTINCT + PRODUCTS):
        is_product = number < PRODUCTS
        colour, pattern = next(looks)
        others = [other for other in COLOURS if other != colour]
        colours = [colour, *(rng.sample(others, VARIANTS - 1) if is_product else ())]
        while True:
            merchant, category = rng.choice(MERCHANTS), rng.choice(tuple(CATEGORIES))
            shown = {(merchant, each, category) for each in colours}
            if taken.isdisjoint(shown):
                break
        taken |= shown
        background = rng.choice(tuple(BACKGROUNDS))
        name = f"{merchant}-{number + 1:03d}"
        for each in colours:
            photo_id = f"{name}-{each}" if is_product else name
            spec = Spec(each, background, pattern, category)
            yield Photo(photo_id, merchant, spec, f"{seed}/{name}", name if is_product else None)


def _originals(photos: list[Photo], rng: random.Random) -> list[Draft]:
    choices, weights = zip(*_LANGUAGES, strict=True)
    return [
        Draft(
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


def _copies(originals: list[Draft], rng: random.Random) -> Iterator[Draft]:
    """Near copies, spread evenly over colours and patterns: how well a copy is found depends on contrast."""
    kinds, looks = tuple(KINDS), _looks(rng)
    copied: list[Draft] = []
    for number in range(COPIES):
        look, kind = next(looks), kinds[number % len(kinds)]
        alike = [each for each in originals if each.photo.spec[::2] == look]
        if number < COPIES - FURTHER_COPIES:
            alike = [each for each in alike if each not in copied] or alike
        draft = rng.choice(alike or originals)
        copied.append(draft)
        yield replace(
            draft,
            name="near_copy",
            image_id=f"{draft.image_id}-copy{number + 1:02d}",
            encoded=near_copy(draft.photo, kind, rng),
            moment=rng.uniform(draft.moment, 1),
            near_copy_of=draft.image_id,
        )


def _with_sku(draft: Draft) -> Draft:
    return replace(draft, attributes=(("sku", f"{draft.image_id}-A"),))


def _veto(draft: Draft, rng: random.Random) -> Draft:
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
