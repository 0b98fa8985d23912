"""ECG statements, of a machine or a physician, as normal, abnormal or unknown."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ccta_lib.cohort.text.normalise import MAX_CHARS, Normal, normalise
from ccta_lib.errors import ParameterError

_A, _Z = r"(?<![a-z])", r"(?![a-z])"
_ECG = r"(?:(?:12[- ]?lead )?(?:ecg|ekg|electrocardiogram|tracing))"
_UNREADABLE = re.compile(
    rf"(?:poor|bad|inadequate|insufficient|low) (?:data|signal|technical|tracing|recording|"
    rf"ecg)? ?quality|{_A}(?:uninterpretable|unreadable|technically (?:poor|inadequate|"
    rf"unsatisfactory|limited|difficult)|suspect (?:arm )?lead|"
    r"unable to (?:interpret|analy[sz]e)|cannot (?:be )?(?:interpret|analy[sz])\w*|"
    r"no (?:further )?analysis|analysis (?:not possible|error|failed)|not analy[sz]ed|"
    r"lead(?:s)? off|unsuitable for analysis|warning: data quality)"
    r"|(?:arm |limb )?leads? (?:reversal|reversed|misplace\w*)|electrode (?:reversal|misplace\w*)"
    r"|图(?:像|形)?质量(?:差|不佳|欠佳)|信号质量(?:差|不佳)|(?:心电图|图形|波形)(?:无法|不能|难以)(?:分析|判读|识别|辨认|诊断)|(?:无法|不能|"
    r"难以)(?:分析|判读)|干扰(?:严重|较大|过大|明显)|导联(?:脱落|接反|反接|错接)|肢导联反|建议(?:重做|复做|重新(?:检查|描记))"
)
_OTHER_TIME = re.compile(
    rf"[^,.;。\n]{{0,80}}(?:no longer|has been replaced|have been replaced|is no longer)[^,.;。\n]*|"
    rf"(?:compar\w+ (?:with|to)|since|when compared|in comparison|与[^,。;\n]{{0,20}}?(?:比较|"
    rf"相比))[^,.;。\n]*|(?:previous|prior|old) {_ECG}[^,.;。\n]*"
    r"|(?:history of|clinical(?: diagnosis)?:|indication:?|reason:?)[^,.;。\n]*|(?:临床诊断|"
    r"病史)[:：]?[^,.;。\n]*"
)
_NOT_NORMAL = re.compile(
    rf"{_A}(?:abnormal|not (?:a )?normal|borderline|atypical|"
    rf"indeterminate) (?:12[- ]?lead )?(?:ecg|ekg|electrocardiogram|tracing|rhythm ecg)|{_A}(?:ecg|"
    rf"ekg)(?: is| was|:| -|,)? (?:abnormal|borderline)|{_A}borderline(?: normal)? {_ECG}"
    r"|(?:(?<!未见)(?<!明显)(?<!无)(?<!明确)异常|不正常|非正常|临界|边界|边缘|可疑|可能异常)(?:性)?(?:的)?(?:12导联)?心电图|心电图(?:示|为|:|提示|检查)?(?:呈)?(?:不正常|"
    r"明显异常|轻度异常|(?<!未见)异常|临界|边界|边缘|可疑)"
)
_NORMAL = re.compile(
    rf"{_A}(?:(?P<otherwise>otherwise|essentially|basically|grossly|probably|"
    rf"generally) )?(?:a )?(?:normal|unremarkable) (?:(?:standard|adult|resting|"
    rf"pediatric) )?{_ECG}|{_A}{_ECG}(?: is| was| within|:| -|,)? ?(?:(?:otherwise|"
    rf"essentially) )?(?:in |within )?(?:normal(?! sinus| axis| rate| rhythm| interval)|"
    rf"unremarkable)"
    rf"|{_A}{_ECG} shows no abnormalit\w+|{_A}(?:within|in) normal limits(?! for rate)|"
    rf"{_A}no (?:significant |definite |obvious |acute )?(?:ecg |ekg |"
    rf"electrocardiographic )?abnormalit(?:y|ies)(?: detected| found| seen)?|"
    rf"{_A}normal variant(?: ecg)?|{_A}wnl{_Z}"
    r"|(?<![不非])(?:大致|基本)?(?:属)?正常(?:范围)?(?:的)?(?:12导联|成人|静息|常规)?(?:范围)?心电图|(?<![不非])心电图(?:表现|检查|"
    r"示|为|:|提示|诊断|大致|基本|在|属)*(?:大致|基本)?(?:正常|在正常范围)(?!窦性)|(?:12导联|静息|常规)?心电图(?:检查|示|:|,)*(?:未见|"
    r"无)(?:明显|显著|确切)?异常|(?:未见|无)(?:明显|显著)?(?:心电图)?异常(?:心电图|心电)?(?:改变|表现)?(?=[,.;。\n]|$)"
)
# Deviations that a reader may still call normal, and only then.
_VARIANTS = re.compile(
    rf"{_A}(?:(?:marked|mild|slight|moderate) )?sinus (?:bradycardia|tachycardia|arrhythmia)|"
    rf"{_A}early repolari[sz]ation(?: pattern| variant)?|{_A}(?:counter)?clockwise rotation|"
    rf"{_A}(?:with )?(?:short pr|low atrial rhythm){_Z}|"
    rf"{_A}rsr'(?: pattern)?(?: in v1)?[^,.;\n]{{0,30}}normal variant"
    r"|窦性心动过[缓速]|窦性心?律不齐|窦缓|窦速|窦不齐|早期?复极(?:综合征|化)?|[顺逆]钟向转位|心电轴轻度[左右]偏"
)
_FINDINGS = re.compile(
    rf"{_A}(?:(?:st|t|st-t|st ?/ ?t|st & t|q|u|p)(?:[- ]?(?:wave|segment|"
    rf"t))?s? (?:wave )?(?:abnormal\w*|change\w*|depress\w*|elevat\w*|inver\w+|flatten\w*|"
    rf"deviation|infarct\w*)|st-?t(?: wave)? (?:abnormal\w*|change\w*)|t inver\w+|"
    rf"(?:pathologic(?:al)?|abnormal) q waves?|poor r[- ]wave progression|r wave progression|"
    r"infarct\w*|ischemi\w*|ischaemi\w*|injury|strain|fibrillation|flutter|(?:av|a-v|"
    r"atrioventricular|bundle[ -]branch|fascicular|hemi|heart|intraventricular|conduction|"
    r"sinoatrial|sa)[ -](?:block\w*|delay|defect)|block|[lr]bbb|[li]?[lr]bbb|lafb|lpfb|hemiblock|"
    r"hypertroph\w+|enlarge\w*|lvh|rvh|premature|extrasystol\w*|pvcs?|pacs?|ectop\w+|bigemin\w+|"
    r"escape|junctional|paced|pacemaker|pacing|pre-?excitation|wpw|wolff\w*|brugada|"
    r"prolonged (?:qt|pr)\w*|long qt\w*|(?:qt|qtc) prolong\w*|axis deviation|(?:left|right|"
    r"abnormal) axis|low voltage|high voltage|"
    r"supraventricular|ventricular tachycardia|atrial (?:tachycardia|rhythm|enlarg\w*|"
    r"abnormal\w*)|tachycardia|bradycardia|arrhythmia|dextrocardia|pericarditis|hyperkal\w+|"
    r"digitalis|abnormal\w*|unusual)"
    + _Z
    + r"|(?:st|t|st-t|q|u|p|qrs)(?:波|段|-t)?(?:改变|异常|低平|倒置|压低|抬高|下移|上抬|双向|高尖|切迹|增宽|延长)|"
    r"异常q波|病理性q波|"
    r"r波递增不良|心肌(?:缺血|梗死|梗塞|损伤)|缺血|梗死|心房(?:颤动|扑动)|房颤|房扑|(?:房室|束支|分支|室内|窦房)?(?:传导)?阻滞|肥[大厚]|高电压|低电压|"
    r"早搏|期前收缩|逸搏|交界性|起搏(?!分析|检测|程序)|预激|心动过[缓速]|窦缓|窦速|心?律不齐|电轴[左右]偏|左偏|右偏|q-?t(?:c)?间期延长|p-?r间期延长|复极|转位|异位|二联律|"
    r"停搏|心律失常|劳损|(?<!未见)(?<!无)(?<!明显)异常"
)
_DENIED = re.compile(
    r"(?:(?<![a-z])(?:no|without|absence of|negative for|not|"
    r"free of)(?![a-z])(?! longer)[^,.;\n]{0,60})|(?:未见|无(?!效)|没有|未发现|排除)[^,.;。\n]{0,24}"
)


@dataclass(frozen=True)
class StatementReading:
    """Whether an ECG was read as normal: True, False, or None for unknown; `evidence` is quoted verbatim."""

    ecg_normal: bool | None
    evidence: str = ""


def read_statement(text: str) -> StatementReading:
    """Read the verdict of an ECG statement in Chinese or English (Methods, ECG diagnostic texts).

    Normal needs a verdict ("normal ECG", 正常心电图, 大致正常心电图, "otherwise normal ECG") and nothing beside it
    but a sinus rhythm, its rate and regularity, early repolarisation or rotation. Any other finding, "borderline" or
    "abnormal" is abnormal; so is a bare "sinus bradycardia". A rhythm without a verdict is unknown, and so are a
    tracing of poor quality and a plain "normal ECG" beside a finding, which contradict each other.

    Parameters
    ----------
    text : str

    Returns
    -------
    StatementReading

    Raises
    ------
    ParameterError
        If `text` is not a string.
    """
    if not isinstance(text, str):
        raise ParameterError(f"ECG statement: found {type(text).__name__}; expected a string")
    if len(text) > MAX_CHARS:
        return StatementReading(None)
    normal = normalise(text)
    if match := _UNREADABLE.search(normal.text):
        return _reading(None, normal, match)
    current = _OTHER_TIME.sub(_blank, normal.text)
    if match := _NOT_NORMAL.search(current):
        return _reading(False, normal, match)
    verdict = _NORMAL.search(current)
    rest = _NORMAL.sub(_blank, current)
    rest = _DENIED.sub(_blank, rest)
    variant = _VARIANTS.search(rest)
    finding = _FINDINGS.search(_VARIANTS.sub(_blank, rest))
    if verdict is not None:
        if finding is None:
            return _reading(True, normal, verdict)
        if verdict["otherwise"] == "otherwise":
            return _reading(False, normal, finding)
        return _reading(None, normal, finding)
    abnormal = finding or variant
    return _reading(False, normal, abnormal) if abnormal else StatementReading(None)


def _blank(match: re.Match[str]) -> str:
    return "·" * len(match[0])


def _reading(value: bool | None, normal: Normal, match: re.Match[str]) -> StatementReading:
    return StatementReading(value, normal.quote(*match.span()))
