"""English report wording to score the rules on once (score-once). Who writes rules does not open this file.

Written by other hands' habits than the develop set: other sentence structures, other words for the same finding.
"""

from __future__ import annotations

from ccta_lib.schema import VESSELS, Grade, Vessel
from ccta_lib.simulate.exports.wording_case import Case, StyleBook

BOOK = StyleBook()
RCA, LM, LAD, LCX = VESSELS

_NAME = {
    RCA: ("RCA", "right coronary", "right coronary artery"),
    LM: ("LMS", "left main stem", "left main coronary artery", "left main"),
    LAD: ("LAD", "anterior descending artery", "left anterior descending"),
    LCX: ("Cx", "LCx", "left circumflex", "circumflex artery"),
}
_BRANCH = {
    RCA: ("posterior descending branch", "R-PDA", "posterolateral branch", "right PLB"),
    LAD: ("large diagonal", "Diag 1", "second diagonal", "septal perforator"),
    LCX: ("OM2", "marginal branch", "intermediate branch", "first OM"),
}
_KIND = (
    "eccentric fibrofatty plaque", "dense calcification", "bulky calcified atheroma", "a lipid-rich plaque",
    "predominantly calcified disease", "a low-attenuation plaque",
)  # fmt: skip
_ADJECTIVE = {
    Grade.NORMAL: ("minimal", "trivial"), Grade.MILD: ("mild",), Grade.MODERATE: ("moderate", "intermediate-grade"),
    Grade.SEVERE: ("severe", "high-grade", "critical", "tight"),
}  # fmt: skip
_FREE = (
    "widely patent", "free of disease", "unremarkable", "clear", "angiographically smooth with no narrowing",
    "without any obstruction or plaque",
)  # fmt: skip
_ASIDE = (
    "Prospectively gated acquisition at {kv} kVp with {ml} mL of contrast; HR {hr}/min. ",
    "Coronary calcium: Agatston {ca} ({pc}th percentile). ", "LVEF estimated at {ef} percent. ",
    "Mild mitral annular calcification; no aortic valve stenosis. ", "LV end-diastolic diameter {lv} mm. ",
    "A {nod} mm hypodensity in the left lobe of the liver. ", "DLP {dlp} mGy.cm. ",
    "Degenerative change with foraminal stenosis of the thoracic spine. ",
)  # fmt: skip


def _aside(c: Case, low: int = 0, high: int = 2) -> str:
    r = c.rng
    numbers = {
        "kv": c.pick((80, 100, 120)), "ml": r.integers(45, 90), "hr": r.integers(50, 82), "ca": r.integers(0, 1900),
        "pc": r.integers(24, 98), "ef": r.integers(30, 70), "lv": r.integers(42, 62), "nod": r.integers(3, 19),
        "dlp": r.integers(60, 500),
    }  # fmt: skip
    return "".join(t.format(**numbers) for t in c.sample(_ASIDE, low, high))


def _site(c: Case, v: Vessel) -> str:
    if v is LM:
        return c.pick(("", "terminal ", "mid-shaft of the ")) + c.pick(_NAME[v])
    return c.pick(("ostial ", "proximal third of the ", "mid-", "distal third of the ", "")) + c.pick(
        _NAME[v]
    )


def _narrowing(c: Case, g: Grade) -> str:
    """Say, as a noun, what becomes of the lumen."""
    if g is Grade.OCCLUDED:
        return c.pick((
            "a chronic total occlusion (CTO)", "complete loss of the lumen (occluded)", "a 100% blockage",
            "near-complete obliteration of the lumen (99%)", "an abrupt cut-off, in keeping with occlusion",
        ))  # fmt: skip
    word = c.pick(_ADJECTIVE[g])
    return c.pick((
        f"{word} narrowing", f"{c.percent(g)} percent diameter reduction",
        f"{word} luminal compromise ({c.range(g, '–')})",
        f"a {c.percent(g)}% lesion", f"{word} obstruction, estimated at {c.percent(g)}%",
        f"between {c.range(g, '% and ')} luminal loss", f"{word} stenosis",
    ))  # fmt: skip


def _list(names: list[str]) -> str:
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " & " + names[-1]


