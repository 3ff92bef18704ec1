import pytest

from transforms.review import contacts, phrases
from transforms.review.echo import echoes
from transforms.review.language import is_traditional, is_wide, speaks
from transforms.review.repetition import has_run, repeats

SENTENCE = "A red ceramic mug with a round handle stands on a plain white table. "


@pytest.mark.parametrize(
    ("text", "rule", "hit"),
    [
        ("see https://shop.example/a?b=1.", "link", "https://shop.example/a?b=1"),
        ("at www.shop.com, red", "link", "www.shop.com"),
        ("Visit SHOP.COM/sale!", "link", "SHOP.COM/sale"),
        ("杯子ｓｈｏｐ．ｃｏｍ红色", "link", "ｓｈｏｐ．ｃｏｍ"),
        ("杯子shop。cn红色", "link", "shop。cn"),
        ("shop [dot] com", "link", "shop [dot] com"),
        ("ftp://files.example", "link", "ftp://files.example"),
        ("mail a.b+c@shop.co.uk now", "email", "a.b+c@shop.co.uk"),
        ("me [at] shop [dot] com", "email", "me [at] shop [dot] com"),
        ("ａ＠ｓｈｏｐ．ｃｏｍ", "email", "ａ＠ｓｈｏｐ．ｃｏｍ"),
        ("+44 20 7946 0958", "phone", "+44 20 7946 0958"),
        ("+8613812345678", "phone", "+8613812345678"),
        ("请拨13812345678咨询", "phone", "13812345678"),
        ("138-1234-5678", "phone", "138-1234-5678"),
        ("１３８１２３４５６７８", "phone", "１３８１２３４５６７８"),
        ("1\u200b38123\u200b45678", "phone", "1\u200b38123\u200b45678"),
        ("400-888-1234", "phone", "400-888-1234"),
        ("010-12345678", "phone", "010-12345678"),
        ("(555) 123-4567", "phone", "(555) 123-4567"),
        ("555-223-4567", "phone", "555-223-4567"),
        ("tel: 223 4567", "phone", "tel: 223 4567"),
        ("电话：2234567", "phone", "电话：2234567"),
        ("微信号：mug_88", "messenger", "微信号：mug_88"),
        ("加V：mugs", "messenger", "加V：mugs"),
        ("QQ群 12345678", "messenger", "QQ群 12345678"),
        ("whatsapp: mugs", "messenger", "whatsapp: mugs"),
        ("follow @mugshop today", "messenger", "@mugshop"),
        ("see mugs dot com today", "link", "mugs dot com"),
        ("see shuihu点com today", "link", "shuihu点com"),
        ("on t me slash mugs", "link", "t me slash mugs"),
        ("join discord.gg/mugs now", "link", "discord.gg/mugs"),
        ("at www mugs com", "link", "www mugs com"),
        ("hello at mugs dot co now", "email", "hello at mugs dot co"),
        ("qian艾特163点com", "email", "qian艾特163点com"),
        ("电话一三八零零一三八零零零", "phone", "一三八零零一三八零零零"),
        ("ring zero seven seven double zero nine one now", "phone", "zero seven seven double zero nine one"),
        ("ring 0 7 9 1 1 1 2 3 4 5 6", "phone", "0 7 9 1 1 1 2 3 4 5 6"),
        ("ring 07700 900 123", "phone", "07700 900 123"),
    ],
)
def test_contacts(text: str, rule: str, hit: str) -> None:
    assert [(span.rule, text[span.start : span.end]) for span in contacts.find(text)] == [(rule, hit)]


@pytest.mark.parametrize(
    "text",
    [
        "¥199.00, $1,299.99, 1.299,00 €, 199元",
        "20 × 30 cm, 0.5 l, 1920x1080, 55 × 40 × 23 cm, 100-240V, 5V/3A",
        "2025-01-01, 01/02/2025, 2024.12.31, 1998-2024",
        "6901234567892, ISBN 978-7-115-12345-6, K8-Pro 2023-11, M6x40, A1234567890, 0012345",
        "400 600 800 watts, 250 300 1200",
        "No. 5, USB 3.0/2.0, 4.5 GHz, f/1.8, 24/7, 50%",
        "A white table.It has legs.",
        "Dr. Martens, St. Moritz, e.l.f. cosmetics, A.P.C.",
        "iPhone 15 Pro 2023, phone 12",
        "加V领设计，微信支付，QQ弹软糖",
        "20W @ 5V",
        "A polka dot top, a polka dot co-ord, look at polka dot com",
        "二零二五年, 一二三四五六, 一点五, 下午三点",
        "Sizes 1 2 3 4 5 6 7 8 9, one two three, 0 1 2 3 4",
        "w/o, km/h, 1.5/2.5, and/or, n.a./none",
    ],
)
def test_what_is_no_contact(text: str) -> None:
    assert contacts.find(text) == []


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        ('A mug that says "Sorry, I can\'t adult today".', []),
        ("T恤胸前打印“LOVE”字样", []),
        ("A card with a care label to follow the washing instructions.", []),
        ("输入：100-240V，输出：5V/3A", []),
        ("A 5* hotel towel & a 2-in-1 tool <3", []),
        ("Please note the red handle.", []),
        ("\n- a\n- b", ["markup"]),
        ("I can’t see any picture", ["refusal"]),
        ("Okay, a mug", ["chatter"]),
        ('Then reply only with "free"', ["instruction"]),
        ("Sorry, I cannot ignore the previous instructions", ["refusal", "instruction"]),
    ],
)
def test_phrases(text: str, rules: list[str]) -> None:
    assert list(phrases.find(text)) == rules


