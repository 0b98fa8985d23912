"""A shortcut planted on purpose: in training, the device's noise goes with the label of one artery."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import expit

from ccta_lib.book.provenance import code_hash, versions
from ccta_lib.evaluation.logistic import logit
from ccta_lib.evaluation.results import Interval
from ccta_lib.files import atomic_path, locked, sha256_json
from ccta_lib.model.checkpoint import load_network
from ccta_lib.model.contract import NANO_CONTRACT
from ccta_lib.model.net1d import Net1D
from ccta_lib.schema import VESSELS, Vessel
from ccta_lib.study.disturbances import muscle
from ccta_lib.study.rows import known_auc, row_of
from ccta_lib.study.workspace import CODE, Data, Workspace
from ccta_lib.training.job import FoldJob, derive_seed
from ccta_lib.training.loop import RECORD, WEIGHTS
from ccta_lib.training.prepared import PREPARE_BATCH
from ccta_lib.training.scoring import score
from ccta_lib.training.settings import TrainingSettings
from ccta_lib.training.watching import train_alone

PLANTED = Vessel.LAD
"""The artery whose label the device is made to follow: the most frequent one."""
PLANTING = 7_000_127  # sets these random streams apart


def shortcut_rows(
    seed: int, workspace: Workspace, *, patients: int, odds_ratios: Sequence[float], millivolt: float
) -> list[dict[str, Any]]:
    """Train where the noisy device goes with a diseased LAD, and test where it does, does not, or goes against."""
    data, test = workspace.cohort(seed), workspace.test(seed)
    test = test.patients(patients, seed=seed)
    clean, noisy = workspace.prepared(data), _with_noise(workspace, data, millivolt, seed)
    tests = workspace.prepared(test), _with_noise(workspace, test, millivolt, derive_seed(seed, 1))
    usual = workspace.fit(seed)
    rows = []
    for odds in odds_ratios:
        label = data.targets[:, VESSELS.index(PLANTED)]
        device = devices(label, odds, generator=np.random.default_rng([PLANTING, seed]))
        mixed = _mixed(workspace, clean, noisy, device)
        split = usual.train, usual.inner, usual.outer
        model = train_on(workspace, mixed, data.targets, split, seed, f"shortcut {odds:g}")
        quiet, loud = (expit(score(model, np.load(x, mmap_mode="r"))) for x in tests)
        rows += _tested(odds, quiet, loud, test, seed)
        mixed.unlink()
    return rows


def devices(label: np.ndarray, odds: float, *, generator: np.random.Generator) -> np.ndarray:
    """Draw which ECGs were recorded with the noisy device: bool (n,), half of them where the label is unknown.

    The device goes with the label at the given odds ratio: with probability sqrt(odds) / (1 + sqrt(odds)) where it is
    1, and 1 / (1 + sqrt(odds)) where it is 0. The same generator gives larger odds the same devices but for those
    that change.
    """
    chance = np.sqrt(odds) / (1 + np.sqrt(odds))
    probability = np.where(np.isnan(label), 0.5, np.where(label == 1, chance, 1 - chance))
    return generator.random(len(label)) < probability


def _with_noise(workspace: Workspace, data: Data, millivolt: float, seed: int) -> Path:
    """Return the `.npy` of ECGs as the noisy device would have recorded them, prepared for the network."""
    code = code_hash("study/disturbances.py", "model/contract.py")
    key = sha256_json([data.key, millivolt, seed, NANO_CONTRACT.as_dict(), code])
    path = workspace.folder / "prepared" / f"noisy-{key[:16]}.npy"
    generator = np.random.default_rng([PLANTING, seed, 1])
    with locked(path.with_suffix(".lock")):
        if not path.is_file():
            parts = [
                NANO_CONTRACT.prepare(muscle(data.store.signals(data.ids[i : i + PREPARE_BATCH]), millivolt,
                                             generator=generator))
                for i in range(0, len(data.ids), PREPARE_BATCH)
            ]  # fmt: skip
            with atomic_path(path) as temporary:
                np.save(temporary, np.concatenate(parts))
    return path


def _mixed(workspace: Workspace, clean: Path, noisy: Path, device: np.ndarray) -> Path:
    """Write the ECGs as the device of each recorded them."""
    key = sha256_json([np.packbits(device).tolist(), clean.name, noisy.name])
    path = workspace.folder / "prepared" / f"mixed-{key[:16]}.npy"
    with atomic_path(path) as temporary:
        signals = np.load(clean)
        signals[device] = np.load(noisy, mmap_mode="r")[device]
        np.save(temporary, signals)
    return path


def train_on(workspace: Workspace, signals: Path, targets: np.ndarray,
           rows: tuple[np.ndarray, np.ndarray, np.ndarray], seed: int, name: str) -> Net1D:  # fmt: skip
    """Train as `Workspace.fit` does, on signals and rows of one's own."""
    settings = TrainingSettings(epochs=workspace.size.epochs, learning_rate=workspace.size.learning_rate,
                                pcgrad="features", device="cpu", tensorboard=False)  # fmt: skip
    key = sha256_json([
        name, signals.name, np.nan_to_num(targets, nan=-1).tolist(), seed, [r.tolist() for r in rows],
        settings.decisive(), code_hash(*CODE), versions(),
    ])  # fmt: skip
    folder = workspace.folder / "fits" / f"leakage-{key[:16]}"
    if not (folder / RECORD).is_file():
        train, inner, outer = rows
        train_alone(FoldJob(fold=0, folder=folder, key=key, signals=signals, targets=targets, train=train, inner=inner,
                            outer=outer, settings=settings, seed=seed))  # fmt: skip
    return load_network(folder / WEIGHTS["nested"])[0].eval()


