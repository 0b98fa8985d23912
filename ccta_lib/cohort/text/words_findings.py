"""Words of findings: normal and not, degrees, nouns a degree can stand with, denial, and small words."""

from __future__ import annotations

from ccta_lib.cohort.text.words import END, Entry
from ccta_lib.schema import Grade

_N, _MI, _MO, _S, _O = Grade
ENTRIES: list[Entry] = [
    # ---- normal findings that hold their own negation
    (
        "normal",
        0.9,
        r"not (?:affected|diseased|involved|compromised)|"
        r"unremarkable|(?:contrast |it )?(?:fills|filling|opacifies) (?:the )?(?:lumen )?(?:well|normally|"
        r"completely|"
        r"homogeneously|fully|throughout)|fills the lumen throughout|free[- ]flowing|"
        r"lumen (?:is )?(?:well )?preserved|non-?stenotic|non-?stenosing|"
        r"unobstructed|un-?diseased|unaffected|non-?stenosed|nil significant|(?:nothing|nil) (?:of note|"
        r"remarkable|to report)|wide(?:ly)?[- ]open|fully open|(?:fine|free)(?= ?[.,;\n]|$)|spared|"
        r"uninvolved|uncompromised|"
        r"nothing significant|no significant(?= ?[.,;\n])|unauffällig\w*|stenosefrei|"
        r"disease[- ]free|"
        r"stenosis[- ]free|wnl"
        + END
        + "|nad"
        + END
        + r"|within normal limits|o\. ?b\.(?= |,|;|$|\n)|regelrecht\w*",
        r"(?:未见|未发现|无|未显示|未见有)(?:明显|明确|显著|确切|确切的)?(?:的)?异常(?:改变|征象|表现|"
        r"密度)?|(?:没有|无|未见)(?:明显)?(?:问题|特殊|殊)|(?:管腔|显影|充盈)(?:情况)?(?:尚|均|"
        r"皆)?可(?=[,。;\n]|$)|(?:都|均)?是?好的|未受(?:影响|累|侵犯)",
    ),
    (
        "anat",
        None,
        r"origins?|course|domina\w+|anatomy|anatomic(?:al)?|position|take-?off|size|variant|"
        r"situs|"
        r"density|function|configuration",
        r"起源|走行|走形|发育|位置|形态|优势|大小|密度|解剖|分布|功能",
    ),
    ("abn", None, r"abnormal\w*|patholog\w+", r"异常|阳性(?:征象|发现|改变|病变|所见)"),
    (
        "normal",
        0.85,
        rf"normal(?:ly|e[rsn]?)?{END}|patent|patency|widely open|durchgängig|clear{END}|"
        rf"clean{END}|"
        rf"intact|ok{END}|pristine|healthy|flawless|immaculate|spotless",
        r"(?:基本|大致)?正常|通畅|畅通|充盈良好",
    ),
    ("normal", 0.7, r"smooth(?:ly)?", r"(?<![不欠])光滑|(?<![不欠])光整"),
    (
        "irregular",
        None,
        r"(?:minor |mild |slight |minimal |luminal |wall |contour |"
        r"diffuse ){0,3}irregularit\w+|"
        r"irregular|wandunregelmäßig\w*|wandveränder\w*",
        r"(?:管壁|管腔|内壁)?(?:轻度|轻微|略|稍|欠)?(?:不规则|毛糙|欠光滑|不光滑|欠光整)",
    ),
    # ---- degrees
    ("grade", (_S, _O), r"sub-?total\w*(?: occlu\w+| stenos\w+)?", r"次全(?:闭塞|堵塞)"),
    (
        "grade",
        (_S, _S),
        r"near(?:ly)?[- ](?:total(?:ly)? |complete(?:ly)? )?occlu\w+|string sign|filiform\w*|"
        r"thread-?like",
        r"(?:近乎|接近|几乎|几近|近)(?:完全)?(?:闭塞|堵塞)|线样|极重度",
    ),
    (
        "grade",
        (_MI, _MO),
        r"mild(?:ly)?(?: to |-to-|-|/| - )moderate\w*|(?:gering|leicht)\w*(?:-|"
        r" bis )mittel\w*|"
        r"mild or moderate",
        r"轻度?[-~至到/]?中(?:度|等)",
    ),
    (
        "grade",
        (_MO, _S),
        r"mod(?:erate(?:ly)?)?(?: to |-to-|-|/| - )severe\w*|mittel\w*(?:-| bis )hochgrad\w*|"
        r"moderate or severe",
        r"中度?[-~至到/]?重度",
    ),
    (
        "grade",
        (_N, _MI),
        r"minimal(?:ly)?(?: to |-to-|-|/| - )mild(?:ly)?|minimal or mild",
        r"轻微[-~至到、/]?轻度",
    ),
    ("grade", (_N, _N), r"minimal(?:ly|e[rsn]?)?|trivial|very mild|tiny", r"轻微|极轻(?:度|微)?|微小|微量"),
    (
        "grade",
        (_MI, _MI),
        r"mild(?:ly)?" + END + r"|slight(?:ly)?|low[- ]grade|minor|geringgradig\w*|geringfügig\w*|gering\w*|"
        r"leichtgradig\w*|"
        r"leichte?[rsn]?" + END,
        r"轻度|轻(?=狭)|低度|略(?=微?(?:变|狭)?窄)|稍(?=微?(?:变|狭)?窄)",
    ),
    (
        "grade",
        (_MO, _MO),
        r"moderate(?:ly)?|mod\.?(?=[ -]|[,;)]|$)|intermediate|borderline|mittelgradig\w*|mäßig\w*|"
        r"medium[- ]grade",
        r"中度|中等(?:程度|度)?|中(?=狭窄)|临界",
    ),
    (
        "grade",
        (_S, _S),
        r"severe(?:ly)?|sev\.?(?= )|high[- ]grade|critical(?:ly)?|tight|very severe|"
        r"hochgradig\w*|"
        r"höhergradig\w*|höchstgradig\w*|schwer\w*",
        r"重度|严重|高度(?=[狭变缩]|性?狭|偏心|局限|[,。;)|\n]|$)|重(?=狭)|极度",
    ),
    (
        "nonsig",
        None,
        r"non-?(?:obstructive|significant|flow[- ]limiting|critical|"
        r"h(?:a)?emodynamically significant)|insignificant|nicht (?:signifikante?|relevante?|"
        r"stenosierend\w*)|(?:h(?:a)?emodynamically )insignificant",
        r"非(?:阻塞|梗阻)性|不显著(?=狭窄)",
    ),
    (
        "occ",
        None,
        r"(?:completely|totally) (?:blocked|obstructed|thrombosed)|(?:blocked|"
        r"obstructed) (?:completely|"
        r"totally)|(?:complete|total) (?:obstruction|blockage)|(?:total(?:ly)? |"
        r"chronic(?:ally)? (?:total(?:ly)? )?|complete(?:ly)? )?occlu(?:ded|sions?|"
        r"des)|cto" + END + r"|verschlu\w+|verschlossen",
        r"(?:未见|无)(?:明显|明确)?(?:造影剂|对比剂)(?:充盈(?!缺损)|通过|显影)|"
        r"(?:慢性)?(?:完全)?(?:性)?(?:闭塞|截断|堵塞|阻塞(?!性)|梗阻(?!性)|中断)(?:病变)?|cto",
    ),
    (
        "skip",
        None,
        r"non-?occlu\w+|occlusive|(?:three|triple|3|multi|two|double|2|single|one|"
        r"1)[- ]?vessel(?: coronary)?(?: artery)? disease",
        r"[单双一二三两多][支]血?管?病变",
    ),
    (
        "sig",
        None,
        r"significant(?:ly)?|relevant\w*|signifikant\w*|h(?:a)?emodynamic\w*(?: significant|"
        r" relevant\w*)?|appreciable|flow[- ]limiting|obstructive|sig\.?(?= )|nennenswert\w*|"
        r"definite|"
        r"evident|high-risk",
        r"(?:血流动力学)?(?:明显|显著|明确|确切|有意义|具有意义|阻塞性|梗阻性|严重意义)的?",
    ),
    ("stent", None, r"stents?|stented|stenting", r"支架"),
    (
        "stenosis",
        None,
        r"(?:in-?stent )?(?:re)?stenos\w{1,3}|stenois|stensosis|stensis|stenotis|(?:re)?stenotic|sten\.|isr"
        + END
        + r"|narrow(?:ed|ing|ings|s)?|(?:luminal|lumen|diameter) (?:reduction|loss|compromise|"
        r"obstruction|impairment)|"
        r"blockages?|blocked|"
        r"luminal encroachment|obstruct(?:ion|ions|ed)|\w{0,20}stenosen?|einengung\w*|"
        r"lumenreduktion|"
        r"lumeneinengung\w*",
        r"(?:再)?狭窄(?:率|程度|度)?|(?<=[轻重])狭|变窄|缩窄|稍?窄",
    ),
    ("nonecalc", None, r"non-?calcified" + END, r"非钙化(?!斑块|性斑块)"),
    ("calcadj", None, r"calcified(?! plaque)" + END + r"|calcific" + END, r"钙化(?=及|和|、|或|/)"),
    ("plaque", "calc", r"calcified plaques?", r"钙化(?:性)?[斑班]块"),
    (
        "plaque",
        "",
        r"(?:non-?calcified |mixed |soft |partially calcified |fibrofatty |lipid[- ]rich |"
        r"fibrous |"
        r"low[- ]attenuation |vulnerable )?plaques?|plaques?|atheromas?",
        r"(?:非钙化|混合|软|脂质|纤维|部分钙化|易损)?(?:性)?[斑班]块",
    ),
    ("calc", None, r"calcifi?\w*|verkalk\w*|kalk\w*", r"钙化(?:灶)?"),
    ("lesion", None, r"lesions?|disease" + END + r"|läsion\w*|involvement", r"病变|病灶|受累"),
    (
        "other",
        "noun",
        r"tortuos\w+|tortuous|ectas\w+|ectatic|aneurysm\w*|dilat\w+|hypertroph\w+|"
        r"regurgitation|"
        r"insufficiency|effusion|compress\w+|emphysema|thicken\w*|fistula|remodel\w+|motion|"
        r"noise|"
        r"bradycardia|hypoplas\w+|spotty",
        r"迂曲|扩张|瘤|增厚|积液|受压|压迫|反流|关闭不全|运动|重构|纤细|发育不良",
    ),
    (
        "weak",
        None,
        r"limited(?! to)|suboptimal|degraded|art[ei]fact\w*|blooming|impaired|eingeschränkt",
        r"伪影|受限|欠佳|错层|错位|模糊",
    ),
    (
        "unsure",
        None,
        r"possib\w+|probabl\w+|suspicio\w+|suspect\w*|question(?:able)?"
        + END
        + r"|equivocal|uncertain|indeterminate|may (?:be|represent|have|indicate)|might|"
        r"could (?:be|"
        r"represent)|suggestive of|likely|query|verdacht\w*|v\.a\.|fraglich\w*|möglich\w*|"
        r"vermutlich\w*|undetermined",
        r"可能(?:性)?|可疑|疑似|疑|\?",
    ),
    (
        "negpost",
        None,
        r"not (?:been )?(?:seen|visuali[sz]ed|identified|detected|present|evident|appreciated|"
        r"found|"
        r"observed|noted|demonstrated|detectable)|absent(?! (?:coronary|plaque|stenos|athero))|excluded|"
        r"ruled out|nicht nachweisbar|"
        r"negative(?! for| remod| predict)|none(?! of)" + END + "|nil" + END,
        r"不明显|阴性|未见(?=[,。;\n]|$)|(?<=[:窄块率度]) ?无(?=[,。;\n]|$)",
    ),
    (
        "neg",
        None,
        r"(?:no|not|without|w/o|neither|free (?:of|from)|absence of|negative for|nil|nothing|"
        r"exclusion of|never|absent(?= (?:coronary|plaque|stenos|athero|narrow|significant))|none of|"
        r"neither of|kein\w*|"
        r"ohne|nicht|frei von)" + END,
        r"未见(?:到|有|及)?|未(?:发现|显示|检出|探及|及|引起|造成|导致|致|累及|出现|形成|提示)|无|没有|"
        r"不伴(?:有)?|不存在|未",
    ),
    (
        "respectively",
        None,
        r"respectively|correspondingly|in (?:that|this|the same|the above) order|in turn|jeweils|resp\.?"
        + END,
        r"分别|依次|顺次|依序|按顺序|对应",
    ),
    ("colon", None, "", r":|="),
    (
        "and",
        None,
        r"(?:and|or|nor|as well as|plus|und|oder|sowie|und/oder)" + END,
        r"[、/&+]|以及|及(?!其)|和|与|或|并|至",
    ),
    (
        "but",
        None,
        r"(?:but|however|except(?:ing)?(?: for)?|other than|apart from|aside from|save for|"
        r"with the exception of|aber|außer|although|while|whereas)" + END,
        r"但|而|然而|仅|除了?|外(?=[,其余])|以外|之外",
    ),
    ("into", None, r"involv\w+|extend\w+ (?:in)?to|reaching", r"累及|延伸至|延及|波及"),
    ("prep", None, r"(?:of|in|at|within|along|im|der|des|am|on|affecting|located in|for)" + END, r"位于"),
    (
        "shows",
        None,
        r"shows?|demonstrat\w+|reveals?|with" + END + r"|has" + END + r"|there (?:is|are)|mit" + END,
        r"可见|见|伴有?|呈|示|有|存在",
    ),
    ("lumen", None, r"lum(?:en|inal)\w*", r"(?:血)?管腔|血管"),
    (
        "part",
        None,
        r"proximal\w*|mid(?:dle|-distal|-segment)?"
        + END
        + r"|dist(?:al\w*|\.)?|prox\.?|osti(?:al|um)|segments?|branch(?:es)?|portion|third|"
        r"bifurcation|"
        r"junction|both",
        r"[近中远](?:侧|端)?(?:1/3|三分之一)(?:段|处)?|近中段|中远段|近段|中段|远段|近端|远端|中部|开口|"
        r"口部|起始(?:部|段)?|末端|末段|分叉(?:部|处)?|全程|主干|分支",
    ),
]
