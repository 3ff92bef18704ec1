"""Answers of every task under the default policy, and what redaction makes of those with parts."""

import json
from dataclasses import replace

import pytest
from data.outputs import task_outputs
from hypothesis import given
from hypothesis import strategies as st

from transforms.captioner.api import Form
from transforms.captioner.prompts import Library
from transforms.parsing import Answer, parse, written_out
from transforms.review import Asked, ReviewPolicy, Verdict, load_policy, passes, review_answer
from transforms.review.by_task import without_answers
from transforms.review.policy import Length, WordClass
from transforms.values import ModerationVerdict

POLICY = load_policy()
DEFAULT, ALT_TEXT = Library.load("default"), Library.load("alt_text")
OUTPUTS = task_outputs()
GOOD = [(t, lang, text) for t, by in OUTPUTS.items() for lang, kinds in by.items() for text in kinds["good"]]
BAD = [(t, lang, rule, text) for t, by in OUTPUTS.items() for lang, kinds in by.items() for rule, text in kinds["bad"]]


def ask(task: str, language: str) -> tuple[Form, Asked]:
    library = ALT_TEXT if task == "DESCRIBE" else DEFAULT
    prompt = library.render(
        "", task, language, {"title": "Red mug"}, "What colour is it?" if task == "ANSWER" else None
    )
    return prompt.form, Asked(language, task, f"{prompt.system}\n{prompt.text}")


def test_every_task_has_good_and_bad_outputs_in_english_and_chinese() -> None:
    assert set(OUTPUTS) == {"DESCRIBE", "MODERATE", "INDEX", "ANSWER"}
    assert all({"en", "zh-Hans"} <= set(by_language) for by_language in OUTPUTS.values())
    assert (len(GOOD), len(BAD)) == (61, 104)


@pytest.mark.parametrize(("task", "language", "text"), GOOD)
def test_good_outputs_pass(task: str, language: str, text: str) -> None:
    form, asked = ask(task, language)
    reviewed = review_answer(text, form, asked, POLICY)
    assert (reviewed.ruling.verdict, reviewed.ruling.rules) == (Verdict.PASSED, ())
    assert reviewed.answer == parse(text, form)
    assert passes(reviewed.answer, asked, POLICY)


@pytest.mark.parametrize(("task", "language", "rule", "text"), BAD)
def test_bad_outputs_are_rejected(task: str, language: str, rule: str, text: str) -> None:
    form, asked = ask(task, language)
    reviewed = review_answer(text, form, asked, POLICY)
    assert reviewed.ruling.verdict is Verdict.REJECTED
    assert rule in reviewed.ruling.rules
    assert (reviewed.ruling.text, reviewed.answer) == (text.strip(), Answer(text.strip()))


def test_a_refusal_is_no_verdict_whatever_it_is_wrapped_in() -> None:
    form, asked = ask("MODERATE", "en")
    refusals = [text for task, language, rule, text in BAD if (task, language, rule) == ("MODERATE", "en", "refusal")]
    assert len(refusals) == 7
    for text in refusals:
        reviewed = review_answer(text, form, asked, POLICY)
        assert reviewed.ruling.rules == ("refusal",)
        assert reviewed.answer.moderation is None
    allowed = replace(POLICY, actions=(("refusal", "allow"),))
    assert review_answer("I'm sorry, but I can't assist.", form, asked, allowed).ruling.verdict is Verdict.REJECTED


def test_a_cut_object_says_that_it_was_cut() -> None:
    form, asked = ask("MODERATE", "en")
    cut = replace(asked, finish_reason="length")
    assert review_answer('{"explanation": "A mug', form, cut, POLICY).ruling.rules == ("truncated", "unparsable")
    whole = '{"explanation": "A red mug on a table.", "verdict": "SAFE", "reasons": [], "regions": []}'
    assert review_answer(whole, form, cut, POLICY).ruling.rules == ("truncated",)


