"""Every task at the desk: from what a model writes to the record, or to the dead letter."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from benchmarks.edits import patched
from data.desk_rig import Rig, captions, letters, picture, rig
from data.photos import photo_paths
from PIL import Image

from schemas.codec import Decoder
from transforms.audit import Audit
from transforms.captioner.api import CaptionRequest, RenderedPrompt
from transforms.captioner.prompts import Library
from transforms.desk import Output
from transforms.encode import Encode
from transforms.errors import CaptionerBroken
from transforms.fingerprint import fingerprint
from transforms.metrics import tally
from transforms.plan import Question
from transforms.review import load_policy
from transforms.similarity import SimilarityRule
from transforms.values import (
    Candidate,
    Caption,
    Finished,
    KnownTexts,
    Moderation,
    ModerationVerdict,
    Outgoing,
    Picture,
    Reason,
    Refusal,
    Region,
    Role,
    Task,
    Text,
)
from transforms.warm import cached_texts

POLICY = load_policy()
DEFAULT, ALT_TEXT = Library.load("default"), Library.load("alt_text")
SAFE = '{"explanation": "A red mug on a table.", "verdict": "SAFE", "reasons": [], "regions": []}'
GUN = (
    '{"explanation": "A man holds a gun.", "verdict": "SENSITIVE", "reasons": ["WEAPON"], '
    '"regions": [{"reason": "WEAPON", "bbox_2d": [400, 300, 600, 450]}]}'
)
NUDE = '{"explanation": "画面左侧是一名裸体女子。", "verdict": "VIOLATION", "reasons": ["NUDITY"], "regions": []}'
INDEX = '{"description": "A red ceramic mug on a white table.", "keywords": ["mug", "red mug", "ceramic"]}'
PAIR = '{"caption": "A red ceramic mug stands on a white table.", "alt_text": "Red mug on a table"}'
REFUSED = "I'm sorry, but I can't assist with that."

Scripted = Callable[[CaptionRequest, RenderedPrompt], str]


def upload(task: Task, image_id: str = "lead", bits: int = 0, offset: int = 0, **asked: object) -> Candidate:
    if task is Task.ANSWER:
        asked.setdefault("question", "What colour is it?")
    return picture(image_id, bits, offset, task=task, **asked)


def saying(*answers: str, **by_language: str) -> Scripted:
    """Answers in turn, the last one for ever; or one for each language."""
    left = list(answers)

    def script(_: CaptionRequest, prompt: RenderedPrompt) -> str:
        if by_language:
            return by_language[prompt.language.replace("-", "_")]
        return left.pop(0) if len(left) > 1 else left[0]

    return script


def told(out: Iterable[Output]) -> list[tuple[str, tuple[str, ...]]]:
    return [(one.text.caption, one.text.rules) for one in out if isinstance(one, Refusal)]


def decoded(sent: Outgoing, schema: str) -> dict[str, Any]:
    assert sent.value is not None
    return Decoder(schema).decode(sent.value)


def published(caption: Caption) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The record and its audit records as they lie on the topics."""
    sent = Encode("captions", "run", False, Audit("audits", "run"))(Finished(caption=caption))
    return decoded(sent.records[0], "caption"), [decoded(one, "audit") for one in sent.audits]


def test_a_moderated_picture() -> None:
    with rig(script=saying(en=GUN, zh_Hans=NUDE), prompts=DEFAULT, policy=POLICY) as r:
        made = captions(r.lead(upload(Task.MODERATE, languages=("en", "zh-Hans"))) + r.poll())["lead"]
    record, audits = published(made)
    assert (record["task"], record["moderation_verdict"]) == ("MODERATE", "VIOLATION")
    english, chinese = record["texts"]
    assert (english["caption"], english["verdict"], english["rules"]) == ("A man holds a gun.", "PASSED", [])
    assert english["moderation"] == {
        "verdict": "SENSITIVE",
        "reasons": ["WEAPON"],
        "regions": [{"reason": "WEAPON", "left": 400, "top": 300, "right": 600, "bottom": 450}],
    }
    assert chinese["moderation"] == {"verdict": "VIOLATION", "reasons": ["NUDITY"], "regions": []}
    assert [audit["text"] for audit in audits] == [GUN, NUDE]


