"""Chinese report wording that rules may be written against (develop); the other split is reports_score_once_zh."""

from __future__ import annotations

from ccta_lib.schema import VESSELS, Grade, Vessel
from ccta_lib.simulate.exports.wording_case import Case, StyleBook, full_width

BOOK = StyleBook()
RCA, LM, LAD, LCX = VESSELS

_NAME = {
    RCA: ("右冠状动脉", "右冠", "RCA", "右冠状动脉(RCA)"),
    LM: ("左主干", "左冠状动脉主干", "LM", "左主干(LM)"),
    LAD: ("左前降支", "前降支", "LAD", "左前降支(LAD)"),
    LCX: ("左回旋支", "回旋支", "LCX", "左回旋支(LCX)"),
}
_BRANCH = {
    RCA: ("后降支", "PDA", "左室后支", "PLV"),
    LAD: ("第一对角支", "D1", "对角支", "第二对角支"),
    LCX: ("第一钝缘支", "OM1", "钝缘支", "中间支"),
}
_PART = {LM: ("", "开口", "远段")}
_PLAQUE = ("非钙化斑块", "钙化斑块", "混合斑块", "软斑块", "点状钙化斑块")
_WORD = {
    Grade.NORMAL: ("轻微", "极轻度"),
    Grade.MILD: ("轻度",),
    Grade.MODERATE: ("中度",),
    Grade.SEVERE: ("重度",),
    Grade.OCCLUDED: ("",),
}
_CLEAR = ("未见明显狭窄", "管腔通畅,未见狭窄", "未见明显斑块及狭窄", "未见异常", "管壁光滑,管腔未见狭窄")
_DISTRACTORS = (
    "检查时平均心率{hr}次/分。", "钙化积分(Agatston):{ca}。", "心脏各房室腔不大,EF约{ef}%。",
    "升主动脉内径约{ao}mm。", "双肺下叶少许条索影。", "右冠优势型。", "有效剂量约{dose}mSv。",
    "冠状动脉起源及走行正常。",
)  # fmt: skip


def _distract(c: Case, low: int = 0, high: int = 3) -> str:
    numbers = {
        "hr": c.rng.integers(52, 88), "ca": c.rng.integers(0, 900), "ef": c.rng.integers(38, 71),
        "ao": c.rng.integers(28, 46), "dose": c.rng.integers(2, 9),
    }  # fmt: skip
    return "".join(t.format(**numbers) for t in c.sample(_DISTRACTORS, low, high))


def _where(c: Case, v: Vessel) -> str:
    return c.pick(_NAME[v]) + c.pick(_PART.get(v, ("近段", "中段", "远段", "近中段", "")))


def _degree(c: Case, g: Grade) -> str:
    """Say the degree of narrowing of a lesion."""
    if g is Grade.OCCLUDED:
        return c.pick(("管腔闭塞", "完全闭塞", "管腔狭窄约100%", "次全闭塞(狭窄约99%)"))
    word = c.pick(_WORD[g])
    return c.pick((
        f"管腔{word}狭窄", f"管腔狭窄约{c.percent(g)}%", f"管腔{word}狭窄,狭窄约{c.percent(g)}%",
        f"管腔狭窄程度约{c.range(g)}", f"管腔{word}狭窄({c.range(g, '~')})",
    ))  # fmt: skip


def _lesion(c: Case, v: Vessel, g: Grade) -> str:
    return f"{_where(c, v)}见{c.pick(_PLAQUE)},{_degree(c, g)}"


def _vessel(c: Case, v: Vessel) -> str:
    """Say all of one vessel, without naming it first."""
    g = c.grades[v]
    if g is Grade.NORMAL:
        return c.pick(
            (*_CLEAR, f"见{c.pick(_PLAQUE)},管腔未见明显狭窄", f"管壁{c.pick(_PLAQUE)},{_degree(c, g)}")
        )
    part = c.pick(_PART.get(v, ("近段", "中段", "远段")))
    text = f"{part}管壁见{c.pick(_PLAQUE)},{_degree(c, g)}"
    if v is not LM and c.chance(0.35):
        text += f";{c.pick(('另一节段', '其余管壁'))}见{c.pick(_PLAQUE)},{_degree(c, c.up_to(g))}"
    if v is not LM and c.chance(0.2):
        text += f";{c.pick(_BRANCH[v])}未见狭窄"
    return text


