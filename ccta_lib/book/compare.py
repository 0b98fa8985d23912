"""Two or more runs, or one chapter under several settings, side by side: what differs, and by how much."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ccta_lib.book.show import interval
from ccta_lib.errors import InputError
from ccta_lib.evaluation import auc_difference
from ccta_lib.files import read_json
from ccta_lib.schema import VESSELS, labels, read_predictions

# Columns that say which quantity a row is about; everything else in an estimate's row is its value or a remark.
KEYS = (
    "vessel", "cohort", "unit", "subgroup", "factor", "contrast", "metric", "quantity", "claim", "place", "range",
    "score", "recalibration", "term", "kind", "group", "origin", "analysis", "horizon", "threshold", "time", "point",
    "step", "way", "characteristic", "level", "method",
)  # fmt: skip
VALUES = ("estimate", "low", "high")
# Times and hashes of stages differ between any two runs and say nothing about the results.
_UNREMARKABLE = {
    "finished",
    "seconds",
    "run_seconds",
    "peak_mib",
    "key",
    "command",
    "cohort_started",
    "outputs",
    "serial",
}


def estimates(folder: Path) -> pd.DataFrame:
    """Read every estimate below a folder of tables.

    Parameters
    ----------
    folder : `tables/` of a run, or `tables/<chapter>/`

    Returns
    -------
    DataFrame
        `table`, those of `KEYS` that occur, `repeat` (0, 1, ... where a table has several rows of one key),
        estimate, low, high. Data drawn in figures (`figure_*.csv`) repeat the tables and are left out.
    """
    found = []
    for path in sorted(folder.rglob("*.csv")):
        if path.name.startswith(("figure_", ".")):  # a point: half-written by a process that was killed
            continue
        table = pd.read_csv(path)
        if not {*VALUES} <= set(table.columns):
            continue
        keys = [k for k in KEYS if k in table]
        if "point" in keys and "threshold" in keys:
            keys.remove("threshold")  # an operating point's threshold is where it was found, not what it is
        rows = table[[*keys, *VALUES]].astype(dict.fromkeys(keys, "string"))
        rows.insert(0, "table", str(path.relative_to(folder).with_suffix("").as_posix()))
        rows["repeat"] = rows.groupby(["table", *keys], dropna=False, sort=False).cumcount()
        found.append(rows)
    return (
        pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=["table", "repeat", *VALUES])
    )


def side_by_side(folders: Mapping[str, Path]) -> pd.DataFrame:
    """Set the estimates of several folders of tables side by side.

    Parameters
    ----------
    folders : folders of tables by the name of their run or setting; the first is the reference

    Returns
    -------
    DataFrame
        Keys as in `estimates`, then `<name>: estimate`, `: low`, `: high` per folder, in the order of the first
        folder that has the row; missing where a folder has no such row.
    """
    if not folders:
        raise InputError("nothing to compare: give at least one folder of tables")
    parts = {name: estimates(folder) for name, folder in folders.items()}
    present = {str(c) for rows in parts.values() for c in rows}
    keys = [k for k in ("table", *KEYS) if k in present] + ["repeat"]
    values = [f"{name}: {v}" for name in folders for v in VALUES]
    named = []
    for name, rows in parts.items():
        whole = rows.reindex(columns=[*keys, *VALUES]).astype(
            dict.fromkeys(keys, "string") | dict.fromkeys(VALUES, float)
        )
        own = {f"{name}: {v}": whole[v] for v in VALUES}
        named.append(whole[keys].assign(**dict.fromkeys(values, np.nan) | own))
    # A group has one row per folder that knows the quantity; `first` takes each folder's own columns from its row.
    joined = pd.concat(named, ignore_index=True).groupby(keys, dropna=False, sort=False).first().reset_index()
    return joined[[*keys, *values]]


def telling_keys(table: pd.DataFrame) -> list[str]:
    """Return the key columns of `side_by_side` that tell its rows apart."""
    keys = table.columns[: list(table.columns).index("repeat")]
    return [k for k in keys if table[k].drop_duplicates().size > 1]


def differing(table: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """Return the rows of `side_by_side` whose estimate or limits are not the same in all of `names`."""
    same = np.ones(len(table), dtype=bool)
    for value in VALUES:
        first = table[f"{names[0]}: {value}"].to_numpy(dtype=float)
        for name in names[1:]:
            other = table[f"{name}: {value}"].to_numpy(dtype=float)
            same &= (first == other) | (np.isnan(first) & np.isnan(other))
    return table[~same].reset_index(drop=True)


def in_cells(rows: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Set rows of `side_by_side` for a reader: keys that tell them apart, one `estimate [low, high]` per name."""
    shown = rows[telling_keys(rows)].astype("string").fillna("")
    for name in names:
        values = rows[[f"{name}: {v}" for v in VALUES]]
        shown[name] = interval(values.set_axis(VALUES, axis=1))
    return shown


