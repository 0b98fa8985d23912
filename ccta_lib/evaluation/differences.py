"""By how much AUC differs between the two levels of a subgroup factor (Results, subgroups; Figure 3)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import norm

from ccta_lib.errors import InputError
from ccta_lib.evaluation.auc import BOUNDARY, _Influence, _not_estimable
from ccta_lib.evaluation.checks import binary, codes, level_z, same_length, vector
from ccta_lib.evaluation.factors import FACTORS
from ccta_lib.evaluation.results import NAN, Difference
from ccta_lib.evaluation.tables import MIN_POSITIVE_PATIENTS, Slice, slices, tidy
from ccta_lib.schema import VESSELS

METRIC = "AUC difference"


def auc_stratum_difference(
    y: Any, p: Any, second: Any, *, groups: Any = None, level: float = 0.95
) -> Difference:
    """Estimate AUC in the second stratum minus AUC in the first.

    The variance is that of `auc_difference_groups`, so interval and test agree.

    Parameters
    ----------
    y : (n,) labels, 0 or 1
    p : (n,) any finite scores
    second : (n,) bool, True for rows of the second stratum
    groups : (n,) patient of each row, who may lie in both strata; None = one patient per row
    level : confidence level

    Returns
    -------
    Difference
        NaN with a note that names the stratum when one is not estimable.

    Raises
    ------
    InputError
        If lengths differ, a label is not 0 or 1, or a score is not finite.
    """
    z_level = level_z(level)
    positive, score, inside = binary(y), vector(p, "p"), binary(second, "second")
    n = same_length(y=positive, p=score, second=inside)
    code, labels = codes(groups, n=n)
    if labels.size < 2:
        raise InputError("groups: a difference of AUCs needs at least 2 patients")
    parts = []
    for name, rows in (("first", ~inside), ("second", inside)):
        note = _not_estimable(positive[rows], code[rows])
        part = None if note else _Influence(positive[rows], score[rows], code[rows], labels.size)
        if part is not None and part.auc in (0.0, 1.0):
            note = BOUNDARY.format(part.auc)
        if note:
            return Difference(NAN, NAN, NAN, NAN, NAN, f"{name} stratum: {note}")
        parts.append(part)
    first, other = (part for part in parts if part is not None)
    estimate = other.auc - first.auc
    if groups is None:
        variance = first.covariance(first, n) + other.covariance(other, n)
    else:
        contribution = other.total - first.total
        variance = labels.size / (labels.size - 1) * float(contribution @ contribution)
    if variance <= 1e-15:
        return Difference(estimate, NAN, NAN, NAN, NAN, "the difference has no variance: no test")
    se = variance**0.5
    low, high = max(estimate - z_level * se, -1.0), min(estimate + z_level * se, 1.0)
    return Difference(estimate, low, high, estimate / se, float(2 * norm.sf(abs(estimate / se))))


def subgroup_differences(
    predictions: pd.DataFrame,
    *,
    units: Iterable[str] = ("ecg",),
    cohorts: Sequence[str] | None = ("internal",),
    vessels: Iterable[str] = VESSELS,
    factors: Iterable[str] = tuple(FACTORS),
    level: float = 0.95,
) -> pd.DataFrame:
    """Return AUC in the last level of each factor minus AUC in its first, per vessel.

    Rows of unknown level take no part.

    Returns
    -------
    DataFrame
        Contract 3, metric "AUC difference", columns factor, contrast ("yes minus no"), p_value (unadjusted; the
        adjusted one is that of `subgroup_tests`) and warning (few positive patients in a level).
    """
    rows: list[dict[str, Any]] = []
    for part in slices(predictions, units=units, cohorts=cohorts, vessels=vessels):
        for name in factors:
            rows.append(_row(part, name, level))
    return tidy(rows)


def _row(part: Slice, name: str, level: float) -> dict[str, Any]:
    first, last = FACTORS[name].levels[0], FACTORS[name].levels[-1]
    of_row = FACTORS[name](part.table)
    known = np.isin(of_row, (first, last))
    inside, second = part.where(known), of_row[known] == last
    if inside.n_patients < 2:
        found = Difference(NAN, NAN, NAN, NAN, NAN, "fewer than 2 patients with a known level")
    else:
        found = auc_stratum_difference(inside.y, inside.p, second, groups=inside.patients, level=level)
    fewest = min(inside.where(second).n_pos_patients, inside.where(~second).n_pos_patients)
    return inside.row(
        METRIC, found.estimate, found.low, found.high, method="DeLong, patient-clustered", note=found.note,
        factor=name, contrast=f"{last} minus {first}", p_value=found.p_value,
        warning="few positive patients in a level" if fewest < MIN_POSITIVE_PATIENTS else "",
    )  # fmt: skip
