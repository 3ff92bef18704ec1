import io
import pickle
import pickletools

import pytest
from apache_beam import coders
from data.state_values import state_values

from transforms.coders import CROSSING, AvroCoder
from transforms.values import KafkaRecord, Role

VALUES = state_values()
EVERY = pytest.mark.parametrize("cls", CROSSING, ids=lambda cls: cls.__name__)


@EVERY
def test_values_come_back_equal(cls: type) -> None:
    coder = AvroCoder(cls)
    back = coder.decode(coder.encode(VALUES[cls]))
    assert back == VALUES[cls]
    assert type(back) is cls


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
    assert encoded[0] == 1  # the version of the state schemas
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