def index(*keywords: str, description: str = "A red ceramic mug with a round handle.") -> str:
    return json.dumps({"description": description, "keywords": list(keywords)})


RIVALS = replace(POLICY, classes=(*POLICY.classes, WordClass("rivals", "redact", ("globex", "umbrella corp"))))


def test_a_redacted_keyword_goes_as_a_whole() -> None:
    form, asked = ask("INDEX", "en")
    written = index("mug", "Globex mug", "red mug", "cup")
    reviewed = review_answer(written, form, asked, RIVALS)
    assert (reviewed.ruling.verdict, reviewed.ruling.rules) == (Verdict.REDACTED, ("rivals",))
    assert reviewed.answer.keywords == ("mug", "red mug", "cup")
    assert json.loads(reviewed.ruling.text)["keywords"] == ["mug", "red mug", "cup"]
    assert "Globex" not in reviewed.ruling.text
    assert passes(reviewed.answer, asked, RIVALS)


def test_an_index_that_would_lose_too_many_keywords_is_rejected() -> None:
    form, asked = ask("INDEX", "en")
    reviewed = review_answer(index("mug", "Globex mug", "umbrella corp"), form, asked, RIVALS)
    assert (reviewed.ruling.verdict, reviewed.ruling.rules) == (Verdict.REJECTED, ("rivals",))


def test_contacts_are_cut_out_of_each_part() -> None:
    form, asked = ask("INDEX", "en")
    kept = ("ceramic mug", "coffee cup", "red mug", "kitchenware", "gift")
    told = "A red ceramic mug with the address sales@mugs.example printed on its side."
    reviewed = review_answer(index(*kept, "www.mugs.example", description=told), form, asked, POLICY)
    assert reviewed.ruling.rules == ("email", "link")
    assert reviewed.answer == Answer("A red ceramic mug with the address […] printed on its side.", keywords=kept)
    form, asked = ask("DESCRIBE", "en")
    pair = {"caption": "A red ceramic mug with a round handle.", "alt_text": "Red mug that says www.mugs.example on it"}
    reviewed = review_answer(json.dumps(pair), form, asked, replace(POLICY, max_redacted_share=0.5))
    assert reviewed.answer == Answer(pair["caption"], alt_text="Red mug that says […] on it")
    form, asked = ask("MODERATE", "zh-Hans")
    shown = {
        "explanation": "右下角印有电话 13800138000 和二维码，应由人工查看。",
        "verdict": "SENSITIVE",
        "reasons": ["CONTACT"],
    }
    reviewed = review_answer(json.dumps(shown | {"regions": []}), form, asked, replace(POLICY, max_redacted_share=0.6))
    assert reviewed.ruling.verdict is Verdict.REDACTED
    assert "13800138000" not in reviewed.answer.caption
    assert reviewed.answer.moderation is not None
    assert reviewed.answer.moderation.verdict is ModerationVerdict.SENSITIVE


def test_a_redaction_that_makes_an_alternative_text_too_long_is_none() -> None:
    form, asked = ask("DESCRIBE", "zh-Hans")
    policy = replace(POLICY, classes=(WordClass("rivals", "redact", ("宜家",)),), mark="[.....]")
    pair = {"caption": "白色桌面上的红色陶瓷杯。", "alt_text": "白色桌面上的红色陶瓷杯，" + _many_words(111) + "宜家"}
    assert len(pair["alt_text"]) == 125
    reviewed = review_answer(json.dumps(pair), form, asked, policy)
    assert (reviewed.ruling.verdict, reviewed.ruling.rules) == (Verdict.REJECTED, ("rivals",))


def _many_words(count: int) -> str:
    return "".join(chr(0x4E00 + 7 * n) for n in range(900) if chr(0x4E00 + 7 * n).encode("gb2312", "ignore"))[:count]


