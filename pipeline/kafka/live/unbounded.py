"""The one place that knows Beam's experimental `unbounded_source`: sources, and the transform that reads them.

Beam pickles a source into the job graph and, with every unfinished read, into savepoints. Ours pickle as plain
values only; how to reach the brokers belongs to the job that runs now, and is given to a source each time it is
about to be read (`ContextSource.context`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Generic, TypeVar

import apache_beam as beam
from apache_beam.io import unbounded_source as api
from apache_beam.io.watermark_estimators import ManualWatermarkEstimator
from apache_beam.transforms import core

CheckpointMark = api.CheckpointMark
UnboundedReader = api.UnboundedReader

Context = TypeVar("Context")


class ContextSource(api.UnboundedSource, Generic[Context]):
    """A source that is read whole: it is split by making several of it."""

    context: Context
    """Of the job that runs now; set before `create_reader`, never pickled."""

    def split(self, desired_num_splits: int, options: Any = None) -> list[ContextSource[Context]]:
        """Never: each is one partition, or the one list of partitions."""
        return [self]


class ReadSources(beam.PTransform, Generic[Context]):
    """A collection of `ContextSource` → what they hold, each source read on some worker until it ends."""

    def __init__(
        self, context: Context, poll_seconds: float, max_records: int, max_seconds: float, output_type: Any
    ) -> None:
        """An idle source is asked again after ``poll_seconds``; a busy one is checkpointed at either maximum."""
        super().__init__()
        self._dofn = _ReadInContext(context, poll_seconds, max_records, max_seconds)
        self._output_type = output_type

    def expand(self, sources: Any) -> Any:
        """One splittable DoFn."""
        return sources | "Read" >> beam.ParDo(self._dofn).with_output_types(self._output_type)


class _ReadInContext(api._ReadFromUnboundedSourceDoFn):
    def __init__(self, context: Any, poll_seconds: float, max_records: int, max_seconds: float) -> None:
        super().__init__(poll_seconds, max_records, max_seconds)
        self._context = context

    @core.DoFn.unbounded_per_element()
    def process(
        self,
        element: Any,
        bundle_finalizer: Any = core.DoFn.BundleFinalizerParam,
        tracker: Any = core.DoFn.RestrictionParam(api._PROVIDER),
        watermark_estimator: Any = core.DoFn.WatermarkEstimatorParam(ManualWatermarkEstimator.default_provider()),
    ) -> Iterator[Any]:
        """Beam's own, once the source knows the job's context."""
        tracker.current_restriction().source.context = self._context
        yield from super().process(element, bundle_finalizer, tracker, watermark_estimator)
