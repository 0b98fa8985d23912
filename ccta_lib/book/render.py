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

from ccta_lib.book.chapter import INPUTS
from ccta_lib.book.disclosure import disclose
from ccta_lib.book.edition import fold_solutions, strip_solutions
from ccta_lib.book.interactive import write_interactive
from ccta_lib.book.isolation import ISOLATED
from ccta_lib.book.locate import book_folder
from ccta_lib.book.pages import write_pages
from ccta_lib.book.provenance import RunRecord, code_hash, versions
from ccta_lib.book.runner import chapter_names, not_available, read_chapter
from ccta_lib.book.sweep import comparison_name
from ccta_lib.errors import ChapterError, MissingExtraError
from ccta_lib.files import sha256_file, sha256_json
from ccta_lib.in_use import holds


@holds("run_dir")
def render(run_dir: Path, *, edition: str = "full") -> Path:
    """Build the pages of a run and return the path of the first; unchanged input is not built again.

    Parameters
    ----------
    run_dir : run directory with executed chapters
    edition : "full" goes to `html/`; "student", without any solution, to `html-student/`

    Raises
    ------
    ChapterError
        If Sphinx reports any warning or error; the lines are in the message.
    """
    record = RunRecord(run_dir)
    folder = run_dir / ("html" if edition == "full" else f"html-{edition}")
    index, key, known = folder / "index.html", sources_key(run_dir, record), f"{folder.name}_key"
    if record.values.get(known) == key and index.is_file():
        return index
    record.update(**{known: ""})  # a kill from here on leaves pages that are not whole
    build_pages(lay_sources(run_dir, record, edition=edition), folder, run_dir)
    if edition == "student":
        _write_worksheets(folder / "worksheets")
    record.update(**{known: key})
    return index


def sources_key(run_dir: Path, record: RunRecord) -> str:
    """Return the key of all that pages are made of: texts, executed chapters, record, library and versions."""
    return sha256_json([_hashes(book_folder(), "data"), _hashes(run_dir / "executed"),
                        _hashes(run_dir / "sweeps"), record.values["stages"],
                        sha256_file(run_dir / INPUTS["predictions"]), code_hash("."), versions()])  # fmt: skip


def lay_sources(run_dir: Path, record: RunRecord, *, edition: str = "full") -> Path:
    """Lay the book's sources of a run in `source/`: texts, executed chapters, figures, tables, generated parts."""
    source = run_dir / "source"
    shutil.rmtree(source, ignore_errors=True)
    shutil.copytree(
        book_folder(), source, ignore=shutil.ignore_patterns("data", "parameters", "chapters", "_build")
    )
    for folder in ("chapters", "notebooks"):
        (source / folder).mkdir()
    for name in chapter_names():
        _place_chapter(name, run_dir, source, record.values, edition)
    _place_sweeps(run_dir, record.values, source, edition)
    write_interactive(source / "_generated" / "interactive", run_dir, record.values)
    for folder in ("figures", "tables"):
        if (run_dir / folder).is_dir():
            shutil.copytree(run_dir / folder, source / folder, ignore=shutil.ignore_patterns(".*"))
    write_pages(source / "_generated", record.values, run_dir)
    shutil.copy2(_mathjax(), source / "_static" / "mathjax.js")
    return source


def build_pages(source: Path, out: Path, run_dir: Path) -> None:
    """Build a folder of pages as HTML with the book's Sphinx settings; what lay in `out` before is replaced.

    Raises
    ------
    ChapterError
        If Sphinx reports any warning or error; the lines are in the message.
    """
    doctrees = out.with_name("doctrees")
    command = [sys.executable, *ISOLATED, "-m", "sphinx", "-b", "html", "-W", "-n", "--keep-going", "-q", "-d",
               str(doctrees), str(source), str(out)]  # fmt: skip
    environment = os.environ | {"CCTA_RUN": str(run_dir.resolve()), "PYTHONHASHSEED": "0"}
    shutil.rmtree(doctrees, ignore_errors=True)
    shutil.rmtree(out, ignore_errors=True)
    built = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if built.returncode:
        raise ChapterError(f"rendering {source} failed:\n{(built.stderr or built.stdout).strip()}")


def _write_worksheets(folder: Path) -> None:
    """Write each chapter as a notebook to work in: not executed, no solution, on the newest run of who opens it."""
    folder.mkdir()
    for name in chapter_names():
        notebook = read_chapter(name).notebook
        strip_solutions(notebook)
        nbformat.write(notebook, folder / f"{name}.ipynb")


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


def _place_chapter(name: str, run_dir: Path, source: Path, run: dict[str, Any], edition: str) -> None:
    executed = run_dir / "executed" / f"{name}.ipynb"
    if executed.is_file():
        _place_notebook(nbformat.read(executed, as_version=4), name, source, run, edition)
        return
    notebook = not_available(read_chapter(name), [])
    notebook.cells[0].source = f"# {read_chapter(name).title}\n\nThis chapter was not run in this run."
    nbformat.write(notebook, source / "chapters" / f"{name}.ipynb")


def _place_notebook(notebook: Any, name: str, source: Path, run: dict[str, Any], edition: str) -> None:
    """Lay an executed notebook for download, and as a page, where each figure and table says where it comes from."""
    if edition == "student":
        strip_solutions(notebook)
    nbformat.write(notebook, source / "notebooks" / f"{name}.ipynb")
    fold_solutions(notebook)
    disclose(notebook, name=name, run=run)
    nbformat.write(notebook, source / "chapters" / f"{name}.ipynb")


def _place_sweeps(run_dir: Path, run: dict[str, Any], source: Path, edition: str) -> None:
    """Lay the pages of sweeps among the chapters, and their table of contents into `_generated`."""
    pages = []
    for chapter, variants in run.get("sweeps", {}).items():
        comparison = comparison_name(chapter)
        shutil.copy2(run_dir / "sweeps" / f"{comparison}.md", source / "chapters")
        pages += [comparison, *(v["name"] for v in variants)]
        for variant in variants:
            notebook = nbformat.read(run_dir / "executed" / f"{variant['name']}.ipynb", as_version=4)
            first = notebook.cells[0]
            title, _, text = first.source.partition("\n")
            first.source = f"{title}: {variant['label']}\n{text}"
            _place_notebook(notebook, variant["name"], source, run, edition)
    toctree = "\n".join(
        ["```{toctree}", ":hidden:", ":caption: Sweeps", "", *(f"chapters/{p}" for p in pages), "```"]
    )
    (source / "_generated").mkdir(exist_ok=True)
    (source / "_generated" / "sweeps.md").write_text(f"{toctree}\n" if pages else "", encoding="utf-8")
