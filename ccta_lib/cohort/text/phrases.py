"""From the tokens of one sentence to events: what is said about a stenosis, before it is known of which vessel."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ccta_lib.cohort.text.degree import Degree, Interval, combine
from ccta_lib.cohort.text.denial import denial, denied_by_ellipsis, is_lone_denial, negation
from ccta_lib.cohort.text.lexer import Token
from ccta_lib.cohort.text.percentages import interval
from ccta_lib.schema import Grade

_CALCIUM = re.compile(r"agatston|calcium|积分")
_NOUNS_OF_A_DEGREE = {"stenosis", "lesion", "occ"}
_OTHER_NOUNS = {"plaque", "calc", "other", "ath", "weak", "bridge", "calcadj", "irregular", "stent"}
_BESIDE_A_DEGREE = {"part", "vessel", "and", "grade", "pct", "sig", "approx", "lumen", "paren", "bound", "suffix",
                    "number", "nonsig", "left", "coronary", "all", "three"}  # fmt: skip
_INSIDE_A_LESION = {"stenosis", "lesion", "approx", "lumen", "bound", "suffix", "paren", "sig", "shows", "colon",
                    "comma", "prep", "anat"}  # fmt: skip
_INSIDE_AN_INTERVAL = {
    "and",
    "comma",
    "but",
    "bound",
    "approx",
    "shows",
    "paren",
    "lumen",
    "suffix",
    "stenosis",
}


@dataclass
class Event:
    """Something said about a lumen.

    Attributes
    ----------
    kind : str
        degree, normal, ungraded, plaque, uneval, weak or bridge.
    degree : Degree
        Of kinds degree and normal.
    first, last : int
        Places of its first and last token in the sentence.
    clause : int
        Number of the comma clause it stands in.
    has_noun : bool
        Whether "stenosis" or its like stands with the degree.
    unsure : bool
        Whether its clause doubts it ("cannot be excluded").
    about_stenosis : bool
        Whether a stenosis was denied, not merely something called normal.
    """

    kind: str
    degree: Degree
    first: int
    last: int
    clause: int
    has_noun: bool = False
    unsure: bool = False
    about_stenosis: bool = False


_NOTHING = Degree(None, None, 0.0)


def clauses(tokens: Sequence[Token]) -> list[int]:
    """Number the comma clause of each token."""
    numbers, current = [], 0
    for token in tokens:
        if token.kind in ("comma", "but"):
            current += 1
        numbers.append(current)
    return numbers


def events(tokens: Sequence[Token], text: str, *, bare: bool) -> list[Event]:
    """Find what one sentence says about lumens.

    Parameters
    ----------
    tokens : sequence of Token
        One sentence, without what concerns other times or advice.
    text : str
        The normalised report.
    bare : bool
        Whether a degree may stand without a noun and without a vessel, as in a column of one vessel.

    Returns
    -------
    list of Event, in the order of the text
    """
    clause = clauses(tokens)
    denied = negation(tokens, clause)
    doubted = {clause[i] for i, t in enumerate(tokens) if t.kind == "unsure"}
    bridged = {clause[i] for i, t in enumerate(tokens) if t.kind == "bridge" and denied[i] is None}
    anatomic = {clause[i] for i, t in enumerate(tokens) if t.kind == "anat"}
    luminal = {clause[i] for i, t in enumerate(tokens) if t.kind in ("lumen", "stenosis", "lesion", "plaque")}
    found: list[Event] = []

    def add(kind: str, degree: Degree, first: int, last: int, **more: bool) -> None:
        doubt = clause[last] in doubted and kind in ("degree", "ungraded", "normal")
        found.append(Event(kind, degree, first, last, clause[last], unsure=doubt, **more))

    denials: set[int] = set()
    degrees = _degrees(tokens, clause, denied, bridged, text, bare=bare)
    taken = {i for first, last, *_ in degrees for i in range(first, last + 1)}
    for first, last, words, span in degrees:
        noun = any(t.kind in _NOUNS_OF_A_DEGREE for t in tokens[first : last + 1])
        add("degree", combine(words, span), first, last, has_noun=noun)
    for i, token in enumerate(tokens):
        word, kind = denied[i], token.kind
        if word is not None and kind in ("stenosis", "lesion", "plaque", "ath", "abn", "irregular"):
            confidence = denial(tokens, word, i, text)
            if confidence and (word not in denials or confidence >= 0.9):
                denials.add(word)
                first, last = min(word, i), max(word, i)
                add("normal", Degree(Grade.NORMAL, None, confidence), first, last,
                    about_stenosis=kind != "abn")  # fmt: skip
        elif kind in ("neg", "negpost") and (last := denied_by_ellipsis(tokens, i)):
            add("normal", Degree(Grade.NORMAL, None, 0.8), i, last, about_stenosis=True)
        elif kind in ("neg", "negpost") and is_lone_denial(tokens, clause, i, text):
            add("normal", Degree(Grade.NORMAL, None, 0.7), i, i, about_stenosis=True)
        elif word is not None:
            continue
        elif kind == "normal" and not (clause[i] in anatomic and clause[i] not in luminal):
            add("normal", Degree(Grade.NORMAL, None, token.value), i, i)
        elif kind == "irregular":
            add("normal", Degree(Grade.NORMAL, None, 0.75), i, i)
        elif kind == "occ" and i not in taken and clause[i] not in bridged:
            add("degree", Degree(Grade.OCCLUDED, None, 0.9), i, i, has_noun=True)
        elif kind == "nonsig" and i not in taken:
            minimal = i > 0 and tokens[i - 1].kind == "grade" and tokens[i - 1].value[1] is Grade.NORMAL
            noun = i + 1 < len(tokens) and tokens[i + 1].kind in ("stenosis", "lesion", "plaque", "ath")
            add("degree", Degree(Grade.NORMAL if minimal else Grade.MILD, None, 0.55), i, i + noun)
        elif kind == "stenosis" and i not in taken and clause[i] not in bridged:
            add("ungraded", _NOTHING, i, i)
        elif kind in ("plaque", "calc", "lesion", "ath", "stent") and i not in taken:
            add("plaque", _NOTHING, i, i)
        elif kind in ("uneval", "weak", "bridge"):
            add(kind, _NOTHING, i, i)
    found.sort(key=lambda e: (e.first, e.last))
    return found


_Lesion = tuple[int, int, tuple[Grade, Grade] | None, Interval | None]


def _degrees(
    tokens: Sequence[Token],
    clause: Sequence[int],
    denied: Sequence[int | None],
    bridged: set[int],
    text: str,
    *,
    bare: bool,
) -> list[_Lesion]:
    """Group words and numbers of degree into lesions: (first, last, words, interval)."""
    single: list[_Lesion] = []
    for i, token in enumerate(tokens):
        if denied[i] is not None or clause[i] in bridged:
            continue
        if token.kind == "grade" and _is_of_stenosis(tokens, clause, i, bare=bare):
            single.append((i, i, token.value, None))
        elif token.kind == "pct" and _is_of_lumen(tokens, clause, i, text):
            single.append((i, i, None, interval(tokens, i)))
    merged: list[_Lesion] = []
    for lesion in single:
        if merged:
            first, last, words, numbers = merged[-1]
            between = [t.kind for t in tokens[last + 1 : lesion[0]]]
            fits = (words is None or lesion[2] is None) and (numbers is None or lesion[3] is None)
            if fits and between.count("comma") <= 1 and set(between) <= _INSIDE_A_LESION:
                merged[-1] = (first, lesion[1], words or lesion[2], numbers or lesion[3])
                continue
            upper = lesion[3]
            if words is None and set(between) <= _INSIDE_AN_INTERVAL and numbers and upper and (
                (numbers.bound, upper.bound) == (">", "<")  # "at least 50 % but below 70 %"
            ):  # fmt: skip
                merged[-1] = (first, lesion[1], lesion[2], Interval(numbers.low, upper.high, ""))
                continue
        merged.append(lesion)
    return [
        (*_with_noun(tokens, clause, first, last), words, numbers) for first, last, words, numbers in merged
    ]


def _with_noun(tokens: Sequence[Token], clause: Sequence[int], first: int, last: int) -> tuple[int, int]:
    """Widen a degree over the noun directly before or after it."""
    after = last + 1
    while after < len(tokens) and tokens[after].kind in ("sig", "approx", "lumen", "paren", "suffix", "part"):
        after += 1
    if [t.kind for t in tokens[after : after + 2]] == ["plaque", "stenosis"]:
        after += 1
    if after < len(tokens) and tokens[after].kind in _NOUNS_OF_A_DEGREE:
        return first, after
    before = first - 1
    while before >= 0 and tokens[before].kind in (
        "approx",
        "bound",
        "paren",
        "colon",
        "lumen",
        "prep",
        "shows",
        "anat",
    ):
        before -= 1
    if before >= 0 and tokens[before].kind in _NOUNS_OF_A_DEGREE and clause[before] == clause[first]:
        return before, last
    return first, last


def _is_of_stenosis(tokens: Sequence[Token], clause: Sequence[int], i: int, *, bare: bool) -> bool:
    """Tell whether a word of degree qualifies a stenosis, and not a plaque, an artefact or the like."""
    for j in range(i + 1, len(tokens)):
        if clause[j] != clause[i]:
            break
        if tokens[j].kind in _NOUNS_OF_A_DEGREE:
            return True
        if tokens[j].kind == "plaque" and [t.kind for t in tokens[j + 1 : j + 2]] == ["stenosis"]:
            return True  # "soft-plaque stenosis"
        if tokens[j].kind in _OTHER_NOUNS:
            return False
        if tokens[j].kind not in _BESIDE_A_DEGREE:
            break
    for j in range(i - 1, -1, -1):
        if clause[j] != clause[i]:
            break
        if tokens[j].kind in _NOUNS_OF_A_DEGREE:
            return True
        if tokens[j].kind in _OTHER_NOUNS or tokens[j].kind == "noncor":
            return False
    if _names_in_a_row(tokens, i):
        return True
    return bare or any(t.kind in ("vessel", "number", "colon") for t in tokens[:i])


def _names_in_a_row(tokens: Sequence[Token], i: int) -> bool:
    """Tell whether this is the degree of "mild LAD, moderate LCX stenosis" or of "mild (LAD)"."""
    kinds = [t.kind for t in tokens[i + 1 :] if t.kind != "part"]
    if i == 0 and "vessel" in kinds and set(kinds) <= {"colon", "vessel", "comma", "and", "paren", "prep"}:
        return True  # "Mild: LM, LAD"
    if kinds[:1] == ["paren"] and kinds[1:2] == ["vessel"] and kinds[2:3] in (["paren"], ["comma"], ["and"]):
        return True
    return kinds[:3] in (["vessel", "comma", "grade"], ["vessel", "and", "grade"]) and kinds[4:5] == [
        "stenosis"
    ]


def _is_of_lumen(tokens: Sequence[Token], clause: Sequence[int], i: int, text: str) -> bool:
    """Tell whether a percentage is one of the lumen, and not an ejection fraction, a phase or a percentile."""
    if i + 1 < len(tokens) and tokens[i + 1].kind == "other" and clause[i + 1] == clause[i]:
        return tokens[i + 1].value != "number"
    for j in range(i - 1, -1, -1):
        if clause[j] != clause[i] or tokens[j].kind in _NOUNS_OF_A_DEGREE or tokens[j].kind == "vessel":
            break
        if tokens[j].kind == "other" and tokens[j].value == "number":
            return False
    if text[tokens[i].start : tokens[i].end] == "0" and _CALCIUM.search(text):
        return False  # the calcium of a vessel
    if tokens[i].value[0] != tokens[i].value[1] and text[tokens[i].end - 1].isdigit():  # no percent sign
        return any(t.kind in ("vessel", "stenosis") and clause[j] == clause[i] for j, t in enumerate(tokens))
    return True
