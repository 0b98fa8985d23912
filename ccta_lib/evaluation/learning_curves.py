"""AUC against the number of patients, pretrained against from scratch, seed by seed."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pandas as pd

from ccta_lib.evaluation.multiplicity import holm
from ccta_lib.evaluation.results import NAN
from ccta_lib.evaluation.seeds import SeedMean, mean_over_seeds
from ccta_lib.schema import VESSELS

MACRO = "macro"
PRETRAINED, SCRATCH = "nano", "scratch"
ALPHA = 0.05


def curve_table(table: pd.DataFrame) -> pd.DataFrame:
    """Average the AUC over seeds at each size.

    Parameters
    ----------
    table : `learning_curves` of the study: seed, patients, init, vessel, auc, ideal, trained_patients, trained_ecgs,
        trained_positive, steps, chosen_step

    Returns
    -------
    DataFrame
        vessel, init, patients, estimate, low, high (t interval over seeds, within [0, 1]), n (seeds), ideal
        (mean over the same seeds' test ECGs), and means of trained_patients, trained_ecgs, trained_positive,
        steps, chosen_step.
    """
    rows = []
    means = ["ideal", "trained_patients", "trained_ecgs", "trained_positive", "steps", "chosen_step"]
    for (vessel, init, patients), part in _groups(table, ["vessel", "init", "patients"]):
        m = _mean(part["auc"])
        low, high = np.clip([m.low, m.high], 0.0, 1.0)
        rows.append((vessel, init, patients, m.estimate, low, high, m.n, *part[means].mean()))
    columns = ["vessel", "init", "patients", "estimate", "low", "high", "n", *means]
    return pd.DataFrame(rows, columns=columns)


def gain_table(table: pd.DataFrame) -> pd.DataFrame:
    """Compare pretrained with scratch at each size, paired by seed.

    Returns
    -------
    DataFrame
        vessel, patients, estimate (mean of pretrained minus scratch), low, high (t interval over seeds), n (seeds),
        positive (seeds in which pretrained is better), p_value, p_holm (for the macro AUC, over its sizes, one family
        fixed beforehand; NaN elsewhere), detectable (difference that so many seeds would find in 80 of 100 studies).
    """
    rows = []
    for (vessel, patients), part in _groups(table, ["vessel", "patients"]):
        wide = {init: by_seed.set_index("seed")["auc"] for init, by_seed in part.groupby("init")}
        difference = (wide[PRETRAINED] - wide[SCRATCH]).dropna()
        m = _mean(difference)
        rows.append((vessel, patients, m.estimate, m.low, m.high, m.n, int((difference > 0).sum()), m.p_value,
                     m.detectable))  # fmt: skip
    columns = ["vessel", "patients", "estimate", "low", "high", "n", "positive", "p_value", "detectable"]
    out = pd.DataFrame(rows, columns=columns)
    macro = out["vessel"] == MACRO
    out["p_holm"] = NAN
    out.loc[macro, "p_holm"] = holm(out.loc[macro, "p_value"])
    return out


def mean_gain(table: pd.DataFrame) -> SeedMean:
    """Average pretrained minus scratch, macro AUC, over the sizes within each seed.

    Described; no claim is tested on it. Seeds in which a size is not estimable are left out.
    """
    macro = table[table["vessel"] == MACRO]
    auc = {init: by_init.set_index(["seed", "patients"])["auc"] for init, by_init in macro.groupby("init")}
    by_seed = (auc[PRETRAINED] - auc[SCRATCH]).groupby("seed")
    return _mean(by_seed.mean()[by_seed.apply(lambda d: d.notna().all())])


def step_table(table: pd.DataFrame, *, init: str = PRETRAINED) -> pd.DataFrame:
    """Return what one more doubling of the patients brought: macro AUC at each size minus that at the size before.

    Returns
    -------
    DataFrame
        smaller, larger, estimate, low, high, n; the cohorts of two sizes are different draws, so that the two of a
        seed share the test ECGs only.
    """
    mine = table[(table["init"] == init) & (table["vessel"] == MACRO)]
    wide = {int(str(size)): by_seed.set_index("seed")["auc"] for size, by_seed in mine.groupby("patients")}
    rows = []
    for smaller, larger in pairwise(sorted(wide)):
        m = _mean((wide[larger] - wide[smaller]).dropna())
        rows.append((smaller, larger, m.estimate, m.low, m.high, m.n))
    return pd.DataFrame(rows, columns=["smaller", "larger", "estimate", "low", "high", "n"])


def patients_needed(curves: pd.DataFrame, auc: float, *, init: str, vessel: str = MACRO) -> float:
    """Return how many patients reach an AUC, read off the mean curve between its points, linear in log patients.

    Parameters
    ----------
    curves : of `curve_table`
    auc : to be reached
    init, vessel : which curve

    Returns
    -------
    float
        Where the curve first reaches it; NaN where it does not within the sizes studied.
    """
    mine = curves[(curves["init"] == init) & (curves["vessel"] == vessel)].sort_values("patients")
    x, y = np.log(mine["patients"].to_numpy(float)), mine["estimate"].to_numpy()
    reached = np.flatnonzero(y >= auc)
    if not reached.size:
        return NAN
    i = reached[0]
    if i == 0:
        return NAN if y[0] > auc else float(np.exp(x[0]))
    return float(np.exp(x[i - 1] + (auc - y[i - 1]) / (y[i] - y[i - 1]) * (x[i] - x[i - 1])))


def learning_finding(table: pd.DataFrame) -> str:
    """Say in one sentence what the curves allow: the gain from patients, what pretraining adds, and the ceiling.

    Parameters
    ----------
    table : `learning_curves` of the study
    """
    curves, gains, overall = curve_table(table), gain_table(table), mean_gain(table)
    mine = curves[(curves["vessel"] == MACRO) & (curves["init"] == PRETRAINED)].sort_values("patients")
    first, last = mine.iloc[0], mine.iloc[-1]
    macro = gains[gains["vessel"] == MACRO].sort_values("patients")
    seeds = int(macro["n"].max()) if len(macro) else 0
    return (
        f"From {first['patients']:,.0f} to {last['patients']:,.0f} patients the pretrained network's macro AUC went "
        f"from {first['estimate']:.3f} to {last['estimate']:.3f}, where an ideal observer of the same ECGs reaches "
        f"{last['ideal']:.3f}; {_gain(macro)} ({seeds} seeds){_overall(overall)}. "
        "This is a property of this simulator and this small network, not of ECGFounder."
    )


def _gain(macro: pd.DataFrame) -> str:
    if macro["low"].isna().all():
        return "what pretraining added cannot be judged from so few seeds"
    shown = macro[macro["p_holm"] < ALPHA]
    better, worse = shown[shown["estimate"] > 0], shown[shown["estimate"] < 0]
    rest = macro[~(macro["p_holm"] < ALPHA)]
    parts = []
    if len(better):
        top = better.loc[better["estimate"].idxmax()]
        parts.append(f"pretraining added to it at {_sizes(better)} patients (most at {top['patients']:,.0f}: "
                     f"{top['estimate']:+.3f}, 95 % interval {top['low']:+.3f} to {top['high']:+.3f})")  # fmt: skip
    if len(worse):
        parts.append(f"pretraining took from it at {_sizes(worse)} patients")
    if len(rest):
        where = "any size studied" if len(rest) == len(macro) else f"{_sizes(rest)} patients"
        parts.append(f"no difference between pretrained and scratch was shown at {where}")
        taken = rest[(rest["low"] > 0) | (rest["high"] < 0)]
        if len(taken):
            parts[-1] += (
                f" (at {_sizes(taken)} the interval leaves zero out, which Holm's correction takes back)"
            )
    return ", and ".join(parts)


def _overall(mean: SeedMean) -> str:
    if np.isnan(mean.low):
        return ""
    limits = f"95 % interval {mean.low:+.3f} to {mean.high:+.3f}"
    return f"; averaged over the sizes, pretrained minus scratch was {mean.estimate:+.3f}, {limits}"


def _sizes(rows: pd.DataFrame) -> str:
    numbers = [f"{n:,.0f}" for n in rows["patients"]]
    return numbers[0] if len(numbers) == 1 else ", ".join(numbers[:-1]) + " and " + numbers[-1]


def _groups(table: pd.DataFrame, keys: list[str]) -> Sequence[tuple[tuple, pd.DataFrame]]:
    """Return groups, macro first, then the vessels in their order; sizes ascending."""
    order = {name: i for i, name in enumerate((MACRO, *map(str, VESSELS)))}
    return sorted(table.groupby(keys, sort=True), key=lambda group: order[group[0][0]])


def _mean(values: pd.Series) -> SeedMean:
    known = values.dropna()
    if known.empty:
        return SeedMean(NAN, NAN, NAN, NAN, 0, NAN, NAN, "in no seed estimable")
    return mean_over_seeds(known.to_numpy())
