"""Which uploads need no caption because theirs is published."""

import pickle
import random
import uuid
from dataclasses import dataclass

import apache_beam as beam
import numpy as np
import pytest
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.testing.util import assert_that, equal_to
from data.samples import NEW_YEAR_MS, candidate, record

from transforms.caption import desk_for, forget
from transforms.captioner.api import CaptionerInfo, CaptionerOptions, Sampling
from transforms.captioner.prompts import Library
from transforms.plan import Planner, event_id
from transforms.review import ReviewPolicy
from transforms.similarity import SimilarityRule
from transforms.stage_options import CaptionOptions
from transforms.unchanged import Published, PublishedReader, SkipUnchanged, Unchanged
from transforms.values import Inspected, KafkaRecord

DAY = 24 * 3600 * 1000
PLANNER = Planner(Library.load("tiny"), CaptionerInfo("m", "1", 8), Sampling(), "1")


def inspected(image_id: str = "img-1", content: bytes | None = None, offset: int = 0, **asked: object) -> Inspected:
    seen = candidate(image_id, content, offset=offset, **asked)
    return Inspected(seen.record, seen.upload, seen.picture)


def identity(element: Inspected, planner: Planner = PLANNER) -> str:
    return event_id(element.upload, element.picture.sha256, planner.plan(element.upload))


def caption(element: Inspected, timestamp_ms: int = NEW_YEAR_MS + DAY) -> KafkaRecord:
    key, told = element.upload.image_id.encode(), identity(element).encode()
    return record(key=key, headers={"ce_type": b"x", "ce_id": told}, timestamp_ms=timestamp_ms)


def tombstone(image_id: str) -> KafkaRecord:
    headers = {"ce_id": str(uuid.uuid4()).encode()}
    return record(key=image_id.encode(), value=None, headers=headers, timestamp_ms=NEW_YEAR_MS + DAY)


def published(*records: KafkaRecord) -> Published:
    reader = PublishedReader()
    for one in records:
        reader.add(one)
    return reader.finish()


def unchanged(*records: KafkaRecord, planner: Planner = PLANNER) -> Unchanged:
    return Unchanged(published(*records), planner)


def test_an_upload_is_unchanged_when_its_caption_is_published() -> None:
    known = inspected("a")
    is_unchanged = unchanged(caption(known), caption(inspected("b")))
    assert is_unchanged(known)
    assert not is_unchanged(inspected("c"))
    assert not is_unchanged(inspected("a", b"new bytes"))
    assert not is_unchanged(inspected("a", languages=("zh-Hans",)))


@pytest.mark.parametrize(
    "planner",
    [
        Planner(Library.load("tiny"), CaptionerInfo("other", "1", 8), Sampling(), "1"),
        Planner(Library.load("tiny"), CaptionerInfo("m", "2", 8), Sampling(), "1"),
        Planner(Library.load("tiny"), CaptionerInfo("m", "1", 8), Sampling(temperature=0.7), "1"),
        Planner(Library.load("tiny"), CaptionerInfo("m", "1", 8), Sampling(), "2"),
        Planner(Library.load("default"), CaptionerInfo("m", "1", 8), Sampling(), "1"),
    ],
    ids=["model", "revision", "sampling", "policy", "prompts"],
)
def test_whatever_would_caption_differently_changes_it(planner: Planner) -> None:
    assert not unchanged(caption(inspected()), planner=planner)(inspected())


def test_an_image_that_was_deleted_is_never_skipped() -> None:
    """Its deletion is replayed, too: what was uploaded after it must be published after it again."""
    known = inspected("a")
    assert not unchanged(caption(known), tombstone("a"))(known)
    assert not unchanged(caption(known), tombstone("a"), caption(known))(known)
    assert unchanged(caption(known), tombstone("b"))(known)


def test_a_caption_older_than_the_upload_answers_an_earlier_one() -> None:
    again = inspected("a", offset=60)
    at = again.record.timestamp_ms
    assert not unchanged(caption(again, at - 1))(again)
    assert unchanged(caption(again, at))(again)
    assert unchanged(caption(again, at + 5), caption(again, at - 5))(again)  # the last one counts


def test_an_upload_without_a_prompt_is_left_to_the_caption_stage() -> None:
    assert not unchanged(caption(inspected()))(inspected(languages=("fr",)))


def test_records_that_are_not_ours_are_stepped_over() -> None:
    assert len(published(record(), record(headers={"ce_id": None}), record(headers={"ce_id": b"\xff 1"}))) == 0


def test_the_set_holds_what_was_put_in_and_nothing_else() -> None:
    rng = random.Random(5)
    ids = [rng.randbytes(16) for _ in range(2000)] + [bytes(16), b"\x00" * 15 + b"\x01", b"\x01" + bytes(15)]
    times = list(range(len(ids)))
    held = Published(np.array(ids, "S16"), np.array(times), np.array([], np.uint64))
    assert len(held) == len(ids)
    for one, at in zip(ids, times, strict=True):
        assert held.time_of(str(uuid.UUID(bytes=one))) == at
        assert held.time_of(str(uuid.UUID(bytes=one[:15] + bytes([one[15] ^ 0x80])))) is None
    assert (
        Published(np.empty(0, "S16"), np.empty(0, np.int64), np.empty(0, np.uint64)).time_of(str(uuid.UUID(int=0)))
        is None
    )


@dataclass(frozen=True)
class Read:
    """Counts how often it is asked."""

    records: tuple[KafkaRecord, ...]
    asked = []  # noqa: RUF012 - shared on purpose

    def __call__(self) -> Published:
        self.asked.append(1)
        return published(*self.records)


def test_the_stage_reads_once_and_lets_only_changed_uploads_through() -> None:
    captioner = CaptionerOptions(kind="fake", model="fake")
    options = CaptionOptions("job", captioner, Library.load("tiny"), SimilarityRule(), ReviewPolicy())
    planner = desk_for(options)._means.planner  # what the caption stage makes its ids with
    known, new = inspected("a"), inspected("b")
    published_id = identity(known, planner).encode()
    read = Read((record(key=b"a", headers={"ce_id": published_id}, timestamp_ms=NEW_YEAR_MS + DAY),))
    for _ in range(2):
        with beam.Pipeline(runner=FnApiRunner()) as pipeline:
            passed = pipeline | beam.Create([known, new, known]) | beam.ParDo(SkipUnchanged(read, options))
            assert_that(passed, equal_to([new]))
    [counter] = [c for c in pipeline.result.metrics().query()["counters"] if c.key.metric.name == "unchanged"]
    assert counter.result == 2
    assert read.asked == [1]
    assert len(pickle.dumps(SkipUnchanged(read, options))) < 3000
    forget("job")