def test_lengths_are_those_of_the_task_and_no_business_of_what_stands_beside() -> None:
    form, asked = ask("INDEX", "zh-Hans")
    keywords = [f"红色陶瓷马克杯第{chr(0x4E00 + n)}种" for n in range(20)]
    text = json.dumps({"description": "白色桌面上的红色陶瓷马克杯。", "keywords": keywords})
    assert sum(map(len, keywords)) > 120
    ruling = review_answer(text, form, asked, replace(POLICY, max_repeated_share=1.0)).ruling
    assert "too_long" not in ruling.rules
    short = replace(POLICY, lengths=(*POLICY.lengths, Length(1, 5, "ANSWER", "en")))
    form, asked = ask("ANSWER", "en")
    assert review_answer("It is red.", form, asked, short).ruling.rules == ("too_long",)
    assert review_answer("Red.", form, asked, short).ruling.rules == ()


def test_a_policy_may_look_for_its_words_in_explanations_too() -> None:
    form, asked = ask("MODERATE", "en")
    shown = {
        "explanation": "A Globex poster of a naked woman.",
        "verdict": "VIOLATION",
        "reasons": ["NUDITY"],
        "regions": [],
    }
    text = json.dumps(shown)
    assert review_answer(text, form, asked, RIVALS).ruling.verdict is Verdict.PASSED
    own = replace(RIVALS, task_actions=(("MODERATE", "words", "allow"), ("MODERATE", "rivals", "redact")))
    reviewed = review_answer(text, form, asked, own)
    assert (reviewed.ruling.rules, reviewed.answer.caption) == (("rivals",), "A […] poster of a naked woman.")
    strict = replace(RIVALS, task_actions=())
    assert review_answer(text, form, asked, strict).ruling.rules == ("sexual",)


@pytest.mark.parametrize("form", Form)
def test_what_passed_passes_again_from_what_is_kept(form: Form) -> None:
    task = {Form.PLAIN: "ANSWER", Form.ALT_TEXT: "DESCRIBE", Form.MODERATION: "MODERATE", Form.KEYWORDS: "INDEX"}[form]
    for _, language, text in (one for one in GOOD if one[0] == task):
        answer = parse(text, form)
        assert review_answer(written_out(answer), form, ask(task, language)[1], POLICY).answer == answer


@pytest.mark.parametrize(
    ("text", "judged", "left"),
    [
        ("该图片违反了相关规定。", ModerationVerdict.VIOLATION, "该图片 。"),
        ("圖片違規，不適合展示", ModerationVerdict.SENSITIVE, "圖片 ， "),
        ("It violates our content policies.", ModerationVerdict.VIOLATION, "It  ."),
        ("It violates our content policies.", ModerationVerdict.SAFE, "It violates our content policies."),
        ("Nothing violates our content policies.", ModerationVerdict.SAFE, " ."),
        ("未发现违规内容", ModerationVerdict.SAFE, " 内容"),
        ("图片违规", ModerationVerdict.SAFE, "图片违规"),
        ("图片违规", None, "图片违规"),
    ],
)
def test_to_say_what_is_wrong_is_no_refusal(text: str, judged: ModerationVerdict | None, left: str) -> None:
    assert without_answers(text, "MODERATE", judged) == left


def test_that_a_picture_leaves_a_question_open_is_an_answer_and_no_caption() -> None:
    text = "仅凭图片无法确定是不是真皮。"
    assert review_answer(text, *ask("ANSWER", "zh-Hans"), POLICY).ruling.rules == ()
    asked = replace(ask("ANSWER", "zh-Hans")[1], task="DESCRIBE")
    assert review_answer(text, Form.PLAIN, asked, POLICY).ruling.rules == ("refusal",)


@given(st.text(max_size=200), st.sampled_from(Form), st.sampled_from(["en", "zh-Hans", "zh-Hant"]))
def test_nothing_makes_it_fail(text: str, form: Form, language: str) -> None:
    reviewed = review_answer(text, form, Asked(language, "MODERATE"), ReviewPolicy())
    assert (reviewed.ruling.verdict is Verdict.PASSED) == (not reviewed.ruling.rules)
