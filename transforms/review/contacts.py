"""Links, e-mail addresses, phone numbers and messenger names; not prices, sizes, dates, article and model numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from transforms.review.folding import PLAIN, origins, plain
from transforms.review.spans import Span

_DOMAINS = (
    "com|cn|net|org|io|co|shop|store|top|xyz|vip|cc|info|biz|online|site|app|tv|ly|de|fr|uk|eu|ru|jp|kr|tw|hk|club"
    "|example|test"
)
"""Those that shops have; no words that may open a sentence whose space was forgotten: ``table.It``."""
_NAME = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOT = r"(?:\.|\s?[\[({]\s?(?:dot|\.)\s?[\])}]\s?)"
_HOST = rf"(?:{_NAME}{_DOT})+(?:{_DOMAINS})(?![a-z0-9-])"
_PATH = r"(?::\d{2,5})?(?:[/?#][^\s\u3000-\u303f\u3400-\u9fff\"'<>]*)?"
_AT = r"\s?(?:@|[\[({]\s?(?:at|@)\s?[\])}])\s?"
_SPOKEN_NAME = r"(?<![a-z0-9-])(?!(?:polka|swiss|pin|micro|red|braille|ink) )[a-z0-9][a-z0-9-]{1,40}"
_SPOKEN = rf"{_SPOKEN_NAME} dot (?:com|org|cn|io|info|co(?: dot [a-z]{{2}})?)(?![a-z0-9-])"
"""As it is dictated. `net` and `top` are left out: a dress has polka dots and a net."""
_DIGIT_WORD = "(?:zero|oh|one|two|three|four|five|six|seven|eight|nine|double|triple)"
_NO_DIGIT, _NO_WORD = r"(?<![a-z0-9_.+-])", r"(?![a-z0-9_-])"
_SEPARATOR = r"[ .\-]?"
_SEPARATED = r"[ .\-]"

_RULES: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "email",
        re.compile(
            rf"(?<![a-z0-9._%+-])[a-z0-9][a-z0-9._%+-]{{0,63}}{_AT}(?:{_NAME}{_DOT})+[a-z]{{2,24}}(?![a-z0-9])"
            rf"|(?<![a-z0-9])[a-z0-9][a-z0-9._%+-]{{1,63}} at {_SPOKEN}"
            r"|[a-z0-9][a-z0-9._-]{1,63}艾特[a-z0-9-]{2,40}(?:点|\.)[a-z]{2,8}"
        ),
    ),
    (
        "link",
        re.compile(
            rf"(?<![a-z0-9])[a-z][a-z0-9+.-]{{1,9}}://[^\s\u3000-\u303f\u3400-\u9fff\"'<>]+"
            rf"|(?<![a-z0-9])www{_DOT}{_NAME}(?:{_DOT}{_NAME})+{_PATH}"
            rf"|(?<![a-z0-9@.-]){_HOST}{_PATH}|{_SPOKEN}|(?<![a-z0-9])www [a-z0-9-]{{2,40}} (?:{_DOMAINS})(?![a-z0-9-])"
            rf"|(?<![a-z0-9@.-]){_NAME}\.(?:gg|gl|be|to|ai|dev|link|page|id|in|it|nl|se)/[a-z0-9_-]{{2,}}"
            r"|(?<![a-z0-9-])[a-z0-9-]{2,40} ?点 ?(?:com|net|cn|org|cc|vip|top|shop)(?![a-z0-9])"
            r"|(?<![a-z])t(?:\.| dot | )me(?:/| slash )[a-z0-9_]{3,}"
        ),
    ),
    (
        "phone",
        re.compile(
            rf"{_NO_DIGIT}(?:"
            rf"(?:\+\d{{1,3}}{_SEPARATOR}|00\d{{1,3}}{_SEPARATED})(?:\(\d{{1,4}}\){_SEPARATOR})?"
            rf"\d{{2,4}}(?:{_SEPARATOR}\d{{2,4}}){{1,4}}"
            rf"|1[3-9]\d(?:{_SEPARATOR}\d{{4}}){{2}}"
            rf"|[48]00-\d{{3,4}}-\d{{3,4}}"
            rf"|\(0\d{{2,3}}\){_SEPARATOR}\d{{7,8}}|0\d{{2,3}}[ -]\d{{7,8}}"
            rf"|0\d{{3,4}} \d{{3}} \d{{3,4}}"
            rf"|\(\d{{3}}\) ?\d{{3}}{_SEPARATED}\d{{4}}|[2-9]\d\d[.-][2-9]\d\d[.-]\d{{4}}"
            rf"){_NO_WORD}"
            # Digit by digit, or in words.
            rf"|{_NO_DIGIT}(?!0 1 2 3)(?:0|1 ?[3-9])(?: ?[ -] ?\d){{8,11}}(?! ?\d)"
            r"|(?<![a-z])(?!(?:zero[ ,-]+)?one[ ,-]+two[ ,-]+three)"
            rf"{_DIGIT_WORD}(?:[ ,-]+{_DIGIT_WORD}){{6,14}}(?![a-z])"
            r"|(?<![零〇一二三四五六七八九幺两])[零〇一二三四五六七八九幺两壹贰叁肆伍陆柒捌玖]{7,13}(?![零〇一二三四五六七八九幺两十百千万年月日])"
            # With a word that says so, any number is one.
            r"|(?:(?<![a-z])(?:tel|telephone|phone|(?:call|text|sms|dial|ring)(?: us| me)?(?: at| on)?|hotline|fax)\b"
            r"|电话|手机号?|热线|致电|联系方式|客服)[:. 号码]{0,4}\+?\(?\d{3,4}\)?[ -]?\d{3,4}(?:[ -]?\d{1,5})?(?!\d)"
        ),
    ),
    (
        "messenger",
        re.compile(
            r"(?:(?<![a-z0-9])(?:wechat|weixin|whatsapp|telegram|snapchat|line id|vx|qq)(?![a-z])"
            r"|加?微信号?|薇信|加薇|加v|v信|扣扣|抖音号|公众号|加 ?q(?=\s?[::]))(?: id)?[^\w\s:@]?"
            r"(?:[: 号群]{0,3}[a-z0-9][a-z0-9_ -]{3,24}(?<=[\d_-])(?![a-z0-9])|:\s?[a-z][a-z0-9_-]{3,24})"
            r"|(?<![\w.@])@[a-z][a-z0-9_.]{3,30}(?![\w@])"
        ),
    ),
)
_PHONE_DIGITS = 7
_HINTS = (
    (
        ("email", "link"),
        (" dot ", "://", "www", "t me"),
        re.compile(r"@|艾特|[\[({]\s?(?:at|dot|\.)|\.[a-z]{2}|点 ?[a-z]"),
    ),
    (
        ("phone",),
        (),
        re.compile(
            rf"\d[\d ().-]{{4,}}\d|[ ,-]{_DIGIT_WORD}[ ,-]+{_DIGIT_WORD}"
            r"|[零〇一二三四五六七八九幺两壹贰叁肆伍陆柒捌玖]{7}"
        ),
    ),
    (
        ("messenger",),
        (),
        re.compile(
            r"@|wechat|weixin|whatsapp|telegram|line id|vx|qq|snapchat|微信|薇信|加薇|加v|v信|扣扣|公众号|抖音号|加 ?q"
        ),
    ),
)
"""Without one of these signs the rules before them cannot hit, and to look for them takes little time: words by
themselves, for which the pattern would stop at every space, `t` or `w`, and the pattern of what is rarer."""


def find(text: str) -> list[Span]:
    """Every address and number in ``text`` as written."""
    folded = plain(text)
    hinted = may_hit(folded)
    found = list(hits(folded, hinted)) if hinted else []
    if not found:
        return []
    places = origins(text, PLAIN)
    return [Span(rule, places[start], places[end - 1] + 1) for rule, start, end in found]


def may_hit(folded: str) -> list[str]:
    """Rules that can hit a folded text at all: of most texts none."""
    return [
        rule
        for rules, words, pattern in _HINTS
        if pattern.search(folded) or any(map(folded.__contains__, words))
        for rule in rules
    ]


def hits(folded: str, rules: Sequence[str]) -> Iterator[tuple[str, int, int]]:
    """What these rules find in a folded text: rule, start and end."""
    taken: list[tuple[int, int]] = []
    for rule, pattern in _RULES:
        if rule not in rules:
            continue
        for match in pattern.finditer(folded):
            start, end = match.start(), match.start() + len(match[0].rstrip(" .,;:!?)"))
            # The host of an e-mail address is no link besides.
            if rule == "phone" and 0 < sum(map(str.isdigit, match[0])) < _PHONE_DIGITS:
                continue
            if not any(low < end and start < high for low, high in taken):
                taken.append((start, end))
                yield rule, start, end
