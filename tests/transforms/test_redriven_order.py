"""A redriven record keeps its place among the records of its image, not the one it was sent back to."""

from dataclasses import replace

from data.samples import arrival, candidate, deletion, record

from transforms.group import precedes
from transforms.index.decide import DuplicateIndex
from transforms.origin import ORIGIN
from transforms.similarity import SimilarityRule
from transforms.values import Header, KafkaRecord


def redriven(source: KafkaRecord, offset: int, partition: int = 0) -> KafkaRecord:
    origin = Header(ORIGIN, source.coordinates().encode())
    return replace(source, offset=offset, partition=partition, headers=(origin,))


def test_a_deleted_image_does_not_come_back() -> None:
    upload = candidate("a", offset=5)
    index = DuplicateIndex("shop", SimilarityRule())
    index.assign(arrival(deletion("a", offset=6)))
    for back in (redriven(upload.record, 9), redriven(upload.record, 1, partition=1)):
        ((late,), _) = index.assign(arrival(replace(upload, record=back)))
        assert late.arrival.candidate is not None
        assert late.arrival.candidate.deleted


def test_a_redriven_deletion_spares_what_was_uploaded_since() -> None:
    index = DuplicateIndex("shop", SimilarityRule())
    index.assign(arrival(candidate("a", b"new", offset=8)))
    gone = deletion("a", offset=6)
    index.assign(arrival(replace(gone, record=redriven(gone.record, 9))))
    assert len(index) == 1


def test_order_is_that_of_the_origins() -> None:
    assert precedes(redriven(record(5), 9), record(6))
    assert not precedes(record(8), redriven(record(6), 9))
    assert precedes(redriven(record(5), 1, partition=1), record(6))


def test_offsets_of_two_topics_are_not_compared() -> None:
    upload = candidate("a", offset=5)
    moved = replace(upload, record=replace(upload.record, topic="other", timestamp_ms=record(99).timestamp_ms))
    index = DuplicateIndex("shop", SimilarityRule())
    index.assign(arrival(deletion("a", offset=6)))
    ((late,), _) = index.assign(arrival(moved))
    assert late.arrival.candidate is not None
    assert not late.arrival.candidate.deleted  # it is younger by time, whatever its offset
