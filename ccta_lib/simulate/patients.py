"""Virtual patients, their examinations and ECGs: everything of the cohort table that is not a waveform.

Table 1 counts ECGs, so its margins are met at that level and by construction: within the cohort drawn,
continuous propensities are cut where the published share of ECGs lies above. Which patient falls on which
side is chance, the margin itself is not (the paper-against-this-run page marks it as targeted).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from scipy import stats

from ccta_lib.errors import ParameterError
from ccta_lib.schema import GRADE_BOUNDARIES, Grade
from ccta_lib.simulate.followup import outcomes
from ccta_lib.simulate.settings import Margins, Settings
from ccta_lib.simulate.stenosis import stenosis
from ccta_lib.simulate.symptom import draw_symptoms
from ccta_lib.simulate.waves import Hearts, base_vectors, dose_of

CohortName = Literal["internal", "external", "followup"]
COHORT_CODES: dict[CohortName, int] = {"internal": 0, "external": 1, "followup": 2}
_GRADES = np.array([str(g) for g in Grade], dtype=object)


@dataclass(frozen=True)
class CohortSizes:
    """How many patients, exams and ECGs each cohort holds; outside, one exam and one ECG per patient."""

    internal_patients: int
    internal_exams: int
    internal_ecgs: int
    external: int
    followup: int

    def __post_init__(self) -> None:
        faults = [
            f"{name}: found {value!r}; give a whole number of at least {low}"
            for name, low in (("internal_patients", 1), ("internal_exams", 1), ("internal_ecgs", 1),
                              ("external", 0), ("followup", 0))
            if not isinstance(value := getattr(self, name), int) or value < low
        ]  # fmt: skip
        if not faults and not self.internal_patients <= self.internal_exams <= self.internal_ecgs:
            faults.append(f"internal sizes: found {self.internal_patients} patients, {self.internal_exams} exams, "
                          f"{self.internal_ecgs} ECGs; patients <= exams <= ECGs is needed")  # fmt: skip
        if not faults and self.internal_exams > 2 * self.internal_patients:
            faults.append(f"internal_exams: found {self.internal_exams}; at most two per patient")
        if faults:
            raise ParameterError(*faults)

    @classmethod
    def paper(cls) -> CohortSizes:
        """Return the sizes of the paper (Table 1)."""
        return cls(2323, 2595, 4620, 2477, 400)

    @classmethod
    def scaled(cls, internal_ecgs: int, external: int, followup: int) -> CohortSizes:
        """Return sizes with the paper's ratio of patients and exams to internal ECGs."""
        return cls(max(1, round(internal_ecgs * 2323 / 4620)), max(1, round(internal_ecgs * 2595 / 4620)),
                   internal_ecgs, external, followup)  # fmt: skip

    @property
    def total(self) -> int:
        """ECGs of all cohorts."""
        return self.internal_ecgs + self.external + self.followup


@dataclass
class Draws:
    """Chance of one cohort, before any margin is applied; shapes (n,) or (n, 4)."""

    age: np.ndarray
    male: np.ndarray
    diabetes: np.ndarray
    hypertension: np.ndarray
    liability: np.ndarray
    prior_mi: np.ndarray
    missing: np.ndarray
    visible: np.ndarray
    reader: np.ndarray
    swap: np.ndarray


@dataclass
class People:
    """Patients with margins applied; `read` (exams, 4) is the percent stenosis the CCTA reader saw."""

    age: np.ndarray
    male: np.ndarray
    diabetes: np.ndarray
    hypertension: np.ndarray
    percent: np.ndarray
    read: np.ndarray
    prior_mi: np.ndarray
    infarct_vessel: np.ndarray


@dataclass
class Cohort:
    """One cohort: its table (one row per ECG, no waveform column), and the hearts behind the rows."""

    name: CohortName
    table: pd.DataFrame
    hearts: Hearts
    percent: np.ndarray
    margins: Margins


def cut(score: np.ndarray, share: float, weight: np.ndarray) -> np.ndarray:
    """Mark the highest scores so that they hold `share` of the weight, as nearly as whole rows allow."""
    order = np.argsort(-score, kind="stable")
    total = np.cumsum(weight[order])
    target = share * total[-1]
    number = int(np.searchsorted(total, target))
    below = total[number - 1] if number else 0.0
    if number < len(total) and abs(total[number] - target) < abs(below - target):
        number += 1
    marked = np.zeros(len(score), dtype=bool)
    marked[order[:number]] = True
    return marked


