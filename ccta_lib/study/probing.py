"""What can be read from a network's features: device, site, noise, heart rate, age, sex, and who the patient is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import torch

from ccta_lib.evaluation.probes import Probe, Target, crossfit_probe, identity_intervals, probe_interval
from ccta_lib.explain.peaks import r_peaks
from ccta_lib.model.net1d import Net1D
from ccta_lib.simulate import DEFAULT_SETTINGS, CohortSizes
from ccta_lib.study.rows import row_of
from ccta_lib.study.workspace import Data, Workspace
from ccta_lib.training.job import derive_seed
from ccta_lib.training.network import build_network
from ccta_lib.training.prepared import FEATURE_BATCH, PREPARE_BATCH
from ccta_lib.training.settings import TrainingSettings
from ccta_lib.training.watching import one_thread

PROBED = 7_000_109  # sets these random streams apart
TUNED = "nano, fine-tuned"
BOOSTED = (TUNED,)
"""Networks that boosting probes as well, as an upper bound of what is there: it takes the time of ten linear probes."""


def probe_rows(seed: int, workspace: Workspace, *, ecgs: int, external: int) -> list[dict[str, Any]]:
    """Probe the features of three networks for six quantities, and for who a patient is."""
    internal = replace(
        DEFAULT_SETTINGS.internal, age_missing=0.0, sex_missing=0.0
    )  # nothing is left out for them
    noisy = replace(internal, noise=DEFAULT_SETTINGS.external.noise)
    own = derive_seed(PROBED, seed)
    # The same patients and hearts twice, recorded with either device: each patient enters with one, drawn at random.
    quiet_data, noisy_data = (
        workspace.simulate(
            CohortSizes.scaled(ecgs, 0, 0),
            seed=own,
            prefix="P",
            settings=replace(DEFAULT_SETTINGS, internal=m),
        )
        for m in (internal, noisy)
    )
    outside = workspace.simulate(CohortSizes(1, 1, 1, external, 0), seed=own, prefix="X")
    outside = outside.take((outside.table["cohort"] == "external").to_numpy())
    table = quiet_data.table
    patients = table["patient_id"].to_numpy()
    names = np.unique(patients)
    with_noisy = np.isin(patients, np.random.default_rng(own).permutation(names)[: len(names) // 2])
    first = np.flatnonzero(~table["patient_id"].duplicated().to_numpy())[:external]
    rate, noise = _measured(quiet_data, noisy_data, with_noisy)
    counted = np.isfinite(rate)
    quantities: dict[str, tuple[Target, np.ndarray]] = {
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


def _probe(source: str, quantity: str, kind: Target, features: np.ndarray, values: np.ndarray, patients: np.ndarray,
           seed: int) -> list[dict[str, Any]]:  # fmt: skip
    rows = []
    metric, chance = ("AUC", 0.5) if kind == "binary" else ("R-squared", 0.0)
    probes: tuple[Probe, ...] = ("linear", "boosting") if source in BOOSTED else ("linear",)
    for probe in probes:
        predicted = crossfit_probe(features, values, groups=patients, kind=kind, probe=probe, seed=seed)
        found = probe_interval(values, predicted, groups=patients, kind=kind)
        rows.append(
            row_of(found, features=source, quantity=quantity, probe=probe, metric=metric, chance=chance)
        )
    return rows


def _identity(source: str, features: np.ndarray, patients: np.ndarray) -> list[dict[str, Any]]:
    found = identity_intervals(features, patients)
    chance = {"verification": 0.5, "retrieval": _retrieval_chance(patients)}
    return [row_of(result, features=source, quantity="identity", probe="distance", metric=metric, chance=chance[metric])
            for metric, result in found.items()]  # fmt: skip


def _retrieval_chance(patients: np.ndarray) -> float:
    """Probability that an ECG drawn blindly is of the same patient, averaged as `identity_intervals` averages."""
    size = pd.Series(patients).value_counts()
    return float(((size[size > 1] - 1) / (len(patients) - 1)).mean())


def _networks(seed: int, workspace: Workspace) -> dict[str, Callable[[Data], np.ndarray]]:
    """Return, for each network, what makes its features of ECGs."""
    untouched = build_network(TrainingSettings(device="cpu"), seed=derive_seed(seed, 0))[0].eval()

    def before(data: Data) -> np.ndarray:
        return _features(untouched, np.load(workspace.prepared(data), mmap_mode="r"))

    return {"nano, before": before, TUNED: workspace.fit(seed).features,
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
