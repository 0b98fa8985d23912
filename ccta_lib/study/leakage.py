"""What a network knows that it should not use, and what that is worth: probes, planted shortcuts, matching, splits.

Four arms, each for every seed. *probes*: what can be read from features. *shortcut*: device noise goes with the label
in training, and in the test as in training, not at all, or the other way round. *matched*: AUC among patients alike
in heart rate, age and sex. *split*: the same ECGs scored by a network that has seen other ECGs of their patients, and
by one that has not.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy.special import expit

from ccta_lib.evaluation.auc import auc_difference, auc_interval
from ccta_lib.evaluation.matched import auc_within_strata, strata_of
from ccta_lib.evaluation.probes import crossfit_probe, identity_intervals, probe_interval
from ccta_lib.evaluation.results import Interval
from ccta_lib.explain.peaks import r_peaks
from ccta_lib.files import atomic_path, locked, sha256_json
from ccta_lib.model.checkpoint import load_network
from ccta_lib.model.contract import NANO_CONTRACT
from ccta_lib.model.net1d import Net1D
from ccta_lib.schema import VESSELS, Vessel
from ccta_lib.simulate import DEFAULT_SETTINGS, CohortSizes
from ccta_lib.study.cell import Cell
from ccta_lib.study.disturbances import muscle
from ccta_lib.study.size import Leakage, StudySize
from ccta_lib.study.workspace import Data, Workspace
from ccta_lib.training.folds import inner_set
from ccta_lib.training.job import FoldJob, derive_seed
from ccta_lib.training.loop import RECORD, WEIGHTS
from ccta_lib.training.network import build_network
from ccta_lib.training.prepared import FEATURE_BATCH, PREPARE_BATCH
from ccta_lib.training.scoring import score
from ccta_lib.training.settings import TrainingSettings
from ccta_lib.training.watching import one_thread, train_alone

CODE = ("study/disturbances.py", "explain/peaks.py")
ARMS = ("probes", "shortcut", "matched", "split")
PLANTED = Vessel.LAD  # the artery whose label the device is made to follow: the most frequent one
PROBED, PLANTING, EXCHANGED = 7_000_109, 7_000_127, 7_000_133  # set random streams apart
BANDS: dict[str, Any] = {
    "heart_rate": (60.0, 66.0, 72.0, 80.0),
    "age": (50.0, 60.0, 65.0, 70.0, 75.0),
    "sex": None,
}
"""Strata of matched evaluation: inner borders in beats/min and years."""
FEW = 5
"""Fewer positive or negative patients than this in a test set: no AUC."""


def cells(size: StudySize) -> list[Cell]:
    """List the cells: four arms for every seed."""
    return [Cell("leakage", arm, seed) for seed in size.seeds for arm in ARMS]


def run(cell: Cell, workspace: Workspace) -> dict[str, pd.DataFrame]:
    """Make the table of one arm, named `leakage_<arm>`."""
    make = {"probes": _probes, "shortcut": _shortcut, "matched": _matched, "split": _split}[cell.arm]
    return {f"leakage_{cell.arm}": pd.DataFrame(make(cell.seed, workspace, workspace.size.leakage))}


def _row(found: Interval, **keys: Any) -> dict[str, Any]:
    return {**keys, "estimate": found.estimate, "low": found.low, "high": found.high, "n": found.n,
            "n_pos": found.n_pos, "n_patients": found.n_groups, "method": found.method, "note": found.note}  # fmt: skip


# --- what can be read from features -------------------------------------------------------------------------------
def _probes(seed: int, workspace: Workspace, size: Leakage) -> list[dict[str, Any]]:
    """Probe the features of three networks for six quantities, and for who a patient is."""
    internal = replace(
        DEFAULT_SETTINGS.internal, age_missing=0.0, sex_missing=0.0
    )  # nothing is left out for them
    noisy = replace(internal, noise=DEFAULT_SETTINGS.external.noise)
    own = derive_seed(PROBED, seed)
    # The same patients and hearts twice, recorded with either device: each patient enters with one, drawn at random.
    quiet_data, noisy_data = (
        workspace.simulate(
            CohortSizes.scaled(size.probe_ecgs, 0, 0),
            seed=own,
            prefix="P",
            settings=replace(DEFAULT_SETTINGS, internal=m),
        )
        for m in (internal, noisy)
    )
    outside = workspace.simulate(CohortSizes(1, 1, 1, size.external_ecgs, 0), seed=own, prefix="X")
    outside = outside.take((outside.table["cohort"] == "external").to_numpy())
    table = quiet_data.table
    patients = table["patient_id"].to_numpy()
    names = np.unique(patients)
    with_noisy = np.isin(patients, np.random.default_rng(own).permutation(names)[: len(names) // 2])
    first = np.flatnonzero(~table["patient_id"].duplicated().to_numpy())[: size.external_ecgs]
    rate, noise = _measured(quiet_data, noisy_data, with_noisy)
    counted = np.isfinite(rate)
    quantities: dict[str, tuple[str, np.ndarray]] = {
        "device": ("binary", with_noisy.astype(float)),
        "noise level": ("number", noise),
        "heart rate": ("number", rate),
        "age": ("number", table["age"].to_numpy(dtype=float)),
        "sex": ("binary", (table["sex"] == "M").to_numpy(dtype=float)),
    }
    rows = []
    for source, features_of in _networks(seed, workspace).items():
        quiet, other = features_of(quiet_data), features_of(noisy_data)
        mixed = np.where(with_noisy[:, None], other, quiet)
        for name, (kind, values) in quantities.items():
            rows += _probe(source, name, kind, mixed[counted], values[counted], patients[counted], seed)
        both = np.concatenate([quiet[first], features_of(outside)])
        who = np.concatenate([patients[first], outside.table["patient_id"].to_numpy()])
        site = np.arange(len(both)) >= len(first)
        rows += _probe(source, "site", "binary", both, site.astype(float), who, seed)
        rows += _identity(source, quiet[counted], patients[counted])
    sex = (table["sex"] == "M").to_numpy(dtype=float)
    plain = np.column_stack([rate, table["age"].to_numpy(dtype=float), sex])
    rows += _identity("heart rate alone", plain[counted, :1], patients[counted])
    rows += _identity("heart rate, age and sex", plain[counted], patients[counted])
    return [row | {"without_beats": int((~counted).sum())} for row in rows]


def _probe(source: str, quantity: str, kind: Any, features: np.ndarray, values: np.ndarray, patients: np.ndarray,
           seed: int) -> list[dict[str, Any]]:  # fmt: skip
    rows = []
    metric, chance = ("AUC", 0.5) if kind == "binary" else ("R-squared", 0.0)
    for probe in ("linear", "boosting"):
        predicted = crossfit_probe(features, values, groups=patients, kind=kind, probe=probe, seed=seed)
        found = probe_interval(values, predicted, groups=patients, kind=kind)
        rows.append(
            _row(found, features=source, quantity=quantity, probe=probe, metric=metric, chance=chance)
        )
    return rows


def _identity(source: str, features: np.ndarray, patients: np.ndarray) -> list[dict[str, Any]]:
    found = identity_intervals(features, patients)
    chance = {"verification": 0.5, "retrieval": _retrieval_chance(patients)}
    return [_row(result, features=source, quantity="identity", probe="distance", metric=metric, chance=chance[metric])
            for metric, result in found.items()]  # fmt: skip


def _retrieval_chance(patients: np.ndarray) -> float:
    """Probability that an ECG drawn blindly is of the same patient, averaged as `identity_intervals` averages."""
    size = pd.Series(patients).value_counts()
    return float(((size[size > 1] - 1) / (len(patients) - 1)).mean())


def _networks(seed: int, workspace: Workspace) -> dict[str, Any]:
    """Return, for each network, what makes its features of ECGs."""
    untouched = build_network(TrainingSettings(device="cpu"), seed=derive_seed(seed, 0))[0].eval()

    def before(data: Data) -> np.ndarray:
        return _features(untouched, np.load(workspace.prepared(data), mmap_mode="r"))

    return {"nano, before": before, "nano, fine-tuned": workspace.fit(seed).features,
            "from scratch": workspace.fit(seed, init="scratch").features}  # fmt: skip


@torch.no_grad()
def _features(model: Net1D, prepared: np.ndarray) -> np.ndarray:
    with one_thread():
        return torch.cat([
            model.features(torch.from_numpy(prepared[i : i + FEATURE_BATCH].copy()))
            for i in range(0, len(prepared), FEATURE_BATCH)
        ]).numpy()  # fmt: skip


def _measured(quiet: Data, noisy: Data, with_noisy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Measure heart rate and noise level of each ECG as it was recorded."""
    rate, noise = np.empty(len(with_noisy)), np.empty(len(with_noisy))
    for i in range(0, len(with_noisy), PREPARE_BATCH):
        rows = slice(i, i + PREPARE_BATCH)
        signals = quiet.store.signals(quiet.ids[rows])
        chosen = with_noisy[rows]
        if chosen.any():
            signals[chosen] = noisy.store.signals([noisy.ids[k] for k in np.flatnonzero(with_noisy)
                                                   if i <= k < i + PREPARE_BATCH])  # fmt: skip
        rate[rows], noise[rows] = heart_rates(signals), noise_levels(signals)
    return rate, noise


