"""Denial, doubt and whose illness it is: the scope of such words in a line of medical history."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

_SENTENCE = re.compile(r"[。;!\n]|\.(?!\d)")
_LIST_CLOSED = re.compile(r"(?<![a-z])(?:and|or)(?![a-z])")
# What names a disease so closely that, after a comma, it is not part of a denied list.
_SPECIFIC = re.compile(r"[12一二]型|原发性?|继发性?|陈旧性?|既往|急性")
_STAGE = re.compile(r" ?[(（]?(?:[123一二三ⅰⅱⅲ]级|极?高危)")
_STOPS = ("。", ";", "!", "\n", ".", "")
_LONGEST = 1000  # characters; a longer sentence is read in pieces, so that the work stays bounded
_CJK = "\u4e00-\u9fff"
# The order matters: at one place the first that fits wins; "keep" words only look like the others.
_MARKS: tuple[tuple[str, str], ...] = (
    (
        "keep",
        r"no(?:t)? only|no longer|不仅|未见好转|无效|no change|not well controlled|"
        r"未(?:规律|正规|系统|治疗|服药|监测|控制|"
        r"用药|诊治)[^,。;\n]{0,12}|"
        r"控制(?:不佳|不良|欠佳|差)|非st段|非胰岛素依赖|不详(?=型)|不稳定",
    ),
    (
        "unsure",
        r"(?:cannot|can't|can not|could not) (?:be )?(?:exclude\w*|ruled? out)|"
        r"(?:to )?rule out(?! of)|r/o|to exclude|exclude(?=\s)|"
        r"suspect\w*|suspicio\w*|possib\w*|probabl\w*|likely|question(?:able| of)|query|borderline|"
        r"at risk (?:of|for)|risk of|"
        r"screen(?:ing|ed)? for|evaluat\w+ for|concern for|unclear|uncertain|unknown|equivocal|"
        r"work-?up|differential|may have|might|"
        r"不(?:能)?(?:除外|排除)|待(?:排|查|除外|诊|定)|可疑|疑似|疑|可能|排查|筛查|风险|预防|不详|不清|不明|\?",
    ),
    (
        "family",
        r"family(?: medical)? history|familial|fhx?(?![a-z])|(?:father|mother|brother|sister|parents?|"
        r"sibling|uncle|aunt|grand\w+|son|daughter|relative)s?(?![a-z])|"
        r"maternal|paternal|first-degree|家族(?:史|中)?|父亲?|母亲?|父母|兄弟?|姐妹?|弟|妹|祖父母?|外祖|子女|儿子|女儿|亲属|叔|舅|姑",
    ),
    (
        "patient",
        r"patient(?:'s)?|personal history|himself|herself|past (?:medical )?history|pmh|患者|本人|自身|"
        r"既往(?:史)?|个人史",
    ),
    (
        "postno",
        r"(?:was |has been |have been |were )?(?:denied|ruled out|excluded|absent|negative)(?![a-z])|"
        r"not (?:present|known|reported|diagnosed|found)|"
        r"(?<=[:=\-] )(?:no|none|n|nil|negative|neg|0)(?![a-z\d%])|(?<=[:=])(?:no|none|n|nil|negative|"
        r"neg|0)(?![a-z\d%])|"
        r"\( ?(?:-|no|none|negative|无|否认|阴性) ?\)|\[ ?- ?\]|(?<=[:=])(?:无|否认|否|没有|阴性|未见|不存在)|"
        r"(?<=史)(?:无|阴性)(?=[,。;\n ]|$)|已(?:排除|除外)",
    ),
    (
        "postyes",
        r"\( ?(?:\+|yes|有|是|阳性) ?\)|(?<=[:=])\s?(?:yes|y|positive|pos|present|有|是|阳性)(?![a-z])|"
        r"\[ ?[x√✓] ?\]",
    ),
    ("not_this", r"non(?=[- ]?[a-z])"),
    (
        "no",
        r"(?:no|not|without|den(?:y|ies|ied|ying)|negative for|nor|never|free of|absence of|neither|"
        r"w/o|nil)(?![a-z])|"
        r"否认(?:有|患)?|无(?!症状|痛|力|效)|没有|未(?:患|发现|见|诉|曾|提及|有|诊断|(?=[植置放行予做施]))|不伴|从无|排除",
    ),
    (
        "end",
        r"(?:but|however|although|though|except|aside from|apart from|has|have|had|with|positive for|"
        r"admits?|reports?|endorses?|known|diagnosed|"
        r"currently|is|yes|since|history of(?! no))(?![a-z])|但|有|伴|患|合并|确诊|诊断|现",
    ),
    (
        "duration",
        r"(?:for |x |× ?)?\d{1,2}\+? ?(?:years?|yrs?|y|months?|mos?|weeks?|decades?)(?![a-z])|(?:19|"
        r"20)\d\d(?!\d)|"
        r"[\d一二三四五六七八九十半多余]{1,4}余?(?:年|月|个月|周|天)|on (?:metformin|insulin|medication|treatment|"
        r"amlodipine|therapy)|治疗|服药|口服",
    ),
    ("comma", rf"[,、/]|(?<=[{_CJK}\d]) (?=[{_CJK}])|(?:and|or)(?![a-z])|及|和|或|与"),
)
_SCAN = re.compile("|".join(f"(?P<{name}>{pattern})" for name, pattern in _MARKS))


class Mention(NamedTuple):
    """One mention of an illness or procedure: denied (False), affirmed (True), or neither (None)."""

    value: bool | None
    start: int
    end: int


class _Mark(NamedTuple):
    kind: str
    start: int
    end: int


def mentions(text: str, pattern: re.Pattern[str]) -> list[Mention]:
    """Judge each match of a pattern by what stands around it in its sentence.

    A denial covers the list behind it ("denies hypertension, diabetes and MI") until a word such as "but", "has" or a
    stated duration shows that the list is over. A word about relatives covers the rest of its sentence.

    Parameters
    ----------
    text : str
        Normalised.
    pattern : re.Pattern
        What to look for.

    Returns
    -------
    list of Mention, in the order of the text
    """
    found = []
    start = 0
    stops = [*(m.start() for m in _SENTENCE.finditer(text)), len(text)]
    for end in sorted({*stops, *range(_LONGEST, len(text), _LONGEST)} if len(text) > _LONGEST else stops):
        sentence = text[start:end]
        hits = list(pattern.finditer(sentence))
        if hits:
            spans = [h.span() for h in hits]
            marks = [
                _Mark(str(m.lastgroup), m.start(), m.end())
                for m in _SCAN.finditer(sentence)
                if _starts_a_word(sentence, m.start())
                and not any(a < m.end() and m.start() < b for a, b in spans)
            ]
            tail = text[end : end + 1]
            found += [Mention(_judge(a, b, marks, sentence, tail), start + a, start + b) for a, b in spans]
        start = end + 1 if text[end : end + 1] in _STOPS else end
    return found


def _starts_a_word(text: str, i: int) -> bool:
    return not (
        i > 0 and text[i].isascii() and text[i].isalpha() and text[i - 1].isascii() and text[i - 1].isalpha()
    )


def _judge(start: int, end: int, marks: Sequence[_Mark], sentence: str, tail: str) -> bool | None:
    before = [m for m in marks if m.end <= start]
    after = [m for m in marks if m.start >= end]
    if _of_a_relative(before, after, sentence, start, end):
        return None
    following = after[0] if after else None
    near = following is not None and not re.search(r"[,;、]", sentence[end : following.start])
    near = near and following is not None and following.start - end <= 24
    if following is not None and near:
        gap = sentence[end : following.start]
        if following.kind == "postno":
            return False
        if following.kind == "postyes":
            return True
        if following.kind == "unsure" and len(gap) <= 12:
            return None
    if tail == "?":
        return None
    return _from_before(before, following if near else None, sentence, start, end)


def _of_a_relative(
    before: Sequence[_Mark], after: Sequence[_Mark], sentence: str, start: int, end: int
) -> bool:
    for mark in reversed(before):
        if mark.kind == "patient":
            break
        if mark.kind == "family":
            return not _family_closed(mark, before, sentence, start)
    for mark in after:
        if mark.kind in ("comma", "patient", "end", "no"):
            return False
        if mark.kind == "family":
            gap = sentence[end : mark.start]
            return bool(
                re.fullmatch(
                    rf"[ (]*(?:history )?(?:in |of |- ?)?(?:the |his |her |a )?[ (]*(?:[{_CJK}]{{0,2}})", gap
                )
            )
    return False


def _family_closed(mark: _Mark, before: Sequence[_Mark], sentence: str, start: int) -> bool:
    """Tell whether a comma has ended what is said of relatives.

    "Father had diabetes, old MI" speaks of the father up to the comma; "family history of diabetes, MI" of both.
    """
    comma = sentence.rfind(",", mark.end, start)
    if comma < 0:
        return False
    if not sentence[mark.start : mark.end].startswith(("fam", "fh", "家族")):
        return True
    between = sentence[mark.end : comma]
    return bool(_LIST_CLOSED.search(between)) or any(m.kind == "no" and m.start >= comma for m in before)


def _from_before(
    before: Sequence[_Mark], following: _Mark | None, sentence: str, start: int, end: int
) -> bool | None:
    """Follow the list back to the word that governs it."""
    separated = False
    for mark in reversed(before):
        if mark.kind == "comma":
            separated = separated or sentence[mark.start] in ", "
        elif mark.kind == "not_this":
            if start - mark.end <= 1:
                return False
        elif mark.kind == "no":
            affirmed = separated and following is not None and following.kind in ("duration", "postyes")
            if separated and not affirmed:
                listed = (
                    sentence[mark.end : sentence.find(",", mark.end)]
                    if "," in sentence[mark.end : start]
                    else ""
                )
                closed = _LIST_CLOSED.search(sentence, mark.end, sentence.rfind(",", 0, start))
                affirmed = (
                    listed.endswith("史")
                    or bool(closed)
                    or bool(_SPECIFIC.match(sentence, start) or _STAGE.match(sentence, end))
                )
            return bool(affirmed)
        elif mark.kind == "unsure":
            return None if not separated else True
        elif mark.kind in ("end", "duration", "postno", "postyes"):
            if mark.kind == "end" and _still_denied(before, mark):
                continue
            return True
    return True


def _still_denied(before: Sequence[_Mark], mark: _Mark) -> bool:
    """Tell whether "no known", "not diagnosed", "denies having" or 无…有 is one phrase."""
    for other in before:
        if other.kind == "no" and 0 <= mark.start - other.end <= 12:
            return not any(m.kind == "comma" and other.end <= m.start < mark.start for m in before)
    return False
