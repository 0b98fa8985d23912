"""Patients against AUC, pretrained against from scratch, with what an ideal observer reaches on the same ECGs."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ccta_lib.schema import VESSELS
from ccta_lib.study.cell import Cell
from ccta_lib.study.size import StudySize
from ccta_lib.study.workspace import Data, Fit, Workspace
from ccta_lib.training.scoring import vessel_aucs

STUDY = "learning-curves"


def cells(size: StudySize) -> list[Cell]:
    """Return one cell per seed, size of the training cohort and start."""
    chosen = size.learning_curves
    return [
        Cell(STUDY, f"{init}, {n} patients", seed, {"patients": n, "init": init})
        for seed in size.seeds
        for n in chosen.patients
        for init in chosen.inits
    ]


def run(cell: Cell, workspace: Workspace) -> dict[str, pd.DataFrame]:
    """Train at one size from one start, and score fresh patients.

    Epochs are held, as in the rest of the book, so that optimiser steps grow with the cohort; both are in the table.

    Returns
    -------
    dict
        `learning_curves`: one row per vessel and "macro": patients, ecgs, init, trained_patients, trained_ecgs,
        trained_positive, epochs, steps, chosen_epoch, chosen_step, vessel, auc, ideal (AUC of the ideal observer on
        the same test ECGs), n_test, n_pos.
    """
    data = workspace.cohort(cell.seed, patients=cell.settings["patients"])
    fit = workspace.fit(cell.seed, data=data, init=cell.settings["init"])
    return {"learning_curves": _rows(cell, fit, data, workspace.test(cell.seed))}


def _rows(cell: Cell, fit: Fit, data: Data, test: Data) -> pd.DataFrame:
    predicted = fit.predict(test)
    targets = test.targets
    auc = vessel_aucs(targets, predicted[[v.prob_column for v in VESSELS]].to_numpy())
    ideal = vessel_aucs(targets, test.truth[[f"ideal_{v.lower()}" for v in VESSELS]].to_numpy())
    chosen = int(fit.record["chosen_epoch"]["nested"])
    known = ~np.isnan(auc)
    common = {
        "patients": data.table["patient_id"].nunique(),
        "ecgs": len(data.table),
        "init": cell.settings["init"],
        "trained_patients": data.table["patient_id"].iloc[fit.train].nunique(),
        "trained_ecgs": len(fit.train),
        "epochs": len(fit.log),
        "steps": int(fit.log["step"].iloc[-1]),
        "chosen_epoch": chosen + 1,
        "chosen_step": int(fit.log["step"].iloc[chosen]),
        "n_test": len(test.table),
    }
    rows = [
        common | {"vessel": str(v), "auc": auc[i], "ideal": ideal[i], "n_pos": int((targets[:, i] == 1).sum()),
                  "trained_positive": int((data.targets[fit.train, i] == 1).sum())}
        for i, v in enumerate(VESSELS)
    ]  # fmt: skip
    rows.append(
        common | {"vessel": "macro", "auc": float(np.mean(auc[known])), "ideal": float(np.mean(ideal[known])),
                  "n_pos": int((targets == 1).any(axis=1).sum()),
                  "trained_positive": int((data.targets[fit.train] == 1).any(axis=1).sum())}
    )  # fmt: skip
    return pd.DataFrame(rows)
