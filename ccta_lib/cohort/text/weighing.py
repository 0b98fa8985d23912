"""Weighs all that a report says of one vessel: a grade, or an abstention with its reason."""

from __future__ import annotations

from dataclasses import dataclass

from ccta_lib.cohort.text.degree import ABSTAIN_BELOW, RANK, Degree
from ccta_lib.cohort.text.normalise import Normal
from ccta_lib.schema import Grade, Vessel


@dataclass(frozen=True)
class GradeReading:
    """What a report says of one vessel.

    Attributes
    ----------
    grade : Grade or None
        None is an abstention: the vessel is not mentioned, or the text leaves its grade open.
    percent : float or None
        The number that stands in the text, of a range the upper one; None where only words say it.
    evidence : str
        Words of the report, exactly as they stand there; empty when nothing concerns the vessel.
    confidence : float
        0 to 1; a reading always has at least `ABSTAIN_BELOW`.
    reason : str
        Why there is no grade; empty for a reading.
    """

    grade: Grade | None
    percent: float | None = None
    evidence: str = ""
    confidence: float = 0.0
    reason: str = ""


@dataclass(frozen=True)
class Finding:
    """Something said of one vessel, or (scope all, rest) of several, with its place in the normalised text."""

    kind: str
    scope: str
    degree: Degree
    start: int
    end: int
    section: str
    sentence: int
    unsure: bool = False


NOT_MENTIONED = "not mentioned"


def resolve(own: list[Finding], shared: list[Finding], normal: Normal) -> GradeReading:
    """Weigh what is said of one vessel (`own`) and of all or the remaining vessels (`shared`)."""
    graded = [
        f for f in own if f.kind in ("degree", "normal") and f.degree.grade is not None and not f.unsure
    ]
    sure = [f for f in graded if f.degree.confidence >= ABSTAIN_BELOW]
    denied = [f for f in shared if f.kind in ("degree", "normal") and not f.unsure
              and f.degree.grade is not None and f.degree.confidence >= ABSTAIN_BELOW]  # fmt: skip
    grafted = next((f for f in own if f.kind == "graft"), None)

    def abstain(finding: Finding, reason: str) -> GradeReading:
        return GradeReading(None, None, normal.quote(finding.start, finding.end), 0.0, reason)

    worst = max(sure, key=lambda f: (_rank(f), f.degree.percent or 0, f.degree.confidence), default=None)
    if worst is not None:
        doubt = _doubt(worst, own, graded, denied)
        if doubt is not None:
            return abstain(*doubt)
        return _reading(worst, normal, _section_confidence(worst, sure, denied))
    if grafted is not None:
        return abstain(grafted, "only a bypass graft is described")
    for f in own:
        if f.unsure:
            return abstain(f, "worded as uncertain")
        if f.kind in ("degree", "normal"):
            return abstain(f, "the degree is contradictory or leaves the grade open")
    for kind, reason in (("uneval", "not evaluable"), ("ungraded", "stenosis without a degree")):
        for f in own:
            if f.kind == kind:
                return abstain(f, reason)
    not_evaluable = next((f for f in shared if f.kind == "uneval"), None)
    if not_evaluable is not None:
        return abstain(not_evaluable, "not evaluable")
    weak = next((f for f in own if f.kind == "weak"), None)
    plaque = next((f for f in own if f.kind == "plaque"), None)
    covering = [f for f in denied if f.scope == "all" or (plaque is None and weak is None)]
    if covering:
        chosen = max(covering, key=lambda f: (_rank(f), f.degree.confidence))
        return _reading(chosen, normal, min(chosen.degree.confidence, 0.65 if weak else 0.9))
    if plaque is not None:
        return abstain(plaque, "plaque or stent without a word on the lumen")
    if weak is not None:
        return abstain(weak, "image quality limited")
    return GradeReading(None, reason=NOT_MENTIONED)


def _rank(finding: Finding) -> int:
    return RANK[finding.degree.grade] if finding.degree.grade is not None else -1


