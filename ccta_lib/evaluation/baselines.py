"""Several models on identical rows: AUC, paired differences, and what repeated cohorts say together.

A score table has one row per ECG: `seed` (a virtual cohort; one value for a single data set), `patient`, `exam`,
`index_exam`, `y_<target>` and `<model>_<target>`, the score in ten-thousandths. Targets are the vessels in small
letters and "any". A row counts when every model compared has a score for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ccta_lib.errors import InputError
from ccta_lib.evaluation.auc import auc_difference, auc_interval
from ccta_lib.evaluation.results import NAN
from ccta_lib.evaluation.seeds import mean_over_seeds
from ccta_lib.schema import VESSELS

SCALE = 10_000
"""Scores are kept as whole ten-thousandths, 1 to 9,999."""
ANY = "any"
MACRO = "macro"
TARGETS = tuple(v.lower() for v in VESSELS)

MODELS = {
    "age_sex": "age and sex",
    "clinical": "clinical",
    "ecg_linear": "ECG measured, logistic",
    "ecg_trees": "ECG measured, trees",
    "scratch": "network, scratch",
    "probe": "network, probe",
    "finetuned": "network, fine-tuned",
    "clinical_ecg": "clinical + ECG measured",
    "clinical_network": "clinical + network",
}
"""Models of a study, compared for each vessel, in the order of the figures; in a run the network is `network`."""
ANY_MODELS = {"pretest": "ESC 2019 table"} | MODELS | {"clinical_symptom": "clinical + symptom"}
NAMES = ANY_MODELS | {"network": "network"}

KEYS = ("seed", "model", "reference", "vessel", "unit", "metric")
POOLED_KEYS = KEYS[1:]
AUC, AUC_DIFFERENCE = "AUC", "AUC difference"


def wide_scores(ecgs: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """Join the two tables a study keeps into a score table.

    Parameters
    ----------
    ecgs : one row per ECG, by seed
    scores : seed, model, target, score; for each seed, model and target as many rows as the seed has ECGs, in order

    Raises
    ------
    InputError
        If a model has more or fewer scores than there are ECGs.
    """
    parts = []
    for seed, rows in ecgs.groupby("seed", sort=False):
        columns = {}
        for (model, target), one in scores[scores["seed"] == seed].groupby(["model", "target"], sort=False):
            if len(one) != len(rows):
                raise InputError(
                    f"scores: seed {seed}, {model}, {target}: {len(one)} scores for {len(rows)} ECGs"
                )
            columns[f"{model}_{target}"] = one["score"].to_numpy(dtype=float, na_value=NAN)
        parts.append(pd.concat([rows.reset_index(drop=True), pd.DataFrame(columns)], axis=1))
    return pd.concat(parts, ignore_index=True)


@dataclass(frozen=True)
class ScoreSet:
    """Models on the same rows.

    Attributes
    ----------
    seed : int
    vessel : a vessel, or "any"
    unit : "ecg" or "patient"
    y : (n,) bool
    patients : (n,)
    p : model -> (n,) probabilities
    left_out : rows with a label and without a score of some model
    """

    seed: int
    vessel: str
    unit: str
    y: np.ndarray
    patients: np.ndarray
    p: dict[str, np.ndarray]
    left_out: int

    def row(self, metric: str, model: str, reference: str = "", **values: Any) -> dict[str, Any]:
        """Return a row of a result, with what it is about and its counts."""
        key = dict(zip(KEYS, (self.seed, model, reference, self.vessel, self.unit, metric), strict=True))
        counts = {"n": len(self.y), "n_pos": int(self.y.sum()), "n_patients": len(set(self.patients))}
        return key | {"estimate": NAN, "low": NAN, "high": NAN, "note": ""} | values | counts


def score_sets(
    scores: pd.DataFrame, models: Iterable[str], *, targets: Iterable[str] = TARGETS, unit: str = "ecg"
) -> list[ScoreSet]:
    """Cut a score table into sets of models on identical rows, by target and seed.

    Parameters
    ----------
    scores : score table
    models : names of models
    targets : of the vessels in small letters and "any"
    unit : "ecg", or "patient" = the index examination, each score the mean over its ECGs

    Raises
    ------
    InputError
        If a column is missing, or an examination has two labels.
    """
    chosen = list(models)
    out = []
    for target in targets:
        columns = [f"{m}_{target}" for m in chosen]
        needed = ["seed", "patient", f"y_{target}", *columns] + (["exam", "index_exam"] * (unit == "patient"))
        absent = [c for c in needed if c not in scores]
        if absent:
            raise InputError(f"scores: columns {', '.join(absent)} are missing; make the table again")
        for seed, part in scores.groupby("seed", sort=True):
            table = pd.DataFrame({c: _numbers(part[c]) for c in (f"y_{target}", *columns)})
            table["patient"] = part["patient"].to_numpy()
            if unit == "patient":
                table = _by_patient(
                    table.assign(exam=part["exam"].to_numpy()), part["index_exam"].to_numpy(dtype=bool)
                )
            y, p = table[f"y_{target}"].to_numpy(), table[columns].to_numpy() / SCALE
            known = ~np.isnan(y)
            rows = known & ~np.isnan(p).any(axis=1)
            name = ANY if target == ANY else target.upper()
            out.append(ScoreSet(
                int(str(seed)), name, unit, y[rows] == 1, table["patient"].to_numpy()[rows],
                {m: p[rows, k] for k, m in enumerate(chosen)}, int((known & ~rows).sum()),
            ))  # fmt: skip
    return out


def _numbers(column: pd.Series) -> np.ndarray:
    return column.to_numpy(dtype=float, na_value=NAN)


def _by_patient(table: pd.DataFrame, index_exam: np.ndarray) -> pd.DataFrame:
    chosen = table[index_exam]
    label = chosen.columns[0]
    spread = chosen.groupby("exam")[label].agg(["min", "max"])
    if (spread["max"] > spread["min"]).any():
        raise InputError(f"scores: an examination has two values of {label}; a CCTA has one grade per vessel")
    means = chosen.drop(columns="patient").groupby("exam", sort=False).mean()
    patient = chosen.groupby("exam", sort=False)["patient"].first()
    return means.assign(patient=patient).reset_index(drop=True)


def auc_rows(
    sets: Sequence[ScoreSet], *, references: Iterable[str] = (), level: float = 0.95
) -> pd.DataFrame:
    """Estimate each model's AUC, and each model's minus each reference's, patient-clustered.

    Parameters
    ----------
    sets : from `score_sets`
    references : models that the others are compared with
    level : confidence level

    Returns
    -------
    DataFrame
        seed, model, reference ("" for an AUC), vessel, unit, metric, estimate, low, high, note, n, n_pos,
        n_patients; after the vessels "macro", the mean over the vessels estimable in a seed, without limits.
    """
    rows = []
    for s in sets:
        for model, p in s.p.items():
            one = auc_interval(s.y, p, groups=s.patients, level=level)
            rows.append(s.row(AUC, model, estimate=one.estimate, low=one.low, high=one.high, note=one.note))
        for reference in references:
            for model, p in s.p.items():
                if model != reference:
                    d = auc_difference(s.y, p, s.p[reference], groups=s.patients, level=level)
                    rows.append(s.row(AUC_DIFFERENCE, model, reference, estimate=d.estimate, low=d.low,
                                      high=d.high, note=d.note))  # fmt: skip
    return _with_macro(pd.DataFrame(rows))


def _with_macro(rows: pd.DataFrame) -> pd.DataFrame:
    """Append each seed's unweighted mean over its estimable vessels, where there is more than one vessel."""
    if rows.empty or rows["vessel"].nunique() < 2:
        return rows
    keys = [k for k in KEYS if k != "vessel"]
    found = rows.dropna(subset="estimate").groupby(keys, sort=False)
    macro = found.agg(estimate=("estimate", "mean"), vessels=("vessel", "nunique"), n=("n", "max"),
                      n_pos=("n_pos", "sum"), n_patients=("n_patients", "max")).reset_index()  # fmt: skip
    all_vessels = rows["vessel"].nunique()
    macro["note"] = np.where(macro["vessels"] < all_vessels,
                             "mean over " + macro["vessels"].astype(str) + " vessels", "")  # fmt: skip
    macro = macro.assign(vessel=MACRO, low=NAN, high=NAN)[list(rows.columns)]
    return pd.concat([rows, macro], ignore_index=True)


