"""English report wording that rules may be written against (develop); the other split is reports_score_once_en."""

from __future__ import annotations

from ccta_lib.schema import VESSELS, Grade, Vessel
from ccta_lib.simulate.exports.wording_case import Case, StyleBook

BOOK = StyleBook()
RCA, LM, LAD, LCX = VESSELS

_NAME = {
    RCA: ("right coronary artery", "RCA", "right coronary artery (RCA)"),
    LM: ("left main", "LM", "left main coronary artery", "LMCA"),
    LAD: ("left anterior descending artery", "LAD", "left anterior descending (LAD)"),
    LCX: ("left circumflex artery", "LCX", "LCx", "circumflex"),
}
_BRANCH = {
    RCA: ("PDA", "posterior descending artery", "PLV branch"),
    LAD: ("first diagonal branch", "D1", "D2", "diagonal branch"),
    LCX: ("OM1", "first obtuse marginal", "obtuse marginal branch", "ramus intermedius"),
}
_PART = {LM: ("", "ostial ", "distal ")}
_PLAQUE = (
    "calcified plaque",
    "non-calcified plaque",
    "mixed plaque",
    "partially calcified plaque",
    "soft plaque",
)
_WORD = {
    Grade.NORMAL: ("minimal",), Grade.MILD: ("mild",), Grade.MODERATE: ("moderate",), Grade.SEVERE: ("severe",),
}  # fmt: skip
_CLEAR = (
    "no stenosis", "no plaque or stenosis", "normal", "no significant stenosis", "patent without stenosis",
    "no evidence of stenosis",
)  # fmt: skip
_DISTRACTORS = (
    "Heart rate during acquisition was {hr} bpm. ", "Agatston calcium score: {ca}. ", "Ejection fraction {ef}%. ",
    "The ascending aorta measures {ao} mm. ", "Right dominant circulation. ", "Estimated dose {dose} mSv. ",
    "Normal coronary origins. ", "A {nod} mm nodule in the right lower lobe. ",
)  # fmt: skip


def _distract(c: Case, low: int = 0, high: int = 3) -> str:
    numbers = {
        "hr": c.rng.integers(50, 86), "ca": c.rng.integers(0, 1200), "ef": c.rng.integers(35, 70),
        "ao": c.rng.integers(28, 47), "dose": c.rng.integers(1, 10), "nod": c.rng.integers(3, 9),
    }  # fmt: skip
    return "".join(t.format(**numbers) for t in c.sample(_DISTRACTORS, low, high))


def _where(c: Case, v: Vessel) -> str:
    return c.pick(_PART.get(v, ("proximal ", "mid ", "distal ", "proximal to mid ", ""))) + c.pick(_NAME[v])


def _degree(c: Case, g: Grade) -> str:
    if g is Grade.OCCLUDED:
        return c.pick(
            ("total occlusion", "complete occlusion", "100% stenosis", "99% stenosis (subtotal occlusion)")
        )
    word = c.pick(_WORD[g])
    return c.pick((
        f"{word} stenosis", f"{c.percent(g)}% stenosis", f"{word} ({c.range(g)}) stenosis",
        f"approximately {c.percent(g)}% luminal narrowing", f"{word} stenosis of about {c.percent(g)}%",
        f"{c.range(g, ' to ')} stenosis",
    ))  # fmt: skip


def _vessel(c: Case, v: Vessel) -> str:
    g = c.grades[v]
    if g is Grade.NORMAL:
        return c.pick(
            (*_CLEAR, f"{c.pick(_PLAQUE)} without stenosis", f"{c.pick(_PLAQUE)} causing {_degree(c, g)}")
        )
    part = c.pick(_PART.get(v, ("proximal ", "mid ", "distal ")))
    text = f"{part}{c.pick(_PLAQUE)} with {_degree(c, g)}"
    if v is not LM and c.chance(0.35):
        text += f"; further {c.pick(_PLAQUE)} with {_degree(c, c.up_to(g))}"
    if v is not LM and c.chance(0.2):
        text += f". {c.pick(_BRANCH[v])}: no stenosis"
    return text


