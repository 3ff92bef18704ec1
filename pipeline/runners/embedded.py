"""Runs the graph over bounded input in this process, on the embedded runner, which is asked for by name."""

from __future__ import annotations

import gc
from collections.abc import Sequence

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner, worker_handlers

from pipeline.config import Config
from pipeline.graph import build
from pipeline.kafka.connection import check_topics
from pipeline.kafka.replay import ReadUploads
from pipeline.kafka.span import Span
from pipeline.metrics.endpoint import serve
from pipeline.runners.faults import plain_faults
from transforms import caption, duplicates
from transforms.inflight import captioner_for

# Beam's state cache sizes values by walking object graphs, 0.2 ms each. No option reaches the embedded worker's.
worker_handlers.STATE_CACHE_SIZE_MB = 0


def run_embedded(config: Config, spans: Sequence[Span]) -> dict[str, int]:
    """Run the job over resolved spans in this process; returns its counters.

    DirectRunner cannot run this pipeline (real-time timers in a stateful stage), so `FnApiRunner` is named.
    Raises `JobError` with the cause when the job stops.
    """
    serve(config.metrics)
    captioner_for(config.captioner)  # a missing model stops the job before anything is read
    check_topics(config.kafka, config.topics.every)
    pipeline = beam.Pipeline(runner=FnApiRunner(), options=PipelineOptions([]))
    build(pipeline | "Read uploads" >> ReadUploads(config.kafka, spans), config)
    gc.collect()
    gc.freeze()  # a model, Beam and torch are hundreds of thousands of objects, looked at again and again
    try:
        with plain_faults():
            result = pipeline.run()
            result.wait_until_finish()
    finally:
        gc.unfreeze()
        duplicates.forget(config.run_id)
        caption.forget(config.run_id)
    counters = result.metrics().query()["counters"]
    return {counter.key.metric.name: counter.result for counter in counters}
