"""What a sentence denies: which words of a finding, and whether that means a free lumen."""

from __future__ import annotations

from collections.abc import Sequence

from ccta_lib.cohort.text.lexer import Token
from ccta_lib.cohort.text.percentages import bounded
from ccta_lib.schema import Grade

_LIST_AFTER_COMMA = {"stenosis", "lesion", "plaque", "occ", "calc", "and", "sig", "calcadj", "irregular"}
_NEGATED = {"stenosis", "lesion", "plaque", "ath", "abn", "irregular", "occ", "normal", "weak", "uneval", "stent",
            "grade", "pct", "calc", "nonsig", "calcadj", "bridge"}  # fmt: skip
_CARRIERS = {"stenosis", "lesion", "plaque", "ath", "abn", "irregular", "occ", "calc", "bridge", "weak", "uneval",
             "stent"}  # fmt: skip
_LONE = {"no", "none", "nil", "negative", "nothing", "无", "没有", "阴性", "(-)", "[-]", "absent"}
_DENIED_ALONE = {"vessel", "rest", "coronary", "all", "left", "three", "number"}
_SUBJECTS = {"vessel", "left", "all", "three", "coronary", "rest", "number", "noncor", "local"}


def negation(tokens: Sequence[Token], clause: Sequence[int]) -> list[int | None]:
    """For each token the place of the word that denies it, or None."""
    denied: list[int | None] = [None] * len(tokens)
    active: int | None = None
    used = False
    for i, token in enumerate(tokens):
        kind = token.kind
        if kind == "neg":
            if not (active is not None and not used):
                active, used = i, False
        elif (
            kind == "paren"
            and active is not None
            and not used
            and [t.kind for t in tokens[i + 1 : i + 2]] == ["occ"]
        ):
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


def denial(tokens: Sequence[Token], negation: int, noun: int, text: str) -> float:
    """Confidence that denying this noun means a free lumen; 0 when it says nothing about the grade."""
    between = tokens[min(negation, noun) + 1 : max(negation, noun)]
    kinds = [t.kind for t in between]
    following = tokens[noun + 1 : noun + 4]
    if any(t.kind == "grade" and t.value[1] is not Grade.NORMAL for t in between):
        return 0.0
    if "occ" in kinds and tokens[noun].kind == "lesion":
        return 0.0
    numbers = bounded(between) or bounded(following)
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


def denied_by_ellipsis(tokens: Sequence[Token], i: int) -> int:
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


def is_lone_denial(tokens: Sequence[Token], clause: Sequence[int], i: int, text: str) -> bool:
    """Tell whether a clause is a vessel and a "no": "LM: none"."""
    if tokens[i].value == "sign" and i > 0 and tokens[i - 1].kind in _DENIED_ALONE:
        return True  # "LCX(-) RCA(-)"
    following = [t.kind for t in tokens[i + 1 : i + 3]]
    if (
        following
        and following[0] not in ("comma", "but", "paren")
        and following != ["and", "vessel"]
        and len(following) > 1
    ):
        return False
    word = text[tokens[i].start : tokens[i].end].strip()
    opens = i == 0 or tokens[i - 1].kind in ("comma", "and", "but")
    if word in _LONE and opens and [t.kind for t in tokens[i + 1 :]] == ["rest"]:
        return True  # "nothing elsewhere"
    contrasted = word == "not" and any(t.kind == "but" for t in tokens[:i])  # "whereas the LM does not"
    if word not in _LONE and not contrasted:
        return False
    before = [
        t.kind for j, t in enumerate(tokens[:i]) if clause[j] == clause[i] and t.kind not in ("comma", "but")
    ]
    return (
        bool(before)
        and before[0] in _DENIED_ALONE
        and set(before) <= _DENIED_ALONE | {"colon", "part", "paren", "and", "prep", "shows", "lumen"}
    )