@BOOK.style("structured list", weight=3)
def structured(c: Case) -> str:
    mark, end = c.pick(((":", "。\n"), (":", "。"), (":", ";\n")))
    order = c.pick(((LM, LAD, LCX, RCA), (RCA, LM, LAD, LCX)))
    return _distract(c) + "".join(f"{c.pick(_NAME[v])}{mark}{_vessel(c, v)}{end}" for v in order)


@BOOK.style("narrative, others normal", weight=3, suits=lambda c: bool(c.diseased))
def narrative(c: Case) -> str:
    body = "。".join(_lesion(c, v, c.grades[v]) for v in c.shuffled(c.diseased))
    rest = c.pick(
        (
            "余冠状动脉各支未见明显狭窄",
            "其余血管未见明显异常",
            "余冠脉管腔通畅,未见狭窄",
            "余各支未见明显斑块及狭窄",
        )
    )
    return f"{_distract(c, 0, 2)}{body}。{rest}。{_distract(c, 0, 2)}"


@BOOK.style("impression only", weight=2, suits=lambda c: bool(c.diseased))
def impression(c: Case) -> str:
    c.only(c.diseased)
    items = ["冠状动脉粥样硬化"]
    items += [f"{_where(c, v)}{_degree(c, c.grades[v])}" for v in c.diseased]
    items += [c.pick(("建议结合临床", "请结合临床,必要时行冠脉造影检查", "主动脉粥样硬化"))]
    return "".join(f"{i}.{t}。" for i, t in enumerate(items, 1))


@BOOK.style("findings and impression", weight=2)
def both(c: Case) -> str:
    findings = "".join(f"{c.pick(_NAME[v])}{_vessel(c, v)}。" for v in (LM, LAD, LCX, RCA))
    if c.diseased:
        ends = ";".join(f"{c.pick(_NAME[v])}{_summary(c, c.grades[v])}" for v in c.diseased)
        return f"影像所见:{findings}{_distract(c)}\n诊断意见:冠状动脉粥样硬化,{ends}。"
    return f"影像所见:{findings}{_distract(c)}\n诊断意见:冠状动脉CTA未见明显狭窄。"


def _summary(c: Case, g: Grade) -> str:
    return "闭塞" if g is Grade.OCCLUDED else f"{c.pick(_WORD[g])}狭窄"


@BOOK.style("several vessels in one clause", weight=2, suits=lambda c: len(c.by_grade()) < 4)
def grouped(c: Case) -> str:
    parts = []
    for g, vessels in c.by_grade():
        names = "、".join(c.pick(_NAME[v]) for v in vessels[:-1])
        names = (names + c.pick(("及", "和", "、")) if names else "") + c.pick(_NAME[vessels[-1]])
        each = c.pick(("", "均")) if len(vessels) > 1 else ""
        if g is Grade.NORMAL:
            parts.append(f"{names}{each}未见明显狭窄")
        else:
            parts.append(f"{names}{c.pick(('', '管壁见多发斑块,'))}{each}{_degree(c, g)}")
    return _distract(c, 0, 2) + c.pick((";", "。")).join(parts) + "。"


@BOOK.style("respectively", weight=1, suits=lambda c: len(c.diseased) >= 2)
def respectively(c: Case) -> str:
    names = "、".join(c.pick(_NAME[v]) for v in c.diseased)
    values = "、".join(f"{c.percent(c.grades[v])}%" for v in c.diseased)
    rest = "、".join(c.pick(_NAME[v]) for v in c.healthy)
    return f"{names}见斑块形成,管腔狭窄程度分别约为{values}" + (f",{rest}未见狭窄。" if rest else "。")


