"""Chinese wording of the second score-once set, written without sight of the other sets or of any rule.

About seven reports in ten are the ordinary work of a department (vessels in turn, 所见 and 诊断, templates); the
rest are harder: tables, letters, grafts and stents, earlier studies, artefacts, several vessels in a clause.
"""

from __future__ import annotations

from collections.abc import Callable

from ccta_lib.schema import VESSELS, Grade, Vessel
from ccta_lib.simulate.exports.wording_case import Case, StyleBook, full_width

BOOK = StyleBook()
RCA, LM, LAD, LCX = Vessel.RCA, Vessel.LM, Vessel.LAD, Vessel.LCX
ORDER = (LM, LAD, LCX, RCA)

_FULL = {
    LM: ("左主干", "左冠状动脉主干", "左主干（LM）", "LM"),
    LAD: ("左前降支", "前降支", "左前降支（LAD）", "LAD"),
    LCX: ("左回旋支", "回旋支", "左回旋支（LCX）", "LCX"),
    RCA: ("右冠状动脉", "右冠", "右冠状动脉（RCA）", "RCA"),
}
_PLAIN = {LM: "左主干", LAD: "前降支", LCX: "回旋支", RCA: "右冠状动脉"}
_SHORT = {LM: "LM", LAD: "LAD", LCX: "LCX", RCA: "RCA"}
_PLACES = {LM: ("开口", "末段", "远端", ""), LAD: ("近段", "中段", "近中段", "开口处", ""),
           LCX: ("近段", "远段", "中段", ""), RCA: ("近段", "中段", "远段", "")}  # fmt: skip
_ABBREVIATED = {
    LM: ("LM", "LMd"),
    LAD: ("pLAD", "mLAD"),
    LCX: ("pLCX", "dLCX"),
    RCA: ("pRCA", "mRCA", "dRCA"),
}
_BRANCHES = {
    LAD: ("第一对角支", "D1", "对角支"),
    LCX: ("第一钝缘支", "OM1", "钝缘支"),
    RCA: ("后降支", "左室后支", "PDA"),
}
_PLAQUES = (
    "钙化斑块",
    "非钙化斑块",
    "混合斑块",
    "混合性斑块",
    "软斑块",
    "局限性钙化斑块",
    "多发混合密度斑块",
)
_WORD = {Grade.NORMAL: "轻微", Grade.MILD: "轻度", Grade.MODERATE: "中度", Grade.SEVERE: "重度"}


def _degree(case: Case, grade: Grade) -> str:
    """A predicate: 管腔…狭窄 or 闭塞."""
    if grade is Grade.OCCLUDED:
        return case.pick(("管腔闭塞", "管腔完全闭塞", "完全闭塞", "慢性闭塞，远端由侧支显影"))
    lumen = case.pick(("管腔", "相应管腔", "局部管腔", "管腔"))
    return case.pick((
        f"{lumen}{_WORD[grade]}狭窄", f"{lumen}{_WORD[grade]}狭窄", f"{lumen}呈{_WORD[grade]}狭窄",
        f"{lumen}狭窄约{case.percent(grade)}%", f"{lumen}狭窄程度约为{case.percent(grade)}%",
        f"{lumen}{_WORD[grade]}狭窄（约{case.percent(grade)}%）", f"{lumen}狭窄约{case.range(grade, case.pick('-~'))}",
        f"{lumen}{_WORD[grade]}狭窄，狭窄率{case.range(grade, '%-')}",
    ))  # fmt: skip


def _clear(case: Case) -> str:
    return case.pick((
        "未见明显斑块及狭窄", "管壁光滑，管腔通畅", "走行正常，未见狭窄", "显影良好，管腔未见狭窄", "未见明显异常",
        "管壁少许钙化，管腔未见狭窄", "未见有意义狭窄", "管腔通畅，未见斑块", "管壁欠光滑，管腔无狭窄",
        "管腔未见明显狭窄", "见点状钙化，管腔轻微狭窄（<25%）",
    ))  # fmt: skip


def _lesion(case: Case, v: Vessel, grade: Grade | None = None, name: str | None = None) -> str:
    g = grade or case.grades[v]
    where = f"{name or case.pick(_FULL[v])}{case.pick(_PLACES[v])}"
    if case.chance(0.25):
        return f"{where}{_degree(case, g)}"
    link = "，" if g is Grade.OCCLUDED else case.pick(("，", "，致", "，"))
    return f"{where}{case.pick(('见', '可见', '管壁见'))}{case.pick(_PLAQUES)}{link}{_degree(case, g)}"


