"""How long an upload is where on its way: read, found, submitted, answered, acknowledged."""

import collections
import functools
import threading
import time
from typing import Any

from pipeline.kafka.live.partition import PartitionReader
from pipeline.kafka.sink import WriteRecords
from transforms.desk import Desk
from transforms.duplicates import FindDuplicate
from transforms.serving import Serving

STEPS = (
    ("produced", "read", "Kafka, and until the partition is asked again"),
    ("read", "found", "decode to fingerprint, end of the bundle, hop by merchant"),
    ("found", "arrived", "end of the bundle, hop by leader"),
    ("arrived", "served", "captioner, and until the poll sees its answer"),
    ("served", "written", "encode, end of the bundle, audit and caption acknowledged"),
)


class Trace:
    """Seconds since the epoch at each step, by record coordinates."""

    def __init__(self) -> None:
        self._at: dict[str, dict[str, float]] = collections.defaultdict(dict)
        self._lock = threading.Lock()

    def note(self, record: Any, step: str) -> None:
        with self._lock:
            marks = self._at[record.coordinates()]
            marks.setdefault("produced", record.timestamp_ms / 1000)
            marks.setdefault(step, time.time())

    def report(self) -> str:
        whole = [m for m in self._at.values() if len(m) == 6]
        lines = [f"{'step':<24}{'p50 ms':>8}{'p99 ms':>8}  what it is ({len(whole)} uploads)"]
        for start, end, what in (*STEPS, ("produced", "written", "all of it")):
            spent = sorted(m[end] - m[start] for m in whole)
            if spent:
                p50, p99 = (1000 * spent[min(int(len(spent) * q), len(spent) - 1)] for q in (0.5, 0.99))
                lines.append(f"{start + ' → ' + end:<24}{p50:>8.0f}{p99:>8.0f}  {what}")
        return "\n".join(lines)


def trace() -> Trace:
    """Put a trace on the live job; it stays until the process ends."""
    made = Trace()

    def after(owner: Any, name: str, step: str, record_of: Any) -> None:
        plain = getattr(owner, name)

        @functools.wraps(plain)
        def noted(self: Any, *arguments: Any, **named: Any) -> Any:
            result = plain(self, *arguments, **named)
            for record in record_of(self, arguments, result):
                made.note(record, step)
            return result

        setattr(owner, name, noted)

    after(PartitionReader, "advance", "read", lambda reader, _, found: [reader.get_current()] if found else [])
    after(FindDuplicate, "process", "found", lambda _, args, __: [args[0][1].candidate.record])
    after(Desk, "arrive", "arrived", lambda _, args, __: [args[0].arrival.candidate.record])
    after(Serving, "finish", "served", lambda _, args, __: [args[0].candidate.record])
    after(WriteRecords, "_send", "written", lambda _, args, __: [r.origin for r in args[0] if r.topic == "captions"])
    return made
