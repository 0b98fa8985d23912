"""What the paper's text claims, each with a rule that an interval can hold, reverse or leave undecided.

A direction is *held* when the interval of the measured quantity lies wholly on the claimed side, *reversed* when it
lies wholly on the other, else *undecided*. "Similar" needs a margin, which the paper does not give: it is a parameter.
No p-value of agreement is computed: two studies can agree by accident or by construction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ccta_lib.evaluation import claim_measures as measure
from ccta_lib.evaluation.claim_measures import Measured, Study
from ccta_lib.evaluation.results import NAN
from ccta_lib.evaluation.tables import data_kind
from ccta_lib.schema import VESSELS

HELD, REVERSED, UNDECIDED = "held", "reversed", "undecided"
ABOVE, BELOW, SIMILAR = "above", "below", "similar"
MARGIN, CALIBRATION_MARGIN = 0.05, 0.2


def verdict(low: float, high: float, *, rule: str, against: float = 0.0, margin: float = MARGIN) -> str:
    """Judge a claim by an interval.

    Parameters
    ----------
    low, high : interval of the measured quantity; NaN = not estimable
    rule : "above" or "below" (of `against`), or "similar" (within `margin` of it)
    against : value the claim compares with
    margin : half width of "similar"

    Returns
    -------
    "held", "reversed" or "undecided"
    """
    if np.isnan(low) or np.isnan(high):
        return UNDECIDED
    a, b = low - against, high - against
    held = {ABOVE: a > 0, BELOW: b < 0, SIMILAR: a > -margin and b < margin}
    other = {ABOVE: b < 0, BELOW: a > 0, SIMILAR: a > margin or b < -margin}
    return HELD if held[rule] else REVERSED if other[rule] else UNDECIDED


@dataclass(frozen=True)
class Claim:
    """A sentence of the paper: where it stands, what it says, and the rule that judges it.

    Attributes
    ----------
    name : short name
    place : figure or section of the paper
    says : what the text claims, in few words
    quantity : what is measured
    rule, against : see `verdict`
    targeted : whether a simulated cohort is near by construction, because its difficulty was set by it
    """

    name: str
    place: str
    says: str
    quantity: str
    rule: str
    against: float = 0.0
    targeted: bool = False


_D = "difference in AUC"
CLAIMS: tuple[tuple[Claim, Callable[[Study], Measured]], ...] = (
    (Claim("discriminates", "Figure 1 a", "the ECG shows severe stenosis of each artery", "AUC", ABOVE, 0.5, True),
     measure.auc("internal")),
    (Claim("discriminates outside", "Figure 1 b", "and does so at another hospital", "AUC, external", ABOVE, 0.5, True),
     measure.auc("external")),
    (Claim("discriminates in normal ECGs", "Figure 1 c", "and in ECGs read as normal", "AUC, normal ECG", ABOVE,
           0.5, True), measure.auc("internal", normal=True)),
    (Claim("external like internal", "Results", "external results are consistent with internal ones",
           f"{_D}, external - internal", SIMILAR, 0.0, True), measure.external),
    (Claim("normal ECG like all", "Results", "results in normal ECGs are consistent with the whole",
           f"{_D}, normal - all", SIMILAR, 0.0, True), measure.normal_against_all),
    (Claim("LM less stable outside", "Limitations", "LM is less stable than the others in external patients",
           "fall of AUC, LM - mean of others", ABOVE, 0.0, True),
     measure.lm_falls_more(lambda s, v: s.part(v, cohort="external"))),
    (Claim("LM less stable in normal ECGs", "Limitations", "LM is less stable than the others in normal ECGs",
           "fall of AUC, LM - mean of others", ABOVE, 0.0, True),
     measure.lm_falls_more(lambda s, v: measure.normal_ecg(s.part(v)))),
    (Claim("examination like ECG", "Figure 2", "the same at examination level", f"{_D}, exam - ECG", SIMILAR),
     measure.at_level("exam")),
    (Claim("patient like ECG", "Figure 2", "the same at patient level", f"{_D}, patient - ECG", SIMILAR),
     measure.at_level("patient")),
    (Claim("younger better", "Figure 3", "higher AUC under 65 years", f"{_D}, < 65 - >= 65", ABOVE),
     measure.subgroup("age", "< 65 years", ">= 65 years")),
    (Claim("hypertension better", "Figure 3", "higher AUC with hypertension", f"{_D}, yes - no", ABOVE),
     measure.subgroup("hypertension", "yes", "no")),
    (Claim("over 3 h better", "Figure 3", "higher AUC when ECG and CCTA are over 3 hours apart",
           f"{_D}, > 3 h - <= 3 h", ABOVE), measure.subgroup("ECG-CCTA interval", "> 3 h", "<= 3 h")),
    (Claim("prior MI worse", "Figure 3", "lower AUC after a myocardial infarction", f"{_D}, yes - no", BELOW),
     measure.subgroup("prior MI", "yes", "no")),
    (Claim("men like women", "Figure 3", "comparable in men and women", f"{_D}, men - women", SIMILAR),
     measure.subgroup("sex", "male", "female")),
    (Claim("diabetes makes no difference", "Figure 3", "no material difference by diabetes",
           f"{_D}, yes - no", SIMILAR),
     measure.subgroup("diabetes", "yes", "no")),
    (Claim("rises with grade", "Figure 4", "probability and grade are positively correlated",
           "Spearman rho, patients", ABOVE), measure.trend),
    (Claim("rises at each step", "Figure 4", "a monotonic rise from normal to severe in all arteries",
           "weakest step: P(higher in the higher grade)", ABOVE, 0.5), measure.each_step),
    (Claim("RCA strongest", "Figure 4", "RCA has the strongest correlation", "Spearman rho, RCA - this artery",
           ABOVE), measure.strongest),
    (Claim("LM probabilities lower", "Figure 4", "LM probabilities are lower than the others'",
           "mean probability, LM - others", BELOW), measure.lm_lower),
    (Claim("calibrated slope", "Figure 5", "good calibration in all arteries", "calibration slope", SIMILAR, 1.0),
     measure.skill("calibration slope")),
    (Claim("calibrated mean", "Figure 5", "good calibration in all arteries", "observed / expected", SIMILAR, 1.0),
     measure.skill("observed / expected")),
    (Claim("low Brier score", "Figure 5", "low Brier scores", "Brier skill against the base rate", ABOVE),
     measure.skill("Brier skill against the base rate")),
    (Claim("LM risk rises", "Figure 5", "more LM disease in the high-risk group", "risk, high - low", ABOVE),
     measure.lm_groups("rise")),
    (Claim("LM excludes", "Results", "excludes LM disease in healthy people", "risk, low-risk group - everybody",
           BELOW), measure.lm_groups("npv")),
    (Claim("LM few false positives", "Results", "no large number of false LM positives", "false-positive rate",
           BELOW, 0.5), measure.lm_groups("fpr")),
    (Claim("infarctions separate", "Figure 6", "significant separation of risk groups in all four",
           "hazard ratio, high : low", ABOVE, 1.0), measure.separation),
    (Claim("net benefit", "Figure 7", "generally above treat-all and treat-none", "share of thresholds above both",
           ABOVE, 0.5), measure.net_benefit),
)  # fmt: skip


def directional_claims(
    predictions: pd.DataFrame,
    *,
    thresholds: Mapping[str, float],
    vessels: Sequence[str] = VESSELS,
    margin: float = MARGIN,
    calibration_margin: float = CALIBRATION_MARGIN,
    origin: str = "ccta",
    horizon: float = 700.0,
    n_boot: int = 500,
    seed: int = 0,
    level: float = 0.95,
    progress: Callable[..., None] | None = None,
) -> pd.DataFrame:
    """Judge every directional claim of the paper's text on this run.

    Parameters
    ----------
    predictions : contract 2
    thresholds : risk threshold of each vessel
    vessels : arteries to judge
    margin : half width, in AUC, of "similar"; the paper names none
    calibration_margin : the same for slope and observed / expected about 1
    origin, horizon : of the time to infarction
    n_boot, seed, level : of the intervals; bands of net benefit and the comparison of correlations are resampled

    Returns
    -------
    DataFrame
        claim, place, says, quantity, rule, against, vessel, estimate, low, high, verdict, targeted, n, n_pos, note,
        data_kind. A claim without any data has one row with vessel "" and a note.
    """
    study = Study(predictions, thresholds, list(vessels), margin, origin, horizon, n_boot, seed, level)
    kind = data_kind(predictions)
    rows: list[dict[str, Any]] = []
    for i, (claim, measured) in enumerate(CLAIMS):
        if progress:
            progress(i, len(CLAIMS), claim.name)
        wide = (
            calibration_margin if claim.quantity in ("calibration slope", "observed / expected") else margin
        )
        base: dict[str, Any] = {
            "claim": claim.name,
            "place": claim.place,
            "says": claim.says,
            "quantity": claim.quantity,
            "rule": rule_text(claim, wide),
            "against": claim.against,
        }
        more = {"targeted": claim.targeted and kind == "simulated", "data_kind": kind}
        found = list(measured(study))
        for vessel, d, n, n_pos in found:
            judged = verdict(d.low, d.high, rule=claim.rule, against=claim.against, margin=wide)
            line = {"vessel": vessel, "estimate": d.estimate, "low": d.low, "high": d.high, "verdict": judged}
            rows.append(base | line | more | {"n": n, "n_pos": n_pos, "note": d.note.strip()})
        if not found:
            line = {"vessel": "", "estimate": NAN, "low": NAN, "high": NAN, "verdict": UNDECIDED}
            rows.append(base | line | more | {"n": 0, "n_pos": 0, "note": "no data"})
    if progress:
        progress(len(CLAIMS), len(CLAIMS), "claims")
    return pd.DataFrame(rows)


def rule_text(claim: Claim, margin: float) -> str:
    """Say in words when a claim counts as held."""
    if claim.rule == SIMILAR:
        return f"interval within {margin:g} of {claim.against:g}"
    return f"interval {claim.rule} {claim.against:g}"
