"""The ECGs whose attributions are scored: of each vessel, patients in whom it is severe and leaves a trace.

A pair is an ECG and a vessel. What was planted is the ECG minus the same ECG without that vessel's stenosis.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from ccta_lib.errors import InputError
from ccta_lib.explain.peaks import r_peaks
from ccta_lib.explain.windows import Beats, isoelectric, locate
from ccta_lib.files import read_json
from ccta_lib.model.contract import STORED_HZ, InputContract
from ccta_lib.schema import VESSELS, Vessel
from ccta_lib.simulate import DEFAULT_SETTINGS, CohortSizes
from ccta_lib.simulate.cohort import Job
from ccta_lib.simulate.counterfactual import counterfactuals
from ccta_lib.simulate.waves import dose_of
from ccta_lib.study.workspace import Data

CHOICE = 7_100_003  # stream of the draw of patients
MIN_BEATS = 3


@dataclass(frozen=True)
class Pairs:
    """ECGs and vessels, one row each; maps are at the rate of the network's input.

    Attributes
    ----------
    ecg_id, patient : (n,) str
    vessel : (n,) int, index into `VESSELS`
    x, without : (n, 12, samples) what the network sees of the ECG, and of it without the stenosis
    baseline : (n, 12, samples) the isoelectric line of `x`
    planted : (n, 12, samples) displacement by the stenosis in units of the network's input (standard deviations of
        the lead)
    planted_mv : (n,) its largest size in any lead, millivolt
    sd_mv : (n, 12) one such unit in millivolt
    beats : where P, QRS, ST and T lie
    ideal, ideal_without : (n, 4) probability by the ideal observer
    eligible, left_out : (4,) patients to choose from, and chosen ones whose ECG has under `MIN_BEATS` beats, by vessel
    hz : rate of the maps
    """

    ecg_id: np.ndarray
    patient: np.ndarray
    vessel: np.ndarray
    x: np.ndarray
    without: np.ndarray
    baseline: np.ndarray
    planted: np.ndarray
    planted_mv: np.ndarray
    sd_mv: np.ndarray
    beats: list[Beats]
    ideal: np.ndarray
    ideal_without: np.ndarray
    eligible: np.ndarray
    left_out: np.ndarray
    hz: float

    def __len__(self) -> int:
        """Return the number of pairs."""
        return len(self.vessel)

    @property
    def bins(self) -> np.ndarray:
        """Wave of each sample: (n, samples) int."""
        return np.stack([b.bins for b in self.beats])

    def take(self, rows: np.ndarray) -> Pairs:
        """Select pairs."""
        kept = {
            f.name: getattr(self, f.name)[rows]
            for f in fields(self)
            if f.name not in ("beats", "eligible", "left_out", "hz")
        }
        return replace(self, beats=[self.beats[int(i)] for i in np.arange(len(self))[rows]], **kept)

    def first(self, number: int) -> Pairs:
        """Return so many pairs of each vessel."""
        return self.take(
            np.concatenate([np.flatnonzero(self.vessel == v)[:number] for v in range(len(VESSELS))])
        )


def job_of(data: Data) -> Job:
    """Return the simulation that made an internal cohort, by the record beside it.

    Raises
    ------
    InputError
        If it was made with other settings than the simulator's own.
    """
    record = read_json(data.store.path.parent / "simulation.json")
    job = Job(CohortSizes(**record["sizes"]), record["seed"], DEFAULT_SETTINGS)
    if record["null"] or job.sizes.external or job.sizes.followup:
        raise InputError(
            f"{data.store.path.parent}: is no internal cohort with disease; its ECGs cannot be paired"
        )
    return job


def choose_rows(data: Data, number: int, *, seed: int) -> tuple[list[np.ndarray], np.ndarray]:
    """Draw for each vessel so many patients in whom it is severe and visible, one ECG each.

    Returns
    -------
    rows : four arrays of row numbers of `data`, in random order
    eligible : (4,) patients to draw from
    """
    patients = data.table["patient_id"].astype(str).to_numpy()
    chosen, eligible = [], np.zeros(len(VESSELS), dtype=int)
    for v, vessel in enumerate(VESSELS):
        percent = data.truth[f"percent_{vessel.lower()}"].to_numpy(dtype=float)
        seen = dose_of(percent, DEFAULT_SETTINGS) * data.truth[f"visible_{vessel.lower()}"].to_numpy(
            dtype=float
        )
        allowed = np.flatnonzero((data.targets[:, v] == 1) & (seen > 0))
        order = np.random.default_rng([CHOICE, seed, v]).permutation(allowed)
        _, first = np.unique(patients[order], return_index=True)
        chosen.append(order[np.sort(first)][:number])
        eligible[v] = first.size
    return chosen, eligible


def make_pairs(data: Data, contract: InputContract, number: int, *, seed: int) -> Pairs:
    """Choose ECGs and draw them again with and without the stenosis.

    Parameters
    ----------
    data : a simulated internal cohort
    contract : of the network
    number : patients of each vessel, or all there are
    seed : of the choice

    Raises
    ------
    InputError
        If the simulator of this version draws other ECGs than those stored, or nobody is eligible.
    """
    job, step = job_of(data), STORED_HZ // contract.sampling_hz
    chosen, eligible = choose_rows(data, number, seed=seed)
    left_out, parts = np.zeros(len(VESSELS), dtype=int), []
    for v, vessel in enumerate(VESSELS):
        if not chosen[v].size:
            continue
        both = counterfactuals(job, "internal", chosen[v], Vessel(vessel))
        ids = np.array(data.ids)[chosen[v]]
        if not np.array_equal(both.factual, data.store.signals(ids)):
            raise InputError("The simulator of this version draws other ECGs than those of the store.")
        peaks = r_peaks(both.factual)
        rows = np.flatnonzero([len(p) >= MIN_BEATS for p in peaks])
        left_out[v] = len(peaks) - rows.size
        hz, x = contract.sampling_hz, contract.prepare(both.factual)[rows]
        beats = [locate(peaks[i], samples=x.shape[2], hz=hz) for i in rows]
        # The displacement holds nothing as fast as the network's anti-alias filter stops: a mean of samples will do.
        sd = _slower(both.factual, step).std(axis=2)[rows]
        parts.append(Pairs(
            ecg_id=ids[rows], patient=data.table["patient_id"].astype(str).to_numpy()[chosen[v]][rows],
            vessel=np.full(rows.size, v), x=x, without=contract.prepare(both.without)[rows],
            baseline=np.array([isoelectric(one, b, hz=hz) for one, b in zip(x, beats, strict=True)]).reshape(x.shape),
            planted=(_slower(both.planted[rows], step) / sd[:, :, None]).astype(np.float32),
            planted_mv=np.abs(both.planted).max(axis=(1, 2))[rows], sd_mv=sd, beats=beats, ideal=both.ideal[rows],
            ideal_without=both.ideal_without[rows], eligible=eligible, left_out=left_out, hz=float(hz),
        ))  # fmt: skip
    if not parts or not sum(map(len, parts)):
        raise InputError(
            "attributions: no ECG of a patient with a severe and visible stenosis; simulate more patients"
        )
    return _joined(parts)


def _slower(signals: np.ndarray, step: int) -> np.ndarray:
    """Average neighbouring samples: (n, leads, samples) -> (n, leads, samples / step)."""
    return signals.reshape(*signals.shape[:2], -1, step).mean(axis=3)


def _joined(parts: Sequence[Pairs]) -> Pairs:
    joined = {
        f.name: np.concatenate([getattr(p, f.name) for p in parts])
        for f in fields(Pairs)
        if f.name not in ("beats", "eligible", "left_out", "hz")
    }
    return replace(parts[0], beats=[b for p in parts for b in p.beats], **joined)
