"""The waves of an ECG before any recording: lead amplitudes, timing and rhythm of P, QRS, ST and T.

`Hearts` says what a patient's heart is like and what disease has done to it, `draw_waves` turns it into the
waves of single ECGs. Everything here is vectorised over ECGs; `synthesis` makes the samples.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from ccta_lib.simulate.leads import INDEPENDENT, lead_fields, rotations, twelve
from ccta_lib.simulate.settings import Settings

FORMAT = 1
"""Raised whenever the same settings would draw other waves: what was frozen for them is then stale."""

WAVES = ("P right", "P left", "Q", "R", "S", "R'", "ST", "T")
"""Q is the early (septal) vector, S the terminal basal one, R' the late vector of a bundle branch block."""
P1, P2, Q, R, S, R2, ST, T = range(len(WAVES))
PVC_WAVES = 3
PLANTED_WAVES = ("Q", "ST", "T")


@dataclass
class Hearts:
    """What the waves depend on, one row per ECG (or patient); arrays of shape (n,) unless said.

    `dose` (n, 4) is the dose of ischaemia per vessel, seen or not; `visible` (n, 4) the factor with which
    it shows. `base` (n, 3, 8) is the innocent heart vector of each wave in mV, before innocent disease.
    """

    age: np.ndarray
    male: np.ndarray
    dose: np.ndarray
    visible: np.ndarray
    base: np.ndarray
    rate: np.ndarray
    qrs_ms: np.ndarray
    pr_ms: np.ndarray
    qtc_ms: np.ndarray
    lvh: np.ndarray
    nonspecific: np.ndarray
    infarct: np.ndarray
    infarct_vessel: np.ndarray
    severe: np.ndarray
    af: np.ndarray
    rbbb: np.ndarray
    lbbb: np.ndarray

    def take(self, rows: np.ndarray) -> Hearts:
        """Select rows."""
        return Hearts(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})


@dataclass
class Waves:
    """Waves of n ECGs.

    Attributes
    ----------
    amplitude : (n, 8, 8) mV
        Leads `INDEPENDENT` x `WAVES`.
    center, left, right : (n, 8) ms
        Peak time from the R reference, and the widths before and after the peak. For ST, `left` and `right`
        hold the steepness of its onset and end, `center` its onset and `st_end` its end.
    pvc_amplitude : (n, 8, 3) mV
        Ventricular ectopic beat: early QRS, late QRS, T.
    planted : (n, 12, 3) mV
        What ischaemia and infarct displaced, by lead and wave (`PLANTED_WAVES`).
    """

    amplitude: np.ndarray
    center: np.ndarray
    left: np.ndarray
    right: np.ndarray
    st_end: np.ndarray
    rate: np.ndarray
    qrs_ms: np.ndarray
    af: np.ndarray
    rbbb: np.ndarray
    lbbb: np.ndarray
    lvh: np.ndarray
    n_pvc: np.ndarray
    n_pac: np.ndarray
    pvc_amplitude: np.ndarray
    planted: np.ndarray
    injury: np.ndarray
    burden: np.ndarray

    def __len__(self) -> int:
        """Return the number of ECGs."""
        return len(self.rate)


def unit(vectors: np.ndarray) -> np.ndarray:
    """Scale vectors (last axis) to length one."""
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def dose_of(percent: np.ndarray, settings: Settings) -> np.ndarray:
    """Dose of ischaemia at a percent stenosis: 0 below `dose_from`, 1 at 99 %."""
    share = (percent - settings.dose_from) / (99.0 - settings.dose_from)
    return np.clip(share, 0.0, 1.0) ** settings.dose_power


