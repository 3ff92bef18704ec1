"""Caption image in a pipeline on the embedded runner."""

from __future__ import annotations

import collections
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.direct.direct_runner import BundleBasedDirectRunner
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.testing import test_stream
from data.samples import assignment, candidate, deletion, fingerprint, record

from transforms import coders  # noqa: F401 - registers the coders
from transforms.caption import (
    DEAD_LETTERS,
    REFUSALS,
    CaptionImage,
    desk_for,
    forget,
)
from transforms.captioner.api import CaptionerOptions, CaptionRequest, RenderedPrompt
from transforms.captioner.fake import FakeCaptioner, Script
from transforms.captioner.prompts import Library
from transforms.errors import CaptionerBroken
from transforms.inflight import Inflight, close_all, preload
from transforms.review import ReviewPolicy
from transforms.similarity import SimilarityRule
from transforms.stage_options import CaptionOptions
from transforms.values import (
    Assignment,
    Candidate,
    Caption,
    DeadLetter,
    Finished,
    GroupState,
    Refusal,
    Role,
    Tombstone,
)

PROMPTS = """version = "1"
[[prompt]]
id = "en"
task = "DESCRIBE"
category = "*"
language = "en"
text = "Describe {title}."
"""

_seen: dict[str, list[Any]] = collections.defaultdict(list)


@pytest.fixture(autouse=True)
def _clean() -> Iterator[None]:
    _seen.clear()
    yield
    close_all()


@pytest.fixture
def prompts(tmp_path: Any) -> Library:
    path = tmp_path / "prompts.toml"
    path.write_text(PROMPTS, "utf-8")
    return Library.load(str(path))


def options_for(
    job: str, prompts: Library, script: Script | None = None, gate: threading.Event | None = None, slots: int = 8
) -> tuple[CaptionOptions, FakeCaptioner]:
    fake = FakeCaptioner(slots, script=script, gate=gate)
    captioner = CaptionerOptions(kind="fake", model=job, slots=slots)
    preload(captioner, Inflight(fake, stall_seconds=20))
    return CaptionOptions(job, captioner, prompts, SimilarityRule(), ReviewPolicy()), fake


class Keep(beam.DoFn):
    def __init__(self, job: str) -> None:
        self._job = job

    def process(self, element: Any) -> None:
        finished = isinstance(element, Finished)
        _seen[self._job].append((element.caption or element.tombstone) if finished else element)


Keyed = tuple[str, Assignment]


def epoch() -> float:
    return 0.0


def attach(source: Any, options: CaptionOptions, **clock: Any) -> None:
    stage = CaptionImage(options, **clock)
    done = source | "Caption image" >> beam.ParDo(stage).with_outputs(DEAD_LETTERS, REFUSALS, main="captions")
    for name in ("captions", DEAD_LETTERS, REFUSALS):
        done[name] | f"Keep {name}" >> beam.ParDo(Keep(options.job))


def run(elements: Sequence[Assignment], options: CaptionOptions) -> list[Any]:
    try:
        with beam.Pipeline(FnApiRunner()) as pipeline:
            source = pipeline | beam.Create([(a.leader_id, a) for a in elements], reshuffle=False)
            attach(source | beam.Map(lambda pair: pair).with_output_types(Keyed), options)
    finally:
        forget(options.job)
    return _seen[options.job]


