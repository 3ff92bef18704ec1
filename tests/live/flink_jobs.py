"""The jobs that the tests of the runners run; in a module of their own, for workers to import."""

import time
from collections.abc import Iterator
from pathlib import Path

import apache_beam as beam
from apache_beam.coders import VarIntCoder
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.runner import PipelineResult
from apache_beam.transforms.periodicsequence import PeriodicImpulse
from apache_beam.transforms.userstate import ReadModifyWriteStateSpec


class Append(beam.DoFn):
    """Writes each element as a line."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def process(self, element: object) -> None:
        with self._path.open("a") as lines:
            lines.write(f"{element}\n")


class Count(beam.DoFn):
    """Numbers the elements of a key, in state."""

    SEEN = ReadModifyWriteStateSpec("seen", VarIntCoder())

    def process(self, element: tuple[bytes, object], seen=beam.DoFn.StateParam(SEEN)) -> Iterator[int]:
        number = (seen.read() or 0) + 1
        seen.write(number)
        yield number


def options(endpoint: str, name: str, *more: str) -> PipelineOptions:
    return PipelineOptions(
        ["--runner=PortableRunner", f"--job_endpoint={endpoint}", f"--job_name={name}", "--streaming", *more]
    )


def square(path: Path, endpoint: str, *more: str) -> None:
    """Bounded: writes 0, 1, 4, 9 and is done."""
    with beam.Pipeline(options=options(endpoint, "square", *more)) as root:
        _ = root | beam.Create(range(4)) | beam.Map(lambda n: n * n) | beam.ParDo(Append(path))


def count(path: Path, name: str, endpoint: str, *more: str) -> PipelineResult:
    """Endless: counts up in state, ten times a second, with a checkpoint a second."""
    # No with: that would wait for the end.
    root = beam.Pipeline(
        options=options(
            endpoint,
            name,
            "--checkpointing_interval=1000",
            "--finish_bundle_before_checkpointing",
            "--parallelism=1",
            *more,
        )
    )
    _ = (
        root
        | PeriodicImpulse(start_timestamp=time.time(), fire_interval=0.1)
        | "Key" >> beam.Map(lambda tick: (b"all", tick)).with_output_types(tuple[bytes, float])
        | beam.ParDo(Count())
        | beam.ParDo(Append(path))
    )
    return root.run()


def lines(path: Path) -> list[int]:
    return [int(line) for line in path.read_text().splitlines()] if path.exists() else []
