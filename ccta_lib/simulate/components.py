"""The typical heart, without chance: how stenosis moves twelve leads, as numbers a web page can add up.

Everything random in `waves` is switched off, and the library's own functions then give the beat of a typical
patient. ST and T move linearly in the dose of ischaemia, so one response per vessel is all a page needs.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from ccta_lib.schema import LEADS, VESSELS
from ccta_lib.simulate.leads import INDEPENDENT, twelve
from ccta_lib.simulate.settings import DEFAULT_SETTINGS, Settings
from ccta_lib.simulate.waves import ST, WAVES, Hearts, T, Waves, base_vectors, draw_waves

AGES = (30, 40, 50, 60, 70, 80, 90)
RATES = (50, 60, 70, 80, 90, 100, 110)
SEXES = ("F", "M")
DIGITS = 9
"""Decimals of exported millivolts and milliseconds: far below what is shown."""

_NO_CHANCE = (
    "p_spread", "p_component_sd", "q_sd", "qrs_direction_sd", "qrs_spread", "s_sd", "t_spread", "t_direction_sd",
    "st_sd", "ecg_spread", "ecg_direction_sd", "visible_ecg_spread", "injury", "electrode_shift_cm",
    "lead_rotation_sd", "lead_gain_sd", "pvc", "pac",
)  # fmt: skip


def without_chance(settings: Settings = DEFAULT_SETTINGS) -> Settings:
    """Return settings that draw the same typical ECG each time; the heart rate is what it is set to."""
    quiet: dict[str, Any] = dict.fromkeys(_NO_CHANCE, 0.0)
    return dataclasses.replace(settings, **quiet, residual=(0.0, 0.0), heart_rate_sd=(0.0, 0.0), rate_burden=0.0,
                               interval_spread_ms=(0.0, 0.0, 0.0))  # fmt: skip


def typical_waves(
    dose: np.ndarray, *, age: float, male: bool, rate: float, settings: Settings = DEFAULT_SETTINGS
) -> Waves:
    """Return the waves of typical patients in whom ischaemia shows.

    Parameters
    ----------
    dose : (n, 4)
        Dose of ischaemia of each vessel, see `ccta_lib.simulate.waves.dose_of`.
    age : years
    male : sex
    rate : beats/min
    settings : Settings

    Returns
    -------
    Waves
        Of n ECGs of sinus rhythm without infarct, hypertrophy or block; how strongly a vessel's ischaemia shows is
        the median of those in whom it does (`visible_size`).
    """
    s, n = without_chance(settings), len(dose)
    rng = np.random.default_rng(0)  # asked, but every spread it is multiplied with is zero
    ages, men, decade = np.full(n, float(age)), np.full(n, male), (age - s.age_reference) / 10.0
    none, no = np.zeros(n), np.zeros(n, dtype=bool)
    hearts = Hearts(
        age=ages, male=men, dose=np.asarray(dose, dtype=float), visible=np.tile(np.array(s.visible_size), (n, 1)),
        base=base_vectors(ages, men, no, s, rng), rate=np.full(n, float(rate)),
        qrs_ms=none + s.qrs_ms[0] + s.qrs_ms[2] * male, pr_ms=none + s.pr_ms[0] + s.pr_ms[2] * decade,
        qtc_ms=none + s.qtc_ms[0] + s.qtc_ms[2] * male, lvh=none, nonspecific=none, infarct=none,
        infarct_vessel=np.zeros(n, dtype=int), severe=no, af=no, rbbb=no, lbbb=no,
    )  # fmt: skip
    return draw_waves(hearts, s, rng)


def wave_courses(waves: Waves, i: int, ms: np.ndarray) -> np.ndarray:
    """Return the course of each wave of one beat at unit amplitude, (8, len(ms)); `ms` counts from R.

    Two half Gaussians, and for ST the difference of two hyperbolic tangents, as in `synthesis`.
    """
    out = np.empty((len(WAVES), len(ms)))
    for wave in range(len(WAVES)):
        x = ms - waves.center[i, wave]
        left, right = waves.left[i, wave] or 1.0, waves.right[i, wave] or 1.0
        if wave == ST:
            out[wave] = 0.5 * (np.tanh(x / left) - np.tanh((ms - waves.st_end[i]) / right))
        else:
            out[wave] = np.exp(-0.5 * (x / np.where(x < 0, left, right)) ** 2)
    return out


def typical_beat(
    dose: Sequence[float], ms: np.ndarray, *, age: float, male: bool, rate: float, settings: Settings = DEFAULT_SETTINGS
) -> np.ndarray:  # fmt: skip
    """Return one beat of a typical patient in twelve leads, (12, len(ms)) millivolt; `dose` is of four vessels."""
    waves = typical_waves(np.array([dose]), age=age, male=male, rate=rate, settings=settings)
    return twelve(waves.amplitude @ wave_courses(waves, 0, ms))[0]


def components(settings: Settings = DEFAULT_SETTINGS) -> dict[str, Any]:
    """Export what a page needs to draw a typical beat for any stenosis.

    Returns
    -------
    dict of plain numbers and lists
        `leads`, `independent`, `vessels`, `ages`, `rates`, `sexes`; `dose_from`, `dose_power` of the dose;
        `response` (vessel, 8 leads, [ST, T]) mV at dose 1; `base` (sex, age, 8 leads, 8 waves) mV without
        ischaemia; `timing` (sex, age, rate, [center, left, right], 8 waves) and `st_end` (sex, age, rate) in ms.
    """
    none = np.zeros((1, len(VESSELS)))
    moved = typical_waves(np.eye(len(VESSELS)), age=60, male=True, rate=70, settings=settings).amplitude
    moved = moved - typical_waves(none, age=60, male=True, rate=70, settings=settings).amplitude
    base, timing, st_end = [], [], []
    for sex in SEXES:
        for age in AGES:
            for rate in RATES:
                waves = typical_waves(none, age=age, male=sex == "M", rate=rate, settings=settings)
                timing.append([waves.center[0], waves.left[0], waves.right[0]])
                st_end.append(waves.st_end[0])
            base.append(waves.amplitude[0])
    shape = (len(SEXES), len(AGES), len(RATES))

    def rounded(values: Any, *shape: int) -> Any:
        return np.round(np.array(values), DIGITS).reshape(shape).tolist()

    return {
        "leads": list(LEADS), "independent": list(INDEPENDENT), "vessels": [str(v) for v in VESSELS],
        "ages": list(AGES), "rates": list(RATES), "sexes": list(SEXES),
        "dose_from": settings.dose_from, "dose_power": settings.dose_power,
        "response": rounded(moved[:, :, [ST, T]], len(VESSELS), 8, 2),
        "base": rounded(base, *shape[:2], 8, 8), "timing": rounded(timing, *shape, 3, 8),
        "st_end": rounded(st_end, *shape),
    }  # fmt: skip
