"""Puts the data of the interactive pages into the book's sources, with a plain table for print and PDF.

A page opened from disk may not fetch anything, so the data stand in the page itself; the scripts are files of the
book, and only the pages that use them load them.
"""

from __future__ import annotations

import html
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ccta_lib.banner import CAPTION_START
from ccta_lib.book.chapter import INPUTS, pipe_table
from ccta_lib.book.interactive.ecgs import viewer_data, viewer_table
from ccta_lib.book.interactive.thresholds import threshold_data, threshold_table
from ccta_lib.errors import InputError
from ccta_lib.schema import LEADS, VESSELS, read_predictions, write_table

STATIC = "../_static/interactive"
TABLES = Path("tables") / "interactive"
NO_SCRIPT = "This figure needs JavaScript. The table below holds its starting state, the CSV all of it."


def write_interactive(folder: Path, run_dir: Path, run: dict[str, Any]) -> None:
    """Write `<page>.md` for each interactive page into `folder`, and its table as CSV into the run.

    Parameters
    ----------
    folder : generated part of the book's sources
    run_dir : run directory
    run : its run.json
    """
    folder.mkdir(parents=True, exist_ok=True)
    predictions = read_predictions(run_dir / INPUTS["predictions"])
    start = CAPTION_START[run["data_kind"]]
    pages = {
        "thresholds": _thresholds(predictions, run_dir, start),
        "ecg-viewer": _viewer(predictions, run_dir, run, start),
        "simulator": _simulator(run_dir),
    }
    for name, text in pages.items():
        (folder / f"{name}.md").write_text(text, encoding="utf-8")


def live_figure(name: str, data: dict[str, Any], *, label: str) -> str:
    """Return the HTML of a live figure: its data, its place, its scripts.

    Parameters
    ----------
    name : of the script in `_static/interactive`
    data : plain numbers, text and lists
    label : what the figure is, for those who cannot see it
    """
    # Inside a script element only this sequence could end it.
    text = json.dumps(data, separators=(",", ":"), allow_nan=False, ensure_ascii=False).replace("</", "<\\/")
    fallback = f"<noscript><p>{NO_SCRIPT}</p></noscript>"
    return f"""```{{raw}} html
<link rel="stylesheet" href="{STATIC}/live.css">
<section class="live" id="live-{name}" aria-label="{html.escape(label)}">{fallback}</section>
<script type="application/json" id="live-{name}-data">{text}</script>
<script src="{STATIC}/live.js" defer></script>
<script src="{STATIC}/{name}.js" defer></script>
```
"""


def _table(table: pd.DataFrame, caption: str, name: str, run_dir: Path, shown: pd.DataFrame) -> str:
    write_table(table, run_dir / TABLES / f"{name}.csv")
    link = f"{{download}}`CSV <../{(TABLES / name).as_posix()}.csv>`"
    cells = shown.map(lambda v: "–" if pd.isna(v) else f"{v:.3f}" if isinstance(v, float) else str(v))
    return f":::{{table}} {caption} {link}\n:name: tab-interactive-{name}\n\n{pipe_table(cells)}\n:::\n"


def _thresholds(predictions: pd.DataFrame, run_dir: Path, start: str) -> str:
    data = threshold_data(predictions)
    if not data["vessels"]:
        return "This run holds no artery with both positive and negative ECGs, so there is no threshold to move.\n"
    table = threshold_table(data).assign(data_kind=str(predictions["data_kind"].iloc[0]))
    usual = table["vessel"].map({v: d["default"] for v, d in data["vessels"].items()})
    shown = table[np.isclose(table["threshold"], usual)].drop(columns="data_kind")
    shown = shown.assign(threshold=shown["threshold"].map("{:g}".format))
    shown = shown.rename(columns={"net_benefit": "net benefit", "net_benefit_all": "net benefit, all"})
    caption = f"{start}Counts and rates at the usual threshold of each artery, ECG level. All thresholds:"
    static = _table(table, caption, "thresholds", run_dir, shown)
    return live_figure("thresholds", data, label="Threshold explorer") + "\n" + static


def _viewer(predictions: pd.DataFrame, run_dir: Path, run: dict[str, Any], start: str) -> str:
    try:
        data = viewer_data(run_dir, run, predictions)
    except InputError as error:
        return f"{error}\n"
    table = viewer_table(data).assign(data_kind=run["data_kind"])
    planted = (
        table["percent"].astype(str) + " %, " + table["probability"].map("{:.2f}".format).replace("nan", "–")
    )
    shown = table.drop_duplicates("ecg_id")[["ecg_id", "title", "facts", "beats"]]
    for vessel in data["vessels"]:
        mine = table["vessel"] == vessel
        cells = dict(zip(table.loc[mine, "ecg_id"], planted[mine], strict=True))
        shown = shown.assign(**{vessel: shown["ecg_id"].map(cells)})
    shown = shown.rename(
        columns={"ecg_id": "ECG", "title": "chosen as", "facts": "patient", "beats": "beats found"}
    )
    caption = (
        f"{start}The ECGs of the viewer; for each artery the planted stenosis and the network's probability."
    )
    static = _table(table, caption, "ecg-viewer", run_dir, shown)
    return live_figure("ecg-viewer", data, label="ECG viewer") + "\n" + static


def _simulator(run_dir: Path) -> str:
    from ccta_lib.simulate.components import components

    data = components()
    moved = simulator_table(data)
    occluded = moved[moved["percent"] == 99].assign(column=lambda t: t["vessel"] + " " + t["wave"])
    wide = occluded.pivot_table(index="lead", columns="column", values="microvolt", sort=False).reindex(LEADS)
    shown = wide.map("{:+.0f}".format).reset_index()
    caption = (
        "Simulated: What one occluded artery moves in a typical patient in whom ischaemia shows, microvolt."
    )
    static = _table(moved, caption, "simulator", run_dir, shown)
    return live_figure("simulator", data, label="ECG simulator") + "\n" + static


def simulator_table(
    data: dict[str, Any], percents: tuple[float, ...] = (50, 60, 70, 80, 90, 99)
) -> pd.DataFrame:
    """Return vessel, percent, lead, wave (ST, T) and the displacement in microvolt."""
    from ccta_lib.simulate.leads import twelve

    response = 1000 * twelve(np.array(data["response"]))
    rows = []
    for percent in percents:
        dose = np.clip((percent - data["dose_from"]) / (99 - data["dose_from"]), 0, 1) ** data["dose_power"]
        rows += [
            {"vessel": str(v), "percent": percent, "lead": lead, "wave": wave,
             "microvolt": round(dose * response[i, j, k], 4)}
            for i, v in enumerate(VESSELS) for j, lead in enumerate(LEADS) for k, wave in enumerate(("ST", "T"))
        ]  # fmt: skip
    return pd.DataFrame(rows).assign(data_kind="simulated")
