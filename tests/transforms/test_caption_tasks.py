"""Every task through the whole caption stage and the encoder, on the embedded runner."""

from __future__ import annotations

import collections
import json
from collections.abc import Callable, Iterator
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from data.samples import assignment, candidate, fingerprint

from schemas.codec import Decoder
from transforms import coders  # noqa: F401 - registers the coders
from transforms.audit import Audit
from transforms.caption import DEAD_LETTERS, REFUSALS, CaptionImage, forget
from transforms.captioner.api import CaptionerOptions, CaptionRequest, RenderedPrompt
from transforms.captioner.fake import FakeCaptioner
from transforms.captioner.prompts import Library
from transforms.encode import Encode
from transforms.inflight import Inflight, close_all, preload
from transforms.review import load_policy
from transforms.similarity import SimilarityRule
from transforms.stage_options import CaptionOptions
from transforms.values import Assignment, DeadLetter, Finished, Publication, Refusal, Role, Task

_seen: dict[str, list[Any]] = collections.defaultdict(list)


@pytest.fixture(autouse=True)
def _clean() -> Iterator[None]:
    _seen.clear()
    yield
    close_all()


class Keep(beam.DoFn):
    def __init__(self, name: str) -> None:
        self._name = name

    def process(self, element: Any) -> None:
        _seen[self._name].append(element)


Script = Callable[[CaptionRequest, RenderedPrompt], str]


def run(job: str, prompts: Library, script: Script, *uploads: Assignment) -> FakeCaptioner:
    """Caption, encode and keep: `captions`, dead letters and refusals are in `_seen`."""
    fake = FakeCaptioner(script=script)
    captioner = CaptionerOptions(kind="fake", model=job)
    preload(captioner, Inflight(fake, stall_seconds=20))
    options = CaptionOptions(job, captioner, prompts, SimilarityRule(), load_policy())
    encode = Encode("captions", "run", False, Audit("audits", "run"))
    try:
        with beam.Pipeline(FnApiRunner()) as pipeline:
            keyed = pipeline | beam.Create([(one.leader_id, one) for one in uploads], reshuffle=False)
            typed = keyed | beam.Map(lambda pair: pair).with_output_types(tuple[str, Assignment])
            stage = beam.ParDo(CaptionImage(options)).with_outputs(DEAD_LETTERS, REFUSALS, main="captions")
            done = typed | "Caption image" >> stage
            finished = done.captions | beam.Map(lambda one: one).with_output_types(Finished)
            _ = (
                finished
                | beam.Map(encode).with_output_types(Publication)
                | "Keep captions" >> beam.ParDo(Keep("captions"))
            )
            for name in (DEAD_LETTERS, REFUSALS):
                _ = done[name] | f"Keep {name}" >> beam.ParDo(Keep(name))
    finally:
        forget(job)
    return fake


def records() -> dict[str, dict[str, Any]]:
    sent = (publication.records[0].value for publication in _seen["captions"])
    return {value["image_id"]: value for value in map(Decoder("caption").decode, sent)}


def shown(image_id: str, task: Task, content: bytes, bits: int = 0, offset: int = 0, **asked: Any) -> Assignment:
    made = candidate(image_id, content, fingerprint((1 << bits) - 1), offset, task=task, **asked)
    return assignment(made, "leader", Role.NEW_LEADER if offset == 0 else Role.MEMBER)


def answering(good: str) -> Script:
    """Good answers to the first question about each picture but `odd`, which never has one, and `late`, second time."""

    def script(request: CaptionRequest, _: RenderedPrompt) -> str:
        if request.image == b"odd" or (request.image == b"late" and request.sampling.greedy):
            return "I'm sorry, but I can't help with that."
        return good

    return script


CASES = {
    Task.DESCRIBE: json.dumps({"caption": "A red mug stands on a white table.", "alt_text": "Red mug"}),
    Task.MODERATE: json.dumps(
        {
            "explanation": "A naked man is on the poster.",
            "verdict": "VIOLATION",
            "reasons": ["NUDITY"],
            "regions": [{"reason": "NUDITY", "bbox_2d": [1, 2, 3, 4]}],
        }
    ),
    Task.INDEX: json.dumps({"description": "A red mug on a white table.", "keywords": ["mug", "red mug", "gift"]}),
    Task.ANSWER: "Yes, it is red.",
}
PARTS: dict[Task, dict[str, Any]] = {
    Task.DESCRIBE: {"caption": "A red mug stands on a white table.", "alt_text": "Red mug"},
    Task.MODERATE: {
        "caption": "A naked man is on the poster.",
        "moderation": {
            "verdict": "VIOLATION",
            "reasons": ["NUDITY"],
            "regions": [{"reason": "NUDITY", "left": 1, "top": 2, "right": 3, "bottom": 4}],
        },
    },
    Task.INDEX: {"caption": "A red mug on a white table.", "keywords": ["mug", "red mug", "gift"]},
    Task.ANSWER: {"caption": "Yes, it is red."},
}
NOTHING = {"alt_text": None, "keywords": [], "moderation": None}


@pytest.mark.parametrize("task", CASES)
def test_a_task_from_uploads_to_records(task: Task) -> None:
    """A leader, its bytes again, a near copy, one that is answered late, and one that is refused."""
    asked = {"question": "Is it red?"} if task is Task.ANSWER else {}
    uploads = [
        shown("lead", task, b"lead", 0, 0, **asked),
        shown("same", task, b"lead", 0, 1, **asked),
        shown("near", task, b"near", 2, 2, **asked),
    ]
    others = [
        assignment(candidate(name, name.encode(), offset=n, task=task, **asked), name)
        for n, name in enumerate(("late", "odd"), 7)
    ]
    fake = run(task.value, Library.load("alt_text"), answering(CASES[task]), *uploads, *others)
    told = records()
    assert sorted(told) == ["late", "lead", "near", "same"]
    for record in told.values():
        (text,) = record["texts"]
        assert record["task"] == task
        assert {name: text[name] for name in (*NOTHING, "caption")} == NOTHING | PARTS[task]
        assert record["moderation_verdict"] == ("VIOLATION" if task is Task.MODERATE else "UNKNOWN")
        assert text["verdict"] == "PASSED"
    assert (told["lead"]["origin"], told["same"]["origin"]) == ("GENERATED", "REUSED")
    near = "GENERATED" if task in (Task.MODERATE, Task.ANSWER) else "REUSED"
    assert told["near"]["origin"] == near
    assert told["late"]["texts"][0]["attempt"] == 1
    (letter,) = _seen[DEAD_LETTERS]
    assert isinstance(letter, DeadLetter)
    assert (letter.record.offset, letter.code) == (8, "answer_refused")
    refusals: list[Refusal] = _seen[REFUSALS]
    assert sorted(one.upload.image_id for one in refusals) == ["late", "odd", "odd", "odd"]
    assert {one.text.rules for one in refusals} == {("refusal",)}
    assert fake.submitted == (2 if near == "GENERATED" else 1) + 2 + 3