def _join(names: list[str]) -> str:
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]


@BOOK.style("structured list", weight=3)
def structured(c: Case) -> str:
    mark, end = c.pick(((": ", ".\n"), (": ", ". "), (" - ", "\n")))
    order = c.pick(((LM, LAD, LCX, RCA), (RCA, LM, LAD, LCX)))
    lines = "".join(f"{_upper(c.pick(_NAME[v]))}{mark}{_upper(_vessel(c, v))}{end}" for v in order)
    return _distract(c, 0, 2) + lines + _distract(c, 0, 2)


@BOOK.style("narrative, others normal", weight=3, suits=lambda c: bool(c.diseased))
def narrative(c: Case) -> str:
    parts = [
        c.pick(("There is {p} in the {w} with {d}.", "The {w} shows {p} with {d}.", "{p} in the {w} causes {d}."))
        .format(p=c.pick(_PLAQUE), w=_where(c, v), d=_degree(c, c.grades[v]))
        for v in c.shuffled(c.diseased)
    ]  # fmt: skip
    rest = c.pick((
        "The remaining vessels are normal.", "No stenosis in the remaining coronary arteries.",
        "The other coronary arteries show no significant stenosis.", "Remaining segments are unremarkable.",
    ))  # fmt: skip
    return f"{_distract(c, 0, 2)}{' '.join(_upper(p) for p in parts)} {rest} {_distract(c, 0, 2)}".strip()


@BOOK.style("impression only", weight=2, suits=lambda c: bool(c.diseased))
def impression(c: Case) -> str:
    c.only(c.diseased)
    items = [f"{_upper(_degree(c, c.grades[v]))} of the {_where(c, v)}" for v in c.diseased]
    items.append(
        c.pick(
            ("Clinical correlation recommended", "Consider invasive angiography", "Aortic atherosclerosis")
        )
    )
    return "IMPRESSION:\n" + "\n".join(f"{i}. {t}." for i, t in enumerate(items, 1))


@BOOK.style("findings and impression", weight=2)
def both(c: Case) -> str:
    findings = " ".join(f"{_upper(c.pick(_NAME[v]))}: {_vessel(c, v)}." for v in (LM, LAD, LCX, RCA))
    if c.diseased:
        ends = "; ".join(
            f"{'occlusion' if (g := c.grades[v]) is Grade.OCCLUDED else c.pick(_WORD[g]) + ' stenosis'} in the "
            f"{c.pick(_NAME[v])}" for v in c.diseased
        )  # fmt: skip
        return f"FINDINGS: {findings} {_distract(c)}\nIMPRESSION: Coronary artery disease with {ends}."
    return f"FINDINGS: {findings} {_distract(c)}\nIMPRESSION: No significant coronary artery stenosis."


@BOOK.style("several vessels in one clause", weight=2)
def grouped(c: Case) -> str:
    parts = []
    for g, vessels in c.by_grade():
        names = _join([c.pick(_NAME[v]) for v in vessels])
        if g is Grade.NORMAL:
            parts.append(
                f"the {names} {'are' if len(vessels) > 1 else 'is'} {c.pick(('normal', 'free of stenosis'))}"
            )
        else:
            parts.append(f"{_degree(c, g)} in the {names}")
    return _distract(c, 0, 2) + ". ".join(_upper(p) for p in parts) + "."


@BOOK.style("respectively", weight=1, suits=lambda c: len(c.diseased) >= 2)
def respectively(c: Case) -> str:
    values = _join([f"{c.percent(c.grades[v])}%" for v in c.diseased])
    text = f"Stenoses of {values} in the {_join([c.pick(_NAME[v]) for v in c.diseased])}, respectively."
    return text + (
        f" No stenosis in the {_join([c.pick(_NAME[v]) for v in c.healthy])}." if c.healthy else ""
    )


