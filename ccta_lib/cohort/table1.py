"""Table 1: baseline characteristics with the paper's rows and labels, by the tableone package."""

from __future__ import annotations

import numpy as np
import pandas as pd
from tableone import TableOne

from ccta_lib.cohort.paper import MEAN, MISSING, NOT_SEVERE, OLDER, SEVERE, UNKNOWN, YOUNGER, paper_table1
from ccta_lib.evaluation.aggregate import aggregate
from ccta_lib.schema import COHORTS, VESSELS, labels

AGE_CUT = 65
AGE = "Age (years)"
HISTORY = {
    "Diabetes": "diabetes",
    "Hypertension": "hypertension",
    "Prior myocardial infarction": "prior_mi",
}
# Levels in the paper's order; True where the paper prints the row of missing cells even when it is 0.
_LEVELS: dict[str, tuple[tuple[str, ...], str, bool]] = {
    "Sex": (("Male", "Female"), MISSING, True),
    AGE: ((YOUNGER, OLDER), MISSING, True),
    **dict.fromkeys(HISTORY, (("Yes", "No"), MISSING, False)),
    **{str(v): ((SEVERE, NOT_SEVERE), UNKNOWN, False) for v in VESSELS},
}
COLUMNS = ["characteristic", "level", "cohort", "n", "percent", "mean", "sd", "text", "unit"]


def table1(cohort: pd.DataFrame, *, unit: str = "ecg") -> pd.DataFrame:
    """Count baseline characteristics of each cohort (the paper's Table 1).

    Parameters
    ----------
    cohort : DataFrame
        A validated cohort or prediction table, one row per ECG.
    unit : "ecg", "exam" or "patient"
        What is counted. The paper counts ECGs, so a patient with five ECGs enters five times. Exams and
        patients as in `ccta_lib.evaluation.aggregate` (the patient's index exam).

    Returns
    -------
    DataFrame
        One row per characteristic, level and cohort: `n` and `percent` (of all rows of the cohort, missing
        cells included) for levels, `mean` and `sd` for age, `text` as it is printed. The first row of each
        cohort is its size. Missing cells have a row of their own: always for sex and age, as in the paper,
        elsewhere when there are any in some cohort.

    Raises
    ------
    InputError
        If `unit` is unknown or a grade differs within an exam.
    """
    people = aggregate(cohort, unit)
    there = [c for c in COHORTS if (people["cohort"] == c).any()]
    data = baseline_levels(people)
    counted = TableOne(data, columns=list(_LEVELS), categorical=list(_LEVELS), groupby="cohort", missing=False,
                       overall=False).cat_describe  # fmt: skip
    freq, percent = counted["freq"], counted["percent"]
    mean_sd = _age(people)
    rows: list[tuple[object, ...]] = []
    for name in there:
        size = int((people["cohort"] == name).sum())
        rows.append(("n", "", name, float(size), np.nan, np.nan, np.nan, f"{size:,}"))
        for characteristic, (levels, blank, always) in _LEVELS.items():
            if characteristic == AGE:
                mean, sd = mean_sd[name]
                rows.append((AGE, MEAN, name, np.nan, np.nan, mean, sd, _mean_text(mean, sd)))
            shown = [*levels, blank] if always or (data[characteristic] == blank).any() else levels
            for level in shown:
                seen = (characteristic, level) in freq.index
                n = int(freq.loc[(characteristic, level), name]) if seen else 0
                share = float(percent.loc[(characteristic, level), name]) if seen else 0.0
                text = f"{n:,} ({share:.1f}%)"
                rows.append((characteristic, level, name, float(n), share, np.nan, np.nan, text))
    return pd.DataFrame(rows, columns=COLUMNS[:-1]).assign(unit=unit)


def display_table1(table: pd.DataFrame, *, paper: bool = False) -> pd.DataFrame:
    """Arrange `table1` for reading: characteristics down, cohorts across.

    Parameters
    ----------
    table : DataFrame
        From `table1`.
    paper : bool
        Whether the paper's column stands beside each cohort's.

    Returns
    -------
    DataFrame of str
        Index (characteristic, level); columns cohort, or (cohort, "this run" or "paper").
    """
    parts = {"this run": table, **({"paper": paper_table1()} if paper else {})}
    cohorts = list(dict.fromkeys(table["cohort"]))
    order = [("n", "")]
    for characteristic, (levels, blank, _) in _LEVELS.items():
        order += [(characteristic, level) for level in (MEAN, *levels, blank)]
    both = pd.concat([part.assign(source=name) for name, part in parts.items()])
    both = both[both["cohort"].isin(cohorts)]
    cells = both.set_index(["characteristic", "level", "cohort", "source"])["text"].to_dict()
    there = set(zip(both["characteristic"], both["level"], strict=True))
    rows = [pair for pair in order if pair in there]
    columns = [(c, p) for c in cohorts for p in parts]
    wide = pd.DataFrame(
        [[cells.get((*row, *column), "") for column in columns] for row in rows],
        index=pd.MultiIndex.from_tuples(rows, names=["characteristic", "level"]),
        columns=pd.MultiIndex.from_tuples(columns),
    )
    return wide if paper else wide.droplevel(1, axis=1)


def baseline_levels(people: pd.DataFrame) -> pd.DataFrame:
    """Each characteristic as text, missing cells as a level of their own, so that percentages include them."""
    data = pd.DataFrame({"cohort": people["cohort"].astype(str)})
    data["Sex"] = _map(people, "sex", {"M": "Male", "F": "Female"}, MISSING)
    age = _ages(people)
    data[AGE] = np.select([age < AGE_CUT, age >= AGE_CUT], [YOUNGER, OLDER], default=MISSING)
    for name, column in HISTORY.items():
        data[name] = _map(people, column, {True: "Yes", False: "No"}, MISSING)
    for vessel in VESSELS:
        unknown = pd.Series(pd.NA, index=people.index, dtype="string")
        label = labels(people.get(vessel.grade_column, unknown))
        data[str(vessel)] = np.select([label == 1, label == 0], [SEVERE, NOT_SEVERE], default=UNKNOWN)
    return data


def _map(people: pd.DataFrame, column: str, names: dict[object, str], blank: str) -> pd.Series:
    if column not in people:
        return pd.Series(blank, index=people.index, dtype=object)
    return people[column].astype(object).map(lambda value: blank if pd.isna(value) else names[value])


def _ages(people: pd.DataFrame) -> np.ndarray:
    return people["age"].to_numpy(dtype=float) if "age" in people else np.full(len(people), np.nan)


def _age(people: pd.DataFrame) -> dict[str, tuple[float, float]]:
    """Mean and sample standard deviation of the known ages, by tableone; NaN where there are none."""
    cohorts = people["cohort"].astype(str)
    known = pd.DataFrame({"cohort": cohorts, AGE: _ages(people)}).dropna()
    result = dict.fromkeys(cohorts.unique(), (np.nan, np.nan))
    if len(known):
        described = TableOne(known, columns=[AGE], categorical=[], groupby="cohort", missing=False,
                             overall=False).cont_describe  # fmt: skip
        for name, n in known["cohort"].value_counts().items():
            # tableone gives a single value a deviation of 0; it has none.
            sd = float(described["std"][name].loc[AGE]) if n > 1 else np.nan
            result[name] = (float(described["mean"][name].loc[AGE]), sd)
    return result


def _mean_text(mean: float, sd: float) -> str:
    if np.isnan(mean):
        return ""
    return f"{mean:.1f}" if np.isnan(sd) else f"{mean:.1f} ± {sd:.1f}"
