"""What is measured for each claim of the paper: one function per claim, the quantity and its interval per vessel."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ccta_lib.evaluation import bootstrap
from ccta_lib.evaluation.calibration_tables import calibration_table
from ccta_lib.evaluation.contrasts import AucTerm, auc_contrast, mean_difference
from ccta_lib.evaluation.decision_summary import useful_range
from ccta_lib.evaluation.decision_tables import decision_curves
from ccta_lib.evaluation.factors import FACTORS
from ccta_lib.evaluation.infarction import PRIMARY, infarction_table
from ccta_lib.evaluation.panels import NORMAL_ECG
from ccta_lib.evaluation.rates import rate_interval
from ccta_lib.evaluation.results import NAN, Difference
from ccta_lib.evaluation.severity import grade_codes, jonckheere_terpstra, severity_table, spearman_trend
from ccta_lib.evaluation.tables import MIN_POSITIVE_PATIENTS, Slice, slices
from ccta_lib.schema import Vessel, labels

FEW = f"fewer than {MIN_POSITIVE_PATIENTS} positive patients in a part"


@dataclass(frozen=True)
class Study:
    """Everything a claim is judged on."""

    predictions: pd.DataFrame
    thresholds: Mapping[str, float]
    vessels: Sequence[str]
    margin: float
    origin: str
    horizon: float
    n_boot: int
    seed: int
    level: float

    def part(self, vessel: str, *, cohort: str = "internal", unit: str = "ecg") -> Slice:
        """Return the labelled rows of a vessel with a probability; none where the cohort is absent."""
        return next(slices(self.predictions, units=[unit], cohorts=[cohort], vessels=[vessel]))


Measured = Iterator[tuple[str, Difference, int, int]]
"""Vessel, the quantity with its interval, rows, positive rows."""


def _term(weight: float, part: Slice) -> AucTerm:
    return AucTerm(weight, part.y, part.p, part.patients)


def _contrast(
    study: Study, vessel: str, parts: Sequence[tuple[float, Slice]]
) -> tuple[str, Difference, int, int]:
    n, n_pos = max(len(p.y) for _, p in parts), min(int(p.y.sum()) for _, p in parts)
    if min(p.n_pos_patients for _, p in parts) < MIN_POSITIVE_PATIENTS:
        return vessel, Difference(NAN, NAN, NAN, NAN, NAN, FEW), n, n_pos
    return vessel, auc_contrast([_term(w, p) for w, p in parts], level=study.level), n, n_pos


def normal_ecg(part: Slice) -> Slice:
    return part.where(FACTORS[NORMAL_ECG](part.table) == "yes")


def auc(cohort: str, normal: bool = False) -> Callable[[Study], Measured]:
    """AUC of each vessel in a cohort, or in its ECGs read as normal."""

    def measure(study: Study) -> Measured:
        for v in study.vessels:
            part = study.part(v, cohort=cohort)
            yield _contrast(study, v, [(1.0, normal_ecg(part) if normal else part)])

    return measure


def external(study: Study) -> Measured:
    """External minus internal AUC."""
    for v in study.vessels:
        yield _contrast(study, v, [(1.0, study.part(v, cohort="external")), (-1.0, study.part(v))])


def normal_against_all(study: Study) -> Measured:
    """AUC in ECGs read as normal minus AUC in all; the former are part of the latter."""
    for v in study.vessels:
        part = study.part(v)
        yield _contrast(study, v, [(1.0, normal_ecg(part)), (-1.0, part)])


def lm_falls_more(where: Callable[[Study, str], Slice]) -> Callable[[Study], Measured]:
    """Fall of LM's AUC from all internal ECGs to those of `where`, minus the mean fall of the others."""

    def measure(study: Study) -> Measured:
        if "LM" not in study.vessels or len(study.vessels) < 2:
            return
        others = [v for v in study.vessels if v != "LM"]
        parts = [(1.0, study.part("LM")), (-1.0, where(study, "LM"))]
        for v in others:
            share = 1.0 / len(others)
            parts += [(-share, study.part(v)), (share, where(study, v))]
        yield _contrast(study, "LM", parts)

    return measure