def _sentence(c: Case, v: Vessel) -> str:
    g = c.grades[v]
    if g is Grade.NORMAL:
        text = c.pick(
            (f"the {c.pick(_NAME[v])} is {c.pick(_FREE)}", f"no narrowing of the {c.pick(_NAME[v])}")
        )
    else:
        text = c.pick((
            f"{c.pick(_KIND)} in the {_site(c, v)} results in {_narrowing(c, g)}",
            f"the {_site(c, v)} harbours {c.pick(_KIND)} producing {_narrowing(c, g)}",
            f"{_narrowing(c, g)} is seen at the {_site(c, v)}",
        ))  # fmt: skip
    return text[:1].upper() + text[1:] + ". "


@BOOK.style("letter", weight=2.5)
def letter(c: Case) -> str:
    opening = c.pick((
        "Thank you for referring this patient for cardiac CT. ",
        "Dear colleague, your patient's scan shows the following. ",
        "Indication: chest pain. ",
    ))  # fmt: skip
    return (
        opening + _aside(c) + "".join(_sentence(c, v) for v in c.shuffled(VESSELS)) + _aside(c, 0, 1)
    ).strip()


@BOOK.style("table with bars", weight=2)
def table(c: Case) -> str:
    rows = ["Vessel | Plaque | Narrowing"]
    for v in c.pick(((LM, LAD, LCX, RCA), (RCA, LM, LAD, LCX))):
        g = c.grades[v]
        cell = "none" if g is Grade.NORMAL else "occluded" if g is Grade.OCCLUDED else c.pick((
            c.pick(_ADJECTIVE[g]), f"{c.percent(g)}%", c.range(g, "–"),
        ))  # fmt: skip
        rows.append(f"{c.pick(_NAME[v])} | {'none' if g is Grade.NORMAL else c.pick(_KIND)} | {cell}")
    return _aside(c, 0, 1) + "\n".join(rows)


@BOOK.style("apart from", weight=2, suits=lambda c: 1 <= len(c.diseased) <= 2)
def apart_from(c: Case) -> str:
    lesions = " and ".join(f"{_narrowing(c, c.grades[v])} of the {_site(c, v)}" for v in c.diseased)
    head = c.pick(("Apart from", "Other than", "With the exception of"))
    tail = c.pick(
        (
            "the coronary tree is unremarkable",
            "the epicardial arteries are clear",
            "there is no coronary narrowing",
        )
    )
    return f"{_aside(c)}{head} {lesions}, {tail}."


@BOOK.style("number of vessels diseased", weight=1.5, suits=lambda c: len(set(c.diseased) - {LM}) >= 2)
def n_vessel(c: Case) -> str:
    arteries = sorted((v for v in c.diseased if v is not LM), key=lambda v: -c.grades[v].rank)
    told = [
        f"{c.pick(_NAME[v])} {'occluded' if c.grades[v] is Grade.OCCLUDED else c.pick(_ADJECTIVE[c.grades[v]])}"
        for v in arteries
    ]
    text = f"{ {2: 'Two', 3: 'Three'}[len(arteries)] }-vessel coronary disease ({', '.join(told)}). "
    return (text + "".join(_sentence(c, v) for v in VESSELS if v not in arteries)).strip()


@BOOK.style("dash notes", weight=2)
def notes(c: Case) -> str:
    lines = []
    for v in (LM, LAD, LCX, RCA):
        g = c.grades[v]
        lines.append(
            f"- {c.pick(_NAME[v])}: "
            + (c.pick(("nil", "clear", "NAD", "0%")) if g is Grade.NORMAL else _narrowing(c, g))
        )
    return (
        "CTCA\n"
        + "\n".join(lines)
        + c.pick(("", "\nPlan: medical therapy.", "\nPlan: discuss at heart team."))
    )


@BOOK.style("prox / mid / dist", weight=1.5)
def thirds(c: Case) -> str:
    parts = []
    for v in (LM, LAD, LCX, RCA):
        g = c.grades[v]
        if v is LM:
            parts.append(f"{c.pick(_NAME[v])} {0 if g is Grade.NORMAL else c.percent(g)}%")
            continue
        at = int(c.rng.integers(3))
        values = [c.percent(g) if i == at else c.pick((0, 0, 10, 20)) for i in range(3)]
        parts.append(f"{c.pick(_NAME[v])} prox/mid/dist {values[0]}/{values[1]}/{values[2]}%")
    return "Maximum diameter narrowing: " + "; ".join(parts) + "."


