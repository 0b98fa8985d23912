"""Revascularisation by catheter or by operation out of procedure text or codes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from ccta_lib.cohort.text.clause import mentions
from ccta_lib.cohort.text.normalise import MAX_CHARS, normalise
from ccta_lib.errors import ParameterError

_A, _Z = r"(?<![a-z0-9])", r"(?![a-z0-9])"
_NOT_TEMPERATURE = r"(?![\d.]*\d? ?(?:°|℃|度|mm|cm|%|c(?![a-z])))"
# Stents and balloons of other organs, and other bypasses: taken out (same length) before the search.
_OTHERS = re.compile(
    r"(?:carotid|renal|iliac|femoral|peripheral|popliteal|tibial|biliary|ureter(?:al|ic)|tracheal|"
    r"bronchial|oesophageal|esophageal|duodenal|colonic|aortic|subclavian|vertebral|intracranial|"
    r"cerebral|mesenteric|pulmonary|venous|venal|caval|vascular access|fistula|bile duct|"
    r"prostat\w+)"
    r"(?: (?:artery|vein|valve|duct|arteries))? (?:[a-z-]+ ){0,2}?(?:stent\w*|angioplast\w+|"
    r"balloon\w*|dilat\w+|bypass\w*|intervention)"
    r"|(?:stent\w*|angioplasty|balloon\w*) (?:[a-z-]+ ){0,3}?(?:of|in|to) (?:the )?(?:left |"
    r"right )?(?:carotid|renal|iliac|femoral|peripheral|biliary|ureter\w*|subclavian|vertebral|"
    r"pulmonary)"
    r"|(?:gastric|cardiopulmonary|femoro\w*|fem-?pop|aorto-?(?:femoral|iliac|bifemoral)|jejunal|"
    r"intestinal|ileal|axillo\w*|carotid|extracranial\w*|heart[- ]lung|on|"
    r"off) ?-?(?:pop(?:liteal)? )?bypass(?! graft| surgery of the coronar| coronar)"
    r"|balloon (?:valvul\w+|counter\w+|pump|septostomy|atrial)|intra-?aortic balloon \w+|"
    r"valvuloplasty|prophylactic cranial irradiation|pci \(?prophylactic cranial"
    r"|(?:颈动脉|肾动脉|髂动脉|股动脉|下肢(?:动脉)?|锁骨下动脉|椎动脉|脑动脉|颅内|肺动脉|主动脉|外周|胆道|胆管|输尿管|食管|食道|气管|肠道|"
    r"静脉)(?:内)?(?:球囊)?[^,.;。\n冠]{0,6}(?:支架|球囊|扩张|成形|搭桥|旁路)[^,.;。\n冠]{0,6}|(?:胃|体外循环|股腘|主髂)(?:旁路|"
    r"转流|搭桥)|主动脉(?:内)?球囊反搏|球囊反搏|瓣膜?球囊(?:扩张|成形)|双j管|输尿管支架"
)
_PCI = re.compile(
    rf"{_A}(?:(?:primary |rescue |elective |staged |urgent |emergency )?(?:p?pci|ptca|pobac?|poba|"
    rf"ptcra|pcta)|percutaneous (?:transluminal )?coronary (?:intervention|angioplasty|"
    rf"revasculari[sz]ation|rotational atherectomy)|(?:coronary|"
    rf"balloon) (?:balloon )?angioplast\w+|angioplasty|"
    r"(?:drug[- ]eluting|bare[- ]metal|coronary|intracoronary|bioresorbable) (?:stent\w*|"
    r"scaffold\w*|balloon\w*)|stent(?:s|ed|ing)?(?: (?:implant\w*|placement|insertion|deployment|"
    r"placed|implanted))?|(?:rotational|orbital|directional|coronary|laser) atherectomy|"
    r"rotablat\w+|des|bms|dcb|deb)"
    + _Z
    + r"|经皮冠(?:状动脉|脉)(?:腔内)?(?:介入|成形|血管成形|球囊|支架|激光|旋磨)[^,.;。\n]{0,10}|冠(?:状动)?脉(?:内|"
    r"腔内)?(?:[^,.;。\n造影]{0,8})(?:支架|球囊|介入|成形|旋磨)[^,.;。\n]{0,8}|(?:药物|金属|裸金属|生物可吸收|药物洗脱)(?:涂层|"
    r"洗脱)?(?:支架|球囊)[^,.;。\n]{0,8}|支架(?:置入|植入|术|成形|释放)[^,.;。\n]{0,4}|(?:置入|植入|放置)[^,.;。\n]{0,10}支架|"
    r"球囊(?:扩张|成形|血管成形)[^,.;。\n]{0,6}|(?:冠脉|冠状动脉)?旋磨(?:术|治疗)"
    r"|支架(?=\d+ ?枚|\d+ ?个)"
    rf"|{_A}929(?:2[01458]|29|3[3478]|4[134]|8[0124]|9[56]){_Z}|{_A}c960[0-8]{_Z}|"
    rf"{_A}(?:36\.?0[125679]|00\.?66)(?:[0x]\d{{0,4}}x?\d{{0,3}})?{_Z}{_NOT_TEMPERATURE}|"
    rf"{_A}02(?:7[0-3][34]|c[0-3]3)[0-9a-z]{{2}}{_Z}|{_A}z(?:95\.?5|98\.?61){_Z}|"
    rf"{_A}8-837(?:\.[0-9a-z]{{1,2}})?{_Z}"
)
_CABG = re.compile(
    rf"{_A}(?:(?:op|mid)?cabg|opcab|midcab|cabgx?\d?|cabg ?x ?\d|"
    rf"(?:aorto-?)?coronary (?:artery )?bypass(?: graft\w*)?(?: surgery)?|coronary bypass|(?:off|"
    rf"on)-pump (?:coronary )?bypass|bypass graft\w*|heart bypass|(?:lima|rima|svg|"
    rf"ima)(?: graft)?[- ]?(?:to[- ])?(?:lad|rca|lcx|om\d?|pda|d1|diagonal|diag)|acb|acvb|"
    rf"(?:triple|double|quadruple|quintuple) bypass)"
    + _Z
    + r"|冠(?:状动)?脉(?:动脉)?(?:旁路|搭桥)[^,.;。\n]{0,8}|(?:心脏)?搭桥(?:手?术)?|(?:主动脉|内乳动脉|"
    r"乳内动脉)-?冠(?:状动)?脉[^,.;。\n]{0,6}(?:旁路|吻合|搭桥|移植)[^,.;。\n]{0,6}|旁路移植(?:手?术)?"
    rf"|{_A}335(?:1[0-4678]|19|2[123]|3[03456]){_Z}|"
    rf"{_A}36\.?1[0-79](?:[0x]\d{{0,4}}x?\d{{0,3}})?{_Z}{_NOT_TEMPERATURE}|"
    rf"{_A}021[0-3][0-9a-z]{{3}}{_Z}|{_A}z95\.?1{_Z}|{_A}5-36[12](?:\.[0-9a-z]{{1,2}})?{_Z}"
)
_NOT_DONE = re.compile(
    r"(?:(?:planned|scheduled|proposed|awaiting|referr?ed|candidate|consider\w*|recommend\w*|"
    r"advis\w+|refus\w+|declin\w+|deferred|cancel+ed|indication|planning|listed|discuss\w*|"
    r"evaluat\w*|suitab\w*|need(?:s|ed)?)(?![a-z])[^,.;。\n]{0,30}$)|(?:拟|建议|拒绝|待行|准备|考虑|择期|必要时|推荐|"
    r"评估|是否|未行|暂不|未予|未做|未进行|不宜|放弃|欲行|需行|可行|谢绝|取消)[^,.;。\n]{0,14}$"
)
_NOT_DONE_AFTER = re.compile(
    r"^[^,.;。\n]{0,24}?(?:(?<![a-z])(?:(?:was |is )?(?:not (?:performed|done|undertaken|"
    r"carried out|indicated|required|attempted)|declined|refused|deferred|cancel+ed|planned|"
    r"scheduled|recommended|advised)|refused|declined)(?![a-z])|未(?:行|做|进行|实施|成行)|被?拒绝|取消|拒)"
)


@dataclass(frozen=True)
class ProcedureReading:
    """What was done: "pci", "cabg" (also where both were), or None; `evidence` is quoted verbatim."""

    kind: Literal["pci", "cabg"] | None
    evidence: str = ""


def read_procedure(text: str) -> ProcedureReading:
    """Read whether a procedure revascularised the coronary arteries.

    Angiography, pressure wires and imaging catheters alone, stents of other arteries, and what was planned, advised,
    declined or not done give None. Codes: ICD-9-CM 36.01, 36.02, 36.05-36.07, 36.09, 00.66 and 36.1x; CPT 92920-92944,
    92980-92996 and 33510-33536; HCPCS C9600-C9608; ICD-10-PCS 0270-0273 (percutaneous), 02C0-02C3 (percutaneous) and
    0210-0213; ICD-10-CM Z95.5, Z98.61, Z95.1; OPS 8-837, 5-361, 5-362.

    Parameters
    ----------
    text : str
        A name, a sentence, or codes.

    Returns
    -------
    ProcedureReading

    Raises
    ------
    ParameterError
        If `text` is not a string.
    """
    if not isinstance(text, str):
        raise ParameterError(f"procedure text: found {type(text).__name__}; expected a string")
    if len(text) > MAX_CHARS:
        return ProcedureReading(None)
    normal = normalise(text)
    searched = _OTHERS.sub(lambda m: "·" * len(m[0]), normal.text)
    kinds: tuple[tuple[Literal["pci", "cabg"], re.Pattern[str]], ...] = (("cabg", _CABG), ("pci", _PCI))
    for kind, pattern in kinds:
        for mention in mentions(searched, pattern):
            if (
                mention.value is True
                and not _NOT_DONE.search(searched[max(0, mention.start - 60) : mention.start])
                and not _NOT_DONE_AFTER.search(searched[mention.end : mention.end + 60])
            ):
                return ProcedureReading(kind, normal.quote(mention.start, mention.end))
    return ProcedureReading(None)
