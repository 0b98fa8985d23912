"""Where things lie: the book's sources, its profiles, the shipped run and the runs made here."""

from __future__ import annotations

from pathlib import Path

from ccta_lib.errors import InputError
from ccta_lib.files import read_json

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

    The newest is the one whose predictions were made last, by the serial number its record holds: clocks go
    backwards, and copies are younger than what they were made from.

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
    runs = [d for d in build.glob("*/") if is_run(d)]
    if runs:
        return max(runs, key=lambda d: (serial(d), (d / "predictions.parquet").stat().st_mtime))
    if is_run(shipped_run()):
        return shipped_run()
    raise InputError("no run found below build/, and none is shipped; run `ccta book` first")


def serial(run_dir: Path) -> int:
    """Return the number of a run's predictions among those of the runs beside it; 0 where none can be read."""
    record = run_dir / "run.json"
    try:
        return int(read_json(record).get("serial", 0)) if record.is_file() else 0
    except InputError:  # whoever works on that run is told; this run need not care
        return 0


def next_serial(run_dir: Path) -> int:
    """Return the number for predictions made now."""
    return 1 + max(map(serial, filter(is_run, run_dir.resolve().parent.glob("*/"))), default=0)
