"""Which dead letters are sent, what they become, and how the group remembers it."""

import random
from dataclasses import replace

import pytest
from data.samples import NEW_YEAR_MS, record

from pipeline.redrive.letters import Letter, read, redriven
from pipeline.redrive.plan import Plan, Selection, known_codes, make_plan
from pipeline.redrive.sent import Sent
from transforms.dead_letter import CONNECT, dead_letter, encode
from transforms.errors import CaptionstreamError, ConfigInvalid, ImageMissing, ImageUnreadable, JobError
from transforms.origin import Origin
from transforms.values import Header, KafkaRecord, Outgoing


def lies_at(sent: Outgoing, offset: int, partition: int = 0) -> KafkaRecord:
    """The record as a consumer meets it; kafka-python writes a header without a value as an empty one."""
    headers = tuple(Header(header.name, header.value or b"") for header in sent.headers)
    return KafkaRecord(sent.topic, partition, offset, sent.timestamp_ms or 0, sent.key, sent.value, headers)


def failed(source: KafkaRecord, error: CaptionstreamError | None = None, offset: int = 0) -> KafkaRecord:
    return lies_at(
        encode(dead_letter(source, "Fetch image", error or ImageMissing("gone")), "dead", "run-1", NEW_YEAR_MS), offset
    )


def again(letter: KafkaRecord, offset: int = 100) -> KafkaRecord:
    """The letter redriven."""
    known = read(letter)
    assert known is not None
    return lies_at(redriven(letter, known, known.origin.topic), offset)


def letter(offset: int, origin: int | None = None, **changes: object) -> Letter:
    known = read(failed(record(offset if origin is None else origin), offset=offset))
    assert known is not None
    return replace(known, **changes)  # type: ignore[arg-type]


def plan(*letters: Letter, sent: set[int] | None = None, **selected: object) -> Plan:
    places = {(0, offset) for offset in sent or ()}
    return make_plan(letters, 0, places, Selection(**selected))  # type: ignore[arg-type]


def offsets(made: Plan) -> list[int]:
    return [one.offset for one in made.to_send]


@pytest.mark.parametrize(
    ("key", "value"), [(b"\xff\x00key", b"\x00not avro\xff"), (None, b"v"), (b"img-1", None), (None, None), (b"", b"")]
)
def test_the_original_record_comes_back(key: bytes | None, value: bytes | None) -> None:
    source = record(9, key, value, {"trace": b"\xfe", "empty": b"", "x.caption.error.code": b"1"}, partition=3)
    sent = redriven(failed(source), letter(0), "uploads")
    assert (sent.topic, sent.key, sent.value, sent.timestamp_ms) == ("uploads", key, value, source.timestamp_ms)
    assert sent.headers[:3] == source.headers
    assert [header.name for header in sent.headers[3:]] == ["caption.error.attempt", "caption.origin"]


def test_a_header_without_value_comes_back_empty() -> None:
    """kafka-python cannot write it otherwise."""
    assert again(failed(record(headers={"null": None}))).headers[0] == Header("null", b"")


def test_a_record_that_fails_again_collects_nothing() -> None:
    source, seen = record(9, headers={"mine": b"1"}, partition=3), []
    original = source
    for attempt in range(4):
        dead = failed(source, offset=attempt)
        known = read(dead)
        assert known is not None
        assert (known.attempt, known.origin) == (attempt, Origin("uploads", 3, 9))
        seen.append([header.name for header in dead.headers])
        source = again(dead, offset=100 + attempt)
        assert source.headers[:1] == original.headers
        assert source.timestamp_ms == original.timestamp_ms
        assert Header("caption.origin", b"uploads/3/9") in source.headers
        assert Header("caption.error.attempt", str(attempt + 1).encode()) in source.headers
        assert len(source.headers) == 3
    assert seen[0] == seen[1] == seen[2] == seen[3]
    assert len(set(seen[0])) == len(seen[0]) == 14


