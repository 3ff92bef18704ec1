"""Spans are cut into ranges that any worker may read."""

import threading
from collections import Counter
from collections.abc import Iterator

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.testing.util import assert_that, equal_to

from pipeline.kafka import replay
from pipeline.kafka.connection import KafkaOptions
from pipeline.kafka.replay import ReadUploads
from pipeline.kafka.span import Span
from transforms.values import KafkaRecord


class Client:
    """A consumer that only its thread uses."""

    def close(self) -> None:
        pass


def test_a_span_is_cut_without_gap_or_overlap() -> None:
    span = Span("t", 3, 10, 31)
    assert list(span.cut(10)) == [Span("t", 3, 10, 20), Span("t", 3, 20, 30), Span("t", 3, 30, 31)]
    assert list(Span("t", 3, 10, 10).cut(10)) == []


def test_one_partition_is_read_by_several_workers_each_range_once(monkeypatch: pytest.MonkeyPatch) -> None:
    ranges: Counter[Span] = Counter()
    threads = set()
    together = threading.Barrier(2)

    def read(client: object, span: Span, options: KafkaOptions) -> Iterator[KafkaRecord]:
        ranges[span] += 1
        threads.add(threading.get_ident())
        if together.n_waiting or len(threads) < 2:
            together.wait(20)  # passes only when two threads read at the same time
        return (KafkaRecord("t", 0, n, n, None, None) for n in range(span.start, span.stop))

    monkeypatch.setattr(replay, "consumer", lambda options: Client())
    monkeypatch.setattr(replay, "read_span", read)
    options = PipelineOptions(["--direct_num_workers=2", "--direct_running_mode=multi_threading"])
    with beam.Pipeline(runner=FnApiRunner(), options=options) as pipeline:
        records = pipeline | ReadUploads(KafkaOptions(), [Span("t", 0, 5, 45)], range_records=10)
        per_range = (
            records
            | beam.Map(lambda record: (record.offset - 5) // 10)
            | beam.combiners.Count.PerElement()  # elements of each range
        )
        assert_that(per_range, equal_to([(0, 10), (1, 10), (2, 10), (3, 10)]), "ten of each")
        offsets = records | "Offsets" >> beam.Map(lambda record: record.offset)
        assert_that(offsets, equal_to(list(range(5, 45))), "each once")
    assert ranges == Counter(Span("t", 0, 5, 45).cut(10))
    assert len(threads) == 2


def test_a_time_that_nobody_can_mean_stops_no_replay(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [KafkaRecord("t", 0, n, time, b"k", b"v") for n, time in enumerate((2**63 - 1, -(2**63), 5))]
    monkeypatch.setattr(replay, "consumer", lambda options: Client())
    monkeypatch.setattr(replay, "read_span", lambda client, span, options: iter(found))
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        assert_that(pipeline | ReadUploads(KafkaOptions(), [Span("t", 0, 0, 3)]), equal_to(found))