def base_vectors(
    age: np.ndarray, male: np.ndarray, diabetes: np.ndarray, settings: Settings, rng: np.random.Generator
) -> np.ndarray:
    """Draw innocent heart vectors of the waves, shape (n, 3, 8), mV."""
    s, n = settings, len(age)
    decade = (age - s.age_reference) / 10.0
    out = np.zeros((n, 3, len(WAVES)))
    size = np.exp(rng.normal(0.0, s.p_spread, (n, 1)))
    for wave, vector in ((P1, s.p_right), (P2, s.p_left)):
        out[:, :, wave] = size * (np.array(vector) + rng.normal(0.0, s.p_component_sd, (n, 3)))
    out[:, :, Q] = np.array(s.q_vector) + rng.normal(0.0, s.q_sd, (n, 3))
    direction = np.array(s.qrs_direction) + rng.normal(0.0, s.qrs_direction_sd, (n, 3))
    direction[:, 1] += s.qrs_axis_age * decade
    size = np.where(male, s.qrs_mv[1], s.qrs_mv[0]) * np.exp(rng.normal(0.0, s.qrs_spread, n))
    out[:, :, R] = size[:, None] * unit(direction)
    out[:, :, S] = (size / 1.3)[:, None] * (np.array(s.s_vector) + rng.normal(0.0, s.s_sd, (n, 3)))
    size = np.where(male, s.t_mv[1], s.t_mv[0]) * np.exp(rng.normal(0.0, s.t_spread, n))
    size *= (1.0 + s.t_age * decade) * np.where(diabetes, 1.0 + s.t_diabetes, 1.0)
    direction = np.array(s.t_direction_normal) + rng.normal(0.0, s.t_direction_sd, (n, 3))
    out[:, :, T] = size[:, None] * unit(direction)
    size = np.where(male, s.st_mv[1], s.st_mv[0])
    out[:, :, ST] = size[:, None] * np.array(s.st_normal_direction) + rng.normal(0.0, s.st_sd, (n, 3))
    return out


def draw_waves(hearts: Hearts, settings: Settings, rng: np.random.Generator,
               *, territory_jitter: float = 0.0) -> Waves:  # fmt: skip
    """Draw the waves of one ECG per row.

    Parameters
    ----------
    hearts : Hearts
        One row per ECG.
    territory_jitter : float
        Degrees by which each ECG's disease vectors are turned (pretraining only).
    """
    s, n = settings, len(hearts.age)
    heart = hearts.base * np.exp(rng.normal(0.0, s.ecg_spread, (n, 1, 1)))
    length = np.linalg.norm(heart, axis=1, keepdims=True)
    heart = heart + length * rng.normal(0.0, s.ecg_direction_sd, heart.shape)
    _innocent_disease(heart, hearts, s)
    seen = hearts.dose * hearts.visible * np.exp(rng.normal(0.0, s.visible_ecg_spread, (n, 4)))
    burden = seen @ np.array(s.burden_weight)
    change, injury = _disease(hearts, seen, burden, s, rng, territory_jitter)
    scar = hearts.infarct > 0
    heart[:, :, (R, S)] *= np.where(scar, s.infarct_qrs, 1.0)[:, None, None]
    _bundle_branch_block(heart, hearts, s, rng)
    heart[:, :, Q] += change[:, :, 0]
    heart[:, :, ST] += change[:, :, 1]
    heart[:, :, T] += change[:, :, 2]
    heart[hearts.af, :, P1] = 0.0
    heart[hearts.af, :, P2] = 0.0

    field = lead_fields(n, shift_cm=s.electrode_shift_cm, spacing_cm=s.electrode_spacing_cm,
                        rotation_sd=s.lead_rotation_sd, rng=rng)  # fmt: skip
    # The three QRS vectors are parts of one wave and share its gain; so do the two atria.
    gain = 1.0 + rng.normal(0.0, s.lead_gain_sd, (n, 8, 5))[:, :, [0, 0, 1, 2, 2, 2, 3, 4]]
    residual = rng.uniform(*s.residual, (n, 1, 1)) * rng.normal(size=(n, 8, len(WAVES)))
    amplitude = gain * (field @ heart) + residual * np.linalg.norm(heart, axis=1)[:, None, :]
    planted = twelve((field @ change) * gain[:, :, [Q, ST, T]])

    rate = hearts.rate + rng.normal(0.0, s.heart_rate_sd[1], n) + s.rate_burden * burden
    rate = np.clip(np.where(hearts.af, s.af_rate * rate, rate), *s.rate_range)
    n_pvc = np.where(rng.random(n) < s.pvc, 1 + rng.poisson(s.ectopic_number[0], n), 0)
    n_pac = np.where((rng.random(n) < s.pac) & ~hearts.af, 1 + rng.poisson(s.ectopic_number[1], n), 0)
    waves = Waves(
        amplitude=amplitude, center=np.zeros((n, 8)), left=np.zeros((n, 8)), right=np.zeros((n, 8)),
        st_end=np.zeros(n), rate=rate, qrs_ms=np.zeros(n), af=hearts.af, rbbb=hearts.rbbb, lbbb=hearts.lbbb,
        lvh=hearts.lvh, n_pvc=n_pvc, n_pac=n_pac, pvc_amplitude=_ectopic(n, field, s, rng), planted=planted,
        injury=injury, burden=burden,
    )  # fmt: skip
    _timing(waves, hearts, s, rng)
    return waves


