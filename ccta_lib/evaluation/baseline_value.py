"""Beyond AUC: net benefit, calibration and added value of several models on identical rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import chi2

from ccta_lib.evaluation import bootstrap
from ccta_lib.evaluation.added_value import added_value
from ccta_lib.evaluation.baselines import ScoreSet
from ccta_lib.evaluation.calibration import calibration_summary
from ccta_lib.evaluation.checks import binary, codes, level_z, probability, same_length
from ccta_lib.evaluation.decision import _Counts, _thresholds, net_benefit
from ccta_lib.evaluation.logistic import logit
from ccta_lib.evaluation.results import NAN

NET_BENEFIT, NET_BENEFIT_DIFFERENCE = "net benefit", "net benefit difference"
CALIBRATION = ("brier", "o_e", "citl", "slope", "ici")


def net_benefit_contrast(
    y: Any,
    p_a: Any,
    p_b: Any,
    thresholds: Any,
    *,
    groups: Any = None,
    level: float = 0.95,
    n_boot: int = 500,
    seed: int | np.random.Generator = 0,
) -> pd.DataFrame:
    """Compare two models' net benefit on the same rows, with a patient-bootstrap band.

    Parameters
    ----------
    y : (n,) labels, 0 or 1
    p_a, p_b : (n,) probabilities
    thresholds : (k,) in [0, 1)
    groups : (n,) patient of each row; None = one patient per row
    level : of the pointwise percentile band
    n_boot, seed : of the bootstrap; both models see the same resamples

    Returns
    -------
    DataFrame
        threshold, a, b, estimate (a - b), low, high.

    Raises
    ------
    InputError
        If lengths differ, a label is not 0 or 1, or a probability or threshold is out of range.
    """
    level_z(level)
    positive, a, b, cut = binary(y), probability(p_a), probability(p_b, "p_b"), _thresholds(thresholds)
    n = same_length(y=positive, p_a=a, p_b=b)
    code, labels = codes(groups, n=n)
    counters = [_Counts(positive, p, code, cut) for p in (a, b)]

    def curves(counts: np.ndarray) -> list[np.ndarray]:
        out = []
        for counter in counters:
            tp, fp, _, total = counter(counts)
            out.append((tp - fp * cut / (1 - cut)) / total[:, None])
        return out

    whole = curves(np.ones((1, labels.size), dtype=np.int32))
    draws = bootstrap.resample_counts(labels.size, n_boot, np.random.default_rng(seed))
    drawn = np.concatenate([first - second for first, second in map(curves, draws)])
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return pd.DataFrame({"threshold": cut, "a": whole[0][0], "b": whole[1][0],
                         "estimate": whole[0][0] - whole[1][0], "low": low, "high": high})  # fmt: skip


def net_benefit_rows(
    sets: Sequence[ScoreSet],
    thresholds: Mapping[str, float],
    *,
    references: Iterable[str] = (),
    level: float = 0.95,
    n_boot: int = 500,
    seed: int = 0,
) -> pd.DataFrame:
    """Return each model's net benefit at its vessel's threshold, and each model's minus each reference's.

    Parameters
    ----------
    sets : from `score_sets`
    thresholds : by vessel
    references : models that the others are compared with; "all" is treating everyone
    level, n_boot, seed : of the patient bootstrap

    Returns
    -------
    DataFrame
        As `auc_rows`, with `threshold`; without "macro", since the thresholds differ.
    """
    rows = []
    for s in sets:
        cut = [thresholds[s.vessel]]
        everyone = np.ones(len(s.y))
        for model, p in s.p.items():
            both = net_benefit_contrast(s.y, p, everyone, cut, groups=s.patients, level=level, n_boot=n_boot,
                                        seed=seed)  # fmt: skip
            rows.append(s.row(NET_BENEFIT, model, estimate=float(both["a"].iloc[0])) | {"threshold": cut[0]})
        for reference in references:
            other = everyone if reference == "all" else s.p[reference]
            for model, p in s.p.items():
                if model == reference:
                    continue
                d = net_benefit_contrast(s.y, p, other, cut, groups=s.patients, level=level, n_boot=n_boot,
                                         seed=seed).iloc[0]  # fmt: skip
                rows.append(s.row(NET_BENEFIT_DIFFERENCE, model, reference, estimate=d["estimate"],
                                  low=d["low"], high=d["high"]) | {"threshold": cut[0]})  # fmt: skip
    return pd.DataFrame(rows)


def net_benefit_curves(sets: Sequence[ScoreSet], thresholds: np.ndarray) -> pd.DataFrame:
    """Return decision curves, the mean over seeds: vessel, model (with "all" and "none"), threshold, net_benefit."""
    parts = []
    for s in sets:
        for model, p in s.p.items():
            curve = net_benefit(s.y, p, thresholds)
            curve["model"] = np.where(curve["strategy"] == "model", model, curve["strategy"])
            parts.append(curve.assign(vessel=s.vessel)[["vessel", "model", "threshold", "net_benefit"]])
    keys = ["vessel", "model", "threshold"]
    return pd.concat(parts).groupby(keys, sort=False)["net_benefit"].mean().reset_index()


def calibration_rows(sets: Sequence[ScoreSet]) -> pd.DataFrame:
    """Return Brier score, O:E, calibration in the large, slope and ICI of each model, as `auc_rows`."""
    rows = []
    for s in sets:
        for model, p in s.p.items():
            if s.y.all() or not s.y.any():
                rows += [s.row(m, model, note="only one class") for m in CALIBRATION]
                continue
            found = calibration_summary(s.y, p)
            rows += [s.row(m, model, estimate=float(found[m]), note=found.attrs["note"]) for m in CALIBRATION]
    return pd.DataFrame(rows)


def added_rows(sets: Sequence[ScoreSet], pairs: Iterable[tuple[str, str]]) -> pd.DataFrame:
    """Test, in each set, what the log odds of one model add to those of another.

    Parameters
    ----------
    sets : from `score_sets`
    pairs : (old, new) models

    Returns
    -------
    DataFrame
        seed, vessel, unit, old, new, likelihood_ratio, statistic, df, p_value, adequacy, method, note, n, n_pos,
        n_patients.
    """
    rows = []
    for s in sets:
        for old, new in pairs:
            found = added_value(s.y, logit(s.p[old]), logit(s.p[new]), groups=s.patients)
            rows.append({
                "seed": s.seed, "vessel": s.vessel, "unit": s.unit, "old": old, "new": new,
                "likelihood_ratio": found.likelihood_ratio, "statistic": found.statistic, "df": found.df,
                "p_value": found.p_value, "adequacy": found.adequacy, "method": found.method,
                "note": found.note, "n": len(s.y), "n_pos": int(s.y.sum()), "n_patients": len(set(s.patients)),
            })  # fmt: skip
    return pd.DataFrame(rows)


def added_over_seeds(rows: pd.DataFrame) -> pd.DataFrame:
    """Combine the tests of independent cohorts: the sum of chi-squared statistics on the sum of their df.

    Returns
    -------
    DataFrame
        old, new, vessel, unit, statistic, df, p_value, seeds, significant (seeds with p < 0.05), adequacy_median,
        adequacy_min, adequacy_max, method.
    """
    out = []
    for key, part in rows.groupby(["old", "new", "vessel", "unit"], sort=False):
        known = part.dropna(subset="statistic")
        statistic, df = known["statistic"].sum(), int(known["df"].sum())
        adequacy = known["adequacy"]
        out.append(dict(zip(("old", "new", "vessel", "unit"), key, strict=True)) | {
            "statistic": float(statistic) if df else NAN, "df": df,
            "p_value": float(chi2.sf(statistic, df)) if df else NAN, "seeds": len(known),
            "significant": int((known["p_value"] < 0.05).sum()), "adequacy_median": adequacy.median(),
            "adequacy_min": adequacy.min(), "adequacy_max": adequacy.max(), "method": part["method"].iloc[0],
        })  # fmt: skip
    return pd.DataFrame(out)