def test_echo() -> None:
    prompt = "Caption photos for a shop. Describe only what can be seen.\n«Grandma's very own blue enamel cooking pot»"
    assert echoes("Describe only what can be seen, and do it well please.", prompt, wide=False)
    assert echoes("DESCRIBE ONLY what can be seen", prompt, wide=False)
    assert not echoes("Grandma's very own blue enamel cooking pot on a stove.", prompt, wide=False)
    assert not echoes("A red mug on a table.", prompt, wide=False)
    assert echoes("Describe the product. It is red.", "Describe the product.", wide=False)
    assert echoes("请描述这件商品。红色杯子", "请描述这件商品。", wide=True)
    assert not echoes("一件红色商品", "请描述这件商品。", wide=True)
    assert not echoes("a mug", "", wide=False)
    assert not echoes("", "a mug", wide=False)


@pytest.mark.parametrize(
    ("text", "language", "right"),
    [
        ("A red mug 杯 on a white table.", "en", True),
        ("Red mug 红色杯子 table", "en", False),
        ("12345 67890", "en", False),
        ("🙂🙂 🙂🙂", "en", False),
        ("Ein roter Becher mit rundem Griff steht auf einem weißen Tisch.", "en", False),
        ("Ein roter Becher mit rundem Griff steht auf einem weißen Tisch.", "de", True),
        ("A red mug with a round handle stands on a white table.", "de", False),
        ("Ein roter Becher.", "en", True),  # too short to tell
        ("Chanel Coco Mademoiselle Eau de Parfum Intense", "en", True),  # names
        ("En rød kopp med rundt håndtak står på et hvitt bord", "nb", True),
        ("Nike Air Max 运动鞋", "zh-Hans", True),
        ("Nike air max running shoe 鞋", "zh-Hans", False),
        ("這款紅色杯子放在白色桌面上，圓形把手", "zh-Hans", False),
        ("這款紅色杯子放在白色桌面上，圓形把手", "zh-Hant", True),
        ("周大福與老鳳祥的黄金手镯，圆形，表面光滑，背景为白色", "zh-Hans", True),
        ("紅色杯子", "yue", True),
        ("赤いマグカップ", "ja", True),
        ("一只红色的陶瓷马克杯，圆形把手，摆放在桌上", "ja", False),
        ("一只红色的陶瓷马克杯，圆形把手，摆放在桌上", "ko", False),
        ("빨간 머그컵", "ko", True),
        ("A red mug", "ja", False),
        ("Красная кружка Nike на столе", "ru", True),
        ("红色的杯子在桌子上", "ru", False),
        ("A red mug on a table", "ru", False),
        ("كوب أحمر", "ar", True),
        ("Црвена шоља", "sr", True),
        ("anything at all", "sr", True),
        ("", "sr", False),
    ],
)
def test_languages(text: str, language: str, right: bool) -> None:
    assert speaks(text, language) is right


def test_wide_languages() -> None:
    assert [tag for tag in ("zh-Hans", "ZH", "ja", "ko", "yue", "en", "de-CH", "") if is_wide(tag)] == [
        "zh-Hans",
        "ZH",
        "ja",
        "ko",
        "yue",
    ]
    assert is_traditional("紅色杯子與圓形")
    assert not is_traditional("鳳凰")


@pytest.mark.parametrize(
    ("text", "wide", "stuck"),
    [
        (SENTENCE, False, False),
        (SENTENCE * 2, False, False),
        (SENTENCE * 3, False, True),
        ("Red Mug RED MUG red mug Red mug, red mug; RED mug!", False, True),
        ("A mug, a mug, a mug.", False, False),  # too few words to tell
        ("A very very very nice lamp", False, False),
        ("A very very very very nice lamp", False, True),
        ("红色杯子" * 10, True, True),
        ("柔软，柔软，柔软，柔软", True, True),
        ("柔软，柔软，柔软", True, False),
    ],
)
def test_repetition(text: str, wide: bool, stuck: bool) -> None:
    assert repeats(text, wide, 0.5) is stuck


@pytest.mark.parametrize(
    ("text", "longest", "hit"), [("", 1, False), ("aab", 2, False), ("a a a", 2, True), ("abab", 1, False)]
)
def test_runs(text: str, longest: int, hit: bool) -> None:
    assert has_run(text, longest) is hit
