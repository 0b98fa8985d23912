"""Does each ingredient of the recipe matter? One thing changed at a time, all else equal, seed by seed.

Arms of a seed share the virtual cohort, the split, the order of the batches and the start of everything that is not
pretrained. `ccta_lib.evaluation.ablations.CONTRASTS` says which arm is compared with which.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ccta_lib.book.provenance import code_hash, versions
from ccta_lib.evaluation.calibration import logistic_calibration
from ccta_lib.files import locked, sha256_json
from ccta_lib.schema import VESSELS
from ccta_lib.simulate.pretraining import Stage
from ccta_lib.study.cell import Cell
from ccta_lib.study.size import StudySize
from ccta_lib.study.workspace import Fit, Workspace
from ccta_lib.training.pretraining import CARD_FILE, SECOND_STAGE_SHARE, STAGE_FILE, WEIGHTS_FILE, pretrain
from ccta_lib.training.pretraining import STAGES as PRETRAINING_STAGES
from ccta_lib.training.schedule import rate_factor
from ccta_lib.training.scoring import vessel_aucs
from ccta_lib.training.settings import TRANSFORMS

STUDY = "ablations"
PRETRAINING_SEED = 11  # not the shipped weights' 7: their ECGs are others

REFERENCE = "reference"
# What a training is given in place of the reference's settings (`Workspace.fit`: the paper's recipe at study size).
TRAININGS: dict[str, dict[str, Any]] = {
    REFERENCE: {},
    "sigma at a rate of 0.01": {"sigma_learning_rate": 1e-2},
    "sigma at a rate of 0.1": {"sigma_learning_rate": 1e-1},
    "equal weights": {"uncertainty": "equal"},
    "exact PCGrad": {"pcgrad": "exact"},
    "no PCGrad": {"pcgrad": "none"},
    **{
        f"no {left_out}": {"augmentation": [t for t in TRANSFORMS if t != left_out]}
        for left_out in TRANSFORMS
    },
    "no augmentation": {"augmentation": False},
    "strength constant": {"augmentation_schedule": "constant"},
    "strength 1 to 0": {"augmentation_schedule": "printed"},
    "copies alone": {"batch": "augmented"},
    "z-score over all leads": {"normalisation": "per_recording"},
    "from scratch": {"init": "scratch"},
    "from scratch, z-score over all leads": {"init": "scratch", "normalisation": "per_recording"},
}
# Stages of pretraining, at the study's own size.
STAGES: dict[str, list[str]] = {
    "findings alone": ["findings"],
    "infarction alone": ["infarction"],  # next to the first: two workers then pretrain at the same time
    "both stages": ["findings", "infarction"],
}
WEIGHED = (REFERENCE, "sigma at a rate of 0.01", "sigma at a rate of 0.1", "equal weights")
"""Arms whose weights and calibration are kept."""


def cells(size: StudySize) -> list[Cell]:
    """Return one cell per seed and arm."""
    return [
        *(
            Cell(STUDY, arm, seed, {"training": change})
            for seed in size.seeds
            for arm, change in TRAININGS.items()
        ),
        *(
            Cell(STUDY, arm, seed, {"stages": stages})
            for seed in size.seeds
            for arm, stages in STAGES.items()
        ),
    ]


def run(cell: Cell, workspace: Workspace) -> dict[str, pd.DataFrame]:
    """Train one arm and score fresh patients.

    Returns
    -------
    dict
        `ablations`: one row per vessel and "macro": vessel, auc, n, n_pos (rows of the test cohort; of the macro
        those with any vessel positive).
        `ablations_cost`: one row: step_cpu_seconds (of the processor, in optimiser steps), steps, ecg_passes (ECGs and
        copies through the network in training), pretraining_passes (the same of the study's own pretraining, or 0).
        `ablations_weights`, only of arms in `WEIGHED`: vessel, loss, weight, log_variance after the last epoch, and
        path (sum of the learning rates of log sigma^2 over all steps; 0 where it does not learn).
        `ablations_calibration`, of the same arms: vessel, metric (slope, intercept, o_e), value, note.
    """
    training, passes = dict(cell.settings.get("training", {})), 0
    if "stages" in cell.settings:
        training["init"] = str(pretrained(workspace, cell.settings["stages"]))
        passes = pretraining_passes(workspace.size, cell.settings["stages"])
    fit = workspace.fit(cell.seed, **training)
    test = workspace.test(cell.seed)
    probability = fit.predict(test)[[v.prob_column for v in VESSELS]].to_numpy()
    tables = {
        "ablations": _aucs(test.targets, probability),
        "ablations_cost": _cost(fit, passes),
    }
    if cell.arm in WEIGHED:
        tables |= {
            "ablations_weights": _weights(fit),
            "ablations_calibration": _calibration(test.targets, probability),
        }
    return tables


def pretrained(workspace: Workspace, stages: list[str]) -> Path:
    """Return weights after some stages, pretrained once for all cells: the first stage is shared by who needs it."""
    size = workspace.size.ablations
    whole: tuple[Stage, ...] = PRETRAINING_STAGES if "findings" in stages else ("infarction",)
    key = sha256_json([whole, size.model_dump(), PRETRAINING_SEED, code_hash("simulate", "model", "training"),
                       versions()])  # fmt: skip
    folder = workspace.folder / "pretraining" / key[:16]
    with locked(folder.with_suffix(".lock")):
        if not (folder / CARD_FILE).is_file():  # written last
            pretrain(folder, n=size.pretraining_ecgs, epochs=size.pretraining_epochs, seed=PRETRAINING_SEED,
                     workers=1, stages=whole)  # fmt: skip
    between = len(stages) < len(whole)
    return folder / (STAGE_FILE.format(stages[-1]) if between else WEIGHTS_FILE)


def pretraining_passes(size: StudySize, stages: list[str]) -> int:
    """Return how many ECGs go through the network while these stages are trained."""
    n, epochs = size.ablations.pretraining_ecgs, size.ablations.pretraining_epochs
    shares = (1.0, SECOND_STAGE_SHARE)[: len(stages)]
    return sum(math.ceil(n * share) * math.ceil(epochs * share) for share in shares)


def _aucs(targets: np.ndarray, probability: np.ndarray) -> pd.DataFrame:
    auc = vessel_aucs(targets, probability)
    estimable = auc[~np.isnan(auc)]
    known = ~np.isnan(targets)
    return pd.DataFrame(
        {
            "vessel": [*(str(v) for v in VESSELS), "macro"],
            "auc": [*auc, estimable.mean() if estimable.size else math.nan],
            "n": [*known.sum(axis=0), known.any(axis=1).sum()],
            "n_pos": [*(targets == 1).sum(axis=0), (targets == 1).any(axis=1).sum()],
        }
    )


def _cost(fit: Fit, pretraining: int) -> pd.DataFrame:
    settings = fit.record["settings"]
    copies = 2 if settings["augmentation"] and settings["batch"] == "both" else 1
    row = {
        "step_cpu_seconds": float(fit.record["cost"]["step_cpu_seconds"]),
        "steps": int(fit.log["step"].iloc[-1]),
        "ecg_passes": copies * len(fit.train) * int(settings["epochs"]),
        "pretraining_passes": pretraining,
    }
    return pd.DataFrame([row])


def _weights(fit: Fit) -> pd.DataFrame:
    settings, last = fit.record["settings"], fit.log.iloc[-1]
    steps, own = int(last["step"]), settings["sigma_learning_rate"]
    peak = settings["learning_rate"] if own == "paper" else own
    factors = [
        rate_factor(s, steps, warmup_fraction=settings["warmup_fraction"],
                    final_fraction=settings["final_rate_fraction"])
        for s in range(steps)
    ]  # fmt: skip
    path = 0.0 if settings["uncertainty"] == "equal" else peak * sum(factors)
    names = {quantity: [float(last[f"{quantity}_{v.lower()}"]) for v in VESSELS]
             for quantity in ("loss", "weight", "log_variance")}  # fmt: skip
    return pd.DataFrame({"vessel": [str(v) for v in VESSELS], **names, "path": path})


def _calibration(targets: np.ndarray, probability: np.ndarray) -> pd.DataFrame:
    rows = []
    for i, vessel in enumerate(VESSELS):
        known = ~np.isnan(targets[:, i]) & ~np.isnan(probability[:, i])
        y, p = targets[known, i] == 1, probability[known, i]
        inside = (p > 0) & (p < 1)
        _, line, note = logistic_calibration(y[inside], p[inside])
        intercept, slope = (math.nan, math.nan) if line is None else line.coef
        expected = p.mean() if p.size else 0.0
        ratio = y.mean() / expected if expected > 0 else math.nan
        found = {"slope": slope, "intercept": intercept, "o_e": ratio}
        rows += [(str(vessel), metric, float(value), note) for metric, value in found.items()]
    return pd.DataFrame(rows, columns=["vessel", "metric", "value", "note"])
