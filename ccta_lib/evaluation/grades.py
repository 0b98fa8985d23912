"""The probabilities of each grade, and the step from one grade to the next (Results, severity; Figure 4)."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ccta_lib.evaluation.results import NAN
from ccta_lib.evaluation.severity import ALL_GRADES, BELOW_SEVERE, EFFECT, jonckheere_terpstra
from ccta_lib.evaluation.tables import NO_LABEL, slices, tidy
from ccta_lib.schema import VESSELS, Vessel

# The paper's four steps: severe stenosis and occlusion are one.
STEPS = {
    "normal": ("normal",),
    "mild": ("mild",),
    "moderate": ("moderate",),
    "severe": ("severe", "occluded"),
}
QUANTILES = {"q05": 0.05, "q25": 0.25, "median": 0.5, "q75": 0.75, "q95": 0.95}


def severity_boxes(points: pd.DataFrame, *, vessels: Iterable[str] = VESSELS) -> pd.DataFrame:
    """Summarise the points of Figure 4 as boxes.

    Parameters
    ----------
    points : as `severity_points`: vessel, cohort, unit, grade, p, data_kind
    vessels : vessels to list, those without a known grade too

    Returns
    -------
    DataFrame
        vessel, cohort, unit, grade (`STEPS`, each of them present), n, q05, q25, median, q75, q95, data_kind.
    """
    rows: list[dict[str, Any]] = []
    for (cohort, unit, kind), part in points.groupby(["cohort", "unit", "data_kind"], sort=False):
        for vessel, (step, grades) in itertools.product(vessels, STEPS.items()):
            mine = (part["vessel"] == vessel) & part["grade"].isin(grades)
            p = part.loc[mine, "p"].to_numpy(dtype=float)
            values = np.quantile(p, list(QUANTILES.values())) if p.size else np.full(len(QUANTILES), NAN)
            keys = {"vessel": str(vessel), "cohort": cohort, "unit": unit, "grade": step, "n": p.size}
            rows.append(keys | dict(zip(QUANTILES, values, strict=True)) | {"data_kind": kind})
    names = ["vessel", "cohort", "unit", "grade", "n", *QUANTILES, "data_kind"]
    return pd.DataFrame(rows, columns=names)


def severity_steps(
    predictions: pd.DataFrame,
    *,
    unit: str = "patient",
    cohorts: Sequence[str] | None = None,
    vessels: Iterable[str] = VESSELS,
    level: float = 0.95,
) -> pd.DataFrame:
    """Return, for each grade and the next, the chance that the higher grade has the higher probability.

    A trend over all grades may rest on one step alone; this says on which.

    Returns
    -------
    DataFrame
        Contract 3, metric `EFFECT`, with column step ("normal to mild", ...); n counts both grades.
    """
    rows: list[dict[str, Any]] = []
    names = list(STEPS)
    for part in slices(predictions, units=[unit], cohorts=cohorts, vessels=vessels):
        column = Vessel(part.vessel).grade_column
        grade = part.table[column].astype(str).to_numpy(dtype=object) if len(part.y) else np.zeros(0, object)
        for lower, upper in itertools.pairwise(names):
            pair = part.where(np.isin(grade, (*STEPS[lower], *STEPS[upper])))
            step = f"{lower} to {upper}"
            if not len(pair.y):
                rows.append(pair.row(EFFECT, note=NO_LABEL, step=step))
                continue
            found = jonckheere_terpstra(pair.table[column], pair.p, groups=pair.patients, level=level)
            method = "infinitesimal jackknife"
            rows.append(
                pair.row(
                    EFFECT, found.effect, found.low, found.high, method=method, note=found.note, step=step
                )
            )
    return tidy(rows)


def severity_sentence(effects: pd.DataFrame, *, alpha: float = 0.05) -> str:
    """Say for how many vessels the trend holds after Holm's correction, over all grades and below severe.

    Parameters
    ----------
    effects : rows of `severity_table` with metric `EFFECT`, one cohort and unit
    alpha : level of significance
    """
    cohort, unit = effects["cohort"].iloc[0], effects["unit"].iloc[0]
    parts = []
    for name in dict.fromkeys(effects["range"].astype(str)):
        rows = effects[effects["range"] == name]
        known = rows.dropna(subset=["p_value"])
        held = known[(known["p_holm"] < alpha) & (known["estimate"] > 0.5)]["vessel"].astype(str).tolist()
        text = f"over {name}" if name == ALL_GRADES else "below severe"
        if not len(known):
            parts.append(f"{text} nothing can be tested")
        else:
            which = f" ({', '.join(held)})" if 0 < len(held) < len(rows) else ""
            parts.append(
                f"{text} the probability rises in {len(held)} of {len(known)} testable arteries{which}"
            )
    return (
        f"{str(cohort).capitalize()} patients, {unit} level, after Holm's correction: "
        + "; ".join(parts)
        + "."
    )


def with_keys(table: pd.DataFrame) -> pd.DataFrame:
    """Name patients and grades as a reader does, and drop what repeats the patient level.

    In a cohort with one ECG per patient every level is the same.

    Parameters
    ----------
    table : as `severity_table`

    Returns
    -------
    DataFrame
        `table` with the columns patients (cohort and level) and grades; rows that repeat are left out.
    """
    single = (table["n"] == table["n_patients"]).groupby([table["cohort"], table["unit"]]).transform("all")
    has_patients = (table["unit"] == "patient").groupby(table["cohort"]).transform("any")
    out = table[~(single & has_patients) | (table["unit"] == "patient")]
    cohort = out["cohort"].astype(str).replace("followup", "follow-up")
    level = out["unit"].map({"ecg": "ECG", "exam": "examination", "patient": "patient"})
    return out.assign(
        patients=cohort + ", " + level + " level", grades=out["range"].replace(BELOW_SEVERE, "below severe")
    )


def paper_row(printed: pd.DataFrame, *, vessels: Iterable[str] = VESSELS) -> pd.DataFrame:
    """Set the paper's correlations as the last row of a table by patients and grades.

    Parameters
    ----------
    printed : cohort, vessel, value (see `ccta_lib.paper.paper_values`); a vessel without a number shows "–"
    vessels : columns of the table
    """
    value = printed.set_index("vessel")["value"].astype(float)
    cells = {str(v): "–" if np.isnan(value.get(str(v), NAN)) else f"{value[str(v)]:.3f}" for v in vessels}
    return pd.DataFrame([{"patients": "the paper, ECG level", "grades": ALL_GRADES} | cells])
