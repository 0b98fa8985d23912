"""ECG statements, histories and procedures in hospital language, each with what it lets a reader know.

Conventions of the planted truth: a history says of a disease yes, no, or nothing (unknown); a family history is
not the patient's; a list of codes names what is there and never what is not. A statement about rhythm or
technique alone judges nothing. A stent elsewhere than in a coronary artery, and a diagnostic procedure, is
neither PCI nor CABG.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

import numpy as np
import pandas as pd

T = TypeVar("T")
DISEASES = ("diabetes", "hypertension", "prior_mi")


class Told(NamedTuple):
    """A text, and what it says: True, False, or None where it does not say."""

    text: str
    value: bool | None


_STATEMENTS: dict[tuple[str, bool | None], tuple[str, ...]] = {
    ("zh", True): (
        "窦性心律，正常心电图", "正常心电图", "1.窦性心律 2.心电图未见异常",
        "窦性心律，心率{rate}次/分，心电图在正常范围",
        "窦律，正常范围心电图。", "未见明显异常心电图",
    ),
    ("zh", False): (
        "窦性心律，ST-T改变", "窦性心律，Ⅱ、Ⅲ、aVF导联T波倒置", "心房颤动，ST段压低",
        "异常心电图：完全性左束支传导阻滞",
        "窦性心动过缓，心率{slow}次/分，V1-V3异常Q波", "窦性心律，左心室肥厚伴劳损", "窦性心律，频发室性早搏",
        "陈旧性下壁心肌梗死可能",
        "不正常心电图，ST段抬高待查", "窦性心律，完全性右束支传导阻滞",
    ),
    ("zh", None): ("基线漂移明显，建议复查", "报告待审核", "图形干扰大，无法分析", "请结合临床",
        "起搏分析程序关闭"),
    ("en", True): (
        "Normal ECG", "Normal sinus rhythm. Normal ECG.", "Sinus rhythm, rate {rate}. Within normal limits",
        "SINUS RHYTHM. NORMAL ECG", "No abnormality detected", "ECG normal; no ST or T wave changes",
    ),
    ("en", False): (
        "Abnormal ECG: ST & T wave abnormality, consider lateral ischemia",
        "Atrial fibrillation. Nonspecific T wave changes.",
        "Left bundle branch block", "Inferior infarct, age undetermined. Abnormal ECG",
        "Sinus rhythm with frequent premature ventricular complexes", "LVH with repolarization abnormality",
        "Sinus bradycardia at {slow}. Anterior T wave inversion", "Not a normal ECG: pathological Q waves V1-V3",
        "ST depression in V4-V6", "Right bundle branch block",
    ),
    ("en", None): (
        "Poor data quality, interpretation may be adversely affected", "Report not yet confirmed",
        "Artifact, please repeat",
        "No previous ECGs available", "Unconfirmed tracing, see physician",
    ),
}  # fmt: skip

# Per disease and answer; {y} years, {t} a year of the calendar.
_HISTORY: dict[tuple[str, str, bool], tuple[str, ...]] = {
    ("zh", "diabetes", True): ("糖尿病史{y}年", "2型糖尿病", "患糖尿病{y}年，口服二甲双胍", "DM{y}年"),
    ("zh", "diabetes", False): ("否认糖尿病", "无糖尿病史", "否认糖尿病病史"),
    ("zh", "hypertension", True): ("高血压病史{y}年", "高血压3级（很高危）", "高血压{y}余年，最高180/100mmHg",
        "原发性高血压"),
    ("zh", "hypertension", False): ("否认高血压病史", "无高血压", "否认高血压"),
    ("zh", "prior_mi", True): ("{t}年急性心肌梗死", "陈旧性心肌梗死", "既往心梗病史", "{t}年因前壁心梗住院"),
    ("zh", "prior_mi", False): ("否认心肌梗死病史", "无心梗史", "既往无心肌梗死"),
    ("en", "diabetes", True): ("type 2 diabetes for {y} years", "DM2 on metformin", "diabetic",
        "known diabetes mellitus"),
    ("en", "diabetes", False): ("denies diabetes", "no diabetes", "non-diabetic"),
    ("en", "hypertension", True): ("hypertension for {y} years", "HTN", "treated hypertension",
        "arterial hypertension"),
    ("en", "hypertension", False): ("denies hypertension", "no hypertension", "no history of hypertension"),
    ("en", "prior_mi", True): ("myocardial infarction in {t}", "s/p NSTEMI {t}", "old inferior MI", "prior MI"),
    ("en", "prior_mi", False): ("no prior MI", "denies myocardial infarction", "no previous infarction"),
}  # fmt: skip
_TOGETHER_NOT = {
    "zh": {"diabetes": "糖尿病", "hypertension": "高血压", "prior_mi": "心肌梗死"},
    "en": {"diabetes": "diabetes", "hypertension": "hypertension", "prior_mi": "myocardial infarction"},
}
_CODES = {
    "diabetes": ("E11.9", "E11.900", "E14.9"),
    "hypertension": ("I10", "I10.x00", "I11.9"),
    "prior_mi": ("I25.2", "I25.200"),
}
_BESIDE = {
    "zh": ("父亲患糖尿病", "吸烟{y}年", "母亲高血压、心肌梗死病史", "高脂血症{y}年", "青霉素过敏", "胸闷{d}天"),
    "en": ("father had diabetes", "smoker for {y} years",
    "family history of myocardial infarction and hypertension",
           "hyperlipidaemia", "chest tightness for {d} days", "appendectomy"),
}  # fmt: skip

_PROCEDURES: dict[tuple[str, str | None], tuple[str, ...]] = {
    ("zh", "pci"): (
        "经皮冠状动脉支架植入术", "冠状动脉药物洗脱支架植入（前降支1枚）", "PCI术",
        "经皮冠状动脉球囊扩张成形术", "急诊PCI：右冠植入支架2枚",
        "PTCA+支架", "36.07 药物洗脱冠状动脉支架置入",
    ),
    ("zh", "cabg"): ("冠状动脉旁路移植术", "冠状动脉搭桥术（LIMA-LAD）", "CABG", "不停跳冠脉搭桥术",
        "36.15 单乳内动脉-冠状动脉旁路移植"),
    ("zh", None): (
        "冠状动脉造影术", "左心导管检查", "永久起搏器植入术", "肾动脉支架植入术", "射频消融术",
        "冠脉造影，未行PCI", "颈动脉支架植入术",
    ),
    ("en", "pci"): (
        "PCI with drug-eluting stent to LAD", "Percutaneous coronary intervention", "Coronary balloon angioplasty",
        "Primary PCI, 2 stents RCA", "Percutaneous transluminal coronary angioplasty (PTCA)", "36.07", "CPT 92928",
    ),
    ("en", "cabg"): (
        "CABG x3", "Coronary artery bypass grafting", "Off-pump coronary bypass, LIMA to LAD", "36.15", "CPT 33533",
    ),
    ("en", None): (
        "Coronary angiography", "Left heart catheterisation, no intervention", "Permanent pacemaker implantation",
        "Renal artery stent", "Catheter ablation of atrial flutter", "Carotid stenting",
        "Diagnostic angiogram; PCI not performed",
    ),
}  # fmt: skip


def statement_text(normal: bool | None, *, language: str, rng: np.random.Generator) -> str:
    """Write an ECG statement that says normal, abnormal, or (None) neither."""
    return _pick(_STATEMENTS[language, normal], rng).format(
        rate=rng.integers(60, 90), slow=rng.integers(38, 50)
    )


def history_text(
    truth: dict[str, bool | None], *, language: str, rng: np.random.Generator, codes: bool = False
) -> tuple[str, dict[str, bool | None]]:
    """Write a history.

    Parameters
    ----------
    truth : dict
        Per disease of `DISEASES` yes, no, or None: not to be mentioned.
    language : "zh" or "en"
    rng : numpy.random.Generator
    codes : bool
        Whether to give ICD-10 codes instead of words; these name only what is there.

    Returns
    -------
    str
        Empty where nothing is said.
    dict
        What the text says of each disease.
    """
    if codes:
        found = [_pick(_CODES[d], rng) for d in DISEASES if truth.get(d)]
        extra = [_pick(("E78.5", "F17.2", "J44.9", "Z95.5"), rng)] if rng.random() < 0.5 else []
        text = _pick(("; ", "|", ", "), rng).join([found[i] for i in rng.permutation(len(found))] + extra)
        return text, {d: True if truth.get(d) else None for d in DISEASES}
    told = {d: truth.get(d) for d in DISEASES}
    absent = [d for d in DISEASES if told[d] is False]
    parts = [_phrase(language, d, True, rng) for d in DISEASES if told[d]]
    if len(absent) > 1 and rng.random() < 0.6:
        names = [_TOGETHER_NOT[language][d] for d in absent]
        if language == "zh":
            parts.append(_pick(("否认", "无"), rng) + "、".join(names) + _pick(("病史", "史", "等病史"), rng))
        else:
            parts.append(_pick(("no ", "denies "), rng) + ", ".join(names[:-1]) + " or " + names[-1])
    else:
        parts += [_phrase(language, d, False, rng) for d in absent]
    if rng.random() < 0.4:
        parts.append(_pick(_BESIDE[language], rng).format(y=rng.integers(2, 30), d=rng.integers(2, 20)))
    parts = [parts[i] for i in rng.permutation(len(parts))]
    if not parts:
        return "", told
    if language == "zh":
        return _pick(("，", "；", "。"), rng).join(parts) + "。", told
    # "Denies diabetes, hypertension" denies both: after a denial a comma would not tell what was meant.
    text = _pick((", ", "; ", ". ") if not absent else ("; ", ". "), rng).join(parts)
    return text[:1].upper() + text[1:] + ".", told


def procedure_text(kind: str | None, *, language: str, rng: np.random.Generator) -> str:
    """Name a procedure: "pci", "cabg", or (None) one that is neither."""
    return _pick(_PROCEDURES[language, kind], rng)


def told_set(*, n: int, seed: int, language: str) -> pd.DataFrame:
    """Write statements, histories and procedures with what they tell.

    Parameters
    ----------
    n : int
        Texts of each of the three kinds; a history tells of three diseases.
    seed : int
    language : "zh" or "en"

    Returns
    -------
    pandas.DataFrame
        subject ("normal ECG", "diabetes", "hypertension", "prior mi", "procedure"), language, text, told: "yes",
        "no" or "unknown"; of procedures "pci", "cabg" or "none".
    """
    rng = np.random.default_rng([seed, ord(language[0])])
    rows: list[tuple[str, str, str, str]] = []
    for _ in range(n):
        normal = _pick((True, False, None), rng)
        text = statement_text(normal, language=language, rng=rng)
        rows.append(("normal ECG", language, text, answer(normal)))
    for _ in range(n):
        truth = {d: _pick((True, False, None), rng) for d in DISEASES}
        text, said = history_text(truth, language=language, rng=rng, codes=rng.random() < 0.15)
        if text:
            rows += [(d.replace("_", " "), language, text, answer(said[d])) for d in DISEASES]
    for _ in range(n):
        kind = _pick(("pci", "cabg", None), rng)
        text = procedure_text(kind, language=language, rng=rng)
        rows.append(("procedure", language, text, kind or "none"))
    return pd.DataFrame(rows, columns=["subject", "language", "text", "told"])


def answer(value: bool | None) -> str:
    """Say True, False, None as "yes", "no", "unknown"."""
    return "unknown" if value is None else "yes" if value else "no"


def _phrase(language: str, disease: str, value: bool, rng: np.random.Generator) -> str:
    return _pick(_HISTORY[language, disease, value], rng).format(
        y=rng.integers(2, 25), t=rng.integers(2005, 2018)
    )


def _pick(options: Sequence[T], rng: np.random.Generator) -> T:
    return options[int(rng.integers(len(options)))]
