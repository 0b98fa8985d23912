"""Attribution maps against what was planted: does a map's maximum, and its ranking, lie where the disease is?

A map is reduced to cells (lead x wave, or lead, or wave) and enters by its size: which way a cell pushed does not
count.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from ccta_lib.errors import InputError
from ccta_lib.evaluation.bootstrap import percentile_interval, resample_counts
from ccta_lib.evaluation.checks import codes, level_z
from ccta_lib.evaluation.results import NAN

POINTING, RANKS, MEAN_MAP = "pointing", "rank agreement", "rank agreement of the mean map"
SHARE = 0.5  # of the largest planted cell, from which a cell is one to point at
TRACE = 0.01  # of the largest planted cell, below which a cell holds the rounding of samples and is taken for empty


def as_cells(maps: np.ndarray, name: str = "maps") -> np.ndarray:
    """Return the size of each cell, float64 (n, cells), from (n, ...).

    Raises
    ------
    InputError
        If there are no rows, fewer than two cells, or a value is not finite.
    """
    out = np.abs(np.asarray(maps, dtype=float))
    out = out.reshape(len(out), int(np.prod(out.shape[1:])))
    if not len(out) or out.shape[1] < 2:
        raise InputError(f"{name}: found shape {np.shape(maps)}; give at least one row and two cells")
    bad = np.flatnonzero(~np.isfinite(out).all(axis=1))
    if bad.size:
        raise InputError(f"{name}: row {bad[0]} and {bad.size - 1} others hold NaN or infinite cells")
    return out


def planted_targets(planted: np.ndarray, *, share: float = SHARE) -> np.ndarray:
    """Mark the cells that hold at least `share` of the largest planted cell of their row: bool (n, cells).

    Raises
    ------
    InputError
        If nothing was planted in a row: there is nowhere to point.
    """
    cells = as_cells(planted, "planted")
    largest = cells.max(axis=1, keepdims=True)
    nothing = np.flatnonzero(largest[:, 0] == 0)
    if nothing.size:
        raise InputError(f"planted: nothing was planted in row {nothing[0]}; leave such ECGs out")
    return cells >= share * largest


def hits(maps: np.ndarray, targets: np.ndarray, *, rng: np.random.Generator) -> np.ndarray:
    """Play the pointing game (Zhang et al. 2018): is the largest cell a target? bool (n,).

    Parameters
    ----------
    maps : (n, ...)
    targets : (n, cells) from `planted_targets`
    rng : breaks ties; a map that is zero everywhere points at random
    """
    return targets[np.arange(len(targets)), pointed(maps, rng=rng)]


def pointed(maps: np.ndarray, *, rng: np.random.Generator) -> np.ndarray:
    """Return the largest cell of each row, ties broken at random: int (n,)."""
    cells = as_cells(maps)
    tied = cells == cells.max(axis=1, keepdims=True)
    return np.argmax(np.where(tied, rng.random(cells.shape), -1.0), axis=1)


def permutation_p(n_hits: int, chance: np.ndarray) -> float:
    """Return the probability of at least so many hits when the cells of each map are permuted.

    A permuted map points at each cell alike, so row i hits with its share of targets, `chance[i]`, and the sum over
    rows has a Poisson binomial distribution: the permutation test without the permutations.
    """
    probability = np.ones(1)
    for p in chance:
        probability = np.convolve(probability, [1.0 - p, p])
    return float(min(1.0, probability[n_hits:].sum()))


def rank_agreement(maps: np.ndarray, planted: np.ndarray) -> np.ndarray:
    """Return Spearman's correlation over the cells of each row, (n,); 0 for a map that says nothing.

    Planted cells under `TRACE` of the row's largest count as empty, all alike. A map whose cells are all equal ranks
    nothing: it agrees with no truth more than with another.
    """
    truth = as_cells(planted, "planted")
    truth = np.where(truth < TRACE * truth.max(axis=1, keepdims=True), 0.0, truth)
    return _row_correlation(rankdata(as_cells(maps), axis=1), rankdata(truth, axis=1))


def similarity(a: np.ndarray, b: np.ndarray, *, signed: bool = False) -> np.ndarray:
    """Return Spearman's correlation between two maps of each row, (n,): of sizes, or of values with their sign.

    0 where one map says nothing.
    """
    if np.shape(a) != np.shape(b):
        raise InputError(f"similarity: maps of shapes {np.shape(a)} and {np.shape(b)}; give as many cells")
    as_cells(a, "a"), as_cells(b, "b")
    x, y = (np.asarray(m, dtype=float).reshape(len(m), -1) for m in (a, b))
    if not signed:
        x, y = np.abs(x), np.abs(y)
    return _row_correlation(rankdata(x, axis=1), rankdata(y, axis=1))


def _row_correlation(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    a, b = (m - m.mean(axis=1, keepdims=True) for m in (a, b))
    size = np.sqrt((a * a).sum(axis=1) * (b * b).sum(axis=1))
    return np.divide((a * b).sum(axis=1), size, out=np.zeros(len(a)), where=size > 0)


def patient_interval(
    values: np.ndarray, patients: Any, *, n_boot: int = 1000, seed: int = 0, level: float = 0.95
) -> tuple[float, float, float]:
    """Return the mean of values (n,) and its percentile interval over resampled patients."""
    x = np.asarray(values, dtype=float)
    level_z(level)
    number, labels = codes(patients, "patients", n=x.size)
    total, count = np.bincount(number, x), np.bincount(number)
    low, high = _limits(
        lambda c: (c @ total) / (c @ count), labels.size, n_boot=n_boot, seed=seed, level=level
    )
    return float(x.mean()), low, high


def _limits(
    statistic: Callable[[np.ndarray], np.ndarray], n_patients: int, *, n_boot: int, seed: int, level: float
) -> tuple[float, float]:
    """Return percentile limits of a statistic of how often each patient was drawn, (b, patients) to (b,)."""
    if n_patients < 2:
        return NAN, NAN
    chunks = resample_counts(n_patients, n_boot, np.random.default_rng(seed))
    low, high, _, _ = percentile_interval(np.concatenate([statistic(c) for c in chunks]), level)
    return low, high


def mean_map_agreement(
    maps: np.ndarray,
    planted: np.ndarray,
    patients: Any,
    *,
    n_boot: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> tuple[float, float, float]:
    """Return Spearman's correlation of the mean map with the mean planted map, and its interval over patients.

    Signs are kept until the mean is taken: what differs from ECG to ECG cancels, as in a figure of the mean.
    """
    m, p = (np.asarray(a, dtype=float).reshape(len(a), -1) for a in (maps, planted))
    as_cells(m), as_cells(p, "planted")
    number, labels = codes(patients, "patients", n=len(m))

    def agreement(weight: np.ndarray) -> np.ndarray:
        return rank_agreement(weight @ m, weight @ p)

    estimate = float(agreement(np.full((1, len(m)), 1.0))[0])
    low, high = _limits(
        lambda c: agreement(c[:, number].astype(float)), labels.size, n_boot=n_boot, seed=seed, level=level
    )
    return estimate, low, high


def score_maps(
    maps: np.ndarray,
    planted: np.ndarray,
    patients: Any,
    *,
    n_boot: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> pd.DataFrame:
    """Score one method's maps of one group of ECGs.

    Parameters
    ----------
    maps, planted : (n, ...) with the same cells
    patients : (n,) patient of each ECG

    Returns
    -------
    DataFrame
        One row per metric: metric, estimate, low, high (over resampled patients), chance (pointing: what a map with
        permuted cells reaches; ranks: 0), p_value (pointing against permuted cells), elsewhere (pointing at the
        targets of the group's other ECGs: what is left of the score without knowing this ECG), n, n_patients, note.

    Raises
    ------
    InputError
        As `as_cells` and `planted_targets`.
    """
    if np.shape(maps) != np.shape(planted):
        raise InputError(
            f"score_maps: maps {np.shape(maps)}, planted {np.shape(planted)}; give the same cells"
        )
    targets = planted_targets(planted)
    where = pointed(maps, rng=np.random.default_rng([seed, 1]))
    hit, chance = targets[np.arange(len(targets)), where], targets.mean(axis=1)
    n = len(targets)
    options: dict[str, Any] = {"n_boot": n_boot, "seed": seed, "level": level}
    counts = {"n": n, "n_patients": len(set(map(str, patients))), "note": "" if n > 1 else "one ECG"}
    elsewhere = float((targets.sum(axis=0)[where] - hit).mean() / (n - 1)) if n > 1 else NAN
    rows = [
        (POINTING, patient_interval(hit, patients, **options), float(chance.mean()),
         permutation_p(int(hit.sum()), chance), elsewhere),
        (RANKS, patient_interval(rank_agreement(maps, planted), patients, **options), 0.0, NAN, NAN),
        (MEAN_MAP, mean_map_agreement(maps, planted, patients, **options), 0.0, NAN, NAN),
    ]  # fmt: skip
    return pd.DataFrame([
        {"metric": metric, "estimate": e, "low": low, "high": high, "chance": c, "p_value": p, "elsewhere": other,
         **counts}
        for metric, (e, low, high), c, p, other in rows
    ])  # fmt: skip