def draw_cohort(name: CohortName, sizes: CohortSizes, *, seed: int, settings: Settings) -> Cohort:
    """Draw one cohort's table and hearts (Table 1, Figure 3, Methods: data sets).

    Parameters
    ----------
    name : "internal", "external" or "followup"
    sizes : CohortSizes
    seed : int
    settings : Settings

    Returns
    -------
    Cohort
        Rows ordered by patient, examination and time.
    """
    margins: Margins = getattr(settings, name)
    rng = np.random.default_rng([seed, COHORT_CODES[name], 1])
    if name == "internal":
        n, n_exams, n_ecgs = sizes.internal_patients, sizes.internal_exams, sizes.internal_ecgs
    else:
        n = n_exams = n_ecgs = sizes.external if name == "external" else sizes.followup
    second = np.sort(rng.permutation(n)[: n_exams - n])
    patient = np.sort(np.concatenate([np.arange(n), second]))
    draws = _draw(n, n_exams, settings, margins, rng)

    # How many ECGs a patient has depends a little on disease, and the margins count ECGs: two passes.
    even = np.ones(n_exams)
    people = _apply(draws, margins, settings, patient, even, np.ones(n, dtype=bool))
    severe = np.any(people.read >= GRADE_BOUNDARIES[2], axis=1)
    per_exam = _ecgs_per_exam(n_exams, n_ecgs, severe, settings, rng)
    per_patient = np.bincount(patient, per_exam, minlength=n)
    ill = np.bincount(patient, severe, minlength=n) > 0
    score = draws.missing + settings.missing_on_severity * ill
    no_sex = _exactly(score, round(margins.sex_missing * n_ecgs), per_patient)
    extra = round((margins.age_missing - margins.sex_missing) * n_ecgs)
    no_age = no_sex | _exactly(np.where(no_sex, -np.inf, score), extra, per_patient)
    people = _apply(draws, margins, settings, patient, per_exam.astype(float), ~no_age)

    hearts = _hearts(people, draws, settings, rng)
    exam = np.repeat(np.arange(n_exams), per_exam)
    table = _table(name, people, patient, exam, no_age, no_sex, settings, rng)
    symptoms = draw_symptoms(people.percent[patient], people.male[patient], people.diabetes[patient], settings,
                             np.random.default_rng([seed, COHORT_CODES[name], 4]))  # fmt: skip
    table.insert(list(table.columns).index("followup_days"), "symptom", symptoms[exam])
    rows = patient[exam]
    return Cohort(name, table, hearts.take(rows), people.percent[rows], margins)


def _draw(n: int, n_exams: int, s: Settings, margins: Margins, rng: np.random.Generator) -> Draws:
    def stratified(columns: int = 1) -> np.ndarray:
        """Uniform numbers, one in each of n equal strata: margins wander less between seeds."""
        strata = np.stack([rng.permutation(n) for _ in range(columns)], axis=1)
        return (strata + rng.uniform(0.02, 0.98, (n, columns))) / n

    logistic = stats.logistic.ppf(stratified(3))
    root = np.linalg.cholesky(np.array(s.correlation))
    return Draws(
        age=stats.skewnorm.ppf(stratified()[:, 0], margins.age_shape),
        male=rng.random(n),
        diabetes=logistic[:, 0],
        hypertension=logistic[:, 1],
        liability=rng.normal(size=(n, 4)) @ root.T,
        prior_mi=rng.normal(size=n),
        missing=logistic[:, 2],
        visible=(rng.random((n, 4)) < s.visible)
        * np.array(s.visible_size)
        * np.exp(rng.normal(0.0, s.visible_spread, (n, 4))),
        reader=rng.normal(0.0, s.reader_sd, (n_exams, 4)),
        swap=np.where(rng.random(n_exams) < s.reader_swap, rng.integers(0, 3, n_exams), -1),
    )


