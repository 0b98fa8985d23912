"""Waves, the isoelectric line and mean beats of maps, by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccta_lib.errors import InputError
from ccta_lib.explain.windows import (
    BINS,
    MAP_MS,
    bins_of_beat,
    isoelectric,
    locate,
    mean_beat,
    sum_by_wave,
)

HZ = 100.0


def test_waves_of_one_beat_by_hand() -> None:
    """R at 2 s: P from 1.78 s, QRS from 1.94, ST from 2.06, T from 2.18 to 2.42; all else is pause."""
    beats = locate(np.array([1000]), samples=500, hz=HZ)
    assert beats.peaks.tolist() == [200.0]
    names = np.array(BINS)[beats.bins]
    assert np.flatnonzero(names == "P").tolist() == list(range(178, 194))
    assert np.flatnonzero(names == "QRS").tolist() == list(range(194, 206))
    assert np.flatnonzero(names == "ST").tolist() == list(range(206, 218))
    assert np.flatnonzero(names == "T").tolist() == list(range(218, 242))
    assert (names == "TP").sum() == 500 - 16 - 12 - 12 - 24


def test_in_a_fast_heart_the_surer_wave_keeps_the_sample() -> None:
    """At 150 beats/min the next P begins within T, and the next QRS ends T."""
    beats = locate(np.array([500, 700, 900]), samples=300, hz=HZ)
    names = np.array(BINS)[beats.bins]
    assert names[125] == "T"  # 250 ms after the first R, 150 ms before the second: T and P
    assert names[136] == "QRS"  # 360 ms after the first R, 40 ms before the second: T and QRS


def test_without_a_beat_there_are_no_waves() -> None:
    with pytest.raises(InputError, match="no R peak"):
        locate(np.array([], dtype=int), samples=100, hz=HZ)


@settings(deadline=None)
@given(slope=st.floats(-1, 1), offset=st.floats(-5, 5))
def test_the_isoelectric_line_follows_a_drift_and_no_wave(slope: float, offset: float) -> None:
    """Waves lie outside the PQ segments, so the line between these is the drift alone."""
    beats = locate(np.array([500, 1000, 1500, 2000]), samples=500, hz=HZ)
    grid = np.arange(500.0)
    drift = offset + slope * grid / HZ
    waves = np.where(np.isin(beats.bins, [BINS.index("QRS"), BINS.index("T")]), 3.0, 0.0)
    found = isoelectric((drift + waves)[None], beats, hz=HZ)[0]
    inner = slice(93, 393)  # from the first PQ segment to the last; outside the line is level
    np.testing.assert_allclose(found[inner], drift[inner], atol=1e-9)
    np.testing.assert_allclose(found[:90], found[0])


def test_a_beat_at_the_very_edge_still_has_a_line() -> None:
    beats = locate(np.array([10]), samples=100, hz=HZ)
    assert np.isfinite(isoelectric(np.ones((2, 100)), beats, hz=HZ)).all()


def test_sums_by_wave_add_up_to_the_whole() -> None:
    rng = np.random.default_rng(0)
    beats = locate(np.array([700, 1100, 1600]), samples=500, hz=HZ)
    maps = rng.normal(size=(12, 500))
    sums = sum_by_wave(maps, beats)
    np.testing.assert_allclose(sums.sum(axis=1), maps.sum(axis=1))
    np.testing.assert_allclose(sums[3, BINS.index("T")], maps[3, beats.bins == BINS.index("T")].sum())


def test_the_mean_beat_interpolates_and_leaves_out_what_is_cut_off() -> None:
    """A ramp stays a ramp; the first beat begins before the map and is left out there."""
    beats = locate(np.array([51, 1002]), samples=400, hz=HZ)
    ramp = np.arange(400.0)[None]
    found = mean_beat(ramp, beats, hz=HZ)[0]
    at = MAP_MS.tolist().index
    assert found[at(0)] == pytest.approx((10.2 + 200.4) / 2)
    assert found[at(-250)] == pytest.approx(200.4 - 25)
    assert np.isnan(mean_beat(ramp[:, :20], locate(np.array([10]), samples=20, hz=HZ), hz=HZ)[0, at(600)])


def test_bins_of_a_mean_beat_agree_with_those_of_an_ecg() -> None:
    beats = locate(np.array([2000]), samples=1000, hz=HZ)
    part = slice(400 - 25, 400 + 65)
    assert (beats.bins[part] == bins_of_beat(MAP_MS)).all()
