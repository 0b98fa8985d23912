"""Words that frame a finding: sentence ends, headings, numbers and their bounds, doubt, other times, advice."""

from __future__ import annotations

from ccta_lib.cohort.text.words import END, HAN, NUM, PCT, TO, Entry

_BACKGROUND = (
    "(?:relevant )?clinical (?:history|information|data|indication|details)|(?:past )?(?:medical )?history|"
    "indications?|reason for (?:exam|study|examination)|technique|protocol|scan protocol|contrast|comparisons?|"
    "prior (?:studies|study|exams?)|anamnese|indikation|technik|vorbefund|klinische angaben"
)
_KEYS = "notes?|legend|grading(?: scale)?|definitions?"
_ONE_SENTENCE = "recommendations?|empfehlung(?:en)?|advice"
_FINDINGS = "findings|coronary findings|cta findings|ccta findings|results?|befunde?|description|report"
_IMPRESSION = (
    "impressions?|conclusions?|summary|opinion|interpretation|diagnos[ie]s|assessment|beurteilung|"
    "zusammenfassung|diagnose"
)

ENTRIES: list[Entry] = [
    ("colon", None, "", r"\.{2,}|…+"),
    (
        "former",
        None,
        r"(?:the )?former(?![a-z])(?= (?:is |was |being |with |of |one |by |at )?(?:mild|mod|sev|min|occ|"
        r"norm|clear|\d))",
        r"前者",
    ),
    ("latter", None, r"(?:the )?latter(?![a-z])", r"后者"),
    ("stop", None, "", r"[。;!?\n]|\.(?!\d)|(?<=[a-z%)\u4e00-\u9fff])\.(?=\d)"),
    ("comma", None, "", r"[,|]"),
    ("negpost", "sign", "", r"\( ?- ?\)|\[ ?- ?\]"),
    ("paren", None, "", r"[()\[\]]"),
    (
        "head",
        "skip",
        rf"(?:{_KEYS}) ?(?::|\](?: ?:)?|(?=\n))",
        r"(?:分级标准|注|备注|说明|备考) ?(?::|\](?: ?:)?)",
    ),
    (
        "head",
        "background",
        rf"(?:{_BACKGROUND}) ?(?::|\](?: ?:)?|(?=\n))",
        r"(?:临床诊断|临床资料|临床病史|简要病史|病史摘要|病史|主诉|既往史|检查方法|扫描方法|检查技术|"
        r"扫描技术|扫描参数|检查目的|检查原因|对比资料|对比|"
        r"前片) ?(?::|\](?: ?:)?)",
    ),
    ("head", "skip1", rf"(?:{_ONE_SENTENCE}) ?:", r"(?:建议|推荐) ?:"),
    (
        "head",
        "impression",
        rf"(?:{_IMPRESSION}) ?(?::|\](?: ?:)?|(?=\n))",
        r"(?:影像学?诊断|诊断(?:意见|结论|印象|提示)?|"
        r"检查(?:结论|意见|提示)|(?:影像)?印象|结论|意见|放射学?诊断|提示) ?(?::|\](?: ?:)?)",
    ),
    (
        "head",
        "findings",
        rf"(?:{_FINDINGS}) ?(?::|\](?: ?:)?|(?=\n))",
        r"(?:影像(?:学)?(?:所见|表现|描述)|检查(?:所见|描述|结果)|ct(?:所见|表现)|所见|描述|表现) ?(?::|"
        r"\](?: ?:)?)",
    ),
    (
        "cadrads",
        None,
        r"cad[- ]?rads(?:[- ]?(?:tm|™|®|分级|分类|category|score|class|grade|2\.0)){0,3} ?(?::|=|"
        r"为|is|of|"
        r"-)? ?(?:[0-5][ab]?|n)(?![a-z\d%])",
        "",
    ),
    ("skip", None, "", rf"{NUM}(?:{PCT})? ?(?:\([^()\n]{{2,14}}\) ?)?(?:→|⇒|-+>|=+>)"),
    ("shows", None, "", r"-+>|→|⇒"),
    # ---- words that contain a negation but are none
    (
        "unsure",
        None,
        r"(?:can ?not|can't|could not|couldn't|unable to|difficult to|not) (?:be )?(?:fully |"
        r"entirely |completely |reliably |definitely |confidently |safely )?(?:exclude|"
        r"excluded|"
        r"rule out|ruled out)"
        r"|not (?:entirely )?excluded|nicht (?:sicher )?(?:auszuschlie\w+|ausgeschlossen)|"
        r"(?:r/o|"
        r"rule out|exclude)" + END,
        r"(?:不|不能|无法|难以|未能|未)(?:完全)?(?:除外|排除)|待(?:排|除外|定|查)|"
        r"(?:以)?除外(?=[轻中重闭狭严])",
    ),
    (
        "uneval",
        None,
        r"(?:not|cannot|can not|could not|can't|couldn't|nicht|"
        r"un-?able to)(?: \w+){0,3}? (?:evaluab\w+|assessab\w+|interpretab\w+|evaluat\w+|"
        r"assess(?:ed)?|analy[sz]ed|judged|measured|commented|visuali[sz]ed|interpret(?:ed)?|graded?|"
        r"diagnostic|quantif\w+|determined|beurteil\w+)"
        r"|obscur\w+|no (?:assessable|evaluable|interpretable)|no (?:comment|opinion|statement|judge?ment|"
        r"assessment|conclusion)(?: \w+){0,4}? "
        r"(?:possible|given|made|offered)|(?:non|un)-?(?:evaluable|assessable|interpretable|diagnostic)|"
        r"nondiagnostic|"
        r"poorly (?:visuali[sz]ed|seen|opacified)"
        r"|not (?:well|adequately|clearly) (?:seen|visuali[sz]ed|opacified|delineated)"
        r"|(?:precludes?|preventing|prevents|precluding|hinders?|"
        r"prohibits?) (?:\w+ ){0,3}?(?:evaluation|assessment|interpretation|quantification|"
        r"grading)",
        r"(?:无法|不能|难以|未能|不可|不宜)(?:准确|明确|进行|可靠|有效|满意|完整)?(?:评价|评估|评定|判断|"
        r"判定|判读|观察|显示|诊断|评判|分析|测量|确定|明确|辨认|分辨|估计|估测|量化)"
        r"|(?:显影|显示|观察|评价|充盈)(?:不佳|欠佳|不良|不清|欠清|不满意|较差|不可靠)|(?:无|"
        r"未达)诊断(?:价值|意义|要求)",
    ),
    (
        "bound",
        ">",
        r"(?:no|not) less than|at least|greater than or equal to|(?:more|greater|higher|"
        r"larger) than|"
        r"exceed(?:s|ing)|over|above|mindestens|über|größer als|mehr als",
        r"≥|>=|=>|>|大于或?等于|大于|超过|高于|不低于|不少于|不小于|至少",
    ),
    (
        "bound",
        "<",
        r"(?:less|lower|smaller|fewer) than(?: or equal to)?|under|below|unter|kleiner als|"
        r"weniger als|within",
        r"≤|<=|=<|<|小于或?等于|小于|低于|不超过|不大于|不高于|未超过|不足|不到|未达|少于",
    ),
    (
        "bound",
        "=",
        r"(?:no|not) more than|not exceeding|up to|at most|a maximum of|maximum|"
        r"maximal(?:ly)?|max\.?|"
        r"bis zu|bis maximal",
        r"最大|最重|最高|最窄处|至多",
    ),
    (
        "approx",
        None,
        r"approximately|approx\.?|about|around|circa|ca(?![a-z])\.?|etwa|ungefähr|"
        r"an estimated|"
        r"estimated(?: at)?|roughly|nearly(?= ?\d)|degrees? of|extent of",
        r"约为?|大约|大概|近(?=\d)|接近(?=\d)|(?<=[^\d%])~(?=\d)",
    ),
    (
        "pct",
        None,
        rf"(?:between|zwischen) {NUM}(?:{PCT})? (?:and|und) {NUM}{PCT}",
        rf"(?<!\d)(?:(?<!\d\.)|(?<=\n\d\.)|(?<=^\d\.)){NUM}(?=(?: ?[,/、] ?{NUM}){{0,4}},? ?(?:and|"
        rf"&|und|和|、|与|及|/|,) ?{NUM}{PCT})|"
        rf"介于{NUM}(?:{PCT})?[和与至]{NUM}{PCT}|"
        rf"(?<!\d)(?:(?<!\d\.)|(?<=\n\d\.)|(?<=^\d\.)){NUM}(?:{PCT})?(?:{TO}{NUM})?{PCT}|"
        rf"百分之{HAN}(?:[-~至到](?:百分之)?{HAN})?",
    ),
    (
        "pct",
        "share",
        r"by (?:about |roughly |nearly |almost |around |approximately )?(?:(?:an? |one[- ])?(?:half|third|"
        r"quarter)|"
        r"two[- ]thirds|three[- ]quarters)(?! of the (?:prox|mid|dist|vessel length))|(?:one[- ])?half of "
        r"(?:the|its) "
        r"(?:lum|diam|cross)\w+|(?:two[- ]thirds|three[- ]quarters|(?:one|a) (?:third|quarter)) of (?:the|"
        r"its) (?:lum|diam|cross)\w+",
        r"(?<=[窄约达近少小过至到足于])(?:一半|半(?=[,。;])|[三四五]分之[一二三四]|"
        r"[一二三四五六七八九1-9]成|1/2|[12]/3|[134]/[45])(?![段处\d])",
    ),
    (
        "pct",
        "word",
        r"(?:twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety)(?:[- ]five)?[- ](?:percent|per cent)",
        "",
    ),
    ("pct", "zero", "", r"(?<=[:=度率])0(?=[|;,。\n]|\.\s|\.?$)|(?<=[:=] )0(?= ?[|;,。\n]|\.\s|\.?$)"),
    (
        "pct",
        "bare",
        "",
        r"(?<![\d.,/-])(?:[01]|25|[3-9]0)[-~](?:24|25|49|69|99|100|[3-9]0)(?![\d./-]|\.\d|"
        r" ?(?:[cm]?m|"
        r"ml|bpm|hu|kv|ms|years?|mg|岁|年|月|次|/))",
    ),
    (
        "suffix",
        ">",
        r"(?:or|and) (?:more|greater|higher|above|over)" + END + "|oder mehr",
        r"(?:及|或)?以上|(?<=[\d%])\+",
    ),
    ("suffix", "<", r"(?:or|and) (?:less|lower|below|under)" + END, r"(?:及|或)?以下|以内|之内"),
    # ---- other times, advice
    (
        "compare",
        None,
        r"(?:compar(?:ed|ison) (?:with|to)|unchanged (?:from|since|compared (?:with|to))|"
        r"similar to|"
        r"relative to|versus|vs\.?|in comparison (?:with|to)|since|as on|as in|stable (?:from|"
        r"since|"
        r"compared (?:with|to))|im vergleich zu[mr]?)"
        r"(?: the| a| last| his| her)?(?: (?:prior|previous|last|earlier|"
        r"vor\w*))?(?: (?:exam\w*|"
        r"study|ccta|cta|ct|scan|angiogra\w+|report))?",
        r"(?:与|和|同|对比|对照|比较)[^,。;\n]{0,22}?(?:比较|相比|对比|对照|相仿|片|检查)(?!.{0,3}[示见])|"
        r"较(?:前片|前次|前|"
        r"上次|旧片|"
        r"既往)(?:相仿|相似|比较)?",
    ),
    (
        "skip",
        None,
        r"(?:prior|previous(?:ly)?|known|old|existing) (?:placed |implanted |"
        r"deployed )?(?=(?:\w+ ){0,3}stent)",
        "",
    ),
    ("prior", "clause", r"history of|h/o|known" + END + r"|bekannte?[rn]?|status post|s/p", ""),
    (
        "prior",
        "sentence",
        r"(?:which|that) (?:showed|demonstrated|reported|revealed)|(?:prior|"
        r"previous)(?:ly)?(?! to)"
        + END
        + r"|former(?:ly)?|earlier|was (?:reported|described|noted)|initially|old report|"
        r"outside (?:hospital|report|study|ct)"
        r"|(?:ccta|cta|ct|angiogra\w+|exam\w*|study|in|from|on|of) (?:dated |of |from |"
        r"in )?(?:\w{3,9} )?(?:19|20)\d\d[^.;\n]{0,24}? (?:showed|demonstrated|revealed|"
        r"reported)|"
        r"progressed from|increased from|decreased from|regressed from|improved from|"
        r"(?<!ranging )(?<!ranges )(?<!range )(?<!varying )from(?= (?:about |approximately |an? )?"
        r"(?:\d{1,3} ?(?:%|per ?cent|to)|mild|moderate|severe|minimal|normal))"
        r"|voruntersuchung|vorbefund\w*|zuvor|vormals",
        r"既往|曾|原为|原先|原有|原(?=[轻中重狭]|约?\d)|[由从](?:原来?)?的?(?=约?\d{1,3} ?%|[轻中重]度|"
        r"轻微|正常)|上次|前次|前片(?:示|提示|显示)?|旧片|外院|术前|(?:19|"
        r"20)\d\d ?[年./-][^,。;\n]{0,24}?(?:提示|显示|示|报告|见)",
    ),
    (
        "now",
        None,
        r"now|current(?:ly)?|today|at present|present(?:ly)?|on this (?:exam\w*|study|scan)|"
        r"(?:has |"
        r"have )?(?:progressed|increased|decreased|regressed|improved|"
        r"worsened)? ?to(?= ?(?:about |"
        r"approximately )?(?:an? )?(?:\d|mild|moder|sever|occl|complete|total|subtotal|near|chronic|"
        r"minimal|normal|high-grade|critical))|jetzt|aktuell|derzeit|nunmehr",
        r"(?<![发出呈表再显实体])现|本次|目前|此次|今(?=[示为见])|(?:进展|加重|增加|发展|减轻|缓解|演变|"
        r"变化|好转|转变|恶化|改善|"
        r"下降|上升|[变转降升增减改])(?:为|至|到|成)",
    ),
    (
        "advice",
        None,
        r"recommend\w*|advis\w+|suggest(?:ed|s|ing)? (?:further|follow|clinical|invasive|"
        r"correlat\w+|"
        r"dsa|catheter|coronary angio\w+|additional|repeat|perfusion|functional|stress)|"
        r"consider (?:further|invasive|follow|functional|stress|catheter)|empf\w+|"
        r"if clinically|"
        r"to (?:exclude|rule out)|for exclusion of",
        r"建议|请结合|必要时|推荐|(?<!后)(?<!中)(?:随访|复查)(?![:冠示见显所片]| ?ct)|进一步",
    ),
    # ---- what is no stenosis of a coronary artery
    (
        "bridge",
        None,
        r"(?:myocardial |muscle |muscular )?bridg\w+|intramyocardial|intramural|tunnel\w+|"
        r"systol\w+|"
        r"(?:covered|overlain|surrounded|encased|buried|dips?|dipping|deep|embedded|runs|running)(?: "
        r"\w+){0,2}? (?:by|into|in|to|within|through)(?: the)? (?:myocardium|heart muscle)|milking|"
        r"muskelbrücke\w*",
        r"(?:走行)?于?心肌内(?:走行)?|(?:走行于|埋于|穿行于?|陷入|嵌入|潜入|被|由)(?:浅层|表浅|"
        r"局部)?心肌(?:纤维|组织)?(?:所)?(?:覆盖|包绕|包埋|包裹)?|心肌(?:纤维)?(?:覆盖|包绕|包埋|包裹)|"
        r"心肌桥|肌桥|壁冠状动脉|壁冠|收缩期",
    ),
    (
        "other",
        "number",
        r"(?:left ventricular |lv )?ejection fraction|lvef|ef"
        + END
        + r"|percentiles?|percentile rank|r-?r(?: interval)?|cardiac (?:cycle|phase)|phases?|"
        r"ffr(?:ct)?|"
        r"dose|probabilit\w+|plaque (?:burden|volume)|hematocrit|saturation|spo2|heart rate|"
        r"risk"
        r"|(?:calcium|agatston|cac)[ -]?(?:score|scoring|burden|volume)?|calcification[ -](?:score|scoring|"
        r"burden|volume)",
        r"射血分数|百分位|期相|时相|相位|r-r间期|ffr|剂量|概率|斑块负荷|血氧|心率|心动周期|风险|钙化积分|"
        r"积分",
    ),
]