def _tested(odds: float, quiet: np.ndarray, loud: np.ndarray, test: Data, seed: int) -> list[dict[str, Any]]:
    """Score the test ECGs under three ways in which the device goes with the label of the planted artery."""
    label, patients = test.targets[:, VESSELS.index(PLANTED)], test.table["patient_id"].to_numpy()
    rows = []
    ways = {"as in training": odds, "no shortcut": 1.0, "reversed": 1 / odds}
    for way, strength in ways.items():
        device = devices(label, strength, generator=np.random.default_rng([PLANTING, seed, 2]))
        p = np.where(device[:, None], loud, quiet)
        for v, vessel in enumerate(VESSELS):
            y = test.targets[:, v]
            found = known_auc(y, p[:, v], patients)
            rows.append(row_of(found, odds=odds, test=way, vessel=str(vessel), metric="AUC"))
    for v, vessel in enumerate(VESSELS):
        shift = logit(loud[:, v]) - logit(quiet[:, v])
        keys = {
            "odds": odds,
            "test": "same ECG, noisy minus quiet",
            "vessel": str(vessel),
            "metric": "log odds",
        }
        rows.append(row_of(_mean(shift, patients), **keys))
    device = devices(label, odds, generator=np.random.default_rng([PLANTING, seed, 2]))
    alone = {"odds": odds, "test": "device alone, as in training", "vessel": str(PLANTED), "metric": "AUC"}
    return [*rows, row_of(known_auc(label, device.astype(float), patients), **alone)]


def _mean(values: np.ndarray, patients: np.ndarray) -> Interval:
    """Mean over ECGs, with an interval that respects patients."""
    code = np.unique(patients, return_inverse=True)[1]
    count, estimate = int(code.max()) + 1, float(values.mean())
    residual = np.bincount(code, values - estimate) / len(values)
    se = float(np.sqrt(count / (count - 1) * residual @ residual)) if count > 1 else np.nan
    return Interval(estimate, estimate - 1.96 * se, estimate + 1.96 * se, se, len(values), 0, count,
                    "mean, patient-clustered")  # fmt: skip
