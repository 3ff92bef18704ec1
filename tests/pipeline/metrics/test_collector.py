"""From the tally to what a scrape says, read back by Prometheus' own parser."""

import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from pipeline.metrics.collector import TallyCollector, levels
from pipeline.metrics.families import FAMILIES
from transforms import inflight
from transforms.captioner.api import CaptionerOptions
from transforms.captioner.fake import FakeCaptioner
from transforms.inflight import Inflight, captioner_for, close_all, preload
from transforms.tally import BUCKETS, Distribution, Key, Numbers

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]

NOTHING = {name: Distribution((0,) * (len(bounds) + 1), 0.0) for name, bounds in BUCKETS.items()}


def scraped(
    counts: Mapping[Key, int],
    seen: Mapping[Key, float] | None = None,
    distributions: Mapping[str, Distribution] | None = None,
) -> Samples:
    taken = Numbers(dict(counts), dict(seen or {}), {**NOTHING, **(distributions or {})})
    registry = CollectorRegistry()
    registry.register(TallyCollector(lambda: taken, lambda: {}))
    return parsed(generate_latest(registry).decode())


def parsed(text: str) -> Samples:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_outcomes_are_gathered_from_their_counters() -> None:
    found = scraped(
        {
            ("captions_generated",): 7,
            ("captions_reused",): 3,
            ("dead_letters", "Fetch image", "image_missing"): 2,
            ("dead_letters", "Decode event", "event_undecodable"): 5,
            ("deletions",): 1,
            ("a_counter_of_beam_only",): 9,
        }
    )
    outcomes = {labels[0][1]: value for (name, labels), value in found.items() if name == "caption_images_total"}
    assert outcomes == {
        "generated": 7, "reused": 3, "dead_letter": 7, "deleted": 1, "replaced": 0, "unchanged": 0,
    }  # fmt: skip
    assert found["caption_reused_total", ()] == 3
    assert found["caption_dead_letters_total", (("code", "image_missing"), ("stage", "Fetch image"))] == 2
    assert found["caption_dead_letters_total", (("code", "event_undecodable"), ("stage", "Decode event"))] == 5


def test_counters_with_labels_known_beforehand_begin_at_zero() -> None:
    found = scraped({})
    assert found["caption_uploads_read_total", ()] == 0
    assert found["caption_tokens_total", (("type", "input"),)] == 0
    assert found["caption_captioner_restarts_total", ()] == 0
    assert not [name for name, _ in found if name == "caption_dead_letters_total"]
    assert not [name for name, _ in found if name == "caption_consumer_lag"]


def test_buckets_are_cumulative() -> None:
    counts = (1, 0, 2, 0, 0, 0, 0, 0, 4)
    found = scraped({}, distributions={"batch_images": Distribution(counts, 999.0)})
    assert found["caption_batch_images_bucket", (("le", "1"),)] == 1
    assert found["caption_batch_images_bucket", (("le", "4"),)] == 3
    assert found["caption_batch_images_bucket", (("le", "128"),)] == 3
    assert found["caption_batch_images_bucket", (("le", "+Inf"),)] == 7
    assert found["caption_batch_images_count", ()] == 7
    assert found["caption_batch_images_sum", ()] == 999


def test_levels_have_their_labels() -> None:
    found = scraped({}, {("consumer_lag", "image-uploads", "3"): 12, ("model_info", "tiny", "r1", "2"): 1})
    assert found["caption_consumer_lag", (("partition", "3"), ("topic", "image-uploads"))] == 12
    assert found["caption_model_info", (("model", "tiny"), ("prompt", "2"), ("revision", "r1"))] == 1


def test_every_family_says_its_help_whether_it_has_samples_or_not() -> None:
    registry = CollectorRegistry()
    registry.register(TallyCollector())
    text = generate_latest(registry).decode()
    for family in FAMILIES:
        assert f"# HELP {family.name} {family.help}\n" in text
        assert f"# TYPE {family.name} {family.kind}\n" in text


def test_a_scrape_does_not_wait_for_a_model_that_is_being_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    close_all()  # other tests' captioners have slots, too
    loading, done = threading.Event(), threading.Event()

    def create(_: CaptionerOptions) -> FakeCaptioner:
        loading.set()
        assert done.wait(30)
        return FakeCaptioner()

    monkeypatch.setattr(inflight, "create", create)
    options = CaptionerOptions(kind="fake", model="slow to load")
    loader = threading.Thread(target=captioner_for, args=(options,))
    loader.start()
    try:
        assert loading.wait(30)
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(levels).result(10)["slots",] == 0
    finally:
        done.set()
        loader.join(30)
        close_all()


def test_captioners_that_are_loaded_are_looked_at() -> None:
    close_all()
    options = CaptionerOptions(kind="fake", slots=5)
    assert levels()["slots",] == 0
    preload(options, Inflight(FakeCaptioner(slots=5)))
    try:
        assert levels()["slots",] == 5
        assert levels()["inflight_requests",] == captioner_for(options).unfinished == 0
    finally:
        close_all()