def _innocent_disease(heart: np.ndarray, hearts: Hearts, s: Settings) -> None:
    for wave, (size, direction) in ((R, s.lvh_qrs), (T, s.lvh_t), (ST, s.lvh_st)):
        heart[:, :, wave] += size * hearts.lvh[:, None] * np.array(direction)
    heart[:, :, T] += hearts.nonspecific[:, None] * np.array(s.nonspecific_direction)


def _disease(
    hearts: Hearts, seen: np.ndarray, burden: np.ndarray, s: Settings, rng: np.random.Generator, jitter: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return what disease adds to Q, ST and T as heart vectors (n, 3, 3), and the injured territory or -1."""
    n = len(burden)
    scar_size = s.infarct_q * hearts.infarct
    change = np.zeros((n, 3, 3))
    change[:, :, 0] = scar_size[:, None] * np.array(s.infarct_direction)[hearts.infarct_vessel]
    change[:, :, 1] = s.st_change * burden[:, None] * np.array(s.st_direction)
    change[:, :, 2] = s.t_change * seen @ np.array(s.t_direction)
    change[:, :, 2] += s.t_burden * burden[:, None] * np.array(s.t_burden_direction)
    # Transmural injury is rare: such patients go to angiography. RCA with or without the right ventricle,
    # LAD proximal or mid, LCX.
    worst = np.argmax(np.where([True, False, True, True], hearts.dose, -1.0), axis=1)
    variant = rng.integers(0, 2, n)
    territory = np.select([worst == 0, worst == 2], [variant, 2 + variant], 4)
    worst_dose = np.take_along_axis(hearts.dose, worst[:, None], axis=1)[:, 0]
    injured = (rng.random(n) < s.injury * worst_dose) & hearts.severe
    size = np.where(injured, rng.uniform(*s.injury_mv, n), 0.0)
    change[:, :, 1] += size[:, None] * np.array(s.injury_direction)[territory]
    if jitter > 0:
        change = rotations(n, sd_degrees=jitter, rng=rng) @ change
    return change, np.where(injured, territory, -1)


def _bundle_branch_block(heart: np.ndarray, hearts: Hearts, s: Settings, rng: np.random.Generator) -> None:
    """Late rightward-anterior forces (right) or slurred leftward-posterior ones (left), with discordant T."""
    n = len(heart)
    right, left = hearts.rbbb, hearts.lbbb & ~hearts.rbbb
    scale = np.exp(rng.normal(0.0, s.block_spread[0], n))[:, None]
    late = s.rbbb_late[0] * scale * (np.array(s.rbbb_late[1]) + rng.normal(0.0, s.block_spread[1], (n, 3)))
    heart[right, :, R2] = late[right]
    heart[right, :, S] *= s.rbbb_s_t[0]
    heart[right, :, T] += s.rbbb_s_t[1] * late[right]
    broad = scale * (np.array(s.lbbb_direction) + rng.normal(0.0, s.block_spread[2], (n, 3)))
    keep_r, keep_s, keep_t, t_per_r, st_per_r = s.lbbb_factors
    heart[left, :, Q] = np.array(s.lbbb_q)
    heart[left, :, R] = keep_r * heart[left, :, R] + s.lbbb_mv[0] * broad[left]
    heart[left, :, R2] = s.lbbb_mv[1] * broad[left]
    heart[left, :, S] *= keep_s
    heart[left, :, T] = keep_t * heart[left, :, T] + t_per_r * heart[left, :, R]
    heart[left, :, ST] += st_per_r * heart[left, :, R]


def _ectopic(n: int, field: np.ndarray, s: Settings, rng: np.random.Generator) -> np.ndarray:
    """Lead amplitudes of a ventricular ectopic beat: two QRS vectors and a discordant T, (n, 8, 3)."""
    first = unit(rng.normal(size=(n, 3))) * rng.uniform(*s.pvc_mv, (n, 1))
    second = s.pvc_second[0] * (first + rng.normal(0.0, s.pvc_second[1], (n, 3)))
    t = s.pvc_t[0] * (first + second) + rng.normal(0.0, s.pvc_t[1], (n, 3))
    return field @ np.stack([first, second, t], axis=2)


def _timing(w: Waves, hearts: Hearts, s: Settings, rng: np.random.Generator) -> None:
    """Fill centers and widths (ms) from QRS duration, PR and QT; R is at zero."""
    n = len(w)
    qrs = hearts.qrs_ms + rng.normal(0.0, s.interval_spread_ms[0], n)
    at_one, least, most = s.qrs_stretch_ms
    stretch = np.clip(qrs, least, most) / at_one
    block = hearts.rbbb | hearts.lbbb
    late = np.where(block, rng.normal(*s.block_ms[:2], n), 0.0)
    w.qrs_ms = qrs + late
    scar = 1.0 - np.exp(-hearts.infarct)
    w.center[:, Q], w.left[:, Q] = s.q_ms[0] * stretch, s.q_ms[1] * stretch + s.infarct_q_width * scar
    slur = np.where(hearts.lbbb, s.block_width[0], 1.0)
    w.center[:, R], w.left[:, R] = 0.0, s.r_width_ms * stretch * slur
    w.center[:, S], w.left[:, S] = s.s_ms[0] * stretch * slur, s.s_ms[1] * stretch
    # R' peaks just before the prolonged QRS ends.
    w.center[:, R2] = s.qrs_limits_ms[1] * stretch + late - 2.0 * s.block_width[1]
    w.left[:, R2] = np.where(hearts.lbbb, s.block_width[2], s.block_width[1])
    w.right[:, :ST] = w.left[:, :ST]
    onset, end = s.qrs_limits_ms[0] * stretch, s.qrs_limits_ms[1] * stretch + late
    pr = np.clip(hearts.pr_ms + rng.normal(0.0, s.interval_spread_ms[1], n), 115.0, 250.0)
    pr *= 1.0 + s.pr_rate * (w.rate - 70.0)
    for wave, after in zip((P1, P2), s.p_after_onset_ms, strict=True):
        w.center[:, wave] = onset - pr + after
        w.left[:, wave] = w.right[:, wave] = s.p_width_ms
    rr = np.cbrt(60.0 / w.rate)
    qt = (hearts.qtc_ms + rng.normal(0.0, s.interval_spread_ms[2], n)) * rr + s.block_ms[2] * late
    w.left[:, T], w.right[:, T] = s.t_width_ms[0] * rr, s.t_width_ms[1] * rr
    w.center[:, T] = np.maximum(onset + qt - 2.0 * w.right[:, T], end + 90.0)
    w.left[:, ST], w.right[:, ST] = s.st_ms[:2]
    w.center[:, ST] = end + 6.0
    w.st_end = w.center[:, T] - s.st_ms[2]


def features(w: Waves) -> tuple[np.ndarray, list[str]]:
    """What an ECG holds once every nuisance of recording is removed (Z of the attainable AUC).

    Amplitudes of all waves in the eight leads with ischaemic and innocent parts already summed, timing,
    rate and rhythm; never what was planted, nor anything about the patient.

    Returns
    -------
    float64 array, shape (n, 74), and its column names
    """
    n = len(w)
    amplitude = w.amplitude.transpose(0, 2, 1).reshape(n, -1)
    names = [f"{wave} {lead}" for wave in WAVES for lead in INDEPENDENT]
    qt_end = w.center[:, T] + 2.0 * w.right[:, T]
    extra = {
        "rate": w.rate, "qrs_ms": w.qrs_ms, "pr_ms": w.center[:, R] - w.center[:, P1], "qt_ms": qt_end,
        "q_ms": w.left[:, Q], "qrs_stretch": w.left[:, S], "late_ms": w.center[:, R2],
        "af": w.af, "pvc": w.n_pvc, "pac": w.n_pac,
    }  # fmt: skip
    return np.column_stack([amplitude, *[np.asarray(v, dtype=float) for v in extra.values()]]), names + list(
        extra
    )
