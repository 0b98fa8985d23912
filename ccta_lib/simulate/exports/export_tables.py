"""The tables a hospital hands over beside its ECG files, row by row with their truth."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, cast

import numpy as np
import pandas as pd

from ccta_lib.schema import VESSELS, Grade
from ccta_lib.simulate.exports.clinical_text import DISEASES, history_text, procedure_text
from ccta_lib.simulate.exports.people import Patient, Trouble
from ccta_lib.simulate.exports.recordings_plan import Planned
from ccta_lib.simulate.exports.reports import Report, write_report

CODES_SHARE, NAMED_SHARE, DIAGNOSTIC_SHARE = 0.15, 0.08, 0.1
"""Probability of a history in codes, of a report that names its patient, of a diagnostic procedure."""

Rows = list[tuple[dict[str, Any], dict[str, Any]]]
"""Per row the cells by canonical column, and the truth about them."""


def report_rows(
    table: pd.DataFrame, people: Sequence[Patient], *, split: str, rng: np.random.Generator
) -> Rows:
    """Write a report per examination, with the history beside it.

    Parameters
    ----------
    table : DataFrame
        Simulated cohort table of one hospital.
    people : sequence of Patient
        Of that hospital.
    split : "develop" or "score-once"
        Wording of the reports.
    rng : numpy.random.Generator
    """
    of = {p.key: p for p in people}
    rows: Rows = []
    for number, exam in enumerate(cast(Any, table.drop_duplicates("exam_id").itertuples()), start=1):
        person = of[str(exam.patient_id)]
        if person.trouble is Trouble.NO_EXAM:
            continue
        grades = {v: Grade(getattr(exam, v.grade_column)) for v in VESSELS}
        report = write_report(grades, split=split, language=person.language, rng=rng)
        row = _report_row(person, exam, number, report, rng)
        if person.trouble is Trouble.NO_REPORT_TEXT:
            row[0]["report"] = ""
            row[1]["report"] = ""
            row[1].update(dict.fromkeys((v.grade_column for v in VESSELS), None))
        rows.append(row)
        if person.trouble is Trouble.REPORT_TWICE:
            rows.append((dict(row[0]), dict(row[1])))
        if person.trouble is Trouble.REPORTS_CONFLICT:
            rows.append(_contradicted(person, exam, number, report, split, rng))
    return rows


def _report_row(
    person: Patient, exam: Any, number: int, report: Report, rng: np.random.Generator
) -> tuple[dict[str, Any], dict[str, Any]]:
    chinese = person.language == "zh"
    text = report.text
    if rng.random() < NAMED_SHARE:
        who = f"姓名：{person.name} 住院号：{person.identifier}。\n" if chinese else (
            f"Patient: {person.name}, MRN {person.identifier}.\n")  # fmt: skip
        text = who + text
    history, said = history_text(
        person.stated, language=person.language, rng=rng, codes=rng.random() < CODES_SHARE
    )
    # The second hospital knows a birth date of every other patient and an age of the rest.
    with_birth = chinese or person.number % 4 < 2 or person.trouble in (
        Trouble.AGE_OVER, Trouble.AGE_UNDER, Trouble.BIRTH)  # fmt: skip
    years = None if person.birth is None else int((exam.ccta_time.date() - person.birth).days // 365.25)
    cells = {
        "patient_id": person.identifier, "exam_id": f"CT777{number:05d}" if chinese else f"PLANTED-CT-{number:05d}",
        "name": person.name, "sex": person.sex, "birth_date": person.birth if with_birth else None,
        "age": None if with_birth else years, "address": person.address, "telephone": person.telephone,
        "ccta_time": exam.ccta_time.to_pydatetime(), "history": history, "report": text,
    }  # fmt: skip
    truth = {
        "patient": person.key, "exam": exam.exam_id, "trouble": str(person.trouble), "style": report.style,
        "language": person.language, "report": text, "history": history,
        **{f"planted_{v.lower()}": getattr(exam, v.grade_column) for v in VESSELS},
        **{v.grade_column: None if (g := report.truth[v]) is None else str(g) for v in VESSELS},
        **{d: said[d] for d in DISEASES},
    }  # fmt: skip
    return cells, truth


def _contradicted(
    person: Patient, exam: Any, number: int, first: Report, split: str, rng: np.random.Generator
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Write another report of the same examination that contradicts the first about some vessel."""
    while True:
        other = {v: Grade.SEVERE if first.truth[v] is not Grade.SEVERE else Grade.NORMAL for v in VESSELS}
        report = write_report(other, split=split, language=person.language, rng=rng)
        if any(first.truth[v] and report.truth[v] and first.truth[v] != report.truth[v] for v in VESSELS):
            return _report_row(person, exam, number, report, rng)