def record_differences(a: Path, b: Path) -> pd.DataFrame:
    """Return what two run records do not share: parameters, seeds, versions, hashes; not times.

    Parameters
    ----------
    a, b : run directories

    Returns
    -------
    DataFrame
        what (dotted path in `run.json`), a, b

    Raises
    ------
    InputError
        If one of them is not a run directory.
    """
    flat = [dict(_leaves(_record(folder))) for folder in (a, b)]
    paths = sorted({*flat[0], *flat[1]})
    rows = [(p, flat[0].get(p, "–"), flat[1].get(p, "–")) for p in paths if flat[0].get(p) != flat[1].get(p)]
    return pd.DataFrame(rows, columns=["what", "a", "b"])


def _record(folder: Path) -> dict[str, Any]:
    path = folder / "run.json"
    if not path.is_file():
        raise InputError(
            f"{folder}: holds no run.json; give a run directory made by `ccta book` or `ccta train`"
        )
    return read_json(path)


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key in value:
            if key not in _UNREMARKABLE and not key.endswith("_key"):
                yield from _leaves(value[key], f"{path}.{key}" if path else str(key))
    else:
        yield path, str(value)


def prediction_differences(a: Path, b: Path) -> pd.DataFrame:
    """Compare two runs' probabilities on the ECGs both have scored.

    Parameters
    ----------
    a, b : run directories

    Returns
    -------
    DataFrame
        cohort, vessel, unit, metric "AUC, b minus a" (paired and patient-clustered: DeLong with Obuchowski's
        extension), estimate, low, high, p_value, n, correlation of the
        probabilities, largest absolute difference, note.
        Without a row when no ECG is in both.

    Raises
    ------
    InputError
        If an ECG in both runs has another patient or grade in one of them: those are two different cohorts.
    """
    first, second = (read_predictions(folder / "predictions.parquet") for folder in (a, b))
    both = first.merge(second, on="ecg_id", suffixes=("", " b"), validate="one_to_one")
    grades = [v.grade_column for v in VESSELS if v.grade_column in first and v.grade_column in second]
    for column in ("patient_id", *grades):
        ours, theirs = (
            both[column].astype("string").fillna(""),
            both[f"{column} b"].astype("string").fillna(""),
        )
        if (ours != theirs).any():
            raise InputError(f"{b}: {int((ours != theirs).sum())} ECGs that {a} has too differ in {column}; "
                             "the runs are of different cohorts, so their predictions cannot be paired")  # fmt: skip
    rows = []
    for cohort, part in both.groupby("cohort", sort=False):
        for vessel in VESSELS:
            if vessel.grade_column not in grades:
                continue
            p, q = part[vessel.prob_column].to_numpy(), part[f"{vessel.prob_column} b"].to_numpy()
            y = labels(part[vessel.grade_column])
            known = ~np.isnan(y)
            row = {"cohort": cohort, "vessel": str(vessel), "unit": "ecg", "metric": "AUC, b minus a"}
            row |= {"n": int(known.sum()), "largest difference": float(np.abs(p - q).max())}
            row["correlation"] = float(np.corrcoef(p, q)[0, 1]) if np.ptp(p) > 0 and np.ptp(q) > 0 else np.nan
            if known.any():
                d = auc_difference(y[known], q[known], p[known], groups=part["patient_id"].to_numpy()[known])
                row |= {
                    "estimate": d.estimate,
                    "low": d.low,
                    "high": d.high,
                    "p_value": d.p_value,
                    "note": d.note,
                }
            rows.append(row)
    columns = ["cohort", "vessel", "unit", "metric", "estimate", "low", "high", "p_value", "n", "correlation",
               "largest difference", "note"]  # fmt: skip
    return pd.DataFrame(rows).reindex(columns=columns)
