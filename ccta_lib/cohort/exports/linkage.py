"""Which ECG belongs to which examination, and why one belongs to none: every recording ends with at most one reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import pandas as pd

from ccta_lib.cohort.exports.recordings import NO_REPORT
from ccta_lib.cohort.quality import Reason
from ccta_lib.errors import ParameterError

Which = Literal["all", "nearest", "earliest"]
Revascularised = Literal["prior", "prior-and-subsequent", "none"]
OLDEST = 120
TWO_NAMES = "same samples under two patients"
SEX, BIRTH = "sex differs between inputs", "birth date differs between inputs"
NO_LATER = "no CCTA after the ECG"
PRIOR, SUBSEQUENT = "PCI or CABG before the CCTA", "PCI or CABG after the CCTA"
AGE = "impossible age"
NOT_CHOSEN = "another ECG of the examination chosen"


@dataclass(frozen=True, kw_only=True)
class LinkageRules:
    """Settings of the pairing of ECGs with examinations.

    Attributes
    ----------
    max_days : float or None
        An ECG lies at most so many days before its CCTA; None is the paper's way (it states no maximum).
    which : "all", "nearest" or "earliest"
        Which ECGs of an examination enter; the paper has 1.8 per examination: all.
    revascularised : "prior", "prior-and-subsequent" or "none"
        Whose ECGs are left out: after a PCI or CABG before the CCTA; also with one after it, as in the paper
        (this conditions on the future and removes severe cases); or nobody's.
    clock_minutes : float
        An ECG so many minutes after the CCTA still belongs to it: the clocks of two machines disagree. It is
        flagged, and its time in the table is the CCTA's. 0: no ECG after the CCTA, as in the paper.
    min_age : float
        Years; younger patients are left out. Unknown age stays.
    statement_minutes : float
        A statement belongs to the nearest ECG of its patient at most so many minutes away.
    """

    max_days: float | None = None
    which: Which = "all"
    revascularised: Revascularised = "prior"
    clock_minutes: float = 0.0
    min_age: float = 18.0
    statement_minutes: float = 10.0

    def __post_init__(self) -> None:
        faults = [f"{name} is {value!r}; expected one of {', '.join(get_args(allowed))}"
                  for name, value, allowed in [("which", self.which, Which),
                                               ("revascularised", self.revascularised, Revascularised)]
                  if value not in get_args(allowed)]  # fmt: skip
        numbers = {"clock_minutes": self.clock_minutes, "min_age": self.min_age,
                   "statement_minutes": self.statement_minutes}  # fmt: skip
        numbers |= {} if self.max_days is None else {"max_days": self.max_days}
        faults += [f"{name} is {value:g}; expected a finite number, 0 or more" for name, value in numbers.items()
                   if not 0 <= value < np.inf]  # fmt: skip
        if faults:
            raise ParameterError(*faults)

    @property
    def too_early(self) -> str:
        """Reason for an ECG further before the CCTA than allowed."""
        return f"more than {self.max_days:g} days before the CCTA" if self.max_days is not None else ""

    @property
    def too_young(self) -> str:
        """Reason for a patient below the lowest age."""
        return f"younger than {self.min_age:g}"


def link(recordings: pd.DataFrame, reports: pd.DataFrame, exams: pd.DataFrame, procedures: pd.DataFrame | None, *,
         rules: LinkageRules) -> pd.DataFrame:  # fmt: skip
    """Pair each recording with the first CCTA after it, and give each that does not enter its one reason.

    The order of the reasons is the order of the flow: recording, duplicates, report, identity, pairing,
    revascularisation, age, choice.

    Parameters
    ----------
    recordings : DataFrame
        From `recordings.read_recordings`, patients under several identifiers made one.
    reports, exams : DataFrame
        From `examinations`.
    procedures : DataFrame or None
        Usable rows of PCI and CABG: patient, procedure_time.
    rules : LinkageRules

    Returns
    -------
    DataFrame
        The recordings, in their order, with `reason` (empty = enters), `detail`, `exam` (0 = none),
        `ccta_time`, `age` (whole years at the ECG) and `ecg_time` (moved to the CCTA's where clocks disagree).
    """
    rows = recordings.copy()
    rows["detail"] = ""
    _duplicates(rows)
    _exclude(rows, ~rows["patient"].isin(exams["patient"]), NO_REPORT)
    _exclude(rows, rows["patient"].isin(_torn(rows, reports, "sex")), SEX)
    _exclude(rows, rows["patient"].isin(_torn(rows, reports, "birth_date")), BIRTH)
    rows = _paired(rows, exams, rules)
    rows["age"] = _age(rows, reports)
    if procedures is not None:
        _revascularised(rows, procedures, rules)
    _exclude(rows, (rows["age"] < 0) | (rows["age"] > OLDEST), AGE)
    _exclude(rows, rows["age"] < rules.min_age, rules.too_young)
    if rules.which != "all":
        order = rows[rows["reason"] == ""].sort_values(
            ["ecg_time", "row"], ascending=rules.which == "earliest"
        )
        _exclude(rows, rows.index.isin(order.index[order["exam"].duplicated()]), NOT_CHOSEN)
    return rows


def _exclude(rows: pd.DataFrame, which: pd.Series | np.ndarray, reason: str, detail: str = "") -> None:
    out = which & (rows["reason"] == "")
    rows.loc[out, "reason"] = reason
    if detail:
        rows.loc[out, "detail"] = detail


def _duplicates(rows: pd.DataFrame) -> None:
    """The same samples under two patients are nobody's; under one patient the first recording stands for all."""
    usable = rows[rows["reason"] == ""].sort_values(["ecg_time", "row"], kind="stable")
    group = usable.groupby("content", sort=False)
    torn = group["patient"].transform("min") != group["patient"].transform("max")
    _exclude(rows, rows.index.isin(torn.index[torn]), TWO_NAMES)
    usable = usable[~torn]
    later = usable[usable["content"].duplicated()]
    first = usable.drop_duplicates("content").set_index("content")[["row", "ecg_time"]]
    _exclude(rows, rows.index.isin(later.index), Reason.DUPLICATE)
    of = first.reindex(later["content"])
    same_time = of["ecg_time"].to_numpy() == later["ecg_time"].to_numpy()
    rows.loc[later.index, "detail"] = [
        f"same samples as recording {row}" + ("" if same else ", at another time")
        for row, same in zip(of["row"], same_time, strict=True)
    ]
    doubtful = rows["content"].isin(later.loc[~same_time, "content"]) & (rows["reason"] == "")
    rows.loc[doubtful, "flags"] = (rows.loc[doubtful, "flags"] + " same_samples_at_another_time").str.strip()


def _torn(rows: pd.DataFrame, reports: pd.DataFrame, column: str) -> pd.Index:
    """Patients of whom inputs say two different things."""
    said = [table.loc[table["reason"] == "", ["patient", column]] for table in (rows, reports)]
    both = pd.concat([said[0], said[1].astype({column: rows[column].dtype})])
    known = both[both[column].notna() & (both[column] != "")].drop_duplicates()
    return pd.Index(known.loc[known["patient"].duplicated(), "patient"].unique())


def _paired(rows: pd.DataFrame, exams: pd.DataFrame, rules: LinkageRules) -> pd.DataFrame:
    tolerance = pd.Timedelta(minutes=rules.clock_minutes)
    left = rows.loc[rows["reason"] == "", ["patient", "ecg_time"]].copy()
    left["at"] = left["ecg_time"].astype("datetime64[ns]") - tolerance
    left = left.sort_values("at", kind="stable").reset_index(names="index")
    right = exams[["patient", "ccta_time", "exam"]].assign(at=exams["ccta_time"].astype("datetime64[ns]"))
    right["exam"] = right["exam"].astype("Int64")  # 64 bits of a pseudonym would not survive a float column
    found = pd.merge_asof(left, right.sort_values(["at", "exam"]), on="at", by="patient", direction="forward")
    found = found.set_index("index")
    rows["exam"] = found["exam"].reindex(rows.index).fillna(0).astype("int64")
    rows["ccta_time"] = found["ccta_time"].reindex(rows.index)
    _exclude(rows, rows["exam"] == 0, NO_LATER)
    if rules.max_days is not None:
        days = (rows["ccta_time"] - rows["ecg_time"]).dt.total_seconds() / 86_400
        _exclude(rows, days > rules.max_days, rules.too_early)
    late = (rows["reason"] == "") & (rows["ecg_time"] > rows["ccta_time"])
    rows.loc[late, "flags"] = (rows.loc[late, "flags"] + " clock").str.strip()
    rows.loc[late, "ecg_time"] = rows.loc[late, "ccta_time"]
    return rows


def _age(rows: pd.DataFrame, reports: pd.DataFrame) -> pd.Series:
    """Completed years at the ECG: from a birth date, else the age at the CCTA, else what the recording says."""
    usable = reports[reports["reason"] == ""]
    known = usable.dropna(subset=["birth_date"]).drop_duplicates("patient").set_index("patient")["birth_date"]
    birth = rows["patient"].map(known).astype("datetime64[s]").fillna(rows["birth_date"])
    time = rows["ecg_time"]
    before = (time.dt.month < birth.dt.month) | (
        (time.dt.month == birth.dt.month) & (time.dt.day < birth.dt.day)
    )
    years = (time.dt.year - birth.dt.year - before).where(birth.notna() & time.notna())
    stated = usable.dropna(subset=["age"]).drop_duplicates("exam").set_index("exam")["age"].astype("float64")
    days = (rows["ccta_time"] - time).dt.total_seconds() / 86_400
    # Without a birth date the years since the ECG are all that is known: whole years, at most one off.
    at_exam = rows["exam"].map(stated) - (days // 365.25).clip(lower=0)
    return years.astype("float64").fillna(at_exam).fillna(np.floor(rows["age"]))


def _revascularised(rows: pd.DataFrame, procedures: pd.DataFrame, rules: LinkageRules) -> None:
    if rules.revascularised == "none":
        return
    times = procedures.groupby("patient")["procedure_time"]
    _exclude(rows, rows["patient"].map(times.min()) < rows["ccta_time"], PRIOR)
    if rules.revascularised == "prior-and-subsequent":
        _exclude(rows, rows["patient"].map(times.max()) >= rows["ccta_time"], SUBSEQUENT)
