"""Times of records as Beam's."""

import pytest
from apache_beam.coders.coders import BytesCoder, GlobalWindowCoder, WindowedValueCoder
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.timestamp import Timestamp
from apache_beam.utils.windowed_value import WindowedValue

from pipeline.kafka.timestamps import event_time

YEAR_9999 = Timestamp(253_402_300_799)
TWO_YEARS = 2 * 365 * 24 * 3600.0


@pytest.mark.parametrize(
    ("milliseconds", "moment"),
    [
        (1_767_225_600_123, Timestamp(micros=1_767_225_600_123_000)),
        (0, Timestamp(0)),
        (-1, Timestamp(0)),
        (-(2**63), Timestamp(0)),
        (1_767_225_600_000_000_000, YEAR_9999),
        (2**63 - 1, YEAR_9999),
    ],
    ids=["a time", "the epoch", "none", "least", "nanoseconds", "most"],
)
def test_any_time_of_a_record_is_one_that_a_runner_can_hold(milliseconds: int, moment: Timestamp) -> None:
    coder = WindowedValueCoder(BytesCoder(), GlobalWindowCoder())
    for at in (event_time(milliseconds), event_time(milliseconds) + TWO_YEARS):
        value = WindowedValue(b"upload", at, (GlobalWindow(),))
        assert coder.decode(coder.encode(value)).timestamp == at
    assert event_time(milliseconds) == moment
