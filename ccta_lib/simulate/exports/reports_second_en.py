"""English wording of the second score-once set, written without sight of the other sets or of any rule.

About seven reports in ten are the ordinary work of a department (vessels in turn, impression lists, templates);
the rest are harder: tables, letters, grafts and stents, earlier studies, artefacts, several vessels in a clause.
"""

from __future__ import annotations

from collections.abc import Callable

from ccta_lib.schema import VESSELS, Grade, Vessel
from ccta_lib.simulate.exports.wording_case import Case, StyleBook

BOOK = StyleBook()
RCA, LM, LAD, LCX = Vessel.RCA, Vessel.LM, Vessel.LAD, Vessel.LCX
ORDER = (LM, LAD, LCX, RCA)

_FULL = {
    LM: ("left main coronary artery", "left main stem", "left main", "LMCA"),
    LAD: ("left anterior descending artery", "left anterior descending coronary artery", "LAD artery", "LAD"),
    LCX: ("left circumflex artery", "circumflex artery", "left circumflex", "LCx"),
    RCA: ("right coronary artery", "RCA"),
}
_SHORT = {LM: "LM", LAD: "LAD", LCX: "LCx", RCA: "RCA"}
_PLACES = {
    LM: ("ostial left main", "distal left main", "left main shaft"),
    LAD: ("proximal LAD", "mid LAD", "proximal to mid LAD", "ostial LAD"),
    LCX: ("proximal LCx", "mid circumflex", "distal LCx", "proximal circumflex"),
    RCA: ("proximal RCA", "mid RCA", "distal RCA", "ostial RCA"),
}
_ABBREVIATED = {
    LM: ("LMCA", "dLM", "LMS"),
    LAD: ("pLAD", "mLAD", "p-mLAD"),
    LCX: ("pLCx", "dLCx", "mLCx"),
    RCA: ("pRCA", "mRCA", "dRCA"),
}
_BRANCHES = {
    LAD: ("first diagonal branch", "D1", "second diagonal"),
    LCX: ("first obtuse marginal", "OM1", "OM2 branch"),
    RCA: ("PDA", "posterolateral branch", "posterior descending artery"),
}
_PLAQUES = ("calcified plaque", "non-calcified plaque", "mixed plaque", "partially calcified plaque",
            "soft plaque", "atheroma")  # fmt: skip
_WORDS = {
    Grade.NORMAL: ("minimal", "minimal (<25%)"),
    Grade.MILD: ("mild", "mild (25-49%)"),
    Grade.MODERATE: ("moderate", "mild to moderate", "moderate (50-69%)"),
    Grade.SEVERE: ("severe", "severe (70-99%)", "moderate to severe", "high-grade"),
}


def _degree(case: Case, grade: Grade) -> str:
    """A noun phrase without article."""
    if grade is Grade.OCCLUDED:
        return case.pick(("total occlusion", "complete occlusion", "chronic total occlusion",
                          "100% occlusion", "occlusion"))  # fmt: skip
    noun = case.pick(("stenosis", "luminal stenosis", "luminal narrowing", "stenosis", "diameter stenosis"))
    if case.chance(0.45):
        return f"{case.pick(_WORDS[grade])} {noun}"
    if case.chance(0.3):
        return f"{case.range(grade)} {noun}"
    return (
        f"{case.maybe(0.4, case.pick(('approximately ', 'about ', 'up to ')))}{case.percent(grade)}% {noun}"
    )


def _clear(case: Case) -> str:
    """What follows the name of a vessel below 25 %."""
    return case.pick((
        "is normal", "is patent with no stenosis", "is free of plaque and stenosis", "is unremarkable",
        "shows no significant stenosis", "is widely patent", "is normal in calibre with no atheroma",
        "has scattered calcified plaque without luminal stenosis", "demonstrates no plaque or stenosis",
        "has luminal irregularities only, with no stenosis", "has minimal (<25%) narrowing",
        f"has {case.percent(Grade.NORMAL)}% stenosis only",
    ))  # fmt: skip


def _clear_short(case: Case) -> str:
    return case.pick(("Normal", "No plaque or stenosis", "Patent, no stenosis", "No significant stenosis",
                      "Unremarkable", "Minimal plaque, <25% stenosis", "No disease"))  # fmt: skip


