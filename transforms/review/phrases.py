"""What a model says instead of a caption: refusals, talk with whoever asked, markup, and instructions from the picture.

English and Chinese, searched in the plain form. What is particular to a shop belongs in the policy's word lists.
Each pattern stands beside words of which one must be there for it to hit: to look for those takes a tenth of the time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from transforms.review.folding import plain

_NOT = (
    r"(?:can ?not|can't|cant|could ?n'?t|am unable to|'m unable to|am not able to|'m not able to|won't|will not"
    r"|must decline to)"
)
_DO = (
    r"(?:help|assist|describe|see|view|access|provide|generate|identify|determine|comply|fulfill?|process|analy[sz]e|do"
    r"|answer|caption)"
)
_IMAGE = r"(?:image|photo|picture|attachment|file)"
_TUPIAN = r"(?:图片|图像|图中|照片|附件|商品图)"
_ORDERS = r"(?:instruction|prompt|rule|direction|command|guideline|message|request|task|constraint)s?"
_ZHILING = r"(?:指令|指示|提示词|提示|要求|规则|命令|设定|任务|限制)"
_SAID = r"(?:caption|description|alt[ -]text|summary|sales copy|translation|answer)"

_PATTERNS: dict[str, tuple[tuple[str, str], ...]] = {
    "markup": (
        ("<", r"<\|?/?\s?[a-z_|]{1,20}\s?\|?/?>"),
        ('```|~~~|{{|}}|{"|\ufffd|\\u|addcriterion|im_start|im_end', ""),
        ("#|*|-", r"(?:^|\n)\s{0,3}(?:#{1,6}\s|[-*]\s+\S)"),
        ("**", r"(?<!\*)\*\*(?!\*)\S"),
        ("](", r"\[[^\]\n]*\]\([^)\n]*\)"),
        ("&amp;|&lt;|&gt;|&nbsp;|&quot;", ""),
        ("assistant|user|system|human", r"(?:^|\n)\s*(?:assistant|user|system|human)\s?:"),
    ),
    "refusal": (
        ("i can|i could|i am|i'm|i w|i must", rf"\bi ?{_NOT} {_DO}\b"),
        (
            "sorry|apologi|unfortunately",
            rf"(?:sorry|apologi|unfortunately).{{0,60}}(?:{_NOT}|unable|not able|don't|do not|no {_IMAGE})",
        ),
        (
            "ai|artificial|language model|vision model",
            r"\b(?:as an?|i am an?|i'm an?) (?:ai|artificial intelligence|(?:large )?language model|vision model)\b",
        ),
        (
            "provided|attached|uploaded|given|visible|shown",
            rf"\b(?:no|without an?) {_IMAGE} (?:\w+ ){{0,2}}(?:provided|attached|uploaded|given|visible|shown)",
        ),
        ("please", rf"\bplease (?:provide|upload|share|attach|send) (?:me )?(?:the|an?|your) (?:\w+ )?{_IMAGE}"),
        ("i don't see|i do not see|i can", rf"\bi (?:don't|do not|can't|cannot) see (?:an?y?|the) {_IMAGE}"),
        (
            "polic|guidelines",
            r"(?:violates?|against) (?:our|my|the|openai'?s?|content|safety) (?:\w+ )?(?:polic|guidelines)",
        ),
        (
            "歉|对不起|不好意思|遗憾",
            r"(?:抱歉|致歉|对不起|不好意思|遗憾).{0,16}(?:无法|不能|没办法|没有|未能|不便|拒绝)",
        ),
        ("作为", r"作为(?:一个|一名|一款)?(?:ai|人工智能|智能助手|语言模型|大模型|大型语言模型|视觉模型)"),
        ("我是|我只是", r"我(?:是|只是)(?:一个|一名|一款)?(?:ai|人工智能|语言模型|大模型|大型语言模型|通义千问)"),
        (
            "我",
            r"我(?:暂时|目前)?(?:无法|不能|没办法|没有办法)(?:直接)?"
            r"(?:查看|看到|看见|识别|描述|提供|帮|协助|生成|回答|满足|完成|处理|访问|打开)",
        ),
        ("没有|未", rf"(?:没有|未)(?:看到|收到|提供|上传|检测到|附上).{{0,6}}{_TUPIAN}"),
        ("请", rf"请(?:您|你)?(?:重新|先)?(?:提供|上传|发送|附上).{{0,8}}{_TUPIAN}"),
        ("违反", r"违反(?:了)?(?:相关)?(?:政策|规定|准则|内容安全|法律法规)"),
    ),
    "chatter": (
        ("here", rf"\bhere(?:'s| is| are) (?:the|an?|your|my|some) (?:\w+,? ){{0,4}}{_SAID}\b"),
        (
            "sure|certainly|of course|absolutely|ok|no problem",
            r"^(?:sure|certainly|of course|absolutely|okay|ok|no problem)\s?[,!.:]",
        ),
        (
            "let me know|feel free|hope this|would you like me|anything else|want me to",
            r"\b(?:let me know|feel free to|hope this helps|would you like me to|anything else i can|you want me to)\b",
        ),
        (":", rf"^(?:{_SAID}|title|response)\s?:|^(?:描述|说明|文案|标题|答案|回答)\s?:"),
        (
            "the user|i need|i have",
            r"\bthe user (?:wants|asks|asked|is asking|requests?)\b"
            r"|\bi (?:need|have) to (?:write|describe|caption|generate)\b",
        ),
        ("以下", r"以下(?:是|为).{0,12}(?:描述|说明|文案|介绍|标题|译文|翻译)"),
        ("好的|当然|没问题|明白|收到", r"^(?:好的|当然|没问题|明白了|收到)[,!.。:]"),
        ("希望", r"希望(?:这|以上|能)?.{0,8}(?:帮助|满意)"),
        ("修改|调整|告诉我|问题", r"如(?:果|需)?(?:您|你)?.{0,4}(?:需要|还有).{0,8}(?:修改|调整|告诉我|问题)"),
        ("根据|按照", r"(?:根据|按照)(?:您|你|用户)的(?:要求|指示|指令)"),
    ),
    "instruction": (
        (
            "ignor|disregard|forget|overrid",
            rf"\b(?:ignor|disregard|forget|overrid)(?:e|es|ed|ing|s|den)? (?:\w+ ){{0,5}}{_ORDERS}\b"
            r"|\b(?:ignore|disregard|forget) (?:everything|anything|all|what(?:ever)?|the) (?:\w+ ){0,3}"
            r"(?:above|before|previous|previously|earlier|prior)\b",
        ),
        (
            "prompt|instruction|system",
            r"\b(?:system|hidden|secret|initial) (?:prompt|instruction)s?\b|\bsystem message\b",
        ),
        ("instruction|injection", r"\bnew instructions?\b|\bprompt injection\b"),
        ("mode|jailbreak|pwned|hacked", r"\b(?:developer|dan) mode\b|\bjailbreak|\b(?:pwned|hacked)\b"),
        ("you are now|from now on|i am now", r"\byou are now\b|\bfrom now on,? you\b|\bi am now (?:in|a|an|the)\b"),
        (
            "write|say|output|reply|respond",
            r"(?:^|[.!:;\n] ?|\band |\bplease |\bthen |\bto )(?:write|say|output|reply|respond)"
            r"(?: only| exactly| with)* [\"'“«]",
        ),
        ("as instructed|as commanded|as requested by", ""),
        (
            "follow|obey",
            r"\b(?:follow|obey)(?:ing)? (?:the|your|these) (?:\w+ )?instructions? (?:in|on|from|of) the "
            r"(?:image|picture|photo|user)",
        ),
        (
            "忽略|无视|忘记|忘掉|理会|绕过",
            rf"(?:忽略|无视|忘记|忘掉|不要理会|绕过).{{0,10}}{_ZHILING}"
            r"|(?:忽略|无视|忘记|忘掉)(?:以上|上面|上述|之前|前面|先前|此前)",
        ),
        ("系统", r"系统(?:提示词|指令|消息)"),
        ("指令|模式|提示词|你", r"新的?指令|(?:开发者|越狱)模式|提示词注入|你现在是|从现在(?:起|开始),?你"),
        ("按|根据|遵|执行", rf"(?:按照?|根据|遵照|遵循|执行).{{0,8}}(?:图片|图中|图上|画面).{{0,6}}{_ZHILING}"),
        ("输出|回复|回答", r"(?:输出|回复|回答)(?:以下|如下|[\"“「『])"),
    ),
}
_RULES = tuple(
    (rule, tuple((tuple(needles.split("|")), re.compile(pattern, re.DOTALL)) for needles, pattern in patterns))
    for rule, patterns in _PATTERNS.items()
)


_SPACED = re.compile(r"(?<=[\u3400-\u9fff，。、；：！？,]) +(?=[\u3400-\u9fff])")
"""Chinese has no spaces."""
_QUOTED = re.compile(r"\"[^\"]*\"|“[^”]*”|「[^」]*」|『[^』]*』|«[^»]*»")


def find(text: str) -> Iterator[str]:
    """Names of the rules that hit."""
    # Line breaks are looked for; everything else is folded.
    folded = "\n".join(map(plain, text.splitlines())) if "\n" in text or "\r" in text else plain(text)
    if " " in folded:
        folded = _SPACED.sub("", folded)
    # What a mug says is no refusal: "Sorry, I can't adult today".
    unquoted = _QUOTED.sub("", folded)
    for rule, patterns in _RULES:
        searched = unquoted if rule == "refusal" else folded
        for needles, pattern in patterns:
            if any(needle in searched for needle in needles) and pattern.search(searched):
                yield rule
                break
