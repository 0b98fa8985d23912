"""Stenosis grades of the four vessels out of the text of one CCTA report, each with the words it was read from."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from ccta_lib.cohort.text.binding import Group, bind, groups
from ccta_lib.cohort.text.degree import ABSTAIN_BELOW, Degree
from ccta_lib.cohort.text.lexicon import Token
from ccta_lib.cohort.text.normalise import MAX_CHARS, Normal, normalise
from ccta_lib.cohort.text.phrases import Event, clauses, events
from ccta_lib.cohort.text.sentences import Sentence, current_only, sentences
from ccta_lib.errors import ParameterError
from ccta_lib.schema import Grade, Vessel

_CATEGORY = re.compile(r"(?<![.\d])([0-5][ab]?|n)$")


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
class _Finding:
    kind: str
    scope: str
    degree: Degree
    start: int
    end: int
    section: str
    sentence: int
    unsure: bool = False


NOT_MENTIONED = "not mentioned"


def read_grades(text: str) -> dict[Vessel, GradeReading]:
    """Read the stenosis grade of each vessel from a CCTA report in Chinese, English or German.

    Rules only, no model; the same text always gives the same reading. The rules are listed in the book under
    "How grades are read from reports" (Methods, CCTA reports to grades).

    Parameters
    ----------
    text : str
        One report, with or without headings. More than `MAX_CHARS` characters is not one report: all abstain.

    Returns
    -------
    dict of Vessel to GradeReading
        All four vessels, in the paper's order.

    Raises
    ------
    ParameterError
        If `text` is not a string.
    """
    return _read(text, None)


def read_vessel_text(text: str, vessel: Vessel | str) -> GradeReading:
    """Read the grade from a cell that speaks of one vessel, as in tables with a column per vessel.

    Parameters
    ----------
    text : str
        Such as 未见明显狭窄, 完全堵塞, "RIVA proximal 75%", "no stenoses". The vessel need not be named.
    vessel : Vessel
        Whose column it is; what the cell says of other vessels is left out.

    Returns
    -------
    GradeReading

    Raises
    ------
    ParameterError
        If `text` is not a string or `vessel` is none of RCA, LM, LAD, LCX.
    """
    if vessel not in list(Vessel):
        raise ParameterError(f"vessel {vessel!r} is unknown; use one of {', '.join(Vessel)}")
    return _read(text, Vessel(vessel))[Vessel(vessel)]


def _read(text: str, only: Vessel | None) -> dict[Vessel, GradeReading]:
    if not isinstance(text, str):
        raise ParameterError(f"report text: found {type(text).__name__}; expected a string")
    if len(text) > MAX_CHARS:
        reason = f"longer than {MAX_CHARS:,} characters"
        return {v: GradeReading(None, reason=reason) for v in Vessel}
    normal = normalise(text)
    collected = _Collector(normal, only)
    for sentence in sentences(normal):
        collected.add(sentence)
    readings = {v: _resolve(v, collected, normal) for v in Vessel}
    return _consistent(readings, collected.categories) if only is None else readings


class _Collector:
    """Gathers findings sentence by sentence and remembers which vessel the text is at."""

    def __init__(self, normal: Normal, only: Vessel | None) -> None:
        self.normal = normal
        self.only = only
        self.by_vessel: dict[Vessel, list[_Finding]] = {v: [] for v in Vessel}
        self.shared: list[_Finding] = []  # of "all" and "rest"
        self.categories: list[tuple[int, str]] = []  # CAD-RADS, with its quote
        self.at: tuple[Vessel, ...] = (only,) if only else ()
        self.section = ""
        self.count = 0

    def add(self, sentence: Sentence) -> None:
        text = self.normal.text
        self.count += 1
        if sentence.section != self.section:
            self.section = sentence.section
            self.at = (self.only,) if self.only else ()
        tokens = current_only(sentence.tokens, text)
        for token in tokens:
            if token.kind == "cadrads" and (category := _CATEGORY.search(text[token.start : token.end])):
                if category[1] != "n":
                    self.categories.append((int(category[1][0]), self.normal.quote(token.start, token.end)))
        found = events(tokens, text, bare=self.only is not None)
        if sentence.questioned and found:
            found[-1].unsure = True
        made = groups(tokens, text, found)
        for native in (g for g in made if g.scope == "native"):
            native.scope, native.units = "vessel", [(v,) for v in self.at]
        numbers = clauses(tokens)
        pairs = bind(tokens, found, made)
        for event, group, vessels in pairs:
            self._settle(sentence, tokens, numbers, event, group, vessels, made)
        self._reached(made, pairs, tokens)
        self._go_on(made)

    def _settle(self, sentence: Sentence, tokens: list[Token], numbers: list[int], event: Event,
                group: Group | None, vessels: tuple[Vessel, ...], made: list[Group]) -> None:  # fmt: skip
        first, last = event.first, event.last
        scope = group.scope if group else ""
        if group is not None and scope != "noncor":
            first, last = min(first, group.first), max(last, group.last)
        else:
            while first > 0 and numbers[first - 1] == numbers[event.first]:
                first -= 1
        if scope in ("noncor",):
            return
        if scope == "graft":
            self._put("graft", vessels, event, tokens, first, last)
            return
        if scope == "local":
            vessels, scope = _named_before(made, group), "vessel"
            if not vessels and event.kind != "normal":
                vessels = self.at
            scope = scope if vessels else "rest"
        if group is None:
            vessels, scope = self._without_subject(sentence, tokens, event)
            if not scope:
                return
        if scope == "left":
            if event.kind == "degree" and event.degree.grade is not Grade.NORMAL:
                event.unsure = True
            vessels, scope = (Vessel.LM, Vessel.LAD, Vessel.LCX), "vessel"
        if scope == "coronary":
            if event.kind not in ("normal", "uneval"):
                return  # of the patient, not of a vessel
            scope = "all"
        if scope in ("all", "rest"):
            self.shared.append(self._finding(event.kind, scope, event, tokens, first, last))
            return
        self._put(event.kind, vessels, event, tokens, first, last)

    def _without_subject(
        self, sentence: Sentence, tokens: list[Token], event: Event
    ) -> tuple[tuple[Vessel, ...], str]:
        """Decide whom a sentence without a vessel speaks of: the vessel the text is at, or all."""
        goes_on = not sentence.new_line or any(t.kind == "part" for t in tokens) or event.kind != "normal"
        if self.only or (self.at and goes_on):
            return self.at, "vessel"
        if event.kind == "normal" and event.about_stenosis:
            return (), "all"
        if event.kind == "uneval" and not self.at:
            return (), "all"
        return (), ""

    def _finding(self, kind: str, scope: str, event: Event, tokens: list[Token], first: int, last: int) -> _Finding:
        return _Finding(kind, scope, event.degree, tokens[first].start, tokens[last].end, self.section,
                        self.count, event.unsure)  # fmt: skip

    def _put(
        self, kind: str, vessels: Iterable[Vessel], event: Event, tokens: list[Token], first: int, last: int
    ) -> None:
        for v in vessels:
            self.by_vessel[v].append(self._finding(kind, "vessel", event, tokens, first, last))

    def _reached(self, made: list[Group], pairs: list[tuple[Event, Group | None, tuple[Vessel, ...]]],
                 tokens: list[Token]) -> None:  # fmt: skip
        """Doubt a vessel that a lesion of another one is said to involve."""
        lesions = [(e, g) for e, g, _ in pairs if e.kind == "degree" and g is not None and g.scope == "vessel"]
        for group in made:
            if group.after_into and not group.bound and group.scope == "vessel":
                for event, _ in lesions:
                    if event.last < group.first:
                        doubtful = Event("degree", event.degree, event.first, event.last, event.clause, unsure=True)
                        self._put("degree", group.vessels, doubtful, tokens, event.first, group.last)
                        break

    def _go_on(self, made: list[Group]) -> None:
        if self.only:
            return
        for group in reversed(made):
            if group.scope in ("vessel", "graft") and group.vessels:
                self.at = group.vessels
                return
            if group.scope in ("noncor", "all", "rest", "coronary", "left"):
                self.at = ()
                return


def _named_before(made: list[Group], group: Group | None) -> tuple[Vessel, ...]:
    """Vessels named last before a group in its sentence."""
    found: tuple[Vessel, ...] = ()
    for other in made:
        if other is group:
            break
        if other.scope == "vessel":
            found = other.vessels
    return found


# ---------------------------------------------------------------------------------------------------------


def _resolve(vessel: Vessel, collected: _Collector, normal: Normal) -> GradeReading:
    """Weigh all that is said of one vessel."""
    own = collected.by_vessel[vessel]
    graded = [f for f in own if f.kind in ("degree", "normal") and f.degree.grade is not None and not f.unsure]
    sure = [f for f in graded if f.degree.confidence >= ABSTAIN_BELOW]
    denied = [f for f in collected.shared if f.kind in ("degree", "normal") and not f.unsure
              and f.degree.grade is not None and f.degree.confidence >= ABSTAIN_BELOW]  # fmt: skip
    grafted = next((f for f in own if f.kind == "graft"), None)

    def abstain(finding: _Finding, reason: str) -> GradeReading:
        return GradeReading(None, None, normal.quote(finding.start, finding.end), 0.0, reason)

    worst = max(sure, key=lambda f: (_rank(f), f.degree.confidence), default=None)
    if worst is not None:
        doubt = _doubt(worst, own, graded, denied)
        if doubt is not None:
            return abstain(*doubt)
        return _reading(worst, normal, _section_confidence(worst, sure, denied))
    for kind, reason in (("graft", "only a bypass graft is described"),):
        if grafted is not None:
            return abstain(grafted, reason)
    for f in own:
        if f.unsure:
            return abstain(f, "worded as uncertain")
        if f.kind in ("degree", "normal"):
            return abstain(f, "the degree is contradictory or leaves the grade open")
    for kind, reason in (("uneval", "not evaluable"), ("ungraded", "stenosis without a degree")):
        for f in own:
            if f.kind == kind:
                return abstain(f, reason)
    not_evaluable = next((f for f in collected.shared if f.kind == "uneval"), None)
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


def _rank(finding: _Finding) -> int:
    return finding.degree.grade.rank if finding.degree.grade is not None else -1


def _reading(finding: _Finding, normal: Normal, confidence: float) -> GradeReading:
    return GradeReading(
        finding.degree.grade, finding.degree.percent, normal.quote(finding.start, finding.end), confidence
    )


def _doubt(
    worst: _Finding, own: list[_Finding], graded: list[_Finding], denied: list[_Finding]
) -> tuple[_Finding, str] | None:
    """Return what stands against the worst sure finding, or None."""
    rank = _rank(worst)
    severe = rank >= Grade.SEVERE.rank
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
    if rank >= Grade.MODERATE.rank:
        opposed = [f for f in denied if f.section == "impression" and f.scope == "all"]
        if opposed and worst.section != "impression" and not _in_impression(own):
            return worst, "findings and impression contradict each other"
    return _apart(graded, worst)


def _in_impression(own: list[_Finding]) -> bool:
    return any(f.section == "impression" for f in own)


def _apart(graded: list[_Finding], worst: _Finding) -> tuple[_Finding, str] | None:
    """Compare the worst of the findings with the worst of the impression."""
    ranks = {}
    for section in ("findings", "impression"):
        values = [_rank(f) for f in graded if f.section == section]
        if values:
            ranks[section] = max(values)
    if len(ranks) == 2 and abs(ranks["findings"] - ranks["impression"]) >= 2:
        return worst, "findings and impression contradict each other"
    return None


def _section_confidence(worst: _Finding, sure: list[_Finding], denied: list[_Finding]) -> float:
    confidence = worst.degree.confidence
    other = [f for f in sure if f.section != worst.section]
    if other and max(_rank(f) for f in other) != _rank(worst):
        confidence = min(confidence, 0.6)
    elif _rank(worst) > 0 and any(f.scope == "all" for f in denied):
        confidence = min(confidence, 0.8)
    return confidence


def _consistent(readings: dict[Vessel, GradeReading], categories: list[tuple[int, str]]) -> dict[Vessel, GradeReading]:
    """Compare with CAD-RADS, which grades the worst vessel of the patient.

    0 and 1 mean that all vessels are below 25 %. A vessel graded worse than the category allows, or four vessels all
    better than it says, is a contradiction; 4 and 5 are not told apart, because 99 % is one or the other.
    """
    if not categories:
        return readings
    stated, quote = max(categories)
    allowed = {0: 0, 1: 0, 2: 1, 3: 2}.get(stated, 4)
    least = {0: 0, 1: 0, 2: 1, 3: 2, 4: 3, 5: 3}[stated]
    known = {v: r.grade.rank for v, r in readings.items() if r.grade is not None}
    out = {}
    for v, r in readings.items():
        if allowed == 0 and r.grade is None and r.reason == NOT_MENTIONED:
            r = GradeReading(Grade.NORMAL, None, quote, 0.8)
        elif v in known and known[v] > allowed:
            r = GradeReading(None, None, r.evidence, 0.0, f"contradicts CAD-RADS {stated}")
        elif len(known) == len(readings) and max(known.values()) < min(least, 2):
            r = GradeReading(None, None, r.evidence, 0.0, f"contradicts CAD-RADS {stated}")
        out[v] = r
    return out
