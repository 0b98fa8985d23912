"""The frozen numbers of the virtual cohort: every value with its unit and where it comes from.

This is the one home of the simulator's constants. A value whose source reads "assumption" was chosen,
not measured: the book lists them (`assumptions`). Vectors are heart vectors in the Frank frame,
X left, Y down, Z back, in millivolt.
"""

# ruff: noqa: RUF009 (`_value` is dataclasses.field with its unit and source)

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

Vector = tuple[float, float, float]
PerVessel = tuple[float, float, float, float]
PerSymptom = tuple[float, float, float, float, float]
"""Four values in the order of `ccta_lib.schema.VESSELS`: RCA, LM, LAD, LCX. `PerSymptom`: five in the order
typical, atypical, nonanginal, dyspnoea, none."""

ASSUMED = "assumption"
TUNED = "assumption, tuned so that the ideal observer and a trained network end near the published AUC"
TABLE_1 = "paper, Table 1"


def _value(default: Any, unit: str = "", source: str = ASSUMED) -> Any:
    return field(default=default, metadata={"unit": unit, "source": source})


@dataclass(frozen=True)
class Margins:
    """What one cohort's Table 1 says, as shares of ECGs (Table 1 counts ECGs, not patients)."""

    male: float = _value(0.0, "share of known", TABLE_1)
    age_mean: float = _value(0.0, "years", TABLE_1)
    age_sd: float = _value(0.0, "years", TABLE_1)
    age_65: float = _value(0.0, "share of known", TABLE_1)
    sex_missing: float = _value(0.0, "share", TABLE_1)
    age_missing: float = _value(0.0, "share", TABLE_1)
    diabetes: float = _value(0.0, "share", TABLE_1)
    hypertension: float = _value(0.0, "share", TABLE_1)
    prior_mi: float = _value(0.0, "share", TABLE_1)
    severe: PerVessel = _value((0.0, 0.0, 0.0, 0.0), "share", TABLE_1)
    age_shape: float = _value(-1.0, "skew-normal shape")
    noise: float = _value(1.0, "factor on recording noise")


@dataclass(frozen=True)
class SymptomSettings:
    """Why the CCTA was requested: log odds of typical, atypical, non-anginal pain, dyspnoea and no symptom.

    Chosen for patients referred to CCTA, where typical angina is uncommon: one in ten, a third atypical.
    """

    share: PerSymptom = _value(
        (0.09, 0.34, 0.26, 0.15, 0.16), "share of examinations of men without ischaemia or diabetes"
    )
    on_dose: PerSymptom = _value(
        (1.6, 0.6, 0.0, 0.5, 0.0),
        "log odds per unit of the largest dose",
        "assumption; severe disease, typical against non-anginal pain: odds ratio about 3, as ESC 2019 implies",
    )
    on_female: PerSymptom = _value((-0.3, 0.1, 0.1, 0.3, 0.0), "log odds")
    on_diabetes: PerSymptom = _value((-0.3, 0.0, 0.0, 0.3, 0.4), "log odds")


