"""Clinical models beside a network's predictions, from a prediction table alone: no waveform, no training run.

Inside the internal cohort every model is cross-fitted on the run's own folds, as the network was. Other cohorts are
scored by models fitted to the whole internal cohort, as the network's ensemble was; a table without an internal cohort
is cross-fitted within each of its cohorts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd

from ccta_lib.evaluation.aggregate import aggregate
from ccta_lib.evaluation.baseline_models import (
    AGE_SEX,
    ANY,
    CLINICAL,
    Constant,
    Linear,
    any_vessel,
    clinical_design,
    fit_combination,
    fit_linear,
    inner_splits,
)
from ccta_lib.evaluation.baseline_value import added_rows
from ccta_lib.evaluation.baselines import SCALE, TARGETS, auc_rows, pool, score_sets
from ccta_lib.evaluation.logistic import logit
from ccta_lib.evaluation.pretest import NEEDED, pretest_probability
from ccta_lib.evaluation.results import NAN
from ccta_lib.evaluation.tables import chosen_cohorts, cohort_column
from ccta_lib.schema import N_FOLDS, VESSELS, labels

RUN_MODELS = ("age_sex", "clinical", "network", "clinical_network")
WEAK_PENALTY = 1.0
Fitter = Callable[[np.ndarray, np.ndarray, np.ndarray], Linear | Constant]


def clinical_columns(predictions: pd.DataFrame) -> tuple[list[str], list[str]]:
    """Return the clinical columns that hold anything, and those that are absent or empty."""
    present = [c for c in CLINICAL if c in predictions and predictions[c].notna().any()]
    return present, [c for c in CLINICAL if c not in present]


def run_scores(predictions: pd.DataFrame, cohort: str, *, seed: int = 0) -> pd.DataFrame:
    """Score a cohort of a prediction table by clinical models, and put the network's probabilities beside them.

    Parameters
    ----------
    predictions : contract 2
    cohort : internal, external or followup
    seed : of the folds, where the table has none

    Returns
    -------
    DataFrame
        A score table (`ccta_lib.evaluation.baselines`) with seed 0 and the models `RUN_MODELS` (targets: vessels and
        "any"), and `pretest_any` where the table has age, sex and symptom. A model whose columns are absent has no
        column. "clinical" uses those of age, sex, diabetes, hypertension and prior MI that hold anything.
    """
    of_row = cohort_column(predictions).to_numpy()
    inside = of_row == "internal"
    here = of_row == cohort
    table = predictions.reset_index(drop=True)
    patients = table["patient_id"].astype(str).to_numpy(dtype=object)
    y = np.column_stack([
        *[labels(table[v.grade_column]) if v.grade_column in table else np.full(len(table), NAN) for v in VESSELS],
        any_vessel(table),
    ])  # fmt: skip
    p = np.column_stack([
        table[v.prob_column].to_numpy(dtype=float) if v.prob_column in table else np.full(len(table), NAN)
        for v in VESSELS
    ])  # fmt: skip
    splits = list(_splits(table, here, inside, y[:, -1], patients, seed))
    present, _ = clinical_columns(predictions)
    designs = {"clinical": present} | ({"age_sex": list(AGE_SEX)} if set(AGE_SEX) <= set(present) else {})
    scores: dict[str, np.ndarray] = {}

    def linear(x: np.ndarray, target: np.ndarray, groups: np.ndarray) -> Linear | Constant:
        # A chosen penalty can shrink a rare vessel's model to the base rate of the other folds, which is the lower
        # the more positive patients the fold itself has: pooled over folds such scores rank backwards.
        return fit_linear(x, target, groups=groups, penalties=[WEAK_PENALTY])

    for name, columns in designs.items():
        if columns:
            x = clinical_design(table, columns)
            for t, target in enumerate((*TARGETS, ANY)):
                scores[f"{name}_{target}"] = _crossfit(x, y[:, t], patients, splits, linear)
    for t, target in enumerate(TARGETS):
        scores[f"network_{target}"] = p[:, t]
    scores[f"network_{ANY}"] = _crossfit(logit(p), y[:, -1], patients, splits, _combine)
    if present:
        for t, target in enumerate((*TARGETS, ANY)):
            other = p if target == ANY else p[:, [t]]
            both = logit(np.column_stack([scores[f"clinical_{target}"], other]))
            scores[f"clinical_network_{target}"] = _crossfit(both, y[:, t], patients, splits, _combine)
    if set(NEEDED) <= set(table.columns):
        scores[f"pretest_{ANY}"] = pretest_probability(table).to_numpy()
    return _score_table(table, here, y, scores)


def _combine(x: np.ndarray, y: np.ndarray, groups: np.ndarray) -> Linear | Constant:
    return fit_combination(1.0 / (1.0 + np.exp(-x)), y, groups=groups)


def _splits(
    table: pd.DataFrame, here: np.ndarray, inside: np.ndarray, any_y: np.ndarray, patients: np.ndarray, seed: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:  # fmt: skip
    """Yield rows to fit to and rows to score, so that the cohort asked for and what is fitted to are all scored."""
    source = inside if inside.any() else here
    fold = np.full(len(table), NAN)
    if "fold" in table:
        fold = table["fold"].to_numpy(dtype=float, na_value=NAN)
    if np.isnan(fold[source]).all():
        rows = np.flatnonzero(source & ~np.isnan(any_y))
        for k, (_, held_out) in enumerate(
            inner_splits(any_y[rows] == 1, patients[rows], seed=seed, n_folds=N_FOLDS)
        ):
            fold[source & np.isin(patients, np.unique(patients[rows[held_out]].astype(str)))] = k
    for k in np.unique(fold[source & ~np.isnan(fold)]):
        yield source & (fold != k) & ~np.isnan(fold), source & (fold == k)
    if (here & ~source).any():
        yield source, here & ~source


def _crossfit(
    x: np.ndarray, y: np.ndarray, patients: np.ndarray, splits: list[tuple[np.ndarray, np.ndarray]], fit: Fitter
) -> np.ndarray:  # fmt: skip
    """Score complete rows, each by a model fitted to complete labelled rows of other patients, (n,)."""
    out = np.full(len(x), NAN)
    complete = ~np.isnan(x).any(axis=1)
    for train, held_out in splits:
        rows, wanted = train & complete & ~np.isnan(y), held_out & complete
        if rows.any() and wanted.any():
            out[wanted] = fit(x[rows], y[rows], patients[rows])(x[wanted])
    return out


def _score_table(
    table: pd.DataFrame, here: np.ndarray, y: np.ndarray, scores: dict[str, np.ndarray]
) -> pd.DataFrame:
    mine = table[here]
    exam = mine["exam_id"] if "exam_id" in mine else mine["patient_id"]
    exam = exam.where(exam.notna(), mine["patient_id"]).astype(str)
    index = aggregate(mine.assign(exam_id=exam), "patient")["exam_id"]
    out = pd.DataFrame({
        "seed": 0, "patient": pd.factorize(mine["patient_id"])[0],
        "exam": pd.factorize(mine["patient_id"].astype(str) + "/" + exam)[0], "index_exam": exam.isin(index),
    })  # fmt: skip
    for t, target in enumerate((*TARGETS, ANY)):
        out[f"y_{target}"] = y[here, t]
    for name, values in scores.items():
        out[name] = values[here] * SCALE
    return out.reset_index(drop=True)


def run_comparison(
    predictions: pd.DataFrame, *, level: float = 0.95, seed: int = 0
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Compare a run's network with clinical models in each of its cohorts.

    Parameters
    ----------
    predictions : contract 2
    level : of the intervals
    seed : as `run_scores`

    Returns
    -------
    tuple of DataFrame
        AUC and differences by vessel (`pool`, with cohort, and `against` = the reference), added value by vessel
        (`added_rows`, with cohort), and any vessel at patient level with the pre-test table. Each is empty where the
        table lacks what it needs.
    """
    parts: tuple[list[pd.DataFrame], ...] = ([], [], [])
    for cohort in chosen_cohorts(predictions, None):
        scores = run_scores(predictions, cohort, seed=seed)
        models = [m for m in RUN_MODELS if f"{m}_{TARGETS[0]}" in scores]
        sets = [s for s in score_sets(scores, models) if len(s.y)] if "clinical" in models else []
        if sets:
            rows = pool(auc_rows(sets, references=("clinical",), level=level), level=level)
            parts[0].append(rows.assign(cohort=cohort, against=rows["reference"]))
            parts[1].append(added_rows(sets, [("clinical", "network")]).assign(cohort=cohort))
        if f"pretest_{ANY}" in scores:
            models = ["pretest", *models]
            whole = [s for s in score_sets(scores, models, targets=(ANY,), unit="patient") if len(s.y)]
            if whole:
                found = pool(auc_rows(whole, references=("pretest",), level=level), level=level)
                parts[2].append(found.assign(cohort=cohort))
    auc, added, anywhere = (pd.concat(p, ignore_index=True) if p else pd.DataFrame() for p in parts)
    return auc, added, anywhere