@BOOK.style("CAD-RADS and text", weight=1.5)
def cad_rads(c: Case) -> str:
    if not c.diseased:
        plaque = c.chance(0.5)
        tail = "Minimal plaque without stenosis." if plaque else "No coronary artery disease."
        return f"CAD-RADS {c.cad_rads(plaque=plaque)}. {c.maybe(0.7, tail)}".strip()
    body = ". ".join(_upper(f"{_where(c, v)} {_degree(c, c.grades[v])}") for v in c.diseased)
    rest = c.maybe(0.5, " Other vessels without stenosis.")
    if not rest:
        c.only(c.diseased)
    return f"{body}.{rest} CAD-RADS {c.cad_rads()}{c.pick(('', '/P2', '/N'))}."


@BOOK.style("all normal", weight=3, suits=lambda c: not c.diseased)
def all_normal(c: Case) -> str:
    return _distract(c) + c.pick((
        "Normal coronary arteries.", "No evidence of coronary artery disease.", "No coronary plaque or stenosis.",
        "The left main, LAD, LCX and RCA are patent without stenosis.", "Coronary arteries: no significant stenosis.",
        "Coronary atherosclerosis without significant stenosis in any vessel.",
    ))  # fmt: skip


@BOOK.style("branch lesions", weight=1.5, suits=lambda c: bool(set(c.diseased) - {LM}))
def branches(c: Case) -> str:
    parts = []
    for v in c.diseased:
        g = c.grades[v]
        if v is LM:
            parts.append(f"{_where(c, v)}: {_degree(c, g)}")
        elif c.chance(0.6):
            parts.append(f"{_degree(c, g)} of the {c.pick(_BRANCH[v])}")
        else:
            parts.append(
                f"{_where(c, v)} with {_degree(c, c.up_to(g))}, {c.pick(_BRANCH[v])} with {_degree(c, g)}"
            )
    return ". ".join(_upper(p) for p in parts) + ". Otherwise no stenosis in the coronary arteries."


@BOOK.style("segment list", weight=1.5)
def segments(c: Case) -> str:
    parts = {
        LM: ("LM",), LAD: ("pLAD", "mLAD", "dLAD", "D1"), LCX: ("pLCX", "dLCX", "OM1"),
        RCA: ("pRCA", "mRCA", "dRCA", "R-PDA"),
    }  # fmt: skip
    lines = []
    for v, names in parts.items():
        at = int(c.rng.integers(len(names)))
        for i, name in enumerate(names):
            g = c.grades[v] if i == at else Grade.NORMAL
            lines.append(f"{name} {0 if g is Grade.NORMAL else c.percent(g)}%")
    return "Stenosis by segment: " + ", ".join(lines) + "."


@BOOK.style("SCCT segment numbers", weight=1)
def numbers(c: Case) -> str:
    table = {RCA: (1, 2, 3, 4, 16), LM: (5,), LAD: (6, 7, 8, 9, 10), LCX: (11, 12, 13, 14, 17)}
    lines = [f"Segment {c.pick(table[v])}: {c.pick(_PLAQUE)}, {_degree(c, c.grades[v])}." for v in c.diseased]
    return "SCCT segments. " + " ".join([*lines, "All other segments: no stenosis."])


@BOOK.style("stent", weight=1)
def stent(c: Case) -> str:
    v = c.pick((RCA, LAD, LCX))
    g, rest = c.grades[v], [w for w in VESSELS if w is not v]
    lumen = (
        "is patent without in-stent restenosis"
        if g is Grade.NORMAL
        else f"shows in-stent restenosis, {_degree(c, g)}"
    )
    if c.chance(0.15):
        lumen = "cannot be assessed because of blooming"
        c.unknown(v)
    elif g is Grade.OCCLUDED:
        lumen = "is occluded"
    others = " ".join(f"{_upper(c.pick(_NAME[w]))}: {_vessel(c, w)}." for w in rest)
    return f"The stent in the {_where(c, v)} {lumen}. {others}"


@BOOK.style("bypass grafts", weight=0.5, suits=lambda c: Grade.NORMAL not in (c.grades[LAD], c.grades[RCA]))
def grafts(c: Case) -> str:
    graft = c.pick(("LIMA to LAD graft", "SVG to PDA"))
    native = ". ".join(f"Native {c.pick(_NAME[v])}: {_degree(c, c.grades[v])}" for v in (LAD, RCA))
    c.only((LAD, RCA))
    return (
        f"Status post CABG. {graft} is {c.pick(('patent', 'occluded', 'patent without stenosis'))}. {native}."
    )


