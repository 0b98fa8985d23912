"""Chinese report wording to score the rules on once (score-once). Who writes rules does not open this file.

Written by other hands' habits than the develop set: other sentence structures, other words for the same finding.
"""

from __future__ import annotations

from ccta_lib.schema import VESSELS, Grade, Vessel
from ccta_lib.simulate.exports.wording_case import Case, StyleBook, full_width

BOOK = StyleBook()
RCA, LM, LAD, LCX = VESSELS

_NAME = {
    RCA: ("右冠脉", "右冠状动脉主干", "右冠状动脉"),
    LM: ("左冠主干", "左主干", "左冠状动脉主干", "LMCA"),
    LAD: ("前降支", "左冠前降支", "左前降支", "LAD"),
    LCX: ("回旋支", "左冠回旋支", "左旋支", "LCx"),
}
_BRANCH = {
    RCA: ("后降支", "左室后侧支", "R-PDA", "R-PLB"),
    LAD: ("D1支", "对角支D2", "间隔支", "第1对角支"),
    LCX: ("钝缘支OM2", "高位钝缘支", "OM1支", "左缘支"),
}
_KIND = ("以钙化为主的混合性斑块", "低密度斑块", "致密钙化灶", "偏心性软斑", "结节状钙化", "富脂斑块")
_ADJECTIVE = {
    Grade.NORMAL: ("轻微",), Grade.MILD: ("轻度",), Grade.MODERATE: ("中等程度", "中度"),
    Grade.SEVERE: ("重度", "高度"),
}  # fmt: skip
_FREE = (
    "充盈良好,未见狭窄", "走行自然,管腔显影良好,无狭窄", "未见有意义狭窄", "未发现斑块,管腔无变窄",
    "显影良好,未见确切狭窄性病变",
    "未见明确病变",
)  # fmt: skip
_ASIDE = (
    "采用前瞻性心电门控扫描,管电压{kv}kV,对比剂{ml}ml。", "扫描时心率波动于{hr}~{hr2}次/分。",
    "总钙化积分{ca}分,位于同龄人群第{pc}百分位。",
    "左心室舒张末内径{lv}mm,左室射血分数{ef}%。", "主动脉瓣少许钙化,瓣口未见狭窄。",
    "右肺中叶见直径{nod}mm结节,建议12个月复查。",
    "左房前后径{la}mm,左心耳未见充盈缺损。", "肝左叶囊肿,大小约{nod}mm。",
)  # fmt: skip


def _aside(c: Case, low: int = 0, high: int = 2) -> str:
    r = c.rng
    hr = r.integers(50, 80)
    numbers = {
        "kv": c.pick((80, 100, 120)), "ml": r.integers(45, 80), "hr": hr, "hr2": hr + r.integers(3, 20),
        "ca": r.integers(0, 1500), "pc": r.integers(25, 99), "lv": r.integers(42, 60), "ef": r.integers(35, 72),
        "nod": r.integers(3, 15), "la": r.integers(28, 48),
    }  # fmt: skip
    return "".join(t.format(**numbers) for t in c.sample(_ASIDE, low, high))


def _site(c: Case, v: Vessel) -> str:
    if v is LM:
        return c.pick(_NAME[v]) + c.pick(("", "末端", "开口处"))
    return c.pick(_NAME[v]) + c.pick(("起始段", "近端", "中部", "中远段", "远端", "近1/3段", ""))


def _narrowing(c: Case, g: Grade) -> str:
    """Say what becomes of the lumen."""
    if g is Grade.OCCLUDED:
        return c.pick((
            "管腔完全中断,远端经侧支显影", "呈慢性完全闭塞(CTO)改变", "管腔未见对比剂充盈,考虑闭塞", "管腔截断样闭塞",
            "狭窄率100%", "近乎完全闭塞,狭窄率达99%",
        ))  # fmt: skip
    word = c.pick(_ADJECTIVE[g])
    return c.pick((
        f"相应节段管腔{word}变窄", f"管腔呈{word}狭窄", f"狭窄率{c.percent(g)}%", f"最窄处狭窄达{c.percent(g)}%",
        f"管腔缩窄{c.range(g, '—')}", f"管径减少约{c.percent(g)}%,为{word}狭窄", f"狭窄程度:{word}",
        f"狭窄介于{c.range(g, '%至')}之间",
    ))  # fmt: skip


@BOOK.style("table with bars", weight=2.5)
def table(c: Case) -> str:
    rows = ["血管|斑块|狭窄"]
    for v in c.pick(((LM, LAD, LCX, RCA), (RCA, LM, LAD, LCX), (LAD, LCX, LM, RCA))):
        g = c.grades[v]
        cell = "无" if g is Grade.NORMAL else "闭塞" if g is Grade.OCCLUDED else c.pick((
            f"{c.pick(_ADJECTIVE[g])}", f"{c.percent(g)}%", c.range(g, "~"),
        ))  # fmt: skip
        rows.append(f"{c.pick(_NAME[v])}|{'无' if g is Grade.NORMAL else c.pick(_KIND)}|{cell}")
    return _aside(c, 0, 1) + "\n".join(rows)


