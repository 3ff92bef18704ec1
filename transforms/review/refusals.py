"""Patterns of a model that does not answer, or talks with whoever asked; English and Chinese, for `phrases`."""

from __future__ import annotations

IMAGE = r"(?:image|photo|picture|attachment|file)"
TUPIAN = r"(?:图片|图像|图中|照片|附件|商品图)"
_NOT = (
    r"(?:can ?not|can't|cant|could ?n'?t|am unable to|'m unable to|am not able to|'m not able to|won't|will not"
    r"|must decline to)"
)
_DO = (
    r"(?:help|assist|describe|see|view|access|provide|generate|identify|determine|comply|fulfill?|process|analy[sz]e|do"
    r"|answer|caption)"
)
_SAID = r"(?:caption|description|alt[ -]text|summary|sales copy|translation|answer)"

REFUSAL = (
    ("i can|i could|i am|i'm|i w|i must", rf"\bi ?{_NOT} {_DO}\b"),
    (
        "sorry|apolog|unfortunately",
        rf"(?:sorry|apolog|unfortunately).{{0,60}}(?:{_NOT}|unable|not able|don't|do not|no {IMAGE})",
    ),
    (
        "able to|allowed|permitted|supposed|comfortable",
        r"\bnot (?:something|anything|one) i(?:'m| am) (?:able|allowed|permitted|supposed)"
        r"|\bi(?:'m| am) not comfortable\b",
    ),
    ("capab|ability|access", r"\bi (?:don't|do not|lack|have no) (?:have )?(?:the |any )?(?:capab|ability|access)"),
    (
        "ai|artificial|language model|vision model",
        r"\b(?:as an?|i am an?|i'm an?) (?:ai|artificial intelligence|(?:large )?language model|vision model)\b",
    ),
    (
        "provided|attached|uploaded|given|visible|shown",
        rf"\b(?:no|without an?) {IMAGE} (?:\w+ ){{0,2}}(?:provided|attached|uploaded|given|visible|shown)",
    ),
    (
        "load|process|open|display|read|retriev|unavailable",
        rf"\b{IMAGE} (?:(?:could|can|did|does|was)(?: ?not|n't)|fail(?:s|ed)? to) (?:be )?"
        rf"(?:load|process|open|display|read|retriev)|\b{IMAGE} is (?:not available|unavailable)",
    ),
    ("please", rf"\bplease (?:provide|upload|share|attach|send) (?:me )?(?:the|an?|your) (?:\w+ )?{IMAGE}"),
    ("i don't see|i do not see|i can", rf"\bi (?:don't|do not|can't|cannot) see (?:an?y?|the) {IMAGE}"),
    (
        "available|not found|error|assistant|model|undefined|lorem",
        rf"^(?:no (?:description|caption|{IMAGE}) (?:is )?available|{IMAGE} not found|error\b|undefined\b|lorem ipsum"
        rf"|(?:the|this) (?:assistant|model) {_NOT})",
    ),
    (
        "polic|guidelines",
        r"(?:violates?|against) (?:our|my|the|openai'?s?|content|safety) (?:\w+ )?(?:polic|guidelines)",
    ),
    ("歉|对不起|不好意思|遗憾", r"(?:抱歉|致歉|对不起|不好意思|遗憾).{0,16}(?:无法|不能|没办法|没有|未能|不便|拒绝)"),
    (
        "加载失败|违规|不可用|不予|无法",
        rf"{TUPIAN}(?:的)?(?:内容)?(?:加载失败|违规|不可用|无法)|不予(?:描述|提供|显示)",
    ),
    ("看不|打不开|不了", r"我(?:暂时|目前|这边|实在)?(?:看不到|看不见|看不清|打不开|识别不了|描述不了)"),
    (
        "暂无|不存在|错误|繁忙|不适合|出错",
        rf"暂无(?:描述|说明|图片)|{TUPIAN}不存在|系统(?:错误|繁忙|出错)|不适合(?:描述|展示)",
    ),
    ("无法|不能", rf"^(?:无法|不能)(?:提供|描述|识别|生成|回答|查看|满足).{{0,6}}(?:{TUPIAN}|描述|说明|请求|内容)"),
    ("作为", r"作为(?:一个|一名|一款)?(?:ai|人工智能|智能助手|语言模型|大模型|大型语言模型|视觉模型)"),
    ("我是|我只是", r"我(?:是|只是)(?:一个|一名|一款)?(?:ai|人工智能|语言模型|大模型|大型语言模型|通义千问)"),
    (
        "我",
        r"我(?:暂时|目前)?(?:无法|不能|没办法|没有办法)(?:直接)?"
        r"(?:查看|看到|看见|识别|描述|提供|帮|协助|生成|回答|满足|完成|处理|访问|打开)",
    ),
    ("没有|未", rf"(?:没有|未)(?:看到|收到|提供|上传|检测到|附上).{{0,6}}{TUPIAN}"),
    ("请", rf"请(?:您|你)?(?:重新|先)?(?:提供|上传|发送|附上).{{0,8}}{TUPIAN}"),
    ("违反", r"违反(?:了)?(?:相关)?(?:政策|规定|准则|内容安全|法律法规)"),
)
CHATTER = (
    ("here", rf"\bhere(?:'s| is| are) (?:the|an?|your|my|some) (?:\w+,? ){{0,4}}{_SAID}\b"),
    (
        "you asked|you requested|below|following",
        rf"\b(?:below|following) is (?:the|your|an?) (?:\w+ ){{0,3}}{_SAID}"
        rf"|\b{_SAID} (?:that )?you (?:asked|requested)",
    ),
    (
        "sure|certainly|of course|absolutely|ok|no problem",
        r"^(?:sure|certainly|of course|absolutely|okay|ok|no problem)\s?[,!.:]",
    ),
    (
        "let me know|feel free|hope this|would you like me|anything else|want me to|may i|can i",
        r"\b(?:let me know|feel free to|hope this helps|would you like me to|anything else i can|you want me to"
        r"|how (?:can|may) i (?:help|assist))\b",
    ),
    (":", rf"^(?:{_SAID}|title|response)\s?:|^(?:描述|说明|文案|标题|回答)\s?:"),
    (
        "the user|i need|i have",
        r"\bthe user (?:wants|asks|asked|is asking|requests?)\b"
        r"|\bi (?:need|have) to (?:write|describe|caption|generate)\b",
    ),
    ("以下|下面", r"(?:以下|下面)(?:是|为).{0,12}(?:描述|说明|文案|介绍|标题|译文|翻译)"),
    ("好的|当然|没问题|明白|收到", r"^(?:好的|当然|没问题|明白了|收到)[,!.。:]"),
    ("有什么", r"有什么(?:我)?(?:可以|能|需要)(?:帮|为)"),
    ("希望", r"希望(?:这|以上|能)?.{0,8}(?:帮助|满意)"),
    ("修改|调整|告诉我|问题", r"如(?:果|需)?(?:您|你)?.{0,4}(?:需要|还有).{0,8}(?:修改|调整|告诉我|问题)"),
    ("根据|按照", r"(?:根据|按照)(?:您|你|用户)的(?:要求|指示|指令)"),
    ("用户", r"用户(?:要求|想要|希望|需要|让我|请我)(?:我|您|你)?.{0,4}(?:描述|撰写|写|生成|提供)"),
)