def _lesion(case: Case, v: Vessel, grade: Grade | None = None) -> str:
    """A noun phrase that says plaque, place and degree; the place names the vessel."""
    g, place, plaque = grade or case.grades[v], case.pick(_PLACES[v]), case.pick(_PLAQUES)
    if g is Grade.OCCLUDED:
        return f"{_degree(case, g)} of the {place}"
    return case.pick((
        f"{plaque} in the {place} causing {_degree(case, g)}",
        f"{plaque} in the {place} with {_degree(case, g)}",
        f"{_degree(case, g)} of the {place} due to {plaque}",
        f"{_degree(case, g)} in the {place}",
    ))  # fmt: skip


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def _and(items: list[str]) -> str:
    return items[0] if len(items) == 1 else ", ".join(items[:-1]) + " and " + items[-1]


def _sentence(case: Case, v: Vessel) -> str:
    """A full sentence on one vessel, with a second lesion or a side branch now and then."""
    g = case.grades[v]
    if g is Grade.NORMAL:
        split = v is LM and case.chance(0.35)
        return (
            f"The {case.pick(_FULL[v])} {'bifurcates into LAD and LCx and ' if split else ''}{_clear(case)}."
        )
    text = _upper(_lesion(case, v)) + "."
    if v in _BRANCHES and case.chance(0.3):
        branch = case.pick(_BRANCHES[v])
        other = case.up_to(g)
        text += case.pick((f" The {branch} has {_degree(case, other)}.", f" The {branch} is patent."))
    return text


def _entry(case: Case, v: Vessel) -> str:
    """What stands after the colon."""
    g = case.grades[v]
    if g is Grade.NORMAL:
        return _clear_short(case)
    if g is Grade.OCCLUDED or case.chance(0.4):
        return _upper(_degree(case, g))
    place = case.pick(("proximal ", "mid ", "")) if v is not LM else case.pick(("ostial ", "distal ", ""))
    return _upper(f"{place}{case.pick(_PLAQUES)}, {_degree(case, g)}")


def _technique(case: Case) -> str:
    return case.pick((
        "Prospectively gated CT coronary angiogram. GTN and IV metoprolol given. Heart rate 58 bpm.\n",
        "TECHNIQUE: ECG-gated CTA of the coronary arteries after 70 mL iodinated contrast. Image quality good.\n",
        "Good quality study. Agatston score {score}.\n", "CT CORONARY ANGIOGRAM\n", "", "",
        "INDICATION: Atypical chest pain.\nCOMPARISON: None.\n",
    )).replace("{score}", str(case.pick((0, 12, 86, 154, 412))))  # fmt: skip


def _extra(case: Case) -> str:
    return case.pick((
        "", "", "\nNo pericardial effusion. Visualised lungs are clear.", "\nAortic root measures 34 mm.",
        "\nLVEF 62%. Normal valves.", "\nSmall hiatus hernia noted.", "\n4 mm nodule in the right lower lobe.",
    ))  # fmt: skip


def _impression(case: Case) -> str:
    """Agrees with the findings and adds no new grade."""
    if not case.diseased:
        return case.pick(("No obstructive coronary artery disease.", "No significant coronary stenosis."))
    return case.pick((
        f"Coronary artery disease as described, worst in the {_SHORT[max(VESSELS, key=_rank(case))]}.",
        f"CAD-RADS {case.cad_rads()}.", "Coronary atherosclerosis as above. Clinical correlation advised.",
    ))  # fmt: skip


def _rank(case: Case) -> Callable[[Vessel], int]:
    return lambda v: case.grades[v].rank


# Ordinary reports


@BOOK.style("vessel by vessel", weight=7)
def _vessels(case: Case) -> str:
    lines = "\n".join(_sentence(case, v) for v in ORDER)
    tail = case.maybe(0.6, f"\nIMPRESSION: {_impression(case)}")
    return f"{_technique(case)}FINDINGS:\n{case.maybe(0.6, 'Right dominant circulation.')}\n{lines}{_extra(case)}{tail}"


@BOOK.style("narrative", weight=6)
def _narrative(case: Case) -> str:
    start = case.maybe(0.5, "Normal coronary origins with right dominance. ")
    return f"{_technique(case)}{start}{' '.join(_sentence(case, v) for v in ORDER)}{_extra(case)}"