def _sentence(case: Case, v: Vessel) -> str:
    """All that is said of one vessel; no full stop."""
    g = case.grades[v]
    if g is Grade.NORMAL:
        return f"{case.pick(_FULL[v])}{_clear(case)}"
    text = _lesion(case, v)
    if v in _BRANCHES and case.chance(0.3):
        branch = case.pick(_BRANCHES[v])
        other = case.up_to(g)
        text += case.pick((f"；{branch}{_degree(case, other)}", f"；{branch}未见狭窄"))
    return text


def _entry(case: Case, v: Vessel) -> str:
    g = case.grades[v]
    if g is Grade.NORMAL:
        return _clear(case)
    if case.chance(0.5):
        return _degree(case, g)
    return f"{case.pick(_PLACES[v])}{case.pick(_PLAQUES)}，{_degree(case, g)}"


def _short_degree(case: Case, grade: Grade) -> str:
    """As a diagnosis would have it: 轻度狭窄, 闭塞."""
    return case.pick(("闭塞", "完全闭塞")) if grade is Grade.OCCLUDED else f"{_WORD[grade]}狭窄"


def _rank(case: Case) -> Callable[[Vessel], int]:
    return lambda v: case.grades[v].rank


def _technique(case: Case) -> str:
    return case.pick((
        "检查技术：回顾性心电门控冠状动脉CTA，对比剂70ml。\n", "图像质量优。", "冠状动脉CTA扫描及三维重建：\n", "",
        f"平扫钙化积分：{case.pick((0, 36, 125, 480))}分。\n", "心率62次/分，图像满足诊断。", "",
    ))  # fmt: skip


def _extra(case: Case) -> str:
    return case.pick((
        "", "", "。心包未见积液", "。升主动脉内径约34mm", "。左室射血分数62%", "。右肺下叶见直径4mm小结节",
        "。主动脉瓣见少许钙化",
    ))  # fmt: skip


def _origin(case: Case) -> str:
    return case.pick(
        ("左右冠状动脉起源正常，右优势型。", "冠状动脉呈右优势型分布。", "冠脉开口位置正常。", "")
    )


# Ordinary reports


@BOOK.style("vessels in turn", weight=9)
def _vessels(case: Case) -> str:
    stop = case.pick(("。", "。\n", "；"))
    return f"{_technique(case)}{_origin(case)}{stop.join(_sentence(case, v) for v in ORDER)}{_extra(case)}。"


@BOOK.style("findings and diagnosis", weight=9)
def _diagnosis(case: Case) -> str:
    findings = "。".join(_sentence(case, v) for v in ORDER)
    if case.diseased:
        points = [f"{_PLAIN[v]}{_short_degree(case, case.grades[v])}" for v in case.diseased]
        points.append(case.pick(("请结合临床", "建议随访", f"CAD-RADS {case.cad_rads()}级")))
    else:
        points = [case.pick(("冠状动脉CTA未见明显狭窄", "冠状动脉CTA未见异常"))]
    heads = case.pick((("影像所见：", "影像诊断："), ("【检查所见】", "【诊断意见】"), ("所见：", "印象：")))
    listed = "\n".join(f"{i}、{p}。" for i, p in enumerate(points, 1))
    return f"{heads[0]}{_origin(case)}{findings}{_extra(case)}。\n{heads[1]}\n{listed}"


@BOOK.style("template", weight=8)
def _template(case: Case) -> str:
    names = case.pick((
        ("左主干（LM）", "左前降支（LAD）", "左回旋支（LCX）", "右冠状动脉（RCA）"), ("LM", "LAD", "LCX", "RCA"),
        ("左主干", "前降支", "回旋支", "右冠"), ("左主干", "左前降支及对角支", "左回旋支及钝缘支", "右冠状动脉"),
    ))  # fmt: skip
    lines = "\n".join(f"{n}：{_entry(case, v)}。" for n, v in zip(names, ORDER, strict=True))
    head = case.pick(("优势型：右优势型\n", "冠脉优势：均衡型\n", "钙化积分：128\n", ""))
    category = f"\nCAD-RADS分级：{case.cad_rads()}"
    return f"{head}{lines}{case.maybe(0.4, category)}"


