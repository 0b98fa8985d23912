"""What a chapter's cells talk to: the run's tables on one side, shown tables and figures on the other.

Every table and figure a chapter shows is also written below the run directory (contract 3).
"""

from __future__ import annotations

import base64
import html
import io
import os
import re
import warnings
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from ccta_lib.banner import CAPTION_START, MARKS
from ccta_lib.book.locate import find_run
from ccta_lib.book.study import find_study, origin, shipped_study, study_entry
from ccta_lib.errors import InputError
from ccta_lib.files import atomic_path, sha256_file, sha256_json
from ccta_lib.plots.style import apply_style, mark
from ccta_lib.schema import read_predictions, write_table

# Side tables a run may hold (contract 2), by the name a chapter's header asks for.
INPUTS = {
    "predictions": "predictions.parquet",
    "predictions_by_fold": "predictions_by_fold.parquet",
    "truth": "truth.parquet",
    "training": "training.parquet",
    "flow": "flow.csv",
    "recordings": "recordings.parquet",
    "ceiling": "ceiling.csv",
    "beats": "beats.parquet",
    "waveforms": "cohort/waveforms",
}


# Between a chapter's name and what is special about one run of it: `discrimination--n_boot-500`.
VARIANT = "--"
# Set by the runner: a variant of a chapter leaves its tables and figures under a name of its own.
RUN_AS = "CCTA_RUN_AS"


@dataclass(frozen=True)
class Shown:
    """A table or figure as the notebook shows it (HTML) and as the book sets it (MyST).

    Attributes
    ----------
    html, myst : str
        The two forms.
    facts : dict of str
        What the chapter knows about the origin of the thing (`label`, `caption`, `csv`, `paper`, `data_kind`, and of
        what a study made `studies` and `sha256`); it travels as metadata of the notebook's output, and the renderer
        completes it from the run's record.
    """

    html: str
    myst: str
    facts: dict[str, str] = field(default_factory=dict)

    def _repr_mimebundle_(
        self, include: Any = None, exclude: Any = None
    ) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
        data = {"text/html": self.html, "text/markdown": self.myst, "text/plain": ""}
        return data, {"ccta": self.facts} if self.facts else {}


class Chapter:
    """One chapter at work on one run.

    Parameters
    ----------
    name : name of the chapter, as in `book/chapters/<name>.md`
    run_dir : run directory; empty = the newest run, else the shipped one
    data_kind : origin of the patients; empty = that of the run's predictions

    Raises
    ------
    InputError
        If there is no run to work on.
    """

    def __init__(self, name: str, run_dir: str = "", *, data_kind: str = "") -> None:
        run_as = os.environ.get(RUN_AS, "")
        self.name = run_as if run_as.startswith(f"{name}{VARIANT}") else name
        self.run_dir = find_run(run_dir)
        self._data_kind = data_kind
        self._studied: list[Path] = []
        apply_style()

    def has(self, name: str) -> bool:
        """Tell whether the run holds this input (see `INPUTS`)."""
        return (self.run_dir / INPUTS[name]).exists()

    def read(self, name: str) -> pd.DataFrame:
        """Read one of the run's side tables.

        Raises
        ------
        InputError
            If the run does not hold it.
        """
        path = self.run_dir / INPUTS[name]
        if not path.exists():
            raise InputError(f"{path}: chapter {self.name} needs it, and this run does not hold it")
        return pd.read_csv(path) if path.suffix == ".csv" else pd.read_parquet(path)

    def study(self, table: str) -> pd.DataFrame:
        """Read a table that `ccta study` made: the run's own, else one beside the run, else the shipped one.

        Raises
        ------
        InputError
            If it is in none of these places.
        """
        path = find_study(table, self.run_dir)
        if path is None:
            raise InputError(f"{table}.parquet: chapter {self.name} needs it; make it with `ccta study`")
        self._studied.append(path)
        return pd.read_parquet(path)

    def study_origin(self) -> Shown:
        """Say when, where and with which seeds and sizes the tables read so far were made."""
        entries = [study_entry(p) for p in self._studied]
        shipped = [p.parent == shipped_study() for p in self._studied]
        return sentence(origin(entries, shipped=all(shipped)))

    def study_sizes(self) -> dict[str, Any]:
        """Return the sizes that all cells of the study read last share: patients, ecgs, test_ecgs, epochs and so on."""
        return dict(study_entry(self._studied[-1])["shared"])

    @cached_property
    def predictions(self) -> pd.DataFrame:
        """The prediction table, validated."""
        return read_predictions(self.run_dir / INPUTS["predictions"])

    @cached_property
    def data_kind(self) -> str:
        """Origin of the patients: simulated, real_proxy or user."""
        return self._data_kind or str(self.predictions["data_kind"].iloc[0])

    def save_table(self, table: pd.DataFrame, name: str) -> Path:
        """Write a result as `tables/<chapter>/<name>.csv`, with its `data_kind`."""
        path = self.run_dir / "tables" / self.name / f"{name}.csv"
        write_table(table if "data_kind" in table else table.assign(data_kind=self.data_kind), path)
        return path

    def table(
        self,
        table: pd.DataFrame,
        name: str,
        caption: str,
        *,
        shown: pd.DataFrame | None = None,
        index: bool = False,
        paper: str = "",
    ) -> Shown:
        """Save a table and show it.

        Parameters
        ----------
        table : what is saved, unrounded
        name : file name without suffix; also the label to refer to, `tab-<chapter>-<name>`
        caption : MyST text; "Simulated:" is put before it where that is so
        shown : what is displayed, if it differs from what is saved; columns without any entry are left out
        index : show the index as the first column
        paper : the paper's counterpart, for example "Table 1"; empty where it has none
        """
        self.save_table(table, name)
        frame = table if shown is None else shown
        frame = (frame.reset_index() if index else frame).map(_cell)
        frame = frame.loc[:, ~frame.isin(["", "–"]).all()]
        caption = CAPTION_START[self.data_kind] + caption
        label = f"tab-{self.name}-{name}"
        myst = f":::{{table}} {_one_line(caption)}\n:name: {label}\n\n{pipe_table(_literal(frame))}\n:::\n"
        body = frame.to_html(index=False, escape=True, border=0)
        return Shown(f"<div><p>{html.escape(caption)}</p>{body}</div>", myst,
                     self._facts(label, caption, f"{name}.csv", paper))  # fmt: skip

    def figure(
        self,
        figure: Figure,
        name: str,
        caption: str,
        *,
        alt: str,
        data: pd.DataFrame | None = None,
        paper: str = "",
    ) -> Shown:
        """Save a figure as SVG, PDF and PNG, mark the origin of its patients in it, and show it.

        Parameters
        ----------
        figure : drawn figure; it is closed
        name : file name without suffix; also the label to refer to, `fig-<chapter>-<name>`
        caption : MyST text
        alt : what the figure shows, for a reader who cannot see it
        data : the numbers drawn, saved as CSV
        paper : the paper's counterpart, for example "Figure 1"; empty where it has none
        """
        if MARKS[self.data_kind]:
            mark(figure, MARKS[self.data_kind])
        folder = self.run_dir / "figures" / self.name
        # Without these entries the files would carry the time and differ from run to run.
        undated = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {"Software": None}}
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for suffix, metadata in undated.items():
                with atomic_path(folder / f"{name}.{suffix}") as path:
                    figure.savefig(path, metadata=metadata)
        preview = io.BytesIO()
        figure.savefig(preview, format="png", dpi=110, metadata={"Software": None})
        plt.close(figure)
        if data is not None:
            self.save_table(data, f"figure_{name}")
        caption = CAPTION_START[self.data_kind] + _one_line(caption)
        # The star lets Sphinx take the SVG for HTML and the PDF for LaTeX.
        label = f"fig-{self.name}-{name}"
        options = f":name: {label}\n:alt: {_one_line(alt)}"
        myst = f":::{{figure}} ../figures/{self.name}/{name}.*\n{options}\n\n{caption}\n:::\n"
        image = base64.b64encode(preview.getvalue()).decode()
        return Shown(f'<figure><img alt="{html.escape(alt)}" src="data:image/png;base64,{image}">'
                     f"<figcaption>{html.escape(caption)}</figcaption></figure>", myst,
                     self._facts(label, caption, "" if data is None else f"figure_{name}.csv", paper))  # fmt: skip

    def _facts(self, label: str, caption: str, csv: str, paper: str) -> dict[str, str]:
        facts = {
            "label": label,
            "caption": _one_line(caption),
            "csv": csv,
            "paper": paper,
            "data_kind": self.data_kind,
        }
        # A chapter on studies does not look at the run's predictions, and its patients are others.
        if self._studied:
            made = {e["study"]: e["commit"] for e in map(study_entry, self._studied)}
            facts["studies"] = ", ".join(f"{name} at commit {commit}" for name, commit in made.items())
            facts["sha256"] = sha256_json([sha256_file(path) for path in self._studied])
        return facts


