"""The input contract: filters against SciPy's plain forms, decimation against sinusoids, invariances."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from ccta_lib.errors import WaveformError, WeightsError
from ccta_lib.model.contract import (
    CONTRACTS,
    ECGFOUNDER_CONTRACT,
    NANO_CONTRACT,
    PAPER_CONTRACT,
    InputContract,
    _ecgfounder_filter,
)
from ccta_lib.schema import LEADS

TIME = np.arange(5000) / 500


def ecgs(n=1, seed=0):
    return np.random.default_rng(seed).normal(0, 0.3, (n, 12, 5000)).cumsum(-1).astype(np.float32) * 0.02


def test_ecgfounder_filter_is_the_published_recipe():
    x = ecgs(2, seed=3)
    prepared = ECGFOUNDER_CONTRACT.prepare(x)
    b, a = signal.iirnotch(50.0, 30.0, fs=500)
    low = signal.filtfilt(b, a, x[1, 4].astype(float))
    b, a = signal.butter(4, [0.67, 40.0], "bandpass", fs=500)
    low = signal.filtfilt(b, a, low)
    lead = low - signal.medfilt(low, 201)
    # One scale and one shift for the whole recording: compare up to an affine map.
    slope, shift = np.polyfit(lead, prepared[1, 4], 1)
    np.testing.assert_allclose(slope * lead + shift, prepared[1, 4], atol=2e-4)


def test_running_median_is_the_definitions():
    """Against the median of each window, zeros beyond the ends, as `scipy.signal.medfilt` and the published code."""
    x = ecgs(2, seed=4)
    b, a = signal.iirnotch(50.0, 30.0, fs=500)
    low = signal.filtfilt(b, a, x.astype(float), axis=-1)
    low = signal.sosfiltfilt(signal.butter(4, [0.67, 40.0], "bandpass", fs=500, output="sos"), low, axis=-1)
    windows = np.lib.stride_tricks.sliding_window_view(
        np.pad(low, ((0, 0), (0, 0), (100, 100))), 201, axis=-1
    )
    np.testing.assert_array_equal(_ecgfounder_filter(x), low - np.median(windows, axis=-1))


@pytest.mark.parametrize(("normalisation", "axis"), [("per_lead", -1), ("per_recording", (-2, -1))])
def test_normalisation(normalisation, axis):
    contract = dataclasses.replace(PAPER_CONTRACT, normalisation=normalisation)
    prepared = contract.prepare(ecgs(3) + 0.4)
    assert prepared.dtype == np.float32
    np.testing.assert_allclose(prepared.mean(axis), 0, atol=1e-5)
    np.testing.assert_allclose(prepared.std(axis), 1, atol=1e-5)


@pytest.mark.parametrize("name", CONTRACTS)
def test_flat_lead_gives_zeros_not_nan(name):
    x = ecgs(2)
    x[0, 3] = 0.7
    prepared = CONTRACTS[name].prepare(x)
    assert np.isfinite(prepared).all()
    if CONTRACTS[name].normalisation == "per_lead":
        assert (prepared[0, 3] == 0).all()
        assert (prepared[1, 3] != 0).any()


@pytest.mark.parametrize("hz", [1.0, 5.0, 20.0, 35.0])
def test_decimation_keeps_the_pass_band(hz):
    contract = dataclasses.replace(NANO_CONTRACT, normalisation="per_recording")
    x = np.zeros((1, 12, 5000), np.float32)
    x[0] = np.sin(2 * np.pi * hz * TIME)
    expected = np.sqrt(2) * np.sin(2 * np.pi * hz * np.arange(1000) / 100)
    middle = slice(50, 950)
    np.testing.assert_allclose(contract.prepare(x)[0, 5, middle], expected[middle], atol=0.02)


@pytest.mark.parametrize("hz", [51.0, 60.0, 99.0, 130.0])
def test_decimation_does_not_fold_high_frequencies(hz):
    x = np.zeros((1, 12, 5000), np.float32)
    x[:, :] = np.sin(2 * np.pi * 3 * TIME)
    disturbed = x + np.sin(2 * np.pi * hz * TIME).astype(np.float32)
    clean, folded = NANO_CONTRACT.prepare(x), NANO_CONTRACT.prepare(disturbed)
    assert np.abs(clean - folded)[..., 50:950].max() < 0.01


@settings(max_examples=10, deadline=None)
@given(st.floats(0.1, 10), st.floats(-2, 2))
def test_per_lead_form_ignores_gain_and_offset(gain, offset):
    x = ecgs(1, seed=5)
    np.testing.assert_allclose(
        NANO_CONTRACT.prepare(x * np.float32(gain) + np.float32(offset)), NANO_CONTRACT.prepare(x), atol=2e-3
    )


@pytest.mark.parametrize("name", CONTRACTS)
def test_an_ecg_does_not_depend_on_its_batch(name):
    x = ecgs(3, seed=7)
    together = CONTRACTS[name].prepare(x)
    np.testing.assert_array_equal(CONTRACTS[name].prepare(x[2:]), together[2:])


def test_lead_order():
    order = LEADS[::-1]
    x = ecgs(1, seed=9)
    turned = dataclasses.replace(PAPER_CONTRACT, leads=order).prepare(x)
    np.testing.assert_array_equal(turned, PAPER_CONTRACT.prepare(x)[:, ::-1])


@pytest.mark.parametrize("name", CONTRACTS)
def test_round_trip_through_metadata(name):
    import json

    contract = CONTRACTS[name]
    assert InputContract.from_dict(json.loads(contract.to_json())) == contract


def test_wrong_values_are_all_named():
    with pytest.raises(WeightsError) as caught:
        InputContract(
            sampling_hz=100,
            samples=5000,
            filter="x",
            normalisation="y",
            batchnorm_applied=False,
            leads=("I",),
        )
    assert len(caught.value.faults) == 4
    with pytest.raises(WeightsError, match="unexpected keyword"):
        InputContract.from_dict({**NANO_CONTRACT.as_dict(), "colour": 1})


def test_wrong_signals_are_refused():
    with pytest.raises(WaveformError, match=r"\(1, 12, 1000\)"):
        NANO_CONTRACT.prepare(np.zeros((1, 12, 1000)))
    x = ecgs(2)
    x[1, 0, 0] = np.nan
    with pytest.raises(WaveformError, match="ECG 1"):
        NANO_CONTRACT.prepare(x)


def test_ecgs_prepared_for_another_network_are_refused():
    PAPER_CONTRACT.check(PAPER_CONTRACT.prepare(ecgs(2)))
    with pytest.raises(
        WeightsError, match=r"a\.npy: shape \(2, 12, 1000\); these weights want \(n, 12, 5000\), 500 Hz"
    ):
        PAPER_CONTRACT.check(NANO_CONTRACT.prepare(ecgs(2)), source="a.npy")


def test_contract_needs_no_torch():
    import subprocess
    import sys

    modules = "ccta_lib.model.contract, ccta_lib.model, ccta_lib.training.folds"
    code = f"import {modules}, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