@BOOK.style("diagnosis list", weight=7, suits=lambda c: bool(c.diseased) and bool(c.healthy))
def _list(case: Case) -> str:
    points = [_lesion(case, v) for v in case.diseased]
    points.append(case.pick((
        "余冠状动脉未见狭窄", "其余血管管腔通畅，未见狭窄", "余冠脉各支未见明显狭窄", "其余各支未见异常",
        f"{'、'.join(_PLAIN[v] for v in case.healthy)}未见狭窄",
    )))  # fmt: skip
    return case.pick(("诊断：\n", "影像诊断\n", "结论：")) + "\n".join(
        f"{i}. {p}。" for i, p in enumerate(points, 1)
    )


@BOOK.style("segments", weight=7)
def _segments(case: Case) -> str:
    out = []
    for v in ORDER:
        g = case.grades[v]
        if v is LM or g is Grade.NORMAL:
            out.append(_sentence(case, v))
            continue
        bad, words = int(case.rng.integers(3)), []
        for i, part in enumerate(("近段", "中段", "远段")):
            if i == bad:
                words.append(f"{part}见{case.pick(_PLAQUES)}，{_degree(case, g)}")
            elif g is not Grade.OCCLUDED and case.chance(0.25):
                words.append(f"{part}{_degree(case, case.up_to(g))}")
            elif g is not Grade.OCCLUDED or i < bad:
                words.append(f"{part}{case.pick(('未见狭窄', '通畅', '管腔正常'))}")
        out.append(f"{case.pick(_FULL[v])}{'，'.join(words)}")
    return _technique(case) + "。".join(out) + "。"


@BOOK.style("words in diagnosis", weight=6, suits=lambda c: bool(c.diseased))
def _words(case: Case) -> str:
    out = [
        f"{case.pick(_FULL[v])}{case.pick(('未见狭窄', '未见明显狭窄', '未见异常'))}"
        if case.grades[v] is Grade.NORMAL
        else f"{case.pick(_FULL[v])}{case.pick(('粥样硬化，', '管腔', ''))}{_short_degree(case, case.grades[v])}"
        for v in ORDER
    ]
    return f"冠状动脉粥样硬化改变：{case.pick(('，', '；')).join(out)}。"


@BOOK.style("CAD-RADS with text", weight=5)
def _cad_rads(case: Case) -> str:
    text = "。".join(_sentence(case, v) for v in ORDER)
    return f"{_origin(case)}{text}。\nCAD-RADS {case.cad_rads()}{case.maybe(0.3, '，建议内科治疗')}。"


@BOOK.style("plain ranges", weight=5)
def _ranges(case: Case) -> str:
    dash = case.pick(("%-", "%~", "-", "～"))
    out = [
        f"{_PLAIN[v]}{'闭塞' if (g := case.grades[v]) is Grade.OCCLUDED else '狭窄' + case.range(g, dash)}"
        for v in ORDER
    ]
    return f"冠脉CTA示：{'，'.join(out)}{_extra(case)}。"


@BOOK.style("all clear", weight=8, suits=lambda c: not c.diseased)
def _all_clear(case: Case) -> str:
    return case.maybe(0.5, "冠状动脉CTA扫描，图像质量优。\n") + case.pick((
        "冠状动脉各支走行正常，管腔未见狭窄", "左主干、前降支、回旋支及右冠状动脉均未见明显狭窄",
        "冠脉CTA未见明显异常", "冠状动脉主要分支管壁光滑，未见斑块及狭窄", "LM、LAD、LCX、RCA均显影良好，未见狭窄",
        "冠状动脉少许钙化，各支管腔均无狭窄", "冠状动脉CTA检查未见狭窄，CAD-RADS 0级", "三支冠脉及左主干均通畅，无斑块",
    )) + _extra(case) + "。"  # fmt: skip


# Harder forms


def _cell(case: Case, v: Vessel) -> str:
    g = case.grades[v]
    if g is Grade.OCCLUDED:
        return case.pick(("闭塞", "100%", "完全闭塞"))
    if g is Grade.NORMAL:
        return case.pick(("无", "0%", "未见狭窄", "<25%"))
    return case.pick((f"{case.percent(g)}%", case.range(g), _WORD[g], f"{_WORD[g]}狭窄"))


