import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.review.folding import COMPACT, PLAIN, compact, origins, plain, simplified
from transforms.review.policy import WordClass
from transforms.review.spans import Span, merged, redact
from transforms.review.words import Words

WORDS = Words(
    [
        WordClass("sexual", "reject", ("sex", "色情", "性交")),
        WordClass("ads", "reject", ("国家级", "最高级", "click here", "no. 1", "sex")),
    ],
    ["色情侣", "Sex Pistols", "高级", "最高级别"],
)


@pytest.mark.parametrize(
    "text",
    [
        "sex",
        "A SEX toy",
        "ｓｅｘ",
        "ＳＥＸ toy",
        "s e x",
        "s.e.x",
        "S-E-X",
        "s\u200be\u200bx",
        "s\u00ade\ufeffx",
        "s*e*x",
        "s*ex",
        "s.ex",
        "sêx",
        "s\u0336e\u0336x\u0336",
        "𝐬𝐞𝐱",
        "ⓢⓔⓧ",
        "红色sex玩具",
    ],
)
def test_latin_words_however_they_are_dressed_up(text: str) -> None:
    assert [span.rule for span in WORDS.find(text)] == ["sexual", "ads"]


@pytest.mark.parametrize(
    "text",
    [
        "Essex",
        "unisex",
        "sextant",
        "sex2",
        "his exit",
        "us ex",
        "s ex",
        "yes, ex",
        "se-x",
        "Sex Pistols",
        "SEX  PISTOLS",
        "",
    ],
)
def test_latin_words_have_borders(text: str) -> None:
    assert WORDS.find(text) == []


@pytest.mark.parametrize(
    ("text", "hit"),
    [
        ("国家级产品", "国家级"),
        ("國家級產品", "國家級"),
        ("国 家 级产品", "国 家 级"),
        ("国家 级产品", "国家 级"),
        ("国*家*级产品", "国*家*级"),
        ("国\u200b家\u200b级产品", "国\u200b家\u200b级"),
        ("国，家，级产品", "国，家，级"),
        ("国-家-级产品", "国-家-级"),
        ("这是最高级", "最高级"),
        ("提供 色 情 服务", "色 情"),
        ("色-情", "色-情"),
        ("A色情B", "色情"),
    ],
)
def test_chinese_words_however_they_are_dressed_up(text: str, hit: str) -> None:
    assert [text[span.start : span.end] for span in WORDS.find(text)] == [hit]


@pytest.mark.parametrize(
    "text", ["红色情侣款", "红色 情侣款", "有白色，情人节用", "我国，家级", "最高级别", "最高等级", "国产家用级"]
)
def test_chinese_words_that_only_look_so(text: str) -> None:
    assert WORDS.find(text) == []


def test_an_allowed_word_inside_a_listed_one_makes_it_no_better() -> None:
    assert [span.rule for span in WORDS.find("最高级")] == ["ads"]


@pytest.mark.parametrize(
    "text", ["click here", "CLICK  HERE", "clickhere", "c-l-i-c-k h-e-r-e", "click-here", "No.1", "no 1", "NO. 1"]
)
def test_words_of_several_parts(text: str) -> None:
    assert [(span.rule, span.start, span.end) for span in WORDS.find(text)] == [("ads", 0, len(text))]


def test_no_list_finds_nothing() -> None:
    assert Words([], []).find("sex") == []


def test_folding() -> None:
    assert plain("Ｆｕｌｌ，國際 Café\u200b!") == "full,国际 cafe!"
    assert compact("Ｆｕｌｌ，國際 Café\u200b!") == "full国际cafe"
    assert simplified()["級"] == "级"
    assert "級" not in simplified().values()
    text = "ﬁ \u200b①国"
    assert [text[place] for place in origins(text, COMPACT)] == ["ﬁ", "ﬁ", "①", "国"]
    assert len(origins(text, PLAIN)) == len(plain(text))


def test_redaction_removes_exactly_the_spans() -> None:
    spans = [Span("a", 2, 4), Span("b", 3, 6), Span("c", 8, 9)]
    assert merged(spans) == [(2, 6), (8, 9)]
    assert redact("0123456789", spans, "*") == "01*67*9"
    assert redact("0123456789", [], "*") == "0123456789"


@given(st.text(), st.lists(st.tuples(st.integers(0, 40), st.integers(1, 5)), max_size=5))
def test_redaction_keeps_all_else_in_order(text: str, places: list[tuple[int, int]]) -> None:
    spans = [Span("r", start, min(start + size, len(text))) for start, size in places if start < len(text)]
    kept = "".join(c for n, c in enumerate(text) if not any(s.start <= n < s.end for s in spans))
    assert redact(text, spans, "") == kept


SIGNS = st.text(st.characters(exclude_categories=("L", "N", "M", "C")), max_size=6).filter(
    lambda text: not compact(text)
)


@given(SIGNS, st.sampled_from(["sex", "国家级", "色情"]), SIGNS)
def test_a_word_among_signs_is_found_exactly(before: str, word: str, after: str) -> None:
    text = before + word + after
    assert {(span.start, span.end) for span in WORDS.find(text)} == {(len(before), len(before) + len(word))}