def at_level(unit: str) -> Callable[[Study], Measured]:
    """AUC at examination or patient level minus AUC at ECG level."""

    def measure(study: Study) -> Measured:
        for v in study.vessels:
            yield _contrast(study, v, [(1.0, study.part(v, unit=unit)), (-1.0, study.part(v))])

    return measure


def subgroup(factor: str, one: str, other: str) -> Callable[[Study], Measured]:
    """AUC in one level of a factor minus AUC in the other."""

    def measure(study: Study) -> Measured:
        for v in study.vessels:
            part = study.part(v)
            of_row = FACTORS[factor](part.table)
            yield _contrast(study, v, [(1.0, part.where(of_row == one)), (-1.0, part.where(of_row == other))])

    return measure


def trend(study: Study) -> Measured:
    """Spearman's rho of grade and probability, patients."""
    table = severity_table(study.predictions, cohorts=["internal"], vessels=study.vessels, level=study.level)
    rows = table[(table["metric"] == "Spearman rho") & (table["range"] == "all grades")]
    for r in rows.to_dict("records"):
        yield (
            r["vessel"],
            Difference(r["estimate"], r["low"], r["high"], NAN, NAN, r["note"]),
            r["n"],
            r["n_pos"],
        )


def each_step(study: Study) -> Measured:
    """The step between neighbouring grades that speaks most against a rise."""
    steps = (("normal", "mild"), ("mild", "moderate"), ("moderate", "severe", "occluded"))
    for v in study.vessels:
        part = study.part(v, unit="patient")
        grade = part.table[Vessel(v).grade_column].astype(str).to_numpy() if len(part.y) else np.zeros(0, str)
        found = []
        for names in steps:
            rows = np.isin(grade, names)
            if np.unique(grade_codes(grade[rows])).size < 2:
                found.append(Difference(NAN, NAN, NAN, NAN, NAN, f"no patient in one of {', '.join(names)}"))
                continue
            o = jonckheere_terpstra(grade[rows], part.p[rows], level=study.level)
            found.append(
                Difference(o.effect, o.low, o.high, o.z, o.p_value, f"{names[0]} to {names[1]} {o.note}")
            )
        falls = [d for d in found if d.high < 0.5]
        open_ = [d for d in found if np.isnan(d.low)]
        worst = (
            min(falls, key=lambda d: d.high)
            if falls
            else open_[0]
            if open_
            else min(found, key=lambda d: d.low)
        )
        yield v, worst, len(part.y), int(part.y.sum())


def strongest(study: Study) -> Measured:
    """Spearman rho of RCA minus that of each other vessel, patients resampled."""
    if "RCA" not in study.vessels:
        return
    first = study.part("RCA", unit="patient")
    for v in (name for name in study.vessels if name != "RCA"):
        other = study.part(v, unit="patient")
        both = first.table.merge(other.table[["patient_id"]], on="patient_id")
        if not len(both):
            yield v, Difference(NAN, NAN, NAN, NAN, NAN, "no patient with both grades"), 0, 0
            continue
        grades = [both[Vessel(w).grade_column].astype(str).to_numpy() for w in ("RCA", v)]
        scores = [both[Vessel(w).prob_column].to_numpy(float) for w in ("RCA", v)]

        def difference(rows: np.ndarray, g: list[Any] = grades, s: list[Any] = scores) -> float:
            a, b = (spearman_trend(g[i][rows], s[i][rows]).rho for i in (0, 1))
            return a - b

        n_pos = int((labels(both[Vessel.RCA.grade_column]) == 1).sum())
        rng = np.random.default_rng(study.seed)
        draws = np.array([difference(rng.integers(0, len(both), len(both))) for _ in range(study.n_boot)])
        low, high, _, note = bootstrap.percentile_interval(draws, study.level)
        yield (
            v,
            Difference(difference(np.arange(len(both))), low, high, NAN, NAN, note),
            len(both),
            n_pos,
        )


