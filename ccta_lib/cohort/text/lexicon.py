"""Every word the grade reader knows, in one ordered list; at one place in the text the earlier entry wins.

Latin words match at the beginning of a word only. Each entry says what kind of token it makes and what the
token carries. No entry repeats a repetition, so the time of a search grows linearly with the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from ccta_lib.schema import Grade, Vessel

RCA, LM, LAD, LCX = Vessel
ALL = tuple(Vessel)
# Segments of the AHA and SCCT models; the ramus (17) counts with the LCX, as segment 12 of SYNTAX does.
SEGMENTS = {
    **dict.fromkeys((1, 2, 3, 4, 16), RCA), 5: LM, **dict.fromkeys(range(6, 11), LAD),
    **dict.fromkeys((11, 12, 13, 14, 15, 17, 18), LCX),
}  # fmt: skip


class Token(NamedTuple):
    """One known word: its kind, what it carries, and where it stands in the normalised text."""

    kind: str
    value: Any
    start: int
    end: int


_N, _MI, _MO, _S, _O = Grade
_END = r"(?![a-z])"
_NUM = r"\d{1,3}(?:\.\d{1,2})?"
_PCT = r" ?(?:%(?:ige\w{0,2})?|percent|per cent|prozent|pct)"
_TO = r" ?(?:-|~|to|bis|至|到) ?"
_HAN = r"[一二三四五六七八九十百零两]{1,5}"
NUMBER = re.compile(_NUM)
HAN_NUMBER = re.compile(_HAN)
_SEGMENT_LIST = r"\d{1,2}(?:(?: ?, ?| ?(?:and|&|、|/|-) ?)\d{1,2}(?!\d| ?%| ?- ?\d|\.\d)){0,6}(?!\d| ?%| ?- ?\d+ ?%|\.\d| ?mm)"
_SEGMENT = rf"(?:segments?|segs?\.?|s|#) ?{_SEGMENT_LIST}"
_SKIPPED_SECTIONS = (
    "(?:relevant )?clinical (?:history|information|data|indication|details)|(?:past )?(?:medical )?history|indications?|"
    "reason for (?:exam|study|examination)|technique|protocol|scan protocol|contrast|comparisons?|prior (?:studies|study|exams?)|"
    "notes?|legend|grading(?: scale)?|definitions?|anamnese|indikation|technik|vorbefund|klinische angaben"
)
_ONE_SENTENCE = "recommendations?|empfehlung(?:en)?|advice"
_FINDINGS = "findings|coronary findings|cta findings|ccta findings|results?|befunde?|description|report"
_IMPRESSION = "impressions?|conclusions?|summary|opinion|interpretation|diagnos[ie]s|assessment|beurteilung|zusammenfassung|diagnose"

# kind, value, Latin pattern, Chinese pattern. Chinese patterns need no word boundary.
_ENTRIES: list[tuple[str, Any, str, str]] = [
    ("stop", None, "", r"[。;!?\n]|\.(?!\d)|(?<=[a-z%)\u4e00-\u9fff])\.(?=\d)|(?<=\d)\.(?=\d\.? ?[a-z\u4e00-\u9fff])"),
    ("comma", None, "", r"[,|]"),
    ("paren", None, "", r"[()\[\]]"),
    ("head", "skip", rf"(?:{_SKIPPED_SECTIONS}) ?(?::|\](?: ?:)?|(?=\n))",
     r"(?:临床诊断|临床资料|临床病史|简要病史|病史摘要|病史|主诉|既往史|检查方法|扫描方法|检查技术|扫描技术|扫描参数|检查目的|对比资料|对比|前片|分级标准|注|备注|说明|备考) ?(?::|\](?: ?:)?)"),
    ("head", "skip1", rf"(?:{_ONE_SENTENCE}) ?:", r"(?:建议|推荐) ?:"),
    ("head", "impression", rf"(?:{_IMPRESSION}) ?(?::|\](?: ?:)?|(?=\n))",
     r"(?:影像学?诊断|诊断(?:意见|结论|印象|提示)?|检查(?:结论|意见|提示)|(?:影像)?印象|结论|意见|放射学?诊断|提示) ?(?::|\](?: ?:)?)"),
    ("head", "findings", rf"(?:{_FINDINGS}) ?(?::|\](?: ?:)?|(?=\n))",
     r"(?:影像(?:学)?(?:所见|表现|描述)|检查(?:所见|描述|结果)|ct(?:所见|表现)|所见|描述|表现) ?(?::|\](?: ?:)?)"),
    ("cadrads", None, r"cad[- ]?rads(?:[- ]?(?:tm|™|®|分级|分类|category|score|class|grade|2\.0)){0,3} ?(?::|=|为|is|of|-)? ?(?:[0-5][ab]?|n)(?![a-z\d%])", ""),
    # ---- words that contain a negation but are none
    ("unsure", None,
     r"(?:can ?not|can't|could not|couldn't|unable to|difficult to|not) (?:be )?(?:fully |entirely |completely |reliably |definitely |confidently |safely )?(?:exclude|excluded|rule out|ruled out)"
     r"|not (?:entirely )?excluded|nicht (?:sicher )?(?:auszuschlie\w+|ausgeschlossen)|(?:r/o|rule out|exclude)" + _END,
     r"(?:不|不能|无法|难以|未能|未)(?:完全)?(?:除外|排除)|待(?:排|除外|定|查)|(?:以)?除外(?=[轻中重闭狭严])"),
    ("uneval", None,
     r"(?:not|cannot|can not|could not|can't|couldn't|nicht|un-?able to)(?: \w+){0,3}? (?:evaluab\w+|assessab\w+|interpretab\w+|evaluat\w+|assess(?:ed)?|interpret(?:ed)?|graded?|diagnostic|quantif\w+|determined|beurteil\w+)"
     r"|(?:non|un)-?(?:evaluable|assessable|interpretable|diagnostic)|nondiagnostic|poorly (?:visuali[sz]ed|seen|opacified)"
     r"|not (?:well|adequately|clearly) (?:seen|visuali[sz]ed|opacified|delineated)"
     r"|(?:precludes?|preventing|prevents|precluding|hinders?|prohibits?) (?:\w+ ){0,3}?(?:evaluation|assessment|interpretation|quantification|grading)",
     r"(?:无法|不能|难以|未能|不可|不宜)(?:准确|明确|进行|可靠|有效|满意|完整)?(?:评价|评估|判断|判定|观察|显示|诊断|评判|分析|测量)"
     r"|(?:显影|显示|观察|评价|充盈)(?:不佳|欠佳|不良|不清|欠清|不满意|较差|不可靠)|(?:无|未达)诊断(?:价值|意义|要求)"),
    ("bound", ">", r"(?:no|not) less than|at least|greater than or equal to|(?:more|greater|higher|larger) than|exceed(?:s|ing)|over|above|mindestens|über|größer als|mehr als",
     r"≥|>=|=>|>|大于或?等于|大于|超过|高于|不低于|不少于|不小于|至少"),
    ("bound", "<", r"(?:less|lower|smaller|fewer) than(?: or equal to)?|under|below|unter|kleiner als|weniger als|within",
     r"≤|<=|=<|<|小于或?等于|小于|低于|不超过|不大于|不高于|未超过|不足|不到|未达|少于"),
    ("bound", "=", r"(?:no|not) more than|not exceeding|up to|at most|a maximum of|maximum|maximal(?:ly)?|max\.?|bis zu|bis maximal",
     r"最大|最重|最高|最窄处|至多"),
    ("approx", None, r"approximately|approx\.?|about|around|circa|ca(?![a-z])\.?|etwa|ungefähr|an estimated|estimated(?: at)?|roughly|nearly(?= ?\d)", r"约为?|大约|大概|近(?=\d)|接近(?=\d)|(?<=[^\d%])~(?=\d)"),
    ("pct", None, rf"(?:between|zwischen) {_NUM}(?:{_PCT})? (?:and|und) {_NUM}{_PCT}", rf"介于{_NUM}(?:{_PCT})?[和与至]{_NUM}{_PCT}|(?<![\d.]){_NUM}(?:{_PCT})?(?:{_TO}{_NUM})?{_PCT}|百分之{_HAN}(?:[-~至到](?:百分之)?{_HAN})?"),
    ("suffix", ">", r"(?:or|and) (?:more|greater|higher|above|over)" + _END + "|oder mehr", r"(?:及|或)?以上|\+"),
    ("suffix", "<", r"(?:or|and) (?:less|lower|below|under)" + _END, r"(?:及|或)?以下|以内|之内"),
    # ---- other times, advice
    ("compare", None,
     r"(?:compar(?:ed|ison) (?:with|to)|unchanged (?:from|since|compared (?:with|to))|similar to|relative to|versus|vs\.?|in comparison (?:with|to)|since|as on|as in|stable (?:from|since|compared (?:with|to))|im vergleich zu[mr]?)"
     r"(?: the| a| last| his| her)?(?: (?:prior|previous|last|earlier|vor\w*))?(?: (?:exam\w*|study|ccta|cta|ct|scan|angiogra\w+|report))?",
     r"(?:与|和|同|对比|对照|比较)[^,。;\n]{0,22}?(?:比较|相比|对比|对照|相仿|片|检查)(?!.{0,3}[示见])|较(?:前片|前次|前|上次|旧片|既往)(?:相仿|相似|比较)?"),
    ("stent", None, r"(?:(?:prior|previous(?:ly)?|known|old|existing) )(?:placed |implanted |deployed )?(?:\w+ )?stents?", ""),
    ("prior", "clause", r"history of|h/o|known" + _END + r"|bekannte?[rn]?|status post|s/p", ""),
    ("prior", "sentence",
     r"(?:which|that) (?:showed|demonstrated|reported|revealed)|(?:prior|previous)(?:ly)?(?! to)" + _END + r"|former(?:ly)?|earlier|was (?:reported|described|noted)|initially|old report|outside (?:hospital|report|study|ct)"
     r"|(?:ccta|cta|ct|angiogra\w+|exam\w*|study|in|from|on|of) (?:dated |of |from |in )?(?:\w{3,9} )?(?:19|20)\d\d[^.;\n]{0,24}? (?:showed|demonstrated|revealed|reported)|progressed from|increased from|decreased from|regressed from|improved from"
     r"|voruntersuchung|vorbefund\w*|zuvor|vormals",
     r"既往|曾|原为|原先|原有|原(?=[轻中重狭])|上次|前次|前片(?:示|提示|显示)?|旧片|外院|术前|(?:19|20)\d\d ?[年./-][^,。;\n]{0,24}?(?:提示|显示|示|报告|见)"),
    ("now", None, r"now|current(?:ly)?|today|at present|present(?:ly)?|on this (?:exam\w*|study|scan)|(?:has |have )?(?:progressed|increased|decreased|regressed|improved|worsened)? ?to(?= ?(?:about |approximately )?(?:\d|mild|moder|sever|occl))|jetzt|aktuell|derzeit|nunmehr", r"现|本次|目前|此次|今(?=[示为见])|(?:进展|加重|增加|发展|减轻|降)(?:为|至|到)"),
    ("advice", None, r"recommend\w*|advis\w+|suggest(?:ed|s|ing)? (?:further|follow|clinical|invasive|correlat\w+|dsa|catheter|coronary angio\w+|additional|repeat|perfusion|functional|stress)|consider (?:further|invasive|follow|functional|stress|catheter)|empf\w+|if clinically|to (?:exclude|rule out)|for exclusion of", r"建议|请结合|必要时|推荐|随访|复查|进一步"),
    # ---- what is no stenosis of a coronary artery
    ("bridge", None, r"(?:myocardial |muscle |muscular )?bridg\w+|intramyocardial|intramural|tunnel\w+|systol\w+|milking|muskelbrücke\w*", r"(?:走行)?于?心肌内(?:走行)?|心肌桥|肌桥|壁冠状动脉|壁冠|收缩期"),
    ("other", "number",
     r"(?:left ventricular |lv )?ejection fraction|lvef|ef" + _END + r"|percentiles?|percentile rank|r-?r(?: interval)?|cardiac (?:cycle|phase)|phases?|ffr(?:ct)?|dose|probabilit\w+|plaque (?:burden|volume)|hematocrit|saturation|spo2|heart rate|risk"
     r"|(?:calcium|agatston|calcification|cac)[ -]?(?:score|scoring|burden|volume)?", r"射血分数|百分位|期相|时相|相位|r-r间期|ffr|剂量|概率|斑块负荷|血氧|心率|心动周期|风险|钙化积分|积分"),
    ("graft", None, r"(?:lima|rima|svg|ima|sv|radial)(?: graft)?(?:[- ](?:to[- ])?)?" + _END + r"|(?:venous |vein |arterial |saphenous )?(?:bypass )?grafts?|bypass(?:es)?|bypassed|grafted|anastomos[ie]s|cabg|aortocoronary|conduits?", r"(?:左|右)?(?:内乳动脉|乳内动脉)|桥血管|静脉桥|动脉桥|搭桥|吻合口|旁路移植|大隐静脉"),
    ("native", None, r"native", r"自身|原位|固有"),
    ("struct", None, r"bifurcat\w+|trifurcat\w+|(?:gives?|giving) (?:rise to|off)|(?:arises?|arising|originat\w+|takes origin|supplied|comes?|coming)(?: \w+){0,2}? (?:from|by)|divid\w+ into|splits? into|entspring\w+", r"分为|分出|分成|发出|起自|起源于|发自|续为|延续为|移行为|供血"),
    ("vessel", (LM,), rf"left main(?: coronary)?(?: artery| stem| trunk| branch)?|left coronary main|main left coronary(?: artery)?|left (?:coronary )?trunk|(?:lmca|lms|lmt|lm){_END}|main stem|(?:linker? )?hauptstamm(?=stenos|verschl|{_END})",
     r"左冠(?:状动脉|脉)?左?(?:主干|总干)|左主干|左总干|左主(?=[^动])"),
    ("vessel", (LCX,), rf"l-pd[av]{_END}|lpda{_END}|left (?:posterior descending|posterolateral|posterior lateral|pda|plb|plv)(?: artery| branch(?:es)?)?|l-?pl[bv]?{_END}", r"左侧?后降支|左侧?后外?侧支"),
    ("vessel", (RCA,),
     rf"right coronary(?: main)?(?: artery| trunk)?|rechte (?:koronararterie|kranzarterie)|(?:[pmd]?rca)(?=prox|mid|dist|[^a-z]|$|stenos|verschl)|acd{_END}|r-?pda{_END}|(?:right )?posterior descending(?: artery| branch)?|pda{_END}|r-?pl[bvd]?s?{_END}|rpld?{_END}|plvb?{_END}|plbs?{_END}"
     rf"|(?:right )?postero-?lateral(?: left ventricular)?(?: branch(?:es)?| artery| segment)?|(?:right )?posterior(?: left)?[ -](?:ventricular|lateral)(?: branch(?:es)?| artery)?|(?:acute|right) marginal(?: branch(?:es)?)?|right ventricular (?:marginal )?branch(?:es)?|rv branch(?:es)?"
     rf"|ramus ventricularis dexter|ramus (?:interventricularis posterior|posterolateralis dexter|marginalis dexter)|rivp{_END}|rmd{_END}|rvd{_END}|conus branch|am[12]{_END}",
     r"右冠(?:状动脉|脉)?(?:主干)?(?:动脉)?|右侧?后降支|后降支|后室间支|左(?:心)?室后支|后外?侧支|锐缘支|右(?:心)?室支|右缘支|圆锥支|窦房结支|房室结支"),
    ("vessel", (LAD,),
     rf"left[- ]anterior[- ]descend\w*(?: coronary)?(?: artery| branch)?|anterior descend\w*(?: artery| branch)?|[pmd]?lad(?=prox|mid|dist|[^a-z]|$|[pmd]{_END}|stenos)|riva(?=prox|mid|dist|med|[^a-z]|$|stenos|verschl)|ramus interventricularis anterior"
     rf"|(?:(?:first|second|third|1st|2nd|3rd|large|small|high|ramus|major) )?diagonal(?:is|e)?(?: branch(?:es)?| artery)?s?(?:[ _#-]?[1-4](?![\d%.]))?|diag\.? ?[1-4]?(?![\d%a-z])|(?:d|dg|rd|di)-?[1-4](?![\da-z%])|rdg?{_END}|septal (?:perforators?|branch(?:es)?)",
     r"(?:左冠(?:状动脉|脉)?)?左?前降支|前室间支|(?:第[一二三1-3])?(?:高位)?对角支(?:[1-4](?![\d%.]))?|前?间隔支"),
    ("vessel", (LCX,),
     rf"(?:left )?circumflex(?: coronary)?(?: artery| branch)?|[pmd]?lcx(?=prox|mid|dist|[^a-z]|$|[pmd]{_END}|stenos)|lcfx{_END}|lcirc{_END}|lcf{_END}|r?cx(?=prox|mid|dist|med|[^a-z]|$|stenos|verschl)|circ{_END}|ramus circumflexus"
     rf"|(?:(?:first|second|third|1st|2nd|3rd|large|small|ramus|obtuse|left) ){{0,2}}marginal(?:is|e)?(?: sinister)?(?: branch(?:es)?| artery)?s?(?:[ _#-]?[1-4](?![\d%.]))?|om-?[1-4]?(?![\da-z%])|(?:rm|rms|mo)-?[1-3](?![\da-z%])"
     rf"|ramus(?: intermedius| intermediate| intermedia)?(?: branch| artery)?{_END}|intermedi(?:us|ate|ary)(?: ramus| branch| artery| coronary artery)|intermedius{_END}|ri{_END}",
     r"(?:左冠(?:状动脉|脉)?)?左?回旋支|左旋支|旋支|(?:第[一二三1-3])?钝缘支(?:[1-4](?![\d%.]))?|左?边缘支|左缘支|中间(?:支|动脉)"),
    ("number", None, _SEGMENT, rf"(?:第|节段) ?{_SEGMENT_LIST}(?: ?(?:节?段))?"),
    ("local", None, r"(?:remaining|other|rest of the|remainder of the) (?:\w+ )?(?:segments?|portions?|vessel|artery|parts?)" + _END, r"(?:其)?余(?:各)?(?:节段|段|管腔|管壁|部位|部分)|另一?(?:节段|段|处)|其他(?:各)?(?:节段|段)"),
    ("rest", None, r"remaining|remainder|rest of|others?(?! than)" + _END + r"|otherwise|elsewhere|übrige\w*|restliche\w*|sonst\w*", r"其余|其他|其它|余(?=[各冠支血所未均部主两三无管])"),
    ("three", None, r"(?:all |the |both )?(?:three|3)(?: main| major| epicardial| coronary){0,3} (?:vessels|arteries|branches)|(?:three|triple|3|multi|two|double|single|one)[- ]?vessel", r"三支(?:主要)?(?:冠状动脉|冠脉|血管|主干)?"),
    ("all", None,
     r"(?:all|any|both|four|each|every|entire)(?: of(?: the)?| the| four| 4| major| main| epicardial| coronary| left| right| and| imaged| visuali[sz]ed| evaluable| assessable){0,5} (?:vessels?|arter(?:y|ies)|branch(?:es)?|segments?|coronar(?:y|ies)|tree|system)(?: (?:arteries|tree|system|segments|branches))?|all (?:four|4)|throughout|alle (?:koronar\w*|gefäße)",
     r"(?:左、?右|双侧|两侧|左右侧?)冠(?:状动脉|脉)(?:各支|主干|及.{0,6}分支)?|各支(?:冠状动脉|冠脉|血管|主干)?|冠(?:状动脉|脉)各(?:主|主要)?(?:支|分支|节段)|冠(?:状动脉|脉)主干及.{0,6}分支|(?:所有|全部|各)(?:冠状动脉|冠脉|血管|节段|主要分支|分支)|冠(?:状动脉|脉)(?:系统|树)"),
    ("left", (LM, LAD, LCX), rf"left coronary(?: artery)?(?: system| tree)?|lca{_END}|linke (?:koronararterie|kranzarterie)", r"左冠(?:状动脉|脉)?(?:系统|各支)?"),
    ("coronary", None, r"coronar(?:y arter(?:y|ies)(?! disease| calci| origin| anatom| domin)|ies)(?: tree| system| vessels)?|epicardial (?:coronary )?(?:arteries|vessels)|(?:coronary )?(?:ccta|cta|ct angiogra\w+)|koronar\w*|herzkranz\w*|coronary (?:tree|system|vessels|circulation|angiogra\w+)|coronary(?= stenos| narrow| lumin| lesion| obstruc)", r"冠(?:状动脉|脉)(?:cta|血管)?(?:主干)?"),
    ("ath", None, r"(?:coronary (?:artery |heart )?disease|cad|chd|khk|atherosclero\w*|arteriosclero\w*|atheroma(?:tous|tosis)?|atherosclerotic disease)" + _END, r"粥样硬化(?:性)?(?:改变|病变)?|动脉硬化|冠心病"),
    ("noncor", None,
     r"(?:the )?(?:aort(?:a|ic)|mitral|tricuspid|valv\w+|pericard\w+|lungs?|pulmon\w+|pleura\w*|left ventric\w+|right ventric\w+|ventric\w+|atri(?:a|um|al)|appendage|septum|myocard\w+|cardiac (?:chambers?|size|silhouette|function)|chambers?|heart|liver|hiat\w+|carotid\w*|renal|thora\w+|spine|bon(?:es?|y)|mediastin\w+|lymph\w*|oesophag\w+|esophag\w+|coronary sinus|image quality|study quality|extracardiac|noncardiac|non-cardiac|vertebra\w*|adrenal\w*|kidneys?|breast)",
     r"主动脉|二尖瓣|三尖瓣|瓣膜|瓣叶|心包|双肺|肺|胸膜|左(?:心)?室|右(?:心)?室|心室|心房|左心耳|左房|右房|心脏|心影|心肌|各房室|房室|肝|颈动脉|肾动脉|胸|纵隔|淋巴结|肋|椎|图像质量|食管|锁骨下|肾上腺|甲状腺|间隔(?!支)"),
    # ---- normal findings that hold their own negation
    ("normal", 0.9, r"unremarkable|unauffällig\w*|stenosefrei|disease[- ]free|stenosis[- ]free|wnl" + _END + "|nad" + _END + r"|within normal limits|o\. ?b\.(?= |,|;|$|\n)|regelrecht\w*",
     r"(?:未见|未发现|无|未显示|未见有)(?:明显|明确|显著|确切|确切的)?(?:的)?异常(?:改变|征象|表现|密度)?|未受累"),
    ("anat", None, r"origins?|course|domina\w+|anatomy|anatomic(?:al)?|position|take-?off|size|variant|situs|density|function|configuration", r"起源|走行|走形|发育|位置|形态|优势|大小|密度|解剖|分布|功能"),
    ("abn", None, r"abnormal\w*|patholog\w+", r"异常"),
    ("normal", 0.85, rf"normal(?:ly|e[rsn]?)?{_END}|patent|patency|widely open|durchgängig|clear{_END}|clean{_END}|intact", r"(?:基本|大致)?正常|通畅|畅通|充盈良好"),
    ("normal", 0.7, r"smooth(?:ly)?", r"(?<![不欠])光滑|(?<![不欠])光整"),
    ("irregular", None, r"(?:minor |mild |slight |minimal |luminal |wall |contour |diffuse ){0,3}irregularit\w+|irregular|wandunregelmäßig\w*|wandveränder\w*", r"(?:管壁|管腔|内壁)?(?:轻度|轻微|略|稍|欠)?(?:不规则|毛糙|欠光滑|不光滑|欠光整)"),
    # ---- degrees
    ("grade", (_S, _O), r"sub-?total\w*(?: occlu\w+| stenos\w+)?", r"次全(?:闭塞|堵塞)"),
    ("grade", (_S, _S), r"near(?:ly)?[- ](?:total(?:ly)? |complete(?:ly)? )?occlu\w+|string sign|filiform\w*|thread-?like", r"(?:近乎|接近|几乎|几近|近)(?:完全)?(?:闭塞|堵塞)|线样|极重度"),
    ("grade", (_MI, _MO), r"mild(?:ly)?(?: to |-to-|-|/| - )moderate\w*|(?:gering|leicht)\w*(?:-| bis )mittel\w*|mild or moderate", r"轻度?[-~至到、/]?中(?:度|等)"),
    ("grade", (_MO, _S), r"moderate(?:ly)?(?: to |-to-|-|/| - )severe\w*|mittel\w*(?:-| bis )hochgrad\w*|moderate or severe", r"中度?[-~至到、/]?重度"),
    ("grade", (_N, _MI), r"minimal(?:ly)?(?: to |-to-|-|/| - )mild(?:ly)?|minimal or mild", r"轻微[-~至到、/]?轻度"),
    ("grade", (_N, _N), r"minimal(?:ly|e[rsn]?)?|trivial|very mild|tiny", r"轻微|极轻(?:度|微)?|微小|微量"),
    ("grade", (_MI, _MI), r"mild(?:ly)?" + _END + r"|slight(?:ly)?|low[- ]grade|minor|geringgradig\w*|geringfügig\w*|gering\w*|leichtgradig\w*|leichte?[rsn]?" + _END, r"轻度|轻(?=狭窄)|低度|略(?=微?(?:变|狭)?窄)|稍(?=微?(?:变|狭)?窄)"),
    ("grade", (_MO, _MO), r"moderate(?:ly)?|intermediate|borderline|mittelgradig\w*|mäßig\w*|medium[- ]grade", r"中度|中等(?:程度|度)?|临界"),
    ("grade", (_S, _S), r"severe(?:ly)?|high[- ]grade|critical(?:ly)?|tight|very severe|hochgradig\w*|höhergradig\w*|höchstgradig\w*|schwer\w*", r"重度|严重|高度(?=狭窄)|重(?=狭窄)|极度"),
    ("nonsig", None, r"non-?(?:obstructive|significant|flow[- ]limiting|stenotic|critical|h(?:a)?emodynamically significant)|insignificant|nicht (?:signifikante?|relevante?|stenosierend\w*)|(?:h(?:a)?emodynamically )insignificant", r"非(?:阻塞|梗阻)性|不显著(?=狭窄)"),
    ("occ", None, r"(?:total(?:ly)? |chronic(?:ally)? (?:total(?:ly)? )?|complete(?:ly)? )?occlu(?:ded|sions?|des)|cto" + _END + r"|verschlu\w+|verschlossen", r"(?:慢性)?(?:完全)?(?:性)?(?:闭塞|堵塞|阻塞(?!性)|梗阻(?!性)|中断)(?:病变)?|cto"),
    ("skip", None, r"non-?occlu\w+|occlusive", ""),
    ("sig", None, r"significant(?:ly)?|relevant\w*|signifikant\w*|h(?:a)?emodynamic\w*(?: significant| relevant\w*)?|appreciable|flow[- ]limiting|obstructive|sig\.?(?= )|nennenswert\w*|definite|evident|high-risk", r"(?:血流动力学)?(?:明显|显著|明确|确切|有意义|具有意义|阻塞性|梗阻性|严重意义)的?"),
    ("stent", None, r"stents?|stented|stenting", r"支架"),
    ("stenosis", None, r"(?:in-?stent )?(?:re)?stenos\w{1,3}|(?:re)?stenotic|sten\.|isr" + _END + r"|narrow(?:ed|ing|ings|s)?|(?:luminal|diameter) (?:reduction|loss|compromise|obstruction)|luminal encroachment|obstruct(?:ion|ions|ed)|\w{0,20}stenosen?|einengung\w*|lumenreduktion|lumeneinengung\w*", r"(?:再)?狭窄(?:率|程度|度)?|变窄|缩窄|稍?窄"),
    ("nonecalc", None, r"non-?calcified" + _END, r"非钙化(?!斑块|性斑块)"),
    ("calcadj", None, r"calcified(?! plaque)" + _END + r"|calcific" + _END, r"钙化(?=及|和|、|或|/)"),
    ("plaque", "calc", r"calcified plaques?", r"钙化(?:性)?[斑班]块"),
    ("plaque", "", r"(?:non-?calcified |mixed |soft |partially calcified |fibrofatty |lipid[- ]rich |fibrous |low[- ]attenuation |vulnerable )?plaques?|plaques?|atheromas?", r"(?:非钙化|混合|软|脂质|纤维|部分钙化|易损)?(?:性)?[斑班]块"),
    ("calc", None, r"calcifi?\w*|verkalk\w*|kalk\w*", r"钙化(?:灶)?"),
    ("lesion", None, r"lesions?|disease" + _END + r"|läsion\w*|involvement", r"病变|病灶|受累"),
    ("other", "noun", r"tortuos\w+|tortuous|ectas\w+|ectatic|aneurysm\w*|dilat\w+|hypertroph\w+|regurgitation|insufficiency|effusion|compress\w+|emphysema|thicken\w*|fistula|remodel\w+|motion|noise|bradycardia|hypoplas\w+|spotty", r"迂曲|扩张|瘤|增厚|积液|受压|压迫|反流|关闭不全|运动|重构|纤细|发育不良"),
    ("weak", None, r"limited|suboptimal|degraded|art[ei]fact\w*|blooming|impaired|eingeschränkt", r"伪影|受限|欠佳|错层|错位|模糊"),
    ("unsure", None, r"possib\w+|probabl\w+|suspicio\w+|suspect\w*|question(?:able)?" + _END + r"|equivocal|uncertain|indeterminate|may (?:be|represent|have|indicate)|might|could (?:be|represent)|suggestive of|likely|query|verdacht\w*|v\.a\.|fraglich\w*|möglich\w*|vermutlich\w*|undetermined", r"可能(?:性)?|可疑|疑似|疑|\?"),
    ("negpost", None, r"not (?:been )?(?:seen|visuali[sz]ed|identified|detected|present|evident|appreciated|found|observed|noted|demonstrated|detectable)|absent|excluded|ruled out|nicht nachweisbar|none" + _END + "|nil" + _END, r"不明显|阴性|未见(?=[,。;\n]|$)|\(-\)|(?<=[:]) ?无(?=[,。;\n]|$)"),
    ("neg", None, r"(?:no|not|without|w/o|nor|neither|free (?:of|from)|absence of|negative for|nil|never|kein\w*|ohne|nicht|frei von)" + _END, r"未见(?:到|有|及)?|未(?:发现|显示|检出|探及|及|引起|造成|导致|致|累及|出现|形成|提示)|无|没有|不伴(?:有)?|不存在|未"),
    ("respectively", None, r"respectively|jeweils|resp\.?" + _END, r"分别|依次"),
    ("colon", None, "", r":|="),
    ("and", None, r"(?:and|or|as well as|plus|und|oder|sowie|und/oder)" + _END, r"[、/&+]|以及|及(?!其)|和|与|或|并|至"),
    ("but", None, r"(?:but|however|except(?:ing)?(?: for)?|other than|apart from|aside from|save for|with the exception of|aber|außer|although|while|whereas)" + _END, r"但|而|然而|仅|除了?|外(?=[,其余])|以外|之外"),
    ("into", None, r"involv\w+|extend\w+ (?:in)?to|reaching", r"累及|延伸至|延及|波及"),
    ("prep", None, r"(?:of|in|at|within|along|im|der|des|am|on|affecting|located in|for)" + _END, r"位于"),
    ("shows", None, r"shows?|demonstrat\w+|reveals?|with" + _END + r"|has" + _END + r"|there (?:is|are)|mit" + _END, r"可见|见|伴有?|呈|示|有|存在"),
    ("lumen", None, r"lum(?:en|inal)\w*", r"(?:血)?管腔|血管"),
    ("part", None, r"proximal\w*|mid(?:dle|-distal|-segment)?" + _END + r"|dist(?:al\w*|\.)?|prox\.?|osti(?:al|um)|segments?|branch(?:es)?|portion|third|bifurcation|junction|both", r"近中段|中远段|近段|中段|远段|近端|远端|中部|开口|口部|起始(?:部|段)?|末端|末段|分叉(?:部|处)?|全程|主干|分支"),
]  # fmt: skip


def _lexer() -> tuple[re.Pattern[str], dict[str, tuple[str, Any]]]:
    latin, han, meaning = [], [], {}
    for i, (kind, value, in_latin, in_han) in enumerate(_ENTRIES):
        for script, pattern, patterns in (("a", in_latin, latin), ("b", in_han, han)):
            if pattern:
                patterns.append(f"(?P<{script}{i}>{pattern})")
                meaning[f"{script}{i}"] = (kind, value)
    # The first letter outside the letters a-z: a word is tried at its beginning only.
    return re.compile(rf"(?<![a-zäöüß])(?=[a-zäöüß#])(?:{'|'.join(latin)})|(?=[^a-z ])(?:{'|'.join(han)})"), meaning


_LEXER, _MEANING = _lexer()


def tokens(text: str) -> Iterator[Token]:
    """Yield the known words of a normalised text, left to right, without overlap."""
    for match in _LEXER.finditer(text):
        kind, value = _MEANING[str(match.lastgroup)]
        yield Token(kind, value, match.start(), match.end())


def segment_vessels(text: str) -> tuple[Vessel, ...]:
    """Return the vessels of a list of segment numbers such as "segments 6-8 and 11"."""
    found: list[Vessel] = []
    for first, last in re.findall(r"(\d{1,2})(?: ?- ?(\d{1,2}))?", text):
        for number in range(int(first), int(last or first) + 1):
            if number in SEGMENTS and SEGMENTS[number] not in found:
                found.append(SEGMENTS[number])
    return tuple(found)
