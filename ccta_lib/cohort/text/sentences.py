"""A report as sentences of known words: sections found, other times and advice left out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from ccta_lib.cohort.text.lexer import Token, tokens
from ccta_lib.cohort.text.normalise import Normal
from ccta_lib.cohort.text.percentages import read_percent
from ccta_lib.cohort.text.words import NUMBER

_KEPT_OF_OTHER_TIMES = {"vessel", "number", "comma", "colon", "part", "left", "but"}
_DEGREES_OF_A_LEGEND = 3
_DEGREES = {"pct", "grade", "occ", "stenosis"}
_TITLE = {"coronary", "all", "stenosis", "lesion", "lumen", "part", "ath", "bound", "colon", "approx", "and",
          "paren", "sig", "cadrads", "anat", "shows"}  # fmt: skip
_NAMES = {"vessel", "left", "three", "number"}
_SAID = {"pct", "grade", "occ", "neg", "negpost", "normal", "nonsig", "bound", "uneval"}
_LONGEST = 250  # tokens


@dataclass
class Sentence:
    """Known words between two full stops.

    Attributes
    ----------
    tokens : list of Token
    section : str
        findings or impression.
    new_line : bool
        Whether it begins a line.
    """

    tokens: list[Token]
    section: str
    new_line: bool
    questioned: bool = field(default=False)


def sentences(normal: Normal) -> Iterator[Sentence]:
    """Yield the sentences that speak of this examination.

    Sections of history, technique, comparison, grading legend and advice are left out. A section whose text stands
    on the line of its heading ends with that line; each ends with the next heading or a "vessel:" that opens a
    sentence. Where no heading of findings follows, a history or technique on one line ends with its first sentence.
    """
    text = normal.text
    section, skipping = "findings", ""
    current: list[Token] = []
    new_line, inline, head_end = True, False, 0
    known = list(tokens(text))
    last_head = max(
        (t.start for t in known if t.kind == "head" and t.value in ("findings", "impression")), default=-1
    )
    for token in (*known, Token("stop", None, len(text), len(text))):
        kind = token.kind
        if kind != "stop" and len(current) >= _LONGEST:  # no sentence is; keeps the work bounded
            yield from () if skipping else (Sentence(current, section, new_line),)
            current, new_line = [], False
        if kind == "stop":
            sign = text[token.start : token.end]
            spoken = bool(current)
            if current:
                if skipping and _opens_with_vessel(current):
                    skipping = ""
                if not skipping and not _is_legend(current):
                    yield Sentence(current, section, new_line, questioned=sign == "?")
                inline = True
            if skipping == "skip1" and sign != ";" and text[head_end : token.start].strip():
                skipping = ""
            current = []
            if sign == "\n":
                new_line = True
                if inline:
                    skipping = ""
            elif spoken:
                new_line = False
            continue
        if kind == "head":
            if any(t.kind not in ("comma", "colon", "paren", "noncor", "coronary", "and") for t in current):
                continue
            inline, head_end = False, token.end
            current = []
            if token.value in ("skip", "skip1", "background"):
                skipping = token.value
                if skipping == "background":  # with no heading to come, the first sentence is all of it
                    skipping = "skip" if last_head > token.start else "skip1"
            else:
                skipping, section = "", token.value
            continue
        if kind == "pct":
            token = token._replace(value=read_percent(text[token.start : token.end]))
        elif kind == "cadrads":
            skipping = ""
        current.append(token)


def _opens_with_vessel(sentence: list[Token]) -> bool:
    kinds = [t.kind for t in sentence[:4]]
    return bool(kinds) and kinds[0] in ("vessel", "coronary", "left") and "colon" in kinds


def _is_legend(sentence: list[Token]) -> bool:
    """Tell whether a sentence only explains the grades ("mild 25-49 %, moderate 50-69 %, severe 70-99 %")."""
    if any(t.kind in ("vessel", "number", "left") for t in sentence):
        return False
    if sentence[0].value == "sign":  # "(-): no stenosis"
        return True
    words = {t.value for t in sentence if t.kind == "grade"}
    return len(words) >= _DEGREES_OF_A_LEGEND and any(t.kind == "pct" for t in sentence)


def without_title(sentence: list[Token]) -> list[Token]:
    """Drop a title such as "Coronary stenosis:" or 各段狭窄率如下: before the first vessel; it grades nothing."""
    for i, token in enumerate(sentence):
        if token.kind not in _TITLE:
            return sentence
        if token.kind == "colon":
            rest = sentence[i + 1 :]
            named = next((j for j, t in enumerate(rest) if t.kind in _NAMES), len(rest))
            if named <= 2 and any(t.kind in _SAID for t in rest[named + 1 :]):
                return rest
            return sentence
    return sentence


def current_only(sentence: list[Token], text: str) -> list[Token]:
    """Drop what a sentence says of another time, and everything from the point where it gives advice.

    "Previously mild, now moderate" keeps "now moderate"; "progressed from 50% to 70%" keeps 70 %.
    """
    kept: list[Token] = []
    past = ""
    last_compare = 0
    aside = False  # the other time came after a finding of today
    inside = bracketed = compared = False  # within brackets; the other time began there
    for i, token in enumerate(sentence):
        kind = token.kind
        if kind == "paren":
            inside = text[token.start] in "(["
            if inside and compared and not text.startswith("较", last_compare):
                past, bracketed = "sentence", True
            elif not inside and bracketed:
                past, bracketed = "", False
            kept.append(token)
            continue
        last_compare = token.start if kind == "compare" else last_compare
        compared = kind == "compare" or (compared and kind in ("prep", "prior"))
        if kind == "advice":
            break
        if kind == "prior":
            past, bracketed = token.value, inside
            aside = any(t.kind in _DEGREES for t in kept)
            if text[token.start : token.end].endswith(("from", "由", "从", "原")) and i + 1 < len(sentence):
                following = sentence[i + 1]
                if following.kind == "pct" and len(NUMBER.findall(text, following.start, following.end)) > 1:
                    last = _last_number(text[following.start : following.end])
                    kept.append(following._replace(value=(last, last)))
            continue
        if aside and kind in ("rest", "vessel", "all"):
            past, aside = "", False
        if kind == "now" or (past == "clause" and kind in ("comma", "but", "stop")):
            past = ""
            if kind == "now":
                kept.append(token)
                continue
        if past and kind not in _KEPT_OF_OTHER_TIMES:
            continue
        if kind == "compare":
            continue
        kept.append(token)
    return kept


def _last_number(text: str) -> float:
    for sign in ("to", "至", "到", "-", "~", "bis"):
        head, found, tail = text.rpartition(sign)
        if found and head:
            return read_percent(tail)[0]
    return read_percent(text)[1]