@BOOK.style("table with bars")
def _table(case: Case) -> str:
    rows = [
        f"| {_PLAIN[v]} | {'无' if case.grades[v] is Grade.NORMAL else case.pick(_PLAQUES)} | {_cell(case, v)} |"
        for v in case.shuffled(ORDER)
    ]
    return "| 血管 | 斑块性质 | 狭窄程度 |\n" + "\n".join(rows)


@BOOK.style("tabs")
def _tabs(case: Case) -> str:
    names = case.pick((_PLAIN, _SHORT))
    lines = "\n".join(f"{names[v]}\t{_cell(case, v)}" for v in ORDER)
    return f"血管\t狭窄程度\n{lines}\n总钙化积分\t{case.pick((0, 67, 315))}"


@BOOK.style("slashes")
def _slashes(case: Case) -> str:
    order = case.shuffled(ORDER)
    figures = "/".join(
        "0%" if case.grades[v] is Grade.NORMAL else f"{case.percent(case.grades[v])}%" for v in order
    )
    return f"{'/'.join(case.pick((_PLAIN, _SHORT))[v] for v in order)}最大狭窄依次为{figures}，右优势型。"


@BOOK.style("letter")
def _letter(case: Case) -> str:
    body = "，".join(_sentence(case, v).replace("；", "，") for v in ORDER)
    return f"会诊意见：患者{case.pick((48, 57, 66))}岁，胸闷半年，其父曾行冠脉搭桥。外院冠脉CTA阅片：{body}。"


@BOOK.style("exception", weight=1.5, suits=lambda c: len(c.diseased) == 1)
def _exception(case: Case) -> str:
    v = case.diseased[0]
    lesion = f"{case.pick(_FULL[v])}{case.pick(_PLACES[v])}{_short_degree(case, case.grades[v])}"
    return case.pick((
        f"除{lesion}外，余冠状动脉未见狭窄。", f"除{lesion}外，其余血管均通畅，无狭窄。",
        f"仅{lesion}，其余冠脉未见异常。", f"冠状动脉各支除{lesion}外均未见明显狭窄。",
    ))  # fmt: skip


@BOOK.style("earlier study", weight=2, suits=lambda c: bool(c.diseased))
def _earlier(case: Case) -> str:
    out = []
    for v in ORDER:
        g, where = case.grades[v], f"{_PLAIN[v]}{case.pick(_PLACES[v])}"
        if g is Grade.NORMAL:
            out.append(f"{_PLAIN[v]}{case.pick(('仍未见狭窄', '前后两次均未见狭窄', '未见狭窄，同前'))}")
        elif case.chance(0.15):
            out.append(f"{_PLAIN[v]}斑块较前变化不大")
            case.unknown(v)
        elif g is Grade.OCCLUDED:
            out.append(f"{where}原重度狭窄，本次已闭塞")
        else:
            old = case.pick([x for x in Grade if x not in (g, Grade.NORMAL, Grade.OCCLUDED)])
            out.append(case.pick((
                f"{where}狭窄由前片{case.percent(old)}%变为本次{case.percent(g)}%",
                f"{where}{_WORD[g]}狭窄，前片为{_WORD[old]}狭窄", f"{where}{_WORD[g]}狭窄，与前片相仿",
            )))  # fmt: skip
    return f"与{case.pick(('2019年3月12日', '2021-04-08', '上次'))}冠脉CTA比较：{'；'.join(out)}。"


@BOOK.style("stent", weight=2)
def _stent(case: Case) -> str:
    v = case.pick((LAD, LCX, RCA))
    g, place = case.grades[v], f"{_PLAIN[v]}{case.pick(('近段', '中段'))}"
    if case.chance(0.2):
        first = f"{place}支架置入，支架金属伪影明显，腔内情况无法评价"
        case.unknown(v)
    elif g is Grade.NORMAL:
        first = case.pick((f"{place}支架通畅，支架内未见再狭窄", f"{place}见支架影，支架内及两端管腔通畅"))
    elif g is Grade.OCCLUDED:
        first = f"{place}支架内闭塞，远端未见显影"
    else:
        first = f"{place}支架内再狭窄，{_WORD[g]}（约{case.percent(g)}%）"
    return f"PCI术后。{first}。" + "。".join(_sentence(case, w) for w in ORDER if w is not v) + "。"