def test_headers_of_another_dead_letter_queue_go_too() -> None:
    """Connect's, of a connector before us: the last of a name is ours."""
    source = record(9, headers={f"{CONNECT}connector.name": b"s3", f"{CONNECT}offset": b"77"})
    back = again(failed(source))
    assert [header.name for header in back.headers] == ["caption.error.attempt", "caption.origin"]
    assert back.headers[1].value == b"uploads/0/9"


@pytest.mark.parametrize("name", ["topic", "partition", "offset", "code", "stage"])
def test_what_is_not_ours_is_foreign(name: str) -> None:
    whole = failed(record(9))
    assert read(whole) is not None
    for value in (b"", b"\xff", b"\x1b[2J"):
        damaged = tuple(Header(h.name, value) if h.name.endswith(f".{name}") else h for h in whole.headers)
        if name != "stage" or value == b"\x1b[2J":
            assert read(replace(whole, headers=damaged)) is None
    assert read(replace(whole, headers=())) is None


def test_the_last_letter_of_an_origin_counts() -> None:
    made = plan(letter(0), letter(1, origin=0, attempt=1), letter(2), letter(3, origin=0))
    assert offsets(made) == [1, 2]
    assert made.superseded == 2
    assert sorted(one.offset for one in made.earlier) == [0, 3]


def test_a_topic_made_anew_has_other_records_at_the_same_coordinates() -> None:
    old, new = letter(3, origin=5, key=b"old", attempt=1), letter(8, origin=5, key=b"new")
    made = plan(old, new)
    assert (offsets(made), made.superseded) == ([3, 8], 0)
    assert offsets(plan(old, new, sent={3})) == [8]


def test_what_was_sent_is_not_sent_again() -> None:
    made = plan(letter(0), letter(1), letter(2), sent={0, 2})
    assert (offsets(made), made.already_sent) == ([1], 2)


def test_a_redriven_letter_that_fails_again_may_be_sent() -> None:
    assert offsets(plan(letter(0), letter(1, origin=0, attempt=1), sent={0})) == [1]


def test_of_a_record_read_twice_one_letter_is_sent() -> None:
    made = plan(letter(0), letter(5, origin=0), sent={0})
    assert (offsets(made), made.already_sent, made.superseded) == ([], 1, 1)


def test_letters_at_the_maximum_are_left_and_named() -> None:
    letters = [letter(n, attempt=n) for n in range(5)]
    made = plan(*letters)
    assert offsets(made) == [0, 1, 2]
    assert made.left()["at the maximum of attempts"] == 2
    assert made.groups() == [(("image_missing", "Fetch image", "uploads"), 3, 2)]
    assert offsets(plan(*letters, max_attempts=5)) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("selected", "expected"),
    [
        ({}, [0, 1, 2, 3]),
        ({"codes": ("image_unreadable",)}, [1]),
        ({"codes": ("image_unreadable", "image_missing")}, [0, 1, 2, 3]),
        ({"retryable_only": True}, [1]),
        ({"stages": ("Decode event",)}, [2]),
        ({"source_topics": ("uploads-2",)}, [2]),
        ({"run_ids": ("run-2",)}, [3]),
        ({"keys": (b"img-9",)}, [3]),
        ({"keys": (b"img-9",), "run_ids": ("run-1",)}, []),
        ({"start_ms": NEW_YEAR_MS + 1000}, [1, 2, 3]),
        ({"stop_ms": NEW_YEAR_MS + 2000}, [0, 1]),
        ({"start_ms": NEW_YEAR_MS + 1000, "stop_ms": NEW_YEAR_MS + 1001}, [1]),
    ],
)
def test_selections(selected: dict[str, object], expected: list[int]) -> None:
    letters = (
        letter(0),
        letter(1, code="image_unreadable", is_retryable=True),
        replace(letter(2), stage="Decode event", origin=Origin("uploads-2", 0, 1)),
        letter(3, run_id="run-2", key=b"img-9"),
    )
    made = plan(*letters, **selected)
    assert offsets(made) == expected
    assert made.not_selected == 4 - len(expected)


