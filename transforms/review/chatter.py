"""Patterns of a model that talks with whoever asked, or with itself; English and Chinese, for `phrases`."""

from __future__ import annotations

_SAID = r"(?:caption|description|alt[ -]text|summary|sales copy|translation|answer)"

_QUOTES = (
    r"^(?:(?!\b(?:say|said|read|print|word|text|slogan|phrase|letter|title|call|name|write|written|inscri"
    r"|engrav|emb)).)*?"
)
"""No caption speaks of itself; a mug that does is said to say it."""
_NUMBERED = r"(?<!type )(?<!mark )(?<!part )(?<!class )(?<!level )(?<!phase )(?<!elizabeth )(?<!charles )(?<!war )"
_REFUSES = r"can ?not|can't|could ?n|won't|will not|(?:am )?(?:sorry|unable|not)\b|do not|don't"
"""Has a rule of its own."""
_SPOKEN = (
    (
        " i | i'm| i'll| i'd| i've| me| my ",
        rf"{_QUOTES}{_NUMBERED}(?<![&'-])"
        rf"\b(?:i(?:'m|'ll|'d|'ve)? (?!{_REFUSES}|beam|love|heart)[a-z]|(?:for|to|with|of|at|tell|told|asked"
        r"|lets|made) me\b"
        r"|my (?:[a-z]+ )?(?:take|answer|caption|best|guess|job|task|role|rules|view|opinion|training|abilit"
        r"|instruction))",
    ),
    (
        "我",
        r"^(?:(?!写|印|字样|标语|文字|刻|绣|题|名|歌|书|游戏|主题).)*?(?<![自忘真加])我(?!们|国|的世界|爱|家|和|心)",
    ),
)
"""Whoever speaks of itself."""

CHATTER = (
    *_SPOKEN,
    (
        "alright|all right|sure thing|got it|understood|okay so|ok so|no worries",
        r"^(?:alright|all right|sure thing|got it|understood|okay so|ok so|no worries)\b",
    ),
    ("step 1|step one|first step|第一步", r"\bstep (?:1|one)\s?:|第一步.*第二步"),
    ("format|输出格式", r"\b(?:output|answer|response) format\b|输出格式"),
    ("guideline|规定", r"\b(?:as per|per|following|under) (?:the|my|our) guidelines\b|按照?规定"),
    ("模型:|用户:|user:|model:", r"(?:^|[。.!\n]\s?)(?:模型|用户|user|model)\s?:"),
    ("行|嗯|收到|明白|好", r"^(?:行|嗯|收到|明白|好|好吧|好嘞)[,!。]"),
    (
        "happy to help|glad to help|question|thank",
        r"\b(?:happy|glad) to help\b|^(?:great|good|excellent) question\b|^thank(?:s| you) for (?:sharing|"
        r"(?:the|your) (?:question|message|request|photo|picture|image|upload))\b",
    ),
    (
        "let me|let's|wait|hmm|actually",
        r"\blet(?: me|'s| us) (?:think|look|see|check|describe|analy[sz]e|try)\b|(?:^|[.!?] )(?:wait|hmm"
        r"|hold on|actually),",
    ),
    ("here", rf"\bhere(?:'s| is| are) (?:the|an?|your|my|some) (?:\w+,? ){{0,4}}{_SAID}\b"),
    (
        "you asked|you requested|below|following",
        rf"\b(?:below|following) is (?:the|your|an?) (?:\w+ ){{0,3}}{_SAID}"
        rf"|\b{_SAID} (?:that )?you (?:asked|requested)",
    ),
    (
        "answer|user|should|your caption|caption follows|you'll find",
        r"\bfinal answer\b|\bthe user (?:gave|sent|uploaded|provided|needs)\b"
        r"|\bi should (?:mention|write|describe|keep|say|avoid|note)\b|\b(?:your caption|caption follows)\b"
        r"|\bbelow,? you(?:'ll| will) find\b",
    ),
    (
        "my caption|confidence|break this down|response",
        rf"\bmy {_SAID}\b|\bconfidence\s?:|\bbreak (?:this|it) down\b|^response\b\s?[-:]",
    ),
    ("generated", r"\b(?:automatically generated|generated (?:automatically|by (?:an? )?(?:ai|model|machine)))"),
    (
        "思考|答案|我应该|用户|生成|供参考",
        r"(?:^|[。\n])(?:思考|答案|分析|回答)\s?:|我应该|用户(?:给|发|上传|提供)了|由(?:人工智能|ai|模型|系统|机器)(?:自动)?生成|(?:生成|文案|描述|回答).{0,8}仅供参考",
    ),
    ("当然可以|以上就是|以上是|一、", r"^当然可以|以上(?:就)?是(?:我|本|对)|一、.{1,40}二、"),
    ("您要的|来啦|来了", r"(?:您|你)要的.{0,6}(?:来|文案|描述)|^没问题"),
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
    ("您好|你好|服务|帮", r"^(?:您好|你好|嗨|亲)[,!。]|(?:很高兴|乐意)(?:为|帮)(?:您|你)"),
    ("让我|我需要|我先|我来", r"(?:让我|我需要|我先|我来)(?:先)?(?:想|看|观察|分析|思考|描述|判断)"),
    ("有什么", r"有什么(?:我)?(?:可以|能|需要)(?:帮|为)"),
    ("希望", r"希望(?:这|以上|能)?.{0,8}(?:帮助|满意)"),
    ("修改|调整|告诉我|问题", r"如(?:果|需)?(?:您|你)?.{0,4}(?:需要|还有).{0,8}(?:修改|调整|告诉我|问题)"),
    ("根据|按照", r"(?:根据|按照)(?:您|你|用户)的(?:要求|指示|指令)"),
    ("用户", r"用户(?:要求|想要|希望|需要|让我|请我)(?:我|您|你)?.{0,4}(?:描述|撰写|写|生成|提供)"),
)