@BOOK.style("except", weight=2, suits=lambda c: 1 <= len(c.diseased) <= 2)
def exception(c: Case) -> str:
    lesions = "、".join(f"{_site(c, v)}{_narrowing(c, c.grades[v])}" for v in c.diseased)
    tail = c.pick(
        ("其余冠脉血管均正常", "其他冠脉分支均未见有意义狭窄", "余左、右冠状动脉分支显影均良好,无狭窄")
    )
    return f"{_aside(c)}除{lesions}外,{tail}。"


@BOOK.style("cause before effect", weight=2.5)
def cause(c: Case) -> str:
    parts = []
    for v in c.shuffled(VESSELS):
        g = c.grades[v]
        if g is Grade.NORMAL:
            parts.append(f"{c.pick(_NAME[v])}{c.pick(_FREE)}。")
        else:
            parts.append(c.pick((
                f"于{_site(c, v)}可见{c.pick(_KIND)}附着,{_narrowing(c, g)}。",
                f"{c.pick(_KIND)}累及{_site(c, v)},{_narrowing(c, g)}。",
                f"{_site(c, v)}受累,{_narrowing(c, g)},斑块性质为{c.pick(_KIND)}。",
            )))  # fmt: skip
    return _aside(c) + "".join(parts) + _aside(c, 0, 1)


@BOOK.style("number of vessels diseased", weight=1.5, suits=lambda c: len(set(c.diseased) - {LM}) >= 2)
def n_vessel(c: Case) -> str:
    arteries = [v for v in c.diseased if v is not LM]
    order = sorted(arteries, key=lambda v: -c.grades[v].rank)
    first, others = order[0], order[1:]
    count = {2: "双支", 3: "三支"}[len(arteries)]
    told = "闭塞" if c.grades[first] is Grade.OCCLUDED else c.pick(_ADJECTIVE[c.grades[first]]) + "狭窄"
    text = f"冠脉{count}病变,以{c.pick(_NAME[first])}为著,{told}"
    for v in others:
        g = c.grades[v]
        text += f";{c.pick(_NAME[v])}{'闭塞' if g is Grade.OCCLUDED else c.pick(_ADJECTIVE[g]) + '狭窄'}"
    main = c.grades[LM]
    text += f"。{c.pick(_NAME[LM])}" + (c.pick(_FREE) if main is Grade.NORMAL else _narrowing(c, main))
    return text + "。" + "".join(f"{c.pick(_NAME[v])}{c.pick(_FREE)}。" for v in c.healthy if v is not LM)


@BOOK.style("plus and minus", weight=1.2)
def signs(c: Case) -> str:
    cells = []
    for v in (LM, LAD, LCX, RCA):
        g = c.grades[v]
        name = c.pick(_NAME[v])
        cells.append(
            f"{name}(-)"
            if g is Grade.NORMAL
            else f"{name}(+,{'闭塞' if g is Grade.OCCLUDED else f'狭窄{c.percent(g)}%'})"
        )
    return f"冠脉狭窄:{','.join(cells)}。(-)为未见狭窄。{_aside(c, 0, 1)}"


@BOOK.style("near, middle, far", weight=1.5)
def thirds(c: Case) -> str:
    parts = []
    for v in (RCA, LM, LAD, LCX):
        g = c.grades[v]
        if v is LM:
            parts.append(f"{c.pick(_NAME[v])}狭窄{0 if g is Grade.NORMAL else c.percent(g)}%")
            continue
        at = int(c.rng.integers(3))
        values = [c.percent(g) if i == at else c.pick((0, 0, 10, 20)) for i in range(3)]
        parts.append(f"{c.pick(_NAME[v])}近段{values[0]}%、中段{values[1]}%、远段{values[2]}%")
    return "各段狭窄率如下:" + ";".join(parts) + "。"


@BOOK.style("all clear", weight=3, suits=lambda c: not c.diseased)
def clear(c: Case) -> str:
    return _aside(c) + c.pick((
        "冠脉成像示三大支及左主干均充盈良好,未发现狭窄。", "冠状动脉未见粥样硬化性改变。",
        "双侧冠状动脉主干及分支管腔均无变窄,管壁未见斑块。",
        "冠脉CT血管造影阴性。", "左冠状动脉各支及右冠状动脉均显影满意,未见有意义狭窄。",
    ))  # fmt: skip


