"""What must hold after any fault, whatever was killed: checked on what lies in the topics."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from schemas.codec import Decoder
from transforms.values import KafkaRecord


@dataclass(frozen=True)
class Published:
    """Everything the job wrote."""

    captions: list[KafkaRecord]
    dead_letters: list[KafkaRecord]
    audits: list[KafkaRecord]


Texts = Mapping[str, tuple[str, ...]]
"""By image id, in the order of the languages."""


def texts_of(captions: Sequence[KafkaRecord]) -> dict[str, set[tuple[str, ...]]]:
    """Every wording an image id has, and the event ids it has it under."""
    decoder, found = Decoder("caption"), defaultdict(set)
    for record in captions:
        if record.value is not None:
            value = decoder.decode(record.value)
            found[value["image_id"]].add(tuple(text["caption"] for text in value["texts"]))
    return dict(found)


def check_promises(published: Published, expected: Texts, poisoned: Sequence[str] = ()) -> None:
    """Raise AssertionError naming the promise that is broken, and for whom.

    ``expected`` is what a run without a fault says, ``poisoned`` the keys that must end as dead letters.
    """
    captioned = texts_of(published.captions)
    dead = {(record.key or b"").decode() for record in published.dead_letters}
    lost = sorted((set(expected) | set(poisoned)) - set(captioned) - dead)
    assert not lost, f"nothing came out for {len(lost)} uploads: {lost[:5]}"
    both = sorted(set(captioned) & dead)
    assert not both, f"both a caption and a dead letter for {both[:5]}"
    assert sorted(dead) == sorted(poisoned), "other dead letters than those of the poisoned records"
    strange = sorted(set(captioned) - set(expected))
    assert not strange, f"captions nobody asked for: {strange[:5]}"
    for image_id, wordings in captioned.items():
        assert wordings == {expected[image_id]}, f"`{image_id}` has {wordings}, without a fault {expected[image_id]}"
    one_by_id(published.captions)
    audited(published)


def one_by_id(captions: Sequence[KafkaRecord]) -> None:
    """Repeats of a caption carry the same id: who keys by id sees one."""
    decoder, ids = Decoder("caption"), defaultdict(set)
    for record in captions:
        if record.value is not None:
            value = decoder.decode(record.value)
            ids[value["image_id"]].add(value["event_id"])
    doubled = {image_id: found for image_id, found in ids.items() if len(found) > 1}
    assert not doubled, f"several ids for one image: {doubled}"


def audited(published: Published) -> None:
    """No caption without an audit record of each of its texts."""
    decoder = Decoder("audit")
    trail = set()
    for record in published.audits:
        value = decoder.decode(record.value)
        trail.add((value["event_id"], value["language"], value["text"]))
    decoder = Decoder("caption")
    for record in published.captions:
        if record.value is not None:
            value = decoder.decode(record.value)
            for text in value["texts"]:
                assert (value["event_id"], text["language"], text["caption"]) in trail, f"unaudited: {value}"
