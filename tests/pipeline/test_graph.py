"""The job's shape: step names and coders are part of every savepoint."""

from typing import Any

import apache_beam as beam
import pytest
from apache_beam.coders import Coder
from apache_beam.pipeline import PipelineVisitor
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from pipeline.config import Config, Topics
from pipeline.graph import build
from pipeline.kafka.replay import ReadUploads
from pipeline.kafka.span import Span
from transforms.captioner.prompts import Library
from transforms.coders import AvroCoder
from transforms.stage_options import CaptionOptions

STEPS = [
    "Read uploads",
    "Decode event",
    "Fetch image",
    "Inspect image",
    "Fingerprint",
    "Candidate arrives",
    "Deletion arrives",
    "All arrivals",
    "By scope",
    "Find duplicate",
    "Caption image",
    "Encode caption",
    "Write captions",
    "Encode refusal",
    "Write audit",
    "All dead letters",
    "Encode dead letter",
    "Write dead letters",
]


def _pipeline(**changes: Any) -> beam.Pipeline:
    pipeline = beam.Pipeline(runner=FnApiRunner())
    config = Config(prompts=Library.load("tiny"), **changes)
    build(pipeline | "Read uploads" >> ReadUploads(config.kafka, [Span("t", 0, 0, 5)]), config)
    return pipeline


def test_step_names_are_the_published_list() -> None:
    names = [part.full_label for part in _pipeline().transforms_stack[0].parts]
    assert names == STEPS


def test_skipping_what_is_published_adds_one_step() -> None:
    names = [part.full_label for part in _pipeline(published=()).transforms_stack[0].parts]
    assert names == [*STEPS[:4], "Skip unchanged", *STEPS[4:]]


def test_a_cache_topic_adds_one_step() -> None:
    names = [part.full_label for part in _pipeline(topics=Topics(cache="cache")).transforms_stack[0].parts]
    assert names == [*STEPS[:5], "Read cache", *STEPS[5:]]


@pytest.mark.parametrize(
    "changes", [{}, {"published": (Span("captions", 0, 0, 9),)}, {"topics": Topics(cache="cache")}]
)
def test_everything_that_crosses_a_stage_is_avro(changes: dict[str, Any]) -> None:
    found: dict[str, Coder] = {}

    class Coders(PipelineVisitor):
        def visit_value(self, value, producer):  # type: ignore[no-untyped-def]
            found[f"{producer.full_label}[{value.tag}]"] = beam.coders.registry.get_coder(value.element_type)

    _pipeline(**changes).visit(Coders())
    wrong = {}
    for name, coder in found.items():
        if name.split("[")[0].startswith(("Read uploads/", "Read cache/Read/", "Write")) or name.startswith("["):
            continue
        parts = coder.coders() if hasattr(coder, "coders") else [coder]
        last = getattr(parts[-1], "_elem_coder", parts[-1])  # what is gathered is many
        if not isinstance(last, AvroCoder):
            wrong[name] = coder
    assert wrong == {}


def test_texts_outlive_the_duplicate_index() -> None:
    options: CaptionOptions = Config().caption_options()
    assert options.keep_texts_seconds > 60 * 24 * 3600 * 9 / 8
