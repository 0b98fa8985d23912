"""How optimistic is the epoch chosen on the reported fold? The whole pipeline on many virtual cohorts.

Per cohort: simulate, train five folds, predict every ECG out of fold, once with the epoch that was best on inner
patients (nested) and once with the epoch that was best on the reported fold (the paper's way), from the same training.
The truth is what the same ten networks do on a large fresh sample of the same distribution.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ccta_lib.evaluation.coverage import judge
from ccta_lib.evaluation.optimism import mean_auc
from ccta_lib.schema import VESSELS
from ccta_lib.simulate import CohortSizes
from ccta_lib.study.cell import Cell
from ccta_lib.study.size import StudySize
from ccta_lib.study.workspace import Data, Fit, Workspace
from ccta_lib.training.scoring import score, vessel_aucs

STUDY = "optimism"
FRESH = 7_000_069  # seed of the fresh sample, the same for all cohorts
RULES = ("nested", "paper")
N_FOLDS = 5


def cells(size: StudySize) -> list[Cell]:
    """Return one cell per virtual cohort."""
    own = size.optimism
    settings = own.model_dump(exclude={"cohorts", "first_seed"})
    return [Cell(STUDY, "five folds", own.first_seed + i, settings) for i in range(own.cohorts)]


def run(cell: Cell, workspace: Workspace) -> dict[str, pd.DataFrame]:
    """Run the pipeline on one cohort.

    Returns
    -------
    dict
        `optimism`: per rule and vessel (and "macro"): reported_folds (mean over folds of the AUC on the reported fold),
        reported_pooled (AUC of all out-of-fold predictions), truth (mean AUC of the five networks on the fresh sample),
        truth_se (its standard error, the networks given), mean_epoch (from 1), differ (folds in which the rules chose
        different epochs), n, n_pos, n_patients.
        `optimism_intervals`: per vessel and method the interval of the nested pooled AUC, and where the truth lies.
        `optimism_log`: the training logs, one row per fold and epoch.
    """
    s = cell.settings
    fresh = workspace.test(FRESH, ecgs=s["fresh_ecgs"])
    with workspace.passing(f"optimism-{cell.seed}") as own:
        data = own.simulate(CohortSizes(s["patients"], s["exams"], s["ecgs"], 0, 0), seed=cell.seed)
        fits = [own.fit(cell.seed, data=data, fold=k) for k in range(N_FOLDS)]
        scored = {rule: _score(fits, data, fresh, workspace, rule) for rule in RULES}
        logs = [f.log.assign(fold=k) for k, f in enumerate(fits)]
        epochs = {rule: [int(f.record["chosen_epoch"][rule]) for f in fits] for rule in RULES}
        macro = _macro_weights(fits)
    differ = sum(a != b for a, b in zip(*epochs.values(), strict=True))
    rows = [row for rule in RULES for row in _rows(rule, scored[rule], data, fresh, macro, epochs[rule])]
    return {
        "optimism": pd.DataFrame(rows).assign(differ=differ, n_patients=data.table["patient_id"].nunique()),
        "optimism_intervals": _intervals(cell, scored["nested"], data, rows),
        "optimism_log": pd.concat(logs, ignore_index=True),
    }


def _score(
    fits: list[Fit], data: Data, fresh: Data, workspace: Workspace, rule: str
) -> dict[str, np.ndarray]:
    """Score with each network the ECGs it is reported on and the fresh ones.

    Returns
    -------
    dict
        pooled: out-of-fold logits (n, 4); reported: AUC on the reported folds (5, 4); fresh: logits (5, m, 4)
    """
    pooled = np.full(data.targets.shape, np.nan)
    reported, new = [], []
    for fit in fits:
        model = fit.model(rule)
        own = np.load(fit.workspace.prepared(data, contract=fit.contract), mmap_mode="r")
        pooled[fit.outer] = score(model, own, fit.outer)
        reported.append(vessel_aucs(data.targets[fit.outer], pooled[fit.outer]))
        new.append(score(model, np.load(workspace.prepared(fresh, contract=fit.contract), mmap_mode="r")))
    return {"pooled": pooled, "reported": np.array(reported), "fresh": np.array(new)}


def _macro_weights(fits: list[Fit]) -> np.ndarray:
    """Return the weight of each fold's vessels in the macro AUC by which its epoch was chosen: (5, 4), sum 1."""
    averaged = np.array([[str(v) in f.record["macro_vessels"]["outer"] for v in VESSELS] for f in fits])
    per_fold = averaged.sum(axis=1, keepdims=True)
    weights = np.divide(averaged, per_fold, out=np.zeros(averaged.shape), where=per_fold > 0)
    return weights / max(weights.sum(), 1.0)


def _rows(
    rule: str, scored: dict[str, np.ndarray], data: Data, fresh: Data, macro: np.ndarray, epochs: list[int]
) -> list[dict[str, Any]]:
    patients = fresh.table["patient_id"].to_numpy()
    rows = []
    for v, vessel in enumerate(VESSELS):
        weights = np.zeros(macro.shape)
        weights[:, v] = 1 / len(macro)
        known = scored["reported"][:, v][~np.isnan(scored["reported"][:, v])]
        rows.append(_row(rule, str(vessel), weights, scored, fresh.targets, patients) | {
            "reported_folds": float(known.mean()) if known.size else np.nan,
            "reported_pooled": float(vessel_aucs(data.targets, scored["pooled"])[v]),
            "n_pos": int((data.targets[:, v] == 1).sum()),
        })  # fmt: skip
    # Folds whose choice rests on no vessel have no macro AUC, neither reported nor true.
    used = macro > 0
    rows.append(_row(rule, "macro", macro, scored, fresh.targets, patients) | {
        "reported_folds": float((macro[used] * scored["reported"][used]).sum()) if used.any() else np.nan,
        "reported_pooled": np.nan,
        "n_pos": int((data.targets == 1).any(axis=1).sum()),
    })  # fmt: skip
    common = {"mean_epoch": float(np.mean(epochs)) + 1, "n": len(data.table)}
    return [row | common for row in rows]


def _row(
    rule: str, vessel: str, weights: np.ndarray, scored: dict[str, np.ndarray], targets: np.ndarray,
    patients: np.ndarray,
) -> dict[str, Any]:  # fmt: skip
    truth, se = mean_auc(targets, scored["fresh"], patients, weights) if weights.any() else (np.nan, np.nan)
    return {"rule": rule, "vessel": vessel, "truth": truth, "truth_se": se}


def _intervals(
    cell: Cell, scored: dict[str, np.ndarray], data: Data, rows: list[dict[str, Any]]
) -> pd.DataFrame:
    """Make the four intervals of each vessel's pooled out-of-fold AUC, and place the truth in them."""
    truth = {row["vessel"]: row["truth"] for row in rows if row["rule"] == "nested"}
    patients, parts = data.table["patient_id"].to_numpy(), []
    for v, vessel in enumerate(VESSELS):
        known = ~np.isnan(data.targets[:, v]) & ~np.isnan(scored["pooled"][:, v])
        judged = judge(
            data.targets[known, v] == 1, scored["pooled"][known, v], patients[known], truth[str(vessel)],
            n_boot=cell.settings["n_boot"], generator=np.random.default_rng([cell.seed, v]),
        )  # fmt: skip
        parts.append(judged.assign(vessel=str(vessel), truth=truth[str(vessel)]))
    return pd.concat(parts, ignore_index=True)
