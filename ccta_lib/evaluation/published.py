"""Every number the paper prints beside this run's: value, interval, ceiling, and whether it was a target."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from ccta_lib.cohort.paper import MEAN, MISSING, UNKNOWN, paper_table1
from ccta_lib.cohort.table1 import baseline_levels
from ccta_lib.evaluation.aggregate import aggregate
from ccta_lib.evaluation.calibration_tables import calibration_table
from ccta_lib.evaluation.checks import codes, level_z
from ccta_lib.evaluation.decision_summary import with_ideal
from ccta_lib.evaluation.infarction import PRIMARY, infarction_table
from ccta_lib.evaluation.panels import panel_aucs
from ccta_lib.evaluation.rates import rate_interval
from ccta_lib.evaluation.results import NAN
from ccta_lib.evaluation.risk import RELATIVE, risk_group_table
from ccta_lib.evaluation.severity import severity_table
from ccta_lib.evaluation.tables import data_kind
from ccta_lib.evaluation.wording import interval_text
from ccta_lib.schema import Vessel

KEYS = ["quantity", "cohort", "subgroup", "vessel"]
NO_ESTIMATE = "this run has no estimate"
UNITS = {"patients": "patient", "CCTA examinations": "exam", "ECGs": "ecg"}
# What the simulator was set to reach; everything else follows, or does not.
TARGETED = ("AUC", "lowest AUC", "highest AUC", *UNITS)
CELL = ("quantity", "paper", "estimate", "low", "high", "note")
Cell = tuple[str, float, float, float, float, str]


def paper_comparison(
    predictions: pd.DataFrame,
    paper: pd.DataFrame,
    *,
    thresholds: Mapping[str, float],
    ceiling: pd.DataFrame | None = None,
    truth: pd.DataFrame | None = None,
    origin: str = "ccta",
    horizon: float = 700.0,
    level: float = 0.95,
) -> pd.DataFrame:
    """Return the numbers of the paper's text beside this run's.

    Parameters
    ----------
    predictions : contract 2
    paper : place, quantity, cohort, subgroup, vessel, value, reported (see `ccta_lib.paper.paper_values`)
    thresholds : risk threshold of each vessel
    ceiling : attainable AUC of simulated patients
    truth : the simulator's truth; its ideal observer gives the ceiling of the other quantities
    origin, horizon : of the time to infarction
    level : coverage of the intervals

    Returns
    -------
    DataFrame
        place, quantity, cohort, subgroup, vessel, paper, reported, estimate, low, high, ceiling, targeted, unit, n,
        n_pos, note, data_kind: one row per row of `paper`. No p-value of agreement is computed.
    """
    kind = data_kind(predictions)
    ours = _measured(predictions, thresholds, ceiling, origin, horizon, level)
    ideal = with_ideal(predictions, truth)
    if ideal is not None:
        best = pd.concat([_spearman(ideal, level), _brier(ideal, level)])
        best = best.rename(columns={"estimate": "best"})[[*KEYS, "best"]]
        ours = ours.merge(best, how="left", on=KEYS)
        ours["ceiling"] = ours["ceiling"].fillna(ours.pop("best"))
    out = paper.rename(columns={"value": "paper"}).merge(ours, how="left", on=KEYS)
    out["note"] = (
        out["note"].where(out["estimate"].notna() | (out["note"].fillna("") != ""), NO_ESTIMATE).fillna("")
    )
    out["targeted"] = out["quantity"].isin(TARGETED) & (kind == "simulated")
    first = ["place", *KEYS, "paper", "reported", "estimate", "low", "high", "ceiling", "targeted"]
    return out[[*first, "unit", "n", "n_pos", "note"]].assign(data_kind=kind)


def _measured(
    predictions: pd.DataFrame, thresholds: Mapping[str, float], ceiling: pd.DataFrame | None, origin: str,
    horizon: float, level: float,
) -> pd.DataFrame:  # fmt: skip
    aucs = panel_aucs(predictions, level=level, ceiling=ceiling).assign(quantity="AUC")
    parts = [
        aucs,
        _range_of_auc(aucs),
        _sizes(predictions),
        _spearman(predictions, level),
        _brier(predictions, level),
    ]
    parts += [_largest_lm(predictions), _relative_risk(predictions, thresholds, level)]
    if {"followup_days", "mi_event"} <= set(predictions) and (predictions["cohort"] == "followup").any():
        parts.append(_log_rank(predictions, thresholds, origin, horizon, level))
    columns = [*KEYS, "estimate", "low", "high", "ceiling", "unit", "n", "n_pos", "note"]
    found = pd.concat([p.reindex(columns=columns) for p in parts if len(p)], ignore_index=True)
    found["vessel"] = found["vessel"].fillna("")
    return found.astype({"estimate": float, "low": float, "high": float, "ceiling": float})


def _range_of_auc(aucs: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for cohort, part in aucs[aucs["subgroup"] == "all"].groupby("cohort", sort=False):
        value = part["estimate"].dropna()
        for name, end in (("lowest AUC", value.min()), ("highest AUC", value.max())):
            base = {"quantity": name, "cohort": cohort, "subgroup": "all", "vessel": "", "estimate": end}
            rows.append(base | {"unit": "ecg", "n": part["n"].max(), "note": ""})
    return pd.DataFrame(rows)


def _sizes(predictions: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for cohort, part in predictions.groupby("cohort", sort=False):
        for name, unit in UNITS.items():
            n = len(aggregate(part, unit))
            base = {"quantity": name, "cohort": cohort, "subgroup": "all", "vessel": "", "estimate": n}
            rows.append(base | {"unit": unit, "n": n, "note": ""})
    return pd.DataFrame(rows)


def _spearman(predictions: pd.DataFrame, level: float) -> pd.DataFrame:
    table = severity_table(predictions, cohorts=["internal"], level=level)
    rows = table[(table["metric"] == "Spearman rho") & (table["range"] == "all grades")]
    return rows.assign(quantity="Spearman rho", subgroup="all")


def _brier(predictions: pd.DataFrame, level: float) -> pd.DataFrame:
    table = calibration_table(predictions, cohorts=["internal"], level=level)
    return table[table["metric"] == "Brier score"].assign(quantity="Brier score", subgroup="all")


def _largest_lm(predictions: pd.DataFrame) -> pd.DataFrame:
    column = Vessel.LM.prob_column
    p = (
        predictions.loc[predictions["cohort"] == "internal", column]
        if column in predictions
        else pd.Series(dtype=float)
    )
    row = {
        "quantity": "largest probability",
        "cohort": "internal",
        "subgroup": "all",
        "vessel": "LM",
        "estimate": p.max(),
    }
    return pd.DataFrame([row | {"unit": "ecg", "n": int(p.notna().sum()), "note": ""}])


def _relative_risk(predictions: pd.DataFrame, thresholds: Mapping[str, float], level: float) -> pd.DataFrame:
    table = risk_group_table(
        predictions, thresholds=thresholds, cohorts=["internal"], vessels=["LM"], level=level
    )
    return table[table["metric"] == RELATIVE].assign(quantity="relative risk", subgroup="all")


def _log_rank(
    predictions: pd.DataFrame, thresholds: Mapping[str, float], origin: str, horizon: float, level: float
) -> pd.DataFrame:
    """The log-rank p of each vessel; its note holds the hazard ratio, which says more."""
    table = infarction_table(
        predictions, thresholds=thresholds, any_vessel=False, origins=[origin], horizon=horizon, level=level
    )
    rows = table[table["analysis"] == PRIMARY]
    ratios = {r["vessel"]: r for r in rows[rows["metric"] == "hazard ratio"].to_dict("records")}
    tests = rows[rows["metric"] == "log-rank"]
    notes = []
    for vessel, note in zip(tests["vessel"], tests["note"], strict=True):
        r = ratios[vessel]
        text = f"HR {interval_text(r['estimate'], r['low'], r['high'])}"
        notes.append("; ".join(filter(None, [text, note])))
    return tests.assign(
        quantity="log-rank p", subgroup="all", estimate=tests["p_value"], low=NAN, high=NAN, note=notes
    )


def table1_comparison(predictions: pd.DataFrame, *, level: float = 0.95) -> pd.DataFrame:
    """Return each cell of Table 1 beside this run's, at ECG level as the paper counts.

    Returns
    -------
    DataFrame
        place, characteristic, level, cohort, quantity ("percent", "mean", "sd"), paper, estimate, low, high, targeted,
        n, note, data_kind. Percentages carry patient-clustered Wilson intervals, the mean age a patient-robust one.
    """
    z = level_z(level)
    kind = data_kind(predictions)
    levels = {c: baseline_levels(part) for c, part in predictions.groupby("cohort", sort=False)}
    rows: list[dict[str, Any]] = []
    for r in paper_table1().to_dict("records"):
        if r["characteristic"] == "n":
            continue
        part = predictions[predictions["cohort"] == r["cohort"]]
        keys = {k: r[k] for k in ("characteristic", "level", "cohort")}
        base = {"place": "Table 1", **keys, "n": len(part)}
        here = levels.get(r["cohort"])
        if r["level"] == MEAN:
            cells = list(_mean_age(part, r, z))
        else:
            of_row = None if here is None else here[r["characteristic"]].to_numpy()
            cells = [_percent(part, of_row, r, level)]
        rows += [base | dict(zip(CELL, cell, strict=True)) for cell in cells]
    return pd.DataFrame(rows).assign(targeted=kind == "simulated", data_kind=kind)


def _percent(part: pd.DataFrame, of_row: np.ndarray | None, r: Mapping[Any, Any], level: float) -> Cell:
    if of_row is None:
        return "percent", r["percent"], NAN, NAN, NAN, f"no {r['cohort']} cohort"
    blanks = (MISSING, UNKNOWN)
    if r["level"] not in blanks and np.isin(of_row, blanks).all():
        return "percent", r["percent"], NAN, NAN, NAN, "unknown in this run"
    rate = rate_interval(of_row == r["level"], groups=part["patient_id"].astype(str).to_numpy(), level=level)
    return "percent", r["percent"], 100 * rate.estimate, 100 * rate.low, 100 * rate.high, rate.note


def _mean_age(part: pd.DataFrame, r: Mapping[Any, Any], z: float) -> Iterator[Cell]:
    age = part["age"].to_numpy(dtype=float, na_value=NAN) if "age" in part else np.full(len(part), NAN)
    known = ~np.isnan(age)
    x, who = age[known], part["patient_id"].astype(str).to_numpy()[known]
    if len(set(who)) < 2:
        yield (
            "mean",
            r["mean"],
            NAN,
            NAN,
            NAN,
            "age is not known" if len(part) else f"no {r['cohort']} cohort",
        )
        return
    code, patients = codes(who, n=len(x))
    summed = np.bincount(code, x - x.mean())
    half = z * float(np.sqrt(len(patients) / (len(patients) - 1) * (summed @ summed))) / len(x)
    yield "mean", r["mean"], float(x.mean()), float(x.mean()) - half, float(x.mean()) + half, ""
    yield "sd", r["sd"], float(x.std(ddof=1)), NAN, NAN, "no interval"