@BOOK.style("all clear", weight=3, suits=lambda c: not c.diseased)
def clear(c: Case) -> str:
    return _aside(c) + c.pick((
        "Unremarkable coronary CT angiogram.",
        "All epicardial coronary arteries are widely patent and free of atheroma.",
        "CTCA negative for coronary disease.", "No plaque or luminal narrowing is identified in the coronary tree.",
        "Pristine coronaries.", "LMS, LAD, Cx and RCA: smooth, no narrowing.",
    ))  # fmt: skip


@BOOK.style("summary by severity", weight=2, suits=lambda c: bool(c.diseased))
def summary(c: Case) -> str:
    c.only(c.diseased)
    parts = []
    for g, vessels in c.by_grade():
        if g is not Grade.NORMAL:
            word = "Occluded" if g is Grade.OCCLUDED else f"{c.pick(_ADJECTIVE[g]).capitalize()} narrowing"
            parts.append(f"{word}: {_list([c.pick(_NAME[v]) for v in vessels])}")
    return (
        "CONCLUSION. "
        + ". ".join(parts)
        + ". "
        + c.pick(("Statin advised.", "Functional testing may help.", ""))
    )


@BOOK.style("sequences of values", weight=1, suits=lambda c: len(c.diseased) >= 2)
def sequence(c: Case) -> str:
    text = f"The {_list([c.pick(_NAME[v]) for v in c.diseased])} are narrowed by "
    text += _list([f"{c.percent(c.grades[v])}" for v in c.diseased]) + " percent in that order. "
    return (text + "".join(_sentence(c, v) for v in c.healthy)).strip()


@BOOK.style("category first", weight=1.2)
def category(c: Case) -> str:
    if not c.diseased:
        return f"Category: CADRADS-{c.cad_rads(plaque=c.chance(0.5))}." + c.maybe(
            0.6, " Preventive advice given."
        )
    lesions = "; ".join(f"{_site(c, v)}, {_narrowing(c, c.grades[v])}" for v in c.diseased)
    if c.chance(0.6):
        return f"CADRADS-{c.cad_rads()}: {lesions}; elsewhere clear."
    c.only(c.diseased)
    return f"CADRADS-{c.cad_rads()}. Culprit candidates: {lesions}."


@BOOK.style("side branches", weight=1.5, suits=lambda c: bool(set(c.diseased) - {LM}))
def side_branches(c: Case) -> str:
    parts = []
    for v in VESSELS:
        g = c.grades[v]
        if g is Grade.NORMAL or v is LM:
            parts.append(_sentence(c, v).strip())
        elif c.chance(0.5):
            parts.append(
                f"The {c.pick(_NAME[v])} proper is clear but its {c.pick(_BRANCH[v])} has {_narrowing(c, g)}."
            )
        else:
            parts.append(
                f"The {_site(c, v)} has {_narrowing(c, g)} and the {c.pick(_BRANCH[v])} {_narrowing(c, c.up_to(g))}."
            )
    return " ".join(parts)


@BOOK.style("after intervention", weight=1)
def intervention(c: Case) -> str:
    v = c.pick((RCA, LAD, LCX))
    g = c.grades[v]
    if c.chance(0.15):
        c.unknown(v)
        state = "the in-stent lumen is obscured and no opinion can be given"
    elif g is Grade.NORMAL:
        state = c.pick(
            ("contrast fills the lumen throughout with no neointimal growth", "no restenosis within it")
        )
    elif g is Grade.OCCLUDED:
        state = "it has thrombosed, with no flow (occluded)"
    else:
        state = f"neointimal growth narrows it by {c.percent(g)}%"
    return (
        f"Previous PCI to the {c.pick(_NAME[v])}; {state}. "
        + "".join(_sentence(c, w) for w in VESSELS if w is not v)
    ).strip()


@BOOK.style(
    "grafts beside native arteries",
    weight=0.5,
    suits=lambda c: Grade.NORMAL not in (c.grades[LCX], c.grades[LAD]),
)
def bypass(c: Case) -> str:
    c.only((LCX, LAD))
    graft = c.pick(("the LIMA graft to the LAD", "the vein graft to the obtuse marginal"))
    state = c.pick(("fills normally", "is blocked at its origin", "is open"))
    return f"Post bypass surgery; {graft} {state}. In the native circulation, " + " and ".join(
        f"the {c.pick(_NAME[v])} shows {_narrowing(c, c.grades[v])}" for v in (LAD, LCX)
    ) + "."  # fmt: skip


