"""Do two groups' beats differ once age, sex, rate and hypertrophy are matched? A permutation test over clusters.

Thousands of correlated cells (12 leads x 225 times) are tested as one: neighbouring cells of a lead beyond a
threshold form a cluster, and a cluster counts by whether permuted groups ever give one as large anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ccta_lib.errors import InputError

AGE_YEARS, RATE_BPM = 10.0, 10.0
BATCH = 250  # permutations computed together
NO_SET = "no matched set holds patients of both groups"


@dataclass(frozen=True)
class Contrast:
    """Result of `cluster_test`; arrays have the shape of one beat (leads, times).

    Attributes
    ----------
    difference : matched mean of the first group minus the second, in units of the beats
    statistic : difference over its standard deviation under permutation; NaN where that is 0
    p_value : of the cluster that holds the cell; NaN outside clusters
    n_matched : patients of the two groups in sets that hold both
    n_sets : such sets
    note : why there is no estimate, else empty
    """

    difference: np.ndarray
    statistic: np.ndarray
    p_value: np.ndarray
    n_matched: tuple[int, int]
    n_sets: int
    note: str


def matched_sets(
    table: pd.DataFrame, *, age_years: float = AGE_YEARS, rate_bpm: float = RATE_BPM
) -> tuple[np.ndarray, list[str]]:
    """Put patients into sets alike in age, sex, heart rate and left ventricular hypertrophy.

    Parameters
    ----------
    table : one row per patient, with those of `age`, `sex`, `rate_bpm`, `lvh` that are known
    age_years, rate_bpm : width of the bands

    Returns
    -------
    sets : (n,) int
        Number of the set; -1 where one of the columns is empty: such a patient cannot be matched.
    names : what was matched on, in words
    """
    keys: dict[str, pd.Series] = {}
    for name, column, width in (("age", "age", age_years), ("sex", "sex", None), ("heart rate", "rate_bpm", rate_bpm),
                                ("left ventricular hypertrophy", "lvh", None)):  # fmt: skip
        if column in table and table[column].notna().any():
            values = table[column]
            keys[name] = values if width is None else np.floor(values / width)
    if not keys:
        return np.zeros(len(table), dtype=int), []
    frame = pd.DataFrame(keys)
    known = frame.notna().all(axis=1).to_numpy()
    sets = np.full(len(table), -1)
    sets[known] = frame[known].groupby(list(keys), sort=True).ngroup().to_numpy()
    return sets, list(keys)


def cluster_test(
    beats: np.ndarray,
    member: np.ndarray,
    sets: np.ndarray,
    *,
    n_permutations: int = 1000,
    threshold: float = 3.0,
    rng: np.random.Generator,
) -> Contrast:
    """Compare two groups of patients within matched sets.

    Parameters
    ----------
    beats : (n, leads, times) one mean beat per patient
    member : (n,) 1 = first group, 0 = second, NaN = neither
    sets : (n,) matched set; negative = unmatched
    n_permutations : draws in which the group is shuffled among the patients of each set
    threshold : size of the statistic beyond which neighbouring times of a lead form a cluster
    rng : generator of the permutations

    Notes
    -----
    With g and x centred within sets, the difference is sum(g x) / sum(g^2): the mean of the sets' differences
    weighted by n1 n0 / n. Its permutation variance is known exactly, so the statistic needs no estimate of it.
    The p-value of a cluster is the share of permutations, the data's own among them, whose largest cluster by
    summed absolute statistic is at least as large (Maris and Oostenveld 2007): the family-wise error over all leads
    and times is controlled. It says that groups differ; where a cluster begins and ends is not tested.

    Raises
    ------
    InputError
        If lengths differ, a beat is not finite, or a parameter is out of range.
    """
    if not len(beats) == len(member) == len(sets):
        raise InputError(
            f"cluster_test: {len(beats)} beats, {len(member)} groups, {len(sets)} sets; give as many"
        )
    if n_permutations < 1 or not threshold > 0:
        raise InputError(
            f"cluster_test: n_permutations {n_permutations} must be at least 1, threshold {threshold} > 0"
        )
    if not np.isfinite(beats).all():
        raise InputError("beats: found NaN or infinite values; leave out patients without a complete beat")
    shape = beats.shape[1:]
    x, centred, s, n_matched = _within_sets(beats.reshape(len(beats), -1).astype(np.float32), member, sets)
    if not s.size:
        empty = np.full(shape, np.nan)
        return Contrast(empty, empty, empty, n_matched, 0, NO_SET)
    size, square = np.bincount(s), np.bincount(s, centred**2)
    sd = np.sqrt((square / (size - 1))[s] @ x.astype(np.float64) ** 2)
    # Rounding leaves a trace of variance in a cell that is constant.
    testable = sd > 1e-6 * max(float(sd.max()), np.finfo(float).tiny)

    def statistic(groups: np.ndarray) -> np.ndarray:
        z = np.zeros((len(groups), x.shape[1]), dtype=np.float32)
        np.divide(groups.astype(np.float32) @ x, sd.astype(np.float32), out=z, where=testable)
        return z.reshape(-1, *shape)

    observed = statistic(centred[None])
    masses, _, cells = _clusters(observed, threshold)
    largest = []
    for start in range(0, n_permutations, BATCH):
        keys = rng.random((min(BATCH, n_permutations - start), s.size))
        order = np.argsort(keys + s, axis=1)
        largest.append(_largest_mass(statistic(centred[order]), threshold))
    reached = np.concatenate(largest)
    # A permutation equal to the data must count, whatever the order in which its sum was rounded.
    p = (1 + (reached[None, :] >= masses[:, None] * (1 - 1e-4)).sum(axis=1)) / (1 + n_permutations)
    p_value = np.full(observed.size, np.nan)
    inside = cells >= 0
    p_value[inside] = p[cells[inside]]
    return Contrast(
        difference=(centred @ x.astype(np.float64) / square.sum()).reshape(shape),
        statistic=np.where(testable, observed.reshape(-1), np.nan).reshape(shape).astype(float),
        p_value=p_value.reshape(shape), n_matched=n_matched, n_sets=size.size, note="",
    )  # fmt: skip


def matched_difference(values: np.ndarray, member: np.ndarray, sets: np.ndarray) -> np.ndarray:
    """Return the difference that `cluster_test` tests, of any values (n, columns); NaN without a matched set."""
    x, centred, s, _ = _within_sets(np.asarray(values, dtype=float), member, sets)
    return centred @ x / (centred @ centred) if s.size else np.full(values.shape[1], np.nan)


def _within_sets(
    values: np.ndarray, member: np.ndarray, sets: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, tuple[int, int]]:
    """Keep patients whose set holds both groups, ordered by set; centre values and group within sets.

    Returns
    -------
    values (m, columns), groups (m,), number of the set (m,), patients of the first and second group
    """
    frame = pd.DataFrame({"g": member, "s": sets})[(sets >= 0) & np.isfinite(member)]
    both = frame.groupby("s")["g"].transform("nunique") == 2
    rows = frame.index[both].to_numpy()
    # Sorted by set, so that a permutation within sets is a sort by (set, random key).
    rows = rows[np.argsort(sets[rows], kind="stable")]
    g, s = member[rows], np.unique(sets[rows], return_inverse=True)[1]
    if not rows.size:
        return values[rows], g, s, (0, 0)
    size, starts = np.bincount(s), np.flatnonzero(np.r_[True, np.diff(s) > 0])
    x = values[rows]
    x -= (np.add.reduceat(x, starts, axis=0) / size[:, None].astype(x.dtype))[s]
    return x, g - (np.bincount(s, g) / size)[s], s, (int(g.sum()), int((1 - g).sum()))


def _clusters(z: np.ndarray, threshold: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Find runs of one sign beyond the threshold along the last axis.

    Returns
    -------
    masses : (clusters,) summed |z|
    starts : (clusters,) first cell of each, in the flattened map
    cells : (z.size,) number of the cluster a cell belongs to, -1 for none
    """
    sign = np.where(np.abs(z) > threshold, np.sign(z), 0).astype(np.int8)
    before = np.zeros_like(sign)
    before[..., 1:] = sign[..., :-1]
    inside = (sign != 0).ravel()
    begins = ((sign != 0) & (sign != before)).ravel()
    cells = np.where(inside, np.cumsum(begins) - 1, -1)
    masses = np.bincount(cells[inside], np.abs(z).ravel()[inside], minlength=int(begins.sum()))
    return masses, np.flatnonzero(begins), cells


def _largest_mass(z: np.ndarray, threshold: float) -> np.ndarray:
    """Mass of the largest cluster of each map: (b, leads, times) -> (b,); 0 where there is none."""
    masses, starts, _ = _clusters(z, threshold)
    largest = np.zeros(len(z))
    np.maximum.at(largest, starts // (z.shape[1] * z.shape[2]), masses)
    return largest
