"""`ccta compare`: two runs side by side, as tables and as one page in the book's dress."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd

from ccta_lib.banner import banner_text
from ccta_lib.book.chapter import pipe_table
from ccta_lib.book.compare import (
    differing,
    in_cells,
    prediction_differences,
    record_differences,
    side_by_side,
)
from ccta_lib.book.locate import book_folder
from ccta_lib.book.provenance import RunRecord
from ccta_lib.book.render import build_pages
from ccta_lib.book.show import interval, p_values
from ccta_lib.errors import InputError
from ccta_lib.files import atomic_path
from ccta_lib.in_use import holds
from ccta_lib.schema import write_table

MOST_ROWS = 60  # of each table on the page; the CSVs hold all


@holds("out")
def compare_runs(a: Path, b: Path, out: Path) -> Path:
    """Compare two runs: their records, their predictions on common ECGs, and every estimate of their chapters.

    Parameters
    ----------
    a, b : run directories; differences are b minus a
    out : folder for `record.csv`, `predictions.csv`, `estimates.csv` and `html/index.html`

    Returns
    -------
    Path
        The page.

    Raises
    ------
    InputError
        If one of them is not a run.
    """
    record = record_differences(a, b)
    unpaired = "No ECG is in both runs, so nothing can be paired."
    try:
        predictions = prediction_differences(a, b)
    except InputError as error:  # two virtual cohorts call their first ECG alike
        predictions, unpaired = pd.DataFrame(), f"{error}."
    names = ["a", "b"]
    estimates = side_by_side({"a": a / "tables", "b": b / "tables"})
    estimates["difference"] = estimates["b: estimate"] - estimates["a: estimate"]
    for name, table in (("record", record), ("predictions", predictions), ("estimates", estimates)):
        write_table(table, out / f"{name}.csv")
    kinds = [RunRecord(folder).values["data_kind"] for folder in (a, b)]
    parts = [
        f"# Two runs: `{a.name}` and `{b.name}`",
        *(
            f":::{{admonition}} Read this first\n:class: warning\n{banner_text(k)}\n:::"
            for k in dict.fromkeys(kinds)
        ),
        f"*a* is `{a.name}`, *b* is `{b.name}`; a difference is *b* minus *a*.",
        "## What was done differently",
        _set(record, "The two records agree in everything but times."),
        "## The same ECGs, scored twice",
        _set(_predictions(predictions), unpaired),
        "## Every estimate",
        _estimates(estimates, names),
        "`record.csv`, `predictions.csv` and `estimates.csv` beside this page hold every row and digit.",
    ]
    source = out / "source"
    shutil.rmtree(source, ignore_errors=True)
    source.mkdir(parents=True)
    for part in ("conf.py", "references.bib"):
        shutil.copy2(book_folder() / part, source / part)
    shutil.copytree(book_folder() / "_static", source / "_static")
    with atomic_path(source / "index.md") as page:
        page.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    build_pages(source, out / "html", b)
    return out / "html" / "index.html"


def _set(table: pd.DataFrame, otherwise: str) -> str:
    if table.empty:
        return otherwise
    more = f"\n\nThe first {MOST_ROWS} of {len(table)} rows." if len(table) > MOST_ROWS else ""
    return pipe_table(table.head(MOST_ROWS).astype(str)) + more


def _predictions(table: pd.DataFrame) -> pd.DataFrame:
    if table.empty:
        return table
    shown = table[["cohort", "vessel", "n"]].copy()
    shown["AUC, b minus a"] = interval(table)
    shown["p"] = p_values(table["p_value"])
    for column in ("correlation", "largest difference"):
        shown[column] = table[column].map("{:.4f}".format)
    return shown


def _estimates(table: pd.DataFrame, names: list[str]) -> str:
    known = [table[f"{n}: estimate"].notna() for n in names]
    only = [int((known[i] & ~known[1 - i]).sum()) for i in (0, 1)]
    changed = differing(table[known[0] & known[1]], names)
    said = (
        f"{int((known[0] & known[1]).sum())} estimates are in both runs, {len(changed)} of them differ; "
        f"{only[0]} are in *a* only, {only[1]} in *b* only."
    )
    if changed.empty:
        return said
    shown = in_cells(changed, names)
    shown["b minus a"] = changed["difference"].map("{:+.4f}".format)
    return f"{said}\n\n{_set(shown, '')}"
