"""What becomes of a trained network away from home: other prevalences, disturbed ECGs, and what the checks catch.

Two arms, each for every seed. *disturbed*: everything in `ccta_lib.study.conditions` is done to the same test ECGs, one
a patient; all are scored as if nothing had been checked, and some go through files, reading and checks as a delivery
of a hospital would. *prevalence*: test patients are resampled to other prevalences.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

from ccta_lib.cohort import build_store
from ccta_lib.cohort.ecg import Ecg, TooShortError, standardise
from ccta_lib.cohort.waveforms import UNITS_PER_MILLIVOLT
from ccta_lib.evaluation.auc import auc, auc_difference
from ccta_lib.evaluation.logistic import calibration_in_the_large, calibration_slope
from ccta_lib.evaluation.prevalence import estimated_prevalence, prior_shift, rows_at_prevalence
from ccta_lib.schema import VESSELS
from ccta_lib.study.cell import Cell
from ccta_lib.study.conditions import HOME_HZ, Condition, conditions
from ccta_lib.study.size import StudySize, Transport
from ccta_lib.study.workspace import Data, Fit, Workspace
from ccta_lib.training.scoring import score
from ccta_lib.training.watching import one_thread

CODE = ("study/disturbances.py", "study/conditions.py", "cohort")
RESAMPLED = 7_000_213  # sets these random streams apart


def cells(size: StudySize) -> list[Cell]:
    """List the cells: two arms for every seed."""
    return [Cell("transport", arm, seed) for seed in size.seeds for arm in ("disturbed", "prevalence")]


def run(cell: Cell, workspace: Workspace) -> dict[str, pd.DataFrame]:
    """Make the tables of one arm: `transport` and `transport_checks`, or `transport_prevalence`."""
    size, fit = workspace.size.transport, workspace.fit(cell.seed)
    if cell.arm == "prevalence":
        return {"transport_prevalence": pd.DataFrame(_prevalence(cell.seed, workspace, size, fit))}
    test = first_ecgs(workspace.test(cell.seed)).patients(size.patients, seed=cell.seed)
    signals = test.store.signals(test.ids)
    found, checked = [], []
    reference: np.ndarray | None = None
    with one_thread(), TemporaryDirectory(prefix="ccta-transport-") as folder:
        model = fit.model()
        for condition in conditions():
            made = condition.apply(signals, seed=cell.seed)
            logits = np.full((len(signals), len(VESSELS)), np.nan)
            stored = as_stored(made, condition.declared_hz)
            if stored is not None:
                logits = score(model, fit.contract.prepare(stored))
            reference = logits if reference is None else reference
            found += _rows(condition, logits, reference, test.targets)
            checked.append(_check(condition, made[: size.checked], signals[-1], Path(folder)))
    return {"transport": pd.DataFrame(found), "transport_checks": pd.DataFrame(checked)}


def first_ecgs(data: Data) -> Data:
    """Return the first ECG of each patient."""
    return data.take(~data.table["patient_id"].duplicated().to_numpy())


def as_stored(made: np.ndarray, declared_hz: float) -> np.ndarray | None:
    """Return recordings in the stored form, whether or not the checks would keep them; None where too short.

    Returns
    -------
    float32 (n, 12, 5000) or None
        Millivolt, rounded to microvolt as in the store.
    """
    try:
        stored = np.stack([standardise(Ecg(signal=x, sampling_hz=declared_hz)) for x in made])
    except TooShortError:
        return None
    return np.rint(stored * np.float32(UNITS_PER_MILLIVOLT)) / np.float32(UNITS_PER_MILLIVOLT)


def _rows(
    condition: Condition, logits: np.ndarray, reference: np.ndarray, targets: np.ndarray
) -> list[dict[str, Any]]:
    rows = []
    for v, vessel in enumerate(VESSELS):
        y, x = targets[:, v], logits[:, v]
        known = ~np.isnan(y)
        positive = y[known] == 1
        keys = {"kind": condition.kind, "dose": condition.dose, "what": condition.what, "vessel": str(vessel),
                "n": int(known.sum()), "n_pos": int(positive.sum())}  # fmt: skip
        values = dict.fromkeys(("AUC", "AUC change", "slope", "citl", "o_e"), (np.nan, np.nan, np.nan, ""))
        if np.isnan(x).any():
            values = dict.fromkeys(values, (np.nan, np.nan, np.nan, "too short to be scored"))
        else:
            values |= _measures(positive, x[known], reference[known, v])
        for metric, (estimate, low, high, note) in values.items():
            rows.append(
                {**keys, "metric": metric, "estimate": estimate, "low": low, "high": high, "note": note}
            )
    return rows


def _measures(
    y: np.ndarray, x: np.ndarray, reference: np.ndarray
) -> dict[str, tuple[float, float, float, str]]:
    """Return AUC, its paired change, and calibration of one artery: (estimate, low, high, note)."""
    change = auc_difference(y, x, reference)
    p, nothing = expit(x), float("nan")
    return {
        "AUC": (auc(y, x), nothing, nothing, change.note if np.isnan(change.estimate) else ""),
        "AUC change": (change.estimate, change.low, change.high, change.note),
        "slope": (calibration_slope(y, p), nothing, nothing, ""),
        "citl": (calibration_in_the_large(y, p), nothing, nothing, ""),
        "o_e": (float(y.mean() / p.mean()), nothing, nothing, ""),
    }


def _check(condition: Condition, made: np.ndarray, other: np.ndarray, folder: Path) -> dict[str, Any]:
    """Deliver disturbed ECGs as files, read them as `ccta cohort build` does, and count what happens to them."""
    home = folder / f"{condition.kind}-{condition.what}".replace(" ", "-")
    home.mkdir()
    np.save(home / "delivered.npy", made)
    np.save(
        home / "other.npy", other
    )  # one good ECG of another patient, as a delivery has: a store is never empty
    n = len(made)
    table = pd.DataFrame({
        "ecg_id": [f"E{i}" for i in range(n)] + ["other"],
        "patient_id": [f"P{i}" for i in range(n)] + ["other"],
        "exam_id": [f"X{i}" for i in range(n)] + ["other"],
        "cohort": "internal",
        "waveform": [f"delivered.npy#{i}" for i in range(n)] + ["other.npy"],
        "sampling_hz": [condition.declared_hz] * n + [HOME_HZ],
    })  # fmt: skip
    index = build_store(home / "cohort.parquet", table, home / "store").index.iloc[:n]
    for file in sorted(home.rglob("*.npy")):
        file.unlink()
    excluded = index["row"].isna()
    flagged = ~excluded & (index["flags"] != "")
    reasons = index.loc[excluded, "reason"].value_counts()
    flags = index.loc[flagged, "flags"].str.split().explode().value_counts()
    return {"kind": condition.kind, "dose": condition.dose, "what": condition.what, "n": n,
            "excluded": int(excluded.sum()), "flagged": int(flagged.sum()),
            "silent": int((~excluded & ~flagged).sum()), "reason": ", ".join(map(str, reasons.index)),
            "flags": ", ".join(map(str, flags.index))}  # fmt: skip


def _prevalence(seed: int, workspace: Workspace, size: Transport, fit: Fit) -> list[dict[str, Any]]:
    """Resample test patients to other prevalences; score as they are, and after two corrections."""
    test = first_ecgs(workspace.test(seed))
    predicted = fit.predict(test)
    rows = []
    for v, vessel in enumerate(VESSELS):
        y = predicted[f"y_{vessel.lower()}"].to_numpy()
        p = predicted[vessel.prob_column].to_numpy()
        y, p = y[~np.isnan(y)], p[~np.isnan(y)]
        trained = float(np.nanmean(fit.data.targets[fit.train, v]))
        if np.isnan(p).any() or not 0 < trained < 1 or not 0 < y.mean() < 1:
            continue
        for target in size.prevalences:
            draws = []
            generator = np.random.default_rng([RESAMPLED, seed, v])
            for _ in range(size.draws):
                chosen = rows_at_prevalence(y, target, generator=generator)
                draws += _corrected(y[chosen], p[chosen], trained, target)
            table = pd.DataFrame(draws)
            grouped = table.groupby(["correction", "metric"], sort=False)["estimate"]
            for (correction, metric), values in grouped:
                rows.append({
                    "vessel": str(vessel), "prevalence": target, "trained": trained, "tested": float(y.mean()),
                    "correction": correction, "metric": metric, "estimate": float(values.mean()),
                    "sd": float(values.std()), "draws": int(values.notna().sum()), "n": len(chosen),
                    "n_pos": int(y[chosen].sum()),
                })  # fmt: skip
    return rows


def _corrected(y: np.ndarray, p: np.ndarray, trained: float, target: float) -> list[dict[str, Any]]:
    guess = float(np.clip(estimated_prevalence(p, trained=trained), 0.001, 0.999))
    ways = {
        "none": p,
        "known prevalence": prior_shift(p, trained=trained, target=target),
        "estimated prevalence": prior_shift(p, trained=trained, target=guess),
    }
    # A step of the log odds moves neither ranks nor the slope.
    rows = [{"correction": "estimated prevalence", "metric": "prevalence", "estimate": guess},
            {"correction": "none", "metric": "AUC", "estimate": auc(y == 1, p)},
            {"correction": "none", "metric": "slope", "estimate": calibration_slope(y, p)}]  # fmt: skip
    for way, q in ways.items():
        rows += [{"correction": way, "metric": "citl", "estimate": calibration_in_the_large(y, q)},
                 {"correction": way, "metric": "o_e", "estimate": float(y.mean() / q.mean())}]  # fmt: skip
    return rows