@BOOK.style("grafts", weight=1.3)
def _grafts(case: Case) -> str:
    natives = [f"自体{_PLAIN[v]}{_entry(case, v)}" for v in ORDER]
    if case.chance(0.3):
        natives = [*natives[:-1], "自体右冠状动脉本次未描述"]
        case.unknown(RCA)
    svg = case.pick(("通畅", "闭塞", "吻合口狭窄60%-70%"))
    return f"CABG术后。LIMA-LAD桥血管通畅，SVG-OM桥血管{svg}。{'；'.join(natives)}。"


@BOOK.style("bridge", weight=1.3, suits=lambda c: c.grades[LAD] is Grade.NORMAL)
def _bridge(case: Case) -> str:
    bridge = case.pick((
        "前降支中段走行于心肌内（壁冠状动脉），长约18mm，未见斑块及狭窄", "前降支中段浅表型心肌桥，余前降支未见异常",
        "LAD中段心肌桥形成，管腔未见粥样硬化性狭窄",
    ))  # fmt: skip
    return bridge + "。" + "。".join(_sentence(case, v) for v in (LM, LCX, RCA)) + "。"


@BOOK.style("artefact", weight=1.8)
def _artefact(case: Case) -> str:
    lost = case.sample((RCA, LCX, LAD), 1, 2)
    case.unknown(*lost)
    out = [
        _sentence(case, v)
        if v not in lost
        else case.pick((
            f"{_PLAIN[v]}运动伪影明显，无法评价管腔", f"{_PLAIN[v]}错层伪影，难以评估",
            f"{_PLAIN[v]}钙化严重，狭窄程度无法判断", f"{_PLAIN[v]}显影欠佳，不能评价",
        ))
        for v in ORDER
    ]  # fmt: skip
    return f"受检者心率{case.pick((85, 96, 104))}次/分。" + "。".join(out) + "。"


@BOOK.style("abbreviations", weight=1.5)
def _abbreviations(case: Case) -> str:
    out = []
    for v in ORDER:
        g = case.grades[v]
        if g is Grade.NORMAL:
            out.append(f"{_SHORT[v]}{case.pick(('（-）', '未见狭窄', '通畅', '无殊'))}")
        elif g is Grade.OCCLUDED:
            out.append(f"{case.pick(_ABBREVIATED[v])}{case.pick((' CTO', '闭塞', ' 100%'))}")
        else:
            size = case.pick((f"{case.percent(g)}%", case.range(g), _WORD[g] + "狭窄"))
            out.append(f"{case.pick(_ABBREVIATED[v])} {case.pick(('mixed斑块', 'CP', 'NCP', '软斑'))} {size}")
    return f"冠脉CTA：{case.pick(('；', '，', '。')).join(out)}"


@BOOK.style("mixed language", weight=1.3)
def _mixed(case: Case) -> str:
    out = []
    for v in ORDER:
        g = case.grades[v]
        name, plaque = _SHORT[v], case.pick(("见plaque，", "见mixed plaque，", ""))
        if g is Grade.NORMAL:
            out.append(case.pick((f"{name} normal", f"{name}无明显狭窄", f"{name}未见plaque及狭窄")))
        elif g is Grade.OCCLUDED:
            out.append(f"{name}{plaque}total occlusion")
        else:
            degree = case.pick((
                f"{g.value} stenosis", f"{_WORD[g]}狭窄（{g.value}）", f"stenosis约{case.percent(g)}%",
            ))  # fmt: skip
            out.append(f"{name}{plaque}{degree}")
    return "。".join(out) + "。Calcium score " + case.pick(("0", "88", "230")) + "。"


@BOOK.style(
    "respectively",
    weight=1.5,
    suits=lambda c: len(c.diseased) >= 2 and Grade.OCCLUDED not in c.grades.values(),
)
def _respectively(case: Case) -> str:
    vessels = case.shuffled(case.diseased)
    names = "、".join(_PLAIN[v] for v in vessels)
    figures = "、".join(f"{case.percent(case.grades[v])}%" for v in vessels)
    rest = f"，{'、'.join(_PLAIN[v] for v in case.healthy)}未见狭窄" if case.healthy else ""
    return f"{names}管腔狭窄分别约{figures}{rest}。"


@BOOK.style("vessels grouped", weight=2)
def _grouped(case: Case) -> str:
    out = []
    for g, vessels in case.by_grade():
        names = "、".join(_PLAIN[v] for v in case.shuffled(vessels))
        every = "均" if len(vessels) > 1 else ""
        if g is Grade.NORMAL:
            out.append(f"{names}{every}未见狭窄")
        elif g is Grade.OCCLUDED:
            out.append(f"{names}{every}闭塞")
        else:
            out.append(f"{names}{every}{_WORD[g]}狭窄{case.maybe(0.4, '（' + case.range(g) + '）')}")
    return "；".join(out) + "。"


