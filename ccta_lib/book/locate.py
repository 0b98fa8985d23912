"""Where things lie: the book's sources, its profiles, the shipped run and the runs made here."""

from __future__ import annotations

from pathlib import Path

from ccta_lib.errors import InputError

PACKAGE = Path(__file__).resolve().parent.parent


def book_folder() -> Path:
    """Return the book's sources: inside an installed wheel, or beside the package in a checkout."""
    for folder in (PACKAGE / "_book", PACKAGE.parent / "book"):
        if (folder / "conf.py").is_file():
            return folder
    raise InputError(
        f"{PACKAGE}: the book's sources are neither in the package nor beside it; reinstall ccta-lib"
    )


def shipped_run() -> Path:
    """Return the folder of the run that ships with the book."""
    return book_folder() / "data" / "full"


def is_run(folder: Path) -> bool:
    """Tell whether a folder holds a run: a prediction table under its fixed name."""
    return (folder / "predictions.parquet").is_file()


def find_run(run_dir: str | Path = "", *, build: Path = Path("build")) -> Path:
    """Return the run to work on: the one named, else the newest below `build`, else the shipped one.

    Raises
    ------
    InputError
        If the named folder holds no prediction table, or there is no run at all.
    """
    if str(run_dir):
        if not is_run(Path(run_dir)):
            raise InputError(
                f"{run_dir}: holds no predictions.parquet; give a run directory, or run `ccta book` first"
            )
        return Path(run_dir)
    runs = sorted(
        (d for d in build.glob("*/") if is_run(d)), key=lambda d: (d / "predictions.parquet").stat().st_mtime
    )
    if runs:
        return runs[-1]
    if is_run(shipped_run()):
        return shipped_run()
    raise InputError("no run found below build/, and none is shipped; run `ccta book` first")
