"""Times of records as Beam's."""

from __future__ import annotations

from apache_beam.utils.timestamp import Timestamp

_LAST_MS = 253_402_300_799_000
"""The end of the year 9999: timers that are set years after it still fit into Beam's 64 bits of microseconds."""


def event_time(milliseconds: int) -> Timestamp:
    """A time since the epoch as Beam's; one that nobody can mean is cut to 1970 or the year 9999.

    Brokers take any 64 bits (a producer that counts nanoseconds is in the year 55,000,000), and an upload may name any:
    raised here, it would stop the job at this record for ever.
    """
    return Timestamp(micros=min(max(milliseconds, 0), _LAST_MS) * 1000)