@BOOK.style("left dominance", weight=1.2, suits=lambda c: c.grades[LCX] not in (Grade.NORMAL, Grade.OCCLUDED))
def _left_dominance(case: Case) -> str:
    g = case.grades[LCX]
    branch = case.pick((
        f"回旋支主干未见狭窄，左后降支{_degree(case, g)}", f"左回旋支本干通畅，第一钝缘支{_degree(case, g)}",
        f"中间支{_degree(case, g)}，回旋支未见狭窄",
    ))  # fmt: skip
    return (
        f"左优势型。{branch}。"
        + "。".join(_sentence(case, v) for v in (LM, LAD))
        + f"。右冠细小，{_entry(case, RCA)}。"
    )


@BOOK.style("distractor numbers", weight=1.5)
def _distractors(case: Case) -> str:
    out = []
    for v in ORDER:
        g = case.grades[v]
        if g in (Grade.NORMAL, Grade.OCCLUDED):
            out.append(_sentence(case, v))
        else:
            out.append(
                f"{case.pick(_FULL[v])}{case.pick(_PLACES[v])}狭窄{case.percent(g)}%，"
                f"斑块长{case.pick((8, 12, 21))}mm，CT-FFR 0.{case.pick((74, 83, 91))}"
            )
    return (
        f"Agatston积分{case.pick((55, 230, 780))}，位于同龄人第75百分位，取75%R-R间期重建。"
        + "。".join(out) + f"。左室射血分数{case.pick((55, 60, 65))}%，升主动脉宽35mm。"
    )  # fmt: skip


@BOOK.style("uncertain", weight=1.3)
def _uncertain(case: Case) -> str:
    out = []
    for v in ORDER:
        g = case.grades[v]
        if g is Grade.NORMAL:
            out.append(_sentence(case, v))
        elif g is not Grade.OCCLUDED and case.chance(0.3):
            out.append(case.pick((
                f"{_PLAIN[v]}不除外有意义狭窄", f"{_PLAIN[v]}见斑块，狭窄程度待定", f"{_PLAIN[v]}见有意义狭窄",
            )))  # fmt: skip
            case.unknown(v)
        else:
            out.append(f"{_PLAIN[v]}{case.pick(('考虑', '可疑', '似有'))}{_short_degree(case, g)}")
    return "。".join(out) + "。"


@BOOK.style(
    "mild to moderate",
    weight=1.5,
    suits=lambda c: any(c.grades[v] in (Grade.MODERATE, Grade.SEVERE) for v in VESSELS),
)
def _between(case: Case) -> str:
    out = []
    for v in ORDER:
        g = case.grades[v]
        if g in (Grade.MODERATE, Grade.SEVERE):
            words = (
                case.pick(("轻-中度", "轻至中度", "轻中度"))
                if g is Grade.MODERATE
                else case.pick(("中-重度", "中重度", "中至重度"))
            )
            out.append(f"{case.pick(_FULL[v])}{case.pick(_PLACES[v])}{case.pick(_PLAQUES)}伴{words}狭窄")
        else:
            out.append(_sentence(case, v))
    return "。".join(out) + "。"


@BOOK.style("single finding", weight=1, suits=lambda c: bool(c.diseased))
def _single(case: Case) -> str:
    v = max(case.diseased, key=_rank(case))
    case.only([v])
    return f"危急值电话报告：{_lesion(case, v)}。详细报告待发。"


@BOOK.style("category alone", weight=0.6)
def _category(case: Case) -> str:
    text = f"冠脉CTA已完成，CAD-RADS {case.cad_rads()}级，详见影像。"
    if case.diseased:
        case.unknown(*VESSELS)
    return text


def blemish(text: str, case: Case) -> str:
    """Typing faults a reader survives: full-width or narrow signs, spacing, doubled stops."""
    if not case.chance(0.25):
        return text
    return case.pick((
        full_width(text, "%"), full_width(text, "0123456789"), text.replace("，", ","), text.replace("。", ". "),
        text.replace("狭窄", "狹窄", 1), text.rstrip("。"), text.replace("：", ":"), text.replace("。", "。。", 1),
        text.replace("%", " %"),
    ))  # fmt: skip
