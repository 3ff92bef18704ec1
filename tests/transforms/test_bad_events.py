"""Hundreds of records that are no upload: each a dead letter with its code, soon and with little memory."""

import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from data.bad_events import EVENTS, FULL, body, encoded
from data.samples import record
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.codec import Encoder
from transforms.decode import DecodeEvent
from transforms.errors import InputError
from transforms.values import Decoded, Deletion

ROOT = Path(__file__).parents[2]
CODES = {event.code for event in EVENTS.values()}
PROGRAM = """
import sys
sys.path[:0] = [".", "tests"]
from data.bad_events import EVENTS
from transforms.decode import DecodeEvent
from transforms.errors import InputError
seen = 0
for event in EVENTS.values():
    try:
        DecodeEvent(event.wire)(event.record)
    except InputError as error:
        seen += error.code == event.code
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(seen, peak.split()[1])
"""


def test_there_are_enough() -> None:
    assert len(EVENTS) >= 200
    assert {"event_undecodable", "unknown_schema", "event_invalid", "unsupported_task", "unsupported_language"} == CODES
    assert min(Counter(event.code for event in EVENTS.values()).values()) >= 1


def test_the_hand_made_event_is_right_otherwise() -> None:
    assert isinstance(DecodeEvent()(record(value=body())), Decoded)
    assert isinstance(DecodeEvent()(record(value=encoded())), Decoded)


@pytest.mark.parametrize("name", EVENTS)
def test_it_ends_with_its_code(name: str) -> None:
    event, begun = EVENTS[name], time.process_time()
    with pytest.raises(InputError) as raised:
        DecodeEvent(event.wire)(event.record)
    assert raised.value.code == event.code
    assert "Traceback" not in raised.value.message
    assert len(raised.value.message) < 2_000
    assert time.process_time() - begun < 2


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from Linux's /proc")
def test_all_together_take_little_memory() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, cwd=ROOT, check=True)
    seen, kibibytes = map(int, done.stdout.split())
    assert seen == len(EVENTS)
    assert kibibytes < 600 * 1024


@given(st.data())
@settings(max_examples=1_500, derandomize=True, deadline=5_000, suppress_health_check=list(HealthCheck), database=None)
def test_a_changed_event_is_an_upload_or_a_typed_error(draw: st.DataObject) -> None:
    data = bytearray(Encoder("image_upload").encode(FULL | {"uri": None, "image": b"\xff\xd8\xff" * 20}))
    for _ in range(draw.draw(st.integers(1, 4))):
        place = draw.draw(st.integers(0, len(data) - 1))
        data[place : place + draw.draw(st.integers(0, 3))] = draw.draw(st.binary(max_size=10))
    made: Decoded | Deletion | InputError
    try:
        made = DecodeEvent()(record(value=bytes(data)))
    except InputError as error:
        made = error
    assert isinstance(made, Decoded) or (isinstance(made, InputError) and made.code in CODES)