@BOOK.style("CAD-RADS and text", weight=1.5)
def cad_rads(c: Case) -> str:
    if not c.diseased:
        plaque = c.chance(0.5)
        tail = "可见少许斑块,未引起狭窄" if plaque else "各支冠状动脉未见斑块及狭窄"
        return f"CAD-RADS {c.cad_rads(plaque=plaque)}。{c.maybe(0.7, tail + '。')}"
    body = ";".join(f"{_where(c, v)}{_degree(c, c.grades[v])}" for v in c.diseased)
    rest = c.maybe(0.5, "余血管未见狭窄")
    if not rest:
        c.only(c.diseased)
    return f"{body}{';' + rest if rest else ''}。CAD-RADS分级:{c.cad_rads()}级。"


@BOOK.style("all normal", weight=3, suits=lambda c: not c.diseased)
def all_normal(c: Case) -> str:
    return _distract(c) + c.pick((
        "冠状动脉CTA未见明显异常。", "左、右冠状动脉及其主要分支未见明显斑块及狭窄。",
        "冠状动脉各支管腔通畅,未见明显狭窄。",
        "左主干、前降支、回旋支及右冠状动脉管壁光滑,未见狭窄征象。", "冠状动脉粥样硬化,各支管腔未见明显狭窄。",
    ))  # fmt: skip


@BOOK.style("branch lesions", weight=1.5, suits=lambda c: bool(set(c.diseased) - {LM}))
def branches(c: Case) -> str:
    parts = []
    for v in c.diseased:
        g = c.grades[v]
        if v is LM:
            parts.append(_lesion(c, v, g))
        elif c.chance(0.6):
            parts.append(
                f"{c.pick(_BRANCH[v])}{c.pick(('开口', '近段', ''))}见{c.pick(_PLAQUE)},{_degree(c, g)}"
            )
        else:
            lower = c.up_to(g)
            parts.append(f"{_lesion(c, v, lower)},{c.pick(_BRANCH[v])}{_degree(c, g)}")
    return "。".join(parts) + "。余冠脉未见明显狭窄。"


@BOOK.style("segment numbers", weight=1)
def segments(c: Case) -> str:
    numbers = {RCA: (1, 2, 3, 4, 16), LM: (5,), LAD: (6, 7, 8, 9, 10), LCX: (11, 12, 13, 14, 17)}
    lines = [f"第{c.pick(numbers[v])}段:{c.pick(_PLAQUE)},{_degree(c, c.grades[v])}" for v in c.diseased]
    return (
        "按SCCT 18段分段。" + "".join(t + "。" for t in lines) + "余各段未见明显狭窄。" + _distract(c, 0, 2)
    )


@BOOK.style("stent", weight=1)
def stent(c: Case) -> str:
    v = c.pick((RCA, LAD, LCX))
    name, g, rest = c.pick(_NAME[v]), c.grades[v], [w for w in VESSELS if w is not v]
    lumen = "支架通畅,支架内未见明显低密度影" if g is Grade.NORMAL else f"支架内再狭窄,{_degree(c, g)}"
    if c.chance(0.15):
        lumen = "支架内管腔显示不清,无法评价"
        c.unknown(v)
    elif g is Grade.OCCLUDED:
        lumen = "支架闭塞"
    return f"{name}近段支架植入术后,{lumen}。" + "".join(f"{c.pick(_NAME[w])}{_vessel(c, w)}。" for w in rest)


@BOOK.style("bypass grafts", weight=0.5, suits=lambda c: Grade.NORMAL not in (c.grades[LAD], c.grades[RCA]))
def grafts(c: Case) -> str:
    state = c.pick(("桥血管通畅", "桥血管闭塞", "桥血管吻合口未见狭窄"))
    graft = c.pick(("左乳内动脉-前降支", "大隐静脉-后降支"))
    native = "。".join(f"固有{c.pick(_NAME[v])}{_degree(c, c.grades[v])}" for v in (LAD, RCA))
    c.only((LAD, RCA))
    return f"冠状动脉搭桥术后,{graft}{state}。{native}。"


