"""Renders executed chapters as one book of static pages with Sphinx; executes nothing."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat

from ccta_lib.banner import banner_text
from ccta_lib.book.chapter import INPUTS, pipe_table
from ccta_lib.book.interactive import write_interactive
from ccta_lib.book.locate import book_folder
from ccta_lib.book.provenance import RunRecord, code_hash, versions
from ccta_lib.book.runner import chapter_names, not_available, read_chapter
from ccta_lib.book.sweep import comparison_name
from ccta_lib.errors import ChapterError, MissingExtraError
from ccta_lib.files import sha256_file, sha256_json
from ccta_lib.schema import COHORTS


def render(run_dir: Path) -> Path:
    """Build `html/` of a run and return the path of its index page; unchanged input is not built again.

    Raises
    ------
    ChapterError
        If Sphinx reports any warning or error; the lines are in the message.
    """
    record = RunRecord(run_dir)
    index = run_dir / "html" / "index.html"
    key = sha256_json([_hashes(book_folder(), "data"), _hashes(run_dir / "executed"),
                       _hashes(run_dir / "sweeps"), record.values["stages"],
                       sha256_file(run_dir / INPUTS["predictions"]), code_hash("."), versions()])  # fmt: skip
    if record.values.get("html_key") == key and index.is_file():
        return index
    source = run_dir / "source"
    shutil.rmtree(source, ignore_errors=True)
    shutil.copytree(
        book_folder(), source, ignore=shutil.ignore_patterns("data", "parameters", "chapters", "_build")
    )
    (source / "chapters").mkdir()
    for name in chapter_names():
        _place_chapter(name, run_dir, source / "chapters")
    _place_sweeps(run_dir, record.values.get("sweeps", {}), source)
    write_interactive(source / "_generated" / "interactive", run_dir, record.values)
    for folder in ("figures", "tables"):
        if (run_dir / folder).is_dir():
            shutil.copytree(run_dir / folder, source / folder)
    _write_generated(source / "_generated", record.values)
    shutil.copy2(_mathjax(), source / "_static" / "mathjax.js")
    build_pages(source, run_dir / "html", run_dir)
    record.update(html_key=key)
    return index


def build_pages(source: Path, out: Path, run_dir: Path) -> None:
    """Build a folder of pages as HTML with the book's Sphinx settings; what lay in `out` before is replaced.

    Raises
    ------
    ChapterError
        If Sphinx reports any warning or error; the lines are in the message.
    """
    doctrees = out.with_name("doctrees")
    command = [sys.executable, "-m", "sphinx", "-b", "html", "-W", "-n", "--keep-going", "-q", "-d",
               str(doctrees), str(source), str(out)]  # fmt: skip
    environment = os.environ | {"CCTA_RUN": str(run_dir.resolve()), "PYTHONHASHSEED": "0"}
    shutil.rmtree(doctrees, ignore_errors=True)
    shutil.rmtree(out, ignore_errors=True)
    built = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if built.returncode:
        raise ChapterError(f"rendering {source} failed:\n{(built.stderr or built.stdout).strip()}")


def _mathjax() -> Path:
    """Return MathJax's self-contained SVG build; its package is used for the file, not as an extension."""
    package = importlib.util.find_spec("sphinx-mathjax-offline")
    if package is None or package.origin is None:
        raise MissingExtraError("rendering needs sphinx-mathjax-offline: pip install 'ccta-lib[book]'")
    return Path(package.origin).parent / "static" / "mathjax" / "tex-svg.js"


def _hashes(folder: Path, *without: str) -> list[tuple[str, str]]:
    files = (
        f for f in sorted(folder.rglob("*")) if f.is_file() and f.relative_to(folder).parts[0] not in without
    )
    return [(f.relative_to(folder).as_posix(), sha256_file(f)) for f in files]


def _place_chapter(name: str, run_dir: Path, folder: Path) -> None:
    executed = run_dir / "executed" / f"{name}.ipynb"
    if executed.is_file():
        shutil.copy2(executed, folder)
        return
    notebook = not_available(read_chapter(name), [])
    notebook.cells[0].source = f"# {read_chapter(name).title}\n\nThis chapter was not run in this run."
    nbformat.write(notebook, folder / f"{name}.ipynb")


