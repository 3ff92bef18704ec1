import time

import pytest

from transforms.errors import ConfigInvalid
from transforms.review import ReviewPolicy, is_wide, longest_run, repeated_share, review, speaks

POLICY = ReviewPolicy()
SHORT, LONG, ONE, AGAIN, WRONG = "too_short", "too_long", "one_character", "repetition", "wrong_language"
SENTENCE = "A red ceramic mug with a round handle stands on a plain white table. "

EN = [
    ("A red mug on a white table.", ()),
    ("A red mug.", ()),  # ten characters
    ("  A red mug.\n", ()),
    ("A red mug", (SHORT,)),
    ("Mug", (SHORT,)),
    ("", (SHORT, WRONG)),
    (" \n\t ", (SHORT, WRONG)),
    ("12345 67890", (WRONG,)),
    ("🙂🙂🙂 🙂🙂🙂 🙂🙂 🙂🙂", (ONE, WRONG)),
    ("!" * 200, (ONE, WRONG)),
    ("! " * 200, (ONE, WRONG)),
    ("A red mug" + "!" * 8, ()),
    ("A red mug" + "!" * 9, (ONE,)),
    ("A red mug aaaaaaaaa", (ONE,)),
    ("x" * 1000, (ONE,)),
    ("x" * 1001, (LONG, ONE)),
    (" ".join(f"word{n}" for n in range(120)), ()),
    (" ".join(f"word{n}" for n in range(200)), (LONG,)),
    ("a red mug " * 10, (AGAIN,)),
    (SENTENCE, ()),
    (SENTENCE * 2, ()),
    (SENTENCE * 3, (AGAIN,)),
    ("Red Mug RED MUG red mug Red mug, red mug; RED mug!", (AGAIN,)),
    ("A mug, a mug, a mug.", ()),  # too few words to tell
    ("白色背景上的红色杯子。", (WRONG,)),
    ("A red mug 杯 on a white table.", ()),
    ("Red mug 红色杯子 table", (WRONG,)),
    ("Ein roter Becher auf einem weißen Tisch.", ()),  # the script is right; part 5 tells the language
    ("Café-style crème mug, 0.5 l, 20 × 30 cm.", ()),
    ("A red mug\nwith two\nlines.", ()),
]
ZH = [
    ("白色背景上的红色杯子。", ()),
    ("红色杯子", ()),
    ("红杯子", (SHORT,)),
    ("", (SHORT, WRONG)),
    ("一只红色的陶瓷马克杯，圆形把手，摆放在白色桌面上。", ()),
    ("Nike 红色运动鞋，白色鞋底。", ()),
    ("Nike Air Max 运动鞋", (WRONG,)),  # 3 Han of 13 letters
    ("iPhone 手机壳，黑色硅胶材质", ()),
    ("A red mug on a white table.", (WRONG,)),
    ("，。！？、；：", (WRONG,)),
    ("1234567", (WRONG,)),
    ("红" * 9, (ONE, WRONG)[:1]),
    ("红" * 8, ()),
    ("红色杯子" * 10, (AGAIN,)),
    ("这是一个杯子，" * 5, (AGAIN,)),
    ("杯" + "".join(chr(0x4E00 + n) for n in range(299)), ()),
    ("杯" + "".join(chr(0x4E00 + n) for n in range(300)), (LONG,)),
    ("赤いマグカップ", (WRONG,)),
    ("빨간 머그컵입니다", (WRONG,)),
    ("紅色杯子放在白色桌面上", ()),
]


@pytest.mark.parametrize(("text", "broken"), EN, ids=range(len(EN)))
def test_english(text: str, broken: tuple[str, ...]) -> None:
    assert review(text, "en", POLICY) == broken


@pytest.mark.parametrize(("text", "broken"), ZH, ids=range(len(ZH)))
def test_chinese(text: str, broken: tuple[str, ...]) -> None:
    assert review(text, "zh-Hans", POLICY) == broken


@pytest.mark.parametrize(
    ("text", "language", "right"),
    [
        ("Красная кружка на столе", "ru", True),
        ("红色的杯子在桌子上", "ru", False),
        ("赤いマグカップ", "ja", True),
        ("빨간 머그컵", "ko", True),
        ("A red mug", "ja", False),
        ("紅色杯子", "yue", True),
        ("紅色杯子", "ZH-Hant", True),
        ("كوب أحمر", "ar", True),
    ],
)
def test_scripts_of_other_languages(text: str, language: str, right: bool) -> None:
    assert speaks(text, language) is right


@pytest.mark.parametrize(("text", "longest"), [("", 0), ("a", 1), ("aab", 2), ("a a a", 3), ("abab", 1)])
def test_longest_run(text: str, longest: int) -> None:
    assert longest_run(text) == longest


def test_repeated_share_of_words_and_of_characters() -> None:
    assert repeated_share("a b c d " * 3, wide=False) == pytest.approx(5 / 9)
    assert repeated_share("红色杯子" * 3, wide=True) == pytest.approx(5 / 9)
    assert repeated_share("a b c d e f g h i j k", wide=False) == 0


def test_wide_languages() -> None:
    assert [tag for tag in ("zh-Hans", "ZH", "ja", "ko", "yue", "en", "de-CH", "") if is_wide(tag)] == [
        "zh-Hans",
        "ZH",
        "ja",
        "ko",
        "yue",
    ]


def test_limits_come_from_the_policy() -> None:
    policy = ReviewPolicy(min_chars=1, max_chars=3, max_run=1, min_chars_wide=1, max_chars_wide=2)
    assert review("mug", "en", policy) == ()
    assert review("mugs", "en", policy) == (LONG,)
    assert review("mmg", "en", policy) == (ONE,)
    assert review("红杯子", "zh-Hans", policy) == (LONG,)


def test_at_least_one_attempt() -> None:
    with pytest.raises(ConfigInvalid, match="max attempts `0` must be at least 1; mend --max-attempts"):
        ReviewPolicy(max_attempts=0)


def test_a_megabyte_of_nonsense_is_judged_quickly() -> None:
    started = time.process_time()
    assert LONG in review("mug " * 250_000, "en", POLICY)
    assert time.process_time() - started < 3
