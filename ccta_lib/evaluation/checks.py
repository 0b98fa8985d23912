"""Input rules shared by the statistics: wrong data always raises, never slips into a result.

Each function names the argument, says what was found and what to do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from ccta_lib.errors import InputError


def vector(values: Any, name: str) -> np.ndarray:
    """Return finite numbers as float64, shape (n,).

    Raises
    ------
    InputError
        If `values` is not one-dimensional, not numeric, or holds NaN or infinity.
    """
    try:
        if isinstance(values, pd.Series):
            out = values.to_numpy(dtype=float, na_value=np.nan)
        else:
            out = np.asarray(values, dtype=float)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name}: expected numbers, found {error}; convert the column first") from error
    if out.ndim != 1:
        raise InputError(f"{name}: expected one dimension, found shape {out.shape}; pass one column")
    bad = np.flatnonzero(~np.isfinite(out))
    if bad.size:
        raise InputError(
            f"{name}: {bad.size} of {out.size} values are NaN or infinite, the first at position {bad[0]}; "
            "mask unlabelled rows before calling"
        )
    return out


def binary(values: Any, name: str = "y") -> np.ndarray:
    """Return labels as bool, shape (n,); raises InputError unless every label is 0 or 1."""
    out = vector(values, name)
    bad = np.flatnonzero((out != 0) & (out != 1))
    if bad.size:
        raise InputError(
            f"{name}: expected 0 or 1, found {out[bad[0]]:g} at position {bad[0]}; recode {name}"
        )
    return out == 1


def probability(values: Any, name: str = "p") -> np.ndarray:
    """Return probabilities as float64, shape (n,); raises InputError outside [0, 1]."""
    out = vector(values, name)
    bad = np.flatnonzero((out < 0) | (out > 1))
    if bad.size:
        raise InputError(
            f"{name}: expected a probability in [0, 1], found {out[bad[0]]:g} at position {bad[0]}; "
            "pass probabilities, not scores"
        )
    return out


def same_length(**arrays: Any) -> int:
    """Return the common length; raises InputError when lengths differ or are zero."""
    lengths = {name: len(a) for name, a in arrays.items() if a is not None}
    if len(set(lengths.values())) > 1:
        found = ", ".join(f"{name} {n}" for name, n in lengths.items())
        raise InputError(f"lengths differ: {found}; pass one value per row in each")
    n = next(iter(lengths.values()))
    if n == 0:
        raise InputError(f"{', '.join(lengths)}: empty; pass at least one row")
    return n


def codes(values: Any, name: str = "groups", *, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Number the distinct values of a label column.

    Parameters
    ----------
    values : (n,) labels of any type, or None for one group per row

    Returns
    -------
    codes : (n,) int64 in 0 .. number of groups - 1, in order of first appearance
    labels : (groups,) the distinct values

    Raises
    ------
    InputError
        If a label is missing or the length is not `n`.
    """
    if values is None:
        return np.arange(n), np.arange(n)
    if len(values) != n:
        raise InputError(f"lengths differ: {name} {len(values)}, rows {n}; pass one {name} value per row")
    number, distinct = pd.factorize(np.asarray(values) if not isinstance(values, pd.Series) else values)
    missing = np.flatnonzero(number < 0)
    if missing.size:
        raise InputError(f"{name}: missing at position {missing[0]}; mask such rows before calling")
    return number.astype(np.int64), np.asarray(distinct)


def level_z(level: float) -> float:
    """Return the two-sided normal quantile of a confidence level; raises InputError outside (0, 1)."""
    from scipy.stats import norm

    if not 0 < level < 1:
        raise InputError(f"level: expected a number between 0 and 1, found {level}; 0.95 is usual")
    return float(norm.isf((1 - level) / 2))


def one_of(value: str, allowed: Sequence[str], name: str) -> str:
    """Return `value`; raises InputError unless it is one of `allowed`."""
    if value not in allowed:
        raise InputError(f"{name}: expected one of {', '.join(allowed)}, found {value!r}")
    return value