@BOOK.style("conclusion by severity", weight=2, suits=lambda c: bool(c.diseased))
def conclusion(c: Case) -> str:
    c.only(c.diseased)
    parts = []
    for g, vessels in c.by_grade():
        if g is not Grade.NORMAL:
            names = "、".join(c.pick(_NAME[v]) for v in vessels)
            parts.append(f"{'闭塞' if g is Grade.OCCLUDED else c.pick(_ADJECTIVE[g]) + '狭窄'}:{names}")
    return f"【印象】冠心病。{'。'.join(parts)}。{c.pick(('随诊。', '建议心内科就诊。', ''))}"


@BOOK.style("sequences of values", weight=1, suits=lambda c: len(c.diseased) >= 2)
def sequence(c: Case) -> str:
    names, healthy = (
        "、".join(c.pick(_NAME[v]) for v in c.diseased),
        "、".join(c.pick(_NAME[v]) for v in c.healthy),
    )
    values = "、".join(f"{c.percent(c.grades[v])}%" for v in c.diseased)
    return f"{names}均可见斑块,其狭窄率依次为{values}。" + (f"{healthy}无狭窄。" if healthy else "")


@BOOK.style("category first", weight=1.2)
def category(c: Case) -> str:
    if not c.diseased:
        plaque = c.chance(0.5)
        return f"CAD-RADS {c.cad_rads(plaque=plaque)}类" + c.maybe(0.6, ",定期随访") + "。"
    lesions = ",".join(f"{_site(c, v)}{_narrowing(c, c.grades[v])}" for v in c.diseased)
    if c.chance(0.6):
        return f"CAD-RADS {c.cad_rads()}类:{lesions},余(-)。"
    c.only(c.diseased)
    return f"CAD-RADS {c.cad_rads()}类。主要病变:{lesions}。"


@BOOK.style("side branches", weight=1.5, suits=lambda c: bool(set(c.diseased) - {LM}))
def side_branches(c: Case) -> str:
    parts = []
    for v in VESSELS:
        g = c.grades[v]
        if g is Grade.NORMAL:
            parts.append(f"{c.pick(_NAME[v])}及其分支{c.pick(_FREE)}")
        elif v is LM:
            parts.append(f"{_site(c, v)}{_narrowing(c, g)}")
        elif c.chance(0.5):
            parts.append(f"{c.pick(_NAME[v])}主支通畅,未见狭窄,其{c.pick(_BRANCH[v])}{_narrowing(c, g)}")
        else:
            parts.append(f"{_site(c, v)}{_narrowing(c, g)},{c.pick(_BRANCH[v])}{_narrowing(c, c.up_to(g))}")
    return "。".join(parts) + "。"


@BOOK.style("after intervention", weight=1)
def intervention(c: Case) -> str:
    v = c.pick((RCA, LAD, LCX))
    g = c.grades[v]
    if c.chance(0.15):
        c.unknown(v)
        state = "金属伪影重,架内管腔无法判断"
    elif g is Grade.NORMAL:
        state = c.pick(("架内管腔通畅,内膜未见增生", "支架形态完整,腔内对比剂充盈良好,无再狭窄"))
    elif g is Grade.OCCLUDED:
        state = "架内未见对比剂通过,提示支架内闭塞"
    else:
        state = f"架内内膜增生,架内狭窄约{c.percent(g)}%"
    others = "".join(
        f"{c.pick(_NAME[w])}{c.pick(_FREE) if c.grades[w] is Grade.NORMAL else _narrowing(c, c.grades[w])}。"
        for w in VESSELS
        if w is not v
    )
    return f"PCI术后复查:{_site(c, v)}见支架影,{state}。{others}"


@BOOK.style(
    "grafts beside native arteries",
    weight=0.5,
    suits=lambda c: Grade.NORMAL not in (c.grades[LCX], c.grades[LAD]),
)
def bypass(c: Case) -> str:
    c.only((LCX, LAD))
    graft = c.pick(("LIMA-LAD桥", "主动脉-钝缘支静脉桥(SVG-OM)"))
    native = ";".join(f"自体{c.pick(_NAME[v])}{_narrowing(c, c.grades[v])}" for v in (LAD, LCX))
    return f"CABG术后。{graft}{c.pick(('显影良好', '未显影,考虑闭塞', '通畅'))}。{native}。"


@BOOK.style("poor image", weight=1)
def poor_image(c: Case) -> str:
    v = c.pick((RCA, LCX, LAD))
    c.unknown(v)
    why = c.pick(
        (
            "图像质量差,诊断受限,狭窄程度难以判定",
            "呼吸运动致管壁模糊,不宜评判",
            "心率快,成像不佳,无法明确管腔情况",
        )
    )
    rest = "".join(
        f"{c.pick(_NAME[w])}{c.pick(_FREE) if c.grades[w] is Grade.NORMAL else _narrowing(c, c.grades[w])}。"
        for w in VESSELS
        if w is not v
    )
    return f"{rest}{c.pick(_NAME[v])}{why}。"


