"""A network against simpler models: every model of a seed scores the same fresh ECGs.

All models see the same patients, those the network was trained on or its epoch was chosen on; a model with clinical
columns leaves out those whose age and sex are unknown. What combines a network's scores with anything else is fitted
to the patients that chose the epoch and to those set aside. Kept are the scores themselves, row by row, so that the
chapter's statistics can change without training again.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from ccta_lib.evaluation.aggregate import aggregate
from ccta_lib.evaluation.baseline_models import (
    AGE_SEX,
    ANY,
    CLINICAL,
    PENALTIES,
    Constant,
    Linear,
    Trees,
    any_vessel,
    clinical_design,
    fit_combination,
    fit_linear,
    fit_trees,
)
from ccta_lib.evaluation.baselines import SCALE
from ccta_lib.evaluation.logistic import logit
from ccta_lib.evaluation.pretest import pretest_probability
from ccta_lib.explain.measurements import MEASUREMENTS, measure_ecgs
from ccta_lib.schema import VESSELS
from ccta_lib.study.baseline_imputation import imputed_rows
from ccta_lib.study.cell import Cell
from ccta_lib.study.size import StudySize
from ccta_lib.study.workspace import Data, Fit, Workspace

STUDY = "baselines"
CODE = ("study/baseline_imputation.py", "explain/measurements.py", "explain/peaks.py", "explain/beats.py")
TARGETS = (*(v.lower() for v in VESSELS), ANY)


@dataclass(frozen=True)
class Inputs:
    """What the models of one seed are fitted to and scored on.

    Attributes
    ----------
    data, test : cohort and fresh ECGs
    y, y_test : (n, 5) labels of `TARGETS`, NaN unknown
    measured, measured_test : (n, measurements)
    train, inner, outer : rows of `data` as the network's
    """

    data: Data
    test: Data
    y: np.ndarray
    y_test: np.ndarray
    measured: np.ndarray
    measured_test: np.ndarray
    train: np.ndarray
    inner: np.ndarray
    outer: np.ndarray

    @property
    def patients(self) -> np.ndarray:
        """Patient of each row of `data`."""
        return self.data.table["patient_id"].astype(str).to_numpy(dtype=object)

    @property
    def fitted_to(self) -> np.ndarray:
        """Rows that models are fitted to."""
        return np.sort(np.concatenate([self.train, self.inner]))

    @property
    def set_aside(self) -> np.ndarray:
        """Rows that combinations are fitted to: no network was trained on them."""
        return np.sort(np.concatenate([self.inner, self.outer]))


@dataclass
class Log:
    """Rows of `baselines_models`."""

    rows: list[dict[str, Any]] = field(default_factory=list)

    def add(self, model: str, target: str, *, seconds: float, fitted: Any = None, **more: Any) -> None:
        """Note one fit: what was chosen inside it, and what it took."""
        chosen = {
            "penalty": fitted.penalty if isinstance(fitted, Linear) else np.nan,
            "trees": fitted.n_trees if isinstance(fitted, Trees) else np.nan,
            "note": fitted.note if isinstance(fitted, Constant) else "",
        }
        empty = {"fitted_ecgs": 0, "columns": 0, "epoch": np.nan}
        self.rows.append(
            {"model": model, "target": target, "seconds": round(seconds, 3)} | empty | chosen | more
        )

    def penalties(self) -> dict[tuple[str, str], float]:
        """Return the penalty chosen for each model and target that has one."""
        return {(r["model"], r["target"]): r["penalty"] for r in self.rows if np.isfinite(r["penalty"])}


def cells(size: StudySize) -> list[Cell]:
    """Return one cell per seed: its models share cohort, test ECGs and measurements."""
    return [Cell(STUDY, "all models", seed) for seed in size.seeds]


def run(cell: Cell, workspace: Workspace) -> dict[str, pd.DataFrame]:
    """Fit every model of a seed and score the seed's test ECGs.

    Returns
    -------
    dict
        `baselines_ecgs`: one row per test ECG: patient and exam (numbers), index_exam, what is known of the patient,
        y_<target>; targets are the vessels and "any".
        `baselines_scores`: model, target, score in ten-thousandths; for each model and target the ECGs in order.
        `baselines_models`: one row per model and target: ECGs it was fitted to, columns, what was chosen, seconds.
        `baselines_imputed`: estimates on all test ECGs after multiple imputation of age and sex.
    """
    log, size = Log(), workspace.size.baselines
    probe: dict[str, Any] = {"trainable": "head", "augmentation": False, "epochs": size.probe_epochs,
             "learning_rate": size.probe_learning_rate}  # fmt: skip
    fits = {"finetuned": workspace.fit(cell.seed), "scratch": workspace.fit(cell.seed, init="scratch"),
            "probe": workspace.fit(cell.seed, **probe)}  # fmt: skip
    inputs = _inputs(cell.seed, workspace, fits["finetuned"], log)
    scores = _tabular(inputs, cell.seed, log)
    known = {name: _network(name, fit, inputs, scores, log) for name, fit in fits.items()}
    _with_network(inputs, known["finetuned"], scores, cell.seed, log)
    scores[f"pretest_{ANY}"] = pretest_probability(inputs.test.table).to_numpy()
    imputed = imputed_rows(inputs, known["finetuned"], scores, log.penalties(), n_imputations=size.imputations,
                           seed=cell.seed)  # fmt: skip
    return {
        "baselines_ecgs": ecg_table(inputs.test.table, inputs.y_test),
        "baselines_scores": score_table(scores),
        "baselines_models": pd.DataFrame(log.rows),
        "baselines_imputed": imputed,
    }


def _inputs(seed: int, workspace: Workspace, fit: Fit, log: Log) -> Inputs:
    data, test = workspace.cohort(seed), workspace.test(seed)
    start = time.perf_counter()
    measured, measured_test = (
        measure_ecgs(d.store, d.ids)[list(MEASUREMENTS)].to_numpy() for d in (data, test)
    )
    log.add("measurements", "both cohorts", seconds=time.perf_counter() - start, columns=len(MEASUREMENTS),
            fitted_ecgs=len(data.ids) + len(test.ids))  # fmt: skip
    y, y_test = (np.column_stack([d.targets, any_vessel(d.table)]) for d in (data, test))
    return Inputs(data, test, y, y_test, measured, measured_test, fit.train, fit.inner, fit.outer)


def _designs(i: Inputs) -> Iterator[tuple[str, np.ndarray, np.ndarray, bool]]:
    """Yield name, columns of cohort and of test ECGs, and whether rows must be complete."""

    def clinical(names: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
        return clinical_design(i.data.table, names), clinical_design(i.test.table, names)

    inside, outside = clinical(CLINICAL)
    yield "age_sex", *clinical(AGE_SEX), True
    yield "clinical", inside, outside, True
    yield "clinical_symptom", *clinical((*CLINICAL, "symptom")), True
    yield "ecg_linear", i.measured, i.measured_test, False
    yield "ecg_trees", i.measured, i.measured_test, False
    wide = np.column_stack([inside, i.measured])
    yield "clinical_ecg", wide, np.column_stack([outside, i.measured_test]), True


def complete(x: np.ndarray, *, columns: int = len(CLINICAL)) -> np.ndarray:
    """Return which rows have no missing value among the first columns, the clinical ones."""
    return ~np.isnan(x[:, :columns]).any(axis=1)


def _tabular(i: Inputs, seed: int, log: Log) -> dict[str, np.ndarray]:
    scores = {}
    for name, x, x_test, clinical in _designs(i):
        usable = complete(x) if clinical else np.ones(len(x), dtype=bool)
        for t, target in enumerate(TARGETS):
            if name == "clinical_symptom" and target != ANY:
                continue  # it stands beside the pre-test table, which is about any vessel
            rows = i.fitted_to[usable[i.fitted_to] & ~np.isnan(i.y[i.fitted_to, t])]
            start = time.perf_counter()
            fit = fit_trees if name == "ecg_trees" else fit_linear
            model = fit(x[rows], i.y[rows, t], groups=i.patients[rows], seed=seed)
            log.add(name, target, fitted=model, seconds=time.perf_counter() - start, fitted_ecgs=len(rows),
                    columns=x.shape[1])  # fmt: skip
            p = model(x_test)
            scores[f"{name}_{target}"] = np.where(complete(x_test), p, np.nan) if clinical else p
    return scores


def _network(name: str, fit: Fit, i: Inputs, scores: dict[str, np.ndarray], log: Log) -> np.ndarray:
    """Add a network's scores, for any vessel by combining the four; returns those of the cohort, (n, 4)."""
    columns = [v.prob_column for v in VESSELS]
    inside, outside = (fit.predict(d)[columns].to_numpy() for d in (i.data, i.test))
    epoch = int(fit.record["chosen_epoch"]["nested"]) + 1
    for v, vessel in enumerate(VESSELS):
        scores[f"{name}_{vessel.lower()}"] = outside[:, v]
        log.add(name, vessel.lower(), seconds=fit.seconds, fitted_ecgs=len(i.train), epoch=epoch)
    rows = i.set_aside[~np.isnan(i.y[i.set_aside, -1])]
    model = fit_combination(inside[rows], i.y[rows, -1], groups=i.patients[rows])
    scores[f"{name}_{ANY}"] = model(logit(outside))
    log.add(name, ANY, fitted=model, seconds=fit.seconds, fitted_ecgs=len(rows), columns=4, epoch=epoch)
    return inside


