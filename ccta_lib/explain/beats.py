"""Aligned beats, one mean beat per patient, and the mean beat of each group (Figure 8).

`beats.parquet` (contract 2) holds what the figure shows: per vessel, group, lead and time the mean over
patients, their standard deviation and number, and beside the contract's columns the matched comparison.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from ccta_lib.cohort.waveforms import SAMPLING_HZ, WaveformStore
from ccta_lib.errors import InputError
from ccta_lib.evaluation import RISK_THRESHOLDS, aggregate
from ccta_lib.explain.contrast import Contrast, cluster_test, matched_sets
from ccta_lib.explain.peaks import ALL_LEADS, PAPER, PeakRule, PeakScore, r_peaks, score_peaks
from ccta_lib.schema import LEADS, VESSELS, Vessel, labels

Scale = Literal["z-score", "millivolt"]
SCALES = ("z-score", "millivolt")
CHUNK = 64  # ECGs in memory at a time

# -0.25 to +0.65 s around R. Beats are scaled at the full rate and kept at every second sample.
BEFORE, AFTER, KEEP = 125, 325, 2
BEAT_MS = np.arange(-BEFORE + 1, AFTER, KEEP) * 1000 // SAMPLING_HZ
# The PQ segment, from which voltages of a beat are measured.
ISOELECTRIC_MS = (-80, -60)
FLAT_MV = 1e-3  # sd of a lead below which a beat is flat and cannot be standardised

HIGH, LOW, POSITIVE, NEGATIVE = "high", "low", "positive", "negative"
CONTRASTS = {"score": (HIGH, LOW), "label": (POSITIVE, NEGATIVE)}
"""Groups by what the model says, and by what the CCTA found; the first of a pair is the one at risk."""

COLUMNS = ("vessel", "group", "lead", "ms", "mean", "sd", "n")
MATCHED_COLUMNS = ("difference", "statistic", "p_value", "n_matched", "n_sets")


@dataclass(frozen=True)
class PatientBeats:
    """One mean beat per patient.

    Attributes
    ----------
    table : DataFrame, one row per patient
        The patient's index examination (`aggregate(..., "patient")`), with `rate_bpm`, `n_beats`, and of a
        simulated cohort `lvh` and the planted displacements (`planted_*`, mean over his ECGs).
    beats : dict, scale -> (n, 12, 225) float32
        Mean over the beats of that examination's ECGs: "z-score" (each lead of each beat by its own mean and
        standard deviation) and "millivolt" (above the beat's PQ segment).
    left_out : int
        Patients with an ECG but no complete beat.
    paper_rule : PeakScore
        Beats that the paper's rule finds on lead II against those found on all leads, summed over ECGs.
    """

    table: pd.DataFrame
    beats: dict[str, np.ndarray]
    left_out: int
    paper_rule: PeakScore


def cut_beats(signal: np.ndarray, peaks: np.ndarray) -> np.ndarray:
    """Cut the complete beats out of one ECG at 500 Hz: (12, samples) -> (beats, 12, 450)."""
    inner = peaks[(peaks >= BEFORE) & (peaks + AFTER <= signal.shape[-1])]
    window = np.arange(-BEFORE, AFTER)
    return signal[:, inner[:, None] + window].transpose(1, 0, 2)


def scaled_beats(beats: np.ndarray) -> dict[str, np.ndarray]:
    """Scale beats (b, 12, 450) in both ways; beats with a flat lead are left out of both.

    Returns
    -------
    dict, scale -> (b', 12, 225) float32
    """
    mean = beats.mean(axis=-1, keepdims=True)
    sd = beats.std(axis=-1, keepdims=True)
    usable = (sd > FLAT_MV).all(axis=(1, 2))
    first = [round(ms * SAMPLING_HZ / 1000) + BEFORE for ms in ISOELECTRIC_MS]
    kept = beats[usable]
    level = kept[..., first[0] : first[1] + 1].mean(axis=-1, keepdims=True)
    part = slice(1, None, KEEP)
    return {
        "z-score": (kept[..., part] - mean[usable]) / sd[usable],
        "millivolt": kept[..., part] - level,
    }


def patient_beats(
    predictions: pd.DataFrame,
    store: WaveformStore,
    *,
    cohort: str = "internal",
    peaks: PeakRule = "all leads",
    truth: pd.DataFrame | None = None,
    progress: Callable[..., None] | None = None,
) -> PatientBeats:
    """Average each patient's beats over the ECGs of the examination that stands for him.

    Parameters
    ----------
    predictions : contract 2
    store : of the same ECGs; those it excludes are left out
    cohort : whose patients
    peaks : rule that finds R (`r_peaks`)
    truth : truth.parquet of a simulated cohort, from which left ventricular hypertrophy is known
    progress : `progress(done, total, note)` in ECGs

    Notes
    -----
    ECGs are read `CHUNK` at a time; what stays in memory is one beat per patient and scale.

    Raises
    ------
    InputError
        If the predictions hold no ECG of this cohort that is in the store.
    """
    mine = predictions[(predictions["cohort"] == cohort) & predictions["ecg_id"].isin(_kept(store))]
    if mine.empty:
        raise InputError(f"cohort: no ECG of the {cohort} cohort is in the waveform store {store.path}")
    patients = aggregate(mine, "patient")
    key = ["patient_id", "exam_id"] if "exam_id" in mine else ["patient_id"]
    number = pd.Series(range(len(patients)), pd.MultiIndex.from_frame(patients[key].astype(str)))
    owner = number.reindex(pd.MultiIndex.from_frame(mine[key].astype(str)))
    chosen = mine[owner.notna().to_numpy()].assign(owner=owner.dropna().astype(int).to_numpy())

    shape = (len(patients), len(LEADS), BEAT_MS.size)
    sums = {scale: np.zeros(shape, dtype=np.float32) for scale in SCALES}
    agreement = np.zeros(3, dtype=int)
    n_beats, intervals = np.zeros(len(patients), dtype=int), [np.empty(0)] * len(patients)
    for start in range(0, len(chosen), CHUNK):
        part = chosen.iloc[start : start + CHUNK]
        signals = store.signals(part["ecg_id"].to_numpy())
        ours, paper = (r_peaks(signals, rule=rule) for rule in (ALL_LEADS, PAPER))
        agreement += np.sum([score_peaks(a, b) for a, b in zip(ours, paper, strict=True)], axis=0)
        for signal, found, who in zip(
            signals, ours if peaks == ALL_LEADS else paper, part["owner"], strict=True
        ):
            beats = scaled_beats(cut_beats(signal, found))
            for scale in SCALES:
                sums[scale][who] += beats[scale].sum(axis=0)
            n_beats[who] += len(beats["z-score"])
            intervals[who] = np.r_[intervals[who], np.diff(found) / SAMPLING_HZ]
        if progress is not None:
            progress(start + len(part), len(chosen), "beats")

    table = patients.assign(
        n_beats=n_beats, rate_bpm=[60 / np.median(rr) if rr.size else np.nan for rr in intervals]
    )
    if truth is not None:
        table = _with_truth(table, chosen, truth)
    usable = n_beats > 0
    means = {s: sums[s][usable] / n_beats[usable, None, None].astype(np.float32) for s in SCALES}
    score = PeakScore(*agreement.tolist())
    return PatientBeats(table[usable].reset_index(drop=True), means, int((~usable).sum()), score)


def _with_truth(table: pd.DataFrame, chosen: pd.DataFrame, truth: pd.DataFrame) -> pd.DataFrame:
    """Add what was planted in each patient's ECGs, their mean, and whether hypertrophy was."""
    planted = truth.set_index("ecg_id").filter(regex="^(lvh$|planted_)").reindex(chosen["ecg_id"])
    means = planted.groupby(chosen["owner"].to_numpy()).mean().reindex(table.index)
    if "lvh" in means:
        means["lvh"] = (means["lvh"] > 0).astype("boolean").mask(means["lvh"].isna())
    return table.join(means)


def _kept(store: WaveformStore) -> pd.Series:
    return store.index.loc[store.index["row"].notna(), "ecg_id"]


def patient_groups(table: pd.DataFrame, *, thresholds: Mapping[str, float] = RISK_THRESHOLDS) -> pd.DataFrame:
    """Say for each patient, vessel and contrast which group he is in.

    Returns
    -------
    DataFrame
        Columns (vessel, contrast), values 1.0 (high, positive), 0.0 (low, negative), NaN (unknown).
    """
    groups: dict[tuple[Vessel, str], np.ndarray] = {}
    for vessel in VESSELS:
        score = table[vessel.prob_column].to_numpy(dtype=float)
        groups[vessel, "score"] = np.where(np.isnan(score), np.nan, score >= thresholds[vessel])
        grades = table.get(vessel.grade_column)
        groups[vessel, "label"] = np.full(len(table), np.nan) if grades is None else labels(grades)
    return pd.DataFrame(groups, index=table.index)


def make_beats(
    patients: PatientBeats,
    *,
    vessels: Iterable[str] = VESSELS,
    thresholds: Mapping[str, float] = RISK_THRESHOLDS,
    scale: Scale = "z-score",
    n_permutations: int = 1000,
    cluster_threshold: float = 3.0,
    seed: int = 0,
) -> pd.DataFrame:
    """Average beats within groups, and compare each pair of groups within matched sets (beats.parquet).

    Parameters
    ----------
    patients : from `patient_beats`
    vessels : vessels to compare
    thresholds : probability from which a patient is high risk, per vessel
    scale : "z-score" (the paper's) or "millivolt"
    n_permutations, cluster_threshold : of `cluster_test`
    seed : of the permutations; each vessel and contrast has numbers of its own

    Returns
    -------
    DataFrame
        vessel, group, lead, ms, mean, sd (over patients), n (patients); and, the same for both groups of a
        pair: difference (matched), statistic, p_value (of the cluster that holds this cell, over all leads and
        times; missing outside clusters), n_matched (patients of the group in a matched set), n_sets. A group
        without patients has no rows.

    Raises
    ------
    InputError
        If the scale or a parameter of the test is unknown.
    """
    if scale not in SCALES:
        raise InputError(f"scale: found {scale!r}; use one of {', '.join(SCALES)}")
    beats = patients.beats[scale]
    groups, (sets, _) = patient_groups(patients.table, thresholds=thresholds), matched_sets(patients.table)
    rows = []
    for v, vessel in enumerate(VESSELS):
        for c, (contrast, names) in enumerate(CONTRASTS.items()):
            if vessel not in set(vessels):
                continue
            member = groups[vessel, contrast].to_numpy()
            test = cluster_test(beats, member, sets, n_permutations=n_permutations, threshold=cluster_threshold,
                                rng=np.random.default_rng([seed, v, c]))  # fmt: skip
            for name, value, matched in zip(names, (1.0, 0.0), test.n_matched, strict=True):
                part = beats[member == value]
                if len(part):
                    rows.append(_group_rows(part, vessel, name, test, matched))
    if not rows:
        return pd.DataFrame(columns=[*COLUMNS, *MATCHED_COLUMNS])
    return pd.concat(rows, ignore_index=True)


def _group_rows(beats: np.ndarray, vessel: str, group: str, test: Contrast, matched: int) -> pd.DataFrame:
    spread = beats.std(axis=0, ddof=1) if len(beats) > 1 else np.full(beats.shape[1:], np.nan)
    values: dict[str, Any] = {
        "vessel": str(vessel), "group": group, "lead": np.repeat(LEADS, BEAT_MS.size),
        "ms": np.tile(BEAT_MS, len(LEADS)), "mean": beats.mean(axis=0), "sd": spread, "n": len(beats),
        "difference": test.difference, "statistic": test.statistic, "p_value": test.p_value.ravel(),
        "n_matched": matched, "n_sets": test.n_sets,
    }  # fmt: skip
    for name in (
        "mean",
        "sd",
        "difference",
        "statistic",
    ):  # more digits than a beat has would double the file
        values[name] = values[name].ravel().astype(np.float32)
    return pd.DataFrame(values)
