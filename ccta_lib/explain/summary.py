"""What the table of mean beats says: one row per contrast, one per cluster, and a check against what was planted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from ccta_lib.evaluation.multiplicity import holm
from ccta_lib.explain.beats import BEAT_MS, CONTRASTS, MATCHED_COLUMNS, PatientBeats, patient_groups
from ccta_lib.explain.contrast import NO_SET, matched_difference, matched_sets
from ccta_lib.schema import LEADS, VESSELS, Vessel

WAVES = {"P": (-220, -60), "QRS": (-60, 60), "ST": (60, 180), "T": (180, 420)}
"""Nominal windows in ms from R, at ordinary heart rates."""
PLANTED_WINDOWS = {"q": (-30, -14), "st": (72, 120), "t": (240, 320)}
"""Where a planted displacement is read off a mean beat, ms from R."""
FEW = 10  # patients below which a group is not interpreted


def wave_at(ms: float) -> str:
    """Return the wave whose window holds a time; TP, the pause between beats, outside all."""
    return next((wave for wave, (low, high) in WAVES.items() if low <= ms < high), "TP")


def cluster_table(beats: pd.DataFrame) -> pd.DataFrame:
    """List the clusters of every contrast.

    Parameters
    ----------
    beats : from `make_beats` or beats.parquet

    Returns
    -------
    DataFrame
        vessel, contrast, lead, wave (where the statistic peaks), peak_ms, from_ms, to_ms, difference and
        statistic at the peak, p_value; in order of vessel, contrast and p. Empty without the matched comparison.
    """
    columns = ["vessel", "contrast", "lead", "wave", "peak_ms", "from_ms", "to_ms", "difference", "statistic",
               "p_value"]  # fmt: skip
    rows: list[dict[str, Any]] = []
    for vessel, contrast, part in _contrasts(beats):
        if "p_value" not in part:
            continue
        for lead, line in part.groupby("lead", sort=False):
            p, z = line["p_value"].to_numpy(dtype=float), line["statistic"].to_numpy(dtype=float)
            inside = np.isfinite(p)
            sign = np.where(inside, np.sign(z), 0)
            begins = inside & (sign != np.r_[0, sign[:-1]])
            for _, cells in line[inside].groupby(np.cumsum(begins)[inside]):
                top = cells.loc[cells["statistic"].abs().idxmax()]
                rows.append({
                    "vessel": vessel, "contrast": contrast, "lead": lead, "wave": wave_at(top["ms"]),
                    "peak_ms": top["ms"], "from_ms": cells["ms"].iloc[0], "to_ms": cells["ms"].iloc[-1],
                    "difference": top["difference"], "statistic": top["statistic"], "p_value": top["p_value"],
                })  # fmt: skip
    table = pd.DataFrame(rows, columns=columns)
    keys = table.assign(
        v=table["vessel"].map({str(v): i for i, v in enumerate(VESSELS)}),
        c=table["contrast"].map({c: i for i, c in enumerate(CONTRASTS)}), size=-table["statistic"].abs(),
    )  # fmt: skip
    order = keys.sort_values(["v", "c", "p_value", "size"], kind="stable").index
    return table.loc[order].reset_index(drop=True)


def contrast_table(
    beats: pd.DataFrame, *, vessels: Iterable[str] = VESSELS, level: float = 0.95
) -> pd.DataFrame:
    """Summarise each vessel and contrast in one row.

    Returns
    -------
    DataFrame
        vessel, contrast, n_first, n_second (patients), n_matched (patients in sets with both groups), n_sets,
        lead, wave (of the cluster with the smallest p), leads (with a cluster of p below 1 - level), p_value
        (smallest of any cluster; 1 without one), p_holm (over all rows; not estimable counts as 1), note.
    """
    clusters, found = cluster_table(beats), {(v, c): part for v, c, part in _contrasts(beats)}
    rows = []
    for vessel in [v for v in VESSELS if v in set(vessels)]:
        for contrast, names in CONTRASTS.items():
            part = beats[(beats["vessel"] == vessel) & beats["group"].isin(names)]
            n = [
                int(part.loc[part["group"] == g, "n"].max()) if (part["group"] == g).any() else 0
                for g in names
            ]
            row: dict[str, Any] = {"vessel": str(vessel), "contrast": contrast, "n_first": n[0], "n_second": n[1],
                                   "n_matched": 0, "n_sets": 0, "p_value": np.nan}  # fmt: skip
            note = _note(part, names, n)
            if not note:
                both = found[str(vessel), contrast]
                first = part.drop_duplicates("group")
                row |= {"n_matched": int(first["n_matched"].sum()), "n_sets": int(both["n_sets"].iloc[0])}
                mine = clusters[(clusters["vessel"] == vessel) & (clusters["contrast"] == contrast)]
                row["p_value"] = 1.0
                if len(mine):
                    best, small = mine.iloc[0], mine["p_value"] < 1 - level
                    row |= {c: best[c] for c in ("lead", "wave", "p_value")}
                    row["leads"] = " ".join(name for name in LEADS if name in set(mine.loc[small, "lead"]))
                note = "" if min(n) >= FEW else f"a group has under {FEW} patients: do not interpret"
            rows.append(row | {"note": note})
    columns = ["vessel", "contrast", "n_first", "n_second", "n_matched", "n_sets", "lead", "wave", "leads", "p_value",
               "p_holm", "note"]  # fmt: skip
    table = pd.DataFrame(rows).reindex(columns=columns)
    return table.assign(p_holm=pd.Series(holm(table["p_value"])).where(table["p_value"].notna()))


def _note(part: pd.DataFrame, names: tuple[str, str], n: list[int]) -> str:
    if not max(n):
        return "not estimable: no known grade" if "positive" in names else "not estimable: no score"
    if not min(n):
        return f"not estimable: no patient in group {names[n.index(0)]}"
    if not set(MATCHED_COLUMNS) <= set(part.columns):
        return "not tested: beats.parquet holds group means only"
    return "" if part["n_sets"].max() > 0 else f"not estimable: {NO_SET}"


def _contrasts(beats: pd.DataFrame) -> Iterable[tuple[str, str, pd.DataFrame]]:
    """Yield the rows of the first group of each vessel and contrast, in order of lead and time."""
    for vessel in VESSELS:
        for contrast, (first, _) in CONTRASTS.items():
            part = beats[(beats["vessel"] == vessel) & (beats["group"] == first)]
            if len(part):
                yield str(vessel), contrast, part


def display_contrasts(table: pd.DataFrame) -> pd.DataFrame:
    """Set `contrast_table` for reading."""
    return pd.DataFrame({
        "vessel": table["vessel"],
        "groups": [" / ".join(CONTRASTS[c]) for c in table["contrast"]],
        "patients": [f"{a} / {b}" for a, b in zip(table["n_first"], table["n_second"], strict=True)],
        "matched": table["n_matched"],
        "p": table["p_value"],
        "p (Holm)": table["p_holm"],
        "leads": [str(len(leads.split())) if isinstance(leads, str) else "" for leads in table["leads"]],
        "clearest": [f"{r.lead}, {r.wave}" if isinstance(r.lead, str) else "" for r in table.itertuples()],
        "note": table["note"],
    })  # fmt: skip


def display_clusters(
    clusters: pd.DataFrame, *, unit: str, level: float = 0.95, per_contrast: int = 3
) -> pd.DataFrame:
    """Set the first clusters of each contrast with p below 1 - level for reading; `unit` is that of the beats."""
    small = (
        clusters[clusters["p_value"] < 1 - level]
        .groupby(["vessel", "contrast"], sort=False)
        .head(per_contrast)
    )
    return pd.DataFrame({
        "vessel": small["vessel"],
        "groups": [" / ".join(CONTRASTS[c]) for c in small["contrast"]],
        "lead": small["lead"],
        "wave": small["wave"],
        "ms from R": [f"{a:.0f} to {b:.0f}" for a, b in zip(small["from_ms"], small["to_ms"], strict=True)],
        f"difference ({unit})": small["difference"],
        "statistic": small["statistic"],
        "p": small["p_value"],
    })  # fmt: skip


def wave_counts(
    tables: Mapping[str, pd.DataFrame], *, contrast: str = "label", level: float = 0.95
) -> pd.DataFrame:
    """Count clusters with p below 1 - level by the wave they peak in.

    Parameters
    ----------
    tables : name -> from `make_beats`

    Returns
    -------
    DataFrame
        beats (the name), vessel, then one column of counts per wave, TP included
    """
    rows = []
    for name, beats in tables.items():
        clusters = cluster_table(beats)
        small = clusters[(clusters["contrast"] == contrast) & (clusters["p_value"] < 1 - level)]
        for vessel, name_of, part in _contrasts(beats):
            if name_of != contrast or "statistic" not in part or part["statistic"].isna().all():
                continue
            counts = small.loc[small["vessel"] == vessel, "wave"].value_counts()
            rows.append({"beats": name, "vessel": vessel, **counts.reindex([*WAVES, "TP"], fill_value=0)})
    return pd.DataFrame(rows, columns=["beats", "vessel", *WAVES, "TP"])


def planted_table(patients: PatientBeats, *, vessels: Iterable[str] = VESSELS) -> pd.DataFrame:
    """Compare the matched difference between positive and negative patients with what was planted.

    Parameters
    ----------
    patients : from `patient_beats` with the truth of a simulated cohort

    Returns
    -------
    DataFrame
        vessel, wave (q, st, t), lead, planted, found: differences in mV, positive minus negative within
        matched sets. *found* is the mean beat's in `PLANTED_WINDOWS`. Empty without planted displacements.
    """
    rows = []
    table, beats = patients.table, patients.beats["millivolt"]
    sets, _ = matched_sets(table)
    groups = patient_groups(table)
    if not any(str(c).startswith("planted_") for c in table):
        return pd.DataFrame(columns=["vessel", "wave", "lead", "planted", "found"])
    for vessel in [v for v in VESSELS if v in set(vessels)]:
        member = groups[Vessel(vessel), "label"].to_numpy()
        for wave, (low, high) in PLANTED_WINDOWS.items():
            window = np.isin(BEAT_MS, np.arange(low, high + 1))
            columns = [f"planted_{wave}_{lead.lower()}_mv" for lead in LEADS]
            rows.append(pd.DataFrame({
                "vessel": str(vessel), "wave": wave, "lead": LEADS,
                "planted": matched_difference(table[columns].to_numpy(), member, sets),
                "found": matched_difference(beats[:, :, window].mean(axis=2), member, sets),
            }))  # fmt: skip
    return pd.concat(rows, ignore_index=True)


def planted_agreement(planted: pd.DataFrame) -> pd.DataFrame:
    """Summarise `planted_table` by vessel and wave.

    Returns
    -------
    DataFrame
        vessel, wave, planted_lead and found_lead (of the largest displacement), planted, found (mV there),
        correlation (over the twelve leads)
    """
    rows = []
    for (vessel, wave), part in planted.groupby(["vessel", "wave"], sort=False):
        if part[["planted", "found"]].isna().any(axis=None) or part["planted"].std() == 0:
            continue
        p, f = (part.loc[part[c].abs().idxmax()] for c in ("planted", "found"))
        rows.append({"vessel": vessel, "wave": str(wave).upper(), "planted_lead": p["lead"], "planted": p["planted"],
                     "found_lead": f["lead"], "found": f["found"],
                     "correlation": float(np.corrcoef(part["planted"], part["found"])[0, 1])})  # fmt: skip
    columns = ["vessel", "wave", "planted_lead", "planted", "found_lead", "found", "correlation"]
    return pd.DataFrame(rows, columns=columns)