def lm_lower(study: Study) -> Measured:
    """Mean LM probability minus the mean of the other vessels' probabilities."""
    part = study.part("LM")
    columns = [Vessel(v).prob_column for v in study.vessels if v != "LM"]
    if not len(part.y) or not columns:
        return
    others = part.table[columns].mean(axis=1).to_numpy(float)
    known = ~np.isnan(others)
    d = mean_difference(
        part.p[known], others[known], part.patients[known], part.patients[known], level=study.level
    )
    yield "LM", d, int(known.sum()), int(part.y[known].sum())


def skill(metric: str) -> Callable[[Study], Measured]:
    """One metric of `calibration_table`."""

    def measure(study: Study) -> Measured:
        table = calibration_table(
            study.predictions, cohorts=["internal"], vessels=study.vessels, level=study.level
        )
        for r in table[table["metric"] == metric].to_dict("records"):
            d = Difference(r["estimate"], r["low"], r["high"], NAN, NAN, r["note"])
            yield r["vessel"], d, r["n"], r["n_pos"]

    return measure


def lm_groups(what: str) -> Callable[[Study], Measured]:
    """Of LM's risk groups: rise (risk high - low), npv (risk low - everybody) or fpr (false-positive rate)."""

    def measure(study: Study) -> Measured:
        part = study.part("LM")
        if "LM" not in study.vessels or not len(part.y):
            return
        y, high, who = part.y.astype(float), part.p >= study.thresholds["LM"], part.patients
        if what == "rise":
            d = mean_difference(y[high], y[~high], who[high], who[~high], level=study.level)
        elif what == "npv":
            d = mean_difference(y[~high], y, who[~high], who, level=study.level)
        else:
            negative = y == 0
            rate = rate_interval(high[negative], groups=who[negative], level=study.level)
            d = Difference(rate.estimate, rate.low, rate.high, NAN, NAN, rate.note)
        yield "LM", d, len(y), int(y.sum())

    return measure


def separation(study: Study) -> Measured:
    """Hazard ratio of high against low risk; without limits where it must not be interpreted."""
    has = {"followup_days", "mi_event"} <= set(study.predictions)
    if not has or not (study.predictions["cohort"] == "followup").any():
        return
    table = infarction_table(
        study.predictions, thresholds=study.thresholds, vessels=study.vessels, any_vessel=False, origins=[study.origin],
        horizon=study.horizon, level=study.level,
    )  # fmt: skip
    rows = table[(table["metric"] == "hazard ratio") & (table["analysis"] == PRIMARY)]
    for r in rows.to_dict("records"):
        low, high = (r["low"], r["high"]) if r["interpret"] else (NAN, NAN)
        yield r["vessel"], Difference(r["estimate"], low, high, NAN, NAN, r["note"]), r["n"], r["n_pos"]


def net_benefit(study: Study) -> Measured:
    """Share of thresholds whose band lies above 0; its limits are the shares that could be called so.

    The band itself is the interval: `low` counts thresholds with the whole band above 0, `high` those without the
    whole band below 0.
    """
    curves = decision_curves(
        study.predictions,
        cohorts=["internal"],
        vessels=study.vessels,
        n_boot=study.n_boot,
        seed=study.seed,
        level=study.level,
    )
    if not len(curves):
        return
    for r in useful_range(curves).to_dict("records"):
        rows = curves[curves["vessel"] == r["vessel"]]
        share = float((rows["estimate"] > 0).mean())
        d = Difference(share, r["share_above"], 1 - r["share_below"], NAN, NAN, "")
        yield r["vessel"], d, int(r["n"]), int(rows["n_pos"].iloc[0])
