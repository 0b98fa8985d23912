"""What stands under each figure and table of the book: its data, its notebook, what made it, how to cite it.

A chapter's output carries what the chapter knows (label, caption, CSV, the paper's counterpart) as metadata; the
rest is in the run's record. Both meet here, when pages are made, so that executed notebooks do not depend on it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ccta_lib.banner import MARKS
from ccta_lib.book.chapter import VARIANT

BOOK_TITLE = "Coronary stenosis from the ECG: an executable paper"
AUTHORS = "The ccta-lib authors"
# The paper's appendix is named in its text, but was not part of what this project could read.
_APPENDIX = re.compile(r"^(Table|Figure) A\d")
_LATEX = {"&": r"\&", "%": r"\%", "#": r"\#", "_": r"\_", "$": r"\$", "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}",
          "^": r"\textasciicircum{}", "\\": r"\textbackslash{}"}  # fmt: skip


@dataclass(frozen=True)
class Origin:
    """Where one figure or table comes from.

    Attributes
    ----------
    chapter, label, caption, csv, paper : str
        The chapter's name, the thing's label, caption and CSV file, and its counterpart in the paper (or empty).
    parameters : mapping
        The chapter's parameters in this run.
    commit, version, data, run : str
        Commit and version of the library, hash of the prediction table or of the studies' tables, key of the chapter
        in the run's record.
    studies : str
        The studies whose tables it was made from, with their commits; empty = made from the predictions.
    year, data_kind : str
        Year of the run; origin of the patients, who are virtual in a study whoever they are in the run.
    """

    chapter: str
    label: str
    caption: str
    csv: str
    paper: str
    parameters: Mapping[str, Any]
    commit: str
    version: str
    data: str
    studies: str
    run: str
    year: str
    data_kind: str

    @property
    def title(self) -> str:
        """First sentence of the caption as plain text."""
        text = re.sub(r"\{[a-z:]+\}`[^`]*`|[*`]", "", self.caption)
        return re.split(r"(?<!\.[a-z])(?<=[a-z0-9)])[.;](?=\s+[A-Z*\d]|$)", text, maxsplit=1)[0].strip()


def origin_of(facts: Mapping[str, str], *, name: str, run: Mapping[str, Any]) -> Origin:
    """Join what the chapter says of a figure or table (`facts`) with the record of its run.

    Parameters
    ----------
    facts : metadata of the notebook's output, see `ccta_lib.book.chapter.Shown`
    name : name of the executed notebook
    run : content of `run.json`
    """
    stage = run["stages"][f"chapter {name}"]
    return Origin(
        chapter=name.partition(VARIANT)[0],
        label=facts["label"],
        caption=facts["caption"],
        csv=f"{name}/{facts['csv']}" if facts["csv"] else "",
        paper=facts["paper"],
        parameters={k: v for k, v in stage["parameters"].items() if k != "run_dir"},
        commit=stage.get("commit", run["commit"]),
        version=run["versions"]["ccta-lib"],
        data=facts.get("sha256", run["predictions_sha256"])[:16],
        studies=facts.get("studies", ""),
        run=stage["key"][:16],
        year=stage["finished"][:4],
        data_kind=facts.get("data_kind", run["data_kind"]),
    )


def citation(origin: Origin) -> str:
    """Return the sentence to cite one figure or table by."""
    what = "Figure" if origin.label.startswith("fig-") else "Table"
    kind = f" {MARKS[origin.data_kind]}." if MARKS[origin.data_kind] else ""
    return (
        f"{AUTHORS} ({origin.year}). {origin.title}. {what} {origin.label} in: {BOOK_TITLE}, "
        f"version {origin.version}, commit {origin.commit}, run {origin.run}, data {origin.data}.{kind}"
    )


def bibtex(origin: Origin) -> str:
    """Return the BibTeX entry of one figure or table; its key holds the run's hash."""
    note = f"Commit {origin.commit}, run {origin.run}, data {origin.data}. {MARKS[origin.data_kind]}".strip()
    return "\n".join([
        f"@misc{{{origin.label}-{origin.run[:8]},",
        f"  author = {{{{{AUTHORS}}}}},",
        f"  title = {{{{{_escaped(origin.title)}}}}},",
        f"  howpublished = {{{_escaped(BOOK_TITLE)}, chapter {_escaped(origin.chapter)}, ccta-lib {origin.version}}},",
        f"  year = {{{origin.year}}},",
        f"  note = {{{_escaped(note)}}}",
        "}",
    ])  # fmt: skip


def book_bibtex(run: Mapping[str, Any]) -> str:
    """Return the BibTeX entry of the whole book as made in this run."""
    data, version = run["predictions_sha256"][:16], run["versions"]["ccta-lib"]
    year = max(stage["finished"] for stage in run["stages"].values())[:4]
    return "\n".join([
        f"@software{{ccta-lib-{data[:8]},",
        f"  author = {{{{{AUTHORS}}}}},",
        f"  title = {{{_escaped(BOOK_TITLE)}}},",
        f"  version = {{{version}}},",
        f"  year = {{{year}}},",
        f"  note = {{Commit {_escaped(run['commit'])}, data {data}. {MARKS[run['data_kind']]}}}",
        "}",
    ])  # fmt: skip


def _escaped(text: str) -> str:
    return "".join(_LATEX.get(c, c) for c in text)


def disclosure(origin: Origin, *, notebook: str) -> str:
    """Return the MyST text under one figure or table.

    Parameters
    ----------
    origin : where it comes from
    notebook : file name of the executed notebook, without folder
    """
    links = [f"{{download}}`Data (CSV) <../tables/{origin.csv}>`"] if origin.csv else []
    links.append(f"{{download}}`Notebook <../notebooks/{notebook}>`")
    settings = ", ".join(f"`{k} = {v!r}`" for k, v in origin.parameters.items()) or "none"
    source = f"the tables of study {origin.studies}," if origin.studies else "predictions"
    return "\n".join([
        "::::{provenance} " + " · ".join(links),
        f"- **Made by** chapter {origin.chapter}, ccta-lib {origin.version}, commit `{origin.commit}`, from "
        f"{source} with SHA-256 `{origin.data}…` ({MARKS[origin.data_kind].lower() or 'your own patients'})",
        f"- **Parameters**: {settings}",
        f"- **In the paper**: {counterpart(origin.paper)}",
        f"- **Cite**: {citation(origin)}",
        "",
        "```bibtex",
        bibtex(origin),
        "```",
        "::::",
        "",
    ])  # fmt: skip


def counterpart(paper: str) -> str:
    """Say what in the paper corresponds to a figure or table."""
    if not paper:
        return "no counterpart; this book adds it"
    return (
        f"{paper}, which its text names; the appendix was not available" if _APPENDIX.match(paper) else paper
    )


def disclose(notebook: Any, *, name: str, run: Mapping[str, Any]) -> None:
    """Put the disclosure under every figure and table of an executed notebook, in place.

    Parameters
    ----------
    notebook : nbformat notebook
    name : its name, also its file name below `executed/`
    run : content of `run.json`
    """
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            facts = output.get("metadata", {}).get("ccta")
            if facts:
                text = disclosure(origin_of(facts, name=name, run=run), notebook=f"{name}.ipynb")
                output["data"]["text/markdown"] += f"\n{text}"
