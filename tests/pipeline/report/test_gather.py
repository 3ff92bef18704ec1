"""Figures of scripted records, which the job's own code encoded."""

from dataclasses import replace

import pytest
from data.report_world import START_MS, World, gathered, report_of
from data.samples import record

from pipeline.report.gather import DEAD, GENERATED, REUSED, Gathering
from pipeline.report.summary import as_json
from pipeline.report.terminal import tables
from pipeline.report.window import Window
from transforms.errors import CaptionRejected, ImageMissing, ImageUnreadable
from transforms.values import Moderation, ModerationVerdict, Reason, Task


@pytest.fixture
def world() -> World:
    """Four uploads: one captioned in two languages, a copy of it, one refused once, one that failed."""
    world = World()
    first = world.caption("img-0", 0, at=5, languages=("zh-Hans", "en"), category="food")
    world.caption("img-1", 1, at=6, reuses=first, languages=("zh-Hans", "en"), category="food")
    world.refused("img-2", 2, at=7.34, rules=("repetition",), finish_reason="length", output_tokens=200)
    changes = {"attempt": 1, "seed": 9, "generation_ms": 500, "verdict": "REDACTED", "rules": ("phone",)}
    world.caption("img-2", 2, at=8, changes=changes)
    world.letter("img-3", ImageMissing("`1.jpg` is not there; upload it again"), 3, at=9)
    return world


def test_captions_are_counted_by_what_they_are(world: World) -> None:
    captions = gathered(world).captions
    assert (captions.captions, captions.repeats, captions.reused, captions.texts, captions.texts_reused) == (
        3,
        0,
        1,
        5,
        2,
    )
    assert captions.reuse_rate == pytest.approx(1 / 3)
    assert captions.languages.largest() == [("en", 3), ("zh-Hans", 2)]
    assert captions.tasks.largest() == [("DESCRIBE", 3)]
    assert captions.categories.largest() == [("food", 2), ("", 1)]
    assert captions.models.largest() == [("tiny r1", 3)]
    # Uploaded at second 0, captioned after 5, 6 and 8.
    assert captions.latency.percentile(0.5) == pytest.approx(6000, rel=0.01)
    assert captions.latency_reused.largest == 6000
    assert captions.latency_generated.largest == 8000


def test_answers_are_counted_with_refused_ones_and_requests_once(world: World) -> None:
    answers = gathered(world).answers
    assert (answers.answers, answers.reused, answers.repeats) == (4, 2, 0)
    assert (answers.input_tokens, answers.output_tokens) == (4 * 90, 3 * 12 + 200)
    assert (answers.saved_input_tokens, answers.saved_output_tokens) == (2 * 90, 2 * 12)
    # Two languages of one picture are one request of 340 ms; then one refused of 340 ms and its retry of 500 ms.
    assert (answers.requests, answers.request_ms, answers.saved_ms) == (3, 340 + 340 + 500, 340)
    assert answers.verdicts.largest() == [("PASSED", 2), ("REDACTED", 1), ("REJECTED", 1)]
    assert {rule: dict(hits) for rule, hits in answers.rules.items()} == {
        "repetition": {"REJECTED": 1},
        "phone": {"REDACTED": 1},
    }
    assert (dict(answers.attempts), answers.cut) == ({0: 3, 1: 1}, 1)


def test_card_time_is_for_how_long_anything_was_under_way() -> None:
    world = World()
    for n in range(8):  # all at once, within the same 340 ms
        world.caption(f"img-{n}", n, at=5)
    world.caption("img-8", 8, at=6)
    gpu = gathered(world).gpu(1)
    assert (gpu.requests, gpu.request_ms, gpu.busy_ms, gpu.side_by_side) == (9, 9 * 340, 680, 4.5)
    lines = {line.name: line.value for line in report_of(gathered(world), price=3.6).gpu_lines()}
    assert (lines["request time"], lines["busy time"], lines["card time"]) == ("3.06 s", "680 ms", "680 ms")
    assert (lines["cost"], lines["cost of 1,000 captions"]) == ("0.00068", "0.076")


def test_a_fallback_is_no_answer_and_takes_no_time() -> None:
    world = World()
    changes = {"verdict": "FALLBACK", "generation_ms": 0, "input_tokens": 0, "output_tokens": 0, "attempt": 2}
    world.caption("img-0", changes={**changes, "rules": ("refusal",)})
    answers = gathered(world).answers
    assert (answers.answers, answers.requests, answers.verdicts.largest()) == (0, 0, [("FALLBACK", 1)])
    assert gathered(world).gpu(1).saved_card_ms is None