@BOOK.style("template", weight=7)
def _template(case: Case) -> str:
    names = case.pick((
        ("Left main", "Left anterior descending", "Left circumflex", "Right coronary artery"),
        ("LM", "LAD", "LCX", "RCA"), ("LMCA", "LAD and diagonals", "LCx and OMs", "RCA"),
        ("Left Main (LM)", "Left Anterior Descending (LAD)", "Left Circumflex (LCx)", "Right Coronary (RCA)"),
    ))  # fmt: skip
    lines = "\n".join(f"{n}: {_entry(case, v)}." for n, v in zip(names, ORDER, strict=True))
    technique = _technique(case)
    score = "" if "Agatston" in technique else f"Calcium score: {case.pick((0, 23, 118, 640))} AU\n"
    head = f"{score}Dominance: {case.pick(('Right', 'Co-dominant'))}\n"
    category = f"\nCAD-RADS: {case.cad_rads()}"
    return f"{technique}{case.maybe(0.6, head)}{lines}{case.maybe(0.5, category)}"


@BOOK.style("impression list", weight=6, suits=lambda c: bool(c.diseased) and bool(c.healthy))
def _list(case: Case) -> str:
    points = [_upper(_lesion(case, v)) + "." for v in case.diseased]
    points.append(case.pick((
        "The remaining coronary arteries are normal.", "No significant stenosis in the other vessels.",
        "Remainder of the coronary tree is free of stenosis.", "Other coronary arteries are patent, no stenosis.",
        f"No stenosis in the {_and([_SHORT[v] for v in case.healthy])}.",
    )))  # fmt: skip
    return "IMPRESSION:\n" + "\n".join(f"{i}. {p}" for i, p in enumerate(points, 1))


@BOOK.style("findings and impression", weight=6)
def _findings_impression(case: Case) -> str:
    findings = "\n".join(
        f"{_upper(case.pick(_FULL[v]))}: "
        + (
            _clear_short(case)
            if case.grades[v] is Grade.NORMAL
            else f"{_upper(case.pick(_PLAQUES))} present, see below"
        )
        + "."
        for v in ORDER
    )
    points = [f"{_upper(_degree(case, case.grades[v]))} of the {_SHORT[v]}." for v in case.diseased]
    return f"Findings\n{findings}\n\nConclusion\n" + (" ".join(points) or _impression(case))


@BOOK.style("segments", weight=5)
def _segments(case: Case) -> str:
    out = []
    for v in ORDER:
        g = case.grades[v]
        if v is LM or g is Grade.NORMAL:
            out.append(_sentence(case, v))
            continue
        parts = ["proximal", "mid", "distal"]
        bad = int(case.rng.integers(3))
        words = []
        for i, part in enumerate(parts):
            if i == bad:
                words.append(f"the {part} segment has {_degree(case, g)}")
            elif g is not Grade.OCCLUDED and case.chance(0.25):
                words.append(f"the {part} segment has {_degree(case, case.up_to(g))}")
            elif g is not Grade.OCCLUDED or i < bad:
                words.append(f"the {part} segment is {case.pick(('normal', 'patent', 'free of disease'))}")
            else:
                words.append(f"the {part} segment fills via collaterals")
        out.append(f"{_SHORT[v]}: {', '.join(words)}.")
    return _technique(case) + "\n".join(out)


@BOOK.style("CAD-RADS with text", weight=6)
def _cad_rads(case: Case) -> str:
    if not case.diseased:
        text = case.pick(("No coronary stenosis.", "Normal coronary arteries.", "Absence of CAD."))
        return f"{text} CAD-RADS {case.cad_rads()}."
    text = " ".join(_sentence(case, v) for v in ORDER)
    return f"{text}\nCAD-RADS {case.cad_rads()}{case.maybe(0.4, '/P' + case.pick('123'))}."


@BOOK.style("words", weight=4)
def _words(case: Case) -> str:
    out = []
    for v in ORDER:
        g = case.grades[v]
        name = case.pick(_FULL[v])
        if g is Grade.NORMAL:
            out.append(f"The {name} {_clear(case)}.")
        elif g is Grade.OCCLUDED:
            out.append(
                f"The {name} is {case.pick(('occluded', 'completely occluded', 'chronically occluded'))}."
            )
        else:
            word = {Grade.MILD: "mildly", Grade.MODERATE: "moderately", Grade.SEVERE: "severely"}[g]
            out.append(
                case.pick(
                    (
                        f"The {name} is {word} stenosed.",
                        f"The {name} is {word} narrowed by {case.pick(_PLAQUES)}.",
                    )
                )
            )
    return "CTCA report: " + " ".join(out) + _extra(case)