@BOOK.style("artefact", weight=1)
def artefact(c: Case) -> str:
    v = c.pick((RCA, LAD, LCX))
    c.unknown(v)
    why = c.pick((
        "not evaluable due to motion artefact", "non-diagnostic because of heavy calcification",
        "cannot be assessed owing to breathing artifact",
    ))  # fmt: skip
    others = " ".join(f"{_upper(c.pick(_NAME[w]))}: {_vessel(c, w)}." for w in VESSELS if w is not v)
    return f"{_upper(c.pick(_NAME[v]))} {why}. {others}"


@BOOK.style("myocardial bridge", weight=1, suits=lambda c: c.grades[LAD] is Grade.NORMAL)
def bridge(c: Case) -> str:
    others = " ".join(f"{_upper(c.pick(_NAME[w]))}: {_vessel(c, w)}." for w in (LM, LCX, RCA))
    return f"Myocardial bridging of the mid {c.pick(_NAME[LAD])}, no stenosis. {others}"


@BOOK.style("comparison", weight=1, suits=lambda c: bool(c.diseased))
def comparison(c: Case) -> str:
    parts = []
    for v in c.diseased:
        before = c.pick([h for h in Grade if h.rank <= c.grades[v].rank and h is not Grade.OCCLUDED])
        parts.append(f"{_where(c, v)}: {_degree(c, c.grades[v])}, previously {c.percent(before)}%")
    body = ". ".join(_upper(p) for p in parts)
    year = c.rng.integers(2014, 2022)
    return f"Compared with the examination of {year}. {body}. No stenosis in the other vessels, unchanged."


@BOOK.style("plaque, degree not stated", weight=0.6, suits=lambda c: len(c.healthy) >= 2)
def plaque_only(c: Case) -> str:
    v = c.pick([w for w in c.healthy if w is not LM])
    c.unknown(v)
    others = " ".join(f"{_upper(c.pick(_NAME[w]))}: {_vessel(c, w)}." for w in VESSELS if w is not v)
    return f"{_upper(c.pick(_NAME[v]))}: {c.pick(_PLAQUE)}. {others}"


@BOOK.style("ranges of words", weight=0.8, suits=lambda c: c.worst in (Grade.MODERATE, Grade.SEVERE))
def word_ranges(c: Case) -> str:
    words = {
        Grade.MODERATE: ("mild to moderate", "mild-moderate"),
        Grade.SEVERE: ("moderate to severe", "moderate-severe"),
    }
    parts = [
        f"{_where(c, v)}: {c.pick(words[g])} stenosis"
        if (g := c.grades[v]) in words
        else f"{_where(c, v)}: {_degree(c, g)}"
        for v in c.diseased
    ]
    return "; ".join(_upper(p) for p in parts) + ". No stenosis in the remaining vessels."


@BOOK.style("inequalities", weight=0.8)
def inequalities(c: Case) -> str:
    text = {
        Grade.NORMAL: ("<25%",), Grade.MILD: ("<50%", "25-49%"), Grade.MODERATE: ("50-69%",),
        Grade.SEVERE: (">70%", "≥70%", ">90%"), Grade.OCCLUDED: ("100%",),
    }  # fmt: skip
    return "; ".join(f"{c.pick(_NAME[v])} {c.pick(text[c.grades[v]])} stenosis" for v in VESSELS) + "."


def blemish(text: str, c: Case) -> str:
    """What a hurried typist does to it: letter case, spaces, one mistyped word."""
    if c.chance(0.08):
        text = text.upper()
    elif c.chance(0.08):
        text = text.lower()
    if c.chance(0.05):
        text = text.replace("stenosis", "stenosys", 1)
    if c.chance(0.05):
        text = text.replace("%", " %")
    if c.chance(0.03):
        text = text.replace(". ", ".", 1)
    return text
