"""Samples: beats where they were placed, and the plain waveform model behind the lower limit."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from ccta_lib.simulate import DEFAULT_SETTINGS, CohortSizes
from ccta_lib.simulate.cohort import Job, block_waves
from ccta_lib.simulate.measured import LEADS_USED, measure_cohort, median_beat, r_peaks
from ccta_lib.simulate.patients import draw_cohort
from ccta_lib.simulate.synthesis import HZ, beat_times, synthesise
from ccta_lib.simulate.waves import ST, R, T

CLEAN = dataclasses.replace(
    DEFAULT_SETTINGS, wander_mv=(0.0, 0.0), mains_mv=(0.0, 0.0), muscle_mv=(0.0, 0.0), electrode_fault=0.0,
    beat_spread=0.0, respiration=(0.0, 0.0),
)  # fmt: skip


@pytest.fixture(scope="module")
def waves():
    cohort = draw_cohort("internal", CohortSizes.scaled(64, 1, 1), seed=1003, settings=DEFAULT_SETTINGS)
    return block_waves(cohort, 0, seed=1003, settings=DEFAULT_SETTINGS)[0]


def test_r_peaks_are_where_beats_were_placed(waves) -> None:
    hit, placed, found = 0, 0, 0
    for i in range(len(waves)):
        times, _ = beat_times(waves, i, DEFAULT_SETTINGS, np.random.default_rng(i))
        times = times[(times > 0.2) & (times < 9.8)]
        # The same generator draws the same beats first.
        signal = synthesise(waves, i, DEFAULT_SETTINGS, np.random.default_rng(i)) / 1000.0
        peaks = r_peaks(signal[list(LEADS_USED)]) / HZ
        hit += sum(np.abs(peaks - t).min() < 0.075 for t in times)
        placed, found = placed + len(times), found + ((peaks > 0.2) & (peaks < 9.8)).sum()
    assert hit / placed > 0.97
    assert hit / found > 0.97


def test_a_clean_ecg_shows_the_planted_amplitudes(waves) -> None:
    """At its peak T stands alone, but for the end of ST, a third of which is left 10 ms after its middle."""
    expected = np.eye(8)[T]
    expected[ST] = 0.5 * (1.0 - np.tanh(DEFAULT_SETTINGS.st_ms[2] / DEFAULT_SETTINGS.st_ms[1]))
    for i in np.flatnonzero(~waves.af & ~waves.rbbb & ~waves.lbbb & (waves.n_pvc + waves.n_pac == 0))[:10]:
        signal = synthesise(waves, i, CLEAN, np.random.default_rng(i))[list(LEADS_USED)] / 1000.0
        times, _ = beat_times(waves, i, CLEAN, np.random.default_rng(i))
        times = times[(times > 0.5) & (times < 9.0)]
        at_t = signal[:, np.rint((times + waves.center[i, T] / 1000.0) * HZ).astype(int)]
        np.testing.assert_allclose(at_t.mean(axis=1), waves.amplitude[i] @ expected, atol=0.015)
        at_r = signal[:, np.rint(times * HZ).astype(int)].mean(axis=1)
        strong = np.abs(waves.amplitude[i, :, R]) > 0.5
        assert (np.sign(at_r[strong]) == np.sign(waves.amplitude[i, strong, R])).all()


def test_atrial_fibrillation_is_irregular_and_has_no_p(waves) -> None:
    af = dataclasses.replace(waves, af=np.ones(len(waves), dtype=bool))
    sinus = dataclasses.replace(waves, af=np.zeros(len(waves), dtype=bool))

    def spread(w) -> float:
        rr = [np.diff(beat_times(w, i, DEFAULT_SETTINGS, np.random.default_rng(i))[0]) for i in range(40)]
        return float(np.median([x.std() / x.mean() for x in rr]))

    assert spread(af) > 0.15
    assert spread(sinus) < 0.06


def test_ectopic_beats_come_early_and_pause_follows(waves) -> None:
    pvc = dataclasses.replace(waves, n_pvc=np.ones(len(waves), dtype=int), n_pac=np.zeros(len(waves), dtype=int),
                              af=np.zeros(len(waves), dtype=bool))  # fmt: skip
    for i in range(20):
        times, kinds = beat_times(pvc, i, DEFAULT_SETTINGS, np.random.default_rng(i))
        b = int(np.flatnonzero(kinds == 1)[0])
        before, after = times[b] - times[b - 1], times[b + 1] - times[b]
        assert before < 0.85 * after
        assert before + after == pytest.approx(2 * 60.0 / pvc.rate[i], rel=0.2)  # full compensatory pause


def test_measure_cohort_does_not_depend_on_workers() -> None:
    job = Job(CohortSizes.scaled(130, 1, 1), 1004, DEFAULT_SETTINGS)
    one, two = measure_cohort(job, "internal"), measure_cohort(job, "internal", workers=2)
    assert one.shape == (130, len(LEADS_USED) * 82 + 2)
    assert np.isfinite(one).all()
    np.testing.assert_array_equal(one, two)


def test_flat_ecg_measures_as_zero() -> None:
    assert not median_beat(np.zeros((12, 5000))).any()