@BOOK.style("plain ranges", weight=3)
def _ranges(case: Case) -> str:
    out = []
    for v in ORDER:
        g = case.grades[v]
        span = (
            "occluded" if g is Grade.OCCLUDED else f"{case.range(g, case.pick(('-', '–', ' to ')))} stenosis"
        )
        out.append(f"{_SHORT[v]} - {span}")
    return "Coronary arteries:\n" + "\n".join(out) + _extra(case)


@BOOK.style("all clear", weight=7, suits=lambda c: not c.diseased)
def _all_clear(case: Case) -> str:
    return case.maybe(0.5, "CT CORONARY ANGIOGRAM\n") + case.pick((
        "Normal CT coronary angiogram.", "No coronary artery stenosis or plaque is identified.",
        "All major epicardial coronary arteries are patent without stenosis.", "Coronary arteries are unremarkable.",
        "No evidence of coronary artery disease. CAD-RADS 0.", "No significant stenosis in any coronary artery.",
        "LM, LAD, LCx and RCA are all normal.", "Minor plaque only with no stenosis in any of the vessels.",
    )) + _extra(case)  # fmt: skip


# Harder forms


@BOOK.style("table with bars")
def _table(case: Case) -> str:
    rows = [
        f"| {_SHORT[v]} | {case.pick(_PLAQUES) if case.grades[v] is not Grade.NORMAL else 'none'} | {_cell(case, v)} |"
        for v in case.shuffled(ORDER)
    ]
    return "| Vessel | Plaque | Stenosis |\n|---|---|---|\n" + "\n".join(rows)


def _cell(case: Case, v: Vessel) -> str:
    g = case.grades[v]
    if g is Grade.OCCLUDED:
        return case.pick(("100%", "occluded", "total occlusion"))
    if g is Grade.NORMAL:
        return case.pick(("none", "0%", "nil", "<25%"))
    return case.pick((f"{case.percent(g)}%", case.range(g), g.value))


@BOOK.style("tabs")
def _tabs(case: Case) -> str:
    return (
        "VESSEL\tSTENOSIS\n"
        + "\n".join(f"{_SHORT[v]}\t{_cell(case, v)}" for v in ORDER)
        + f"\nCalcium score\t{case.pick((0, 45, 231))}"
    )


@BOOK.style("slashes")
def _slashes(case: Case) -> str:
    order = case.shuffled(ORDER)
    figures = "/".join(
        "0" if case.grades[v] is Grade.NORMAL else str(case.percent(case.grades[v])) for v in order
    )
    return f"Max. stenosis {'/'.join(_SHORT[v] for v in order)} (%): {figures}. Right dominant."


@BOOK.style("letter", weight=1.3)
def _letter(case: Case) -> str:
    body = " ".join(_sentence(case, v) for v in ORDER)
    return (
        f"Dear Dr {case.pick(('Hughes', 'Patel', 'Marsh'))},\nThank you for referring this "
        f"{case.pick((48, 57, 66))} year old patient whose mother had a bypass at 60. {body} "
        f"I would suggest continuing a statin.\nYours sincerely"
    )


@BOOK.style("exception", weight=1.5, suits=lambda c: len(c.diseased) == 1)
def _exception(case: Case) -> str:
    v = case.diseased[0]
    lesion = f"{_degree(case, case.grades[v])} of the {case.pick(_PLACES[v])}"
    return case.pick((
        f"Apart from {lesion}, the coronary arteries are normal.",
        f"The coronary arteries are free of stenosis with the exception of {lesion}.",
        f"No significant stenosis other than {lesion}.",
        f"All vessels are patent without stenosis except for {lesion}.",
    ))  # fmt: skip


@BOOK.style("earlier study", weight=2, suits=lambda c: bool(c.diseased))
def _earlier(case: Case) -> str:
    out = [f"Compared with the previous CTCA of {case.pick(('12 March 2019', '04/2021', 'June 2020'))}:"]
    for v in ORDER:
        g = case.grades[v]
        if g is Grade.NORMAL:
            out.append(
                case.pick((f"{_SHORT[v]} remains normal.", f"{_SHORT[v]}: no stenosis now or previously."))
            )
        elif case.chance(0.15):
            out.append(f"Appearances of the {_SHORT[v]} plaque are unchanged.")
            case.unknown(v)
        elif g is Grade.OCCLUDED:
            out.append(f"The {_SHORT[v]}, previously {case.pick((70, 80, 90))}% stenosed, is now occluded.")
        else:
            old = case.pick([x for x in Grade if x not in (g, Grade.NORMAL, Grade.OCCLUDED)])
            out.append(case.pick((
                f"The {case.pick(_PLACES[v])} stenosis now measures {case.percent(g)}% "
                f"(previously {case.percent(old)}%).",
                f"{_upper(case.pick(_PLACES[v]))} stenosis was {old.value} and is now {g.value}.",
                f"Unchanged {g.value} stenosis of the {case.pick(_PLACES[v])}.",
            )))  # fmt: skip
    return " ".join(out)


