"""A new job that starts with the texts of an earlier one, from a real compacted topic."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.testing.util import assert_that
from live.shop import Shop, near_copy, product_png

from pipeline.config import Topics
from pipeline.kafka.cached import ReadCache
from pipeline.kafka.offsets import resolve
from pipeline.kafka.positions import Uploads
from pipeline.local.kafka import LocalKafka
from pipeline.runners.embedded import run_embedded
from transforms.captioner.api import CaptionerOptions
from transforms.values import Arrival

pytestmark = pytest.mark.broker


class Jobs:
    """One cache topic, and a set of other topics for each job."""

    def __init__(self, kafka: LocalKafka, topics: Callable[..., dict[str, str]]) -> None:
        self._servers, self._topics = kafka.bootstrap_servers, topics
        self.cache = topics({"cache": 2})["cache"]

    def shop(self) -> Shop:
        return Shop(self._servers, self._topics({"uploads": 2, "captions": 2, "dead": 1, "audit": 1}))

    def run(self, shop: Shop, **changes: object) -> dict[str, int]:
        spans = resolve(shop.kafka, Uploads((self.cache,)))
        topics = Topics(*shop.topics.names, cache=self.cache)
        base = shop.config(**changes)
        return run_embedded(replace(base, topics=topics, cached=tuple(spans)), resolve(base.kafka, base.uploads))


@pytest.fixture
def jobs(kafka: LocalKafka, topics: Callable[..., dict[str, str]]) -> Jobs:
    return Jobs(kafka, topics)


def uploads(count: int, prefix: str = "a", copies: bool = False, **more: object) -> list[dict[str, object]]:
    pictures = [product_png(n) for n in range(count)]
    return [
        {"image_id": f"{prefix}{n}", "languages": ["en"], "image": near_copy(png) if copies else png, **more}
        for n, png in enumerate(pictures)
    ]


def test_copies_of_what_an_earlier_job_captioned_have_its_texts(jobs: Jobs) -> None:
    first, second = jobs.shop(), jobs.shop()
    first.upload(*uploads(6))
    assert jobs.run(first)["generations"] == 6
    second.upload(*uploads(6, "b", copies=True), *uploads(1, "c", image=product_png(50)))
    counters = jobs.run(second)
    told = {caption["image_id"]: caption for caption in second.captions()}
    before = {caption["image_id"]: caption["texts"][0]["caption"] for caption in first.captions()}
    assert counters["cache_read"] == 6
    assert counters["captions"] == 7
    assert told["c0"]["origin"] == "GENERATED"
    for n in range(6):  # the cache is not awaited: some may have been asked for, and have their text all the same
        assert (told[f"b{n}"]["origin"], told[f"b{n}"]["duplicate_of"]) == ("REUSED", f"a{n}")
        assert told[f"b{n}"]["texts"][0]["caption"] == before[f"a{n}"]


def test_another_merchant_and_another_model_find_nothing(jobs: Jobs) -> None:
    first, other, model = jobs.shop(), jobs.shop(), jobs.shop()
    first.upload(*uploads(3))
    jobs.run(first)
    other.upload(*uploads(3, merchant="other"))
    assert jobs.run(other)["generations"] == 3
    model.upload(*uploads(3))
    assert jobs.run(model, captioner=CaptionerOptions(kind="fake", model="fake-2"))["generations"] == 3


def test_what_is_read_counts_as_seen_at_launch(jobs: Jobs) -> None:
    first = jobs.shop()
    first.upload(*uploads(3))
    jobs.run(first)
    spans = resolve(first.kafka, Uploads((jobs.cache,)))

    def check(found: list[tuple[str, float]]) -> None:
        assert sorted(found) == [(f"a{n}", 4e9) for n in range(3)]

    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        read = pipeline | ReadCache(first.kafka, spans, clock=lambda: 4e9)
        assert_that(read | beam.Map(_with_time), check)


def _with_time(arrival: Arrival, moment: Any = beam.DoFn.TimestampParam) -> tuple[str, float]:
    assert arrival.known is not None
    return arrival.known.image_id, float(moment)


def test_a_deleted_image_s_texts_are_withdrawn_from_it(jobs: Jobs) -> None:
    first, second = jobs.shop(), jobs.shop()
    first.upload(*uploads(2, merchant=""))
    jobs.run(first)
    first.upload((b"a0", None))
    jobs.run(first)
    second.upload(*uploads(2, "b", merchant=""))
    counters = jobs.run(second)
    assert counters["cache_read"] == 1
    assert all(caption["duplicate_of"] != "a0" for caption in second.captions())