def statement_rows(planned: Sequence[Planned], *, rng: np.random.Generator) -> Rows:
    """List the statements that do not stand in the ECG files; times are those of the report system."""
    rows: Rows = []
    for one in planned:
        if one.in_file or one.copy_of:
            continue
        shift = timedelta(0)
        if one.trouble is Trouble.STATEMENT_CLOCK:
            shift = timedelta(minutes=int(rng.integers(2, 9)) * (1 if rng.random() < 0.5 else -1))
        elif one.trouble is Trouble.STATEMENT_FAR:
            shift = timedelta(hours=2, minutes=int(rng.integers(0, 20)))
        cells = {
            "patient_id": one.person.identifier, "ecg_time": one.true_time + shift, "statement": one.statement,
            "name": one.person.name,
        }  # fmt: skip
        truth = {"patient": one.person.key, "ecg_id": one.ecg_id, "statement": one.statement,
                 "language": one.person.language, "stated": one.stated}  # fmt: skip
        rows.append((cells, truth))
    return rows


def procedure_rows(table: pd.DataFrame, people: Sequence[Patient], *, rng: np.random.Generator) -> Rows:
    """List revascularisations before and after the CCTA, and procedures that are none."""
    ccta = table.groupby("patient_id")["ccta_time"].max()
    ecg = table.groupby("patient_id")["ecg_time"].min()
    rows: Rows = []
    for person in people:
        kind, before = {
            Trouble.PCI_BEFORE: ("pci", True), Trouble.CABG_BEFORE: ("cabg", True), Trouble.PCI_AFTER: ("pci", False),
            Trouble.DIAGNOSTIC: (None, bool(rng.random() < 0.5)),
        }.get(person.trouble, ("", True))  # fmt: skip
        if kind == "":
            if person.trouble is not Trouble.NONE or rng.random() >= DIAGNOSTIC_SHARE:
                continue
            kind = None
        days = timedelta(days=int(rng.integers(30, 900) if before else rng.integers(10, 300)))
        time = (ecg[person.key] - days if before else ccta[person.key] + days).to_pydatetime()
        text = procedure_text(kind, language=person.language, rng=rng)
        cells = {
            "patient_id": person.identifier,
            "procedure_time": time,
            "procedure": text,
            "name": person.name,
        }
        rows.append((cells, {"patient": person.key, "procedure": text, "kind": kind, "language": person.language,
                             "when": "before" if before else "after"}))  # fmt: skip
    return rows


def followup_rows(table: pd.DataFrame, people: Sequence[Patient]) -> Rows:
    """List how the patients of the follow-up cohort fared."""
    of = {p.key: p for p in people}
    rows: Rows = []
    for ecg in cast(Any, table[table["cohort"] == "followup"].itertuples()):
        person = of[str(ecg.patient_id)]
        end: datetime = (ecg.ecg_time + timedelta(days=float(ecg.followup_days))).to_pydatetime()
        event = "none" if ecg.end_reason == "end" else str(ecg.end_reason)
        cells = {"patient_id": person.identifier, "last_contact": end, "event": event,
                 "event_time": None if event == "none" else end, "telephone": person.telephone}  # fmt: skip
        told = {
            "patient": person.key,
            "followup_days": float(ecg.followup_days),
            "end_reason": ecg.end_reason,
        }
        rows.append((cells, told))
    return rows


def identifier_rows(people: Sequence[Patient]) -> Rows:
    """List the patients of whom the hospital knows that they have two identifiers."""
    return [
        ({"patient_id": p.identifier, "same_as": p.second_identifier}, {"patient": p.key})
        for p in people if p.trouble is Trouble.TWO_IDENTIFIERS
    ]  # fmt: skip
