"""What the study of ingredients says: paired differences over seeds, weights, calibration, cost, and the wording.

Every difference pairs two arms of the same seed, which share virtual cohort, split, order of batches and test patients.
An interval is a t interval over seeds: it holds what another cohort, split and start would change.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ccta_lib.errors import InputError
from ccta_lib.evaluation.multiplicity import holm
from ccta_lib.evaluation.seeds import SeedMean, mean_over_seeds, paired_over_seeds, rows_by_seed
from ccta_lib.schema import VESSELS

MACRO = "macro"
REFERENCE = "reference"
PUBLISHED, OWN_RATE, FAST, EQUAL = (
    REFERENCE, "sigma at a rate of 0.01", "sigma at a rate of 0.1", "equal weights",
)  # fmt: skip
BOTH = "both stages"
ALPHA = 0.05


@dataclass(frozen=True)
class Contrast:
    """Two arms that differ in one thing.

    Attributes
    ----------
    ingredient : what the recipe calls it
    arm, against : the difference is the first minus the second
    named : what it is called; the arm's name where that says all
    """

    ingredient: str
    arm: str
    against: str = REFERENCE
    named: str = ""

    @property
    def label(self) -> str:
        """What the comparison is called."""
        return self.named or self.arm


CONTRASTS = (
    Contrast("uncertainty weights", EQUAL),
    Contrast("uncertainty weights", OWN_RATE),
    Contrast("uncertainty weights", FAST),
    Contrast("PCGrad", "no PCGrad"),
    Contrast("PCGrad", "exact PCGrad"),
    Contrast("augmentation", "no shift"),
    Contrast("augmentation", "no amplitude"),
    Contrast("augmentation", "no noise"),
    Contrast("augmentation", "no blank"),
    Contrast("augmentation", "no augmentation"),
    Contrast("augmentation schedule", "strength constant"),
    Contrast("augmentation schedule", "strength 1 to 0"),
    Contrast("original beside the copy", "copies alone"),
    Contrast("z-score per lead", "z-score over all leads"),
    Contrast("z-score per lead", "from scratch, z-score over all leads", "from scratch",
             "z-score over all, from scratch"),
    Contrast("pretraining in both stages", "from scratch", BOTH, "no pretraining"),
    Contrast("pretraining in both stages", "findings alone", BOTH, "pretrained on findings alone"),
    Contrast("pretraining in both stages", "infarction alone", BOTH, "pretrained on infarction alone"),
    Contrast("pretraining in both stages", REFERENCE, BOTH, "shipped pretraining"),
)  # fmt: skip
"""All comparisons, fixed beforehand; their macro-AUC differences form one Holm family."""


def ablation_differences(table: pd.DataFrame, *, level: float = 0.95) -> pd.DataFrame:
    """Return the paired AUC difference of every contrast, for each vessel and their mean.

    Parameters
    ----------
    table : arm, seed, vessel (with "macro"), auc
    level : confidence level

    Returns
    -------
    DataFrame
        ingredient, label, arm, against, vessel, metric, estimate, low, high, sd, n_seeds, p_value, p_holm (of the
        macro rows, one family), detectable (true difference found in 80 of 100 such studies, before correction),
        method, note.

    Raises
    ------
    InputError
        If an arm is missing, or its seeds are not those of the arm it is compared with.
    """
    rows = []
    for contrast in CONTRASTS:
        for vessel in (MACRO, *map(str, VESSELS)):
            part = table[table["vessel"] == vessel]
            found = _paired(part, contrast.arm, contrast.against, "auc", level)
            rows.append(_row(contrast, found, vessel=vessel, metric="AUC difference"))
    out = pd.DataFrame(rows)
    return _with_holm(out, out["vessel"] == MACRO)


def seed_differences(table: pd.DataFrame, *, vessel: str = MACRO) -> pd.DataFrame:
    """Return the difference of every contrast in every seed: what `ablation_differences` averages.

    Parameters
    ----------
    table : arm, seed, vessel, auc
    vessel : which one, or "macro"

    Returns
    -------
    DataFrame
        label, arm, against, seed, estimate
    """
    auc = table[table["vessel"] == vessel].set_index(["arm", "seed"])["auc"].sort_index()
    rows = [
        (c.label, c.arm, c.against, seed, value)
        for c in CONTRASTS
        for seed, value in (auc[c.arm] - auc[c.against]).items()
    ]
    return pd.DataFrame(rows, columns=["label", "arm", "against", "seed", "estimate"])


def calibration_differences(table: pd.DataFrame, *, vessel: str = "LM", level: float = 0.95) -> pd.DataFrame:
    """Compare a vessel's calibration under the settings of the uncertainty weights with the published one's.

    Parameters
    ----------
    table : arm, seed, vessel, metric (slope, intercept, o_e), value
    vessel : which one
    level : confidence level

    Returns
    -------
    DataFrame
        As `ablation_differences`, with metric slope, intercept or o_e, and mean (of the arm over seeds) and
        mean_against; p_holm NaN, for the chapter's one family is that of the macro-AUCs. A seed where either value is
        undefined makes the difference undefined.
    """
    rows = []
    for contrast in [c for c in CONTRASTS if c.ingredient == "uncertainty weights"]:
        for metric in ("slope", "intercept", "o_e"):
            part = table[(table["vessel"] == vessel) & (table["metric"] == metric)]
            found = _paired(part, contrast.arm, contrast.against, "value", level)
            means = {
                name: part.loc[part["arm"] == arm, "value"].mean(skipna=False)
                for name, arm in (("mean", contrast.arm), ("mean_against", contrast.against))
            }
            rows.append(_row(contrast, found, vessel=vessel, metric=metric) | means)
    return pd.DataFrame(rows).assign(p_holm=np.nan)


def calibration_means(table: pd.DataFrame, *, level: float = 0.95) -> pd.DataFrame:
    """Return mean and t interval over seeds of each arm's slope, intercept and O:E by vessel.

    Returns
    -------
    DataFrame
        arm, vessel, metric, estimate, low, high, n_seeds, note
    """
    rows = []
    for (arm, vessel, metric), part in table.groupby(["arm", "vessel", "metric"], sort=False):
        found = _mean(part["value"].to_numpy(dtype=float), level)
        rows.append({"arm": arm, "vessel": vessel, "metric": metric, "estimate": found.estimate, "low": found.low,
                     "high": found.high, "n_seeds": found.n, "note": found.note})  # fmt: skip
    return pd.DataFrame(rows)


def cost_ratios(
    cost: pd.DataFrame, pairs: list[tuple[str, str]] | None = None, *, level: float = 0.95
) -> pd.DataFrame:
    """Return how many times as long the processor works in the steps of one arm as in those of another, same seed.

    Parameters
    ----------
    cost : arm, seed, step_cpu_seconds, ecg_passes
    pairs : (arm, against); those of `CONTRASTS` by default
    level : confidence level

    Returns
    -------
    DataFrame
        arm, against, ratio (geometric mean over seeds), low, high (t interval of its logarithm), passes (ratio of ECGs
        through the network), seconds (mean of the arm), n_seeds, note
    """
    rows = []
    for arm, against in pairs or [(c.arm, c.against) for c in CONTRASTS]:
        logs = cost.assign(log=np.log(cost["step_cpu_seconds"]))
        found = _paired(logs, arm, against, "log", level)
        of = {name: cost[cost["arm"] == name] for name in (arm, against)}
        rows.append({
            "arm": arm, "against": against, "ratio": np.exp(found.estimate), "low": np.exp(found.low),
            "high": np.exp(found.high), "passes": of[arm]["ecg_passes"].sum() / of[against]["ecg_passes"].sum(),
            "seconds": of[arm]["step_cpu_seconds"].mean(), "n_seeds": found.n, "note": found.note,
        })  # fmt: skip
    return pd.DataFrame(rows)


def weight_ends(weights: pd.DataFrame) -> pd.DataFrame:
    """Return where the uncertainty weights ended, by arm and vessel, relative to their mean, beside 1/loss.

    Parameters
    ----------
    weights : arm, seed, vessel, loss, weight, log_variance, path, after the last epoch

    Returns
    -------
    DataFrame
        arm, vessel, log_variance, low_log_variance, high_log_variance (least and greatest of the seeds), path,
        relative_weight, relative_optimum (each scaled to mean 1 over the vessels of a seed, then averaged), n_seeds
    """
    known = weights.dropna(subset="loss").assign(optimum=lambda t: 1 / t["loss"])
    run = known.groupby(["arm", "seed"], sort=False)
    relative = known.assign(
        relative_weight=known["weight"] / run["weight"].transform("mean"),
        relative_optimum=known["optimum"] / run["optimum"].transform("mean"),
    )  # fmt: skip
    return (
        relative.groupby(["arm", "vessel"], sort=False)
        .agg(
            log_variance=("log_variance", "mean"),
            low_log_variance=("log_variance", "min"),
            high_log_variance=("log_variance", "max"),
            path=("path", "mean"),
            relative_weight=("relative_weight", "mean"),
            relative_optimum=("relative_optimum", "mean"),
            n_seeds=("seed", "nunique"),
        )
        .reset_index()
    )


def weight_spread(weights: pd.DataFrame) -> pd.DataFrame:
    """Return how far apart a run's weights lie: the largest over the smallest, and the same of 1/loss.

    Returns
    -------
    DataFrame
        arm, spread, high_spread (mean and greatest over seeds), optimum (mean over seeds), path
    """
    rows = []
    for arm, part in weights.dropna(subset="loss").groupby("arm", sort=False):
        by_seed = part.groupby("seed")
        spread = by_seed["weight"].max() / by_seed["weight"].min()
        optimum = by_seed["loss"].max() / by_seed["loss"].min()
        rows.append((arm, spread.mean(), spread.max(), optimum.mean(), part["path"].mean()))
    return pd.DataFrame(rows, columns=["arm", "spread", "high_spread", "optimum", "path"])


def _paired(part: pd.DataFrame, arm: str, against: str, column: str, level: float) -> SeedMean:
    values = {}
    for name in (arm, against):
        mine = part[part["arm"] == name]
        if mine.empty:
            raise InputError(
                f"ablations: no row of arm {name!r}; run the study again (ccta study --only ablations)"
            )
        values[name] = mine
    seeds = sorted(values[against]["seed"])
    if sorted(values[arm]["seed"]) != seeds:
        raise InputError(
            f"ablations: arm {arm!r} has seeds {sorted(values[arm]['seed'])}, {against!r} has {seeds}; "
            "pairs share a seed"
        )
    a, b = (
        rows_by_seed(values[n][column].tolist(), values[n]["seed"].tolist(), seeds) for n in (arm, against)
    )
    if np.isnan(a).any() or np.isnan(b).any():
        return _undefined(len(seeds))
    return paired_over_seeds(a, b, level=level)


def _mean(values: np.ndarray, level: float) -> SeedMean:
    return _undefined(len(values)) if np.isnan(values).any() else mean_over_seeds(values, level=level)


def _undefined(n: int) -> SeedMean:
    nan = float("nan")
    return SeedMean(nan, nan, nan, nan, n, nan, nan, "undefined in some seeds")


def _row(contrast: Contrast, found: SeedMean, *, vessel: str, metric: str) -> dict[str, object]:
    return {
        "ingredient": contrast.ingredient, "label": contrast.label, "arm": contrast.arm, "against": contrast.against,
        "vessel": vessel, "metric": metric, "estimate": found.estimate, "low": found.low, "high": found.high,
        "sd": found.sd, "n_seeds": found.n, "p_value": found.p_value, "detectable": found.detectable,
        "method": "paired t over seeds", "note": found.note,
    }  # fmt: skip


def _with_holm(rows: pd.DataFrame, family: pd.Series) -> pd.DataFrame:
    """Add p_holm to the rows of one family; what is not estimable counts in it and has none."""
    p = rows.loc[family, "p_value"]
    return rows.assign(p_holm=pd.Series(holm(p), index=p.index).where(p.notna()))
