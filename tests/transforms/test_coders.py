import io
import pickle
import pickletools
from dataclasses import replace

import pytest
from apache_beam import coders
from data import samples
from data.state_values import state_values
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from schemas.state import VERSION
from transforms.coders import CROSSING, AvroCoder
from transforms.values import (
    Arrival,
    Candidate,
    Fetched,
    GroupState,
    Inspected,
    KafkaRecord,
    Moderation,
    ModerationVerdict,
    Reason,
    Region,
    Role,
)

VALUES = state_values()
EVERY = pytest.mark.parametrize("cls", CROSSING, ids=lambda cls: cls.__name__)


@EVERY
def test_values_come_back_equal(cls: type) -> None:
    coder = AvroCoder(cls)
    back = coder.decode(coder.encode(VALUES[cls]))
    assert back == VALUES[cls]
    assert type(back) is cls


def test_answers_of_all_tasks_come_back_equal() -> None:
    gun = Region(Reason.WEAPON, 0, 1, 2, 1000)
    texts = (
        replace(samples.text(), keywords=("杯子", "red mug"), alt_text="A mug"),
        replace(samples.text(), moderation=Moderation(ModerationVerdict.SAFE, (), ())),
        replace(
            samples.text(),
            moderation=Moderation(ModerationVerdict.VIOLATION, (Reason.WEAPON, Reason.OTHER), (gun, gun)),
            written='{"verdict": …}',
        ),
    )
    coder = AvroCoder(GroupState)
    back = coder.decode(coder.encode(GroupState(texts)))
    assert back == GroupState(texts)
    assert type(back.texts[2].moderation.regions[0].reason) is Reason


@EVERY
def test_beam_finds_the_coder_of_every_crossing_class(cls: type) -> None:
    coder = coders.registry.get_coder(cls)
    assert isinstance(coder, AvroCoder)
    assert coder.to_type_hint() is cls
    assert coder.is_deterministic()
    assert coder.encode(VALUES[cls]) == AvroCoder(cls).encode(VALUES[cls])


@EVERY
def test_equal_values_give_equal_bytes(cls: type) -> None:
    twin = pickle.loads(pickle.dumps(VALUES[cls]))  # noqa: S301 - our own
    assert twin is not VALUES[cls]
    assert AvroCoder(cls).encode(twin) == AvroCoder(cls).encode(VALUES[cls])


@EVERY
def test_what_lies_on_the_wire_is_no_pickle(cls: type) -> None:
    encoded = coders.registry.get_coder(cls).encode(VALUES[cls])
    assert encoded[0] == VERSION  # the version of the state schemas
    assert b"transforms" not in encoded
    with pytest.raises(Exception, match=r"opcode|unpickling|stack|exhausted|pickle|key"):
        list(pickletools.genops(io.BytesIO(encoded)))


@EVERY
def test_coders_are_pickled_into_the_job_and_compare_equal(cls: type) -> None:
    registered = coders.registry.get_coder(cls)
    loaded = pickle.loads(pickle.dumps(registered))  # noqa: S301 - our own
    assert loaded == registered == AvroCoder(cls)
    assert hash(loaded) == hash(registered)
    assert loaded.decode(registered.encode(VALUES[cls])) == VALUES[cls]


def test_coders_of_different_classes_differ() -> None:
    assert len({AvroCoder(cls) for cls in CROSSING}) == len(CROSSING)
    assert AvroCoder(KafkaRecord) != coders.BytesCoder()


def test_null_and_empty_bytes_are_told_apart() -> None:
    coder = AvroCoder(KafkaRecord)
    null = KafkaRecord("uploads", 0, 0, 0, None, None)
    empty = KafkaRecord("uploads", 0, 0, 0, b"", b"")
    assert coder.decode(coder.encode(null)) == null
    assert coder.decode(coder.encode(empty)) == empty
    assert coder.encode(null) != coder.encode(empty)


def test_enums_come_back_as_enums() -> None:
    cls = next(cls for cls in CROSSING if cls.__name__ == "Assignment")
    assert AvroCoder(cls).decode(AvroCoder(cls).encode(VALUES[cls])).role is Role.MEMBER


def carrying(value: bytes | None, encoded: bytes, offset: int = 0) -> Candidate:
    """A candidate of a record with this value and a picture of these bytes."""
    record = samples.record(offset, value=value)
    return Candidate(record, samples.upload(), samples.picture(encoded), samples.fingerprint())


def size(value: object) -> int:
    return len(AvroCoder(type(value)).encode(value))


LETTERS = st.lists(st.sampled_from([b"a", b"b", b"\xff"]), max_size=200).map(b"".join)
"""Few different bytes: parts that begin alike, overlap and repeat."""


@given(LETTERS, LETTERS | st.binary(min_size=60, max_size=300), LETTERS, st.booleans())
@example(b"a" * 64 + b"b", b"a" * 65, b"", True)
@example(b"", b"", b"", True)
def test_pictures_come_back_whether_or_not_they_lie_in_the_record(
    before: bytes, encoded: bytes, after: bytes, inside: bool
) -> None:
    one = carrying(before + (encoded if inside else b"") + after, encoded)
    other = carrying(None, encoded, offset=1)
    fetched = Fetched(one.record, one.upload, encoded)
    for value in (one, other, fetched, Arrival(candidate=one), GroupState(pending=(one, other))):
        coder = AvroCoder(type(value))
        assert coder.decode(coder.encode(value)) == value
        assert coder.encode(coder.decode(coder.encode(value))) == coder.encode(value)


def test_a_picture_that_lies_in_its_record_is_written_once() -> None:
    encoded = bytes(range(256)) * 200
    inside, apart = carrying(b"head" + encoded + b"tail", encoded), carrying(b"head" + b"tail", encoded)
    assert size(inside) - size(apart) < 16
    assert size(GroupState(pending=(inside, inside))) < 2.1 * len(encoded)


def test_a_picture_that_only_begins_like_its_record_is_written() -> None:
    encoded = bytes(range(200))
    coder = AvroCoder(Candidate)
    value = carrying(encoded[:100] + encoded, encoded)
    assert coder.decode(coder.encode(value)) == value
    assert size(value) > 500


def test_what_was_decoded_is_not_written() -> None:
    inspected = Inspected(samples.record(), samples.upload(), samples.picture(), Image.new("RGB", (300, 300)))
    assert size(inspected) < 1000
    coder = AvroCoder(Inspected)
    back = coder.decode(coder.encode(inspected))
    assert back == inspected
    assert back.decoded is None
