"""From the tokens of one sentence to events: what is said about a stenosis, before it is known of which vessel."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ccta_lib.cohort.text.degree import Degree, Interval, combine, han_number
from ccta_lib.cohort.text.lexer import Token
from ccta_lib.cohort.text.words import HAN_NUMBER, NUMBER
from ccta_lib.schema import Grade

_SHARE = re.compile(
    r"two[- ]thirds|three[- ]quarters|half|third|quarter|半|(?<!\d)(?P<part>[1-4])/(?P<whole>[2-5])$|"
    r"(?P<han_whole>[三四五])分之(?P<han_part>[一二三四])$|(?P<tenths>[一二三四五六七八九1-9])成$"
)
_CALCIUM = re.compile(r"agatston|calcium|积分")
_NOUNS_OF_A_DEGREE = {"stenosis", "lesion", "occ"}
_OTHER_NOUNS = {"plaque", "calc", "other", "ath", "weak", "bridge", "calcadj", "irregular", "stent"}
_BESIDE_A_DEGREE = {"part", "vessel", "and", "grade", "pct", "sig", "approx", "lumen", "paren", "bound", "suffix",
                    "number", "nonsig", "left", "coronary", "all", "three"}  # fmt: skip
_INSIDE_A_LESION = {"stenosis", "lesion", "approx", "lumen", "bound", "suffix", "paren", "sig", "shows", "colon",
                    "comma", "prep", "anat"}  # fmt: skip
_INSIDE_AN_INTERVAL = {"and", "comma", "but", "bound", "approx", "shows", "paren", "lumen", "suffix", "stenosis"}
_LIST_AFTER_COMMA = {"stenosis", "lesion", "plaque", "occ", "calc", "and", "sig", "calcadj", "irregular"}
_NEGATED = {"stenosis", "lesion", "plaque", "ath", "abn", "irregular", "occ", "normal", "weak", "uneval", "stent",
            "grade", "pct", "calc", "nonsig", "calcadj", "bridge"}  # fmt: skip
_CARRIERS = {"stenosis", "lesion", "plaque", "ath", "abn", "irregular", "occ", "calc", "bridge", "weak", "uneval",
             "stent"}  # fmt: skip
_LONE = {"no", "none", "nil", "negative", "nothing", "无", "没有", "阴性", "(-)", "[-]", "absent"}
_DENIED_ALONE = {"vessel", "rest", "coronary", "all", "left", "three", "number"}
_SUBJECTS = {"vessel", "left", "all", "three", "coronary", "rest", "number", "noncor", "local"}


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
_SHARES = {"half": 0.5, "半": 0.5, "two thirds": 2 / 3, "three quarters": 0.75, "third": 1 / 3, "quarter": 0.25}


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
    denied = _negation(tokens, clause)
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
    for first, last, words, interval in degrees:
        noun = any(t.kind in _NOUNS_OF_A_DEGREE for t in tokens[first : last + 1])
        add("degree", combine(words, interval), first, last, has_noun=noun)
    for i, token in enumerate(tokens):
        negation, kind = denied[i], token.kind
        if negation is not None and kind in ("stenosis", "lesion", "plaque", "ath", "abn", "irregular"):
            confidence = _denial(tokens, negation, i, text)
            if confidence and (negation not in denials or confidence >= 0.9):
                denials.add(negation)
                first, last = min(negation, i), max(negation, i)
                add("normal", Degree(Grade.NORMAL, None, confidence), first, last,
                    about_stenosis=kind != "abn")  # fmt: skip
        elif kind in ("neg", "negpost") and (last := _denied_by_ellipsis(tokens, i)):
            add("normal", Degree(Grade.NORMAL, None, 0.8), i, last, about_stenosis=True)
        elif kind in ("neg", "negpost") and _is_lone_denial(tokens, clause, i, text):
            add("normal", Degree(Grade.NORMAL, None, 0.7), i, i, about_stenosis=True)
        elif negation is not None:
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


def _negation(tokens: Sequence[Token], clause: Sequence[int]) -> list[int | None]:
    """For each token the place of the word that denies it, or None."""
    denied: list[int | None] = [None] * len(tokens)
    active: int | None = None
    used = False
    for i, token in enumerate(tokens):
        kind = token.kind
        if kind == "neg":
            if not (active is not None and not used):
                active, used = i, False
        elif kind == "paren" and active is not None and not used and [t.kind for t in tokens[i + 1 : i + 2]] == ["occ"]:
            active = None  # "no flow (occluded)"
        elif kind in ("but", "now") or (kind in ("shows", "colon") and used) or (kind in _SUBJECTS and used):
            active = None
        elif kind == "comma" and active is not None:
            following = tokens[i + 1].kind if i + 1 < len(tokens) else ""
            after = tokens[i + 2].kind if i + 2 < len(tokens) else ""
            if not used or following not in _LIST_AFTER_COMMA or after in ("grade", "pct", "colon", "approx"):
                active = None
        elif kind == "negpost":
            for j in range(i - 1, -1, -1):
                if clause[j] != clause[i]:
                    break
                if tokens[j].kind in ("stenosis", "lesion", "plaque", "irregular", "abn", "ath"):
                    denied[j] = i
                    break
        if active is not None and kind in _NEGATED:
            denied[i] = active
            used = used or kind in _CARRIERS
    _denied_after_colon(tokens, denied)
    return denied


def _denied_after_colon(tokens: Sequence[Token], denied: list[int | None]) -> None:
    """Read "stenosis: no" as a denial."""
    for i, token in enumerate(tokens[:-2]):
        if token.kind == "stenosis" and tokens[i + 1].kind == "colon" and tokens[i + 2].kind == "neg" and (
            i + 3 == len(tokens) or tokens[i + 3].kind in ("comma", "stop")
        ):  # fmt: skip
            denied[i] = i + 2


def _denial(tokens: Sequence[Token], negation: int, noun: int, text: str) -> float:
    """Confidence that denying this noun means a free lumen; 0 when it says nothing about the grade."""
    between = tokens[min(negation, noun) + 1 : max(negation, noun)]
    kinds = [t.kind for t in between]
    following = tokens[noun + 1 : noun + 4]
    if any(t.kind == "grade" and t.value[1] is not Grade.NORMAL for t in between):
        return 0.0
    if "occ" in kinds and tokens[noun].kind == "lesion":
        return 0.0
    numbers = _bounded(between) or _bounded(following)
    if numbers is not None and numbers.bound != "<":
        return 0.6 if numbers.low <= 50 else 0.0
    if tokens[noun].kind in ("plaque", "ath"):
        calcified = tokens[noun].value == "calc"
        return 0.0 if calcified and "calcadj" not in kinds and "nonecalc" not in kinds else 0.8
    if tokens[noun].kind == "irregular":
        return 0.7
    obstructive = any(t.kind == "sig" and text[t.start : t.end].startswith(("obstruct", "flow", "阻塞", "梗阻"))
                      for t in between)  # fmt: skip
    if obstructive or text[tokens[noun].start : tokens[noun].end].startswith("obstruct"):
        return 0.65
    if tokens[noun].kind == "abn":
        return 0.85
    return 0.85 if "sig" in kinds or tokens[noun].kind == "lesion" else 0.95


def _bounded(tokens: Sequence[Token]) -> Interval | None:
    for i, token in enumerate(tokens):
        if token.kind in ("comma", "stop", "but"):
            return None
        if token.kind == "pct":
            return interval(tokens, i)
    return None


def interval(tokens: Sequence[Token], i: int) -> Interval:
    """Read the percentage at place `i` with the words of bounding beside it."""
    low, high = tokens[i].value
    before = i - 1
    while before >= 0 and tokens[before].kind in ("approx", "paren"):
        before -= 1
    bound = ""
    if before >= 0 and tokens[before].kind == "bound" and tokens[i].start - tokens[before].end <= 16:
        bound = tokens[before].value
    elif i + 1 < len(tokens) and tokens[i + 1].kind == "suffix" and tokens[i + 1].start - tokens[i].end <= 1:
        bound = tokens[i + 1].value
    return Interval(low, high, bound if low == high else "")


def read_percent(text: str) -> tuple[float, float]:
    """Return low and high of a percentage as written: "50-69%", "百分之七十"."""
    share = _SHARE.search(text)
    if share is not None:
        percent = round(100 * _share(share), 1)
        return percent, percent
    if text.startswith("百分之"):
        ends = [han_number(n) for n in HAN_NUMBER.findall(text.replace("百分之", " "))]
    else:
        ends = [float(n) for n in NUMBER.findall(text)]
    return min(ends), max(ends)


def _share(found: re.Match[str]) -> float:
    if found["part"]:
        return float(found["part"]) / float(found["whole"])
    if found["tenths"]:
        return (int(found["tenths"]) if found["tenths"].isdigit() else han_number(found["tenths"])) / 10
    if found["han_part"]:
        return han_number(found["han_part"]) / han_number(found["han_whole"])
    return _SHARES[found[0].replace("-", " ")]


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
    return kinds[:3] in (["vessel", "comma", "grade"], ["vessel", "and", "grade"]) and kinds[4:5] == ["stenosis"]


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


def _denied_by_ellipsis(tokens: Sequence[Token], i: int) -> int:
    """Place of the last vessel of "severe narrowing in the RCA but not in the LAD"; 0 when that is not the wording."""
    if i == 0 or tokens[i - 1].kind not in ("but", "comma", "and"):
        return 0
    if not any(t.kind in ("grade", "pct", "occ", "stenosis", "lesion") for t in tokens[:i]):
        return 0
    last = 0
    for j in range(i + 1, len(tokens)):
        if tokens[j].kind == "vessel":
            last = j
        elif tokens[j].kind == "but":
            break
        elif tokens[j].kind == "comma":
            following = [t.kind for t in tokens[j + 1 : j + 3]]
            if following[:1] != ["vessel"] or following[1:] not in ([], ["paren"], ["and"], ["comma"]):
                break
        elif tokens[j].kind not in ("prep", "part", "and", "paren"):
            return 0
    return last


def _is_lone_denial(tokens: Sequence[Token], clause: Sequence[int], i: int, text: str) -> bool:
    """Tell whether a clause is a vessel and a "no": "LM: none"."""
    if i + 1 < len(tokens) and not (tokens[i + 1].kind in ("comma", "but", "paren") or i + 2 == len(tokens)):
        return False
    word = text[tokens[i].start : tokens[i].end].strip()
    contrasted = word == "not" and any(t.kind == "but" for t in tokens[:i])  # "whereas the LM does not"
    if word not in _LONE and not contrasted:
        return False
    before = [t.kind for j, t in enumerate(tokens[:i]) if clause[j] == clause[i] and t.kind not in ("comma", "but")]
    return (
        bool(before)
        and before[0] in _DENIED_ALONE
        and set(before) <= _DENIED_ALONE | {"colon", "part", "paren", "and", "prep", "shows", "lumen"}
    )
