"""Page parts that state what this run is: written from its record, so that text and record cannot disagree."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd

from ccta_lib.banner import banner_text
from ccta_lib.book.chapter import VARIANT, pipe_table
from ccta_lib.book.disclosure import book_bibtex
from ccta_lib.book.locate import book_folder
from ccta_lib.book.methods import methods_text
from ccta_lib.book.reporting import items_table, read_items
from ccta_lib.book.runner import chapter_names, read_chapter
from ccta_lib.cohort.exports.columns import INPUTS as INPUT_COLUMNS
from ccta_lib.schema import COHORT_COLUMNS, COHORTS, PREDICTION_COLUMNS, data_dictionary

LAZY = ("model", "training", "study")  # packages that load torch, and their names, on first use
HANDS_ON_FIRST = ("interactive/thresholds", "interactive/ecg-viewer", "interactive/simulator")
HOWTO_FIRST = (
    "howto/own-data", "howto/formats", "howto/adapters", "howto/one-gpu", "howto/eight-gpus", "howto/slurm",
)  # fmt: skip
REFERENCE_FIRST = ("reference/methods", "reference/data-dictionary", "reference/glossary")
ABOUT_FIRST = ("about/methods", "about/status", "virtual-cohort", "about/limits", "about/tripod-ai", "about/stard",
               "about/comparison", "about/cite")  # fmt: skip
KINDS = {"simulated": "simulated", "real_proxy": "real ECGs with proxy labels", "user": "your own"}


def write_pages(folder: Path, run: dict[str, Any], run_dir: Path) -> None:
    """Write every generated page part into `folder`.

    Parameters
    ----------
    folder : `_generated` of the book's sources
    run : content of `run.json`
    run_dir : run directory, whose executed chapters say which figures and tables exist
    """
    folder.mkdir(parents=True, exist_ok=True)
    chapters = chapter_names()
    labels = set(labels_of((run_dir / "executed").glob("*.ipynb")))
    parts = {
        "run": run_table(run),
        "banner": f":::{{admonition}} Read this first\n:class: warning\n{banner_text(run['data_kind'])}\n:::\n",
        "status": status_text(run),
        "methods": methods_text(run),
        "contents": contents(chapters, book_folder()),
        "cite": f"```bibtex\n{book_bibtex(run)}\n```\n",
        "cohort-columns": _columns(data_dictionary(COHORT_COLUMNS)),
        "prediction-columns": _columns(
            data_dictionary({k: v for k, v in PREDICTION_COLUMNS.items() if k not in COHORT_COLUMNS})
        ),
        "export-columns": export_columns(),
        **{f"api-{name}": public_names(f"ccta_lib.{name}") for name in LAZY},
        **_simulator_parts(),
    }
    for path in sorted((book_folder() / "reporting").glob("*.yaml")):
        parts[path.stem] = items_table(read_items(path), labels=labels, chapters=chapters)
    for name, text in parts.items():
        (folder / f"{name}.md").write_text(text, encoding="utf-8")


def public_names(package: str) -> str:
    """Return the directives that document a package's public names, without importing what needs torch.

    Parameters
    ----------
    package : one that loads its names on first use, so that Sphinx cannot list them
    """
    lines = ["```{eval-rst}", f".. currentmodule:: {package}", ""]
    for name in importlib.import_module(package).__all__:
        if name[0].isupper() and not name.isupper():
            lines += [f".. autoclass:: {name}", "   :members:", ""]
        elif not name.isupper():
            lines += [f".. autofunction:: {name}", ""]
    return "\n".join([*lines, "```", ""])


def labels_of(notebooks: Iterable[Path]) -> list[str]:
    """Return the labels of all figures and tables that executed notebooks show."""
    found: list[str] = []
    for path in notebooks:
        for cell in nbformat.read(path, as_version=4).cells:
            for output in cell.get("outputs", []):
                found += re.findall(
                    r"^:name: (\S+)$", output.get("data", {}).get("text/markdown", ""), flags=re.M
                )
    return found


def run_table(run: dict[str, Any]) -> str:
    """Return the table that says what this run is."""
    origin = run.get("origin", {})
    facts = {
        "Patients": KINDS[run["data_kind"]],
        "Profile": run.get("profile", origin.get("profile", "none: predictions were given")),
        "Seed": run.get("seed", origin.get("seed", "–")),
        "ECGs": run.get("counts", "–"),
        "Library": f"ccta-lib {run['versions']['ccta-lib']}, commit `{run['commit']}`",
        **({"Predictions made by": f"commit `{origin['commit']}`"} if "commit" in origin else {}),
        "Predictions": f"SHA-256 `{run['predictions_sha256'][:16]}…`",
    }
    return _pairs("This run", facts)


def status_text(run: dict[str, Any]) -> str:
    """Return the tables of the status page: stages, chapters, versions, machine and command."""
    in_order = sorted(run["stages"].items(), key=lambda item: item[1]["finished"])
    stages = {n: s for n, s in in_order if not n.startswith("chapter ")}
    rows = [(n, _seconds(s), _peak(s), _finished(s), _code(s.get("commit"))) for n, s in stages.items()]
    columns = ["seconds", "peak MiB", "finished", "commit"]
    chapters = [_chapter_row(name, run["stages"].get(f"chapter {name}")) for name in _chapters_of(run)]
    total = sum(float(_seconds(s)) for s in run["stages"].values())
    machine = run.get("hardware", {})
    return "\n\n".join([
        "## Stages before the chapters",
        pipe_table(pd.DataFrame(rows, columns=["stage", *columns])) if rows else
        "None: the predictions were given to this run.",
        "## Chapters",
        pipe_table(pd.DataFrame(chapters, columns=["chapter", "needs", *columns, "notebook"])),
        f"All stages together: {total:.0f} seconds, one after the other; chapters run two at a time.",
        "## Versions",
        _pairs("Package", run["versions"]),
        "## Machine",
        _pairs("Machine", machine) if machine else "Not recorded.",
        f"Command: `ccta {' '.join(run.get('command', []))}`",
        "",
    ])  # fmt: skip


def _chapters_of(run: dict[str, Any]) -> list[str]:
    variants = [
        n.removeprefix("chapter ") for n in run["stages"] if n.startswith("chapter ") and VARIANT in n
    ]
    return [*chapter_names(), *sorted(variants)]


def _chapter_row(name: str, stage: dict[str, Any] | None) -> tuple[object, ...]:
    source = read_chapter(name)
    title = f"{{doc}}`{source.title} </chapters/{name}>`"
    needs = ", ".join(n.replace("|", " or ") for n in source.requires) or "nothing"
    if stage is None:
        return title, needs, "not run", "–", "–", "–", "–"
    notebook = f"{{download}}`{name}.ipynb <../notebooks/{name}.ipynb>`"
    return (
        title,
        needs,
        _seconds(stage),
        _peak(stage),
        _finished(stage),
        _code(stage.get("commit")),
        notebook,
    )


def _seconds(stage: dict[str, Any]) -> str:
    return f"{stage.get('run_seconds', stage['seconds']):.1f}"


def _peak(stage: dict[str, Any]) -> object:
    """Return the peak memory of a stage; of training, the largest of its folds."""
    folds = [fold["peak_mib"] for fold in stage.get("cost", []) if "peak_mib" in fold]
    return stage.get("peak_mib", max(folds, default="–"))


def _finished(stage: dict[str, Any]) -> str:
    return str(stage["finished"]).replace("T", " ").replace("+0000", " UTC")


def _code(commit: str | None) -> str:
    return f"`{commit}`" if commit else "–"


def _pairs(title: str, facts: dict[str, Any]) -> str:
    rows = "\n".join(f"| {name} | {value} |" for name, value in facts.items())
    return f"| {title} | |\n|---|---|\n{rows}\n"


def contents(chapters: list[str], book: Path) -> str:
    """Return the tables of contents of what exists: chapters, pages to work with, and how-to pages.

    Parameters
    ----------
    chapters : names of the chapters, in reading order
    book : the book's sources, whose folders hold the other pages
    """
    groups = {
        "Results": [f"chapters/{c}" for c in chapters],
        "Hands on": _first(HANDS_ON_FIRST, _pages(book, "interactive", "exercises", "teaching")),
        "How to": _first(HOWTO_FIRST, _pages(book, "howto")),
        "Reference": [*_first(REFERENCE_FIRST, _pages(book, "reference")), "reference/api/index"],
        "About": [*_first(ABOUT_FIRST, [*_pages(book, "about"), "virtual-cohort"]), "about/references"],
    }
    return "\n".join(
        "\n".join(["```{toctree}", ":hidden:", f":caption: {caption}", "", *pages, "```", ""])
        for caption, pages in groups.items()
        if pages
    )


def _pages(book: Path, *folders: str) -> list[str]:
    return [f"{folder}/{path.stem}" for folder in folders for path in sorted((book / folder).glob("*.md"))]


def _first(first: tuple[str, ...], pages: list[str]) -> list[str]:
    """Return pages with those that come first in their order, then the others; the bibliography is left to the end."""
    return [
        *(p for p in first if p in pages),
        *(p for p in pages if p not in first and p != "about/references"),
    ]


def _columns(table: pd.DataFrame) -> str:
    return pipe_table(table.assign(column="`" + table["column"] + "`")) + "\n"


def export_columns() -> str:
    """Return the tables of what each input of `ccta cohort build` holds."""
    parts = []
    for name, columns in INPUT_COLUMNS.items():
        rows = [
            (f"`{c}`", rule.meaning, rule.kind, "yes" if rule.required else "") for c, rule in columns.items()
        ]
        table = pipe_table(pd.DataFrame(rows, columns=["column", "meaning", "read as", "required"]))
        parts.append(f"### {name}\n\n{table}\n")
    return "\n".join(parts)


def _simulator_parts() -> dict[str, str]:
    """Return the tables of the page on the virtual cohort."""
    from ccta_lib.simulate import DEFAULT_SETTINGS, assumptions
    from ccta_lib.simulate.observer import ceiling_for

    ecg = ceiling_for(DEFAULT_SETTINGS, list(COHORTS)).query("unit == 'ecg'")
    names = {"upper": "ceiling", "normal_ecg_upper": "ceiling, normal ECG", "null_floor": "floor"}
    shown = (
        ecg[["cohort", "vessel", *names]]
        .rename(columns=names)
        .map(lambda v: f"{v:.3f}" if isinstance(v, float) else v)
    )
    return {
        "assumptions": pipe_table(assumptions().astype(str)) + "\n",
        "ceiling": pipe_table(shown.astype(str)) + "\n",
    }
