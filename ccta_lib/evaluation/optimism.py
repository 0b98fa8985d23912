"""Reported against true: what choosing the epoch on the reported fold adds, over repeated cohorts."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

from ccta_lib.errors import InputError
from ccta_lib.evaluation.auc import _Influence, _not_estimable
from ccta_lib.evaluation.checks import codes
from ccta_lib.evaluation.coverage import coverage_table, tally
from ccta_lib.evaluation.multiplicity import holm
from ccta_lib.evaluation.results import NAN
from ccta_lib.evaluation.seeds import SeedMean, mean_over_seeds
from ccta_lib.schema import VESSELS

MACRO = "macro"
QUANTITIES = {
    "paper's way minus nested, as reported": ("paper", "reported_folds", "nested", "reported_folds"),
    "paper's way: reported minus true": ("paper", "reported_folds", "paper", "truth"),
    "nested: reported minus true": ("nested", "reported_folds", "nested", "truth"),
    "nested, pooled: reported minus true": ("nested", "reported_pooled", "nested", "truth"),
    "paper's way minus nested, true": ("paper", "truth", "nested", "truth"),
}
"""Each quantity over cohorts: rule and column of what is taken, then of what is subtracted."""
BEYOND = "paper's way minus nested, as reported beyond true"
"""The first quantity less the last: what the choice adds to the report and not to the networks."""
FAMILY = tuple(QUANTITIES)[:3]
"""The claims about the macro AUC that are tested, one family fixed beforehand (Holm)."""
ALPHA = 0.05


def mean_auc(
    targets: np.ndarray, scores: np.ndarray, patients: np.ndarray, weights: np.ndarray
) -> tuple[float, float]:
    """Average AUCs of several networks and vessels on the same ECGs, with a patient-clustered standard error.

    Parameters
    ----------
    targets : float array, shape (n, vessels); 1, 0 or NaN
    scores : float array, shape (networks, n, vessels)
    patients : shape (n,)
    weights : float array, shape (networks, vessels)
        Of each AUC in the mean, summing to 1; where 0, the AUC is not needed.

    Returns
    -------
    estimate, standard error
        NaN where a class is missing or has fewer than two patients. The networks are taken as given.

    Raises
    ------
    InputError
        If the shapes do not fit.
    """
    if scores.shape != (len(weights), *targets.shape) or weights.shape[1] != targets.shape[1]:
        raise InputError(
            f"scores: found shape {scores.shape} with targets {targets.shape} and weights {weights.shape}; "
            "expected (networks, n, vessels), (n, vessels), (networks, vessels)"
        )
    code, labels = codes(patients, n=len(targets))
    estimate, contribution = 0.0, np.zeros(labels.size)
    for k, v in zip(*np.nonzero(weights), strict=True):
        known = ~np.isnan(targets[:, v])
        y = targets[known, v] == 1
        if _not_estimable(y, code[known]):
            return NAN, NAN
        part = _Influence(y, scores[k][known, v], code[known], labels.size)
        estimate += weights[k, v] * part.auc
        contribution += weights[k, v] * part.total
    return float(estimate), float(np.sqrt(labels.size / (labels.size - 1) * (contribution**2).sum()))


def optimism_table(table: pd.DataFrame) -> pd.DataFrame:
    """Average over cohorts what is reported, what is true, and their differences.

    Where a reported AUC is compared with the truth, the interval also carries the truth's standard error, which all
    cohorts share because the fresh sample is the same; between two rules it cancels but for little.

    Parameters
    ----------
    table : `optimism` of the study: seed, rule, vessel, reported_folds, reported_pooled, truth, truth_se

    Returns
    -------
    DataFrame
        vessel, quantity (keys of `QUANTITIES`, and `BEYOND`), estimate, low, high (t interval over cohorts), n (cohorts
        in which both parts are estimable), positive (cohorts with a difference above 0), p_value, p_holm (macro
        AUC, over `FAMILY`; NaN elsewhere), note.
    """
    rows = []
    for vessel in (MACRO, *map(str, VESSELS)):
        part = table[table["vessel"] == vessel]
        wide = {rule: rows_of.set_index("seed").sort_index() for rule, rows_of in part.groupby("rule")}
        found = {q: wide[a][of_a] - wide[b][of_b] for q, (a, of_a, b, of_b) in QUANTITIES.items()}
        first, *_, last = found.values()
        for quantity, values in (found | {BEYOND: first - last}).items():
            difference = values.dropna()
            if difference.empty:
                rows.append((vessel, quantity, NAN, NAN, NAN, 0, 0, NAN, "in no cohort estimable"))
                continue
            rule = QUANTITIES[quantity][0] if quantity.endswith("reported minus true") else ""
            shared = float(wide[rule]["truth_se"].mean()) if rule else 0.0
            m, low, high, p_value = _with_shared_error(difference.to_numpy(), shared)
            positive = int((difference > 0).sum())
            rows.append((vessel, quantity, m.estimate, low, high, m.n, positive, p_value, m.note))
    columns = ["vessel", "quantity", "estimate", "low", "high", "n", "positive", "p_value", "note"]
    out = pd.DataFrame(rows, columns=columns)
    family = (out["vessel"] == MACRO) & out["quantity"].isin(FAMILY)
    out.insert(8, "p_holm", NAN)
    out.loc[family, "p_holm"] = holm(out.loc[family, "p_value"])
    return out


def _with_shared_error(values: np.ndarray, shared: float) -> tuple[SeedMean, float, float, float]:
    """Return the mean over cohorts, and limits and p-value that also carry an error all cohorts share."""
    m = mean_over_seeds(values)
    if not shared or np.isnan(m.low):
        return m, m.low, m.high, m.p_value
    se = np.hypot(m.sd / m.n**0.5, shared)
    half = float(stats.t.ppf(0.975, m.n - 1) * se)
    return m, m.estimate - half, m.estimate + half, float(2 * stats.t.sf(abs(m.estimate) / se, m.n - 1))


def optimism_finding(table: pd.DataFrame) -> str:
    """Say in one sentence what the cohorts allow to say about choosing the epoch on the reported fold.

    Parameters
    ----------
    table : of `optimism_table`
    """
    rows = {str(q): part.iloc[0] for q, part in table[table["vessel"] == MACRO].groupby("quantity")}
    added = rows["paper's way minus nested, as reported"]
    paper, nested = rows["paper's way: reported minus true"], rows["nested: reported minus true"]
    if np.isnan(added["low"]):
        return ("What choosing the epoch on the reported fold adds cannot be said from these tables "
                f"({added['note'] or 'no interval'}); a property of this simulator either way.")  # fmt: skip
    shown = f"({_signed(added)}; {added['n']:.0f} cohorts)"
    if added["p_holm"] < ALPHA:
        verb = "raised" if added["estimate"] > 0 else "lowered"
        start = f"Choosing the epoch on the reported fold {verb} the reported macro AUC {shown}"
    else:
        start = f"No effect of choosing the epoch on the reported fold was shown {shown}"
    return (
        f"{start}, which is {_part(rows[BEYOND])} more than the networks' true AUC gained; compared with the true AUC "
        f"itself, the paper's way {_bias(paper)} and the nested way {_bias(nested)}. "
        "This is a property of this simulator, of cohorts of this size and of so many epochs."
    )


def _signed(row: pd.Series) -> str:
    return f"{row['estimate']:+.3f}, 95 % interval {row['low']:+.3f} to {row['high']:+.3f}"


def _part(row: pd.Series) -> str:
    estimate, _, limits = _signed(row).partition(", ")
    return estimate if np.isnan(row["low"]) else f"{estimate} ({limits})"


def _bias(row: pd.Series) -> str:
    if np.isnan(row["low"]):
        return "could not be judged"
    where = f"({_signed(row)})"
    if row["p_holm"] < ALPHA:
        return f"reported too {'much' if row['estimate'] > 0 else 'little'} {where}"
    return f"was not shown to be biased {where}"


def pipeline_coverage(intervals: pd.DataFrame) -> pd.DataFrame:
    """Count how often the pooled out-of-fold interval contains the networks' true AUC.

    Parameters
    ----------
    intervals : `optimism_intervals` of the study: seed, vessel, method, se, low, high, estimate, place

    Returns
    -------
    DataFrame
        method, vessel ("all" adds the four, whose sets are not independent: no Monte-Carlo interval), then as
        `coverage_table`.
    """
    counts = tally(intervals, by=("method", "vessel"))
    single = coverage_table(counts, by=("method", "vessel"))
    together = coverage_table(counts, by=("method",)).assign(vessel="all", low=NAN, high=NAN, se_ratio=NAN)
    order = {m: i for i, m in enumerate(dict.fromkeys(counts["method"]))}
    both = pd.concat([single, together[single.columns]], ignore_index=True)
    return both.sort_values("method", key=lambda m: m.map(order), kind="stable").reset_index(drop=True)


def coverage_finding(table: pd.DataFrame, *, level: float = 0.95) -> str:
    """Say in one sentence which intervals of the AUC keep their promise on score sets of patients with several ECGs.

    Parameters
    ----------
    table : of `coverage_table` by setting and method, with the columns `arm`, `method`, `correlation`
    level : what was promised
    """
    correlated = table[table["correlation"] > 0]
    by_ecg = correlated[correlated["method"].str.contains("ECG")]
    by_patient = correlated[correlated["method"].str.contains("patient")]
    return (
        f"Where the two ECGs of a patient correlate, {100 * level:.0f} % intervals that treat ECGs as independent "
        f"{_held(by_ecg, level)}, and intervals that respect patients {_held(by_patient, level)}; "
        f"a property of these score sets, {_sets(correlated)} of each kind."
    )


def _held(rows: pd.DataFrame, level: float) -> str:
    if rows.empty or rows["estimate"].isna().all():
        return "could not be judged"
    least, most = rows["estimate"].min(), rows["estimate"].max()
    seen = f"contained the truth in {100 * least:.1f} % to {100 * most:.1f} % of the sets"
    few, many = rows[rows["high"] < level], rows[rows["low"] > level]
    judged = [f"demonstrably too few {_where(few, rows)}"] if len(few) else ["none demonstrably too few"]
    if len(many):
        judged.append(f"too many {_where(many, rows)}")
    return f"{seen} ({'; '.join(judged)})"


def _where(some: pd.DataFrame, rows: pd.DataFrame) -> str:
    """Say in which settings some of the rows are: all, or their names."""
    named = list(dict.fromkeys(some["arm"]))
    if len(named) == rows["arm"].nunique():
        return "in every setting"
    return "in: " + "; ".join(named)


def _sets(rows: pd.DataFrame) -> str:
    least, most = int(rows["sets"].min()), int(rows["sets"].max())
    return f"{least:,}" if least == most else f"{least:,} to {most:,}"


def pipeline_sentence(table: pd.DataFrame) -> str:
    """Say how often the pooled out-of-fold intervals of all arteries contained the networks' true AUC.

    Parameters
    ----------
    table : of `pipeline_coverage`
    """
    parts = []
    for row in table[table["vessel"] == "all"].to_dict("records"):
        missed = f"the truth below {row['below']}, above {row['above']}"
        parts.append(f"{row['method']}: {row['inside']} of {row['intervals']} ({missed})")
    return (
        "Intervals of the pooled out-of-fold AUC that contain the mean true AUC of the five networks, all arteries "
        "together: "
        + "; ".join(parts)
        + ". The arteries of a cohort share its patients, so these counts vary more "
        "than so many independent ones would."
    )
