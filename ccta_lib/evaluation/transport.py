"""What the study of transport found: harm against what the checks catch, and the sentence that follows."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ccta_lib.evaluation.results import NAN
from ccta_lib.evaluation.seed_tables import COMMON, MACRO, over_seeds, with_macro
from ccta_lib.evaluation.wording import interval_text

UNTOUCHED = "as recorded"
MATERIAL = 0.02
"""A smaller loss of macro AUC is not called harm, whatever its interval."""
CAUGHT = 0.95
"""Share of ECGs that must be stopped for a disturbance to count as caught."""
VERDICTS = ("caught", "flagged", "partly caught", "silent")
MOST_NAMED = 6


def condition_table(transport: pd.DataFrame, checks: pd.DataFrame) -> pd.DataFrame:
    """Set what each disturbance does beside what the checks do about it.

    Parameters
    ----------
    transport : kind, dose, what, vessel, metric ("AUC", "AUC change", "slope", "citl", "o_e"), estimate, seed
    checks : kind, dose, what, n, excluded, flagged, silent, reason, flags, seed

    Returns
    -------
    DataFrame
        One row per disturbance: kind, dose, what, name (what, fit to stand alone); estimate, low, high: change of the
        macro AUC over `COMMON` if nothing were checked, with t interval over seeds; auc, slope, o_e: means over
        vessels and seeds; checked (ECGs), excluded, flagged, silent (shares), reason, flags; verdict (one of
        `VERDICTS`); harm (bool): the interval lies below zero and the mean loss is at least `MATERIAL`.
    """
    keys = ["kind", "dose", "what"]
    wide = with_macro(transport, [*keys, "metric"], vessels=COMMON)
    mean = over_seeds(wide[wide["vessel"] == MACRO], [*keys, "metric"])
    change = mean[mean["metric"] == "AUC change"].drop(columns="metric")
    reference = change["what"] == UNTOUCHED
    change = change.assign(note=change["note"].mask(reference, "the reference"),
                           **{c: change[c].mask(reference, 0.0) for c in ("low", "high")})  # fmt: skip
    for metric, column in (("AUC", "auc"), ("slope", "slope"), ("o_e", "o_e")):
        values = mean[mean["metric"] == metric][[*keys, "estimate"]].rename(columns={"estimate": column})
        change = change.merge(values, on=keys, how="left")
    counts = checks.groupby(keys, sort=False)
    shares = counts[["n", "excluded", "flagged", "silent"]].sum()
    for column in ("excluded", "flagged", "silent"):
        shares[column] = shares[column] / shares["n"]
    words = counts[["reason", "flags"]].agg(_all_words)
    out = change.rename(columns={"n": "seeds"}).merge(
        shares.rename(columns={"n": "checked"}).join(words).reset_index(), on=keys, how="left"
    )
    out["name"] = [_name(kind, what) for kind, what in zip(out["kind"], out["what"], strict=True)]
    out["verdict"] = [_verdict(e, f) for e, f in zip(out["excluded"], out["flagged"], strict=True)]
    out["harm"] = (out["high"] < 0) & (out["estimate"] <= -MATERIAL)
    return out


def _name(kind: str, what: str) -> str:
    return f"{what} exchanged" if kind == "exchanged electrodes" and " and " in what else what


def _all_words(texts: pd.Series) -> str:
    return ", ".join(dict.fromkeys(word for text in texts for word in text.split(", ") if word))


def _verdict(excluded: float, flagged: float) -> str:
    if excluded >= CAUGHT:
        return "caught"
    if excluded + flagged >= CAUGHT:
        return "flagged"
    return "partly caught" if excluded + flagged > 1 - CAUGHT else "silent"


def display_conditions(table: pd.DataFrame) -> pd.DataFrame:
    """Set a table of conditions as a reader wants it: text, one line a disturbance, the reference left out."""
    rows = table[table["what"] != UNTOUCHED]
    lost = [
        "cannot be scored" if np.isnan(e) else interval_text(e, low, high, digits=3)
        for e, low, high in rows[["estimate", "low", "high"]].to_numpy(dtype=float)
    ]
    said = [", ".join(filter(None, [r, f])) for r, f in zip(rows["reason"], rows["flags"], strict=True)]
    return pd.DataFrame(
        {
            "disturbance": rows["name"],
            "verdict": [
                f"{v}, harmful" if h else v for v, h in zip(rows["verdict"], rows["harm"], strict=True)
            ],
            "change of macro AUC": lost,
            "slope": rows["slope"],
            "O:E": rows["o_e"],
            "excluded": [f"{x:.0%}" for x in rows["excluded"]],
            "flagged": [f"{x:.0%}" for x in rows["flagged"]],
            "what the checks say": said,
        }
    )


def prevalence_table(prevalence: pd.DataFrame) -> pd.DataFrame:
    """Average over seeds what another prevalence does, before and after correction.

    Parameters
    ----------
    prevalence : vessel, prevalence, trained, tested, correction, metric, estimate, sd, n, n_pos, seed

    Returns
    -------
    DataFrame
        vessel, prevalence, correction, metric, estimate, low, high, sd, n (seeds), note, and for "citl" without
        correction `expected`: its value at the tested prevalence plus the step of the prior log odds.
    """
    rows = prevalence.copy()
    own = _at_home(rows)
    step = _logit(rows["prevalence"]) - _logit(rows["trained"])
    rows["expected"] = np.where((rows["metric"] == "citl") & (rows["correction"] == "none"), step + own, NAN)
    by = ["vessel", "prevalence", "correction", "metric"]
    expected = rows.groupby(by, sort=False)["expected"].mean().reset_index()
    return over_seeds(rows, by).merge(expected, on=by)


def _at_home(rows: pd.DataFrame) -> pd.Series:
    """Calibration in the large that is left when the prevalence is accounted for, of the same seed and vessel."""
    left = rows[(rows["metric"] == "citl") & (rows["correction"] == "known prevalence")]
    middle = left.groupby(["seed", "vessel"])["estimate"].median().rename("own").reset_index()
    return rows.merge(middle, on=["seed", "vessel"], how="left")["own"].set_axis(rows.index)


def _logit(p: pd.Series) -> np.ndarray:
    return np.asarray(np.log(p / (1 - p)))


def transport_finding(conditions: pd.DataFrame, prevalence: pd.DataFrame) -> str:
    """Say in one sentence what became of the network away from home.

    Parameters
    ----------
    conditions : of `condition_table`
    prevalence : of `prevalence_table`
    """
    rows = conditions[conditions["what"] != UNTOUCHED]
    if (rows["seeds"] < 2).all():
        return ("What disturbed ECGs cost cannot be said from these tables (one seed: no interval); a property of this "
                "simulator either way.")  # fmt: skip
    silent = rows[rows["harm"] & (rows["verdict"] == "silent")].sort_values("estimate")
    stopped = int(rows["verdict"].isin(["caught", "flagged"]).sum())
    partly = int((rows["verdict"] == "partly caught").sum())
    start = f"The input checks caught or flagged {stopped} of {len(rows)} disturbances"
    start += f" and {partly} more in part" if partly else ""
    if silent.empty:
        told = "and none that passed in silence was shown to cost macro AUC"
    else:
        named = "; ".join(
            f"{w} {e:+.2f}" for w, e in silent[["name", "estimate"]].head(MOST_NAMED).to_numpy()
        )
        rest = f" and {len(silent) - MOST_NAMED} more" if len(silent) > MOST_NAMED else ""
        told = f"but {len(silent)} passed in silence and cost macro AUC ({named}{rest})"
    return f"{start}, {told}; {_prevalence_words(prevalence)}. All of this is a property of this simulator."


def _prevalence_words(prevalence: pd.DataFrame) -> str:
    plain = prevalence[(prevalence["vessel"].isin(COMMON)) & (prevalence["correction"] == "none")]
    known = prevalence[(prevalence["vessel"].isin(COMMON)) & (prevalence["correction"] == "known prevalence")]
    if plain.empty:
        return "what another prevalence does could not be judged"
    spans = {}
    for name, part in (("AUC", plain), ("citl", plain), ("corrected", known)):
        metric = "citl" if name == "corrected" else name
        values = part[part["metric"] == metric].groupby("vessel")["estimate"].agg(lambda x: x.max() - x.min())
        spans[name] = float(values.max())
    low, high = plain["prevalence"].min(), plain["prevalence"].max()
    moved = "stayed within" if spans["AUC"] <= MATERIAL else "moved by up to"
    return (
        f"between prevalences of {low:.0%} and {high:.0%} the AUC of a vessel {moved} {spans['AUC']:.3f} while its "
        f"calibration in the large moved by up to {spans['citl']:.1f} log odds, by {spans['corrected']:.1f} once the "
        "prior was corrected"
    )
