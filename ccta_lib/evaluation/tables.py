"""Tidy tables: which rows a result is about (vessel, cohort, unit) and the columns every estimate carries."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from ccta_lib.errors import ParameterError
from ccta_lib.evaluation.aggregate import aggregate, labelled
from ccta_lib.evaluation.rates import RATES
from ccta_lib.evaluation.results import NAN, Interval
from ccta_lib.schema import COHORTS, VESSELS, Vessel

COLUMNS = (
    "vessel",
    "cohort",
    "unit",
    "metric",
    "estimate",
    "low",
    "high",
    "n",
    "n_pos",
    "n_patients",
    "method",
    "note",
    "data_kind",
)
ALL_VESSELS = "all"
MIN_POSITIVE_PATIENTS = 10
NO_LABEL = "no row with a known grade"


@dataclass(frozen=True, eq=False)
class Slice:
    """The labelled rows of one vessel in one cohort at one level.

    Attributes
    ----------
    vessel, cohort, unit, data_kind : str
    y : (n,) bool
    p : (n,) probabilities
    patients : (n,) patient ids
    table : the n rows of the prediction table
    """

    vessel: str
    cohort: str
    unit: str
    data_kind: str
    y: np.ndarray
    p: np.ndarray
    patients: np.ndarray
    table: pd.DataFrame

    def where(self, rows: np.ndarray) -> Slice:
        """Return the part of the slice in `rows`, (n,) bool."""
        return replace(
            self,
            y=self.y[rows],
            p=self.p[rows],
            patients=self.patients[rows],
            table=self.table.loc[np.asarray(rows)].reset_index(drop=True),
        )

    @property
    def grade(self) -> np.ndarray:
        """Grades of the vessel, (n,) of str."""
        column = Vessel(self.vessel).grade_column
        return self.table[column].to_numpy(dtype=object) if column in self.table else np.zeros(0, object)

    @cached_property
    def n_patients(self) -> int:
        """Number of patients."""
        return len(set(self.patients))

    @cached_property
    def n_pos_patients(self) -> int:
        """Number of patients with at least one positive row; every "under 10" rule uses this."""
        return len(set(self.patients[self.y]))

    def row(
        self,
        metric: str,
        estimate: float = NAN,
        low: float = NAN,
        high: float = NAN,
        *,
        method: str = "",
        note: str = "",
        **more: Any,
    ) -> dict[str, Any]:
        """Return one row of contract 3 about this slice; `more` are columns of its own."""
        values = (
            self.vessel,
            self.cohort,
            self.unit,
            metric,
            estimate,
            low,
            high,
            len(self.y),
            int(self.y.sum()),
            self.n_patients,
            method,
            note,
            self.data_kind,
        )
        return dict(zip(COLUMNS, values, strict=True)) | {"n_pos_patients": self.n_pos_patients} | more

    def interval_row(self, metric: str, interval: Interval, **more: Any) -> dict[str, Any]:
        """Return the row of an `Interval`."""
        return self.row(
            metric,
            interval.estimate,
            interval.low,
            interval.high,
            method=interval.method,
            note=interval.note,
            **more,
        )

    def rate_rows(self, point: Any, /, *, note: str = "", **more: Any) -> list[dict[str, Any]]:
        """Return the rows of one operating point's rates (`rates.operating_points`), with its counts."""
        counts = {k: int(point[k]) for k in ("tp", "fp", "fn", "tn")}
        return [
            self.row(
                rate,
                point[rate],
                point[f"{rate}_low"],
                point[f"{rate}_high"],
                method="Wilson, patient-clustered",
                note=note if np.isfinite(point[rate]) else "no row in its denominator",
                **more,
                **counts,
            )
            for rate in RATES
        ]


def slices(
    predictions: pd.DataFrame,
    *,
    units: Iterable[str] = ("ecg",),
    cohorts: Sequence[str] | None = None,
    vessels: Iterable[str] = VESSELS,
    rule: str = "index",
) -> Iterator[Slice]:
    """Yield the labelled rows of each unit, cohort and vessel, in this order.

    Parameters
    ----------
    predictions : contract 2, one row per ECG
    units : "ecg", "exam", "patient"
    cohorts : None = those in the table, in the order internal, external, followup
    vessels : names of vessels
    rule : "index" or "worst", see `aggregate`

    Raises
    ------
    ParameterError
        If a vessel or cohort is unknown.
    """
    names = chosen_vessels(vessels)
    kept = chosen_cohorts(predictions, cohorts)
    of_row = cohort_column(predictions)
    for unit in units:
        for cohort in kept:
            table = aggregate(predictions.loc[of_row == cohort], unit, rule=rule)
            for vessel in names:
                yield slice_of(table, vessel, cohort, unit)


def slice_of(table: pd.DataFrame, vessel: str, cohort: str, unit: str) -> Slice:
    """Return the labelled rows of one vessel of a table already at `unit`."""
    known, y = labelled(table, vessel)
    rows = table.loc[known].reset_index(drop=True)
    column = Vessel(vessel).prob_column
    p = rows[column].to_numpy(dtype=float) if column in rows else np.full(len(rows), NAN)
    patients = rows["patient_id"].astype(str).to_numpy(dtype=object)
    return Slice(str(vessel), cohort, unit, data_kind(table), y[known] == 1, p, patients, rows)


def chosen_vessels(vessels: Iterable[str]) -> list[str]:
    """Return vessel names; raises ParameterError for one that does not exist."""
    names = [vessels] if isinstance(vessels, str) else list(vessels)
    unknown = [v for v in names if v not in VESSELS]
    if unknown or not names:
        raise ParameterError(f"vessels: expected some of {', '.join(VESSELS)}, found {names}")
    return [str(Vessel(v)) for v in names]


def chosen_cohorts(predictions: pd.DataFrame, cohorts: Sequence[str] | None) -> list[str]:
    """Return cohort names, by default those in the table; raises ParameterError for an unknown one."""
    if cohorts is None:
        present = set(cohort_column(predictions))
        return [c for c in COHORTS if c in present]
    names = [cohorts] if isinstance(cohorts, str) else list(cohorts)
    unknown = [c for c in names if c not in COHORTS]
    if unknown:
        raise ParameterError(f"cohorts: expected some of {', '.join(COHORTS)}, found {', '.join(unknown)}")
    return names


def cohort_column(predictions: pd.DataFrame) -> pd.Series:
    """Return the cohort of each row; absent or empty means internal."""
    if "cohort" not in predictions:
        return pd.Series("internal", index=predictions.index)
    return predictions["cohort"].astype(object).where(predictions["cohort"].notna(), "internal")


def data_kind(table: pd.DataFrame) -> str:
    """Return where the patients come from; "user" unless the table says otherwise."""
    if "data_kind" not in table or not len(table) or pd.isna(table["data_kind"].iloc[0]):
        return "user"
    return str(table["data_kind"].iloc[0])


def tidy(rows: Iterable[dict[str, Any]]) -> pd.DataFrame:
    """Return rows as a table with the columns of contract 3 first, then the rows' own."""
    found = list(rows)
    more = [c for c in dict.fromkeys(k for row in found for k in row) if c not in COLUMNS]
    return pd.DataFrame(found, columns=[*COLUMNS, *more])