@BOOK.style("stent", weight=2)
def _stent(case: Case) -> str:
    v = case.pick((LAD, LCX, RCA))
    g, place = case.grades[v], case.pick(_PLACES[v])
    if case.chance(0.2):
        first = f"Stent in the {place}; lumen not assessable because of blooming."
        case.unknown(v)
    elif g is Grade.NORMAL:
        first = case.pick(
            (
                f"The {place} stent is patent with no in-stent restenosis.",
                f"Patent stent in the {place}, vessel otherwise normal.",
            )
        )
    elif g is Grade.OCCLUDED:
        first = f"The {place} stent is occluded with no distal flow."
    else:
        first = f"Stent in the {place} with {g.value} in-stent restenosis ({case.percent(g)}%)."
    return f"Previous PCI. {first} " + " ".join(_sentence(case, w) for w in ORDER if w is not v)


@BOOK.style("grafts", weight=1.3)
def _grafts(case: Case) -> str:
    natives = [f"Native {_SHORT[v]}: {_entry(case, v)}." for v in ORDER]
    if case.chance(0.3):
        natives = [*natives[:-1], "The native RCA is not described further."]
        case.unknown(RCA)
    svg = case.pick(("patent", "occluded", "narrowed by 60-70% at the distal anastomosis"))
    return (
        f"Status post CABG. LIMA to LAD graft is {case.pick(('patent', 'widely patent'))}. "
        f"SVG to OM is {svg}.\n" + "\n".join(natives)
    )


@BOOK.style("bridge", weight=1.2, suits=lambda c: c.grades[LAD] is Grade.NORMAL)
def _bridge(case: Case) -> str:
    bridge = case.pick((
        "Superficial myocardial bridge of the mid LAD over 15 mm, otherwise normal LAD.",
        "Mid LAD has an intramyocardial course (bridging), no atherosclerotic stenosis.",
        "LAD: myocardial bridging of the mid segment, depth 3 mm; no plaque.",
    ))  # fmt: skip
    return bridge + " " + " ".join(_sentence(case, v) for v in (LM, LCX, RCA))


@BOOK.style("artefact", weight=1.8)
def _artefact(case: Case) -> str:
    lost = case.sample((RCA, LCX, LAD), 1, 2)
    case.unknown(*lost)
    out = []
    for v in ORDER:
        out.append(_sentence(case, v) if v not in lost else case.pick((
            f"The {case.pick(_FULL[v])} is non-diagnostic owing to motion artefact.",
            f"{_SHORT[v]} cannot be evaluated (step artifact).",
            f"The {case.pick(_FULL[v])} is heavily calcified and cannot be assessed for stenosis.",
        )))  # fmt: skip
    return f"Limited study, heart rate {case.pick((82, 94, 103))}. " + " ".join(out)


@BOOK.style("abbreviations", weight=1.5)
def _abbreviations(case: Case) -> str:
    out = []
    for v in ORDER:
        g = case.grades[v]
        if g is Grade.NORMAL:
            out.append(
                case.pick(
                    (
                        f"{_SHORT[v]} NAD",
                        f"{_SHORT[v]} normal",
                        f"{_SHORT[v]} no sten.",
                        f"{_SHORT[v]} patent, no dz",
                    )
                )
            )
        elif g is Grade.OCCLUDED:
            out.append(f"{case.pick(_ABBREVIATED[v])} {case.pick(('CTO', '100% occl.', 'occluded'))}")
        else:
            kind = case.pick(("CP", "NCP", "mixed pl.", "calc"))
            size = case.pick(
                (
                    f"{case.percent(g)}%",
                    f"~{case.percent(g)}%",
                    case.range(g),
                    {Grade.MILD: "mild", Grade.MODERATE: "mod", Grade.SEVERE: "sev"}[g],
                )
            )
            out.append(f"{case.pick(_ABBREVIATED[v])} {kind} {size} stenosis")
    return case.maybe(0.4, "R dom. CACS 112. ") + case.pick(("; ", ", ", ". ")).join(out)


