"""What recalibration does to AUC, and how an ensemble of five differs from one model (Results, calibration)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from ccta_lib.evaluation.calibration_tables import AS_PREDICTED, LOCAL
from ccta_lib.evaluation.discrimination import VESSEL_METRICS, discrimination_table
from ccta_lib.evaluation.recalibration import FORMS, locally_updated_predictions, recalibrated_predictions
from ccta_lib.evaluation.tables import NO_LABEL
from ccta_lib.schema import VESSELS

SINGLE = "single model "
COMPARED = ("AUC", "Brier score", "observed / expected", "calibration slope")


def has_folds(predictions: pd.DataFrame) -> bool:
    """Tell whether there are out-of-fold predictions to fit a calibrator on."""
    inside = predictions["cohort"].fillna("internal") == "internal" if "cohort" in predictions else True
    return "fold" in predictions and bool((predictions["fold"].notna() & inside).any())


def recalibration_aucs(
    predictions: pd.DataFrame,
    *,
    by_fold: pd.DataFrame | None = None,
    cohorts: Sequence[str] | None = None,
    vessels: Iterable[str] = VESSELS,
    seed: int = 0,
    level: float = 0.95,
) -> pd.DataFrame:
    """Return AUC at ECG level as predicted, after each recalibration, and of each single model.

    One monotone map leaves an AUC as it is. Five maps, one per fold, do not, nor does isotonic regression,
    whose steps tie patients.

    Returns
    -------
    DataFrame
        Contract 3, metric "AUC", with the column recalibration of `recalibration_table`.
    """
    tables = {AS_PREDICTED: predictions}
    if has_folds(predictions):
        tables |= {f: recalibrated_predictions(predictions, form=f, by_fold=by_fold) for f in FORMS}
    local = locally_updated_predictions(predictions, seed=seed)
    if len(local):
        tables[LOCAL] = local
    if by_fold is not None:
        base = predictions.drop(columns=[v.prob_column for v in VESSELS if v.prob_column in predictions])
        for k, one in by_fold.groupby("fold_model"):
            tables[f"{SINGLE}{k}"] = base.merge(one.drop(columns="fold_model"), on="ecg_id")
    rows = []
    for name, table in tables.items():
        kept = table if cohorts is None else table[table["cohort"].isin(list(cohorts))]
        if len(kept):
            found = discrimination_table(kept, units=["ecg"], vessels=vessels, method="delong", level=level)
            found = found[found["metric"].isin(VESSEL_METRICS)]
            rows.append(found.assign(metric="AUC", recalibration=name))
    return pd.concat(rows, ignore_index=True)


def ensemble_table(table: pd.DataFrame) -> pd.DataFrame:
    """Set the ensemble beside its single models.

    Parameters
    ----------
    table : rows of `recalibration_table` and `recalibration_aucs`, `by_fold` given

    Returns
    -------
    DataFrame
        vessel, cohort, unit, metric, ensemble, single (mean of the models), lowest, highest, n_models, data_kind;
        empty where there are no single models.
    """
    keys = ["vessel", "cohort", "unit", "metric", "data_kind"]
    chosen = table[table["metric"].isin(COMPARED) & (table["note"] != NO_LABEL)]
    single = chosen[chosen["recalibration"].str.startswith(SINGLE)]
    found = single.groupby(keys, sort=False)["estimate"]
    summary = found.agg(
        single="mean",
        lowest="min",
        highest="max",
        n_models="count",
    ).reset_index()
    whole = chosen[chosen["recalibration"] == AS_PREDICTED].rename(columns={"estimate": "ensemble"})
    out = summary.merge(whole[[*keys, "ensemble"]], on=keys, how="left")
    order = {name: i for i, name in enumerate(COMPARED)}
    out = out.sort_values("metric", key=lambda m: m.map(order), kind="stable", ignore_index=True)
    return out[[*keys[:4], "ensemble", "single", "lowest", "highest", "n_models", "data_kind"]].replace(
        {np.inf: np.nan}
    )