def _with_network(i: Inputs, inside: np.ndarray, scores: dict[str, np.ndarray], seed: int, log: Log) -> None:
    """Add clinical data and network in one model, fitted to patients that neither of them was fitted to."""
    x, x_test = (clinical_design(d.table) for d in (i.data, i.test))
    outside = np.column_stack([scores[f"finetuned_{v.lower()}"] for v in VESSELS])
    for target, model, combine in combinations(i, x, inside, seed=seed):
        chosen = slice(None) if target == ANY else [TARGETS.index(target)]
        p = combine(logit(np.column_stack([model(x_test), outside[:, chosen]])))
        scores[f"clinical_network_{target}"] = np.where(complete(x_test), p, np.nan)
        log.add("clinical_network", target, fitted=combine, seconds=0.0, fitted_ecgs=len(i.set_aside),
                columns=5 if target == ANY else 2)  # fmt: skip


def combinations(
    i: Inputs,
    x: np.ndarray,
    inside: np.ndarray,
    *,
    seed: int,
    penalties: Mapping[str, Iterable[float]] | None = None,
) -> Iterator[tuple[str, Linear | Constant, Linear | Constant]]:
    """Yield target, clinical model fitted to the network's training rows, and what combines both.

    Parameters
    ----------
    i : inputs
    x : (n, clinical columns) of the cohort; rows with missing values are left out
    inside : (n, 4) the network's probabilities for the cohort
    seed : of the folds that choose the penalty
    penalties : candidates for each target's clinical model, where they are not the usual ones
    """
    for t, target in enumerate(TARGETS):
        usable = complete(x) & ~np.isnan(i.y[:, t])
        train, rest = i.train[usable[i.train]], i.set_aside[usable[i.set_aside]]
        candidates = PENALTIES if penalties is None else penalties[target]
        model = fit_linear(x[train], i.y[train, t], groups=i.patients[train], seed=seed, penalties=candidates)
        chosen = slice(None) if target == ANY else [t]
        both = np.column_stack([model(x[rest]), inside[rest][:, chosen]])
        yield target, model, fit_combination(both, i.y[rest, t], groups=i.patients[rest])


