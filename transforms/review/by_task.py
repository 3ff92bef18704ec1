"""What would be a refusal to caption and is an answer to another task.

A moderator says that a picture is against the rules; who answers a question, that the picture leaves it open.
"""

from __future__ import annotations

import re

from transforms.values import ModerationVerdict, Task

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
_FOUND_MARKS = ("olat", "aga", "breach", "违", "違", "不适", "不適", "不宜", "不予")
"""Of these one is in every finding, in lower case. No `i` and no `s`: `re` takes ı and ſ for them."""

_LEFT_OPEN = re.compile(
    r"(?:图片|图像|图中|照片|商品图|圖片|圖像|圖中|商品圖)(?:中|上|里|裡|内|內)?(?:暂时|暫時|并|並|也|还|還)?(?:无法|無法)(?:直接|准确|準確|完全)?"
    r"(?:看出|看清|判断|判斷|确定|確定|得知|获知|獲知|确认|確認|说明|說明|辨认|辨認|分辨|知道|体现|體現|反映)"
)


_OWN_VIEW = re.compile(
    r"\b[Ii] (?:can )?(?:see|think|believe|would say|assume)\b(?! (?:no|any|an?y? )?(?:image|picture|photo))"
    r"|我(?:认为|認為|觉得|覺得|看到|能看到|猜)"
)
"""Whoever is asked may say so."""


def without_answers(text: str, task: str, judged: ModerationVerdict | None) -> str:
    """The text to be searched for refusals.

    Of a picture that is not safe it may be said that it breaks rules; of a safe one, that it does not.
    """
    if judged is not None:
        if not any(map(text.lower().__contains__, _FOUND_MARKS)):
            return text
        return (_NO_FINDING if judged is ModerationVerdict.SAFE else _FINDING).sub(" ", text)
    return _OWN_VIEW.sub(" ", _LEFT_OPEN.sub(" ", text)) if task == Task.ANSWER else text
