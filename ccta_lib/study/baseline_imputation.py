"""The comparison on all ECGs: age and sex, unknown together for whole patients, filled in many times.

For fitting, what is missing is drawn given everything known of a patient, labels included, as a fit needs it. For
scoring, it is drawn without the labels of the patient scored, since nobody who scores a patient knows them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ccta_lib.evaluation.auc import auc_difference, auc_interval
from ccta_lib.evaluation.baseline_models import AGE_SEX, CLINICAL, clinical_design, fit_linear
from ccta_lib.evaluation.checks import level_z
from ccta_lib.evaluation.imputation import impute, rubin
from ccta_lib.evaluation.logistic import logit
from ccta_lib.evaluation.results import NAN
from ccta_lib.explain.measurements import MEASUREMENTS
from ccta_lib.schema import VESSELS

if TYPE_CHECKING:
    from ccta_lib.study.baselines import Inputs

TELLING = ("rate_bpm", "qrs_ms", "qtc_ms", "r_v5_mv", "s_v2_mv", "t_v5_mv")
"""Measurements from which something of age and sex can be told."""
MODELS = ("age_sex", "clinical", "clinical_ecg", "clinical_network")
FIXED = ("ecg_linear", "finetuned")
PAIRS = (("finetuned", "clinical"), ("clinical_network", "clinical"), ("clinical_ecg", "clinical"),
         ("ecg_linear", "finetuned"))  # fmt: skip


def imputed_rows(
    i: Inputs,
    inside: np.ndarray,
    scores: dict[str, np.ndarray],
    penalties: dict[tuple[str, str], float],
    *,
    n_imputations: int,
    seed: int,
) -> pd.DataFrame:
    """Fit the models that need age and sex to every filling, score all test ECGs, and combine.

    Parameters
    ----------
    i : inputs of a seed
    inside : (n, 4) probabilities of the fine-tuned network for the cohort
    scores : test scores of the models that need neither age nor sex
    penalties : by model and target, as chosen on complete rows; not chosen again in every filling
    n_imputations, seed : of `impute`

    Returns
    -------
    DataFrame
        model, reference ("" for an AUC), vessel, metric, estimate, low, high, se, n, n_pos, n_patients, note.
    """
    cohort = _fillings(i.data.table, i.measured, i.y[:, :4], n_imputations, [seed, 1])
    everyone = pd.concat([i.data.table, i.test.table], ignore_index=True)
    both = _fillings(everyone, np.vstack([i.measured, i.measured_test]), None, n_imputations, [seed, 2])
    patients = i.test.table["patient_id"].astype(str).to_numpy(dtype=object)
    found: dict[tuple[str, str, str], list[tuple[float, float]]] = {}
    for x, filled in zip(cohort, both, strict=True):
        x_test = filled[len(i.data.table) :]
        filled_scores = _scores(i, x, x_test, inside, scores, penalties, seed)
        for v, vessel in enumerate(VESSELS):
            known = ~np.isnan(i.y_test[:, v])
            y, groups = i.y_test[known, v], patients[known]
            for name in (*MODELS, *FIXED):
                one = auc_interval(y, filled_scores[name][known, v], groups=groups)
                found.setdefault((name, "", str(vessel)), []).append((one.estimate, one.se))
            for a, b in PAIRS:
                two = auc_difference(y, filled_scores[a][known, v], filled_scores[b][known, v], groups=groups)
                se = (two.high - two.low) / (2 * level_z(0.95))
                found.setdefault((a, b, str(vessel)), []).append((two.estimate, se))
    return pd.DataFrame([_row(i, patients, key, values) for key, values in found.items()])


def _fillings(
    table: pd.DataFrame, measured: np.ndarray, y: np.ndarray | None, n_imputations: int, seed: list[int]
) -> list[np.ndarray]:
    """Fill in clinical columns patient by patient: (rows, clinical columns), once per filling."""
    known = clinical_design(table, (*CLINICAL, "symptom"))
    telling = measured[:, [MEASUREMENTS.index(name) for name in TELLING]]
    columns = np.column_stack([known, telling] if y is None else [known, telling, y])
    number, names = pd.factorize(table["patient_id"])
    of_patient = pd.DataFrame(columns).groupby(number).mean().reindex(range(len(names)))
    # A patient with two examinations may have two symptoms: the mean of their indicators is a predictor, no more.
    fillings = impute(of_patient, n_imputations=n_imputations, seed=seed)
    return [f.to_numpy()[number][:, : len(CLINICAL)] for f in fillings]


def _scores(
    i: Inputs,
    x: np.ndarray,
    x_test: np.ndarray,
    inside: np.ndarray,
    scores: dict[str, np.ndarray],
    penalties: dict[tuple[str, str], float],
    seed: int,
) -> dict[str, np.ndarray]:
    """Return test scores of each model for the four vessels, (n, 4)."""
    from ccta_lib.study.baselines import TARGETS, combinations

    out = {name: np.full((len(x_test), len(VESSELS)), NAN) for name in MODELS}
    out |= {name: np.column_stack([scores[f"{name}_{v.lower()}"] for v in VESSELS]) for name in FIXED}
    wide = [np.column_stack(parts) for parts in ((x, i.measured), (x_test, i.measured_test))]
    designs = {"age_sex": (x[:, : len(AGE_SEX)], x_test[:, : len(AGE_SEX)]), "clinical": (x, x_test),
               "clinical_ecg": tuple(wide)}  # fmt: skip
    for v in range(len(VESSELS)):
        rows = i.fitted_to[~np.isnan(i.y[i.fitted_to, v])]
        for name, (inner, outer) in designs.items():
            chosen = [penalties.get((name, VESSELS[v].lower()), 1.0)]  # 1 where complete rows had one class
            fitted = fit_linear(inner[rows], i.y[rows, v], groups=i.patients[rows], penalties=chosen)
            out[name][:, v] = fitted(outer)
    clinical = {target: [penalties.get(("clinical", target), 1.0)] for target in TARGETS}
    combined = combinations(i, x, inside, seed=seed, penalties=clinical)
    vessels = zip(range(len(VESSELS)), combined, strict=False)  # without "any", the last
    for v, (_, model, combine) in vessels:
        pair = np.column_stack([model(x_test), out["finetuned"][:, v]])
        out["clinical_network"][:, v] = combine(logit(pair))
    return out


def _row(
    i: Inputs, patients: np.ndarray, key: tuple[str, str, str], values: list[tuple[float, float]]
) -> dict[str, Any]:
    model, reference, vessel = key
    v = list(VESSELS).index(vessel)  # type: ignore[arg-type]
    known = ~np.isnan(i.y_test[:, v])
    counts = {"n": int(known.sum()), "n_pos": int((i.y_test[known, v] == 1).sum()),
              "n_patients": len(set(patients[known]))}  # fmt: skip
    metric = "AUC difference" if reference else "AUC"
    start = {"model": model, "reference": reference, "vessel": vessel, "metric": metric}
    numbers = np.array(values)
    if not np.isfinite(numbers).all():
        empty = dict.fromkeys(("estimate", "low", "high", "se"), NAN)
        return start | empty | counts | {"note": "not estimable in every filling"}
    one = rubin(numbers[:, 0], numbers[:, 1])
    return start | {"estimate": one.estimate, "low": one.low, "high": one.high, "se": one.se} | counts | {
        "note": one.note or one.method
    }  # fmt: skip
