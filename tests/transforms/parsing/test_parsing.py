"""Answers as models write them, good and bad, read or refused for one reason each."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.captioner.api import Form
from transforms.parsing import Answer, Unparsable, parse, written_out
from transforms.values import Moderation, ModerationVerdict, Reason, Region

SAFE = {"explanation": "A red mug on a table.", "verdict": "SAFE", "reasons": [], "regions": []}
NUDE = {
    "explanation": "画面左侧有一名裸露上身的人。",
    "verdict": "VIOLATION",
    "reasons": ["NUDITY", "MINOR"],
    "regions": [{"reason": "NUDITY", "bbox_2d": [0, 120, 430, 1000]}, {"reason": "MINOR", "bbox_2d": [5, 6, 7, 8]}],
}
INDEX = {"description": "白色背景上的红色陶瓷杯。", "keywords": ["杯子", "陶瓷杯", "red mug"]}
ALT = {"caption": "A red mug with a round handle stands on a table.", "alt_text": "Red mug on a table"}


def said(value: Any, **changes: Any) -> str:
    return json.dumps(value | changes, ensure_ascii=False)


def without(value: dict[str, Any], key: str) -> str:
    return json.dumps({name: inner for name, inner in value.items() if name != key})


def test_a_plain_answer_is_its_text() -> None:
    assert parse(" A red mug.\n", Form.PLAIN) == Answer("A red mug.")
    assert parse("", Form.PLAIN) == Answer("")
    assert parse(said(SAFE), Form.PLAIN).moderation is None


def test_a_safe_picture() -> None:
    expected = Answer("A red mug on a table.", moderation=Moderation(ModerationVerdict.SAFE, (), ()))
    assert parse(said(SAFE), Form.MODERATION) == expected


def test_a_violation_with_its_places() -> None:
    assert parse(said(NUDE), Form.MODERATION) == Answer(
        "画面左侧有一名裸露上身的人。",
        moderation=Moderation(
            ModerationVerdict.VIOLATION,
            (Reason.NUDITY, Reason.MINOR),
            (Region(Reason.NUDITY, 0, 120, 430, 1000), Region(Reason.MINOR, 5, 6, 7, 8)),
        ),
    )


def test_keywords_and_a_description() -> None:
    assert parse(said(INDEX), Form.KEYWORDS) == Answer(INDEX["description"], keywords=("杯子", "陶瓷杯", "red mug"))


def test_keywords_lose_repeats_and_line_breaks_and_keep_their_order() -> None:
    answer = parse(said(INDEX, keywords=["Mug", "cup", "MUG", " red\n mug ", "cup"]), Form.KEYWORDS)
    assert answer.keywords == ("Mug", "cup", "red mug")


def test_a_caption_with_an_alternative_text() -> None:
    assert parse(said(ALT), Form.ALT_TEXT) == Answer(ALT["caption"], alt_text="Red mug on a table")
    assert parse(said(ALT, alt_text="红" * 125), Form.ALT_TEXT).alt_text == "红" * 125
    assert parse(said(ALT, alt_text=" Red\nmug "), Form.ALT_TEXT).alt_text == "Red mug"


@pytest.mark.parametrize(
    "around",
    [
        "{}",
        "\n {} \n",
        "```json\n{}\n```",
        "```\n{}\n```",
        "```json  \n{}\n  ```\n",
    ],
)
def test_a_fence_around_all_of_it_is_put_up_with(around: str) -> None:
    for value in (json.dumps(SAFE), json.dumps(SAFE, indent=2)):
        assert parse(around.replace("{}", value), Form.MODERATION).moderation is not None


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("", "it is not JSON"),
        ("SAFE", "it is not JSON"),
        ("The picture is safe.", "it is not JSON"),
        ("I'm sorry, but I can't help with that.", "it is not JSON"),
        ("这张图片是安全的。", "it is not JSON"),
        (f"Here is my verdict: {said(SAFE)}", "it is not JSON"),
        (f"{said(SAFE)}\nLet me know if you need more.", "it is not JSON"),
        (f"{said(SAFE)}{said(NUDE)}", "it is not JSON"),
        (f"{said(SAFE)}\n```json\n{said(NUDE)}\n```", "it is not JSON"),
        (f"```json\n{said(SAFE)}\n```\n```json\n{said(NUDE)}\n```", "it is not JSON"),
        (f"```json\n{said(SAFE)}", "it is not JSON"),
        (said(NUDE)[:-20], "it is not JSON"),
        (said(SAFE).replace('"', "'"), "it is not JSON"),
        (said(SAFE).replace('"', "”"), "it is not JSON"),
        (said(SAFE)[:-1] + ",}", "it is not JSON"),
        ("[" * 5000, "it is not JSON"),
        ("null", "it is not an object"),
        ('"SAFE"', "it is not an object"),
        (f"[{said(SAFE)}]", "it is not an object"),
        ("{}", "`explanation` is missing"),
        (without(SAFE, "verdict"), "`verdict` is missing"),
        (without(SAFE, "reasons"), "`reasons` is missing"),
        (without(SAFE, "regions"), "`regions` is missing"),
        (said(SAFE, confidence=0.9), "it has a key that nobody asked for"),
        (said(NUDE)[:-1] + ', "verdict": "SAFE"}', "a key stands twice"),
        (said(SAFE, explanation=""), "`explanation` is empty"),
        (said(SAFE, explanation="  \n"), "`explanation` is empty"),
        (said(SAFE, explanation=None), "`explanation` is no text"),
        (said(SAFE, explanation=["a mug"]), "`explanation` is no text"),
        (json.dumps(SAFE | {"explanation": "\ud83d a mug"}), "`explanation` has signs that are none"),
        (json.dumps(SAFE | {"explanation": "a \u0000 mug"}), "`explanation` has signs that are none"),
        (said(SAFE, verdict="safe"), "its verdict does not exist"),
        (said(SAFE, verdict="SAFE."), "its verdict does not exist"),
        (said(SAFE, verdict="安全"), "its verdict does not exist"),
        (said(SAFE, verdict="SAFE|SENSITIVE|VIOLATION"), "its verdict does not exist"),
        (said(SAFE, verdict="UNKNOWN"), "its verdict does not exist"),
        (said(SAFE, verdict=""), "its verdict does not exist"),
        (said(SAFE, verdict=None), "its verdict does not exist"),
        (said(SAFE, verdict=True), "its verdict does not exist"),
        (said(SAFE, verdict=["SAFE"]), "its verdict does not exist"),
        (said(SAFE, reasons=["NUDITY"]), "verdict and reasons contradict each other"),
        (said(NUDE, verdict="SAFE"), "verdict and reasons contradict each other"),
        (said(SAFE, verdict="VIOLATION"), "verdict and reasons contradict each other"),
        (said(SAFE, verdict="SENSITIVE"), "verdict and reasons contradict each other"),
        (said(SAFE, reasons="none"), "`reasons` is no list"),
        (said(SAFE, reasons=None), "`reasons` is no list"),
        (said(SAFE, reasons={}), "`reasons` is no list"),
        (said(NUDE, reasons=["nudity"]), "a reason does not exist"),
        (said(NUDE, reasons=["BLASPHEMY"]), "a reason does not exist"),
        (said(NUDE, reasons=["UNKNOWN"]), "a reason does not exist"),
        (said(NUDE, reasons=[["NUDITY"]]), "a reason does not exist"),
        (said(NUDE, reasons=["NUDITY", "NUDITY"]), "a reason stands twice"),
        (said(NUDE, reasons=[*Reason, "OTHER"]), "`reasons` has more than 14"),
        (said(NUDE, reasons=["GORE"]), "a region has a reason that is not among the reasons"),
        (said(SAFE, regions=NUDE["regions"]), "a region has a reason that is not among the reasons"),
        (said(NUDE, regions="left"), "`regions` is no list"),
        (said(NUDE, regions=[[1, 2, 3, 4]]), "a region is no object"),
        (said(NUDE, regions=[{"bbox_2d": [1, 2, 3, 4]}]), "`reason` is missing"),
        (said(NUDE, regions=[{"reason": "NUDITY"}]), "`bbox_2d` is missing"),
        (said(NUDE, regions=[{"reason": "NUDITY", "bounds": [1, 2, 3, 4]}]), "`bbox_2d` is missing"),
        (
            said(NUDE, regions=[{"reason": "NUDITY", "bbox_2d": [1, 2, 3, 4], "label": "x"}]),
            "a key that nobody asked for",
        ),
        (said(NUDE, regions=[{"reason": "NUDITY", "bbox_2d": "1 2 3 4"}]), "`bbox_2d` is no list"),
        (said(NUDE, regions=NUDE["regions"] * 9), "`regions` has more than 16"),
        *(
            (
                said(NUDE, regions=[{"reason": "NUDITY", "bbox_2d": box}]),
                "a box is not four whole numbers from 0 to 1000",
            )
            for box in ([], [1, 2, 3], [0.1, 0.2, 0.5, 0.9], [1, 2, 3, 4.0], ["1", 2, 3, 4], [-1, 2, 3, 4])
        ),
        (said(NUDE, regions=[{"reason": "NUDITY", "bbox_2d": [1, 2, 3, 1001]}]), "four whole numbers from 0 to 1000"),
        (said(NUDE, regions=[{"reason": "NUDITY", "bbox_2d": [False, 2, 3, 4]}]), "four whole numbers from 0 to 1000"),
        (said(NUDE, regions=[{"reason": "NUDITY", "bbox_2d": [1, 2, 3, 4, 5]}]), "`bbox_2d` has more than 4"),
        (said(NUDE, regions=[{"reason": "NUDITY", "bbox_2d": [5, 2, 5, 4]}]), "a box is empty"),
        (said(NUDE, regions=[{"reason": "NUDITY", "bbox_2d": [1, 9, 3, 4]}]), "a box is empty"),
        (said(SAFE, regions=[]).replace("[]", "NaN"), "NaN is not JSON"),
        (said(SAFE, explanation="a" * 8000), "characters"),
    ],
)
def test_what_is_not_quite_a_verdict_is_none(written: str, why: str) -> None:
    with pytest.raises(Unparsable) as raised:
        parse(written, Form.MODERATION)
    assert why in str(raised.value)


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("杯子、陶瓷杯、红色", "it is not JSON"),
        ("keywords: mug, red mug", "it is not JSON"),
        (said(SAFE), "`description` is missing"),
        (without(INDEX, "keywords"), "`keywords` is missing"),
        (said(INDEX, description=""), "`description` is empty"),
        (said(INDEX, description=3), "`description` is no text"),
        (said(INDEX, keywords="mug, cup"), "`keywords` is no list"),
        (said(INDEX, keywords=[]), "there are no keywords"),
        (said(INDEX, keywords=["mug", ""]), "a keyword is no word"),
        (said(INDEX, keywords=["mug", "、"]), "a keyword is no word"),
        (said(INDEX, keywords=["mug", 5]), "a keyword is no text"),
        (said(INDEX, keywords=["mug", ["cup"]]), "a keyword is no text"),
        (said(INDEX, keywords=["m" * 41]), "a keyword has more than 40 characters"),
        (said(INDEX, keywords=[f"k{n}" for n in range(21)]), "`keywords` has more than 20"),
        (said(INDEX, language="zh"), "it has a key that nobody asked for"),
    ],
)
def test_what_is_no_index(written: str, why: str) -> None:
    with pytest.raises(Unparsable) as raised:
        parse(written, Form.KEYWORDS)
    assert why in str(raised.value)


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("A red mug.", "it is not JSON"),
        ("A red mug.\nAlt: mug", "it is not JSON"),
        (without(ALT, "alt_text"), "`alt_text` is missing"),
        (without(ALT, "caption"), "`caption` is missing"),
        (said(ALT, alt_text=""), "`alt_text` is empty"),
        (said(ALT, alt_text=None), "`alt_text` is no text"),
        (said(ALT, alt_text="a" * 126), "`alt_text` has more than 125 characters"),
    ],
)
def test_what_is_no_pair_of_texts(written: str, why: str) -> None:
    with pytest.raises(Unparsable) as raised:
        parse(written, Form.ALT_TEXT)
    assert why in str(raised.value)


WORDS = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=100).filter(
    lambda s: s.strip() == s
)
BOXES = st.tuples(*[st.integers(0, 999)] * 2, *[st.integers(1, 1000)] * 2).filter(lambda b: b[0] < b[2] and b[1] < b[3])


@st.composite
def moderations(draw: st.DrawFn) -> Moderation:
    reasons = draw(st.lists(st.sampled_from(Reason), unique=True, max_size=5))
    verdicts = [ModerationVerdict.SENSITIVE, ModerationVerdict.VIOLATION] if reasons else [ModerationVerdict.SAFE]
    places = draw(st.lists(st.tuples(st.sampled_from(reasons), BOXES), max_size=4)) if reasons else []
    regions = tuple(Region(reason, *box) for reason, box in places)
    return Moderation(draw(st.sampled_from(verdicts)), tuple(reasons), regions)


@given(st.builds(Answer, WORDS, moderation=moderations()))
def test_a_moderation_written_out_is_read_again(answer: Answer) -> None:
    assert parse(written_out(answer), Form.MODERATION) == answer


def test_other_forms_written_out_are_read_again() -> None:
    for value, form in ((INDEX, Form.KEYWORDS), (ALT, Form.ALT_TEXT)):
        answer = parse(said(value), form)
        assert parse(written_out(answer), form) == answer
        assert json.loads(written_out(answer)) == value
    assert written_out(Answer("A mug.")) == "A mug."


@given(st.text() | st.text('{}[]":,0123456789.eE-+ntf\\u', max_size=60), st.sampled_from(Form))
def test_nothing_makes_it_fail_otherwise(text: str, form: Form) -> None:
    try:
        answer = parse(text, form)
    except Unparsable:
        assert form is not Form.PLAIN
    else:
        assert form is Form.PLAIN or answer.caption