def ecg_table(table: pd.DataFrame, y: np.ndarray) -> pd.DataFrame:
    """Set who the test ECGs are of, their labels, and what is known of the patients, one row per ECG."""
    index = aggregate(table, "patient")["exam_id"].astype(str)
    out = pd.DataFrame({
        "patient": pd.factorize(table["patient_id"])[0].astype(np.int16),
        "exam": pd.factorize(table["exam_id"])[0].astype(np.int16),
        "index_exam": table["exam_id"].astype(str).isin(index),
        "age": table["age"].astype("float32"),
    })  # fmt: skip
    for name in ("sex", "diabetes", "hypertension", "prior_mi", "symptom"):
        out[name] = table[name]
    for t, target in enumerate(TARGETS):
        out[f"y_{target}"] = pd.array(y[:, t], dtype="Float32").astype("Int8")
    return out


def score_table(scores: dict[str, np.ndarray]) -> pd.DataFrame:
    """Set all scores below each other, model by model, in the order of the ECGs: a third of the bytes of columns."""
    parts = []
    for name, p in scores.items():
        model, _, target = name.rpartition("_")
        whole = pd.array(np.clip(np.round(p * SCALE), 1, SCALE - 1), dtype="Float32").astype("Int16")
        parts.append(pd.DataFrame({"model": model, "target": target, "score": whole}))
    return pd.concat(parts, ignore_index=True)
