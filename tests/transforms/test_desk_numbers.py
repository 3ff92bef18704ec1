"""What the caption desk counts, for Prometheus as for the runner."""

from collections.abc import Mapping

from data.desk_rig import COPY, LEADER, rig

from transforms import tally
from transforms.caption import planner_for
from transforms.captioner.api import CaptionerOptions
from transforms.captioner.fake import FakeCaptioner
from transforms.captioner.prompts import Library
from transforms.inflight import Inflight, close_all, preload
from transforms.review import ReviewPolicy
from transforms.similarity import SimilarityRule
from transforms.stage_options import CaptionOptions
from transforms.tally import Key


def rise(before: Mapping[Key, int]) -> dict[Key, int]:
    now = tally.numbers().counts
    return {key: value - before.get(key, 0) for key, value in now.items() if value != before.get(key, 0)}


def test_generated_and_reused_captions_and_their_request() -> None:
    before = tally.numbers()
    with rig() as r:
        r.lead(LEADER)
        r.poll()
        r.arrive(COPY)
        r.idle()
    rose, after = rise(before.counts), tally.numbers()
    assert (rose["captions",], rose["captions_generated",], rose["captions_reused",]) == (2, 1, 1)
    assert rose["generations",] == 1
    for name in ("generation_seconds", "batch_images"):
        assert sum(after.distributions[name].counts) - sum(before.distributions[name].counts) == 1
    assert after.distributions["batch_images"].total - before.distributions["batch_images"].total == 1


def test_refused_answers_by_rule_and_language() -> None:
    before = tally.numbers().counts
    with rig(script=lambda request, prompt: "!" * 60, policy=ReviewPolicy(max_attempts=2)) as r:
        r.lead(LEADER)
        r.poll()
    rose = rise(before)
    assert rose["guard_blocks", "one_character", "en"] == 2
    assert rose["texts_refused",] == 2
    assert rose["retries",] == 1
    assert rose["dead_letters", "Caption image", "caption_rejected"] == 1


def test_which_model_answers_is_said() -> None:
    options = CaptionerOptions(kind="fake", model="numbers")
    preload(options, Inflight(FakeCaptioner()))
    tally.drop("model_info")
    try:
        planner_for(CaptionOptions("job", options, Library.load("tiny"), SimilarityRule(), ReviewPolicy()))
    finally:
        close_all()
    ((name, model, revision, prompt),) = [key for key in tally.numbers().levels if key[0] == "model_info"]
    assert (name, model, revision) == ("model_info", "fake", "1")
    assert prompt
