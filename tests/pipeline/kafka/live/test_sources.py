"""What of the sources lies in savepoints besides their marks: how they are made again."""

import pickle

import pytest

from pipeline.kafka.live.partition import PartitionSource, partition_source
from pipeline.kafka.live.partitions import PartitionsSource, partitions_source
from pipeline.kafka.positions import Position
from transforms.errors import RunnerRefused

STARTS = (Position("a", 0, 5), Position("图", 7, 2**40))


def test_a_savepoint_calls_functions_that_must_stay() -> None:
    assert PartitionSource(STARTS[1]).__reduce__() == (partition_source, ("图", 7, 2**40))
    assert PartitionsSource(STARTS).__reduce__() == (partitions_source, ((("a", 0, 5), ("图", 7, 2**40)),))
    assert f"{partition_source.__module__}.{partition_source.__name__}" == (
        "pipeline.kafka.live.partition.partition_source"
    )
    assert f"{partitions_source.__module__}.{partitions_source.__name__}" == (
        "pipeline.kafka.live.partitions.partitions_source"
    )


@pytest.mark.parametrize("starts", [None, (), STARTS])
def test_they_come_back_as_they_were(starts: tuple[Position, ...] | None) -> None:
    assert pickle.loads(pickle.dumps(PartitionsSource(starts))).starts == starts  # noqa: S301


def test_a_savepoint_that_was_not_taken_up_reads_nothing_from_its_beginning() -> None:
    with pytest.raises(RunnerRefused, match=r"brought nothing back of the savepoint .* start without `--resume`"):
        PartitionsSource(None).create_reader(None, None)
