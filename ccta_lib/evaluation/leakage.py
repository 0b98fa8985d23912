"""What the study of leakage found: its tables over seeds, and the sentence they support."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ccta_lib.evaluation.seed_tables import COMMON, MACRO, clause, over_seeds, with_macro

TUNED = "nano, fine-tuned"
RAW = "heart rate, age and sex"
INSIDE, ABSENT, REVERSED, SAME = "as in training", "no shortcut", "reversed", "same ECG, noisy minus quiet"
VERIFIED, RETRIEVED = "verification", "retrieval"
GAINS = {"inflation inside": (INSIDE, ABSENT), "change where reversed": (REVERSED, ABSENT)}
"""What a shortcut adds to the AUC where it holds, and takes away where it is turned round."""


def probe_table(probes: pd.DataFrame) -> pd.DataFrame:
    """Average over seeds what probes find.

    Returns
    -------
    DataFrame
        features, quantity, probe, metric, estimate, low, high, sd, n, note, chance.
    """
    by = ["features", "quantity", "probe", "metric"]
    chance = probes.groupby(by, sort=False)["chance"].mean().rename("chance").reset_index()
    return over_seeds(probes, by).merge(chance, on=by)


def shortcut_table(shortcut: pd.DataFrame) -> pd.DataFrame:
    """Average AUC and shift of log odds over seeds: odds, test, vessel, metric, estimate, low, high, sd, n, note."""
    return over_seeds(shortcut, ["odds", "test", "vessel", "metric"])


def shortcut_gains(shortcut: pd.DataFrame) -> pd.DataFrame:
    """Return, per odds ratio, what the shortcut is worth: differences of one network's AUCs, paired within a seed.

    Returns
    -------
    DataFrame
        odds, vessel, gain (keys of `GAINS`), estimate, low, high, sd, n, note.
    """
    auc = shortcut[shortcut["metric"] == "AUC"]
    keys = ["seed", "odds", "vessel"]
    wide = auc.pivot_table(index=keys, columns="test", values="estimate", sort=False)
    parts = []
    for gain, (a, b) in GAINS.items():
        difference = (wide[a] - wide[b]).rename("estimate").reset_index()
        parts.append(difference.assign(gain=gain))
    return over_seeds(pd.concat(parts, ignore_index=True), ["odds", "vessel", "gain"])


def matched_table(matched: pd.DataFrame) -> pd.DataFrame:
    """Average AUC, AUC within strata and their difference over seeds, per vessel and over vessels.

    Returns
    -------
    DataFrame
        score, matched_on, metric, vessel ("macro" = mean of `COMMON`), estimate, low, high,
        sd, n, note.
    """
    by = ["score", "matched_on", "metric"]
    return over_seeds(with_macro(matched, by, vessels=COMMON), [*by, "vessel"])


def split_table(split: pd.DataFrame) -> pd.DataFrame:
    """Average AUC over seeds by whether the network knew the patient.

    Returns
    -------
    DataFrame
        scored_by, metric, vessel ("macro" = mean of `COMMON`), estimate, low, high, sd, n, note.
    """
    by = ["scored_by", "metric"]
    return over_seeds(with_macro(split, by, vessels=COMMON), [*by, "vessel"])


def _one(table: pd.DataFrame, **values: object) -> pd.Series:
    rows = table
    for column, value in values.items():
        rows = rows[rows[column] == value]
    if rows.empty:
        return pd.Series({"estimate": np.nan, "low": np.nan, "high": np.nan, "n": 0})
    return rows.iloc[0]


def leakage_finding(
    probes: pd.DataFrame,
    shortcut: pd.DataFrame,
    matched: pd.DataFrame,
    split: pd.DataFrame,
    *,
    planted: str = "LAD",
) -> str:
    """Say in one sentence what the four tables of the study allow to say.

    Parameters
    ----------
    probes, shortcut, matched, split : `leakage_probes` and so on, as the study leaves them
    planted : artery whose label the device followed
    """
    identity = probe_table(probes)
    nearer, nearest = (
        _one(identity, features=TUNED, quantity="identity", metric=m) for m in (VERIFIED, RETRIEVED)
    )
    strongest = float(shortcut["odds"].max())
    gains = shortcut_gains(shortcut)
    inside, outside = (_one(gains, odds=strongest, vessel=planted, gain=g) for g in GAINS)
    knew = _one(split_table(split), scored_by="seen minus new", vessel=MACRO)
    alike = matched_table(matched)
    told = "whether features tell patients apart could not be judged"
    if not np.isnan(nearer["low"]):
        told = (
            f"in them another ECG of the same patient lay nearer than a stranger's {nearer['estimate']:.0%} of the "
            f"time, {clause(_beyond_raw(probes, VERIFIED), _MORE)}"
        )
    if not np.isnan(nearest["low"]):
        told += (
            f", and the nearest of all ECGs was the same patient's {nearest['estimate']:.0%} of the time, "
            f"{clause(_beyond_raw(probes, RETRIEVED), _MORE)}"
        )
    parts = [
        f"Features gave away things other than disease: {told}",
        f"device noise that went with a diseased {planted} at an odds ratio of {strongest:g} "
        f"{clause(inside, _INSIDE)} and {clause(outside, _OUTSIDE)} where it went the other way",
        clause(knew, _KNEW),
        *(
            clause(_one(alike, score="network", matched_on=on, metric="difference", vessel=MACRO), words)
            for on, words in _ALIKE.items()
            if (alike["matched_on"] == on).any()
        ),
    ]
    return "; ".join(parts) + ". All of this is a property of this simulator."


_MORE = {
    "up": "more often than by heart rate, age and sex alone",
    "down": "less often than by heart rate, age and sex alone",
    "none": "no more often, as far as was shown, than by heart rate, age and sex alone",
    "unknown": "which could not be compared with heart rate, age and sex",
}
_INSIDE = {
    "up": "raised its AUC where the same held in the test",
    "down": "lowered its AUC where the same held in the test",
    "none": "was not shown to move its AUC where the same held in the test",
    "unknown": "had an effect that could not be judged where the same held in the test",
}
_OUTSIDE = {
    "up": "raised it",
    "down": "lowered it",
    "none": "was not shown to move it",
    "unknown": "had one that could not be judged",
}
_KNEW = {
    "up": "macro AUC was higher where networks had trained on other ECGs of the same patients",
    "down": "macro AUC was lower where networks had trained on other ECGs of the same patients",
    "none": "no effect of having trained on a patient's other ECGs was shown on macro AUC",
    "unknown": "what having trained on a patient's other ECGs adds could not be judged",
}
_ALIKE = {
    "age": {
        "up": "among patients alike in age macro AUC was lower by what telling ages apart adds",
        "down": "among patients alike in age macro AUC was higher than among all",
        "none": "no part of macro AUC was shown to come from telling ages apart",
        "unknown": "how much of the AUC comes from age could not be judged",
    },
    "all": {
        "up": "among the few pairs alike in heart rate, age and sex it was lower by what telling these apart adds",
        "down": "among the few pairs alike in heart rate, age and sex it was higher than among all",
        "none": "among the few pairs alike in heart rate, age and sex a difference was not shown",
        "unknown": "how much of the AUC comes from heart rate, age and sex could not be judged",
    },
}


def _beyond_raw(probes: pd.DataFrame, metric: str) -> pd.Series:
    """What features tell of a patient's identity minus what heart rate, age and sex tell, paired within a seed."""
    rows = probes[(probes["quantity"] == "identity") & (probes["metric"] == metric)]
    wide = rows.pivot_table(index="seed", columns="features", values="estimate")
    if TUNED not in wide or RAW not in wide:
        return _one(pd.DataFrame())
    difference = (wide[TUNED] - wide[RAW]).rename("estimate").reset_index().assign(quantity="identity")
    return _one(over_seeds(difference, ["quantity"]))