def heart_rates(signals: np.ndarray, *, sampling_hz: float = 500) -> np.ndarray:
    """Return beats/min from the median interval between R peaks; NaN where fewer than two are found.

    Parameters
    ----------
    signals : (n, 12, samples) millivolt
    """
    return np.array([60 * sampling_hz / np.median(np.diff(peaks)) if len(peaks) > 1 else np.nan
                     for peaks in r_peaks(signals, sampling_hz=sampling_hz)])  # fmt: skip


def noise_levels(signals: np.ndarray) -> np.ndarray:
    """Return the log of the noise of each ECG, from its second differences: (n,), log millivolt.

    White noise of standard deviation s has second differences of s sqrt(6); their median size leaves the steep QRS
    complexes out. Median over leads.
    """
    size = np.median(np.abs(np.diff(signals, n=2, axis=-1)), axis=(-2, -1)) / (0.6745 * np.sqrt(6))
    return np.log(np.maximum(size, 1e-4))


# --- a planted shortcut -------------------------------------------------------------------------------------------
def _shortcut(seed: int, workspace: Workspace, size: Leakage) -> list[dict[str, Any]]:
    """Train where the noisy device goes with a diseased LAD, and test where it does, does not, or goes against."""
    data, test = workspace.cohort(seed), workspace.test(seed)
    test = test.patients(size.test_patients, seed=seed)
    clean, noisy = workspace.prepared(data), _with_noise(workspace, data, size.noise_millivolt, seed)
    tests = workspace.prepared(test), _with_noise(workspace, test, size.noise_millivolt, derive_seed(seed, 1))
    usual = workspace.fit(seed)
    rows = []
    for odds in size.odds:
        label = data.targets[:, VESSELS.index(PLANTED)]
        device = devices(label, odds, generator=np.random.default_rng([PLANTING, seed]))
        mixed = _mixed(workspace, clean, noisy, device)
        split = usual.train, usual.inner, usual.outer
        model = _train(workspace, mixed, data.targets, split, seed, f"shortcut {odds:g}")
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
    key = sha256_json([data.key, millivolt, seed, NANO_CONTRACT.as_dict()])
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


