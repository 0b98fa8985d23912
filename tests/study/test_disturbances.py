"""Each disturbance against its definition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccta_lib.cohort.quality import limb_lead_residuals
from ccta_lib.errors import ParameterError
from ccta_lib.schema import LEADS
from ccta_lib.simulate.leads import twelve
from ccta_lib.study import disturbances as do

ROW = {lead: i for i, lead in enumerate(LEADS)}


def consistent_ecgs(n: int = 3, samples: int = 5000, seed: int = 0) -> np.ndarray:
    """Noise in eight leads, the other four derived."""
    independent = np.random.default_rng(seed).normal(0, 0.3, (n, 8, samples))
    return twelve(independent).astype(np.float32)


def residual(signals: np.ndarray) -> float:
    return max(max(limb_lead_residuals(x).values()) for x in signals)


@pytest.mark.parametrize("noise", [do.wander, do.mains, do.muscle])
def test_noise_grows_with_its_dose_keeps_the_limb_lead_relations_and_the_input(noise):
    signals = consistent_ecgs()
    before = signals.copy()
    small, large = (noise(signals, mv, generator=np.random.default_rng(1)) - signals for mv in (0.1, 0.2))
    np.testing.assert_allclose(large, 2 * small, atol=2e-6)  # the same draws, twice the size
    assert residual(signals + large) < 1e-5
    np.testing.assert_array_equal(signals, before)


def test_muscle_noise_has_the_stated_size_in_a_bipolar_lead():
    added = do.muscle(np.zeros((200, 12, 1000), np.float32), 0.1, generator=np.random.default_rng(2))
    # Two electrodes of variance .1^2 / 2 x E[exp(2 N(0, .3))] each.
    expected = 0.1 * np.exp(0.3**2)
    assert np.sqrt((added[:, ROW["II"]] ** 2).mean()) == pytest.approx(expected, rel=0.05)


def test_wander_lies_in_its_band_and_has_the_stated_size():
    added = do.wander(np.zeros((300, 12, 5000), np.float32), 1.0, generator=np.random.default_rng(3))
    assert np.sqrt((added[:, ROW["I"]] ** 2).mean()) == pytest.approx(1 / np.sqrt(2), rel=0.1)
    power = np.abs(np.fft.rfft(added[:, ROW["V3"]] * np.hanning(5000))) ** 2
    frequency = np.fft.rfftfreq(5000, 1 / 500)
    assert power[:, frequency > 0.7].sum() < 1e-4 * power.sum()


@pytest.mark.parametrize("hz", [50.0, 60.0])
def test_mains_is_one_line_in_the_spectrum(hz):
    added = do.mains(
        np.zeros((4, 12, 5000), np.float32), 0.3, mains_hz=hz, generator=np.random.default_rng(4)
    )
    power = (np.abs(np.fft.rfft(added)) ** 2).sum(axis=(0, 1))
    assert power[round(hz * 10)] > 0.999 * power.sum()
    # Variance at an electrode .7^2 x .3^2 / 2 (sine and cosine, each with power one half), twice that in lead I.
    many = do.mains(
        np.zeros((2000, 12, 50), np.float32), 0.3, mains_hz=hz, generator=np.random.default_rng(5)
    )
    assert (many[:, 0] ** 2).mean() == pytest.approx(0.7**2 * 0.3**2, rel=0.1)


def test_flat_and_floating_leads_touch_no_other_lead():
    signals = consistent_ecgs()
    flat = do.flat_leads(signals, ["V1", "aVL"])
    noisy = do.floating_leads(signals, ["V2", "V6"], 0.05, generator=np.random.default_rng(6))
    assert not flat[:, [ROW["V1"], ROW["aVL"]]].any()
    assert noisy[:, [ROW["V2"], ROW["V6"]]].std() == pytest.approx(0.05, rel=0.05)
    for out, changed in ((flat, {"V1", "aVL"}), (noisy, {"V2", "V6"})):
        rest = [ROW[lead] for lead in LEADS if lead not in changed]
        np.testing.assert_array_equal(out[:, rest], signals[:, rest])


def test_a_floating_limb_lead_is_refused():
    with pytest.raises(ParameterError, match="found II, aVF; only V1 to V6"):
        do.floating_leads(consistent_ecgs(), ["II", "aVF", "V1"], 0.1, generator=np.random.default_rng(0))


def test_exchanged_electrodes_do_what_textbooks_say():
    signals = consistent_ecgs()
    lead = {name: signals[:, i] for name, i in ROW.items()}

    def expect(placed, **said):
        out = do.exchange_electrodes(signals, placed)
        assert residual(out) < 1e-5
        for name, i in ROW.items():
            np.testing.assert_allclose(out[:, i], said.get(name, lead[name]), atol=1e-5, err_msg=name)

    # Arms: I turns over, II and III change places, so do aVR and aVL; the chest leads stay.
    expect(
        {"RA": "LA", "LA": "RA"},
        I=-lead["I"],
        II=lead["III"],
        III=lead["II"],
        aVR=lead["aVL"],
        aVL=lead["aVR"],
    )
    # Left arm and leg: III turns over, I and II change places, so do aVL and aVF.
    expect(
        {"LA": "LL", "LL": "LA"},
        I=lead["II"],
        II=lead["I"],
        III=-lead["III"],
        aVL=lead["aVF"],
        aVF=lead["aVL"],
    )
    # Right arm and leg: II turns over, I and III change places with the other sign, so do aVR and aVF.
    expect(
        {"RA": "LL", "LL": "RA"},
        I=-lead["III"],
        II=-lead["II"],
        III=-lead["I"],
        aVR=lead["aVF"],
        aVF=lead["aVR"],
    )
    expect({"C1": "C2", "C2": "C1"}, V1=lead["V2"], V2=lead["V1"])
    expect({f"C{i}": f"C{7 - i}" for i in range(1, 7)}, **{f"V{i}": lead[f"V{7 - i}"] for i in range(1, 7)})
    expect({})


@pytest.mark.parametrize(
    ("placed", "found"),
    [
        ({"RA": "RL"}, "found RL"),
        ({"RA": "LA"}, "is no exchange"),
        ({"RA": "C1", "C1": "RA"}, "central terminal"),
    ],
)
def test_what_is_no_exchange_of_electrodes_is_refused(placed, found):
    with pytest.raises(ParameterError, match=found):
        do.exchange_electrodes(consistent_ecgs(1, 10), placed)


def test_faults_of_an_export_break_einthoven_and_turning_all_leads_over_does_not():
    signals = consistent_ecgs()
    assert residual(do.exchange_leads(signals, "II", "III")) > 0.1
    assert residual(do.invert(signals, ["I"])) > 0.1
    whole = do.invert(signals)
    assert residual(whole) < 1e-5
    np.testing.assert_array_equal(whole, -signals)
    np.testing.assert_array_equal(
        do.exchange_leads(signals, "II", "III")[:, ROW["II"]], signals[:, ROW["III"]]
    )


def test_another_rate_keeps_what_it_can_hold_and_drops_what_it_cannot():
    time = np.arange(5000) / 500
    slow, fast = np.sin(2 * np.pi * 20 * time), np.sin(2 * np.pi * 180 * time)
    signals = np.tile(slow + fast, (1, 12, 1)).astype(np.float32)
    half = do.at_rate(signals, 250)
    assert half.shape == (1, 12, 2500)
    np.testing.assert_allclose(half[0, 0, 100:-100], slow[::2][100:-100], atol=0.01)


@given(st.integers(1, 40), st.integers(1, 120))
@settings(max_examples=30, deadline=None)
def test_lengths(kept, wanted):
    signals = np.arange(2 * 12 * 50, dtype=np.float32).reshape(2, 12, 50)
    part = do.first_seconds(signals, kept, sampling_hz=1)
    np.testing.assert_array_equal(part, signals[..., :kept])
    again = do.repeated(part, wanted)
    assert again.shape[-1] == wanted
    assert all((again[..., i] == part[..., i % kept]).all() for i in range(wanted))
    if wanted >= kept:
        longer = do.padded(part, wanted)
        np.testing.assert_array_equal(longer[..., :kept], part)
        assert not longer[..., kept:].any()
