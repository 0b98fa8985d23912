"""Holm's correction over families of tests fixed beforehand."""

from __future__ import annotations

from typing import Any

import numpy as np

from ccta_lib.errors import InputError


def holm(p_values: Any) -> np.ndarray:
    """Return p-values adjusted by Holm's step-down method, in the order given.

    Parameters
    ----------
    p_values : (k,) p-values of one family; NaN = not estimable, which counts as p = 1

    Returns
    -------
    (k,) adjusted p-values, at most 1

    Raises
    ------
    InputError
        If a p-value lies outside [0, 1].

    References
    ----------
    Holm, Scand J Stat 1979.
    """
    p = np.asarray(p_values, dtype=float)
    if p.ndim != 1 or ((p < 0) | (p > 1)).any():
        raise InputError("p_values: expected one dimension of numbers in [0, 1]")
    counted = np.where(np.isnan(p), 1.0, p)
    order = np.argsort(counted, kind="stable")
    stepped = np.maximum.accumulate(counted[order] * np.arange(p.size, 0, -1))
    out = np.empty(p.size)
    out[order] = np.minimum(stepped, 1.0)
    return out
