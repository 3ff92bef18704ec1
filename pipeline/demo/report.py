"""The demo's report: one HTML page that needs nothing but itself."""

from __future__ import annotations

import base64
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.demo.events import Outcome, ScriptedEvent
from pipeline.demo.findings import Findings, Group, Member
from pipeline.report.page import write_page
from transforms.captioner.tiny.products import caption

MAX_MISMATCHES = 100
LANGUAGES = (("zh-Hans", "Chinese"), ("en", "English"))
_MIME = ((b"\x89PNG", "png"), (b"\xff\xd8", "jpeg"), (b"RIFF", "webp"))
_MAX_THUMBNAIL = 64 * 2**10


@dataclass(frozen=True, slots=True)
class Line:
    """One text as the page shows it."""

    language: str
    text: str
    exact: bool
    """Whether it is the generator's own sentence."""
    expected: str


@dataclass(frozen=True, slots=True)
class Card:
    """One picture as the page shows it."""

    image_id: str
    thumbnail: str
    """Data URI; empty where there is no picture."""
    alt: str
    how: str
    lines: tuple[Line, ...]
    badge: str
    """``generated``, ``reused``, ``again`` for a missed copy, ``vetoed`` or ``lost``."""
    distance: str
    """To the picture whose text it has, in words."""


def write_report(path: Path, script: Sequence[ScriptedEvent], findings: Findings, seconds: float) -> None:
    """Write the page. ``findings`` are those of `pipeline.demo.verify.compare` for this script."""
    write_page(
        path,
        Path(__file__).parent / "report.html.j2",
        findings=findings,
        languages=LANGUAGES,
        mismatches=findings.mismatches[:MAX_MISMATCHES],
        seconds=seconds,
        merchants=len({event.merchant for event in script}),
        redelivered=sum(event.name == "redelivered" for event in script),
        deleted=[e.expected.image_id for e in script if e.expected.outcome is Outcome.TOMBSTONE],
        **_sections(findings),
    )


def _sections(findings: Findings) -> dict[str, Any]:
    several = [group for group in findings.groups if len(group.members) > 1]
    photos: dict[str, list[Group]] = defaultdict(list)
    products: dict[str, list[Group]] = defaultdict(list)
    for group in findings.groups:
        event = group.members[0].event
        photos[event.expected.photo].append(group)
        if event.product is not None:
            products[event.product].append(group)
    vetoes = [groups for groups in photos.values() if len(groups) > 1]
    apart = {id(group) for groups in (*vetoes, *products.values(), several) for group in groups}
    return {
        "groups": [_cards(group) for group in sorted(several, key=lambda group: -len(group.members))],
        "products": [[_card(group.members[0], group) for group in groups] for groups in products.values()],
        "vetoes": [[_card(group.members[0], group) for group in groups] for groups in vetoes],
        "distinct": [_card(group.members[0], group) for group in findings.groups if id(group) not in apart],
        "missed": [(_card(member, group), _leader(group)) for group in several for member in group.missed],
        "letters": sorted(findings.letters, key=lambda letter: (letter.code, letter.event.name)),
    }


def _cards(group: Group) -> list[Card]:
    """The leader first."""
    leader = group.leader or group.members[0]
    return [_card(member, group) for member in (leader, *(m for m in group.members if m is not leader))]


def _leader(group: Group) -> Card:
    return _card(group.leader or group.members[0], group)


def _card(member: Member, group: Group) -> Card:
    event, answer = member.event, member.answer
    lines = tuple(_lines(member))
    texts = {line.language: line.text for line in lines}
    distance = ""
    if answer is not None and member.reused:
        bits, colour = answer.value["hash_distance"], answer.value["colour_distance"]
        if bits is not None and colour is not None:
            distance = f"{bits} bits, ΔE {colour:.1f}"
    if answer is None:
        badge = "lost"
    elif member.reused:
        badge = "reused"
    elif any(member is missed for missed in group.missed):
        badge = "again"
    else:
        badge = "vetoed" if event.name == "sku_veto" else "generated"
    alt = texts.get("en") or texts.get("zh-Hans") or f"Picture {event.expected.image_id}, without caption"
    return Card(event.expected.image_id, thumbnail(event.picture), alt, event.how, lines, badge, distance)


def _lines(member: Member) -> Iterable[Line]:
    said = {} if member.answer is None else {t["language"]: t["caption"] for t in member.answer.texts}
    spec = member.event.expected.spec
    for language, _ in LANGUAGES:
        if language in said and spec is not None:
            expected = caption(spec, language)
            yield Line(language, said[language], said[language] == expected, expected)


def thumbnail(picture: bytes | None) -> str:
    """The picture itself as a data URI: what was uploaded is what is shown. Empty when it is none."""
    kind = next((name for magic, name in _MIME if picture is not None and picture.startswith(magic)), None)
    if picture is None or kind is None or len(picture) > _MAX_THUMBNAIL:
        return ""
    return f"data:image/{kind};base64,{base64.b64encode(picture).decode()}"
