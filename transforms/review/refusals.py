"""Patterns of a model that does not answer; English and Chinese, for `phrases`."""

from __future__ import annotations

IMAGE = r"(?:image|photo|picture|attachment|file)"
TUPIAN = r"(?:图片|图像|图中|照片|附件|商品图)"
_NOT = (
    r"(?:can ?not|can't|cant|could ?n'?t|am unable to|'m unable to|am not able to|'m not able to|won't|will not"
    r"|must decline to)"
)
_DO = (
    r"(?:help|assist|describe|see|view|access|provide|generate|identify|determine|comply|fulfill?|process|analy[sz]e|do"
    r"|answer|caption|discuss|write about|comment)"
)

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
        "ai|artificial|model|assistant|chatbot|bot",
        r"\b(?:as an?|i am (?:just |only )?an?|i'm (?:just |only )?an?) (?:ai|artificial intelligence"
        r"|(?:\w+ ){0,2}(?:language model|vision model|assistant|chatbot|bot))\b",
    ),
    (
        "guideline|polic|rules|training|instructions",
        r"\bmy (?:\w+ )?(?:guidelines|polic(?:y|ies)|rules|training|instructions) (?:\w+ ){0,2}(?:let|allow|permit"
        r"|prevent|forbid|prohibit|require)",
    ),
    (
        "inappropriate|improper|beyond me|outside",
        r"\b(?:inappropriate|improper|not appropriate) (?:for me )?to (?:write|describe|caption|comment|say)\b"
        r"|\b(?:is|falls|lies) (?:\w+ )?(?:outside|beyond) (?:of )?(?:what i|my|me)\b",
    ),
    (
        "rather not|against",
        r"\brather not (?:say|describe|comment|answer|write|talk)\b"
        r"|\b(?:go|goes|going|be|is) against (?:the|my|our) (?:\w+ )?(?:principle|value|guideline|rule|polic)",
    ),
    (
        "request|content not|not available|enough information|do not feel|don't feel",
        r"\b(?:this|the|your) request (?:can't|can ?not|could not|couldn't|was not|is not)\b"
        r"|\b(?:content|description|caption|image|photo|picture) (?:is )?not available\b|\b(?:not"
        r"|n't) (?:contain|have|give|provide)"
        r" enough (?:information|detail|context)|\bi (?:don't|do not) feel (?:able|comfortable)",
    ),
    (
        "could you|can you|would you",
        rf"\b(?:could|can|would) you (?:please )?(?:share|send|provide|upload|attach|give|try) (?:\w+ ){{0,4}}{IMAGE}",
    ),
    (
        "able to",
        r"\b(?:not |un)able to (?:process|view|see|open|load|read|describe|caption|access|display|generate"
        r"|recogni[sz]e)\b",
    ),
    (
        "blank|empty|missing|corrupt|malformed|unreadable",
        r"\b(?:image|photo|photograph|picture|input|file)(?: data| file)? (?:appears?|is|seems?|was|looks?) (?:to be )?"
        r"(?:blank|empty|missing|corrupt|malformed|unreadable)",
    ),
    (
        "this ai|this model|this assistant|this bot",
        r"\bthis (?:ai|model|assistant|bot) (?:does|do|can|will|is|has|was)\b",
    ),
    (
        "submit|upload|again later|timed out|error ",
        r"\b(?:please|kindly) (?:re)?-?(?:submit|upload|send|try)\b|\btry again later\b|\btimed out\b|^error \d",
    ),
    ("sorry|apologies", r"^(?:sorry|apologies)[,.]|\boff[ -]limits\b"),
    (
        "generation|retake|attachment|too dark|too blurry|administrator",
        rf"\b(?:generation|processing|captioning) (?:has |was )?(?:failed|error|aborted|stopped)|\bplease retake\b"
        rf"|\battachment (?:did|was|is|could|can)\b|\b{IMAGE} (?:is )?too (?:dark|blurry|small|noisy) to\b",
    ),
    (
        "失败|管理员|附件|服务范围|帮不|看不出|不方便",
        r"(?:生成|描述|加载|上传|请求)失败|联系管理员|附件.{0,6}(?:打不开|没有|无法|损坏)"
        r"|不在(?:我的)?服务范围|帮不(?:到|了)|看不出(?:来)?(?:是)?(?:什么|啥)|我?不方便(?:说|描述|回答|透露)",
    ),
    (
        "goes here|here",
        r"\b(?:description|text|caption|title|name) goes here\b"
        r"|\b(?:insert|enter|add|type) (?:\w+ ){0,3}(?:description|text|caption|title) here\b",
    ),
    ("declin|refus", r"\bi (?:have to|must|need to|will|would|shall|respectfully) (?:\w+ )?(?:declin|refus)e"),
    (
        "filter|moderation|blocked|withheld",
        r"\b(?:blocked|stopped|flagged|withheld|rejected) by (?:the|our|a) (?:\w+ )?(?:filter|moderation|polic|system)"
        r"|\b(?:content|safety|moderation) filter\b|\bno (?:caption|description) (?:was|is|will be|could be)"
        r" (?:made|given|written|provided|generated)",
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
        rf"{TUPIAN}(?:的)?(?:内容)?(?:加载失败|违规|不可用|无法)|不予(?:描述|提供|显示|展示|说明|回答|生成)",
    ),
    ("看不|打不开|不了", r"我(?:暂时|目前|这边|实在)?(?:看不到|看不见|看不清|打不开|识别不了|描述不了|回答不了)"),
    ("不了", r"(?:回答|描述|识别|处理|帮)不了(?:[哦呢啊呀。!,]|$)"),
    ("不描述|不说|不写|换", r"我(?:就|还是)?(?:先)?不(?:描述|说|写|评论)了?|(?:请|麻烦)?换(?:一)?张(?:图|照|吧|再)"),
    (
        "拦截|屏蔽|过滤|敏感内容|敏感信息",
        r"(?:被|已|遭)(?:系统|平台|审核|安全)(?:拦截|屏蔽|过滤)|(?:被|遭)(?:拦截|屏蔽)|(?:涉及|包含|含有)(?:敏感|违规|不当)(?:内容|信息)",
    ),
    (
        "隐藏|审核|生成|显示|条款|规范",
        r"(?:说明|描述|内容|文字|文案|图片|图像)(?:已经?|被)(?:系统)?(?:隐藏|删除|撤回)|未(?:能)?通过(?:\w{0,4})审核"
        r"|(?:没有|未能|不能|未)生成(?:文字|描述|说明|文案|内容)|(?:不符合|违反)(?:\w{0,6})(?:条款|规范|规定|政策|准则)",
    ),
    ("开小差|再试|重试", r"开小差|(?:稍后|请|过会儿)(?:再试|重试)|再试一次"),
    (
        "空白|损坏|再传|重传|重新",
        rf"{TUPIAN}.{{0,6}}(?:是空白|为空白|空白的|已损坏|损坏了)|(?:再传|重传|重新(?:上传|发送|提交))",
    ),
    ("小编", r"小编(?:\w{0,6})(?:不|没|无)"),
    ("请原谅|请谅解|没法", r"请(?:原谅|谅解|见谅).{0,8}(?:没法|无法|不能|没有)|我(?:实在)?没法(?:给|描述|说|看|回答)"),
    (
        "审核中|不展示|能力范围|解析失败|错误码",
        r"审核中|(?:暂|先)不(?:展示|显示|公开)|我的能力(?:范围)?|(?:解析|识别|处理|读取)失败|错误码",
    ),
    ("能否|能不能|可否", r"(?:能否|能不能|可否)(?:请)?(?:您|你)?(?:重新)?(?:提供|发|上传|换|传).{0,8}(?:图|照片)"),
    ("本模型|本助手|本ai", r"本(?:模型|助手|ai)(?:无|不|没|仅|只)"),
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