def _apply(
    d: Draws, margins: Margins, s: Settings, patient: np.ndarray, weight: np.ndarray, known: np.ndarray
) -> People:
    """Turn chance into patients whose ECG-weighted margins are Table 1's."""
    n = len(d.age)
    w = np.bincount(patient, weight, minlength=n)
    age = _ages(d.age, margins, s, np.where(known, w, 0.0))
    decade = (age - s.age_reference) / 10.0
    male = cut(d.male, margins.male, np.where(known, w, 0.0)) if known.any() else d.male < margins.male
    # The unknown have the threshold of the known.
    male |= d.male >= d.male[male].min(initial=np.inf)
    diabetes = cut(d.diabetes + s.diabetes_on_age * decade, margins.diabetes, w)
    score = d.hypertension + s.hypertension_on_age * decade + s.hypertension_on_diabetes * diabetes
    hypertension = cut(score, margins.hypertension, w)
    common = (
        s.liability_age * 10.0 * decade
        + s.liability_male * male
        + s.liability_diabetes * diabetes
        + s.liability_hypertension * hypertension
    )
    liability = common[:, None] * np.array(s.liability_loading) + d.liability
    percent, read = stenosis(liability, d.reader, d.swap, margins.severe, s, patient, weight)
    dose = dose_of(percent, s)
    score = s.infarct_dose * dose.max(axis=1) + s.infarct_age_65 * (age > 65) + d.prior_mi
    # The scar lies where the dose is largest; a tie (no disease) goes by liability.
    return People(age, male, diabetes, hypertension, percent, read, cut(score, margins.prior_mi, w),
                  np.argmax(dose + 1e-6 * liability, axis=1))  # fmt: skip


def _ages(raw: np.ndarray, margins: Margins, s: Settings, weight: np.ndarray) -> np.ndarray:
    """Scale to Table 1's mean and SD; the share of >= 65 follows from the shape (`Margins.age_shape`)."""
    mean = np.average(raw, weights=weight)
    sd = np.sqrt(np.average((raw - mean) ** 2, weights=weight)) or 1.0
    return np.clip(margins.age_mean + margins.age_sd * (raw - mean) / sd, *s.age_range)


def _ecgs_per_exam(
    n_exams: int, n_ecgs: int, severe: np.ndarray, s: Settings, rng: np.random.Generator
) -> np.ndarray:
    """One ECG each and the rest negative binomial (gamma, then multinomial) given their number."""
    if n_ecgs == n_exams:
        return np.ones(n_exams, dtype=int)
    mean = n_ecgs / n_exams
    # Extra ECGs carry the whole excess of severe exams, so that ECGs per exam differ by the factor.
    extra = np.where(severe, s.extra_ecg_severe * mean - 1.0, mean - 1.0)
    rate = rng.gamma(s.extra_ecg_dispersion, size=n_exams) * extra
    return 1 + rng.multinomial(n_ecgs - n_exams, rate / rate.sum())


def _exactly(score: np.ndarray, number: int, weight: np.ndarray) -> np.ndarray:
    """Mark patients in order of score until exactly `number` ECGs are theirs, if patients allow it."""
    marked = np.zeros(len(score), dtype=bool)
    left = number
    for i in np.argsort(-score, kind="stable"):
        if left == 0:
            break
        if weight[i] <= left:
            marked[i] = True
            left -= int(weight[i])
    return marked


def _hearts(p: People, d: Draws, s: Settings, rng: np.random.Generator) -> Hearts:
    """Draw each patient's heart; what disease does to it follows from the true percent, not from the report."""
    n = len(p.age)
    decade = (p.age - s.age_reference) / 10.0
    chance = stats.norm.cdf(s.lvh_intercept + s.lvh_hypertension * p.hypertension + s.lvh_age * decade)
    odds = s.af / (1.0 - s.af) * np.exp(s.af_age * (decade - 0.4))
    rate = (
        s.heart_rate
        + s.heart_rate_age * decade
        + s.heart_rate_male * p.male
        + s.heart_rate_diabetes * p.diabetes
        + rng.normal(0.0, s.heart_rate_sd[0], n)
    )
    return Hearts(
        age=p.age,
        male=p.male,
        dose=dose_of(p.percent, s),
        visible=d.visible,
        base=base_vectors(p.age, p.male, p.diabetes, s, rng),
        rate=rate,
        qrs_ms=s.qrs_ms[0] + s.qrs_ms[2] * p.male + rng.normal(0.0, s.qrs_ms[1], n),
        pr_ms=s.pr_ms[0] + s.pr_ms[2] * decade + rng.normal(0.0, s.pr_ms[1], n),
        qtc_ms=s.qtc_ms[0] + s.qtc_ms[2] * p.male + rng.normal(0.0, s.qtc_ms[1], n),
        lvh=np.where(rng.random(n) < chance, rng.gamma(*s.lvh_size, n), 0.0),
        nonspecific=np.where(
            rng.random(n) < s.nonspecific[0] + s.nonspecific[1] * p.hypertension,
            rng.gamma(*s.nonspecific_size, n), 0.0,
        ),
        infarct=np.where(p.prior_mi, rng.gamma(*s.infarct_size, n), 0.0),
        infarct_vessel=p.infarct_vessel,
        severe=np.any(p.percent >= GRADE_BOUNDARIES[2], axis=1),
        af=rng.random(n) < odds / (1.0 + odds),
        rbbb=rng.random(n) < s.rbbb,
        lbbb=rng.random(n) < s.lbbb,
    )  # fmt: skip


