"""Unusable recordings are excluded for the first true reason; odd ones are kept and flagged."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccta_lib.cohort.quality import Limits, Reason, assess, limb_lead_residuals
from ccta_lib.errors import ParameterError

Tones = Callable[..., np.ndarray]


def test_a_good_ecg_is_kept_without_flags(tones: Tones) -> None:
    verdict = assess(tones())
    assert (verdict.reason, verdict.note) == ("", "")


@pytest.mark.parametrize(("change", "reason", "note"), [
    (lambda x: x[2].put(7, np.nan), Reason.NAN, "III"),
    (lambda x: x[2].put(7, np.inf), Reason.NAN, "III"),
    (lambda x: (x[4].fill(0.3), x[11].fill(0)), Reason.FLAT, "aVL V6"),
    (lambda x: (x[4].fill(0.3), x[2].put(7, np.nan)), Reason.NAN, "III"),
    (lambda x: x[6].put(7, 40.0 - 1e-6), Reason.IMPLAUSIBLE, "V1: 4"),
    (lambda x: x[6].__imul__(0.049 / np.ptp(x[6])), Reason.IMPLAUSIBLE, "V1: 0.049 to 0.049 mV"),
    (lambda x: x.__iadd__(33.0), Reason.IMPLAUSIBLE, "I II III"),
])  # fmt: skip
def test_exclusions(tones: Tones, change: Callable[[np.ndarray], object], reason: Reason, note: str) -> None:
    signal = tones()
    change(signal)
    verdict = assess(signal)
    assert verdict.reason == reason
    assert verdict.note.startswith(note)


@pytest.mark.parametrize(("swing", "kept"), [(19.99, True), (20.01, False), (0.051, True), (0.049, False)])
def test_amplitude_limits_are_peak_to_peak_per_lead(tones: Tones, swing: float, kept: bool) -> None:
    signal = tones()
    signal[8] *= swing / np.ptp(signal[8])
    assert (assess(signal).reason == "") == kept
    assert assess(signal, limits=Limits(max_mv=25, min_mv=0.02)).reason == ""


def test_limb_lead_relations_are_flagged_not_excluded(tones: Tones) -> None:
    swapped = tones()
    swapped[[0, 1]] = swapped[[1, 0]]
    assert (assess(swapped).reason, assess(swapped).note) == ("", "einthoven goldberger")
    rescaled = tones()
    rescaled[4] *= 1.5
    assert assess(rescaled).note == "goldberger"
    assert assess(rescaled, limits=Limits(einthoven_mv=5)).note == ""


@settings(max_examples=30, deadline=None)
@given(gain=st.floats(0.1, 3), step=st.sampled_from([0.001, 0.00488]))
def test_rounding_by_a_converter_is_no_violation(tones: Tones, gain: float, step: float) -> None:
    signal = np.round(tones() * gain / step) * step
    assert max(limb_lead_residuals(signal).values()) < 0.005
    assert assess(signal).note == ""


@pytest.mark.parametrize("limits", [{"min_mv": 30}, {"flat_mv": 0.1}, {"flat_mv": -1}, {"einthoven_mv": 0},
                                    {"max_mv": float("nan")}])  # fmt: skip
def test_impossible_limits(limits: dict[str, float]) -> None:
    with pytest.raises(ParameterError, match=r"limits: .*expected"):
        Limits(**limits)
