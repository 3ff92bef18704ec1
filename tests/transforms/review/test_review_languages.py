"""Chinese in the wrong characters."""

import pytest
from data.outputs import outputs

from transforms.review import Asked, Verdict, load_policy, review
from transforms.review.folding import only_simplified, simplified
from transforms.review.language import is_simplified, speaks

POLICY = load_policy()

TRADITIONAL = [
    "白色背景上的紅色陶瓷杯，帶圓形把手。",
    "一隻白色陶瓷杯放在木質桌面上。",
    "一件女士碎花連衣裙，V領短袖，適合夏季穿著。",
    "黑色智慧型手機，正面螢幕與背面三鏡頭。",
    "杯子放在桌子上。",  # the same in both
    "蘋果 iPhone 15 Pro 手機殼，透明材質。",
    "這件T恤印有「红双喜」字樣，純棉材質。",  # a print
    "書名《红楼梦》的精裝書，紅色封面。",
    "後面是台北的街景，裡面有一只白色的盤子。",
    "乾麵與湯麵各一碗，旁邊有筷子。",
    "香港製造的雲吞麵，包裝上有發字。",
    "一對藍色情侶杯，印有几何圖案。",
]
SIMPLIFIED = [
    "白色背景上的红色陶瓷杯，带圆形把手。",
    "红色陶瓷杯",
    "这款包采用真皮材质。",
    "一双黑色运动鞋，白色鞋底。",
    "一件女士碎花连衣裙，V领短袖，适合夏季穿着。",
    "黑色智能手机，正面屏幕与背面三摄像头。",
    "苹果 iPhone 15 Pro 手机壳，透明材质。",
    "白色背景上的紅色陶瓷杯，带圆形把手，适合冲泡咖啡。",  # here and there a traditional one
]


@pytest.mark.parametrize("text", TRADITIONAL)
@pytest.mark.parametrize("language", ["zh-Hant", "zh-Hant-HK"])
def test_traditional_characters_pass(text: str, language: str) -> None:
    assert review(text, Asked(language), POLICY).rules == ()


@pytest.mark.parametrize("text", SIMPLIFIED)
@pytest.mark.parametrize("language", ["zh-Hant", "zh-Hant-TW"])
def test_simplified_characters_do_not(text: str, language: str) -> None:
    ruling = review(text, Asked(language), POLICY)
    assert (ruling.verdict, ruling.rules) == (Verdict.REJECTED, ("wrong_language",))
    assert speaks(text, "zh-Hans")


def test_of_the_good_outputs_in_simplified_characters_hardly_one_passes_for_traditional() -> None:
    texts = [output.text for output in outputs() if output.language == "zh-Hans" and not output.rule]
    passed = [text for text in texts if speaks(text, "zh-Hant")]
    assert len(texts) > 100
    assert passed == ["一束向日葵插在透明玻璃花瓶里，放在窗台上。"]  # all of them are traditional characters, too


def test_converted_to_traditional_they_all_pass() -> None:
    import opencc

    converter = opencc.OpenCC("s2t")
    texts = [output.text for output in outputs() if output.language == "zh-Hans" and not output.rule]
    converted = {text: converter.convert(text) for text in texts}
    assert [after for after in converted.values() if is_simplified(after)] == []


def test_characters_that_both_have_are_in_neither_table() -> None:
    assert not only_simplified() & set("后里面台干只云几万才表着吃床群峰")
    assert set("红国发这双开车马门书") <= only_simplified()
    assert not only_simplified() & set(simplified())