def _reading(finding: Finding, normal: Normal, confidence: float) -> GradeReading:
    return GradeReading(
        finding.degree.grade, finding.degree.percent, normal.quote(finding.start, finding.end), confidence
    )


def _doubt(
    worst: Finding, own: list[Finding], graded: list[Finding], denied: list[Finding]
) -> tuple[Finding, str] | None:
    """Return what stands against the worst sure finding, or None."""
    rank = _rank(worst)
    severe = rank >= RANK[Grade.SEVERE]
    for f in graded:
        if f.degree.confidence < ABSTAIN_BELOW and _rank(f) >= rank and not severe:
            return f, "the degree is contradictory or leaves the grade open"
    if severe:  # doubt about a still worse lesion does not change the label
        opposed = [f for f in denied if f.section == "impression" and f.scope == "all"]
        if opposed and worst.section != "impression" and not _in_impression(own):
            return worst, "findings and impression contradict each other"
        return _apart(graded, worst)
    for f in own:
        if f.unsure and (_rank(f) > rank or f.degree.grade is None):
            return f, "worded as uncertain"
        if f.kind == "uneval":
            return f, "a part is not evaluable"
        if f.kind == "ungraded" and rank == 0 and not any(
            g.sentence == f.sentence and g.kind in ("degree", "normal") for g in own
        ):  # fmt: skip
            return f, "stenosis without a degree"
    if rank >= RANK[Grade.MODERATE]:
        opposed = [f for f in denied if f.section == "impression" and f.scope == "all"]
        if opposed and worst.section != "impression" and not _in_impression(own):
            return worst, "findings and impression contradict each other"
    return _apart(graded, worst)


def _in_impression(own: list[Finding]) -> bool:
    return any(f.section == "impression" for f in own)


def _apart(graded: list[Finding], worst: Finding) -> tuple[Finding, str] | None:
    """Compare the worst of the findings with the worst of the impression."""
    ranks = {}
    for section in ("findings", "impression"):
        values = [_rank(f) for f in graded if f.section == section]
        if values:
            ranks[section] = max(values)
    if len(ranks) == 2 and abs(ranks["findings"] - ranks["impression"]) >= 2:
        return worst, "findings and impression contradict each other"
    return None


def _section_confidence(worst: Finding, sure: list[Finding], denied: list[Finding]) -> float:
    confidence = worst.degree.confidence
    other = [f for f in sure if f.section != worst.section]
    if other and max(_rank(f) for f in other) != _rank(worst):
        confidence = min(confidence, 0.6)
    elif _rank(worst) > 0 and any(f.scope == "all" for f in denied):
        confidence = min(confidence, 0.8)
    return confidence


def consistent(
    readings: dict[Vessel, GradeReading], categories: list[tuple[int, str]]
) -> dict[Vessel, GradeReading]:
    """Compare with CAD-RADS, which grades the worst vessel of the patient.

    0 and 1 mean that all vessels are below 25 %. A vessel graded worse than the category allows, or four vessels
    all better than it says, is a contradiction; 4 and 5 are not told apart, because 99 % is one or the other.
    """
    if not categories:
        return readings
    stated, quote = max(categories)
    ceiling = {0: 0, 1: 0, 2: 1, 3: 2}.get(stated, 4)
    floor = {0: 0, 1: 0, 2: 1}.get(stated, 2)  # 4B may be a left main of 50 %
    known = {v: RANK[r.grade] for v, r in readings.items() if r.grade is not None}
    too_mild = len(known) == len(readings) and max(known.values()) < floor
    out = {}
    for v, r in readings.items():
        if ceiling == 0 and r.grade is None and r.reason == NOT_MENTIONED:
            r = GradeReading(Grade.NORMAL, None, quote, 0.8)
        elif known.get(v, 0) > ceiling or too_mild:
            r = GradeReading(None, None, r.evidence, 0.0, f"contradicts CAD-RADS {stated}")
        out[v] = r
    return out