def test_repeats_count_once_whatever_wrote_them(world: World) -> None:
    once = as_json(report_of(gathered(world)))
    again = World(captions=world.captions * 2, audits=world.audits * 3, letters=world.letters * 2)
    twice = as_json(report_of(gathered(again)))
    assert (twice.pop("repeats"), twice.pop("dead_letters_superseded")) == (3, 1)
    assert (once.pop("repeats"), once.pop("dead_letters_superseded")) == (0, 0)
    assert twice == once


def test_the_caption_wins_over_the_letter_of_its_upload() -> None:
    world = World()
    world.letter("img-0", ImageUnreadable("later"), 0, at=1)
    world.letter("img-0", ImageUnreadable("later"), 0, at=2, attempt=1)
    world.letter("img-1", ImageUnreadable("never"), 1, at=3)
    world.caption("img-0", 0, at=4)
    found = gathered(world)
    letters = found.letters
    assert (letters.uploads, letters.lost, letters.superseded) == (2, 1, 1)
    (code,) = letters.by_code()
    assert (code.code, code.letters, code.captioned, code.retryable, code.redriven) == ("image_unreadable", 2, 1, 2, 1)
    assert code.meaning == "The picture exists but could not be read this time."
    assert code.advice.startswith("Time-outs, broken connections")
    assert found.failure_rate == 0.5


def test_uploads_of_a_topic_that_was_made_anew_are_others() -> None:
    world = World()
    world.letter("img-old", ImageMissing("gone"), 0, at=1)
    world.letter("img-new", ImageMissing("gone"), 0, at=2)
    world.caption("img-else", 0, at=3)
    letters = gathered(world).letters
    assert (letters.uploads, letters.lost, letters.superseded) == (2, 2, 0)


def test_a_letter_without_a_key_is_known_by_where_its_upload_lies() -> None:
    world = World()
    world.letter("img-0", ImageUnreadable("later"), 0, at=1)
    world.letters = [replace(letter, key=None) for letter in world.letters]
    world.caption("img-0", 0, at=4)
    letters = gathered(world).letters
    assert (letters.uploads, letters.lost) == (1, 0)


def test_codes_come_with_what_to_do(world: World) -> None:
    world.letter("img-4", CaptionRejected("`3` answers were refused"), 4, at=9, stage="Caption image")
    report = report_of(gathered(world))
    rejected, missing = sorted(report.found.letters.by_code(), key=lambda code: code.code)
    assert (rejected.stages, missing.stages) == (("Caption image",), ("Fetch image",))
    assert report.remedy(rejected) == "may pass without a change: send them back"
    assert report.remedy(missing) == "will fail again as it is: mend the cause, then send them back"
    assert report.redrive(missing) == (
        "captionstream redrive --bootstrap-servers broker:9092 --dead-letters-topic dead --code image_missing --send"
    )


def test_only_the_window_counts_and_letters_by_when_they_failed(world: World) -> None:
    found = gathered(world, Window(START_MS + 7000, START_MS + 9000))
    assert (found.captions.captions, found.answers.answers, found.letters.uploads) == (1, 2, 0)
    # Its upload was sent at second 3, it failed at second 9.
    late = gathered(world, Window(START_MS + 9000, START_MS + 10_000))
    assert (late.captions.captions, late.letters.uploads) == (0, 1)
    assert (found.span_ms, gathered(world).span_ms) == (2000, 4000)


def test_a_letter_of_an_earlier_version_counts_by_its_uploads_time() -> None:
    world = World()
    world.letter("img-3", ImageMissing("gone"), 3, at=9)
    (letter,) = world.letters
    headers = tuple(header for header in letter.headers if header.name != "caption.error.time")
    world.letters = [replace(letter, headers=headers)]
    found = gathered(world, Window(START_MS + 3000, START_MS + 4000))
    assert found.letters.uploads == 1
    # An upload's time may be any: it must not stretch the chart over fifty years.
    assert found.timeline.steps() == ()


