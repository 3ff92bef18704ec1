"""Patterns of instructions that a model copied from a picture, and of markup; English and Chinese, for `phrases`."""

from __future__ import annotations

from transforms.review.refusals import TUPIAN

_ORDERS = r"(?:instruction|prompt|rule|direction|directive|command|guideline|message|request|task|constraint)s?"
_ZHILING = r"(?:指令|指示|提示词|提示|要求|规则|命令|设定|任务|限制)"

MARKUP = (
    ("<", r"<[|/!]?\s?[a-z_|][^<>\n]{0,80}>"),
    ('```|~~~|{{|}}|{"|\ufffd|\\u|addcriterion|im_start|im_end', ""),
    ("#|*|-", r"(?:^|\n)\s{0,3}(?:#{1,6}\s|[-*]\s+\S)"),
    ("**", r"(?<!\*)\*\*(?!\*)\S"),
    ("](", r"\[[^\]\n]*\]\([^)\n]*\)"),
    ("&amp;|&lt;|&gt;|&nbsp;|&quot;", ""),
    ("assistant|user|system|human", r"(?:^|\n)\s*(?:assistant|user|system|human)\s?:"),
)
INSTRUCTION = (
    (
        "ignor|disregard|forget|overrid",
        rf"\b(?:ignor|disregard|forget|overrid)(?:e|es|ed|ing|s|den)? (?:\w+ ){{0,5}}{_ORDERS}\b"
        r"|\b(?:ignore|disregard|forget) (?:everything|anything|all|what(?:ever)?|the) (?:\w+ ){0,3}"
        r"(?:above|before|previous|previously|earlier|prior)\b",
    ),
    ("prompt|instruction|system", r"\b(?:system|hidden|secret|initial) (?:prompt|instruction)s?\b|\bsystem message\b"),
    (
        "instruction|injection|prompt|rule|guideline|task|directive",
        r"\bnew (?:instructions?|task)\b|\bprompt injection\b"
        r"|\binstructions? (?:in|on|from|of) the (?:image|picture|photo)"
        r"|\b(?:previous|prior|preceding|earlier) (?:instruction|prompt|rule|guideline|directive)s?\b",
    ),
    ("mode|jailbreak|pwned|hacked", r"\b(?:developer|dan) mode\b|\bjailbreak|\b(?:pwned|hacked)\b"),
    (
        "you are now|from now on|i am now",
        r"(?:^|[.!?:;\n] ?)you are now\b|\bfrom now on,? you\b|\bi am now (?:in|a|an|the)\b",
    ),
    (
        "write|say|output|reply|respond",
        r"(?:^|[.!:;\n] ?|\band |\bplease |\bthen |\bto )(?:write|say|output|reply|respond)"
        r"(?: only| exactly| with)* [\"'“«]",
    ),
    (
        "instruct|tell|told|order|ask|command|want",
        r"\b(?:image|picture|photo|text|sign|sticker|label|note) (?:instruct|tell|told|order|ask|command|want)"
        r"(?:s|ed)? (?:me|us)\b",
    ),
    ("as instructed|as commanded|as requested by", ""),
    (
        "忽略|无视|忘记|忘掉|理会|绕过",
        rf"(?:忽略|无视|忘记|忘掉|不要理会|绕过).{{0,10}}{_ZHILING}"
        r"|(?:忽略|无视|忘记|忘掉)(?:以上|上面|上述|之前|前面|先前|此前)",
    ),
    ("忘|忽略|无视", r"(?:前面|之前|上面|以上|刚才)(?:说|写)?的.{0,6}(?:都|全部?)(?:忘|忽略|无视)"),
    (
        "指令|指示|提示词|规则|命令",
        r"(?:之前|以上|先前|此前|上述|前面|原来)(?:的)?(?:所有|全部)?(?:的)?(?:指令|指示|提示词|规则|命令)",
    ),
    (
        "要求|让|叫|命令|指示",
        rf"{TUPIAN}(?:中|上|里|内)?(?:的)?(?:文字|文本|内容|字样|提示|指令)?(?:要求|让|叫|命令|指示)(?:我|你|您)",
    ),
    ("系统", r"系统(?:提示词|指令|消息)"),
    ("指令|模式|提示词|你", r"新的?指令|(?:开发者|越狱)模式|提示词注入|你现在是|从现在(?:起|开始),?你"),
    ("按|根据|遵|执行", rf"(?:按照?|根据|遵照|遵循|执行).{{0,8}}(?:图片|图中|图上|画面).{{0,6}}{_ZHILING}"),
    ("输出|回复|回答", r"(?:输出|回复|回答)(?:以下|如下|[\"“「『])"),
)
