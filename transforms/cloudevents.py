"""CloudEvents 1.0 headers, binary mode of its Kafka protocol binding."""

from __future__ import annotations

import time
import uuid

from transforms.origin import origin_of
from transforms.plan import NAMESPACE
from transforms.values import Header, KafkaRecord

TRACE = ("traceparent", "tracestate")
"""W3C Trace Context, as OpenTelemetry's Kafka clients write it."""
MAX_TRACE = 1024
"""Bytes of such a header; a longer one is left behind: it would weigh on every record that answers the upload."""


def headers(identity: str, kind: str, subject: str, record: KafkaRecord, now_ms: int) -> tuple[Header, ...]:
    """Headers of a record that answers ``record``; its trace context is passed on."""
    values = {
        "ce_specversion": "1.0",
        "ce_id": identity,
        "ce_source": f"/captionstream/{origin_of(record).topic}",
        "ce_type": kind,
        "ce_time": moment(now_ms),
        "ce_subject": subject,
        "content-type": "application/avro",
    }
    trace = tuple(
        header for header in record.headers if header.name in TRACE and 0 < len(header.value or b"") <= MAX_TRACE
    )
    return tuple(Header(name, value.encode()) for name, value in values.items()) + trace


def moment(time_ms: int) -> str:
    """Milliseconds since the epoch in RFC 3339, UTC: ``2026-01-01T12:30:15.250Z``."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(time_ms / 1000)) + f".{time_ms % 1000:03d}Z"


def derived_id(*parts: str) -> str:
    """Deterministic UUID of the parts."""
    return str(uuid.uuid5(NAMESPACE, "\x1f".join(parts)))
