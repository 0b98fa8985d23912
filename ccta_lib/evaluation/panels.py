"""Figure 1's three panels: internal, external, and internal patients whose ECG was read as normal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import pandas as pd

from ccta_lib.evaluation.auc import auc_interval
from ccta_lib.evaluation.discrimination import VESSEL_METRICS, discrimination_table
from ccta_lib.evaluation.roc import roc_table
from ccta_lib.evaluation.tables import slices
from ccta_lib.schema import VESSELS

NORMAL_ECG = "normal ECG"
ALL = "all"


def panels(predictions: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Yield cohort, subgroup and rows of each panel that has rows; follow-up patients come last."""
    for cohort, subgroup in (
        ("internal", ALL),
        ("external", ALL),
        ("internal", NORMAL_ECG),
        ("followup", ALL),
    ):
        rows = predictions[predictions["cohort"] == cohort]
        if subgroup == NORMAL_ECG:
            normal = rows["ecg_normal"] if "ecg_normal" in rows else pd.Series(pd.NA, index=rows.index)
            rows = rows[normal.astype("boolean").fillna(False)]
        if len(rows):
            yield cohort, subgroup, rows


def panel_aucs(
    predictions: pd.DataFrame, *, vessels: Iterable[str] = VESSELS, level: float = 0.95,
    paper: pd.DataFrame | None = None, ceiling: pd.DataFrame | None = None,
) -> pd.DataFrame:  # fmt: skip
    """Return the AUC of each vessel in each panel at ECG level, beside the paper's and the attainable one.

    Parameters
    ----------
    predictions : contract 2
    vessels : names of vessels
    level : coverage of the patient-clustered DeLong intervals
    paper : cohort, subgroup, vessel, value (see `ccta_lib.paper.paper_values`)
    ceiling : cohort, vessel, unit, upper, normal_ecg_upper, null_floor; simulated patients only

    Returns
    -------
    DataFrame
        Contract 3 with `subgroup`, and `paper`, `ceiling`, `floor` (NaN where there is none).
    """
    found = []
    for _, subgroup, rows in panels(predictions):
        table = discrimination_table(rows, units=["ecg"], vessels=vessels, method="delong", level=level)
        table = table[table["metric"].isin(VESSEL_METRICS)]
        found.append(table.assign(subgroup=subgroup))
    keys = ["cohort", "subgroup", "vessel"]
    result = pd.concat(found, ignore_index=True)
    if paper is not None:
        result = result.merge(paper.rename(columns={"value": "paper"})[[*keys, "paper"]], how="left", on=keys)
    if ceiling is not None:
        ecg = ceiling[ceiling["unit"] == "ecg"]
        limits = pd.concat(
            [
                ecg.assign(subgroup=ALL, ceiling=ecg["upper"], floor=ecg["null_floor"]),
                ecg.assign(subgroup=NORMAL_ECG, ceiling=ecg["normal_ecg_upper"], floor=np.nan),
            ]
        )
        result = result.merge(limits[[*keys, "ceiling", "floor"]], how="left", on=keys)
    missing = [c for c in ("paper", "ceiling", "floor") if c not in result]
    return result.assign(**dict.fromkeys(missing, np.nan))


def panel_curves(predictions: pd.DataFrame, *, vessels: Iterable[str] = VESSELS) -> pd.DataFrame:
    """Return the ROC points of each panel, with `subgroup`."""
    names = list(vessels)
    return pd.concat(
        [
            roc_table(rows, vessels=names).assign(subgroup=subgroup)
            for _, subgroup, rows in panels(predictions)
        ],
        ignore_index=True,
    )


def interval_widths(
    predictions: pd.DataFrame, *, vessels: Iterable[str] = VESSELS, level: float = 0.95, n_boot: int = 1000,
    seed: int = 0,
) -> pd.DataFrame:  # fmt: skip
    """Compare intervals that forget patients with intervals that respect them, internal ECGs.

    Returns
    -------
    DataFrame
        vessel, estimate, and for each method low, high and `ratio`, its width over that of the plain
        bootstrap of ECGs, which is what the paper reports.
    """
    ways = (
        ("ECG bootstrap (as published)", {"method": "bootstrap", "n_boot": n_boot, "seed": seed}, False),
        ("DeLong, ECGs", {"method": "delong"}, False),
        ("DeLong, patient clusters", {"method": "delong"}, True),
        ("patient bootstrap", {"method": "bootstrap", "n_boot": n_boot, "seed": seed}, True),
    )
    rows = []
    for part in slices(predictions, cohorts=["internal"], vessels=vessels):
        if not len(part.y):
            continue
        reference = np.nan
        for name, settings, clustered in ways:
            found = auc_interval(part.y, part.p, groups=part.patients if clustered else None, level=level,
                                 **settings)  # type: ignore[arg-type]  # fmt: skip
            width = found.high - found.low
            reference = width if name == ways[0][0] else reference
            rows.append(
                (part.vessel, name, found.estimate, found.low, found.high, width / reference, found.note)
            )
    return pd.DataFrame(rows, columns=["vessel", "way", "estimate", "low", "high", "ratio", "note"])
