"""Subgroup factors: how the rows of a table are divided (Figure 3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

UNKNOWN = "unknown"


def _flag(column: str) -> Callable[[pd.DataFrame], pd.Series]:
    def levels(table: pd.DataFrame) -> pd.Series:
        return table[column].astype("boolean").map({True: "yes", False: "no"}).astype(object)

    return levels


def _age(table: pd.DataFrame) -> pd.Series:
    age = table["age"].astype(float)
    return pd.Series(np.where(age < 65, "< 65 years", ">= 65 years"), table.index).where(age.notna())


def _interval(table: pd.DataFrame) -> pd.Series:
    gap = pd.to_datetime(table["ccta_time"], format="ISO8601") - pd.to_datetime(
        table["ecg_time"], format="ISO8601"
    )
    hours = gap.dt.total_seconds() / 3600
    return pd.Series(np.where(hours <= 3, "<= 3 h", "> 3 h"), table.index).where(hours.notna())


class Factor:
    """A subgroup factor: the columns it needs, its levels in order, and how a table is divided."""

    def __init__(
        self, columns: tuple[str, ...], levels: tuple[str, ...], divide: Callable[[pd.DataFrame], pd.Series]
    ) -> None:
        self.columns, self.levels, self._divide = columns, levels, divide

    def __call__(self, table: pd.DataFrame) -> np.ndarray:
        """Return the level of each row, "unknown" where it cannot be told, (n,) object."""
        if not set(self.columns) <= set(table.columns):
            return np.full(len(table), UNKNOWN, dtype=object)
        divided = self._divide(table).astype(object)
        return divided.where(divided.notna(), UNKNOWN).to_numpy(dtype=object)


YES_NO = ("no", "yes")
FACTORS: Mapping[str, Factor] = {
    "age": Factor(("age",), ("< 65 years", ">= 65 years"), _age),
    "sex": Factor(
        ("sex",), ("female", "male"), lambda t: t["sex"].map({"F": "female", "M": "male"}).astype(object)
    ),
    "diabetes": Factor(("diabetes",), YES_NO, _flag("diabetes")),
    "hypertension": Factor(("hypertension",), YES_NO, _flag("hypertension")),
    "prior MI": Factor(("prior_mi",), YES_NO, _flag("prior_mi")),
    "ECG-CCTA interval": Factor(("ecg_time", "ccta_time"), ("<= 3 h", "> 3 h"), _interval),
    "normal ECG": Factor(("ecg_normal",), YES_NO, _flag("ecg_normal")),
}
