"""The whole book as one PDF: the same sources as the pages, set by LaTeX."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from datetime import datetime
from pathlib import Path

from ccta_lib.book.isolation import ISOLATED
from ccta_lib.book.provenance import RunRecord
from ccta_lib.book.render import lay_sources, sources_key
from ccta_lib.errors import ChapterError, MissingExtraError
from ccta_lib.files import atomic_path, sha256_json
from ccta_lib.in_use import holds

PROGRAMS = ("xelatex", "latexmk", "kpsewhich")
STYLES = ("xeCJK.sty", "pdflscape.sty", "fancyhdr.sty", "tabulary.sty", "needspace.sty")
DEBIAN = ("latexmk texlive-xetex texlive-latex-extra texlive-fonts-recommended texlive-lang-cjk "
          "fonts-freefont-otf fonts-noto-cjk")  # fmt: skip
_ADVICE = f"on Debian: apt-get install {DEBIAN}"


@holds("run_dir")
def render_pdf(run_dir: Path) -> Path:
    """Set the book of a run as `pdf/book.pdf`; unchanged input is not set again.

    Parameters
    ----------
    run_dir : run directory whose chapters have been run

    Returns
    -------
    Path
        The PDF.

    Raises
    ------
    MissingExtraError
        If LaTeX or a style is not installed; the message names Debian's packages.
    ChapterError
        If Sphinx reports a warning or LaTeX an error.
    """
    record = RunRecord(run_dir)
    result = run_dir / "pdf" / "book.pdf"
    key = sha256_json(["pdf", sources_key(run_dir, record)])
    if record.values.get("pdf_key") == key and result.is_file():
        return result
    check_latex()
    source = lay_sources(run_dir, record)
    folder = run_dir / "pdf"
    shutil.rmtree(folder, ignore_errors=True)
    epoch = _epoch(record)
    environment = os.environ | {"CCTA_RUN": str(run_dir.resolve()), "PYTHONHASHSEED": "0",
                                "SOURCE_DATE_EPOCH": str(epoch), "FORCE_SOURCE_DATE": "1"}  # fmt: skip
    command = [sys.executable, *ISOLATED, "-m", "sphinx", "-b", "latex", "-W", "-n", "--keep-going", "-q", "-d",
               str(folder / "doctrees"), str(source), str(folder / "latex")]  # fmt: skip
    built = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if built.returncode:
        raise ChapterError(f"writing LaTeX from {source} failed:\n{(built.stderr or built.stdout).strip()}")
    command = ["latexmk", "-xelatex", "-interaction=nonstopmode", "-halt-on-error", "-quiet", "book.tex"]
    built = subprocess.run(command, cwd=folder / "latex", env=environment, capture_output=True, text=True,
                           check=False, errors="replace")  # fmt: skip
    made = folder / "latex" / "book.pdf"
    if built.returncode or not made.is_file():
        log = folder / "latex" / "book.log"
        said = latex_error(log) or (built.stdout + built.stderr).strip()[-300:]
        raise ChapterError(f"{log}: {said}; {_ADVICE}")
    with atomic_path(result) as temporary:
        os.replace(made, temporary)
    record.update(pdf_key=key)
    return result


def check_latex() -> None:
    """Raise, naming Debian's packages, if something that the PDF needs is not installed."""
    absent = [p for p in PROGRAMS if shutil.which(p) is None]
    if not absent:
        found = subprocess.run(["kpsewhich", *STYLES], capture_output=True, text=True, check=False).stdout
        absent = [s for s in STYLES if f"/{s}" not in found]
    if absent:
        raise MissingExtraError(f"the PDF needs {', '.join(absent)}, not found; {_ADVICE}")


def latex_error(log: Path) -> str:
    """Return the first error of a LaTeX log, with the line it happened in; empty if there is none."""
    text = log.read_text(encoding="utf-8", errors="replace") if log.is_file() else ""
    found = re.search(r"^! (.+?)$(?:.*?^(l\.\d+.*?)$)?", text, flags=re.M | re.S)
    return " ".join(part.strip() for part in found.groups() if part) if found else ""


def _epoch(record: RunRecord) -> int:
    """Return the time of the run's last stage: the PDF of a run carries that time, whenever it is set."""
    last = max(stage["finished"] for stage in record.values["stages"].values())
    return int(datetime.strptime(last, "%Y-%m-%dT%H:%M:%S%z").timestamp())
