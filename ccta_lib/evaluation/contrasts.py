"""Differences with patient-clustered intervals: of AUCs from any rows or scores, and of means and rates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import norm

from ccta_lib.evaluation.auc import BOUNDARY, _Influence, _not_estimable
from ccta_lib.evaluation.checks import binary, level_z, same_length, vector
from ccta_lib.evaluation.results import NAN, Difference


@dataclass(frozen=True, eq=False)
class AucTerm:
    """One AUC of a contrast: its weight, labels, scores and patients, each (n,)."""

    weight: float
    y: np.ndarray
    p: np.ndarray
    patients: np.ndarray


def auc_contrast(terms: Sequence[AucTerm], *, level: float = 0.95) -> Difference:
    """Estimate a weighted sum of AUCs whose rows may be disjoint, overlapping or the same.

    A patient's contribution is the weighted sum of his contributions to each AUC (DEFINITIONS, Subgroups), so two
    strata of one cohort, a stratum and its whole, two cohorts, and two scores are all the same computation.

    Parameters
    ----------
    terms : weights and rows; weights 1 and -1 give a difference
    level : confidence level

    Returns
    -------
    Difference
        Limits NaN with a note when an AUC has no variance.

    Raises
    ------
    InputError
        As `auc_interval`.
    """
    z_level = level_z(level)
    checked = []
    for term in terms:
        y, p = binary(term.y), vector(term.p, "p")
        same_length(y=y, p=p, patients=term.patients)
        checked.append((y, p, np.asarray(term.patients, dtype=object).astype(str)))
    ids, code = np.unique(np.concatenate([c for _, _, c in checked]), return_inverse=True)
    ends = np.cumsum([0, *(len(y) for y, _, _ in checked)])
    estimate, total = 0.0, np.zeros(ids.size)
    for i, (y, p, _) in enumerate(checked):
        mine = code[ends[i] : ends[i + 1]]
        note = _not_estimable(y, mine)
        if note:
            return Difference(NAN, NAN, NAN, NAN, NAN, note)
        part = _Influence(y, p, mine, ids.size)
        if part.auc in (0.0, 1.0):
            return Difference(NAN, NAN, NAN, NAN, NAN, BOUNDARY.format(part.auc))
        estimate += terms[i].weight * part.auc
        total += terms[i].weight * part.total
    se = float(np.sqrt(ids.size / (ids.size - 1) * (total @ total)))
    return _difference(estimate, se, z_level)


def mean_difference(a: Any, b: Any, patients_a: Any, patients_b: Any, *, level: float = 0.95) -> Difference:
    """Estimate mean(a) - mean(b); rows share patients within and between the two.

    Parameters
    ----------
    a, b : (n_a,), (n_b,) numbers; rates are means of 0 and 1
    patients_a, patients_b : patient of each row
    level : confidence level

    Returns
    -------
    Difference
        Limits NaN with a note when a part is empty or nothing varies.

    Raises
    ------
    InputError
        If lengths differ or a value is missing.
    """
    z_level = level_z(level)
    if not len(a) or not len(b):
        return Difference(NAN, NAN, NAN, NAN, NAN, "a group is empty")
    x, w = vector(a, "a"), vector(b, "b")
    same_length(a=x, patients_a=patients_a)
    same_length(b=w, patients_b=patients_b)
    names = [np.asarray(p, dtype=object).astype(str) for p in (patients_a, patients_b)]
    ids, code = np.unique(np.concatenate(names), return_inverse=True)
    if ids.size < 2:
        return Difference(float(x.mean() - w.mean()), NAN, NAN, NAN, NAN, "one patient: no variance")
    influence = np.bincount(code[: x.size], (x - x.mean()) / x.size, minlength=ids.size)
    influence = influence - np.bincount(code[x.size :], (w - w.mean()) / w.size, minlength=ids.size)
    se = float(np.sqrt(ids.size / (ids.size - 1) * (influence @ influence)))
    return _difference(float(x.mean() - w.mean()), se, z_level)


def _difference(estimate: float, se: float, z_level: float) -> Difference:
    if se < 1e-12:
        return Difference(estimate, NAN, NAN, NAN, NAN, "the difference has no variance")
    z = estimate / se
    return Difference(
        estimate, estimate - z_level * se, estimate + z_level * se, z, float(2 * norm.sf(abs(z)))
    )