def pool(rows: pd.DataFrame, *, level: float = 0.95) -> pd.DataFrame:
    """Set the seeds' estimates together: mean, and t interval over seeds.

    With one seed, a single data set, its own patient-clustered interval stays.

    Parameters
    ----------
    rows : one row per seed and `POOLED_KEYS`, with estimate, low, high, note, n, n_pos
    level : confidence level

    Returns
    -------
    DataFrame
        `POOLED_KEYS`, estimate, low, high, sd, seeds (estimable ones), of_seeds, n and n_pos (sums), method, note.
    """
    out = []
    for key, part in rows.groupby(list(POOLED_KEYS), sort=False):
        row = dict(zip(POOLED_KEYS, key, strict=True))
        estimates = part["estimate"].dropna().to_numpy()
        row |= {"estimate": NAN, "low": NAN, "high": NAN, "sd": NAN, "seeds": estimates.size,
                "of_seeds": len(part), "n": int(part["n"].sum()), "n_pos": int(part["n_pos"].sum())}  # fmt: skip
        if len(part) == 1:
            one = part.iloc[0]
            own = {"estimate": one["estimate"], "low": one["low"], "high": one["high"], "note": one["note"]}
            out.append(row | {"method": "patient-clustered"} | own)
            continue
        row |= {"method": f"t interval over {estimates.size} seeds", "note": "not estimable in any seed"}
        if estimates.size:
            m = mean_over_seeds(estimates, level=level)
            limits = [m.low, m.high] if key[-1] != AUC else np.clip([m.low, m.high], 0.0, 1.0)
            row |= {"estimate": m.estimate, "low": limits[0], "high": limits[1], "sd": m.sd, "note": m.note}
            if estimates.size < len(part):
                row["note"] = f"estimable in {estimates.size} of {len(part)} seeds"
        out.append(row)
    return pd.DataFrame(out)