@BOOK.style("intramural course", weight=0.8, suits=lambda c: c.grades[LAD] is Grade.NORMAL)
def intramural(c: Case) -> str:
    rest = "".join(
        f"{c.pick(_NAME[w])}{c.pick(_FREE) if c.grades[w] is Grade.NORMAL else _narrowing(c, c.grades[w])}。"
        for w in (RCA, LM, LCX)
    )
    return f"{rest}{c.pick(_NAME[LAD])}局部被心肌覆盖(壁冠状动脉),覆盖长度约{c.rng.integers(8, 35)}mm,管腔未见狭窄。"


@BOOK.style("follow-up of a lesion", weight=1, suits=lambda c: bool(c.diseased))
def followed(c: Case) -> str:
    parts = []
    for v in c.diseased:
        g = c.grades[v]
        now = "闭塞" if g is Grade.OCCLUDED else f"{c.percent(g)}%"
        then = c.percent(c.pick([h for h in Grade if h.rank <= g.rank and h is not Grade.OCCLUDED]))
        parts.append(f"{_site(c, v)}狭窄由原{then}%变为{now}")
    r = c.rng
    date = f"{r.integers(2016, 2022)}-{r.integers(1, 13):02d}-{r.integers(1, 29):02d}"
    return f"与{date}冠脉CTA比较,{';'.join(parts)}。其他冠脉血管未见有意义狭窄。"


@BOOK.style("plaque without judgement", weight=0.5, suits=lambda c: len(c.healthy) >= 2)
def plaque_only(c: Case) -> str:
    v = c.pick([w for w in c.healthy if w is not LM])
    c.unknown(v)
    rest = "".join(
        f"{c.pick(_NAME[w])}{c.pick(_FREE) if c.grades[w] is Grade.NORMAL else _narrowing(c, c.grades[w])}。"
        for w in VESSELS
        if w is not v
    )
    return f"{c.pick(_NAME[v])}可见{c.pick(_KIND)}附壁。{rest}"


@BOOK.style("obstructive without degree", weight=0.4, suits=lambda c: c.worst.rank >= Grade.MODERATE.rank)
def obstructive(c: Case) -> str:
    v = c.pick([w for w in c.diseased if c.grades[w].rank >= Grade.MODERATE.rank])
    c.unknown(v)
    rest = "".join(
        f"{c.pick(_NAME[w])}{c.pick(_FREE) if c.grades[w] is Grade.NORMAL else _narrowing(c, c.grades[w])}。"
        for w in VESSELS
        if w is not v
    )
    return f"{_site(c, v)}存在有意义狭窄,程度请以造影为准。{rest}"


@BOOK.style("between two grades", weight=0.8, suits=lambda c: c.worst in (Grade.MODERATE, Grade.SEVERE))
def between(c: Case) -> str:
    words = {Grade.MODERATE: ("轻到中度", "轻~中度"), Grade.SEVERE: ("中到重度", "中~重度")}
    parts = []
    for v in VESSELS:
        g = c.grades[v]
        if g in words:
            parts.append(f"{_site(c, v)}呈{c.pick(words[g])}狭窄改变")
        else:
            parts.append(f"{c.pick(_NAME[v])}{c.pick(_FREE) if g is Grade.NORMAL else _narrowing(c, g)}")
    return "。".join(parts) + "。"


@BOOK.style("bounds in words", weight=0.8)
def bounds(c: Case) -> str:
    text = {
        Grade.NORMAL: ("不足25%", "小于25%"), Grade.MILD: ("不足50%", "25%以上、不足50%"),
        Grade.MODERATE: ("50%以上、不足70%",),
        Grade.SEVERE: ("超过70%", "大于90%", "70%以上"), Grade.OCCLUDED: ("100%,完全闭塞",),
    }  # fmt: skip
    return "".join(f"{c.pick(_NAME[v])}管腔狭窄{c.pick(text[c.grades[v]])}。" for v in VESSELS)


def blemish(text: str, c: Case) -> str:
    """Slips of another department: other mistyped characters, spaces around names, half-width stops."""
    if c.chance(0.85):
        text = full_width(text, ",;:()")
    if c.chance(0.08):
        text = full_width(text, "0123456789%~")
    if c.chance(0.04):
        text = text.replace("狭窄", "峡窄", 1)
    if c.chance(0.04):
        text = text.replace("回旋支", "廻旋支", 1)
    if c.chance(0.1):
        text = text.replace("。", "。 ")
    if c.chance(0.05):
        text = text.replace("。", ";", 1)
    return text
