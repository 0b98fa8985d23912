"""Whom a hospital's exports are about: planted names, identifiers, birth dates, addresses, and one trouble each.

Every token is made up and says so, so that a search for it in a finished build finds a leak and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from typing import Any, cast

import numpy as np
import pandas as pd

from ccta_lib.simulate.exports.clinical_text import DISEASES

NOT_STATED = 0.15
"""Probability that a history says nothing of a disease."""


class Trouble(StrEnum):
    """What is wrong, or only looks wrong, with a patient's exports."""

    NONE = "none"
    # One recording of the patient.
    COPY = "same file twice"
    OTHER_FORM = "same recording, another format"
    AFTER = "ECG after the CCTA"
    CLOCK_FAST = "ECG clock 40 minutes fast"
    CLOCK_RESET = "ECG clock reset to 2000"
    LONG_BEFORE = "ECG long before the CCTA"
    UNREADABLE = "file cut short"
    NO_ECG_FILE = "file that is no ECG"
    FLAT = "flat lead"
    SHORT = "five seconds"
    NAN = "lead with missing samples"
    UNIT = "amplitudes a hundred times too large"
    NO_IDENTIFIER = "file without identifier"
    NO_TIME = "file without time"
    MIXED_UP = "filed under two patients"
    # The patient.
    TWO_IDENTIFIERS = "two identifiers, listed"
    UNLISTED = "two identifiers, not listed"
    NO_EXAM = "ECG without CCTA"
    NO_RECORDING = "CCTA without ECG"
    AGE_OVER = "born 140 years ago"
    AGE_UNDER = "born after the examination"
    SEX = "sex differs"
    BIRTH = "birth date differs"
    PCI_BEFORE = "PCI before the CCTA"
    CABG_BEFORE = "CABG before the CCTA"
    PCI_AFTER = "PCI after the CCTA"
    DIAGNOSTIC = "diagnostic or other procedure"
    # The report or the statement.
    REPORT_TWICE = "report row twice"
    REPORTS_CONFLICT = "contradicting reports"
    NO_REPORT_TEXT = "report without text"
    STATEMENT_CLOCK = "statement minutes off"
    STATEMENT_FAR = "statement two hours off"


NEED_BIRTH = frozenset({Trouble.AGE_OVER, Trouble.AGE_UNDER, Trouble.BIRTH})


@dataclass
class Patient:
    """One patient of one hospital, as known to the simulator and as written in the exports.

    Attributes
    ----------
    key : str
        The simulator's identifier; it appears in no export.
    language : "zh" or "en"
    number : int
    trouble : Trouble
    birth : date or None
    sex : "F", "M" or None
    history : dict
        Planted, per disease.
    stated : dict
        Of those, what the history text will say; None is not stated.
    """

    key: str
    language: str
    number: int
    trouble: Trouble
    birth: date | None
    sex: str | None
    history: dict[str, bool]
    stated: dict[str, bool | None] = field(default_factory=dict)

    @property
    def identifier(self) -> str:
        """Identifier as ECG machines and procedure lists write it."""
        return f"00777{self.number:05d}" if self.language == "zh" else f"PLANTED-EN-{self.number:05d}"

    @property
    def second_identifier(self) -> str:
        """Another identifier of the same patient."""
        return f"00888{self.number:05d}" if self.language == "zh" else f"PLANTED-ER-{self.number:05d}"

    @property
    def name(self) -> str:
        """Name in tables and report texts."""
        return f"虚构姓名{self.number:05d}" if self.language == "zh" else f"Plantedname Q{self.number:05d}"

    @property
    def latin_name(self) -> str:
        """Name as ECG machines write it."""
        return f"XUGOU{self.number:05d} PLANTED" if self.language == "zh" else self.name

    @property
    def address(self) -> str:
        """Where nobody lives."""
        return f"虚构路{self.number:05d}号" if self.language == "zh" else f"{self.number:05d} Planted Lane"

    @property
    def telephone(self) -> str:
        """Number that cannot be dialled."""
        return f"000-7770-{self.number:05d}"

    def tokens(self) -> list[str]:
        """Everything by which the patient could be found in a text."""
        born = [self.birth.isoformat(), f"{self.birth:%Y%m%d}"] if self.birth else []
        # A spreadsheet drops leading zeros: the token is what remains.
        return [self.identifier.lstrip("0"), self.second_identifier.lstrip("0"), self.name, self.latin_name,
                self.address, self.telephone, *born]  # fmt: skip


def make_patients(table: pd.DataFrame, languages: tuple[str, ...], rng: np.random.Generator) -> list[Patient]:
    """Give the simulator's patients a hospital, tokens and troubles.

    Parameters
    ----------
    table : DataFrame
        Simulated cohort table.
    languages : tuple of str
        One hospital each; patients are dealt in turn.
    rng : numpy.random.Generator

    Returns
    -------
    list of Patient
        In the table's order. Each trouble occurs about once in 60 patients of a hospital, at least once where
        it has room; only patients with one CCTA, and none of the follow-up cohort, have one.
    """
    first = table.drop_duplicates("patient_id")
    exams = table.groupby("patient_id", sort=False)["exam_id"].nunique()
    people = [
        _patient(row, languages[i % len(languages)], i + 1, rng)
        for i, row in enumerate(cast(Any, first.itertuples()))
    ]
    plain = {
        row.patient_id
        for row in first.itertuples()
        if exams[row.patient_id] == 1 and row.cohort != "followup"
    }
    for place, language in enumerate(languages):
        free = [p for p in people if p.language == language and p.key in plain]
        free = [free[i] for i in rng.permutation(len(free))]
        troubles = [t for t in Trouble if t is not Trouble.NONE]
        # Where there is no room for all, each hospital starts at another place of the list.
        start = place * len(troubles) // len(languages)
        size = sum(p.language == language for p in people)
        wanted = [t for t in troubles[start:] + troubles[:start] for _ in range(max(1, round(size / 60)))]
        for trouble in wanted[: int(0.9 * len(free))]:
            fits = [p for p in free if _fits(p, trouble)]
            if fits:
                fits[0].trouble = trouble
                free.remove(fits[0])
    for person in people:
        _age_trouble(person, table)
    return people


def _patient(row: Any, language: str, number: int, rng: np.random.Generator) -> Patient:
    age, ccta = float(row.age), row.ccta_time
    birth = None
    if not np.isnan(age):
        birth = (ccta - timedelta(days=round(365.25 * age + float(rng.uniform(5, 30))))).date()
    sex = row.sex if isinstance(row.sex, str) else None
    history = {d: bool(getattr(row, d)) for d in DISEASES}
    stated = {d: None if rng.random() < NOT_STATED else history[d] for d in DISEASES}
    return Patient(row.patient_id, language, number, Trouble.NONE, birth, sex, history, stated)


def _fits(person: Patient, trouble: Trouble) -> bool:
    if trouble in NEED_BIRTH:
        return person.birth is not None
    return person.sex is not None if trouble is Trouble.SEX else True


def _age_trouble(person: Patient, table: pd.DataFrame) -> None:
    if person.trouble not in (Trouble.AGE_OVER, Trouble.AGE_UNDER):
        return
    times = table.loc[table["patient_id"] == person.key]
    person.birth = (
        (times["ccta_time"].min() - timedelta(days=140 * 366)).date()
        if person.trouble is Trouble.AGE_OVER
        # So far ahead that it is nobody's examination: a search for planted dates must not find those.
        else (times["ccta_time"].max() + timedelta(days=70 * 365)).date()
    )
