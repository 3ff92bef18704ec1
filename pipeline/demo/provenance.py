"""Where texts come from: reused ones from a picture of the same photo, all of them from an audited answer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from pipeline.demo.consumed import Answer, Harvest
from pipeline.demo.events import Outcome, ScriptedEvent


class Provenance:
    """Follows texts and ids over the whole script."""

    def __init__(self, script: Sequence[ScriptedEvent], found: Harvest) -> None:
        self._script = script
        self._found = found
        self._events = {event.expected.image_id: event for event in script if event.expected.outcome is Outcome.CAPTION}
        self._answers: dict[str, list[Answer]] = defaultdict(list)
        """Caption records by image id."""
        self._deliveries: dict[tuple[bytes | None, bytes | None], list[int]] = defaultdict(list)
        """Numbers of the events with this very key and value."""
        for answers in found.answers.values():
            for answer in answers:
                self._answers[answer.image_id].append(answer)
        for number, event in enumerate(script):
            self._deliveries[event.key, event.value].append(number)

    def differences(self, number: int) -> Iterator[str]:
        """What is wrong with the origin of the event's texts, in words."""
        event = self._script[number]
        if event.expected.outcome is not Outcome.CAPTION:
            return
        for answer in self._found.answers.get(number, ()):
            yield from self._reuse(event, answer)
            yield from self._audited(number, answer)
            yield from self._delivered(number, answer)

    def shared_ids(self) -> Iterator[str]:
        """Records that share an event id and do not say the same."""
        by_id: dict[str, list[Answer]] = defaultdict(list)
        for answers in self._found.answers.values():
            for answer in answers:
                by_id[answer.event_id].append(answer)
        for event_id, same in by_id.items():
            if len({answer.image_id for answer in same}) > 1:
                images = ", ".join(sorted({f"`{answer.image_id}`" for answer in same}))
                yield f"event id `{event_id}`: doubled over different images {images}"
            elif any(answer.says() != same[0].says() for answer in same):
                yield f"event id `{event_id}`: doubled with different content for `{same[0].image_id}`"

    def _reuse(self, event: ScriptedEvent, answer: Answer) -> Iterator[str]:
        reused = [text for text in answer.texts if text["origin"] == "REUSED"]
        named = answer.value["duplicate_of"]
        if not reused:
            if named is not None:
                yield f"names `{named}` as its source, but reuses no text"
            return
        other = self._events.get(named) if named is not None else None
        if other is None:
            yield f"reuses a text of `{named}`, which is no captioned image of the script"
            return
        if reason := _stranger(event, other):
            yield f"text belongs to another picture: reused from `{named}`, {reason}"
        for text in reused:
            theirs = [
                each["caption"]
                for source in self._answers[named]
                for each in source.texts
                if (each["language"], each["reuse_key"]) == (text["language"], text["reuse_key"])
            ]
            if text["caption"] not in theirs:
                said = f"`{theirs[0]}`" if theirs else "nothing in this language by this prompt"
                yield (
                    f"the `{text['language']}` text `{text['caption']}` belongs to another picture: "
                    f"it is said to be reused from `{named}`, which says {said}"
                )

    def _audited(self, number: int, answer: Answer) -> Iterator[str]:
        trail = {
            (audit["event_id"], audit["language"], audit["origin"], audit["text"])
            for audit in self._found.audits.get(number, ())
            if audit["verdict"] == "PASSED"
        }
        for text in answer.texts:
            if (answer.event_id, text["language"], text["origin"], text["caption"]) not in trail:
                yield f"no audit record for its `{text['language']}` text"

    def _delivered(self, number: int, answer: Answer) -> Iterator[str]:
        event = self._script[number]
        first = self._deliveries[event.key, event.value][0]
        if first == number:
            return
        for other in self._found.answers.get(first, ())[:1]:
            if other.event_id != answer.event_id:
                yield f"event_id `{answer.event_id}` differs from `{other.event_id}` of its first delivery"


def _stranger(event: ScriptedEvent, other: ScriptedEvent) -> str:
    """Why the two may not share a text; empty when they may."""
    if event.expected.group == other.expected.group:
        return ""
    if event.product is not None and event.product == other.product:
        return "which shows a colour variant of the product"
    if event.expected.photo == other.expected.photo:
        return "which has another sku"
    return "which shows another photo"
