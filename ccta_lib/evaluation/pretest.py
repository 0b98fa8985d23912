"""Pre-test probability of obstructive disease by age, sex and symptom: the table of ESC 2019.

The guideline's Table 5 (Knuuti et al., Eur Heart J 2020; pooled by Juarez-Orozco et al. 2019 from 15,815
patients) holds for any vessel of a patient with a symptom and no known coronary disease, from 30 years on.
It is a published score: nothing is fitted.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd

from ccta_lib.errors import InputError
from ccta_lib.evaluation.results import NAN

AGE_BANDS = (30.0, 40.0, 50.0, 60.0, 70.0)
"""Lower ends; the last band is open."""

# Percent: men, women, by age band.
ESC_2019: dict[str, dict[str, tuple[float, ...]]] = {
    "typical": {"M": (3, 22, 32, 44, 52), "F": (5, 10, 13, 16, 27)},
    "atypical": {"M": (4, 10, 17, 26, 34), "F": (3, 6, 6, 11, 19)},
    "nonanginal": {"M": (1, 3, 11, 22, 24), "F": (1, 2, 3, 6, 10)},
    "dyspnoea": {"M": (0, 12, 20, 27, 32), "F": (3, 3, 9, 14, 12)},
}
"""`dyspnoea`: breathlessness as the only or leading symptom."""

NEEDED = ("age", "sex", "symptom")


def pretest_probability(table: pd.DataFrame) -> pd.Series:
    """Look up each row's pre-test probability in the table of ESC 2019.

    Parameters
    ----------
    table : columns age (years), sex (F, M), symptom (contract 1), each possibly missing

    Returns
    -------
    Series of float, index of `table`
        In [0, 1]; NaN where age, sex or symptom is missing, under 30 years, or without a symptom, where the
        table says nothing.

    Raises
    ------
    InputError
        If a column is absent.
    """
    absent = [c for c in NEEDED if c not in table]
    if absent:
        raise InputError(
            *(f"{c}: the pre-test probability needs this column; add it to the table" for c in absent)
        )
    age = table["age"].to_numpy(dtype=float, na_value=NAN)
    band = np.searchsorted(AGE_BANDS, age, side="right") - 1  # NaN sorts last; it is masked below
    out = np.full(len(table), NAN)
    for symptom, by_sex in ESC_2019.items():
        for sex, percent in by_sex.items():
            rows = (table["symptom"] == symptom) & (table["sex"] == sex)
            mine = rows.fillna(False).to_numpy(dtype=bool) & (age >= AGE_BANDS[0])
            out[mine] = np.array(percent)[band[mine]] / 100.0
    return pd.Series(out, index=table.index, name="pretest")


def pretest_table() -> pd.DataFrame:
    """Return the published table for reading: one row per age band, percent by symptom and sex."""
    names = [f"{low:g} to {high - 1:g}" for low, high in pairwise(AGE_BANDS)]
    columns = {
        f"{symptom}, {'men' if sex == 'M' else 'women'}": percent
        for symptom, by_sex in ESC_2019.items()
        for sex, percent in by_sex.items()
    }
    index = pd.Index([*names, f"{AGE_BANDS[-1]:g} and over"], name="age")
    return pd.DataFrame(columns, index=index).reset_index()
