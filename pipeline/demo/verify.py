"""Compares what came out of the job with what the script says, event by event."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

from pipeline.demo.consumed import Answer, Consumed, Coordinates, Harvest, harvest
from pipeline.demo.events import Outcome, ScriptedEvent
from pipeline.demo.findings import Findings, Group, Letter, Member, tally
from pipeline.demo.provenance import Provenance
from transforms.decode import milliseconds

__all__ = ["Consumed", "Coordinates", "Findings", "Group", "Letter", "Member", "compare"]


def compare(
    script: Sequence[ScriptedEvent],
    coordinates: Sequence[Coordinates],
    captions: Sequence[Consumed],
    dead_letters: Sequence[Consumed],
    audits: Sequence[Consumed],
) -> Findings:
    """Hold the three topics against the script.

    ``coordinates`` says where each event of the script was produced. Values are bare Avro. Raises ValueError
    when there are not as many coordinates as events.
    """
    if len(script) != len(coordinates):
        raise ValueError(f"{len(coordinates)} coordinates for {len(script)} events")
    found = harvest(coordinates, captions, dead_letters, audits)
    mismatches = list(found.strays)
    provenance = Provenance(script, found)
    for number, event in enumerate(script):
        shown = f"{event.name} `{event.expected.image_id}` (event {number})"
        for difference in (*_ending(event, number, found), *provenance.differences(number)):
            mismatches.append(f"{shown}: {difference}")  # noqa: PERF401 - a loop reads better here
    mismatches += provenance.shared_ids()
    mismatches += _withdrawn(script, found)
    return tally(script, found, mismatches)


def _ending(event: ScriptedEvent, number: int, found: Harvest) -> Iterator[str]:
    expected = event.expected
    answers, letters = found.answers.get(number, []), found.letters.get(number, [])
    wanted = {
        Outcome.CAPTION: "a caption",
        Outcome.DEAD_LETTER: f"dead letter `{expected.code}`",
        Outcome.TOMBSTONE: "a tombstone",
    }[expected.outcome]
    if letters and expected.outcome is not Outcome.DEAD_LETTER:
        code, message = letters[0].header("caption.error.code"), _message(letters[0])
        yield f"expected {wanted}, found dead letter `{code}`: {message}"
    if answers and expected.outcome is not Outcome.CAPTION:
        yield f"expected {wanted}, found a caption"
    if expected.outcome is Outcome.TOMBSTONE:
        yield from _tombstone(event, found)
        return
    right = answers if expected.outcome is Outcome.CAPTION else letters
    if not answers and not letters:
        yield f"lost: expected {wanted}, found neither caption nor dead letter"
    if len(right) > 1:
        yield f"doubled: expected {wanted}, found {len(right)}"
    if expected.outcome is Outcome.CAPTION:
        for answer in answers:
            yield from _caption(event, answer)
    else:
        for letter in letters:
            yield from _letter(event, letter)


def _message(letter: Consumed) -> str:
    return letter.header("__connect.errors.exception.message")


def _tombstone(event: ScriptedEvent, found: Harvest) -> Iterator[str]:
    last = found.last.get(event.key)
    if last is None:
        yield "no tombstone: nothing lies under its key on the captions topic"
    elif last.value is not None:
        yield "no tombstone: the last record under its key on the captions topic has a value"


def _withdrawn(script: Sequence[ScriptedEvent], found: Harvest) -> Iterator[str]:
    deleted = {event.key for event in script if event.expected.outcome is Outcome.TOMBSTONE}
    for key in found.tombstones - deleted:
        yield f"tombstone under key `{(key or b'').decode(errors='replace')}`: no event deletes it"


def _caption(event: ScriptedEvent, answer: Answer) -> Iterator[str]:
    value, expected = answer.value, event.expected
    digest = hashlib.sha256(event.picture or b"").hexdigest()
    facts = (
        ("image id", expected.image_id, answer.image_id),
        ("key", (event.key or b"").decode(), (answer.consumed.key or b"").decode(errors="replace")),
        ("merchant", event.merchant, value["merchant"]),
        ("task", "DESCRIBE", value["task"]),
        ("content sha256", digest, value["image"]["content_sha256"]),
        ("CloudEvents id", answer.event_id, answer.consumed.header("ce_id")),
    )
    for name, wanted, got in facts:
        if wanted != got:
            yield f"expected {name} `{wanted}`, found `{got}`"
    # A redelivery has its first delivery's value, and so its time of upload.
    if milliseconds(value["uploaded_at"]) > event.timestamp_ms:
        yield "was uploaded after it was produced"
    languages = [text["language"] for text in answer.texts]
    for language in expected.languages:
        if language not in languages:
            yield f"missing language `{language}`, found {_quoted(languages)}"
    for language in languages:
        if language not in expected.languages:
            yield f"extra language `{language}`, expected {_quoted(expected.languages)}"
    if len(set(languages)) < len(languages):
        yield f"a language twice: found {_quoted(languages)}"
    for text in answer.texts:
        if not text["caption"].strip():
            yield f"the `{text['language']}` text is empty"


def _quoted(languages: Sequence[str]) -> str:
    return ", ".join(f"`{language}`" for language in languages) or "none"


def _letter(event: ScriptedEvent, letter: Consumed) -> Iterator[str]:
    code = letter.header("caption.error.code")
    if code != event.expected.code:
        yield f"expected code `{event.expected.code}`, found `{code}`: {_message(letter)}"
    if letter.key != event.key:
        yield f"the dead letter's key is {letter.key!r}, not the original {event.key!r}"
    if letter.value != event.value:
        sizes = tuple("null" if value is None else f"{len(value)} bytes" for value in (letter.value, event.value))
        yield f"the dead letter's value ({sizes[0]}) is not the original bytes ({sizes[1]})"
    if letter.timestamp_ms != event.timestamp_ms:
        times = letter.timestamp_ms, event.timestamp_ms
        yield f"the dead letter's timestamp is `{times[0]}`, not the original `{times[1]}`"
    if letter.headers[: len(event.headers)] != event.headers:
        yield "the dead letter does not begin with the original headers"
    for name in ("stage", "exception.class.name", "exception.message"):
        if not letter.header(f"__connect.errors.{name}"):
            yield f"the dead letter has no header `__connect.errors.{name}`"