def test_a_newer_letter_that_is_not_selected_hides_the_older_one() -> None:
    """The record is not missing any more: what is to be sent is what it is now."""
    later = letter(1, origin=0, attempt=1, code="image_corrupt")
    assert offsets(plan(letter(0), later, codes=("image_missing",))) == []


def test_the_limit_takes_the_oldest() -> None:
    made = plan(letter(0, timestamp_ms=9), letter(1, timestamp_ms=3), letter(2, timestamp_ms=5), limit=2)
    assert (offsets(made), made.beyond_limit) == ([1, 2], 1)


@pytest.mark.parametrize(
    ("selected", "words"),
    [
        ({"codes": ("image_mising",)}, "no dead letter has code `image_mising`; did you mean --code image_missing?"),
        ({"codes": ("broker_unreachable",)}, "did you mean --code"),
        ({"max_attempts": 0}, "mend --max-attempts"),
        ({"limit": 0}, "mend --limit"),
        ({"start_ms": 5, "stop_ms": 5}, "--from is not before that of --to"),
    ],
)
def test_a_wrong_selection_names_its_option(selected: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigInvalid) as raised:
        Selection(**selected)  # type: ignore[arg-type]
    assert words in raised.value.message


def test_every_error_of_an_upload_can_be_selected() -> None:
    assert {"image_missing", "stage_failed", "record_too_large"} <= set(known_codes())
    assert ImageUnreadable.code in known_codes()
    assert "input_error" not in known_codes()


def remembered(sent: Sent) -> Sent:
    return Sent.parse(sent.base, sent.metadata(), "g")


def test_the_group_remembers_every_letter() -> None:
    """Sends in any order and with gaps: exactly they are known afterwards."""
    choices = random.Random(5)
    letters = sorted(choices.sample(range(10, 3000), 2000))  # the rest is not letters
    sent, told = Sent(), set[int]()
    for _ in range(40):
        batch = set(choices.sample(letters, 40))
        told |= batch
        sent = remembered(sent.add(batch, letters))
        assert {offset for offset in letters if offset in sent} == told
    assert remembered(sent.add(letters, letters)) == Sent(letters[-1] + 1)


def test_new_letters_are_not_sent_yet() -> None:
    sent = Sent().add([0, 1, 2], [0, 1, 2])
    assert sent == Sent(3)
    assert 3 not in sent.add([], [0, 1, 2, 3, 4])
    assert sent.add([4], [0, 1, 2, 3, 4]) == Sent(3, frozenset({4}))


def test_letters_that_retention_took_are_forgotten() -> None:
    sent = Sent().add([1, 7], range(10))
    assert sent == Sent(0, frozenset({1, 7}))
    assert sent.add([], range(5, 10)) == Sent(5, frozenset({7}))
    assert sent.add([], [7, 8]) == Sent(8)


def test_more_than_a_group_can_remember_is_refused() -> None:
    choices = random.Random(5)
    assert Sent().add(range(0, 1_000_000, 2), range(1_000_000)).metadata()
    scattered = Sent().add(choices.sample(range(100_000), 50_000), range(100_000))
    with pytest.raises(JobError, match=r"too many letters lie between those sent .* --limit"):
        scattered.metadata()
    assert Sent().add(choices.sample(range(20_000), 10_000), range(20_000)).metadata()


@pytest.mark.parametrize("metadata", ["", "someone else's", "redrive1:\x00", "redrive1:abc"])
def test_the_offset_of_another_consumer_is_not_believed(metadata: str) -> None:
    with pytest.raises(ConfigInvalid, match=r"group `g` has offsets that no redrive committed; .* --group"):
        Sent.parse(7, metadata, "g")
