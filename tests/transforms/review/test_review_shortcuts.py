"""What spares a rule its work never changes what it says: each shortcut beside the rule written out."""

import re
from collections import Counter

import pytest
from data.outputs import outputs
from hypothesis import given, settings
from hypothesis import strategies as st
from py3langid.langid import MODEL_FILE, LanguageIdentifier

from transforms.review import contacts, phrases
from transforms.review.by_task import without_answers
from transforms.review.detector import DETECTED, SURE, is_surely_another
from transforms.review.folding import COMPACT, compact, plain
from transforms.review.lookalikes import Lookalikes
from transforms.review.policy import SPANS
from transforms.review.repetition import has_run, repeats
from transforms.values import ModerationVerdict, Task

TEXTS = [output.text for output in outputs()]
SENTENCES = {
    "en": "a red mug with a round handle stands on a plain white table in soft light",
    "de": "ein roter becher mit rundem henkel steht auf einem schlichten weißen tisch",
    "fr": "une tasse rouge avec une anse ronde est posée sur une table blanche",
    "nl": "een rode mok met een rond oor staat op een witte houten tafel",
    "da": "en rød kop med et rundt håndtag står på et hvidt bord i blødt lys",
    "no": "en rød kopp med et rundt håndtak står på et hvitt bord i mykt lys",
    "vi": "cốc sứ màu đỏ có tay cầm tròn đặt trên bàn gỗ trắng",
}
WORDS = sorted({word for sentence in SENTENCES.values() for word in sentence.split()})


@pytest.fixture(scope="module")
def detector() -> LanguageIdentifier:
    detector = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    detector.set_languages(DETECTED)
    return detector


@given(st.lists(st.sampled_from(WORDS) | st.text(max_size=6), max_size=24), st.sampled_from(sorted(SENTENCES)))
@settings(deadline=None)  # the first example reads the model
def test_a_language_is_told_as_the_detector_tells_it(
    detector: LanguageIdentifier, words: list[str], language: str
) -> None:
    text = " ".join(words)[:120]
    found, share = detector.classify(text)
    assert is_surely_another(text, language) == (found != language and share >= SURE)


@pytest.mark.parametrize("written", ["en", "de", "fr", "nl", "vi"])  # Danish may always be Norwegian
@pytest.mark.parametrize("language", SENTENCES)
def test_a_sentence_is_surely_of_its_language_only(written: str, language: str) -> None:
    assert is_surely_another(SENTENCES[written], language) == (written != language)


PIECES = st.sampled_from(
    [
        *(
            "@",
            ".",
            " ",
            "com",
            "shop",
            "www",
            "dot",
            " dot ",
            "[at]",
            "( dot )",
            "://",
            "t me",
            "/",
            "-",
            "点",
            "艾特",
        ),
        *(
            "1",
            "13",
            "800",
            "+44",
            "0123",
            "4567",
            "(",
            ")",
            "one",
            "two",
            "double",
            "oh",
            ", ",
            "一",
            "三",
            "零",
            "tel",
        ),
        *("微信", "加v", "加 q", "vx", ":", "mug_88", "电话", "qq", "line id", "whatsapp", "a", "红", "\n"),
    ]
)


@given(st.lists(PIECES, max_size=24).map("".join))
@settings(deadline=None)  # without hints every pattern is tried
def test_no_contact_is_found_without_its_hint(text: str) -> None:
    folded = plain(text)
    assert list(contacts.hits(folded, contacts.may_hit(folded))) == list(contacts.hits(folded, SPANS))


@pytest.mark.parametrize("text", ["A red mug, one of two, at no. 7.", "红色陶瓷杯，一对。", "A mug (attic)."])
def test_an_ordinary_text_has_few_hints(text: str) -> None:
    assert "phone" not in contacts.may_hit(plain(text))
    assert "messenger" not in contacts.may_hit(plain(text))


@given(
    st.lists(st.sampled_from(["a", "b", "ab", "aba", "红", "色", "杯", " ", "，", "A", "haha"]), max_size=40),
    st.booleans(),
)
def test_repetition_is_what_its_definition_says(pieces: list[str], wide: bool) -> None:
    text = ("" if wide else " ").join(pieces)
    words, squeezed = re.findall(r"\w+", text.lower()), "".join(text.split())
    units = list(squeezed) if wide else words
    grams = [tuple(units[i : i + 4]) for i in range(len(units) - 3)]
    counted = Counter(grams)
    again = len(grams) >= 8 and (1 - len(counted) / len(grams) > 0.5 or max(counted.values()) > 4)
    if wide:
        stuck = bool(re.search(r"([^\W\d_]{2,8}?[，、。,;；!！ ]*)\1{3,}", text))
    else:
        rows = [words[i : i + 4 * size] for size in (1, 2) for i in range(len(words) - 4 * size + 1)]
        stuck = any(row == row[: len(row) // 4] * 4 for row in rows)
        stuck = stuck or any(re.search(r"([a-z]{2,4})\1{4,}", word) for word in words)
    assert repeats(text, wide, 0.5) == (again or stuck)


@given(st.text("aab 红红\n", max_size=30), st.integers(1, 9))
def test_runs_are_what_their_definition_says(text: str, longest: int) -> None:
    squeezed = "".join(text.split())
    assert has_run(text, longest) == any(sign * (longest + 1) in squeezed for sign in set(squeezed))


@pytest.mark.parametrize("place", [n for n, (_, _, pattern) in enumerate(phrases.PATTERNS) if pattern.pattern])
def test_a_pattern_hits_only_where_one_of_its_words_is(place: int) -> None:
    _, words, pattern = phrases.PATTERNS[place]
    for text in TEXTS:
        folded = plain(text)
        for line in (folded, f"{folded}\n{folded}", f"- {folded}", f"## {folded}", f"1. {folded}\n2. {folded}"):
            assert not pattern.search(line) or any(word in f" {line}" for word in words)


@given(st.lists(st.sampled_from(["-", "*", "#", "1", "2", ".", "、", ")", " ", "\n", "a", "mug", "杯"]), max_size=14))
def test_a_list_is_markup_whatever_its_signs(pieces: list[str]) -> None:
    text = "".join(pieces)
    is_bulleted = re.search(r"(?:^|\n)\s{0,3}(?:#{1,6}\s|[-*]\s+\S)", text)
    is_numbered = re.search(r"(?:^|\n)\s{0,3}\d{1,2}[.、)]\s?[^\n]+\n\s{0,3}\d{1,2}[.、)]", text)
    if is_bulleted or is_numbered:
        assert "markup" in phrases.find(text + "." if text.endswith("\n") else text)


@given(st.text("aB-ﬁ①国國é\u200b。 1", max_size=20))
def test_a_compact_text_has_each_character_s_compact_form(text: str) -> None:
    assert compact(text) == "".join(COMPACT[ord(character)] for character in text)


def test_characters_beyond_16_bits_are_seen_and_others_left() -> None:
    reader = Lookalikes([("家", "𡧃"), ("色", "铯")])
    assert reader.read("国𡧃级 😀 🄰") == "国家级 😀 a"
    assert reader.read("紅色 😀") == "紅色 😀"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("It vıolateſ our polıcy.", "It  ."),
        ("AGAINST the RULES", " "),
        ("图片违规", "图片 "),
        ("此图不适合展示", "此图 "),
        ("A knife on a table.", "A knife on a table."),
    ],
)
def test_what_a_moderator_found_is_left_out_however_it_is_written(text: str, left: str) -> None:
    assert without_answers(text, Task.MODERATE, ModerationVerdict.VIOLATION) == left