def sentence(text: str) -> Shown:
    """Show computed prose, MyST text, as part of the page."""
    return Shown(f"<p>{html.escape(text)}</p>", text)


def small_table(frame: pd.DataFrame) -> Shown:
    """Show a small table as part of the page, without a caption and without saving it: answers of exercises."""
    cells = frame.map(_cell)
    return Shown(
        f"<div>{cells.to_html(index=False, escape=True, border=0)}</div>", pipe_table(_literal(cells))
    )


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _cell(value: object) -> str:
    """Show missing as a dash, floats with three decimals, the cohort `followup` spelt out, the rest as it is."""
    if value is None or value is pd.NA or (isinstance(value, float) and value != value):
        return "–"
    if isinstance(value, float):
        return f"{value:.3f}"
    return "follow-up" if value == "followup" else str(value)


# What begins code, a role, mathematics, emphasis, HTML, an entity or a link within a line of MyST.
_ACTIVE = re.compile(r"[`{$\\*_~]|<(?=[A-Za-z/!?])|&(?=#?\w+;)|\](?=[(\[{])|\[(?=\^)")


def literal(text: str) -> str:
    """Return MyST that shows text as it stands: names of hospitals and columns come from files of anybody.

    >>> literal("St. <b>Mary</b> {raw}`x`"), literal("0.71 [0.69, 0.73]")
    ('St. &#60;b>Mary&#60;/b> &#123;raw}&#96;x&#96;', '0.71 [0.69, 0.73]')
    """
    return _ACTIVE.sub(lambda found: f"&#{ord(found[0])};", " ".join(text.splitlines()))


def _literal(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.map(literal).set_axis([literal(str(c)) for c in frame.columns], axis=1)


def pipe_table(frame: pd.DataFrame) -> str:
    """Set a frame of MyST, a line each, as a pipe table."""
    rows = [[str(c) for c in frame.columns], *frame.astype(str).to_numpy().tolist()]
    lines = [
        "| " + " | ".join(" ".join(cell.splitlines()).replace("|", "\\|") for cell in row) + " |"
        for row in rows
    ]
    return "\n".join([lines[0], "|" + "---|" * frame.shape[1], *lines[1:]])
