"""AUC among alike: pairs of a diseased and a healthy ECG are compared only within a stratum."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import norm

from ccta_lib.errors import InputError
from ccta_lib.evaluation.auc import BOUNDARY, _Influence, _not_estimable, auc_interval
from ccta_lib.evaluation.checks import binary, codes, level_z, same_length, vector
from ccta_lib.evaluation.results import NAN, Difference, Interval

METHOD = "pairs within strata, patient-clustered"


@dataclass(frozen=True)
class WithinStrata:
    """AUC of all pairs, of pairs within strata, and the first minus the second on the same rows.

    Attributes
    ----------
    overall, within : Interval
    difference : Difference
        What telling the strata apart adds to the AUC.
    pairs : float
        Share of all pairs that lie within a stratum.
    """

    overall: Interval
    within: Interval
    difference: Difference
    pairs: float


def auc_within_strata(
    y: Any, p: Any, stratum: Any, *, groups: Any = None, level: float = 0.95
) -> WithinStrata:
    """Estimate the AUC among rows alike: the mean of the strata's AUCs, weighted by their positive-negative pairs.

    A score that tells nothing but the stratum has .5, whatever its AUC over all rows. Strata with one class hold no
    pair. The variance takes the weights as fixed and sums each patient's contributions over strata.

    Parameters
    ----------
    y : (n,) labels, 0 or 1
    p : (n,) any finite scores
    stratum : (n,) any labels; mask unknown ones before calling
    groups : (n,) patient of each row, who may lie in several strata; None = one patient per row
    level : confidence level

    Returns
    -------
    WithinStrata
        NaN with a note where no stratum holds both classes, or fewer than 2 patients of either have a pair.

    Raises
    ------
    InputError
        If lengths differ, a label is not 0 or 1, a score is not finite, or a stratum is missing.
    """
    positive, score = binary(y), vector(p, "p")
    n = same_length(y=positive, p=score)
    z = level_z(level)
    code, labels = codes(groups, n=n)
    number, names = codes(stratum, "stratum", n=n)
    hits = np.bincount(number, positive, minlength=names.size)
    pairs = hits * (np.bincount(number, minlength=names.size) - hits)
    overall = auc_interval(positive, score, groups=code, level=level)
    total = float(positive.sum()) * float((~positive).sum())
    rows = pairs[number] > 0
    count = {"n": int(rows.sum()), "n_pos": int(positive[rows].sum()), "n_groups": np.unique(code[rows]).size}
    note = _not_estimable(positive, code) or ("" if rows.any() else "no stratum holds both classes")
    note = note or _not_estimable(positive[rows], code[rows])
    if note:
        empty = Interval(NAN, NAN, NAN, NAN, count["n"], count["n_pos"], count["n_groups"], METHOD, note)
        return WithinStrata(
            overall, empty, Difference(NAN, NAN, NAN, NAN, NAN, note), float(pairs.sum() / (total or NAN))
        )
    estimate, contribution = 0.0, np.zeros(labels.size)
    for k in np.flatnonzero(pairs):
        inside = number == k
        part = _Influence(positive[inside], score[inside], code[inside], labels.size)
        weight = pairs[k] / pairs.sum()
        estimate += weight * part.auc
        contribution += weight * part.total
    correction = labels.size / (labels.size - 1)
    se = float(np.sqrt(correction * contribution @ contribution))
    low, high = max(estimate - z * se, 0.0), min(estimate + z * se, 1.0)
    note = BOUNDARY.format(estimate) if estimate in (0.0, 1.0) else ""
    if note:
        low = high = se = NAN
    within = Interval(estimate, low, high, se, count["n"], count["n_pos"], count["n_groups"], METHOD, note)
    gap = _Influence(positive, score, code, labels.size).total - contribution
    return WithinStrata(overall, within, _difference(overall.estimate - estimate, gap, correction, z, note),
                        float(pairs.sum() / total))  # fmt: skip


def _difference(estimate: float, influence: np.ndarray, correction: float, z: float, note: str) -> Difference:
    variance = correction * float(influence @ influence)
    if note or variance <= 1e-15:
        return Difference(estimate, NAN, NAN, NAN, NAN, note or "the difference has no variance: no test")
    se = variance**0.5
    return Difference(estimate, max(estimate - z * se, -1.0), min(estimate + z * se, 1.0), estimate / se,
                      float(2 * norm.sf(abs(estimate / se))))  # fmt: skip


def strata_of(table: pd.DataFrame, edges: Mapping[str, Any]) -> np.ndarray:
    """Number the combinations of bands of several quantities.

    Parameters
    ----------
    table : one row per ECG
    edges : column -> inner borders of its bands (a value at a border lies above it), or None for a column of names

    Returns
    -------
    (n,) object
        Text such as "3|M|1"; None where a quantity is unknown.

    Raises
    ------
    InputError
        If a column is absent.
    """
    absent = [c for c in edges if c not in table]
    if absent:
        raise InputError(
            f"strata: column {', '.join(absent)} is absent; found {', '.join(map(str, table.columns))}"
        )
    known = table[list(edges)].notna().all(axis=1).to_numpy()
    columns = []
    for column, borders in edges.items():
        values = table[column].to_numpy(dtype=object)
        if borders is not None:
            values = np.searchsorted(
                borders, table[column].to_numpy(dtype=float, na_value=np.nan), side="right"
            )
        columns.append([str(v) for v in values])
    out = np.array(["|".join(bands) for bands in zip(*columns, strict=True)], dtype=object)
    out[~known] = None
    return out