@BOOK.style("poor image", weight=1)
def poor_image(c: Case) -> str:
    v = c.pick((RCA, LCX, LAD))
    c.unknown(v)
    why = c.pick((
        "is blurred by cardiac motion and its lumen cannot be judged", "is uninterpretable (stair-step artefact)",
        "is obscured; no comment on narrowing is possible",
    ))  # fmt: skip
    return "".join(_sentence(c, w) for w in VESSELS if w is not v) + f"The {c.pick(_NAME[v])} {why}."


@BOOK.style("intramural course", weight=0.8, suits=lambda c: c.grades[LAD] is Grade.NORMAL)
def intramural(c: Case) -> str:
    name, length = c.pick(_NAME[LAD]), c.rng.integers(8, 35)
    text = (
        f"An intramyocardial course of the {name} over {length} mm is a normal variant; its lumen is clear. "
    )
    return (text + "".join(_sentence(c, w) for w in (LM, LCX, RCA))).strip()


@BOOK.style("follow-up of a lesion", weight=1, suits=lambda c: bool(c.diseased))
def followed(c: Case) -> str:
    parts = []
    for v in c.diseased:
        g = c.grades[v]
        now = "complete occlusion" if g is Grade.OCCLUDED else f"{c.percent(g)}%"
        then = c.percent(c.pick([h for h in Grade if h.rank <= g.rank and h is not Grade.OCCLUDED]))
        parts.append(f"the {_site(c, v)} lesion has gone from {then}% to {now}")
    since = f"{c.pick(('March', 'June', 'November'))} {c.rng.integers(2016, 2022)}"
    return f"Since {since}, {'; '.join(parts)}. The rest of the coronary tree remains clear."


@BOOK.style("plaque without judgement", weight=0.5, suits=lambda c: len(c.healthy) >= 2)
def plaque_only(c: Case) -> str:
    v = c.pick([w for w in c.healthy if w is not LM])
    c.unknown(v)
    return (
        f"The {c.pick(_NAME[v])} contains {c.pick(_KIND)}. "
        + "".join(_sentence(c, w) for w in VESSELS if w is not v).strip()
    )


@BOOK.style("obstructive without degree", weight=0.4, suits=lambda c: c.worst.rank >= Grade.MODERATE.rank)
def obstructive(c: Case) -> str:
    v = c.pick([w for w in c.diseased if c.grades[w].rank >= Grade.MODERATE.rank])
    c.unknown(v)
    rest = "".join(_sentence(c, w) for w in VESSELS if w is not v)
    return (
        f"Obstructive disease of the {c.pick(_NAME[v])}, to be quantified at catheterisation. {rest}".strip()
    )


@BOOK.style("between two grades", weight=0.8, suits=lambda c: c.worst in (Grade.MODERATE, Grade.SEVERE))
def between(c: Case) -> str:
    words = {
        Grade.MODERATE: ("mild-to-moderate", "mild/moderate"),
        Grade.SEVERE: ("moderate-to-severe", "moderate/severe"),
    }
    parts = []
    for v in VESSELS:
        g = c.grades[v]
        parts.append(
            f"{c.pick(words[g]).capitalize()} narrowing of the {_site(c, v)}. "
            if g in words
            else _sentence(c, v)
        )
    return "".join(parts).strip()


@BOOK.style("bounds in words", weight=0.8)
def bounds(c: Case) -> str:
    text = {
        Grade.NORMAL: ("less than 25%", "under 25%"), Grade.MILD: ("25 to 49%", "at least 25% but less than 50%"),
        Grade.MODERATE: ("at least 50% but less than 70%",),
        Grade.SEVERE: ("more than 70%", "exceeding 90%", "at least 70%"),
        Grade.OCCLUDED: ("a full 100%",),
    }  # fmt: skip
    return "Narrowing: " + ", ".join(f"{c.pick(_NAME[v])} {c.pick(text[c.grades[v]])}" for v in VESSELS) + "."


def blemish(text: str, c: Case) -> str:
    """Slips of another department: swapped letters, dictation marks, British and American spelling."""
    if c.chance(0.04):
        text = text.replace("narrowing", "narowing", 1)
    if c.chance(0.04):
        text = text.replace("circumflex", "circumlfex", 1)
    if c.chance(0.06):
        text = text.replace(". ", ".  ")
    if c.chance(0.05):
        text = text.replace("percent", "per cent")
    if c.chance(0.05):
        text = text.replace("moderate", "mod.")
    if c.chance(0.05):
        text = text.replace("\n", " / ")
    return text
