"""The same virtual patient without the stenosis of one vessel: what that stenosis did to an ECG, sample by sample.

Everything that chance decided is drawn again from the same numbers, with the dose of one vessel set to zero. What
is left different are the ST and T waves. Three things are held as they were, and so belong to no difference: the heart
rate (ischaemia raises it a little; another rate moves every beat, and two ECGs could no longer be subtracted), an old
infarct (opening an artery does not undo a scar), and the recording's noise.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from ccta_lib.errors import InputError
from ccta_lib.schema import VESSELS, Vessel
from ccta_lib.simulate.cohort import BLOCK, COHORT_CODES, Job, block_waves
from ccta_lib.simulate.observer import ideal_scores
from ccta_lib.simulate.patients import Cohort, CohortName, draw_cohort
from ccta_lib.simulate.synthesis import synthesise
from ccta_lib.simulate.waves import Waves

INJURED = (Vessel.RCA, Vessel.RCA, Vessel.LAD, Vessel.LAD, Vessel.LCX)
"""Whose territory each direction of transmural injury is (`Settings.injury_direction`)."""


@dataclass(frozen=True)
class Counterfactual:
    """ECGs of some virtual patients as they are and with one stenosis removed.

    Attributes
    ----------
    factual, without : (k, 12, 5000) float32 millivolt
    ideal, ideal_without : (k, 4) probability by the ideal observer; NaN under other settings than the frozen ones
    """

    factual: np.ndarray
    without: np.ndarray
    ideal: np.ndarray
    ideal_without: np.ndarray

    @property
    def planted(self) -> np.ndarray:
        """What the stenosis did to the ECG: factual minus counterfactual, (k, 12, 5000) millivolt."""
        return self.factual - self.without


def without_stenosis(cohort: Cohort, vessel: Vessel) -> Cohort:
    """Return the same cohort with no ischaemia from one vessel."""
    dose = cohort.hearts.dose.copy()
    dose[:, VESSELS.index(vessel)] = 0.0
    return dataclasses.replace(cohort, hearts=dataclasses.replace(cohort.hearts, dose=dose))


def paired_waves(cohort: Cohort, block: int, vessel: Vessel, *, job: Job) -> tuple[Waves, Waves]:
    """Draw one block's waves twice from the same numbers: as they are, and without the stenosis of `vessel`.

    The second keeps rate and timing of the first, so that only amplitudes of ST and T differ. Transmural injury in the
    vessel's own territory goes with its stenosis; it does not move to the vessel that is then the worst.
    """
    factual, _ = block_waves(cohort, block, seed=job.seed, settings=job.settings)
    removed = without_stenosis(cohort, vessel)
    other, _ = block_waves(removed, block, seed=job.seed, settings=job.settings)
    own = np.array([VESSELS.index(v) for v in INJURED], dtype=int)[factual.injury] == VESSELS.index(vessel)
    own &= factual.injury >= 0
    changed = {name: getattr(other, name) for name in ("amplitude", "planted", "injury", "burden")}
    if own.any():
        calm = dataclasses.replace(job.settings, injury=0.0)
        uninjured, _ = block_waves(removed, block, seed=job.seed, settings=calm)
        for name, values in changed.items():
            mask = own.reshape(-1, *[1] * (values.ndim - 1))
            changed[name] = np.where(mask, getattr(uninjured, name), values)
    return factual, dataclasses.replace(factual, **changed)


def counterfactuals(
    job: Job, name: CohortName, rows: Sequence[int] | np.ndarray, vessel: Vessel
) -> Counterfactual:
    """Draw ECGs of a simulated cohort again, with and without the stenosis of one vessel.

    Parameters
    ----------
    job : the simulation that made the cohort
    name : "internal", "external" or "followup"
    rows : (k,) positions of the ECGs within that cohort
    vessel : whose stenosis is removed

    Raises
    ------
    InputError
        If a row is outside the cohort.
    """
    cohort = draw_cohort(name, job.sizes, seed=job.seed, settings=job.settings)
    wanted = np.asarray(rows, dtype=np.int64)
    outside = wanted[(wanted < 0) | (wanted >= len(cohort.table))]
    if outside.size:
        raise InputError(f"rows: found {outside[0]}; the {name} cohort has ECGs 0 to {len(cohort.table) - 1}")
    shape = (wanted.size, 12, 5000)
    found = Counterfactual(np.empty(shape, np.float32), np.empty(shape, np.float32),
                           np.empty((wanted.size, 4)), np.empty((wanted.size, 4)))  # fmt: skip
    for block in np.unique(wanted // BLOCK):
        pair = paired_waves(cohort, int(block), vessel, job=job)
        scores = [ideal_scores(waves, job.settings) for waves in pair]
        for k in np.flatnonzero(wanted // BLOCK == block):
            i = int(wanted[k] % BLOCK)
            for waves, score, signals, ideal in zip(pair, scores, (found.factual, found.without),
                                                    (found.ideal, found.ideal_without), strict=True):  # fmt: skip
                rng = np.random.default_rng([job.seed, COHORT_CODES[name], 3, int(wanted[k])])
                with threadpool_limits(1):  # as the cohort was drawn: the last microvolt can depend on it
                    signal = synthesise(waves, i, job.settings, rng, noise=cohort.margins.noise)
                signals[k] = signal / np.float32(1000)
                ideal[k] = score[i]
    return found
