"""The story of one image out of scripted records."""

from dataclasses import replace

import pytest
from data.report_world import World

from pipeline.audit.show import shown
from pipeline.audit.story import Story, tell
from pipeline.inspect.decoded import Reader
from pipeline.inspect.find import Found
from pipeline.inspect.topics import Topics
from transforms.errors import CaptionRejected

READER = Reader(Topics(("uploads",), "captions", "dead", "audits"))


def story_of(world: World) -> Story:
    found = Found()
    for one in (*world.captions, *world.audits, *world.letters):
        found.add(READER.read(one))
    found.finish()
    return tell(found.entries, found.left_out)


def told(world: World) -> str:
    return " ".join(shown(story_of(world), "img-0", 9).split())


@pytest.fixture
def world() -> World:
    world = World()
    world.refused("img-0", 3, at=5, rules=("repetition", "too_long"), finish_reason="length", caption="mug mug mug")
    redacted = {"verdict": "REDACTED", "rules": ("phone",), "caption": "Call […].", "written": "Call 555-0100."}
    sampled = {"attempt": 1, "seed": 7, "temperature": 0.5, "top_p": 0.75}
    world.caption("img-0", 3, at=6, changes={**redacted, **sampled})
    return world


def test_every_answer_with_all_that_is_known_of_it(world: World) -> None:
    said = told(world)
    assert said.startswith("image img-0: 2 answers of the model, 1 captions, 0 dead letters")
    first, second = "answer 1 in en: REJECTED (repetition, too_long)", "answer 2 in en: REDACTED (phone)"
    assert said.index(first) < said.index(second) < said.index("caption published, GENERATED")
    assert "asked by uploads/0/3, run run-1, event event-img-0-3" in said
    assert f"prompt describe-en 1, rendered sha256 {'b' * 64}" in said
    assert "model tiny r1, greedy" in said
    assert "model tiny r1, temperature 0.5, top_p 0.75, seed 7" in said
    assert "cost 90 tokens in, 12 out, length, 340 ms" in said
    assert "text mug mug mug" in said
    assert "text Call 555-0100." in said
    assert "en REDACTED Call […]." in said
    assert "record audits/0/0" in said
    assert said.endswith("every published text has its audit record")


@pytest.mark.parametrize("texts", ["all", "unpublished", "none"])
def test_published_texts_are_held_against_their_audit_records(texts: str) -> None:
    world = World(audit_texts=texts)
    redacted = {"verdict": "REDACTED", "rules": ("phone",), "caption": "Call […].", "written": "Call 555-0100."}
    first = world.caption("img-1", 1, at=1, languages=("zh-Hans", "en"))
    world.caption("img-0", 2, at=2, changes=redacted)
    world.caption("img-0", 3, at=3, reuses=first, languages=("zh-Hans", "en"))
    assert story_of(world).unaudited == 0
    assert ("text not kept (--audit-texts), sha256" in told(world)) == (texts != "all")
    assert ("555" in told(world)) == (texts != "none")
    world.audits = world.audits[:-1]
    assert story_of(world).unaudited == 1
    assert "1 published texts have no audit record in these topics: it is older than --from" in told(world)
    assert "(no audit record)" in told(world)


def test_an_audit_record_of_another_text_is_not_enough() -> None:
    world, other = World(), World()
    world.caption("img-0", 1, at=1)
    other.caption("img-0", 1, at=1, changes={"caption": "Another text."})
    world.audits = other.audits
    assert story_of(world).unaudited == 1


def test_records_of_before_there_were_hashes() -> None:
    world = World()
    redacted = {"verdict": "REDACTED", "rules": ("phone",), "caption": "Call […].", "written": "Call 555-0100."}
    world.caption("img-0", 1, at=1)
    world.caption("img-0", 2, at=2, changes=redacted)
    entries = [READER.read(one) for one in (*world.audits, *world.captions)]
    old = [
        replace(entry, value={**(entry.value or {}), "text_sha256": ""}) if entry.kind == "answer" else entry
        for entry in entries
    ]
    assert tell(old).unaudited == 0


def test_repeats_are_told_once(world: World) -> None:
    world.captions *= 3
    world.audits *= 3
    story = story_of(world)
    assert [one.times for one in story.told] == [3, 3, 3]
    assert story.answers == 2
    assert "PASSED, written" not in told(world)
    assert "answer 1 in en: REJECTED (repetition, too_long), written 3 times" in told(world)


def test_answers_are_told_by_attempt_whenever_their_records_were_made() -> None:
    world = World()
    world.caption("img-0", 3, at=6, changes={"attempt": 2, "seed": 7})
    world.refused("img-0", 3, at=6.1, attempt=1, rules=("refusal",))
    world.refused("img-0", 3, at=6.2, rules=("repetition",))
    world.refused("img-0", 4, at=9.1, rules=("refusal",))
    world.letter("img-0", CaptionRejected("`1` answers were refused"), 4, at=9, stage="Caption image")
    titles = [line for line in shown(story_of(world), "img-0", 4).splitlines() if line.startswith("2026")]
    assert [line.partition("Z  ")[2].partition(":")[0] for line in titles] == [
        "answer 1 in en",
        "answer 2 in en",
        "answer 3 in en",
        "caption published, GENERATED",
        "answer 1 in en",
        "dead letter caption_rejected, attempt 1, at Caption image",
    ]


def test_texts_used_again_fallbacks_letters_and_withdrawals() -> None:
    world = World()
    first = world.caption("img-1", 1, at=1)
    world.caption("img-0", 2, at=2, reuses=first)
    nameless = {"verdict": "FALLBACK", "rules": ("refusal",), "generation_ms": 0, "input_tokens": 0, "output_tokens": 0}
    world.caption("img-0", 3, at=3, changes=nameless)
    world.letter("img-0", CaptionRejected("`3` answers were refused"), 4, at=4, attempt=1, stage="Caption image")
    world.withdrawn("img-0", 5, at=5)
    said = told(world)
    assert "text used again in en: PASSED" in said
    assert "from img-1 prompt" in said
    assert "text from attributes in en: FALLBACK (refusal)" in said
    assert "dead letter caption_rejected, attempt 2, at Caption image" in said
    assert "says `3` answers were refused (retryable)" in said
    assert "withdrawal: the image's captions are withdrawn" in said
    assert "image img-0: 1 answers" in said  # the other image's: it was in the topics that were given


def test_nothing_is_said_to_be_nothing() -> None:
    assert shown(tell([]), "img-0", 12_345) == "nothing of image img-0 is in these topics; 12,345 records were read"


def test_hostile_words_do_not_steer_the_terminal() -> None:
    world = World()
    world.caption("img-0", 1, at=1, changes={"caption": "\x1b[2J\u202eevil", "model": "\x1b[31m"})
    said = shown(story_of(world), "\x1b]0;title\x07", 1)
    assert not set(said) & {"\x1b", "\u202e", "\x07"}
    assert "\\x1b[2J\\u202eevil" in said