def test_an_indexed_picture() -> None:
    with rig(script=saying(INDEX), prompts=DEFAULT, policy=POLICY) as r:
        made = captions(r.lead(upload(Task.INDEX)) + r.poll())["lead"]
    record, audits = published(made)
    (text,) = record["texts"]
    assert text["caption"] == "A red ceramic mug on a white table."
    assert text["keywords"] == ["mug", "red mug", "ceramic"]
    assert (text["moderation"], record["moderation_verdict"]) == (None, "UNKNOWN")
    assert audits[0]["text"] == INDEX


def test_an_answered_question() -> None:
    seen: list[RenderedPrompt] = []

    def script(_: CaptionRequest, prompt: RenderedPrompt) -> str:
        seen.append(prompt)
        return "The mug is red."

    with rig(script=script, prompts=DEFAULT, policy=POLICY) as r:
        asked = upload(Task.ANSWER, question="Is it\n«red»?")
        made = captions(r.lead(asked) + r.poll())["lead"]
        assert published(made)[0]["texts"][0]["caption"] == "The mug is red."
        assert "«Is it red?»" in seen[0].text
        # Another question about it is another answer; the same one is not asked twice.
        out = r.arrive(replace(asked, upload=replace(asked.upload, question="How big is it?"))) + r.poll()
        out += r.arrive(asked)
        assert [one.reused for one in out if isinstance(one, Caption)] == [(False,), (False,)]
        assert r.fake.submitted == 2


def test_a_caption_with_an_alternative_text() -> None:
    with rig(script=saying(PAIR), prompts=ALT_TEXT, policy=POLICY) as r:
        made = captions(r.lead(upload(Task.DESCRIBE)) + r.poll() + r.arrive(upload(Task.DESCRIBE, "copy", 2, 1)))
    for one in made.values():
        (text,) = published(one)[0]["texts"]
        assert text["caption"] == "A red ceramic mug stands on a white table."
        assert (text["alt_text"], text["keywords"]) == ("Red mug on a table", [])


def test_what_was_written_differently_is_in_the_audit_as_it_was_and_once() -> None:
    fenced = f"```json\n{json.dumps(json.loads(INDEX), indent=2)}\n```"
    with rig(script=saying(fenced), prompts=DEFAULT, policy=POLICY) as r:
        made = captions(r.lead(upload(Task.INDEX)) + r.poll() + r.arrive(upload(Task.INDEX, "copy", 2, 1)))
    assert [published(one)[1][0]["text"] for one in made.values()] == [fenced, INDEX]
    assert [published(one)[0]["texts"][0]["verdict"] for one in made.values()] == ["PASSED", "PASSED"]
    assert all(b"```" not in (one.value or b"") for one in cached_texts(made["lead"], "cache", 1))


@pytest.mark.parametrize(
    ("task", "good"), [(Task.MODERATE, SAFE), (Task.INDEX, INDEX), (Task.ANSWER, "The mug is red.")]
)
def test_a_bad_answer_is_asked_again(task: Task, good: str) -> None:
    bad = "Sure! It is red." if task is Task.ANSWER else "A red mug."
    rule = "chatter" if task is Task.ANSWER else "unparsable"
    before = tally().get("retries", 0)
    with rig(script=saying(bad, good), prompts=DEFAULT, policy=POLICY) as r:
        out = r.lead(upload(task)) + r.poll()
    assert told(out) == [(bad, (rule,))]
    (text,) = captions(out)["lead"].texts
    assert (text.attempt, text.temperature, text.verdict) == (1, 0.7, "PASSED")
    assert tally()["retries"] == before + 1


