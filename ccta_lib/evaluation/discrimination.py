"""Discrimination tables (Results, model performance; Figures 1 and 2)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ccta_lib.errors import ParameterError
from ccta_lib.evaluation import bootstrap
from ccta_lib.evaluation.aggregate import aggregate
from ccta_lib.evaluation.auc import auc, auc_interval
from ccta_lib.evaluation.results import NAN
from ccta_lib.evaluation.tables import (
    ALL_VESSELS,
    NO_LABEL,
    Slice,
    chosen_cohorts,
    chosen_vessels,
    cohort_column,
    slice_of,
    tidy,
)
from ccta_lib.schema import VESSELS, Vessel

POOLED = "pooled out-of-fold AUC"
WITHIN = "within-fold AUC"
PLAIN = "AUC"
SINGLE = "mean AUC of single models"
MACRO = "macro-AUC"
MICRO = "micro-AUC"
MICRO_BASE = "micro-AUC of base rates"
VESSEL_METRICS = (POOLED, PLAIN)  # the AUC of what is reported: pooled inside, of the ensemble outside
BOOTSTRAP = "patient bootstrap"


def discrimination_table(
    predictions: pd.DataFrame,
    *,
    units: Iterable[str] = ("ecg", "exam", "patient"),
    cohorts: Sequence[str] | None = None,
    vessels: Iterable[str] = VESSELS,
    method: str | Sequence[str] = ("delong", "bootstrap"),
    by_fold: pd.DataFrame | None = None,
    n_boot: int = 1000,
    seed: int = 0,
    level: float = 0.95,
    rule: str = "index",
    progress: Callable[..., None] | None = None,
) -> pd.DataFrame:
    """Return AUC per vessel, and macro and micro over vessels, with patient-respecting intervals.

    Parameters
    ----------
    predictions : contract 2, one row per ECG
    units : "ecg", "exam", "patient"
    cohorts : None = those in the table
    vessels : names of vessels
    method : "delong", "bootstrap" or both; one row each
    by_fold : single models' predictions (ecg_id, fold_model, prob_*), for `SINGLE` outside internal
    n_boot, seed, level : of the bootstrap and the intervals
    rule : "index" or "worst", for the patient level
    progress : called as progress(done, total, note)

    Returns
    -------
    DataFrame
        Contract 3. Metrics: `POOLED` (internal with folds) or `PLAIN`; `WITHIN`, the positives x negatives
        weighted mean of AUCs inside folds; `SINGLE`; and for vessel "all" `MACRO` (unweighted mean over
        estimable vessels), `MICRO` (one AUC over all row-vessel pairs) and `MICRO_BASE` (the same for each
        vessel's prevalence as its score: what micro-AUC owes to base rates alone).

    Raises
    ------
    ParameterError
        If a unit, vessel, cohort or method is unknown.
    TableError
        If a grade differs within an exam.
    """
    methods = [method] if isinstance(method, str) else list(method)
    wrong = [m for m in methods if m not in ("delong", "bootstrap")]
    if wrong or not methods:
        raise ParameterError(f"method: expected delong, bootstrap or both, found {methods}")
    settings: dict[str, Any] = {"n_boot": n_boot, "seed": seed, "level": level}
    names, kept, levels = chosen_vessels(vessels), chosen_cohorts(predictions, cohorts), list(units)
    of_row = cohort_column(predictions)
    rows: list[dict[str, Any]] = []
    for i, unit in enumerate(levels):
        for j, cohort in enumerate(kept):
            if progress:
                progress(i * len(kept) + j, len(levels) * len(kept), f"{unit} level, {cohort}")
            ecgs = predictions.loc[of_row == cohort]
            table = aggregate(ecgs, unit, rule=rule)
            parts = [slice_of(table, v, cohort, unit) for v in names]
            out_of_fold = _out_of_fold(table, cohort)
            for part in parts:
                rows += _vessel_rows(part, out_of_fold, methods, settings)
            if by_fold is not None and cohort != "internal":
                rows += _single_model_rows(ecgs, by_fold, parts, rule, settings)
            rows += _overall_rows(parts, methods, settings)
    if progress:
        progress(len(levels) * len(kept), len(levels) * len(kept), "discrimination")
    return tidy(rows)


def _out_of_fold(table: pd.DataFrame, cohort: str) -> bool:
    """Tell whether the table's predictions are out of fold: internal, and every row has its fold."""
    return cohort == "internal" and "fold" in table and bool(table["fold"].notna().all())


def _vessel_rows(
    part: Slice, out_of_fold: bool, methods: list[str], settings: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    metric = POOLED if out_of_fold else PLAIN
    if not len(part.y):
        yield part.row(metric, note=NO_LABEL)
        return
    for method in methods:
        interval = auc_interval(part.y, part.p, groups=part.patients, method=method, **settings)
        yield part.interval_row(metric, interval)
    if out_of_fold:
        folds = part.table["fold"].to_numpy(dtype=float)
        pieces = [
            (part.y[folds == f], part.p[folds == f], part.patients[folds == f]) for f in np.unique(folds)
        ]

        def pooled(pairs: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
            return bootstrap.ratio(*np.sum(pairs, axis=0))

        estimate, low, high, note = _bootstrap_of(pieces, pooled, **settings)
        yield part.row(WITHIN, estimate, low, high, method=BOOTSTRAP, note=note)


Piece = tuple[np.ndarray, np.ndarray, np.ndarray]
Pairs = list[tuple[np.ndarray, np.ndarray]]


def _bootstrap_of(
    pieces: list[Piece], combine: Callable[[Pairs], np.ndarray], *, n_boot: int, seed: int, level: float
) -> tuple[float, float, float, str]:
    """Bootstrap a function of several AUCs, the same resampled patients in each.

    Parameters
    ----------
    pieces : labels, scores and patients of each AUC
    combine : concordant and all pairs of each piece, each (b,), to the statistic, (b,)

    Returns
    -------
    estimate, low, high, note
    """
    code, patients = pd.factorize(np.concatenate([g for _, _, g in pieces]), sort=True)
    bounds = np.cumsum([len(g) for _, _, g in pieces])[:-1]
    ranked = [
        bootstrap.RankedAuc(y, p, c) for (y, p, _), c in zip(pieces, np.split(code, bounds), strict=True)
    ]
    whole = combine([r.pairs(np.ones((1, patients.size), dtype=np.int32)) for r in ranked])
    counts = bootstrap.resample_counts(patients.size, n_boot, np.random.default_rng(seed))
    replicates = np.concatenate([combine([r.pairs(c) for r in ranked]) for c in counts])
    if np.isnan(whole[0]):
        return NAN, NAN, NAN, "only one class: AUC undefined"
    low, high, _, note = bootstrap.percentile_interval(replicates, level)
    return float(whole[0]), low, high, note


def _mean_auc(pairs: Pairs) -> np.ndarray:
    return np.mean([bootstrap.ratio(c, n) for c, n in pairs], axis=0)


def _single_model_rows(
    ecgs: pd.DataFrame, by_fold: pd.DataFrame, parts: list[Slice], rule: str, settings: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    """Mean over models of each one's own AUC; the internal AUC is of single models too: these compare."""
    base = ecgs.drop(columns=[v.prob_column for v in VESSELS if v.prob_column in ecgs])
    single = by_fold.loc[by_fold["ecg_id"].isin(set(ecgs["ecg_id"]))]
    tables = [
        aggregate(base.merge(one.drop(columns="fold_model"), on="ecg_id"), parts[0].unit, rule=rule)
        for _, one in single.groupby("fold_model")
    ]
    for part in parts:
        models = [slice_of(t, part.vessel, part.cohort, part.unit) for t in tables]
        pieces = [(m.y, m.p, m.patients) for m in models if len(m.y)]
        if not pieces:
            yield part.row(SINGLE, note="no single-model predictions of these rows")
            continue
        estimate, low, high, note = _bootstrap_of(pieces, _mean_auc, **settings)
        yield part.row(SINGLE, estimate, low, high, method=f"{BOOTSTRAP}, {len(pieces)} models", note=note)


def _overall_rows(
    parts: list[Slice], methods: list[str], settings: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    whole = _stacked(parts)
    usable = [s for s in parts if np.isfinite(auc(s.y, s.p)) and s.n_pos_patients > 1]
    left_out = [s.vessel for s in parts if all(s is not u for u in usable)]
    without = f"without {', '.join(left_out)} (not estimable)" if left_out else ""
    if not usable:
        for metric in (MACRO, MICRO, MICRO_BASE):
            yield whole.row(metric, note="no vessel is estimable")
        return
    estimate, low, high, note = _bootstrap_of([(s.y, s.p, s.patients) for s in usable], _mean_auc, **settings)
    notes = "; ".join(filter(None, [without, note]))
    yield whole.row(MACRO, estimate, low, high, method=f"{BOOTSTRAP}, {len(usable)} vessels", note=notes)
    base_rate = np.concatenate([np.full(len(s.y), s.y.mean()) if len(s.y) else s.p for s in parts])
    for metric, score in ((MICRO, whole.p), (MICRO_BASE, base_rate)):
        for method in methods:
            interval = auc_interval(whole.y, score, groups=whole.patients, method=method, **settings)
            yield whole.interval_row(metric, interval)


def _stacked(parts: list[Slice]) -> Slice:
    """Return all (row, vessel) pairs with a known label as one slice."""
    first = parts[0]
    score = [Vessel(s.vessel).prob_column for s in parts]
    return Slice(
        ALL_VESSELS,
        first.cohort,
        first.unit,
        first.data_kind,
        np.concatenate([s.y for s in parts]),
        np.concatenate([s.p for s in parts]),
        np.concatenate([s.patients for s in parts]),
        pd.concat([s.table[["patient_id", c]] for s, c in zip(parts, score, strict=True)], ignore_index=True),
    )
