"""Patterns of instructions that a model copied from a picture, and of markup; English and Chinese, for `phrases`."""

from __future__ import annotations

from transforms.review.refusals import TUPIAN

_ORDERS = r"(?:instruction|prompt|rule|direction|directive|command|guideline|message|request|task|constraint)s?"
_ZHILING = r"(?:指令|指示|提示词|提示|要求|规则|命令|设定|任务|限制)"

MARKUP = (
    ("<", r"<[|/!]?\s?[a-z_|\u4e00-\u9fff][^<>\n]{0,80}>"),
    ('```|~~~|{{|}}|{"|\ufffd|\\u|addcriterion|im_start|im_end', ""),
    ("# |#\n|* |*\n|- |-\n", r"(?:^|\n)\s{0,3}(?:#{1,6}\s|[-*]\s+\S)"),
    ("\n", r"(?:^|\n)\s{0,3}\d{1,2}[.、)]\s?[^\n]+\n\s{0,3}\d{1,2}[.、)]"),
    ("--", r"\|\s?:?-{2,}"),
    ("draft|version|option|variant", r"\b(?:draft|version|option|variant) (?:\d|one|two|a|b)\s?:"),
    ("【|文案|方案|版本", r"【[^】]*】.*【|^【(?:文案|描述|标题|说明)|(?:文案|方案|版本)[一二三123][:\]】]"),
    ("__|##|\\n", r"__\S[^_\n]*__|##|\\n"),
    ("<!--", ""),
    ("**", r"(?<!\*)\*\*(?!\*)\S"),
    ("](", r"\[[^\]\n]*\]\([^)\n]*\)"),
    ("=", r"\b(?:caption|text|description|title|alt|content|output)\s?=\s?[\"'“]"),
    ("&amp;|&lt;|&gt;|&nbsp;|&quot;", ""),
    ("assistant|user|system|human|助手|用户|系统", r"(?:^|\n)\s*(?:assistant|user|system|human|ai|助手|用户|系统)\s?:"),
)
INSTRUCTION = (
    (
        "ignor|disregard|forget|overrid",
        rf"\b(?:ignor|disregard|forget|overrid)(?:e|es|ed|ing|s|den)? (?:\w+ ){{0,5}}{_ORDERS}\b"
        r"|\b(?:ignore|disregard|forget) (?:everything|anything|all|what(?:ever)?|the) (?:\w+ ){0,3}"
        r"(?:above|before|previous|previously|earlier|prior)\b",
    ),
    (
        "skip|bypass|discard|follow|obey|heed",
        rf"\b(?:skip|bypass|discard|drop|not follow|n't follow|not obey|n't obey|not heed) (?:\w+ ){{0,3}}{_ORDERS}"
        r" (?:you|i|we|that|given|above|before|so far)\b"
        rf"|\b(?:not|n't|stop) (?:follow|obey|heed)(?:ing)? (?:\w+ ){{0,2}}(?:earlier|previous|prior|original"
        rf"|your|my|old)\b",
    ),
    (
        "override|obey:|comply",
        r"\b(?:system|admin|safety|root) override\b|(?:^|[.!] ?)(?:obey|comply)\s?:|\boverride (?:accepted"
        r"|complete|code)\b",
    ),
    (
        "as the|as this|because the|because this|since the|since this|per the|following the|obeying the",
        r"\b(?:as|because|since) (?:the|this) (?:\w+ )?(?:image|picture|photo|sign|sticker|label|note"
        r"|text) (?:demand|command"
        r"|order|request|require|instruct|say|tell|want)s?,? (?:that )?(?:i|we|you)\b"
        r"|\b(?:per|as per|following|obeying) the (?:text|words|order|note|sign|label)s? (?:on|in|of) the \w+,",
    ),
    (
        "your",
        r"\byour (?:\w+ )?(?:instruction|prompt|order|directive|guideline)s? (?:is|are|was|were|have|has)\b",
    ),
    (
        "act as|stop |praise|trust|obey|pretend|always",
        r"(?:^|[.!?:] ?)(?:act as|stop (?:describing|writing|captioning|following)|praise|obey|pretend)\b"
        r"|\balways (?:praise|recommend|mention|say|answer|end|begin)\b",
    ),
    (
        "readers|viewers|everyone|everybody|people|customers|buyers|shoppers",
        r"\b(?:order|command|tell|instruct|ask|urge)s? (?:all )?(?:readers|viewers|everyone|everybody|people"
        r"|customers|buyers|shoppers) to\b",
    ),
    (
        "指令|停止|永远|口吻|照做|照办",
        r"指令(?:已|被|改|替换)|停止(?:描述|撰写|说明)|永远(?:夸|赞|推荐|说)|以.{1,6}(?:口吻|身份|语气)|(?:命令|要求)大家|照做(?:了|。|$)",
    ),
    ("叫我|让我|要我", r"(?:吊牌|横幅|文字|字条|提示)(?:上)?(?:的字)?(?:叫|让|要)(?:我|你)"),
    (
        "must|never|always",
        r"\b(?:you|it) (?:must|shall|have to) (?:\w+ )?(?:rate|say|write|praise|give|mention|recommend|repeat"
        r"|answer|reply)\b"
        r"|\b(?:never|do not|don't) (?:mention|reveal|speak of)\b",
    ),
    (
        "disregard|ignor|exactly|pretend|repeat after|reveal",
        r"\b(?:tells?|asks?|orders?|says?) (?:\w+ ){0,2}to (?:disregard|ignore|forget|pretend|obey)\b"
        r"|\b(?:output|write|say|print|reply|respond)(?: with)? exactly\b|\bpretend (?:to be|that|you)\b"
        r"|\brepeat after me\b"
        r"|\breveal (?:your|the|my) (?:\w+ )?(?:prompt|instruction|rule|secret)",
    ),
    (
        "instructed by|told by|ordered by|you serve|you belong|hail ",
        r"\b(?:instructed|told|ordered|commanded) by the (?:image|picture|photo|poster|sign|sticker|label|note"
        r"|text|card)\b"
        r"|\b(?:from (?:this|that) (?:point|moment)|henceforth),? (?:on )?(?:you|i)\b",
    ),
    (
        "each|every|new ",
        r"\b(?:end|begin|start|finish) (?:each|every|all) (?:text|sentence|answer|caption|reply|line)s?\b"
        r"|\bnew (?:rule|order|command|policy|directive)s? (?:\w+ ){0,4}?(?:is|are)?\s?:",
    ),
    (
        "told|said|void|no longer",
        r"\b(?:i was|i am|i have been|we were) (?:\w+ )?(?:told|ordered|instructed|asked|commanded)\b"
        r"|\b(?:before|earlier|above|previously) (?:is|are) (?:now )?(?:void|cancell?ed|no longer)\b",
    ),
    (
        "wish|order|demand|request|command",
        r"\b(?:following|obeying|honou?ring|granting) (?:the|this) \w+'s? (?:\w+ )?(?:wish|order|demand|request"
        r"|command|words)",
    ),
    ("i ", r"\bi (?:hereby|now|will now|must now|shall now|shall|declare|announce|confirm|obey|comply)\b"),
    (
        "just repeat|only repeat|simply repeat|just say|only say|just answer",
        r"(?:^|[.,!:;] ?)(?:just|only|simply) (?:repeat|say|answer|reply|output|write)\b ?[\"'“:]",
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
    (
        "别管|别听|不要听|不用管|别理|不管",
        r"(?:别管|别听|不要听|不用管|不要管|别理会?|不管)(?:之前|以前|原来|前面|上面|先前|他们|那些|系统)",
    ),
    ("遵命|命令|我宣布|照办", r"遵命|照办[:,。!]|(?:收到|执行)(?:了)?(?:新)?命令|新命令[:,]|我(?:现在|在此)?宣布"),
    (
        "让我|叫我|要我",
        r"(?:海报|贴纸|纸条|卡片|标签|牌子|便签|招牌|包装)(?:上)?(?:的字)?(?:让|叫|要|命令|要求)(?:我|你)",
    ),
    (
        "跟我念|跟我说|假装|扮演|听从|听海报|从此刻|隐藏设定",
        r"跟我(?:念|说)[:,]|(?:假装|扮演)(?:你|自己)是|从此刻起|隐藏(?:设定|指令|提示)",
    ),
    ("作废|失效|宣布|新规", r"(?:全部|都|统统|一律)(?:已)?(?:作废|失效)|(?:现在|在此|特此|现)宣布|新规(?:定)?:"),
    ("每|结尾|末尾|开头", r"每(?:句|段|条|次)(?:话|文案|回答)?(?:的)?(?:结尾|末尾|开头|最后)"),
    (
        "务必|不许|不准|绝不|不能提",
        r"务必(?:给.{0,10}(?:分|评)|打(?:满|高|五|5)|写上|说|夸|赞)|(?:不许|不准|绝不能?|绝对不(?:能|要)?)(?:提|说|写|透露)",
    ),
    (
        "意思|要求|吩咐|命令",
        r"(?:照|按|按照|依照|遵照)(?:着)?(?:这|那)?(?:张)?(?:贴纸|纸条|图片|卡片|海报|标签|牌子|便签)(?:的|上的)?(?:意思|要求|吩咐|命令|话)",
    ),
    ("满分|好评|赞美", r"(?:打|给)(?:个|出)?(?:满分|好评|五星)|(?:加上|写上|说)赞美"),
    ("只", r"(?:^|[,。!:;])(?:请)?(?:你)?(?:只|仅)(?:需|要|能)?(?:(?:回答|回复|说)[:,「“\"]|(?:输出|写)[:「“\"])"),
    ("按|照", r"(?:按|照|依)(?:照)?(?:纸|图|牌|卡|标签|纸条|图片)(?:上|里|中)(?:写|说|印)的"),
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