def test_replays_are_not_in_the_times_and_withdrawals_are_counted() -> None:
    world = World(is_replay=True)
    world.caption("img-0", at=90_000)
    world.withdrawn("img-0", at=90_001)
    captions = gathered(world).captions
    assert (captions.captions, captions.replayed, captions.withdrawn, captions.latency.count) == (1, 1, 1, 0)


def test_what_is_not_ours_is_counted_and_named(world: World) -> None:
    found = Gathering()
    found.add_letter(record(5, value=b"no letter"))
    found.add_caption(record(6, value=b"\x00"))
    found.add_audit(record(7, value=b""))
    assert (found.letters.foreign, dict(found.unreadable)) == (1, {"uploads": 2})
    assert found.first_unreadable["uploads"].startswith("uploads/0/6: value of 1 bytes is not Avro of any version of")
    said = tables(report_of(found))
    assert "records that are not ours" in said
    assert "without the headers of a dead letter" in said


def test_flags_and_other_tasks_are_counted() -> None:
    world = World()
    first = world.caption("img-0", at=1, task=Task.INDEX)
    world.caption("img-1", 1, at=2, flags=("audited",))
    world.caption("img-2", 2, at=3, flags=("audited", "audit_disagrees", "placeholder"))
    world.caption("img-3", 3, at=4, reuses=first, flags=("placeholder",))
    captions = gathered(world).captions
    assert captions.tasks.largest() == [("DESCRIBE", 3), ("INDEX", 1)]
    assert captions.flags.largest() == [("audited", 2), ("placeholder", 2), ("audit_disagrees", 1)]
    assert captions.disagreement == 0.5


def test_verdicts_on_moderated_pictures_are_counted() -> None:
    world = World()
    grave = Moderation(ModerationVerdict.VIOLATION, (Reason.WEAPON,), ())
    world.caption("img-0", 0, at=1, task=Task.MODERATE, changes={"moderation": grave})
    world.caption(
        "img-1", 1, at=2, task=Task.MODERATE, changes={"moderation": Moderation(ModerationVerdict.SAFE, (), ())}
    )
    world.caption("img-2", 2, at=3)
    assert as_json(report_of(gathered(world)))["by_moderation_verdict"] == {"SAFE": 1, "VIOLATION": 1}
    assert "by moderation verdict" in tables(report_of(gathered(world)))
    plain = World()
    plain.caption("img-2")
    assert "moderation" not in tables(report_of(gathered(plain)))


def test_the_timeline_has_captions_and_failures(world: World) -> None:
    # Seconds 5 to 9, in which it was written or failed.
    counts = [step.counts for step in gathered(world).timeline.steps()]
    assert counts == [{GENERATED: 1}, {REUSED: 1}, {}, {GENERATED: 1}, {DEAD: 1}]


def test_tables_say_the_figures_and_the_remedy(world: World) -> None:
    said = " ".join(tables(report_of(gathered(world), price=2.5)).split())
    assert "captionstream report: 2026-01-01 00:00:05 to 2026-01-01 00:00:09 UTC" in said
    assert "captions 3 0 repeats left out" in said
    assert "reused 1 33.3 % of captions" in said
    assert "dead letters 1 25.0 % of uploads with a result" in said
    assert "zh-Hans 2 40.0 %" in said
    assert "tokens out 236" in said
    assert "upload to caption 6 s 8 s 8 s 8 s 3" in said
    assert "repetition 1 0 0" in said
    assert "image_missing 1 0 Fetch image will fail again as it is: mend the cause, then send them back" in said
    assert (
        "captionstream redrive --bootstrap-servers broker:9092 --dead-letters-topic dead --code image_missing" in said
    )
    assert "cards held all the time 0.0028 4 s × 1 GPU, idle or not" in said


def test_an_empty_window_is_a_report_too() -> None:
    report = report_of(Gathering(), price=2.5)
    said = tables(report)
    assert "captionstream report: no records" in said
    told = as_json(report)
    assert (told["captions"], told["reuse_rate"], told["gpu"]["card_ms"], told["cost"]["spent"]) == (0, None, 0, 0)
    assert told["generation_ms"] == {"count": 0, "p50": None, "p90": None, "p99": None, "max": None}


def test_names_from_topics_do_not_steer_the_terminal() -> None:
    world = World()
    world.caption("img-0", category="\x1b[31m[bold]food[/bold]\u202e")
    said = tables(report_of(gathered(world)))
    assert "\x1b" not in said
    assert "\\x1b[31m[bold]food[/bold]\\u202e" in said
