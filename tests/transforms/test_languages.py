import pytest

from transforms.languages import lookup, normalise_language


@pytest.mark.parametrize(
    ("tag", "normal"),
    [
        ("en", "en"),
        ("EN", "en"),
        (" en ", "en"),
        ("en_us", "en-US"),
        ("zh", "zh-Hans"),
        ("zh-CN", "zh-Hans"),
        ("zh_cn", "zh-Hans"),
        ("zh-sg", "zh-Hans"),
        ("zh-TW", "zh-Hant"),
        ("zh-HK", "zh-Hant"),
        ("zh-mo", "zh-Hant"),
        ("ZH-hans", "zh-Hans"),
        ("zh-hant-tw", "zh-Hant-TW"),
        ("zh-TW-x-shop", "zh-Hant-x-shop"),
        ("zh-pinyin", "zh-Hans-pinyin"),
        ("sr-latn-rs", "sr-Latn-RS"),
        ("es-419", "es-419"),
        ("de-DE-1996", "de-DE-1996"),
        ("en-U-CA-Gregory", "en-u-ca-gregory"),
        ("zh-u-co-pinyin", "zh-Hans-u-co-pinyin"),
        ("", ""),
        ("-", "-"),
        ("zh-", "zh-Hans-"),
    ],
)
def test_canonical_tags(tag: str, normal: str) -> None:
    assert normalise_language(tag) == normal
    assert normalise_language(normal) == normal


@pytest.mark.parametrize(
    ("tag", "served", "found"),
    [
        ("en", {"en"}, "en"),
        ("en-US", {"en"}, "en"),
        ("en-US", {"en", "en-US"}, "en-US"),
        ("zh-Hant-HK", {"zh-Hans", "zh-Hant"}, "zh-Hant"),
        ("zh-Hant-HK", {"zh-Hans"}, None),  # other characters are no way out
        ("zh-Hant", {"zh"}, "zh"),
        ("en", {"en-US"}, None),  # never longer than what was asked for
        ("en-u-ca-gregory", {"en-u", "en"}, "en"),
        ("en-GB-x-shop", {"en-GB-x", "en-GB"}, "en-GB"),
        ("fr", {"en"}, None),
        ("x-klingon", {"x"}, "x"),
        ("", {"en"}, None),
        ("-", {"en"}, None),
    ],
)
def test_lookup(tag: str, served: set[str], found: str | None) -> None:
    assert lookup(tag, served) == found
