"""Stenosis grades of the four vessels out of the text of one CCTA report, each with the words it was read from."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ccta_lib.cohort.text.binding import Group, bind, groups
from ccta_lib.cohort.text.layout import lay_out
from ccta_lib.cohort.text.lexer import Token
from ccta_lib.cohort.text.normalise import MAX_CHARS, Normal, normalise
from ccta_lib.cohort.text.phrases import Event, clauses, events
from ccta_lib.cohort.text.sentences import Sentence, current_only, sentences, without_title
from ccta_lib.cohort.text.spelling import corrected
from ccta_lib.cohort.text.weighing import Finding, GradeReading, consistent, resolve
from ccta_lib.errors import ParameterError
from ccta_lib.schema import Grade, Vessel

_LEFT_DOMINANT = re.compile(
    r"left[- ](?:coronary )?(?:arter\w+ )?domina|dominance ?[:=]? ?(?:is )?left|"
    r"左(?:侧)?(?:冠(?:状动脉|脉)?)?优势|优势型? ?[:=] ?左"
)
_POSTERIOR = re.compile(r"pda|pl[vb]|postero|posterior|后降支|后室间支|左(?:心)?室后支|后外?侧支")
_EXCEPT = re.compile(r"except|apart|aside|other than|save|with the exception|除")
_CATEGORY = re.compile(r"(?<![.\d])([0-5][ab]?|n)$")


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
    laid = lay_out(text)
    normal = normalise(laid.text)
    if laid.offsets is not None:
        normal = normal.within(text, laid.offsets)
    normal = corrected(normal)
    collected = Collector(normal, only)
    for sentence in sentences(normal):
        collected.add(sentence)
    readings = {v: resolve(collected.by_vessel[v], collected.shared, normal) for v in Vessel}
    return consistent(readings, collected.categories) if only is None else readings


class Collector:
    """Gathers findings sentence by sentence and remembers which vessel the text is at."""

    def __init__(self, normal: Normal, only: Vessel | None) -> None:
        self.normal = normal
        self.only = only
        self.by_vessel: dict[Vessel, list[Finding]] = {v: [] for v in Vessel}
        self.shared: list[Finding] = []  # of "all" and "rest"
        self.categories: list[tuple[int, str]] = []  # CAD-RADS, with its quote
        self.at: tuple[Vessel, ...] = (only,) if only else ()
        self.section = ""
        self.count = 0
        self.left_dominant = bool(_LEFT_DOMINANT.search(normal.text))

    def add(self, sentence: Sentence) -> None:
        text = self.normal.text
        self.count += 1
        if sentence.section != self.section:
            self.section = sentence.section
            self.at = (self.only,) if self.only else ()
        tokens = self._meant(self._of_dominance(sentence.tokens))
        tokens = without_title(current_only(tokens, text))
        for token in tokens:
            category = _CATEGORY.search(text[token.start : token.end]) if token.kind == "cadrads" else None
            if category is not None and category[1] != "n":
                self.categories.append((int(category[1][0]), self.normal.quote(token.start, token.end)))
        found = events(tokens, text, bare=self.only is not None)
        if sentence.questioned and found:
            found[-1].unsure = True
        made = groups(tokens, text, found)
        for native in (g for g in made if g.scope == "native"):
            native.scope, native.units = "vessel", [(v,) for v in self.at]
        numbers = clauses(tokens) if found else []
        pairs = bind(tokens, found, made)
        for event, group, vessels in pairs:
            self._settle(sentence, tokens, numbers, event, group, vessels, made)
        self._reached(made, pairs, tokens)
        self._go_on(made)

    def _of_dominance(self, tokens: list[Token]) -> list[Token]:
        """Give the posterior descending and posterolateral branch to the LCX where the left artery dominates."""
        if not self.left_dominant:
            return tokens
        return [
            t._replace(value=(Vessel.LCX,))
            if t.kind == "vessel" and _POSTERIOR.match(self.normal.text, t.start) else t
            for t in tokens
        ]  # fmt: skip

    def _meant(self, tokens: list[Token]) -> list[Token]:
        """Put the vessels in the place of "the former" and "the latter"."""
        if not any(t.kind in ("former", "latter") for t in tokens):
            return tokens
        known = [(v,) for v in self.at]
        out: list[Token] = []
        for token in tokens:
            if token.kind == "vessel":
                known.append(token.value)
            elif token.kind in ("former", "latter") and len(known) >= 2:
                pair = known[-2:]
                token = token._replace(kind="vessel", value=pair[token.kind == "latter"])
            out.append(token)
        return out

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
        if event.kind == "normal" and scope == "vessel" and group is not None and group.last < event.first:
            opening = self.normal.text[tokens[0].start : tokens[0].end]
            if numbers[group.last] != numbers[event.first] and _EXCEPT.match(opening):
                self.shared.append(self._finding("normal", "rest", event, tokens, event.first, event.last))
                return
        if scope == "graft":
            self._put("graft", vessels, event, tokens, first, last)
            return
        if scope == "local":
            vessels, scope = _named_before(made, group), "vessel"
            if not vessels and event.degree.grade is not Grade.NORMAL:
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

    def _finding(
        self, kind: str, scope: str, event: Event, tokens: list[Token], first: int, last: int
    ) -> Finding:
        return Finding(kind, scope, event.degree, tokens[first].start, tokens[last].end, self.section,
                        self.count, event.unsure)  # fmt: skip

    def _put(
        self, kind: str, vessels: Iterable[Vessel], event: Event, tokens: list[Token], first: int, last: int
    ) -> None:
        for v in vessels:
            self.by_vessel[v].append(self._finding(kind, "vessel", event, tokens, first, last))

    def _reached(self, made: list[Group], pairs: list[tuple[Event, Group | None, tuple[Vessel, ...]]],
                 tokens: list[Token]) -> None:  # fmt: skip
        """Doubt a vessel that a lesion of another one is said to involve."""
        lesions = [
            (e, g) for e, g, _ in pairs if e.kind == "degree" and g is not None and g.scope == "vessel"
        ]
        for group in made:
            if group.after_into and not group.bound and group.scope == "vessel":
                for event, _ in lesions:
                    if event.last < group.first:
                        doubtful = Event(
                            "degree", event.degree, event.first, event.last, event.clause, unsure=True
                        )
                        self._put("degree", group.vessels, doubtful, tokens, event.first, group.last)
                        break

    def _go_on(self, made: list[Group]) -> None:
        if self.only:
            return
        for group in reversed(made):
            if group.scope in ("vessel", "graft") and group.vessels:
                self.at = group.vessels
                return
            if group.scope == "noncor" and any(g.scope == "vessel" for g in made):
                continue
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
            found = () if other.numbered else other.vessels  # other segments than "segment 6": all others
    return found
