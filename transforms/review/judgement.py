"""What a moderator says and a captioner would only say to refuse: that a picture is against the rules."""

from __future__ import annotations

import re

from transforms.values import ModerationVerdict

_RULES_EN = r"(?:polic|guideline|rule|standard|term|regulation)\w*"
_RULES_ZH = r"(?:政策|规定|規定|准则|準則|规则|規則|规范|規範|内容安全|內容安全|法律法规|法律法規|法规|法規)"
_FOUND = (
    rf"\b(?:violat\w*|against|breach\w*)\b[^.;\n]{{0,40}}?\b{_RULES_EN}"
    rf"|(?:违反|違反)了?[^，。；\n]{{0,14}}?{_RULES_ZH}|违规|違規"
    r"|(?:不适合|不適合|不宜)(?:描述|展示|公开|公開)|不予(?:显示|顯示|展示)"
)
_FINDING = re.compile(_FOUND, re.IGNORECASE)
_NO_FINDING = re.compile(
    rf"\b(?:no|not|nothing|none|without|n't|does not)\b[^.;\n]{{0,40}}?(?:{_FOUND})"
    rf"|(?:没有|沒有|没|未|无|無|不|并非)[^，。；\n]{{0,10}}?(?:{_FOUND})",
    re.IGNORECASE,
)


def without_judgement(text: str, judged: ModerationVerdict | None) -> str:
    """The text to be searched for refusals.

    Of a picture that is not safe it may be said that it breaks rules; of a safe one, that it does not.
    """
    if judged is None:
        return text
    return (_NO_FINDING if judged is ModerationVerdict.SAFE else _FINDING).sub(" ", text)