def _train(workspace: Workspace, signals: Path, targets: np.ndarray,
           rows: tuple[np.ndarray, np.ndarray, np.ndarray], seed: int, name: str) -> Net1D:  # fmt: skip
    """Train as `Workspace.fit` does, on signals and rows of one's own."""
    settings = TrainingSettings(epochs=workspace.size.epochs, learning_rate=workspace.size.learning_rate,
                                pcgrad="features", device="cpu", tensorboard=False)  # fmt: skip
    key = sha256_json([name, signals.name, seed, [r.tolist() for r in rows], settings.decisive()])
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
            found = _auc(y, p[:, v], patients)
            rows.append(_row(found, odds=odds, test=way, vessel=str(vessel), metric="AUC"))
    for v, vessel in enumerate(VESSELS):
        shift = _logit(loud[:, v]) - _logit(quiet[:, v])
        found = _mean(shift, patients)
        rows.append(
            _row(found, odds=odds, test="same ECG, noisy minus quiet", vessel=str(vessel), metric="log odds")
        )
    device = devices(label, odds, generator=np.random.default_rng([PLANTING, seed, 2]))
    rows.append(_row(_auc(label, device.astype(float), patients), odds=odds, test="device alone, as in training",
                     vessel=str(PLANTED), metric="AUC"))  # fmt: skip
    return rows


def _logit(p: np.ndarray) -> np.ndarray:
    p = np.clip(p, 1e-6, 1 - 1e-6)
    return np.log(p / (1 - p))


def _auc(y: np.ndarray, p: np.ndarray, patients: np.ndarray) -> Interval:
    known = ~np.isnan(y)
    return auc_interval(y[known], p[known], groups=patients[known])


def _mean(values: np.ndarray, patients: np.ndarray) -> Interval:
    """Mean over ECGs, with an interval that respects patients."""
    code = np.unique(patients, return_inverse=True)[1]
    count, estimate = int(code.max()) + 1, float(values.mean())
    residual = np.bincount(code, values - estimate) / len(values)
    se = float(np.sqrt(count / (count - 1) * residual @ residual)) if count > 1 else np.nan
    return Interval(estimate, estimate - 1.96 * se, estimate + 1.96 * se, se, len(values), 0, count,
                    "mean, patient-clustered")  # fmt: skip


# --- matching -----------------------------------------------------------------------------------------------------
def _matched(seed: int, workspace: Workspace, size: Leakage) -> list[dict[str, Any]]:
    """AUC of all test patients, and of pairs alike in heart rate, age and sex."""
    test = workspace.test(seed).patients(size.test_patients, seed=seed)
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
                rows.append(_row(found.overall, metric="AUC", **keys))
                rows.append(_row(found.within, metric="AUC within strata", **keys))
                gap = found.difference
                limits = {"estimate": gap.estimate, "low": gap.low, "high": gap.high, "note": gap.note}
                rows.append(_row(found.within, metric="difference", **keys) | limits)
    return rows


# --- patients on both sides of a split ------------------------------------------------------------------------------
def _split(seed: int, workspace: Workspace, size: Leakage) -> list[dict[str, Any]]:
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
        model = _train(workspace, signals, data.targets, rows, seed, f"split {half}")
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
            out.append(_row(_auc(y, p[:, v], groups[held]), scored_by=name, metric="AUC", **keys))
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
