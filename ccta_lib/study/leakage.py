"""What a network knows that it should not use, and what that is worth.

Four arms, each for every seed. *probes*: what can be read from features. *shortcut*: device noise goes with the label
in training, and in the test as in training, not at all, or the other way round. *matched*: AUC among patients alike
in heart rate, age and sex. *split*: the same ECGs scored by a network that has seen other ECGs of their patients, and
by one that has not.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ccta_lib.evaluation.auc import auc_difference
from ccta_lib.evaluation.matched import auc_within_strata, strata_of
from ccta_lib.evaluation.probes import crossfit_probe
from ccta_lib.schema import VESSELS
from ccta_lib.study.cell import Cell
from ccta_lib.study.probing import heart_rates, probe_rows
from ccta_lib.study.rows import known_auc, row_of
from ccta_lib.study.shortcuts import shortcut_rows, train_on
from ccta_lib.study.size import StudySize
from ccta_lib.study.workspace import Data, Workspace
from ccta_lib.training.folds import inner_set
from ccta_lib.training.prepared import PREPARE_BATCH
from ccta_lib.training.scoring import score

CODE = (
    "study/probing.py",
    "study/shortcuts.py",
    "study/rows.py",
    "study/disturbances.py",
    "explain/peaks.py",
)
ARMS = ("probes", "shortcut", "matched", "split")
EXCHANGED = 7_000_133  # sets these random streams apart
BANDS: dict[str, Any] = {
    "heart_rate": (60.0, 66.0, 72.0, 80.0),
    "age": (50.0, 60.0, 65.0, 70.0, 75.0),
    "sex": None,
}
"""Strata of matched evaluation: inner borders in beats/min and years."""
FEW = 5
"""With fewer positive or negative patients than this, nothing is cross-fitted."""


def cells(size: StudySize) -> list[Cell]:
    """List the cells: four arms for every seed."""
    return [Cell("leakage", arm, seed) for seed in size.seeds for arm in ARMS]


def run(cell: Cell, workspace: Workspace) -> dict[str, pd.DataFrame]:
    """Make the table of one arm, named `leakage_<arm>`."""
    size, seed = workspace.size.leakage, cell.seed
    if cell.arm == "probes":
        rows = probe_rows(seed, workspace, ecgs=size.probe_ecgs, external=size.external_ecgs)
    elif cell.arm == "shortcut":
        rows = shortcut_rows(seed, workspace, patients=size.test_patients, odds_ratios=size.odds,
                             millivolt=size.noise_millivolt)  # fmt: skip
    elif cell.arm == "matched":
        rows = _matched(seed, workspace, size.test_patients)
    else:
        rows = _split(seed, workspace)
    return {f"leakage_{cell.arm}": pd.DataFrame(rows)}


def _matched(seed: int, workspace: Workspace, patients_tested: int) -> list[dict[str, Any]]:
    """AUC of all test patients, and of pairs alike in heart rate, age and sex."""
    test = workspace.test(seed).patients(patients_tested, seed=seed)
    predicted = workspace.fit(seed).predict(test)
    rate = np.concatenate([heart_rates(test.store.signals(test.ids[i : i + PREPARE_BATCH]))
                           for i in range(0, len(test.ids), PREPARE_BATCH)])  # fmt: skip
    table = pd.DataFrame({"heart_rate": rate, "age": test.table["age"].to_numpy(dtype=float),
                          "sex": test.table["sex"].to_numpy(dtype=object)})  # fmt: skip
    known = table.notna().all(axis=1).to_numpy()
    table, predicted = table[known], predicted[known]
    patients = predicted["patient_id"].to_numpy()
    plain = np.column_stack([table["heart_rate"], table["age"], table["sex"] == "M"])
    rows = []
    for vessel in VESSELS:
        y = predicted[f"y_{vessel.lower()}"].to_numpy()
        scores = {"network": predicted[vessel.prob_column].to_numpy()}
        if min(len(np.unique(patients[y == k])) for k in (0, 1)) >= FEW:
            scores["heart rate, age and sex"] = crossfit_probe(
                plain, y, groups=patients, kind="binary", seed=seed
            )
        for name, p in scores.items():
            for by in ("heart_rate", "age", "sex", "all"):
                stratum = strata_of(table, BANDS if by == "all" else {by: BANDS[by]})
                found = auc_within_strata(y, p, stratum, groups=patients)
                keys = {"score": name, "matched_on": by, "vessel": str(vessel), "pairs": found.pairs,
                        "left_out": int((~known).sum())}  # fmt: skip
                rows.append(row_of(found.overall, metric="AUC", **keys))
                rows.append(row_of(found.within, metric="AUC within strata", **keys))
                gap = found.difference
                limits = {"estimate": gap.estimate, "low": gap.low, "high": gap.high, "note": gap.note}
                rows.append(row_of(found.within, metric="difference", **keys) | limits)
    return rows


def _split(seed: int, workspace: Workspace) -> list[dict[str, Any]]:
    """Score one ECG of each patient with several, by a network that has seen the others and by one that has not.

    The patients with several ECGs are halved. Two networks train, each on the other ECGs of one half and on nothing of
    the other half; both on all patients with one ECG. So each half is known to one network and new to the other, and
    both sets of scores come from both networks.
    """
    data = workspace.cohort(seed)
    halves, held, rest = crossed_halves(
        data.table["patient_id"].to_numpy(), generator=np.random.default_rng([EXCHANGED, seed])
    )
    groups = data.table["patient_id"].astype(str).to_numpy()
    inner_of_rest = inner_set(data.targets[rest], groups[rest], seed=seed)
    train, inner = rest[~inner_of_rest], rest[inner_of_rest]
    signals = workspace.prepared(data)
    logits = []
    for half in (0, 1):
        own = np.flatnonzero((halves == half) & ~np.isin(np.arange(len(groups)), held))
        rows = (np.sort(np.concatenate([train, own])), inner, held)
        model = train_on(workspace, signals, data.targets, rows, seed, f"split {half}")
        logits.append(score(model, np.load(signals, mmap_mode="r"), held))
    mine = halves[held][:, None] == 0
    seen, new = np.where(mine, logits[0], logits[1]), np.where(mine, logits[1], logits[0])
    share = _share_seen(data, seed)
    out = []
    for v, vessel in enumerate(VESSELS):
        y = data.targets[held, v]
        known = ~np.isnan(y)
        keys = {"vessel": str(vessel), "share_seen": share}
        for name, p in (("patient seen in training", seen), ("patient new", new)):
            out.append(row_of(known_auc(y, p[:, v], groups[held]), scored_by=name, metric="AUC", **keys))
        gap = auc_difference(y[known], seen[known, v], new[known, v])
        both = out[-1] | {"scored_by": "seen minus new", "metric": "difference", "estimate": gap.estimate,
                          "low": gap.low, "high": gap.high, "note": gap.note}  # fmt: skip
        out.append(both)
    return out


def crossed_halves(
    patients: np.ndarray, *, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Halve the patients with several ECGs at random, and hold one ECG of each back.

    Returns
    -------
    halves : int (n,), 0 or 1 by patient; -1 for patients with one ECG
    held : row numbers held back, ascending, one of each such patient
    rest : row numbers of patients with one ECG, ascending
    """
    code = np.unique(patients, return_inverse=True)[1]
    size = np.bincount(code)
    several = generator.permutation(np.flatnonzero(size > 1))
    half = np.full(size.size, -1)
    half[several[: len(several) // 2]], half[several[len(several) // 2 :]] = 0, 1
    held = np.sort([generator.choice(np.flatnonzero(code == who)) for who in np.sort(several)]).astype(int)
    return half[code], held, np.flatnonzero(half[code] == -1)


def _share_seen(data: Data, seed: int) -> float:
    """Share of ECGs whose patient is also in training where ECGs, not patients, are split into five."""
    patients = data.table["patient_id"].to_numpy()
    fold = np.random.default_rng([EXCHANGED, seed, 1]).permutation(len(patients)) % 5
    elsewhere = [np.isin(patients[fold == k], patients[fold != k]) for k in range(5)]
    return float(np.concatenate(elsewhere).mean())
