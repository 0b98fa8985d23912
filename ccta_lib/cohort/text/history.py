"""Diabetes, hypertension and earlier myocardial infarction out of history text or ICD-10 codes."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ccta_lib.cohort.text.clause import Mention, mentions
from ccta_lib.cohort.text.normalise import MAX_CHARS, normalise
from ccta_lib.errors import ParameterError

_A, _Z = r"(?<![a-z])", r"(?![a-z])"
_CODE_END = r"(?![a-z0-9])"
# What holds the word but is another illness, taken out of the text (same length) before the search.
_OTHERS = re.compile(
    r"gestational diabetes(?: mellitus)?|diabetes insipidus|pre-?diabet\w*|diabetes (?:screening|"
    r"clinic|risk)|gdm(?![a-z])|impaired (?:glucose tolerance|fasting glucose)"
    r"|妊娠期?(?:合并)?(?:糖尿病|高血压)(?:病)?|糖尿病前期|尿崩症|糖耐量(?:异常|减低|受损)|空腹血糖受损"
    r"|(?:pulmonary|portal|intracranial|ocular|pregnancy[- ]induced|gestational|white[- ]coat|"
    r"intra-?abdominal|venous|renal vein) (?:arterial )?hypertensi\w+|pre-?hypertensi\w*|"
    r"anti-?hypertensi\w*"
    r"|(?:肺动脉|肺|门静脉|门脉|颅内|眼|白大衣性?|白大褂)高(?:血)?压|高血压前期|高血压脑病风险"
    r"|(?:cerebral|brain|lacunar|pulmonary|renal|splenic|bowel|mesenteric) infarct\w*|(?:脑|"
    r"腔隙性(?:脑)?|肺|肾|脾|肠)梗(?:死|塞)"
)
_PATTERNS = {
    "diabetes": re.compile(
        rf"{_A}(?:(?:type|typ) ?(?:1|2|i|ii) )?diabet(?:es|ic|ics)(?: mellitus)?(?: type ?(?:1|2|i|"
        rf"ii){_Z})?|{_A}(?:t[12]dm?|niddm|iddm|dm(?: ?[12](?!\d))?|dm type ?[12]){_Z}|(?:[12]型|一型|"
        rf"二型)?糖尿病(?:病?史)?|消渴病"
        rf"|{_A}e(?:0[89]|1[0-4])(?:\.[0-9x]{{1,4}}|[0-9x]{{1,4}})?{_CODE_END}"
    ),
    "hypertension": re.compile(
        rf"{_A}(?:essential |primary |arterial |systemic |secondary |malignant )?hypertensi(?:on|"
        rf"ve)(?: \(htn\))?|{_A}(?:htn|hbp|aht){_Z}|{_A}high blood pressure|(?:原发性|继发性|"
        rf"特发性)?高血压(?:病)?(?:史)?"
        rf"|{_A}i1[0-6](?:\.[0-9x]{{1,4}}|[0-9x]{{1,4}})?{_CODE_END}"
    ),
    "prior_mi": re.compile(
        rf"{_A}(?:(?:old|prior|previous|remote|recent|acute|healed|past|inferior|anterior|lateral|"
        rf"posterior|silent|non-?q[- ]wave|q[- ]wave|recurrent) ){{0,3}}myocardial infarct(?:ion|ions|"
        rf"s)?(?: \(?ami\)?)?|{_A}(?:(?:old|prior|previous|remote|recent|acute|inferior|"
        rf"anterior) ){{0,2}}(?:mi|ami|omi|n?stemi|nste-?mi|st-elevation mi){_Z}|{_A}heart attacks?|"
        rf"{_A}(?:old|prior|previous|healed|remote) (?:inferior |anterior |lateral )?infarct(?:ion|s)?{_Z}"
        rf"|(?:陈旧性?|急性|既往|亚急性|非?st段抬高型?|下壁|前壁|前间壁|侧壁|广泛前壁|后壁|右室){{0,4}}(?:心肌梗(?:死|塞)|心梗)(?:病?史)?"
        rf"|{_A}i(?:2[12](?:\.[0-9a-z]{{1,4}}|[0-9]{{1,4}})?|25\.?2(?:x?\d{{0,3}})){_CODE_END}"
    ),
}
_MITRAL = re.compile(r"mitral|valv|regurg|瓣")
HISTORY = tuple(_PATTERNS)


@dataclass(frozen=True)
class HistoryReading:
    """Whether a patient has a condition: True, False, or None for not known; `evidence` is quoted verbatim."""

    value: bool | None
    evidence: str = ""


def read_history(text: str) -> dict[str, HistoryReading]:
    """Read diabetes, hypertension and earlier myocardial infarction from history text or ICD-10 codes.

    A condition is False only where it is denied. Not mentioned, in doubt, of relatives, or both affirmed and
    denied is None. Codes: E08-E14 diabetes; I10-I16 hypertension; I21, I22, I25.2 infarction; an absent code
    denies nothing.

    Parameters
    ----------
    text : str
        Chinese or English, or codes separated by anything.

    Returns
    -------
    dict of str to HistoryReading
        Keys diabetes, hypertension, prior_mi.

    Raises
    ------
    ParameterError
        If `text` is not a string.
    """
    if not isinstance(text, str):
        raise ParameterError(f"history text: found {type(text).__name__}; expected a string")
    if len(text) > MAX_CHARS:
        return {name: HistoryReading(None) for name in _PATTERNS}
    normal = normalise(text, join_han=False)
    searched = _OTHERS.sub(lambda m: "·" * len(m[0]), normal.text)
    out = {}
    for name, pattern in _PATTERNS.items():
        found = mentions(searched, pattern)
        if name == "prior_mi":
            found = [m for m in found if not _is_valve(searched, m)]
        values = {m.value for m in found}
        value = None if {True, False} <= values else next((v for v in (True, False) if v in values), None)
        chosen = next((m for m in found if m.value is value), None) if found else None
        quote = normal.quote(*_span(searched, chosen)) if chosen else ""
        out[name] = HistoryReading(value, quote)
    return out


def _is_valve(text: str, mention: Mention) -> bool:
    """Tell whether a lone "MI" is mitral insufficiency."""
    return text[mention.start : mention.end] == "mi" and bool(
        _MITRAL.search(text, max(0, mention.start - 30), mention.end + 30)
    )


def _span(text: str, mention: Mention) -> tuple[int, int]:
    """Widen a mention to its sentence, so that the quote shows the denial too."""
    start = max(text.rfind(sign, 0, mention.start) for sign in "。;\n") + 1
    ends = [i for sign in "。;\n" if (i := text.find(sign, mention.end)) >= 0]
    return start, min(ends, default=len(text))