@pytest.mark.parametrize(
    ("task", "written", "code", "words"),
    [
        (
            Task.MODERATE,
            "SAFE",
            "answer_unparsable",
            "`3` answers are not the JSON that the prompt asks for (`en: unpars",
        ),
        (
            Task.MODERATE,
            REFUSED,
            "answer_refused",
            "the model refused to answer, `3` times (`en: refusal`); have a person",
        ),
        (Task.MODERATE, SAFE.replace("A red mug on a table.", REFUSED), "answer_refused", "`en: refusal`"),
        (Task.MODERATE, SAFE.replace("A red mug on a table.", "!" * 40), "caption_rejected", "`en: one_character"),
        (Task.INDEX, "mug, red mug", "answer_unparsable", "see the audit topic, mend the prompt and redrive it"),
        (Task.INDEX, REFUSED, "answer_refused", "refusal"),
        (Task.INDEX, INDEX.replace('"mug"', '"porn"'), "caption_rejected", "`en: sexual`"),
        (Task.ANSWER, REFUSED, "answer_refused", "refusal"),
        (Task.ANSWER, "Yes, buy now!", "caption_rejected", "advertising"),
        (Task.DESCRIBE, REFUSED, "answer_refused", "refusal"),
    ],
)
def test_how_it_ends_when_no_answer_will_do(task: Task, written: str, code: str, words: str) -> None:
    fallbacks = replace(POLICY, fallbacks=(("en", ("{title}",)),))
    policy = POLICY if task is Task.DESCRIBE else fallbacks  # which are captions, and no answer to anything
    titled = replace(upload(task), upload=replace(upload(task).upload, attributes=(("title", "A handmade red mug"),)))
    before = tally()
    with rig(script=saying(written), prompts=DEFAULT, policy=policy) as r:
        out = r.lead(titled) + r.poll()
        (letter,) = letters(out)
        assert r.store.cell is not None
        assert (r.store.cell.texts, captions(out)) == ((), {})
    assert (letter.code, letter.retryable) == (code, True)
    for name in ("answer_refused", "answer_unparsable"):
        counter = name.replace("answer", "answers")
        assert tally().get(counter, 0) - before.get(counter, 0) == (3 if code == name else 0)
    assert words in letter.message
    assert written not in letter.message
    audits = [decoded(Audit("a", "run")(one).audits[0], "audit") for one in out if isinstance(one, Refusal)]
    assert [(audit["verdict"], audit["text"]) for audit in audits] == [("REJECTED", written)] * 3


def test_one_language_that_refuses_leaves_no_verdict() -> None:
    with rig(script=saying(en=SAFE, zh_Hans="抱歉，我无法处理这张图片。"), prompts=DEFAULT, policy=POLICY) as r:
        out = r.lead(upload(Task.MODERATE, languages=("en", "zh-Hans"))) + r.poll()
    assert [letter.code for letter in letters(out)] == ["answer_refused"]
    assert captions(out) == {}


def test_languages_that_fail_differently_are_told_apart_in_the_message() -> None:
    with rig(script=saying(en="SAFE", zh_Hans="抱歉，我无法处理这张图片。"), prompts=DEFAULT, policy=POLICY) as r:
        out = r.lead(upload(Task.MODERATE, languages=("en", "zh-Hans"))) + r.poll()
    (letter,) = letters(out)
    assert letter.code == "caption_rejected"
    assert "`en: unparsable, zh-Hans: refusal`" in letter.message


@pytest.mark.parametrize("written", [REFUSED, SAFE.replace("A red mug on a table.", REFUSED)])
def test_refusals_to_moderate_stop_no_job(written: str) -> None:
    """One shop may upload what a model will not speak of."""
    with rig(script=saying(written), prompts=DEFAULT, policy=replace(POLICY, max_attempts=1)) as r:
        assert [letter.code for letter in letters(_ask_of_many(r, Task.MODERATE))] == ["answer_refused"] * 40


def _ask_of_many(r: Rig, task: Task) -> list[Output]:
    out: list[Output] = []
    for n in range(40):
        out += r.lead(upload(task, f"i{n}", offset=n), f"g{n}") + r.poll(leader=f"g{n}")
    return out


@pytest.mark.parametrize(("task", "written"), [(Task.MODERATE, "SAFE"), (Task.INDEX, "mug"), (Task.ANSWER, REFUSED)])
def test_a_model_that_cannot_do_a_task_stops_the_job(task: Task, written: str) -> None:
    policy = replace(POLICY, max_attempts=1)
    words = "`100%` of the last 20 uploads failed alike: caption_rejected"
    with rig(script=saying(written), prompts=DEFAULT, policy=policy) as r, pytest.raises(CaptionerBroken, match=words):
        _ask_of_many(r, task)


