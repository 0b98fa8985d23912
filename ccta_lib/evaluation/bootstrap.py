"""Bootstrap of AUC by counts over score ranks; the unit of resampling is the patient.

A resample is a row of counts, how often each group entered, so no row of data is ever copied: the AUC of a
replicate is one gather and one cumulative sum (equal to scikit-learn on the copied rows).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from ccta_lib.errors import InputError

CHUNK = 32  # replicates held at once; small enough to stay in cache at n = 5,000
MAX_DROPPED = 0.05


def resample_counts(n_groups: int, n_boot: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Yield how often each group is drawn, in chunks of shape (<= CHUNK, n_groups), int32.

    Raises
    ------
    InputError
        If `n_boot` is below 1.
    """
    if n_boot < 1:
        raise InputError(f"n_boot: expected at least 1 resample, found {n_boot}")
    for start in range(0, n_boot, CHUNK):
        b = min(CHUNK, n_boot - start)
        yield _count(rng.integers(0, n_groups, size=(b, n_groups)), n_groups)


def given_counts(resamples: Any, labels: np.ndarray, *, by_row: bool) -> Iterator[np.ndarray]:
    """Yield the counts of resamples chosen by the caller.

    Parameters
    ----------
    resamples : (B, n) row numbers when `by_row`, else (B, draws) group ids
    labels : (groups,) the group ids

    Raises
    ------
    InputError
        If the array is not two-dimensional or names a row or group that does not exist.
    """
    drawn = np.asarray(resamples)
    if drawn.ndim != 2 or not drawn.size:
        raise InputError(f"resamples: expected shape (replicates, draws), found {drawn.shape}")
    if by_row:
        if not np.issubdtype(drawn.dtype, np.integer) or drawn.min() < 0 or drawn.max() >= labels.size:
            raise InputError(f"resamples: expected row numbers from 0 to {labels.size - 1}")
        index = drawn
    else:
        index = pd.Index(labels).get_indexer(pd.Index(drawn.ravel())).reshape(drawn.shape)
        if (index < 0).any():
            raise InputError(f"resamples: group {drawn[index < 0][0]} is not among groups")
    for start in range(0, len(index), CHUNK):
        yield _count(index[start : start + CHUNK], labels.size)


def _count(drawn: np.ndarray, n_groups: int) -> np.ndarray:
    return np.stack(
        [np.bincount(row, minlength=n_groups) for row in drawn], dtype=np.int32, casting="same_kind"
    )


def over_chunks(statistic: Callable[[np.ndarray], np.ndarray], chunks: Iterable[np.ndarray]) -> np.ndarray:
    """Return the replicates of all chunks of counts, in order.

    One process, unless a block of `joblib.parallel_config(n_jobs=...)` or a cluster surrounds the call; the counts are
    drawn here, so that replicates do not depend on it.
    """
    return np.concatenate(Parallel()(delayed(statistic)(counts) for counts in chunks))


class RankedAuc:
    """Concordance of one score under any resampling of the groups.

    Parameters
    ----------
    y : (n,) bool labels
    p : (n,) scores
    codes : (n,) group number of each row
    """

    def __init__(self, y: np.ndarray, p: np.ndarray, codes: np.ndarray) -> None:
        order = np.argsort(p, kind="stable")
        s, self._positive = p[order], y[order]
        negatives = s[~self._positive]
        self._neg_codes = codes[order][~self._positive]
        self._pos_codes = codes[order][self._positive]
        self._low = np.searchsorted(negatives, s[self._positive], side="left")
        self._high = np.searchsorted(negatives, s[self._positive], side="right")
        self._tied = bool((self._low != self._high).any())

    def pairs(self, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return concordant pairs (ties one half) and all pairs of each replicate, each (b,) float64.

        Parameters
        ----------
        counts : (b, groups) how often each group was drawn
        """
        b = len(counts)
        positive = counts.take(self._pos_codes, axis=1)
        below = np.zeros((b, self._neg_codes.size + 1), dtype=np.int32)
        np.cumsum(counts.take(self._neg_codes, axis=1), axis=1, out=below[:, 1:])
        beaten = below.take(self._low, axis=1)
        doubled = beaten + below.take(self._high, axis=1) if self._tied else 2 * beaten
        concordant = (positive * doubled).sum(axis=1, dtype=np.int64) / 2
        return concordant, positive.sum(axis=1, dtype=np.float64) * below[:, -1]

    def __call__(self, counts: np.ndarray) -> np.ndarray:
        """Return the AUC of each replicate, NaN where a class is missing, shape (b,)."""
        concordant, pairs = self.pairs(counts)
        return ratio(concordant, pairs)


def ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Divide, with NaN instead of a warning where the denominator is zero."""
    out = np.full(np.broadcast(numerator, denominator).shape, np.nan)
    return np.divide(numerator, denominator, out=out, where=np.asarray(denominator) != 0)


def percentile_interval(replicates: np.ndarray, level: float) -> tuple[float, float, float, str]:
    """Return low, high, standard deviation and note of bootstrap replicates (quantile type 7).

    Undefined replicates are dropped and counted; more than 5 % of them leave no interval.
    """
    valid = replicates[np.isfinite(replicates)]
    dropped = replicates.size - valid.size
    if dropped > MAX_DROPPED * replicates.size or valid.size < 2:
        return np.nan, np.nan, np.nan, f"{dropped} of {replicates.size} resamples undefined: not estimable"
    low, high = np.quantile(valid, [(1 - level) / 2, (1 + level) / 2])
    note = f"{dropped} of {replicates.size} resamples undefined and dropped" if dropped else ""
    return float(low), float(high), float(valid.std(ddof=1)), note