@BOOK.style(
    "respectively",
    weight=1.2,
    suits=lambda c: 2 <= len([v for v in c.diseased if c.grades[v] is not Grade.OCCLUDED]) == len(c.diseased),
)
def _respectively(case: Case) -> str:
    vessels = case.shuffled(case.diseased)
    names = _and([_SHORT[v] for v in vessels])
    first = f"The {names} show stenoses of {_and([f'{case.percent(case.grades[v])}%' for v in vessels])} respectively."
    if not case.healthy:
        return first
    return f"{first} The {_and([_SHORT[v] for v in case.healthy])} {'is' if len(case.healthy) == 1 else 'are'} normal."


@BOOK.style("vessels grouped", weight=2)
def _grouped(case: Case) -> str:
    out = []
    for g, vessels in case.by_grade():
        names = _and([_SHORT[v] for v in case.shuffled(vessels)])
        if g is Grade.NORMAL:
            out.append(f"No stenosis in the {names}.")
        elif g is Grade.OCCLUDED:
            out.append(f"The {names} {'is' if len(vessels) == 1 else 'are'} occluded.")
        else:
            out.append(
                case.pick(
                    (
                        f"{_upper(g.value)} stenosis of the {names}.",
                        f"{_upper(g.value)} ({case.range(g)}) narrowing in the {names}.",
                    )
                )
            )
    return " ".join(out)


@BOOK.style("left dominance", weight=1.2, suits=lambda c: c.grades[LCX] not in (Grade.NORMAL, Grade.OCCLUDED))
def _left_dominance(case: Case) -> str:
    g = case.grades[LCX]
    branch = case.pick((
        f"The circumflex trunk is clear but the left PDA has {_degree(case, g)}.",
        f"Proximal LCx is normal; {_degree(case, g)} in the obtuse marginal branch.",
        f"Ramus intermedius shows {_degree(case, g)}; circumflex itself normal.",
    ))  # fmt: skip
    return (
        f"Left dominant system. {branch} "
        + " ".join(_sentence(case, v) for v in (LM, LAD))
        + f" RCA (small, non-dominant): {_entry(case, RCA)}."
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
                f"{_upper(case.pick(_PLACES[v]))}: {case.percent(g)}% stenosis, plaque length "
                f"{case.pick((8, 12, 21))} mm, reference diameter 3.{case.pick((1, 4, 6))} mm, "
                f"FFR-CT 0.{case.pick((74, 83, 91))}."
            )
    return (
        f"Agatston score {case.pick((55, 230, 780))} (75th percentile for age). "
        f"Reconstruction at 75% of the R-R interval. "
        + " ".join(out) + f" LVEF {case.pick((55, 60, 65))}%. Carotid duplex from 2020 not available."
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
                f"Significant stenosis of the {_SHORT[v]} cannot be excluded.",
                f"There is plaque in the {case.pick(_PLACES[v])}; the degree of stenosis is uncertain.",
                f"Significant stenosis of the {case.pick(_PLACES[v])}.",
            )))  # fmt: skip
            case.unknown(v)
        else:
            doubt = case.pick(("Probable", "Suspected", "Likely"))
            degree = "occlusion" if g is Grade.OCCLUDED else f"{g.value} stenosis"
            out.append(f"{doubt} {degree} of the {case.pick(_PLACES[v])}.")
    return " ".join(out)


@BOOK.style("single finding", weight=1, suits=lambda c: bool(c.diseased))
def _single(case: Case) -> str:
    v = max(case.diseased, key=_rank(case))
    case.only([v])
    return f"Verbal report to referring team: {_lesion(case, v)}. Formal report to follow."


@BOOK.style("category alone", weight=0.6)
def _category(case: Case) -> str:
    text = f"CTCA performed today. CAD-RADS {case.cad_rads()}. Please see the images on PACS."
    if case.diseased:
        case.unknown(*VESSELS)
    return text


def blemish(text: str, case: Case) -> str:
    """Typing faults a reader survives: spacing, capitals, a dropped letter."""
    if not case.chance(0.25):
        return text
    return case.pick((
        text.replace(". ", ".  "), text.replace("%", " %"), text.replace("stenosis", "stenois", 1),
        text.upper(), text.rstrip("."), text.replace(", ", ",", 1), text.replace("proximal", "proxmal", 1),
    ))  # fmt: skip
