"""The typical beat that a page adds up is the beat the simulator makes."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from ccta_lib.schema import LEADS
from ccta_lib.simulate.components import (
    RATES,
    components,
    typical_beat,
    typical_waves,
    wave_courses,
    without_chance,
)
from ccta_lib.simulate.settings import DEFAULT_SETTINGS
from ccta_lib.simulate.synthesis import beat_times, synthesise
from ccta_lib.simulate.waves import ST, T, dose_of

MS = np.arange(-300.0, 600.0, 4.0)


def test_same_beat_as_the_recording() -> None:
    """A recording without noise or variation shows `typical_beat` at each R, to the rounding of its samples."""
    quiet = dataclasses.replace(
        without_chance(), beat_spread=0.0, respiration=(0.0, 0.0), rr_spread=(0.0, 0.0), electrode_fault=0.0
    )
    dose = [0.7, 0.0, 0.4, 0.0]
    waves = typical_waves(np.array([dose]), age=60, male=True, rate=50)
    recording = synthesise(waves, 0, quiet, np.random.default_rng(3), noise=0.0) / 1000.0
    times, _ = beat_times(waves, 0, quiet, np.random.default_rng(3))
    grid = np.arange(recording.shape[1]) * 2.0
    expected = sum(typical_beat(dose, grid - 1000.0 * r, age=60, male=True, rate=50) for r in times)
    # Waves are cut where they have all but vanished, and samples are whole even microvolts.
    inner = slice(500, 4500)
    np.testing.assert_allclose(recording[:, inner], expected[:, inner], atol=0.004)


def test_no_chance_is_left() -> None:
    one = typical_waves(np.full((3, 4), 0.5), age=55, male=False, rate=80)
    assert np.ptp(one.amplitude, axis=0).max() == 0
    assert one.rate.tolist() == [80.0] * 3


def test_components_add_up_to_the_beat() -> None:
    """Base plus dose times response is the library's own beat, for any mixture of stenoses."""
    c = components()
    dose = dose_of(np.array([55.0, 72.0, 90.0, 99.0]), DEFAULT_SETTINGS)
    for age, sex, rate in ((30, "F", 50), (70, "M", 90)):
        a, s, r = c["ages"].index(age), c["sexes"].index(sex), c["rates"].index(rate)
        amplitude = np.array(c["base"][s][a])
        amplitude[:, [ST, T]] += np.tensordot(dose, np.array(c["response"]), 1)
        waves = typical_waves(dose[None], age=age, male=sex == "M", rate=rate)
        np.testing.assert_allclose(amplitude, waves.amplitude[0], atol=1e-8)
        np.testing.assert_allclose(c["timing"][s][a][r][0], waves.center[0], atol=1e-8)
        assert c["st_end"][s][a][r] == pytest.approx(waves.st_end[0], abs=1e-8)
        beat = typical_beat(dose, MS, age=age, male=sex == "M", rate=rate)
        np.testing.assert_allclose(beat[0], (amplitude @ wave_courses(waves, 0, MS))[0], atol=1e-7)


def test_physiology() -> None:
    """ST falls in II and V5 and rises in aVR whichever vessel; T says which: LAD in V3, RCA in III."""
    still = typical_waves(np.zeros((1, 4)), age=60, male=True, rate=70)
    moved = typical_waves(np.eye(4), age=60, male=True, rate=70).planted - still.planted
    lead = {name: i for i, name in enumerate(LEADS)}
    assert (moved[:, [lead["II"], lead["V5"]], 1] < 0).all()
    assert (moved[:, lead["aVR"], 1] > 0).all()
    rca, _, lad, _ = moved[:, :, 2]
    assert lad[lead["V3"]] == lad.min()
    assert rca[lead["III"]] < -0.03
    assert rca[lead["aVL"]] > 0.03


def test_t_comes_earlier_in_a_fast_heart() -> None:
    c = components()
    peaks = [c["timing"][0][0][r][0][T] for r in range(len(RATES))]
    assert peaks == sorted(peaks, reverse=True)
