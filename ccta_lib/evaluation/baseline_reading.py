"""The comparison of models in words: no more than the intervals allow."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from ccta_lib.errors import InputError
from ccta_lib.evaluation.baseline_models import CLINICAL
from ccta_lib.evaluation.baselines import AUC, AUC_DIFFERENCE, MACRO, NAMES
from ccta_lib.evaluation.clinical import clinical_columns
from ccta_lib.evaluation.multiplicity import holm
from ccta_lib.evaluation.pretest import NEEDED

ALPHA = 0.05
HIGHER, LOWER, OPEN, UNKNOWN = "higher", "lower", "not shown to differ", "not comparable"


def verdict(low: float, high: float) -> str:
    """Say what an interval of a difference allows: "higher", "lower", "not shown to differ", "not comparable"."""
    if np.isnan(low) or np.isnan(high):
        return UNKNOWN
    return HIGHER if low > 0 else LOWER if high < 0 else OPEN


def baselines_finding(pooled: pd.DataFrame, summed: pd.DataFrame, *, patients: int) -> str:
    """Put the chapter's finding in one sentence: network, measurements, clinical data, and what the network adds.

    Parameters
    ----------
    pooled : `pool` of `auc_rows` of the study's models, with references "finetuned" and "clinical"
    summed : `added_over_seeds` of what "finetuned" adds to "clinical", one row per vessel
    patients : in each of the study's cohorts

    Raises
    ------
    InputError
        If a comparison the sentence is about is missing.
    """
    own, against = _row(pooled, "finetuned", ""), _row(pooled, "finetuned", "clinical")
    measured, other = _row(pooled, "ecg_linear", ""), _flipped(_row(pooled, "ecg_linear", "finetuned"))
    clinical, both = _row(pooled, "clinical", ""), _row(pooled, "clinical_network", "clinical")
    seeds = int(own["seeds"])
    several, each = ("s", " each") if seeds != 1 else ("", "")
    cohorts = f"{seeds} virtual cohort{several} of {patients:,} patients{each}"
    return (
        f"The macro AUC, on fresh ECGs, of the network fine-tuned on {cohorts}, {own['estimate']:.3f}, was "
        f"{_words(other)} that of logistic regression on what an ECG machine measures ({measured['estimate']:.3f}; "
        f"difference {_signed_interval(other)}) and {_words(against)} that of age, sex and risk factors "
        f"({clinical['estimate']:.3f}; difference {_signed_interval(against)}); {_added(summed)} (nested "
        f"logistic models refitted on the test ECGs, patient-robust, Holm), and the AUC of "
        f"both together was {_words(both)} that of these alone "
        f"({_signed_interval(both)}): a property of this simulator and of a network of this size, not of ECGs."
    )


def _added(summed: pd.DataFrame) -> str:
    mine = summed[(summed["old"] == "clinical") & (summed["new"] == "finetuned")]
    if mine.empty:
        raise InputError("summed: found no row of finetuned added to clinical; expected one per vessel")
    shown = mine.loc[holm(mine["p_value"]) < ALPHA, "vessel"].tolist()
    of = f"of {len(mine)} arteries"
    if not shown:
        return f"it was shown to add to these for none {of}"
    which = "all" if len(shown) == len(mine) else ", ".join(shown)
    return f"its log odds added to these for {len(shown)} {of}" + ("" if which == "all" else f" ({which})")


def _row(pooled: pd.DataFrame, model: str, reference: str) -> pd.Series:
    metric = AUC_DIFFERENCE if reference else AUC
    mine = pooled[(pooled["model"] == model) & (pooled["reference"] == reference)
                  & (pooled["metric"] == metric) & (pooled["vessel"] == MACRO)]  # fmt: skip
    if len(mine) != 1:
        what = f"{model} against {reference}" if reference else model
        raise InputError(f"pooled: found {len(mine)} rows of {metric}, {what}, macro; expected one")
    return mine.iloc[0]


def _flipped(row: pd.Series) -> pd.Series:
    """Turn a difference round."""
    return pd.Series({"estimate": -row["estimate"], "low": -row["high"], "high": -row["low"]})


def _words(row: pd.Series) -> str:
    return {HIGHER: "higher than", LOWER: "lower than", OPEN: "not shown to differ from",
            UNKNOWN: "not comparable with"}[verdict(row["low"], row["high"])]  # fmt: skip


def _signed_interval(row: pd.Series) -> str:
    limits = "" if np.isnan(row["low"]) else f" [{_signed(row['low'])}, {_signed(row['high'])}]"
    return f"{_signed(row['estimate'])}{limits}"


def _signed(value: float) -> str:
    return f"{value:+.3f}".replace("-", "−")


def named(rows: pd.DataFrame, column: str = "model") -> pd.DataFrame:
    """Return rows with the models' names in words."""
    return rows.assign(**{column: rows[column].map(NAMES).fillna(rows[column])})


def missing_sentence(predictions: pd.DataFrame) -> str:
    """Say which clinical columns this table lacks, and what cannot be computed for it; empty if it lacks none."""
    _, absent = clinical_columns(predictions)
    without_symptom = [c for c in NEEDED if c not in predictions or predictions[c].isna().all()]
    said = []
    if len(absent) == len(CLINICAL):
        said.append(f"This table holds none of {_listed(CLINICAL)}: no clinical model can be fitted.")
    elif absent:
        said.append(f"This table has no {_listed(absent)}: the clinical model goes without.")
    if without_symptom:
        said.append(f"Without {_listed(without_symptom)} the pre-test table cannot be read.")
    return " ".join(said)


def _listed(names: Iterable[str]) -> str:
    words = [f"`{n}`" for n in names]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