class Shared:
    """A `TextCache` in memory."""

    def __init__(self, *texts: Text) -> None:
        self.texts = list(texts)

    def get(self, merchant: str, sha256: bytes, questions: Sequence[Question]) -> list[Text]:
        keys = {question.reuse_key for question in questions}
        return [text for text in self.texts if text.sha256 == sha256 and text.reuse_key in keys]

    def put(self, merchant: str, question: Question, text: Text) -> None:
        self.texts.append(text)

    def forget(self, merchant: str, texts: Iterable[Text]) -> None:
        pass


def test_all_parts_come_out_of_a_cache_and_are_looked_at_again() -> None:
    shared = Shared()
    with rig(script=saying(GUN, INDEX), prompts=DEFAULT, policy=POLICY, cache=shared) as r:
        moderated = captions(r.lead(upload(Task.MODERATE)) + r.poll())["lead"]
        indexed = captions(r.arrive(upload(Task.INDEX)) + r.poll())["lead"]
    with rig(prompts=DEFAULT, policy=POLICY, cache=shared) as r:
        out = r.lead(upload(Task.MODERATE, offset=5)) + r.arrive(upload(Task.INDEX, offset=6))
        assert [one.texts for one in out if isinstance(one, Caption)] == [moderated.texts, indexed.texts]
        assert r.fake.submitted == 0
    (weapon,) = moderated.texts
    assert weapon.moderation == Moderation(
        ModerationVerdict.SENSITIVE, (Reason.WEAPON,), (Region(Reason.WEAPON, 400, 300, 600, 450),)
    )
    shared.texts = [replace(text, keywords=("mug", "porn")) for text in indexed.texts]
    with rig(script=saying(INDEX), prompts=DEFAULT, policy=POLICY, cache=shared) as r:
        r.lead(upload(Task.INDEX, offset=6))
        assert r.fake.submitted == 1


def test_texts_of_an_earlier_job_are_looked_at_in_all_their_parts() -> None:
    with rig(script=saying(INDEX), prompts=DEFAULT, policy=POLICY) as r:
        (good,) = captions(r.lead(upload(Task.INDEX)) + r.poll())["lead"].texts
    bad = replace(good, keywords=("mug", "porn"), reuse_key="b" * 64)
    before = tally().get("cache_refused", 0)
    with rig(prompts=DEFAULT, policy=POLICY) as r:
        known = KnownTexts(upload(Task.INDEX).record, "shop", "lead", Task.INDEX, (good, bad))
        r.desk.arrive(_known(known), r.store)
        assert r.store.cell is not None
        assert r.store.cell.texts == (good,)
    assert tally()["cache_refused"] == before + 1


def _known(known: KnownTexts) -> Any:
    from transforms.values import Arrival, Assignment

    return Assignment("leader", Role.KNOWN, Arrival(known=known))


@pytest.mark.parametrize(("task", "asked"), [(Task.DESCRIBE, 1), (Task.INDEX, 1), (Task.MODERATE, 2), (Task.ANSWER, 2)])
def test_a_sign_on_a_photo_is_judged_and_asked_about_anew(task: Task, asked: int) -> None:
    """5 % of the width: the hash does not see it, a moderator must."""
    hidden = [photo for photo in map(_with_sign, photo_paths(12)) if SimilarityRule().near(photo[0][1], photo[1][1])]
    assert len(hidden) >= 4, "the sign is to be seen by the hash: this test shows nothing"
    for plain, signed in hidden:
        with rig(prompts=DEFAULT, policy=POLICY) as r:
            out = r.lead(_of(task, "plain", *plain)) + r.poll()
            out += r.arrive(_of(task, "signed", *signed)) + r.poll()
            out += r.arrive(_of(task, "again", *plain)) + r.poll()
            made = captions(out)
            assert r.fake.submitted == asked
            assert made["signed"].reused == (asked == 1,)
            assert made["again"].reused == (True,)
            assert made["again"].texts == made["plain"].texts


Photo = tuple[bytes, Any]


def _with_sign(path: Any) -> tuple[Photo, Photo]:
    content = path.read_bytes()
    with Image.open(path) as image:
        signed = patched(image.convert("RGB"))
    return (content, fingerprint(content)), (signed, fingerprint(signed))


def _of(task: Task, image_id: str, content: bytes, mark: Any) -> Candidate:
    made = upload(task, image_id)
    digest = hashlib.sha256(content).digest()
    return replace(made, picture=Picture(content, digest, "JPEG", 64, 48, 1), fingerprint=mark)
