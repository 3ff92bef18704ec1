from dataclasses import replace

import pytest
from data.samples import candidate, caption, deletion, record, text

from schemas.codec import Decoder
from transforms.audit import Audit
from transforms.encode import Encode
from transforms.origin import ORIGIN, Origin, origin_of
from transforms.values import Candidate, Finished, Header, KafkaRecord, Tombstone

FIRST = Origin("uploads", 3, 9)


def redriven(source: KafkaRecord) -> KafkaRecord:
    """It lies elsewhere now."""
    headers = (*source.headers, Header(ORIGIN, str(origin_of(source)).encode()))
    return replace(source, topic="retries", partition=1, offset=77, headers=headers)


def test_a_record_that_was_never_redriven_is_its_own_origin() -> None:
    assert origin_of(record(9, partition=3)) == FIRST
    assert str(FIRST) == record(9, partition=3).coordinates() == "uploads/3/9"


def test_the_header_goes_through_every_redrive() -> None:
    once = redriven(record(9, partition=3))
    assert origin_of(once) == origin_of(redriven(once)) == FIRST


@pytest.mark.parametrize(
    "value",
    [
        None, b"", b"uploads", b"uploads/3", b"uploads/3/-9", b"uploads/3/9/", b"/3/9", b"up loads/3/9", b"\xff/3/9",
        b"uploads/2147483648/9", b"uploads/3/9223372036854775808", "uploads/3/٣".encode(), b"uploads/3/9\n",
        b"t" * 250 + b"/3/9",
    ],
)  # fmt: skip
def test_what_is_no_origin_is_not_believed(value: bytes | None) -> None:
    assert origin_of(record(7, headers={ORIGIN: value})) == Origin("uploads", 0, 7)
    known = Header(ORIGIN, b"uploads/3/9")
    assert origin_of(replace(record(7), headers=(known, Header(ORIGIN, value)))) == FIRST


def published(of: Candidate) -> tuple[dict[str, object], dict[str, object], list[bytes | None]]:
    audit = Audit("audits", "run-1", clock=lambda: 0)
    encode = Encode("captions", "run-1", is_replay=True, audit=audit, clock=lambda: 0)
    done = encode(Finished(caption=caption(of, (text(of=of),))))
    (answer,), (trail,) = done.records, done.audits
    ours = [header.value for header in answer.headers if header.name in ("ce_id", "ce_source")]
    return Decoder("caption").decode(answer.value or b""), Decoder("audit").decode(trail.value or b""), ours


def test_captions_and_audit_records_of_a_redriven_upload_are_the_same() -> None:
    of = candidate("img-1", offset=9, partition=3)
    assert published(replace(of, record=redriven(of.record))) == published(of)


def test_a_redriven_deletion_has_the_same_id() -> None:
    source = deletion("img-1", offset=9).record
    encode = Encode("captions", "r", True, Audit("audits", "r"), clock=lambda: 0)
    once, twice = (encode.encode(Tombstone(each, "img-1", "shop")).records[0] for each in (source, redriven(source)))
    assert once.headers == twice.headers