def _table(
    name: CohortName, p: People, patient: np.ndarray, exam: np.ndarray, no_age: np.ndarray, no_sex: np.ndarray,
    s: Settings, rng: np.random.Generator,
) -> pd.DataFrame:  # fmt: skip
    n, n_exams, n_ecgs = len(p.age), len(patient), len(exam)
    letter = name[0].upper()
    day = rng.integers(0, 5 * 365, n)[patient].astype(float)
    again = np.concatenate([[False], patient[1:] == patient[:-1]])
    day += np.where(again, np.floor(rng.uniform(*s.second_exam_days, n_exams)), 0.0)
    ccta_hours = 24.0 * day + rng.uniform(8.0, 18.0, n_exams)
    soon = rng.random(n_ecgs) < s.within_3h
    median, spread, limit = s.later_days
    later = np.minimum(24.0 * median * np.exp(rng.normal(0.0, spread, n_ecgs)), 24.0 * limit)
    ahead = np.where(soon, rng.uniform(0.25, 2.95, n_ecgs), np.maximum(later, 3.2))
    order = np.lexsort((-ahead, exam))
    ahead = ahead[order]
    start = pd.Timestamp("2019-01-01")
    who = patient[exam]
    grade = np.searchsorted(GRADE_BOUNDARIES, p.read, side="right")[exam]
    numbers = np.char.zfill((np.arange(n_ecgs) + 1).astype(str), 6)
    site = "site A" if name == "internal" else "site B"
    hours = ccta_hours[exam]
    table = pd.DataFrame({
        "ecg_id": np.char.add(f"{letter}E", numbers),
        "patient_id": np.char.add(f"{letter}P", np.char.zfill((who + 1).astype(str), 6)),
        "exam_id": np.char.add(f"{letter}X", np.char.zfill((exam + 1).astype(str), 6)),
        "site": site,
        "cohort": name,
        "sampling_hz": 500.0,
        "ecg_time": start + pd.to_timedelta(np.round((hours - ahead) * 3600.0), unit="s"),
        "ccta_time": start + pd.to_timedelta(np.round(hours * 3600.0), unit="s"),
        "age": np.where(no_age[who], np.nan, np.round(p.age[who], 1)),
        "sex": pd.Series(np.where(p.male[who], "M", "F"), dtype=object).mask(no_sex[who], None),
        "diabetes": pd.array(p.diabetes[who], dtype="boolean"),
        "hypertension": pd.array(p.hypertension[who], dtype="boolean"),
        "prior_mi": pd.array(p.prior_mi[who], dtype="boolean"),
    })  # fmt: skip
    for v, vessel in enumerate(("rca", "lm", "lad", "lcx")):
        table[f"grade_{vessel}"] = _GRADES[grade[:, v]]
    for column in ("followup_days", "mi_event", "end_reason"):
        table[column] = None
    if name == "followup" and n_ecgs:
        severe = p.read[exam] >= GRADE_BOUNDARIES[2]
        outcome = outcomes(severe, p.prior_mi[who], p.age[who], ahead / 24.0, s, rng)
        for column, values in outcome.items():
            table[column] = values
    table["followup_days"] = table["followup_days"].astype("float64")
    table["mi_event"] = table["mi_event"].astype("boolean")
    return table


def ecg_normal(waves_normal: np.ndarray, s: Settings, rng: np.random.Generator) -> np.ndarray:
    """What the ECG reader says: the rule on the leads, reversed now and then. The reader sees no stenosis."""
    return waves_normal ^ (rng.random(len(waves_normal)) < s.reader_flip)
