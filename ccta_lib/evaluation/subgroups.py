"""Subgroups: is discrimination, or the slope, different? (Results, subgroups; Figure 3, Table A1)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ccta_lib.errors import ParameterError
from ccta_lib.evaluation import logistic
from ccta_lib.evaluation.auc import auc_difference, auc_difference_groups, auc_interval
from ccta_lib.evaluation.factors import FACTORS, UNKNOWN
from ccta_lib.evaluation.interaction import interaction_test
from ccta_lib.evaluation.multiplicity import holm
from ccta_lib.evaluation.results import NAN, Test
from ccta_lib.evaluation.tables import (
    MIN_POSITIVE_PATIENTS,
    NO_LABEL,
    Slice,
    chosen_vessels,
    slices,
    tidy,
)
from ccta_lib.schema import VESSELS, Vessel

FEW_POSITIVES = f"fewer than {MIN_POSITIVE_PATIENTS} positive patients: do not interpret"


NOT_SEVERE = ("normal", "mild", "moderate")
CONTRASTS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "severe only against not severe": (("severe",), NOT_SEVERE),
    "occluded only against not severe": (("occluded",), NOT_SEVERE),
    "severe or occluded against normal": (("severe", "occluded"), ("normal",)),
    "severe or occluded against mild": (("severe", "occluded"), ("mild",)),
    "severe or occluded against moderate": (("severe", "occluded"), ("moderate",)),
}


def subgroup_table(
    predictions: pd.DataFrame,
    *,
    units: Iterable[str] = ("ecg",),
    cohorts: Sequence[str] | None = ("internal",),
    vessels: Iterable[str] = VESSELS,
    factors: Iterable[str] = tuple(FACTORS),
    contrasts: bool = True,
    method: str = "delong",
    n_boot: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> pd.DataFrame:
    """Return AUC in each subgroup (Figure 3), and whether it differs between the levels of a factor.

    Parameters
    ----------
    predictions : contract 2
    units, cohorts, vessels : what to report; None = all cohorts of the table
    factors : names of `FACTORS`
    contrasts : append the rows of `stenosis_contrasts` as factor "stenosis severity", untested because they
        share their rows
    method, n_boot, seed, level : as `auc_interval`

    Returns
    -------
    DataFrame
        Contract 3, metric "AUC", columns factor, subgroup ("all", the levels, "unknown"), warning (few positive
        patients), p_value and p_holm of the factor (equal AUC in the known levels; one family of vessel x factor
        per cohort and unit).

    Raises
    ------
    ParameterError
        If a factor is unknown.
    """
    chosen = _chosen(factors)
    interval: dict[str, Any] = {"method": method, "n_boot": n_boot, "seed": seed, "level": level}
    rows: list[dict[str, Any]] = []
    for part in slices(predictions, units=units, cohorts=cohorts, vessels=vessels):
        rows.append(_auc_row(part, interval, factor="all", subgroup="all"))
        for name in chosen:
            of_row = FACTORS[name](part.table)
            test = _on_known(part, of_row, _equal_auc)
            for subgroup in (*FACTORS[name].levels, UNKNOWN):
                inside = part.where(of_row == subgroup)
                if subgroup == UNKNOWN and not len(inside.y):
                    continue
                tested = {} if subgroup == UNKNOWN else {"p_value": test.p_value, "test_note": test.note}
                rows.append(_auc_row(inside, interval, factor=name, subgroup=subgroup, **tested))
        if contrasts:
            rows += _contrast_rows(part, interval, factor="stenosis severity")
    return _with_holm(tidy(rows), chosen)


def subgroup_tests(
    predictions: pd.DataFrame,
    *,
    units: Iterable[str] = ("ecg",),
    cohorts: Sequence[str] | None = ("internal",),
    vessels: Iterable[str] = VESSELS,
    factors: Iterable[str] = tuple(FACTORS),
) -> pd.DataFrame:
    """Return the two tests of each vessel and factor: equal AUC, and equal slope on logit p.

    Returns
    -------
    DataFrame
        vessel, cohort, unit, factor, question ("AUC" or "slope"), statistic, df, p_value, p_holm, n, n_patients,
        note, data_kind; one Holm family of vessel x factor per question, cohort and unit.
    """
    chosen = _chosen(factors)
    rows = []
    for part in slices(predictions, units=units, cohorts=cohorts, vessels=vessels):
        for name in chosen:
            of_row = FACTORS[name](part.table)
            for question, run in (("AUC", _equal_auc), ("slope", _equal_slope)):
                test = _on_known(part, of_row, run)
                rows.append(
                    {
                        "vessel": part.vessel,
                        "cohort": part.cohort,
                        "unit": part.unit,
                        "factor": name,
                        "question": question,
                        "statistic": test.statistic,
                        "df": test.df,
                        "p_value": test.p_value,
                        "n": int((of_row != UNKNOWN).sum()),
                        "n_patients": len(set(part.patients[of_row != UNKNOWN])),
                        "note": test.note,
                        "data_kind": part.data_kind,
                    }
                )
    out = pd.DataFrame(rows)
    family = out.groupby(["cohort", "unit", "question"], sort=False)["p_value"]
    out.insert(8, "p_holm", family.transform(lambda p: holm(p.to_numpy())))
    return out


def _chosen(factors: Iterable[str]) -> list[str]:
    names = list(factors)
    unknown = [f for f in names if f not in FACTORS]
    if unknown:
        raise ParameterError(f"factors: expected some of {', '.join(FACTORS)}, found {', '.join(unknown)}")
    return names


def _on_known(part: Slice, of_row: np.ndarray, run: Callable[[Slice, np.ndarray], Test]) -> Test:
    known = of_row != UNKNOWN
    if not known.any():
        return Test(NAN, 0, NAN, "no row with a known level")
    return run(part.where(known), of_row[known])


def _equal_auc(part: Slice, of_row: np.ndarray) -> Test:
    return auc_difference_groups(part.y, part.p, of_row, groups=part.patients)


def _equal_slope(part: Slice, of_row: np.ndarray) -> Test:
    return interaction_test(part.y, logistic.logit(part.p), of_row, groups=part.patients)


def _auc_row(part: Slice, interval: dict[str, Any], **more: Any) -> dict[str, Any]:
    keys: dict[str, Any] = {"p_value": NAN, "test_note": ""} | more
    warning = FEW_POSITIVES if part.n_pos_patients < MIN_POSITIVE_PATIENTS else ""
    if not len(part.y):
        return part.row("AUC", note=NO_LABEL, warning=warning, **keys)
    result = auc_interval(part.y, part.p, groups=part.patients, **interval)
    return part.interval_row("AUC", result, warning=warning, **keys)


def _with_holm(table: pd.DataFrame, factors: list[str]) -> pd.DataFrame:
    tested = table[table["factor"].isin(factors) & (table["subgroup"] != UNKNOWN)]
    one = tested.drop_duplicates(["cohort", "unit", "vessel", "factor"])
    keys = ["cohort", "unit"]
    adjusted = one.groupby(keys, sort=False)["p_value"].transform(lambda p: holm(p.to_numpy()))
    lookup = one[[*keys, "vessel", "factor"]].assign(p_holm=adjusted)
    out = table.merge(lookup, how="left", on=[*keys, "vessel", "factor"])
    return out.assign(p_holm=out["p_holm"].where(out["subgroup"] != UNKNOWN))


def stenosis_contrasts(
    predictions: pd.DataFrame,
    *,
    units: Iterable[str] = ("ecg",),
    cohorts: Sequence[str] | None = ("internal",),
    vessels: Iterable[str] = VESSELS,
    method: str = "delong",
    n_boot: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> pd.DataFrame:
    """Return Table A1: AUC with positives or negatives restricted to single grades (`CONTRASTS`)."""
    interval: dict[str, Any] = {"method": method, "n_boot": n_boot, "seed": seed, "level": level}
    rows: list[dict[str, Any]] = []
    for part in slices(predictions, units=units, cohorts=cohorts, vessels=vessels):
        rows += _contrast_rows(part, interval)
    return tidy(rows)


def _contrast_rows(part: Slice, interval: dict[str, Any], **more: Any) -> Iterator[dict[str, Any]]:
    for name, (positives, negatives) in CONTRASTS.items():
        yield _auc_row(
            part.where(np.isin(part.grade, (*positives, *negatives))), interval, subgroup=name, **more
        )


def vessel_specificity(
    predictions: pd.DataFrame,
    *,
    unit: str = "ecg",
    cohorts: Sequence[str] | None = None,
    vessels: Iterable[str] = VESSELS,
    level: float = 0.95,
) -> pd.DataFrame:
    """Return the table of each vessel's score against each vessel's label, with own minus cross.

    A model that sees coronary disease in general, not a vessel, has equal AUCs along each row of labels.

    Returns
    -------
    DataFrame
        Contract 3; `vessel` is the label's vessel, `score` the score's. Metric "AUC" for each pair; metric
        "own minus cross" for score != vessel: AUC of the vessel's own score minus that of the other vessel's
        score, paired, with p_value.
    """
    names = chosen_vessels(vessels)
    rows = []
    for part in slices(predictions, units=[unit], cohorts=cohorts, vessels=names):
        for name in names:
            column = Vessel(name).prob_column
            usable = part.where(part.table[column].notna().to_numpy() if column in part.table else part.y < 0)
            if not len(usable.y):
                rows.append(usable.row("AUC", note=NO_LABEL, score=name, p_value=NAN))
                continue
            other = usable.table[column].to_numpy(dtype=float)
            result = auc_interval(usable.y, other, groups=usable.patients, level=level)
            rows.append(usable.interval_row("AUC", result, score=name, p_value=NAN))
            if name != part.vessel:
                d = auc_difference(usable.y, usable.p, other, groups=usable.patients, level=level)
                rows.append(
                    usable.row(
                        "own minus cross",
                        d.estimate,
                        d.low,
                        d.high,
                        method=f"paired {result.method}",
                        note=d.note,
                        score=name,
                        p_value=d.p_value,
                    )
                )
    return tidy(rows)