@BOOK.style("artefact", weight=1)
def artefact(c: Case) -> str:
    v = c.pick((RCA, LAD, LCX))
    c.unknown(v)
    others = "".join(
        f"{c.pick(_NAME[w])}{_vessel(c, w)}。" for w in c.shuffled(w for w in VESSELS if w is not v)
    )
    why = c.pick(
        ("运动伪影明显,无法评价", "因心律不齐错层伪影,管腔显示不清,不能评估", "严重钙化伪影,管腔无法评估")
    )
    return f"{c.pick(_NAME[v])}{why}。{others}"


@BOOK.style("myocardial bridge", weight=1, suits=lambda c: c.grades[LAD] is Grade.NORMAL)
def bridge(c: Case) -> str:
    head = f"{c.pick(_NAME[LAD])}中段走行于心肌内,为{c.pick(('浅表型', '纵深型'))}心肌桥,管腔未见明显狭窄。"
    return head + "".join(f"{c.pick(_NAME[w])}:{_vessel(c, w)}。" for w in (LM, LCX, RCA))


@BOOK.style("comparison", weight=1, suits=lambda c: bool(c.diseased))
def comparison(c: Case) -> str:
    parts = []
    for v in c.diseased:
        g = c.grades[v]
        before = c.pick([h for h in Grade if h.rank <= g.rank and h is not Grade.OCCLUDED])
        change = "与前相仿" if before is g else "较前进展"
        then = f"(前片狭窄约{c.percent(before)}%)"
        parts.append(f"{_where(c, v)}狭窄{change},现{_degree(c, g)}{then}")
    return f"对比{c.rng.integers(2015, 2022)}年前片:{'。'.join(parts)}。余血管未见明显狭窄,同前。"


@BOOK.style("plaque, degree not stated", weight=0.6, suits=lambda c: len(c.healthy) >= 2)
def plaque_only(c: Case) -> str:
    v = c.pick([w for w in c.healthy if w is not LM])
    c.unknown(v)
    others = "".join(f"{c.pick(_NAME[w])}{_vessel(c, w)}。" for w in VESSELS if w is not v)
    return f"{c.pick(_NAME[v])}管壁见{c.pick(_PLAQUE)}。{others}"


@BOOK.style("ranges of words", weight=0.8, suits=lambda c: c.worst in (Grade.MODERATE, Grade.SEVERE))
def word_ranges(c: Case) -> str:
    words = {Grade.MODERATE: ("轻-中度", "轻至中度", "轻中度"), Grade.SEVERE: ("中-重度", "中重度")}
    parts = [
        f"{_where(c, v)}{c.pick(words[g])}狭窄"
        if (g := c.grades[v]) in words
        else f"{_where(c, v)}{_degree(c, g)}"
        for v in c.diseased
    ]
    return ",".join(parts) + "。其余冠状动脉未见明显狭窄。"


@BOOK.style("inequalities", weight=0.8)
def inequalities(c: Case) -> str:
    text = {
        Grade.NORMAL: ("<25%",), Grade.MILD: ("<50%", "25%-49%"), Grade.MODERATE: ("50%-69%",),
        Grade.SEVERE: ("≥70%", ">70%", ">90%"), Grade.OCCLUDED: ("100%",),
    }  # fmt: skip
    return (
        "".join(f"{c.pick(_NAME[v])}狭窄{c.pick(text[c.grades[v]])}{c.pick((',', ';'))}" for v in VESSELS)[
            :-1
        ]
        + "。"
    )


def blemish(text: str, c: Case) -> str:
    """What a hurried typist does to it: full-width or half-width signs, lost spaces, one mistyped character."""
    if c.chance(0.8):
        text = full_width(text, ",;:()")
    if c.chance(0.15):
        text = full_width(text, "0123456789%-")
    if c.chance(0.1):
        text = text.replace("。", ".")
    if c.chance(0.05):
        text = text.replace("狭窄", "狭 窄", 1)
    if c.chance(0.04):
        text = text.replace("斑块", "班块", 1)
    if c.chance(0.05):
        text = text.replace("\n", "")
    return text
