"""The paper chapter's tables in the shape they are read in."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ccta_lib.evaluation.published import UNITS
from ccta_lib.evaluation.wording import compact, interval_text, p_text


def comparison_shown(numbers: pd.DataFrame) -> pd.DataFrame:
    """Arrange `paper_comparison` for reading: this run's number with its interval as text, or why there is none."""
    here = []
    for text, r in zip(compact(numbers), numbers.to_dict("records"), strict=True):
        if r["quantity"] == "log-rank p" and not np.isnan(r["estimate"]):
            here.append(f"{p_text(r['estimate'])}; {r['note']}")
        elif np.isnan(r["estimate"]):
            here.append("; ".join(filter(None, ["not estimable", r["note"]])))
        elif r["quantity"] in UNITS:
            here.append(f"{r['estimate']:.0f}")
        else:
            here.append(text)
    paper = numbers["paper"].map(lambda v: "" if np.isnan(v) else f"{v:g}")
    told = [r or v for v, r in zip(paper, numbers["reported"], strict=True)]
    who = numbers["cohort"].where(
        numbers["subgroup"] == "all", numbers["cohort"] + ", " + numbers["subgroup"]
    )
    return pd.DataFrame(
        {
            "place": numbers["place"],
            "quantity": (numbers["quantity"] + " " + numbers["vessel"]).str.strip(),
            "cohort": who,
            "paper": [
                f"{v}, {r}" if v and r.startswith("p ") else t
                for v, r, t in zip(paper, numbers["reported"], told, strict=True)
            ],
            "this run": here,
            "ceiling": numbers["ceiling"].map(lambda v: "" if np.isnan(v) else f"{v:.3f}"),
            "targeted": numbers["targeted"].map({True: "yes", False: "no"}),
        }
    )


_SHORT = {
    "Prior myocardial infarction": "Prior MI",
    "Severe stenosis & occlusion": "severe or occluded",
    "Non-severe or normal": "not severe",
    "Age (years)": "Age",
    "Yes": "yes",
    "No": "no",
}


def table1_shown(margins: pd.DataFrame) -> pd.DataFrame:
    """Arrange `table1_comparison`: a row per cell of Table 1, paper and run side by side for each cohort."""
    unit = margins["quantity"].map({"percent": "%", "mean": "mean, years", "sd": "SD, years"})
    level = margins["level"].where(margins["quantity"] == "percent", "")
    names = [
        " ".join(filter(None, [_SHORT.get(c, c) + ":", _SHORT.get(v, v), u]))
        for c, v, u in zip(margins["characteristic"], level, unit, strict=True)
    ]
    text = [
        f"{p:g} | {'unknown' if np.isnan(e) else interval_text(e, lo, hi, digits=1)}"
        for p, e, lo, hi in margins[["paper", "estimate", "low", "high"]].astype(float).to_numpy()
    ]
    frame = margins.assign(row=names, text=text)
    order = list(dict.fromkeys(names))
    out: dict[str, list[str]] = {"cell": order}
    for cohort, part in frame.groupby("cohort", sort=False):
        known = dict(zip(part["row"], part["text"], strict=True))
        out[str(cohort)] = [known.get(r, "") for r in order]
    return pd.DataFrame(out)


def claims_sentence(claims: pd.DataFrame) -> str:
    """Count the verdicts, and name the claims that are held or reversed in every artery they are about."""
    counts = claims["verdict"].value_counts()
    judged = [f"{counts.get(v, 0)} {v}" for v in ("held", "reversed", "undecided")]
    by_claim = claims.groupby("claim", sort=False)["verdict"].agg(set)
    text = f"{len(claims)} judgements of {len(by_claim)} claims: {', '.join(judged)}."
    for name in ("held", "reversed"):
        everywhere = [str(c) for c, found in by_claim.items() if found == {name}]
        text += f"\n\nClaims {name} in every artery they are about: {', '.join(everywhere) or 'none'}."
    return text


def claims_defined(claims: pd.DataFrame) -> pd.DataFrame:
    """Return one row per claim: its name, what the paper says and where, and the rule on what is measured."""
    one = claims.drop_duplicates("claim")
    said = one["says"] + " (" + one["place"] + ")"
    return pd.DataFrame(
        {"claim": one["claim"], "the paper says": said, "held if": one["quantity"] + ": " + one["rule"]}
    )


def claims_shown(claims: pd.DataFrame) -> pd.DataFrame:
    """Arrange `directional_claims` for reading; a claim's name stands in its first row only."""
    return pd.DataFrame(
        {
            "claim": claims["claim"].where(~claims["claim"].duplicated(), ""),
            "vessel": claims["vessel"],
            "measured": compact(claims),
            "verdict": claims["verdict"],
            "targeted": claims["targeted"].map({True: "yes", False: "no"}),
            "note": claims["note"],
        }
    )


def falls_sentence(printed: pd.DataFrame) -> str:
    """Say by how much the AUCs the paper prints differ from its internal ones.

    Parameters
    ----------
    printed : the paper's values of Figure 1: cohort, subgroup, vessel, value
    """
    panel = {k: part.set_index("vessel")["value"] for k, part in printed.groupby(["cohort", "subgroup"])}
    whole = panel[("internal", "all")]
    parts = []
    for name, key in (("outside", ("external", "all")), ("in normal ECGs", ("internal", "normal ECG"))):
        change = (panel[key] - whole).round(3)
        parts.append(f"{name} " + ", ".join(f"{v} {d:+.3f}" for v, d in change.loc[whole.index].items()))
    return f"AUCs as printed, against the internal ones: {'; '.join(parts)}."