def shop(groups: int = 60, events: int = 300) -> list[Assignment]:
    """``events`` uploads of ``groups`` pictures; the first of a group leads it."""
    made = []
    for n in range(events):
        mark = fingerprint((1 << (n // groups)) - 1)
        role = Role.NEW_LEADER if n < groups else Role.MEMBER
        made.append(assignment(candidate(f"img-{n}", mark=mark, offset=n), f"g{n % groups}", role))
    return made


def fail_six(request: CaptionRequest, _: RenderedPrompt) -> RuntimeError | None:
    number = int(request.image.decode().removeprefix("img-"))
    return RuntimeError("no") if number < 60 and number % 10 == 7 else None


def check_shop(seen: list[Any], fake: FakeCaptioner) -> None:
    letters = [o for o in seen if isinstance(o, DeadLetter)]
    made = [o for o in seen if isinstance(o, Caption)]
    assert sorted(o.record.offset for o in letters) == [7, 17, 27, 37, 47, 57]
    assert sorted([o.record.offset for o in made + letters]) == list(range(300))
    assert sum(any(o.reused) for o in made) == 300 - 60 - 6
    for o in made:
        group = o.record.offset % 60
        lead = group + 60 if group % 10 == 7 else group
        assert o.texts[0].image_id == f"img-{lead}"
    assert fake.submitted == 66


def test_bounded_shop_ends_with_exact_counts(prompts: Library) -> None:
    options, fake = options_for("shop", prompts, fail_six)
    check_shop(run(shop(), options), fake)


def test_jobs_run_side_by_side(prompts: Library) -> None:
    fakes: dict[str, FakeCaptioner] = {}

    def one(job: str) -> None:
        options, fakes[job] = options_for(job, prompts, fail_six)
        run(shop(), options)

    jobs = [threading.Thread(target=one, args=(f"job{n}",)) for n in range(3)]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join(120)
    for name, fake in fakes.items():
        check_shop(_seen[name], fake)
    assert len(fakes) == 3


def test_desks_are_kept_by_job(prompts: Library) -> None:
    options, _ = options_for("a", prompts)
    desk = desk_for(options)
    assert desk_for(options) is desk
    assert desk_for(replace(options, job="b")) is not desk
    forget("a")
    assert desk_for(options) is not desk
    forget("a")
    forget("b")


def test_a_desk_does_not_keep_a_captioner_that_broke(prompts: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(request: CaptionRequest, _: RenderedPrompt) -> CaptionerBroken:
        return CaptionerBroken("the card is gone")

    options, _ = options_for("gone", prompts, gone)
    before, made = desk_for(options), FakeCaptioner(8)
    monkeypatch.setattr("transforms.inflight.create", lambda _: made)
    prompt = RenderedPrompt("Describe.", "en", "p", "1")
    asked = before.inflight.submit(CaptionRequest("r", b"picture", (prompt,), options.desk.sampling))
    assert before.inflight.wait(asked, 20)
    CaptionImage(options).setup()  # as of the job's next try, in the same process
    assert desk_for(options) is not before
    assert desk_for(options).inflight.captioner is made
    forget("gone")


def test_outputs_have_their_tags(prompts: Library) -> None:
    def script(request: CaptionRequest, _: RenderedPrompt) -> str | None:
        return "!" * 40 if request.image == b"bad" else None

    options, _ = options_for("tags", prompts, script)
    seen = run(
        [
            assignment(candidate("bad", offset=1), "one"),
            assignment(candidate("good", offset=2), "two"),
            assignment(deletion("nobody", 3), "three"),
        ],
        options,
    )
    kinds = collections.Counter(type(o) for o in seen)
    assert kinds == {Refusal: 3, DeadLetter: 1, Caption: 1, Tombstone: 1}


def test_more_pictures_than_room_in_one_bundle(prompts: Library) -> None:
    options, fake = options_for("room", prompts, slots=2)
    seen = run([assignment(candidate(f"i{n}", offset=n), f"g{n}") for n in range(50)], options)
    assert len(seen) == 50
    assert fake.max_in_flight <= 4


def test_broken_captioner_stops_the_pipeline(prompts: Library) -> None:
    options, _ = options_for("broken", prompts, lambda *_: RuntimeError("CUDA error"))
    with pytest.raises(Exception, match=r"captioner|uploads failed alike"):
        run([assignment(candidate(f"i{n}", offset=n), f"g{n}") for n in range(400)], options)
    assert len(_seen["broken"]) <= 200


def test_stream_in_steps(prompts: Library) -> None:
    gate = threading.Event()
    gate.set()
    options, fake = options_for("stream", prompts, gate=gate)
    leader, copy = candidate("lead", mark=fingerprint(0)), candidate("copy", mark=fingerprint(3), offset=1)
    again = replace(leader, record=record(9))
    late = candidate("late", mark=fingerprint(1), offset=7)
    steps: list[tuple[Role, Any]] = [
        (Role.NEW_LEADER, leader),
        (Role.MEMBER, copy),
        (Role.MEMBER, again),
        (Role.DELETION, deletion("lead", 5)),
        (Role.MEMBER, late),
    ]
    stream = test_stream.TestStream()
    for n, (role, content) in enumerate(steps):
        stream = stream.add_elements([("leader", assignment(content, "leader", role))])
        stream = stream.advance_watermark_to(n + 1).advance_processing_time(1)
    flags = PipelineOptions(["--streaming"])
    with beam.Pipeline(BundleBasedDirectRunner(), options=flags) as pipeline:  # FnApiRunner has no TestStream
        source = pipeline | stream.advance_watermark_to_infinity()
        attach(source | beam.Map(lambda pair: pair).with_output_types(Keyed), options, clock=epoch)
    forget("stream")
    made = [o for o in _seen["stream"] if isinstance(o, Caption)]
    assert sorted(o.record.offset for o in made) == [0, 1, 7, 9]
    events = {o.record.offset: o.event_id for o in made}
    assert events[0] == events[9]
    assert any(isinstance(o, Tombstone) for o in _seen["stream"])
    assert fake.submitted <= 2


# ---------------------------------------------------------------- timers, without a runner


class Cell:
    def __init__(self) -> None:
        self.value: GroupState | None = None

    def read(self) -> GroupState | None:
        return self.value

    def write(self, value: GroupState) -> None:
        self.value = value

    def clear(self) -> None:
        self.value = None


class Bag:
    def __init__(self) -> None:
        self.values: list[Candidate] = []

    def read(self) -> list[Candidate]:
        return self.values

    def add(self, value: Candidate) -> None:
        self.values.append(value)

    def clear(self) -> None:
        self.values = []


class Timer:
    def __init__(self) -> None:
        self.at: float | None = None

    def set(self, at: Any) -> None:
        self.at = float(at)

    def clear(self) -> None:
        self.at = None


class Window:
    def max_timestamp(self) -> float:
        return 10_000.0


def test_timers_are_set_and_cleared(prompts: Library) -> None:
    gate = threading.Event()
    options, _ = options_for("timers", prompts, gate=gate)
    stage = CaptionImage(options, clock=lambda: 1000.0)
    stage.setup()
    cell, bag, poll, end, ttl = Cell(), Bag(), Timer(), Timer(), Timer()
    pair = ("leader", assignment(candidate("lead")))
    stage.start_bundle()
    assert list(stage.process(pair, 50.0, Window(), cell, bag, poll, end, ttl)) == []
    assert (poll.at, end.at) == (1000.05, 10_000.0)
    assert ttl.at == 1000.0 + options.keep_texts_seconds
    poll.clear()
    assert list(stage.on_poll("leader", cell, bag, poll, end)) == []
    assert poll.at == 1000.05
    stage.on_ttl(cell)
    assert cell.value is not None  # somebody is owed a caption
    gate.set()
    assert len(list(stage.on_end("leader", cell, bag, poll))) == 1
    assert poll.at is None
    assert list(stage.on_poll("leader", cell, bag, poll, end)) == []
    assert (poll.at, end.at) == (None, None)
    stage.on_ttl(cell)
    assert cell.value is None
    forget("timers")


@pytest.mark.parametrize(("timestamp", "seen"), [(1001.0, 1001.0), (999.0, 1000.0), (-5e9, 1000.0)])
def test_texts_are_kept_from_the_upload_on_or_from_now(prompts: Library, timestamp: float, seen: float) -> None:
    """Else those of uploads that name an old time of their own would be forgotten before a copy comes."""
    options, _ = options_for("kept", prompts)
    stage = CaptionImage(options, clock=lambda: 1000.0)
    stage.setup()
    stage.start_bundle()
    ttl = Timer()
    pair = ("leader", assignment(candidate("lead")))
    list(stage.process(pair, timestamp, Window(), Cell(), Bag(), Timer(), Timer(), ttl))
    assert ttl.at == seen + options.keep_texts_seconds
    forget("kept")


def test_poll_that_finishes_clears_both_timers(prompts: Library) -> None:
    options, _ = options_for("clears", prompts)
    stage = CaptionImage(options, clock=lambda: 1000.0)
    stage.setup()
    cell, bag, poll, end, ttl = Cell(), Bag(), Timer(), Timer(), Timer()
    stage.start_bundle()
    list(stage.process(("leader", assignment(candidate("lead"))), 0.0, Window(), cell, bag, poll, end, ttl))
    out: list[Any] = []
    while not out:
        stage.start_bundle()
        out = list(stage.on_poll("leader", cell, bag, poll, end))
    assert (poll.at, end.at) == (None, None)
    assert cell.value is not None
    assert cell.value.pending == ()
    forget("clears")
