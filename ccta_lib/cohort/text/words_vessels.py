"""Names of the vessels, of groups of them, and of what is no coronary artery."""

from __future__ import annotations

from ccta_lib.cohort.text.words import END, Entry
from ccta_lib.schema import Vessel

RCA, LM, LAD, LCX = Vessel
_SEGMENT_LIST = (
    r"\d{1,2}(?:(?: ?, ?| ?(?:and|&|、|/|-) ?)\d{1,2}(?!\d| ?%| ?- ?\d|\.\d)){0,6}(?!\d|"
    r" ?%|"
    r" ?- ?\d+ ?%|\.\d| ?mm)"
)
_SEGMENT = rf"(?:segments?|segs?\.?|s|#) ?{_SEGMENT_LIST}"
ENTRIES: list[Entry] = [
    (
        "graft",
        None,
        r"(?:lima|rima|svg|ima|sv|radial)(?: graft)?(?:[- ](?:to[- ])?)?"
        + END
        + r"|(?:venous |vein |arterial |saphenous )?(?:bypass )?grafts?|bypass(?:es)?|bypassed|"
        r"grafted|"
        r"anastomos[ie]s|cabg|aortocoronary|conduits?",
        r"(?:左|右)?(?:内乳动脉|乳内动脉)|桥血管|静脉桥|动脉桥|搭桥|吻合口|旁路移植|大隐静脉",
    ),
    ("native", None, r"native", r"自身|原位|固有"),
    (
        "noncor",
        None,
        r"(?:left|right|non) ?-?coronary (?:cusp|sinus|ostium|leaflet)",
        r"[左右无]冠(?:状动脉|状)?(?:窦|瓣)",
    ),
    (
        "struct",
        None,
        r"bifurcat\w+|to form|forming|trifurcat\w+|(?:gives?|giving) (?:rise to|off)|"
        r"(?:arises?|"
        r"arising|originat\w+|takes origin|supplied|comes?|coming)(?: \w+){0,2}? (?:from|by)|"
        r"divid\w+ into|splits? into|entspring\w+",
        r"分为|分出|分成|发出|起自|起源于|发自|续为|延续为|移行为|供血",
    ),
    (
        "vessel",
        (LM,),
        rf"left main(?: coronary)?(?: artery| stem| trunk| branch)?|left coronary main|trunk of the left "
        rf"coronary(?: artery)?|"
        rf"main left coronary(?: artery)?|left (?:coronary )?trunk|(?:lmca|lms|lmt|lm){END}|"
        rf"main stem|"
        rf"(?:linker? )?hauptstamm(?=stenos|verschl|{END})",
        r"左冠(?:状动脉|脉)?:?左?(?:主干|总干)|左主干|左总干|左主(?=[^动])",
    ),
    (
        "vessel",
        (LCX,),
        rf"l-pd[av]{END}|lpda{END}|left (?:posterior descending|posterolateral|"
        rf"posterior lateral|pda|"
        rf"plb|plv)(?: artery| branch(?:es)?)?|l-?pl[bv]?{END}",
        r"左侧?后降支|左侧?后外?侧支",
    ),
    (
        "vessel",
        (RCA,),
        rf"right coronary(?: main)?(?: artery| trunk)?|right(?= ?[:=] ?(?:\d|no|mild|mod|sev|clear|occl|"
        rf"patent))|rechte (?:koronararterie|kranzarterie)|"
        rf"(?:[pmd]?rca)(?=prox|mid|dist|[^a-z]|$|stenos|verschl)|acd{END}|r-?pda{END}|"
        rf"(?:right )?posterior descending(?: artery| branch)?|pda{END}|r-?pl[bvd]?s?{END}|"
        rf"rpld?{END}|plvb?{END}|plbs?{END}"
        rf"|(?:right )?postero-?lateral(?: left ventricular)?(?: branch(?:es)?| artery|"
        rf" segment)?|"
        rf"(?:right )?posterior(?: left)?[ -](?:ventricular|lateral)(?: branch(?:es)?|"
        rf" artery)?|"
        rf"(?:acute|right) marginal(?: branch(?:es)?)?|"
        rf"right ventricular (?:marginal )?branch(?:es)?|"
        rf"rv branch(?:es)?"
        rf"|ramus ventricularis dexter|ramus (?:interventricularis posterior|"
        rf"posterolateralis dexter|"
        rf"marginalis dexter)|rivp{END}|rmd{END}|rvd{END}|conus branch|am[12]{END}",
        r"右冠(?:状动脉|脉)?(?:主干)?(?:动脉)?|右侧?后降支|后降支|后室间支|左(?:心)?室后支|后外?侧支|"
        r"锐缘支|右(?:心)?室支|右缘支|圆锥支|"
        r"窦房结支|房室结支",
    ),
    (
        "vessel",
        (LAD,),
        rf"left[- ]anterior[- ]des?c?end\w*(?: coronary)?(?: artery| branch)?|"
        rf"anterior des?c?end\w*(?: artery| branch)?|[pmd]?lad(?=prox|mid|dist|[^a-z]|$|"
        rf"[pmd]{END}|"
        rf"stenos)|riva(?=prox|mid|dist|med|[^a-z]|$|stenos|verschl)|"
        rf"ramus interventricularis anterior"
        rf"|(?:(?:first|second|third|1st|2nd|3rd|large|small|high|ramus|major) )?diagonal(?:is|"
        rf"e)?(?: branch(?:es)?| artery)?s?(?:[ _#-]?[1-4](?![\d%.]))?|"
        rf"diag\.? ?[1-4]?(?![\d%a-z])|"
        rf"(?:d|dg|rd|di)-?[1-4](?![\da-z%])|rdg?{END}|septal (?:perforators?|branch(?:es)?)",
        r"(?:左冠(?:状动脉|脉)?)?左?前降支|前室间支|(?:第[一二三1-3])?(?:高位)?对角支(?:[1-4](?![\d%.]))?|"
        r"前?间隔支",
    ),
    (
        "vessel",
        (LCX,),
        rf"(?:left )?circum?fl[ea]x(?: coronary)?(?: artery| branch)?|[pmd]?lcx(?=prox|mid|dist|"
        rf"[^a-z]|$|"
        rf"[pmd]{END}|stenos)|lcfx{END}|lcirc{END}|lcf{END}|r?cx(?=prox|mid|dist|med|[^a-z]|$|"
        rf"stenos|verschl)|circ{END}|ramus circumflexus"
        rf"|(?:(?:first|second|third|1st|2nd|3rd|large|small|ramus|obtuse|"
        rf"left) ){{0,2}}marginal(?:is|"
        rf"e)?(?: sinister)?(?: branch(?:es)?| artery)?s?(?:[ _#-]?[1-4](?![\d%.]))?|"
        rf"om-?[1-4]?(?![\da-z%])|(?:rm|rms|mo)-?[1-3](?![\da-z%])"
        rf"|ramus(?: intermedius| intermediate| intermedia)?(?: branch| artery)?{END}|"
        rf"intermedi(?:us|"
        rf"ate|ary)(?: ramus| branch| artery| coronary artery)|intermedius{END}|ri{END}",
        r"(?:左冠(?:状动脉|脉)?)?左?回旋支|左旋支|旋支|(?:第[一二三1-3])?钝缘支(?:[1-4](?![\d%.]))?|"
        r"左?边缘支|左缘支|"
        r"中间(?:支|动脉)",
    ),
    (
        "number",
        None,
        _SEGMENT,
        rf"(?:第|节段) ?{_SEGMENT_LIST}(?: ?(?:节?段))?|(?<![\d/])(?:1[0-8]|[1-9])段(?!分|法|模|冠)",
    ),
    (
        "local",
        None,
        r"(?:remaining|other|rest of the|remainder of the) (?:\w+ )?(?:segments?|portions?|"
        r"vessel|"
        r"artery|parts?)" + END,
        r"(?:其)?余(?:各)?(?:节段|段|管腔|管壁|部位|部分)|另一?(?:节段|段|处)|其他(?:各)?(?:节段|段)",
    ),
    (
        "rest",
        None,
        r"all (?:of )?(?:the )?(?:other|remaining) \w+|(?<=no )(?:further|additional)|remaining|"
        r"residual(?= vess| arter| coron| segm| "
        r"branch)|remainder|rest(?= of|"
        r" normal| unremark| clear| ok| patent| fine| without| free| patent| is| are)|else(?= |\.|$)|"
        r"others?(?! than)" + END + r"|otherwise|elsewhere|übrige\w*|restliche\w*|sonst\w*",
        r"其余|其他|其它|另外?(?=[三两二各])|余下|剩余|别的|"
        r"余(?=[各冠支血所未均部主两三二无管阴正左右皆都通同(:,、])",
    ),
    (
        "three",
        None,
        r"(?:all |the |both )?(?:three|3)(?: main| major| epicardial|"
        r" coronary){0,3} (?:vessels|"
        r"arteries|branches)",
        r"三(?:支|大|根|条)(?:主要|主)?(?:冠状动脉|冠脉|血管|主干|分支|支|动脉)|三支(?=[均皆都及和])",
    ),
    (
        "all",
        None,
        r"(?:left and right|right and left) (?:main )?coronar(?:y arter(?:y|ies)|ies|y systems?)|"
        r"(?:all|any|both|four|each|every|entire)(?: of(?: the)?| the| four| 4| major| main|"
        r" epicardial| coronary| left| right| and| imaged| visuali[sz]ed| evaluable|"
        r" assessable){0,5} (?:vessels?|arter(?:y|ies)|branch(?:es)?|segments?|coronar(?:y|"
        r"ies)|tree|"
        r"system)(?: (?:arteries|tree|system|segments|branches))?|all (?:four|4)|"
        r"throughout(?! the (?:prox|mid|dist|lad|rca|lcx|left|right|vessel|artery))|"
        r"alle (?:koronar\w*|gefäße)",
        r"(?:左、?右|双侧|两侧|左右侧?)冠(?:状动脉|脉)(?:各支|主干|及.{0,6}分支)?|四支(?:冠状动脉|冠脉|"
        r"血管|主干)?|各支(?:冠状动脉|冠脉|"
        r"血管|主干)?|"
        r"冠(?:状动脉|脉)各(?:主|主要)?(?:支|分支|节段)|冠(?:状动脉|脉)主干及.{0,6}分支|(?:所有|全部|"
        r"各)(?:冠状动脉|冠脉|血管|节段|"
        r"主要分支|分支)|"
        r"冠(?:状动脉|脉)(?:系统|树)",
    ),
    (
        "left",
        (LM, LAD, LCX),
        rf"left coronary(?: artery)?(?: system| tree)?|left(?:[- ]sided)? (?:system|coronaries|circulation|"
        rf"tree)|lca{END}|linke (?:koronararterie|"
        rf"kranzarterie)",
        r"左冠(?:状动脉|脉)?(?:系统|各支)?",
    ),
    (
        "coronary",
        None,
        r"(?:heart|cardiac) (?:arteries|vessels)|arteries (?:of|to|supplying) (?:the|your|his|her) heart|"
        r"coronar(?:y arter(?:y|ies)(?! disease| calci| origin| anatom| domin)|ies)(?: tree|"
        r" system|"
        r" vessels)?|epicardial (?:coronary )?(?:arteries|vessels)|(?:coronary )?(?:ccta|cta|"
        r"ct angiogra\w+)|(?:study|examination|scan)(?= ?[.,;\n])|koronar\w*|herzkranz\w*|"
        r"coronary (?:tree|system|vessels|circulation|angiogra\w+)|coronary(?= stenos| narrow|"
        r" lumin|"
        r" lesion| obstruc)",
        r"心脏(?:的)?(?:血管|动脉)|冠(?:状动脉|脉)(?:cta|ct血管(?:造影|成像)|ct(?:成像|造影|检查)|ct|"
        r"血管(?:造影|成像)?|成像|"
        r"造影)?(?:检查)?(?:主干)?",
    ),
    (
        "ath",
        None,
        r"(?:coronary (?:artery |heart )?disease|cad|chd|khk|atherosclero\w*|arteriosclero\w*|"
        r"atheroma(?:tous|tosis)?|atherosclerotic disease)" + END,
        r"粥样硬化(?:性)?(?:改变|病变)?|动脉硬化|冠心病",
    ),
    (
        "noncor",
        None,
        r"(?:the )?(?:aort(?:a|ic)|mitral|tricuspid|valv\w+|pericard\w+|lungs?|pulmon\w+|"
        r"pleura\w*|"
        r"left ventric\w+|right ventric\w+|ventric\w+|atri(?:a|um|al)|appendage|septum|"
        r"myocard\w+|"
        r"cardiac (?:chambers?|size|silhouette|function)|chambers?|heart|liver|hiat\w+|"
        r"carotid\w*|"
        r"renal|thora\w+|spine|bon(?:es?|y)|mediastin\w+|lymph\w*|oesophag\w+|esophag\w+|"
        r"coronary sinus|image quality|study quality|extracardiac|noncardiac|non-cardiac|"
        r"vertebra\w*|"
        r"adrenal\w*|kidneys?|breast)",
        r"主动脉|二尖瓣|三尖瓣|瓣膜|瓣叶|心包|双肺|肺|胸膜|左(?:心)?室|右(?:心)?室|心室|心房|左心耳|左房|"
        r"右房|心脏|心影|心肌|各房室|房室|肝|"
        r"颈动脉|肾动脉|胸|"
        r"纵隔|淋巴结|肋|椎|图像质量|食管|锁骨下|肾上腺|甲状腺|间隔(?!支)",
    ),
]
