"""Risk groups at a threshold: who is above, what they carry, and how many must be screened (Table A2, A3)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit
from scipy.special import logit as scipy_logit

from ccta_lib.errors import InputError
from ccta_lib.evaluation.checks import binary, codes, level_z, probability, same_length
from ccta_lib.evaluation.rates import rate_interval
from ccta_lib.evaluation.results import NAN
from ccta_lib.evaluation.tables import NO_LABEL, slices, tidy
from ccta_lib.schema import VESSELS

# SCAPIS (Bergstrom 2021) as the paper cites it; 1.9 % is left main, proximal LAD or three-vessel disease.
POPULATION_PREVALENCE: Mapping[str, float] = {"RCA": 0.019, "LM": 0.001, "LAD": 0.019, "LCX": 0.019}
SHARE, ABOVE, BELOW = "share above threshold", "risk above threshold", "risk below threshold"
RELATIVE = "relative risk"
SCREENED, IMAGED = "ECGs per case found", "CCTAs per case found"
AT_POPULATION = "at population prevalence"


def risk_groups(
    y: Any,
    p: Any,
    threshold: float,
    *,
    groups: Any = None,
    prevalence: float | None = None,
    level: float = 0.95,
) -> pd.DataFrame:
    """Describe the groups above and below a threshold.

    Parameters
    ----------
    y : (n,) labels, 0 or 1
    p : (n,) probabilities; above means p >= threshold
    threshold : number in [0, 1]
    groups : (n,) patient of each row; None = one patient per row
    prevalence : of the population to which sensitivity and specificity are carried; None = leave out
    level : confidence level

    Returns
    -------
    DataFrame
        metric, estimate, low, high, method, note, n_above, n_pos_above, n_below, n_pos_below. Metrics: `SHARE`;
        `ABOVE` and `BELOW`, the observed risks; `RELATIVE`; number needed to screen as `SCREENED` (1 / share that
        is a true positive) and `IMAGED` (1 / risk above); with a prevalence `ABOVE`, `BELOW`, `SCREENED` and
        `IMAGED` again, ending in `AT_POPULATION`, which assumes that sensitivity and specificity do not change.

    Raises
    ------
    InputError
        If lengths differ, a label is not 0 or 1, or p, threshold or prevalence lies outside [0, 1].
    """
    z = level_z(level)
    positive, prob = binary(y), probability(p)
    n = same_length(y=positive, p=prob)
    code, _ = codes(groups, n=n)
    if not 0 <= threshold <= 1:
        raise InputError(f"threshold: expected a probability in [0, 1], found {threshold}")
    if prevalence is not None and not 0 < prevalence < 1:
        raise InputError(f"prevalence: expected a number inside (0, 1), found {prevalence}")
    above = prob >= threshold

    def rate(success: np.ndarray, among: np.ndarray) -> tuple[float, float, float, str, str]:
        r = rate_interval(success[among], groups=None if groups is None else code[among], level=level)
        return r.estimate, r.low, r.high, r.method, r.note

    everyone = np.ones(n, dtype=bool)
    found = rate(positive & above, everyone)
    lines = {
        SHARE: rate(above, everyone),
        ABOVE: rate(positive, above),
        BELOW: rate(positive, ~above),
        RELATIVE: _relative_risk(positive, above, code, z),
        SCREENED: _inverse(found),
        IMAGED: _inverse(rate(positive, above)),
    }
    if prevalence is not None:
        sensitivity = rate(above, positive)
        high = _carried(positive, above, code, z, prevalence)
        low = _carried(positive, ~above, code, z, prevalence)
        scaled = tuple(prevalence * v for v in sensitivity[:3])
        lines |= {
            f"{ABOVE} {AT_POPULATION}": high,
            f"{BELOW} {AT_POPULATION}": low,
            f"{SCREENED} {AT_POPULATION}": _inverse((*scaled, *sensitivity[3:])),
            f"{IMAGED} {AT_POPULATION}": _inverse(high),
        }
    counts = {
        "n_above": int(above.sum()),
        "n_pos_above": int((positive & above).sum()),
        "n_below": int((~above).sum()),
        "n_pos_below": int((positive & ~above).sum()),
    }
    out = pd.DataFrame(
        [(metric, *line) for metric, line in lines.items()],
        columns=["metric", "estimate", "low", "high", "method", "note"],
    )
    return out.assign(**counts)


def _inverse(line: tuple[Any, ...]) -> tuple[float, float, float, str, str]:
    """Return 1 / rate with its limits exchanged; no upper limit where the rate may be 0."""
    estimate, low, high, method, note = line
    if not np.isfinite(estimate) or estimate == 0:
        return NAN, NAN, NAN, method, note or "no case found: infinitely many"
    return (
        1 / estimate,
        1 / high if high > 0 else NAN,
        1 / low if low > 0 else NAN,
        f"1 / rate, {method}",
        note,
    )


def _relative_risk(
    y: np.ndarray, above: np.ndarray, code: np.ndarray, z: float
) -> tuple[float, float, float, str, str]:
    method = "log scale, patient-robust"
    if not above.any() or above.all():
        return NAN, NAN, NAN, method, "one risk group is empty"
    high, low = y[above].mean(), y[~above].mean()
    if high == 0 or low == 0:
        ratio = NAN if low == 0 else 0.0
        return ratio, NAN, NAN, method, "a risk group has no case: no interval"
    influence = above * (y - high) / (high * above.sum()) - ~above * (y - low) / (low * (~above).sum())
    half = z * _clustered_sd(influence, code)
    ratio = float(high / low)
    return ratio, ratio * np.exp(-half), ratio * np.exp(half), method, ""


def _carried(
    y: np.ndarray, group: np.ndarray, code: np.ndarray, z: float, prevalence: float
) -> tuple[float, float, float, str, str]:
    """Return the risk in a group at another prevalence, by its likelihood ratio with a log-scale interval."""
    method = "likelihood ratio, patient-robust"
    if y.all() or not y.any() or not group.any():
        return NAN, NAN, NAN, method, "only one class, or an empty group"
    if group.all():
        return prevalence, NAN, NAN, method, "everybody is in this group"
    in_cases, in_controls = group[y].mean(), group[~y].mean()
    if in_cases == 0 or in_controls == 0:
        risk = 0.0 if in_cases == 0 else 1.0
        return risk, NAN, NAN, method, "the group holds one class only: no interval"
    influence = y * (group - in_cases) / (in_cases * y.sum())
    influence = influence - ~y * (group - in_controls) / (in_controls * (~y).sum())
    half = z * _clustered_sd(influence, code)
    centre = scipy_logit(prevalence) + np.log(in_cases / in_controls)
    return float(expit(centre)), float(expit(centre - half)), float(expit(centre + half)), method, ""


def _clustered_sd(influence: np.ndarray, code: np.ndarray) -> float:
    """Return the standard error of an estimate from the influence of its rows, summed within patients."""
    _, number = np.unique(code, return_inverse=True)
    patients = int(number.max()) + 1
    if patients < 2:
        return NAN
    summed = np.bincount(number, influence)
    return float(np.sqrt(patients / (patients - 1) * (summed @ summed)))


def risk_group_table(
    predictions: pd.DataFrame,
    *,
    thresholds: Mapping[str, float],
    prevalence: Mapping[str, float] = POPULATION_PREVALENCE,
    units: Iterable[str] = ("ecg",),
    cohorts: Sequence[str] | None = None,
    vessels: Iterable[str] = VESSELS,
    level: float = 0.95,
) -> pd.DataFrame:
    """Return `risk_groups` of each vessel, cohort and unit in contract 3, with threshold and counts."""
    rows: list[dict[str, Any]] = []
    for part in slices(predictions, units=units, cohorts=cohorts, vessels=vessels):
        cut = thresholds[part.vessel]
        if not len(part.y):
            rows.append(part.row(SHARE, note=NO_LABEL, threshold=cut))
            continue
        found = risk_groups(
            part.y,
            part.p,
            cut,
            groups=part.patients,
            prevalence=prevalence.get(part.vessel),
            level=level,
        )
        for line in found.to_dict("records"):
            rows.append(part.row(**{str(k): v for k, v in line.items()}, threshold=cut))
    return tidy(rows)