def _place_sweeps(run_dir: Path, sweeps: dict[str, list[dict[str, str]]], source: Path) -> None:
    """Lay the pages of sweeps among the chapters, and their table of contents into `_generated`."""
    pages = []
    for chapter, variants in sweeps.items():
        comparison = comparison_name(chapter)
        shutil.copy2(run_dir / "sweeps" / f"{comparison}.md", source / "chapters")
        pages += [comparison, *(v["name"] for v in variants)]
        for variant in variants:
            notebook = nbformat.read(run_dir / "executed" / f"{variant['name']}.ipynb", as_version=4)
            first = notebook.cells[0]
            title, _, text = first.source.partition("\n")
            first.source = f"{title}: {variant['label']}\n{text}"
            nbformat.write(notebook, source / "chapters" / f"{variant['name']}.ipynb")
    toctree = "\n".join(
        ["```{toctree}", ":hidden:", ":caption: Sweeps", "", *(f"chapters/{p}" for p in pages), "```"]
    )
    (source / "_generated").mkdir(exist_ok=True)
    (source / "_generated" / "sweeps.md").write_text(f"{toctree}\n" if pages else "", encoding="utf-8")


def _write_generated(folder: Path, run: dict[str, Any]) -> None:
    """Write the page parts that state what this run is: text and record cannot disagree."""
    folder.mkdir(exist_ok=True)
    origin = run.get("origin", {})
    facts = {
        "Patients": {
            "simulated": "simulated",
            "real_proxy": "real ECGs with proxy labels",
            "user": "your own",
        }[run["data_kind"]],
        "Profile": run.get("profile", origin.get("profile", "none: predictions were given")),
        "Seed": run.get("seed", origin.get("seed", "–")),
        "ECGs": run.get("counts", "–"),
        "Library": f"ccta-lib {run['versions']['ccta-lib']}, commit `{run['commit']}`",
        **({"Predictions made by": f"commit `{origin['commit']}`"} if "commit" in origin else {}),
        "Predictions": f"SHA-256 `{run['predictions_sha256'][:16]}…`",
    }
    rows = "\n".join(f"| {name} | {value} |" for name, value in facts.items())
    (folder / "run.md").write_text(f"| This run | |\n|---|---|\n{rows}\n", encoding="utf-8")
    (folder / "banner.md").write_text(f":::{{admonition}} Read this first\n:class: warning\n"
                                      f"{banner_text(run['data_kind'])}\n:::\n", encoding="utf-8")  # fmt: skip
    _write_simulator(folder)
    stages = "\n".join(
        f"| {name} | {s.get('run_seconds', s['seconds']):.1f} | {s.get('peak_mib', '–')} | {s['finished']} |"
        for name, s in run["stages"].items()
    )
    tools = "\n".join(f"| {name} | {value} |" for name, value in run["versions"].items())
    machine = "\n".join(f"| {name} | {value} |" for name, value in run["hardware"].items())
    (folder / "status.md").write_text(
        f"| Stage | Seconds | Peak MiB | Finished |\n|---|---|---|---|\n{stages}\n\n"
        f"| Package | Version |\n|---|---|\n{tools}\n\n| Machine | |\n|---|---|\n{machine}\n",
        encoding="utf-8",
    )


def _write_simulator(folder: Path) -> None:
    """Write the tables of the page on the virtual cohort."""
    from ccta_lib.simulate import DEFAULT_SETTINGS, assumptions
    from ccta_lib.simulate.observer import ceiling_for

    values = assumptions()
    (folder / "assumptions.md").write_text(pipe_table(values.astype(str)) + "\n", encoding="utf-8")
    ecg = ceiling_for(DEFAULT_SETTINGS, list(COHORTS)).query("unit == 'ecg'")
    names = {"upper": "ceiling", "normal_ecg_upper": "ceiling, normal ECG", "null_floor": "floor"}
    shown = (
        ecg[["cohort", "vessel", *names]]
        .rename(columns=names)
        .map(lambda v: f"{v:.3f}" if isinstance(v, float) else v)
    )
    (folder / "ceiling.md").write_text(pipe_table(shown.astype(str)) + "\n", encoding="utf-8")