@dataclass(frozen=True)
class Settings:
    """Settings of the virtual cohort; frozen before the shipped run."""

    internal: Margins = Margins(
        male=1952 / 3874, age_mean=64.5, age_sd=10.4, age_65=1988 / 3874, sex_missing=746 / 4620,
        age_missing=746 / 4620, diabetes=1433 / 4620, hypertension=2411 / 4620, prior_mi=193 / 4620,
        severe=(795 / 4620, 235 / 4620, 1373 / 4620, 795 / 4620), age_shape=-1.7, noise=1.0,
    )  # fmt: skip
    external: Margins = Margins(
        male=1283 / 2477, age_mean=63.1, age_sd=11.7, age_65=1252 / 2475, sex_missing=0.0,
        age_missing=2 / 2477, diabetes=889 / 2477, hypertension=1256 / 2477, prior_mi=49 / 2477,
        severe=(635 / 2477, 52 / 2477, 769 / 2477, 570 / 2477), age_shape=-5.0, noise=1.5,
    )  # fmt: skip
    followup: Margins = Margins(
        male=183 / 400, age_mean=63.14, age_sd=10.43, age_65=201 / 400, sex_missing=0.0, age_missing=0.0,
        diabetes=97 / 400, hypertension=171 / 400, prior_mi=16 / 400,
        severe=(64 / 400, 4 / 400, 83 / 400, 55 / 400), age_shape=-6.0, noise=1.5,
    )  # fmt: skip

    symptom: SymptomSettings = SymptomSettings()

    # --- patients -------------------------------------------------------------------------------------
    age_reference: float = _value(60.0, "years; ages enter as decades from here")
    age_range: tuple[float, float] = _value((20.0, 95.0), "years")
    diabetes_on_age: float = _value(0.20, "log odds per decade")
    hypertension_on_age: float = _value(0.35, "log odds per decade")
    hypertension_on_diabetes: float = _value(0.50, "log odds")
    missing_on_severity: float = _value(
        0.0, "log odds of missing age and sex per severe patient; 0 = at random"
    )

    # --- stenosis -------------------------------------------------------------------------------------
    liability_age: float = _value(0.025, "probit per year")
    liability_male: float = _value(0.36, "probit")
    liability_diabetes: float = _value(0.22, "probit")
    liability_hypertension: float = _value(0.12, "probit")
    liability_loading: PerVessel = _value((1.0, 0.7, 1.0, 1.0), "factor on the four above")
    correlation: tuple[PerVessel, PerVessel, PerVessel, PerVessel] = _value(
        ((1.0, 0.35, 0.50, 0.50), (0.35, 1.0, 0.45, 0.45), (0.50, 0.45, 1.0, 0.50), (0.50, 0.45, 0.50, 1.0)),
        "residual correlation of liabilities",
    )
    share_normal: PerVessel = _value((45.0, 75.0, 25.0, 48.0), "grade share, in proportion below severe")
    share_mild: PerVessel = _value((22.0, 14.0, 25.0, 22.0), "grade share, in proportion below severe")
    share_moderate: PerVessel = _value((16.0, 6.0, 20.0, 13.0), "grade share, in proportion below severe")
    share_severe: PerVessel = _value((14.0, 4.7, 26.0, 15.0), "grade share, in proportion above severe")
    share_occluded: PerVessel = _value((3.0, 0.4, 3.5, 2.5), "grade share, in proportion above severe")
    reader_sd: float = _value(6.0, "percentage points")
    reader_swap: float = _value(0.02, "probability that RCA, LAD or LCX are exchanged in a report")

    # --- what stenosis does to the ECG ----------------------------------------------------------------
    dose_from: float = _value(40.0, "percent stenosis")
    dose_power: float = _value(1.5, "exponent of (s - from) / 59")
    visible: PerVessel = _value((0.90, 0.90, 0.90, 0.90), "probability per patient and vessel", TUNED)
    visible_size: PerVessel = _value((0.90, 0.76, 1.06, 1.0), "factor", TUNED)
    visible_spread: float = _value(0.4, "sd of log size between patients")
    visible_ecg_spread: float = _value(0.2, "sd of log size between ECGs of a patient")
    t_change: float = _value(0.067, "mV at full dose", TUNED)
    t_direction: tuple[Vector, Vector, Vector, Vector] = _value(
        ((0.10, -0.98, -0.15), (-0.70, -0.65, 0.20), (-0.25, -0.10, 0.96), (-0.80, -0.15, -0.58)),
        "unit vectors",
    )
    t_burden: float = _value(0.018, "mV per unit of burden", TUNED)
    t_burden_direction: Vector = _value((-0.73, -0.63, 0.26), "unit vector")
    burden_weight: PerVessel = _value((0.6, 1.0, 0.8, 0.7), "share of the subendocardium")
    st_change: float = _value(0.022, "mV per unit of burden", TUNED)
    st_direction: Vector = _value((-0.65, -0.70, -0.28), "unit vector; the same for every vessel")
    rate_burden: float = _value(2.0, "beats/min per unit of burden")
    infarct_dose: float = _value(0.9, "probit per unit of the largest dose")
    infarct_age_65: float = _value(0.3, "probit")
    infarct_q: float = _value(0.18, "mV per unit of size")
    infarct_size: tuple[float, float] = _value((3.0, 0.33), "gamma shape, scale")
    infarct_direction: tuple[Vector, Vector, Vector, Vector] = _value(
        ((0.2, -1.0, 0.0), (-0.1, -0.1, 1.0), (-0.1, -0.1, 1.0), (-0.6, 0.0, -0.8)),
        "early QRS vectors; LM scars the anterior wall",
    )
    infarct_qrs: float = _value(0.92, "factor on QRS amplitude")
    infarct_q_width: float = _value(5.0, "ms wider early QRS per unit of size, saturating")
    injury: float = _value(0.004, "share of ECGs of patients with a severe RCA, LAD or LCX, times its dose")
    injury_mv: tuple[float, float] = _value((0.10, 0.20), "mV")
    injury_direction: tuple[Vector, Vector, Vector, Vector, Vector] = _value(
        (
            (-0.25, 0.95, 0.15),
            (-0.35, 0.90, -0.15),
            (0.45, -0.45, -0.77),
            (0.45, 0.10, -0.88),
            (0.40, 0.45, 0.80),
        ),
        "RCA, RCA with right ventricle, LAD proximal, LAD mid, LCX",
    )

    # --- the heart without disease --------------------------------------------------------------------
    qrs_mv: tuple[float, float] = _value((1.2, 1.4), "mV, women, men")
    qrs_spread: float = _value(0.18, "sd of log amplitude")
    qrs_direction: Vector = _value((0.75, 0.60, 0.30))
    qrs_direction_sd: float = _value(0.22, "per component")
    qrs_axis_age: float = _value(-0.10, "Y per decade")
    q_vector: Vector = _value((-0.10, 0.02, -0.22), "mV, first 20 ms")
    q_sd: float = _value(0.08, "mV per component")
    s_vector: Vector = _value((-0.18, -0.16, 0.45), "mV, terminal basal vector")
    s_sd: float = _value(0.12, "mV per component")
    t_mv: tuple[float, float] = _value((0.32, 0.40), "mV, women, men")
    t_spread: float = _value(0.22, "sd of log amplitude")
    t_direction_normal: Vector = _value((0.80, 0.42, -0.46))
    t_direction_sd: float = _value(0.075, "per component")
    t_age: float = _value(-0.05, "per decade, relative")
    t_diabetes: float = _value(-0.06, "relative")
    st_mv: tuple[float, float] = _value((0.012, 0.03), "mV, women, men")
    st_normal_direction: Vector = _value((0.4, 0.2, -0.9))
    st_sd: float = _value(0.022, "mV per component")
    p_right: Vector = _value((0.045, 0.10, -0.045), "mV, right atrium")
    p_left: Vector = _value((0.065, 0.055, 0.055), "mV, left atrium")
    p_spread: float = _value(0.25, "sd of log amplitude")
    heart_rate: float = _value(70.0, "beats/min at the reference age")
    heart_rate_sd: tuple[float, float] = _value((7.0, 5.6), "between patients, between ECGs; 9 together")
    heart_rate_age: float = _value(2.0, "beats/min per decade")
    heart_rate_male: float = _value(-2.0, "beats/min")
    heart_rate_diabetes: float = _value(3.0, "beats/min")
    qrs_ms: tuple[float, float, float] = _value((92.0, 8.0, 5.0), "ms: mean, sd, added in men")
    pr_ms: tuple[float, float, float] = _value((158.0, 18.0, 4.0), "ms: mean, sd, per decade")
    qtc_ms: tuple[float, float, float] = _value(
        (412.0, 16.0, -8.0), "ms (Fridericia): mean, sd, added in men"
    )
    ecg_spread: float = _value(0.05, "sd of log amplitude between ECGs of a patient")
    ecg_direction_sd: float = _value(0.03, "per component, between ECGs of a patient")

    p_component_sd: float = _value(0.02, "mV per component")
    qrs_stretch_ms: tuple[float, float, float] = _value((92.0, 70.0, 125.0), "ms at stretch 1, least, most")
    p_after_onset_ms: tuple[float, float] = _value(
        (38.0, 68.0), "right and left atrial peak after P onset, ms"
    )
    p_width_ms: float = _value(17.0, "ms, sd of each atrial peak")
    q_ms: tuple[float, float] = _value((-21.0, 7.5), "peak from R, width (sd), ms at stretch 1")
    r_width_ms: float = _value(10.5, "sd, ms at stretch 1")
    s_ms: tuple[float, float] = _value((21.0, 10.0), "peak from R, width (sd), ms at stretch 1")
    qrs_limits_ms: tuple[float, float] = _value((-40.0, 42.0), "onset and end from R, ms at stretch 1")
    st_ms: tuple[float, float, float] = _value(
        (9.0, 30.0, 10.0), "steepness of onset and end, end before T peak, ms"
    )
    t_width_ms: tuple[float, float] = _value((58.0, 42.0), "sd before and after the peak at 60 beats/min, ms")
    interval_spread_ms: tuple[float, float, float] = _value(
        (2.0, 4.0, 5.0), "QRS, PR, QT sd between ECGs, ms"
    )
    pr_rate: float = _value(-0.0012, "relative PR per beat/min above 70")

    # --- innocent disease -----------------------------------------------------------------------------
    lvh_intercept: float = _value(-1.75, "probit")
    lvh_hypertension: float = _value(0.75, "probit")
    lvh_age: float = _value(0.15, "probit per decade")
    lvh_size: tuple[float, float] = _value((2.0, 0.5), "gamma shape, scale")
    lvh_qrs: tuple[float, Vector] = _value((0.45, (0.75, 0.10, 0.65)), "mV per unit of size, direction")
    lvh_t: tuple[float, Vector] = _value((0.16, (-0.80, -0.35, -0.45)), "mV per unit of size, direction")
    lvh_st: tuple[float, Vector] = _value((0.03, (-0.80, -0.35, -0.45)), "mV per unit of size, direction")
    nonspecific: tuple[float, float] = _value((0.12, 0.05), "probability, added with hypertension")
    nonspecific_size: tuple[float, float] = _value((2.0, 0.05), "mV, gamma shape, scale")
    nonspecific_direction: Vector = _value(
        (-0.73, -0.63, 0.26), "unit vector; the same as that of ischaemic burden"
    )
    af: float = _value(0.04, "prevalence at the mean age")
    af_age: float = _value(0.6, "log odds per decade")
    rbbb: float = _value(0.04, "prevalence")
    lbbb: float = _value(0.015, "prevalence")
    rbbb_late: tuple[float, Vector] = _value((0.95, (-0.55, -0.05, -0.65)), "mV, direction of R'")
    rbbb_s_t: tuple[float, float] = _value((0.4, -0.22), "S factor; T per R'")
    lbbb_direction: Vector = _value((0.78, 0.20, 0.62))
    lbbb_mv: tuple[float, float] = _value((0.95, 0.75), "mV added to R, of R'")
    lbbb_q: Vector = _value((0.08, 0.02, 0.10), "mV, reversed septal vector")
    lbbb_factors: tuple[float, float, float, float, float] = _value(
        (0.5, 0.3, 0.35, -0.32, -0.07), "R, S and T kept; T per R, ST per R"
    )
    block_spread: tuple[float, float, float] = _value(
        (0.15, 0.08, 0.06), "log size; right, left direction sd"
    )
    block_ms: tuple[float, float, float] = _value(
        (44.0, 5.0, 0.6), "ms late: mean, sd; share that prolongs QT"
    )
    block_width: tuple[float, float, float] = _value(
        (1.55, 15.0, 20.0), "R factor in LBBB; R' sd right, left, ms"
    )
    pvc_mv: tuple[float, float] = _value((1.1, 1.9), "mV, range")
    pvc_second: tuple[float, float] = _value((0.6, 0.5), "second QRS vector: factor, mV sd of difference")
    pvc_t: tuple[float, float] = _value((-0.30, 0.05), "T per QRS, mV sd")
    ectopic_early: tuple[float, float] = _value((0.28, 0.40), "share of RR by which an ectopic beat is early")
    ectopic_number: tuple[float, float] = _value((0.8, 0.5), "Poisson mean beyond the first, PVC and PAC")
    pac_p: tuple[float, float] = _value(
        (-0.3, 0.8), "P of an atrial ectopic beat: per right, left atrial vector"
    )
    pac_reset: float = _value(0.3, "share of prematurity regained by the sinus node")
    af_rate: float = _value(1.15, "factor on ventricular rate")
    af_rr: tuple[float, float, float] = _value((0.45, 5.5, 0.33), "least share of RR, gamma shape, least s")
    af_mv: tuple[float, float] = _value((0.02, 0.07), "mV, range of fibrillatory waves")
    af_hz: tuple[float, float] = _value((5.0, 8.0), "Hz")
    pvc: float = _value(0.05, "share of ECGs")
    pac: float = _value(0.05, "share of ECGs")

    # --- recording ------------------------------------------------------------------------------------
    lead_gain_sd: float = _value(0.15, "per lead and wave")
    fault_swap: float = _value(0.4, "share of faults that are exchanged arm electrodes")
    lead_rotation_sd: float = _value(0.0, "degrees; the heart's position in the chest, for pretraining only")
    electrode_shift_cm: float = _value(1.0, "sd of each chest electrode's position")
    electrode_spacing_cm: float = _value(4.5, "between neighbouring chest electrodes")
    residual: tuple[float, float] = _value((0.05, 0.08), "non-dipolar share of each wave, range between ECGs")
    wander_mv: tuple[float, float] = _value((0.05, 0.15), "mV, range between ECGs")
    wander_hz: tuple[float, float] = _value((0.05, 0.30), "Hz")
    mains_mv: tuple[float, float] = _value((0.0, 0.02), "mV at 50 Hz")
    muscle_mv: tuple[float, float] = _value((0.005, 0.03), "mV, sd")
    electrode_fault: float = _value(0.005, "share of ECGs with a loose electrode or exchanged arm electrodes")
    beat_spread: float = _value(0.03, "relative beat-to-beat amplitude")
    respiration: tuple[float, float] = _value(
        (0.02, 0.08), "relative respiratory amplitude modulation, range"
    )
    rate_range: tuple[float, float] = _value((38.0, 150.0), "beats/min")
    breaths_hz: tuple[float, float] = _value((0.15, 0.35), "Hz")
    rr_spread: tuple[float, float] = _value(
        (0.01, 0.05), "relative sd of the RR interval, range between ECGs"
    )

    # --- reading, times, follow-up --------------------------------------------------------------------
    reader_flip: float = _value(0.12, "probability that the ECG reader's normal/abnormal is reversed")
    extra_ecg_dispersion: float = _value(1.0, "gamma shape of extra ECGs per exam (negative binomial)")
    extra_ecg_severe: float = _value(1.15, "factor on ECGs per exam with any severe vessel")
    within_3h: float = _value(0.40, "share of ECGs within 3 h before CCTA")
    later_days: tuple[float, float, float] = _value(
        (2.0, 1.2, 60.0), "days before CCTA: median, sd of log, limit"
    )
    second_exam_days: tuple[float, float] = _value((180.0, 1100.0), "days after the first exam")
    mi_700: float = _value(0.06, "cumulative incidence of MI by 700 days")
    mi_severe: PerVessel = _value((1.8, 2.5, 1.8, 1.8), "hazard ratio of a severe vessel")
    mi_prior: float = _value(2.0, "hazard ratio of prior MI")
    mi_age: float = _value(1.3, "hazard ratio per decade")
    death: float = _value(0.02, "per year")
    revascularisation: tuple[float, float] = _value((0.01, 0.06), "per year, added per severe vessel")
    censoring_days: tuple[float, float] = _value((300.0, 1100.0), "days from the ECG")

    def of_waves(self) -> dict[str, Any]:
        """Return all settings that waveforms depend on, for hashing."""
        values = dataclasses.asdict(self)
        del values["symptom"]  # drawn last, from random numbers of its own
        return values

    def without_disease(self) -> Settings:
        """Return the null cohort's settings: the same patients, ischaemia and infarct without any trace."""
        return dataclasses.replace(
            self, t_change=0.0, t_burden=0.0, st_change=0.0, rate_burden=0.0, infarct_q=0.0,
            infarct_qrs=1.0, infarct_q_width=0.0, injury=0.0,
        )  # fmt: skip


DEFAULT_SETTINGS = Settings()


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        return f"({', '.join(_text(v) for v in value)})"
    return f"{value:.4g}"


def assumptions(settings: Settings = DEFAULT_SETTINGS) -> pd.DataFrame:
    """List every number of the simulator.

    Returns
    -------
    DataFrame
        Columns name, value (text), unit, source; one row per setting.
    """
    rows: list[dict[str, str]] = []

    def add(owner: Any, prefix: str) -> None:
        for item in dataclasses.fields(owner):
            value = getattr(owner, item.name)
            if dataclasses.is_dataclass(value):
                add(value, f"{prefix}{item.name}.")
                continue
            rows.append({"name": prefix + item.name, "value": _text(value), **item.metadata})

    add(settings, "")
    rows.append(
        {"name": "lead matrix", "value": "I, II, V1-V6 from X, Y, Z", "unit": "mV/mV", "source": "Dower 1980"}
    )
    return pd.DataFrame(rows, columns=["name", "value", "unit", "source"])
