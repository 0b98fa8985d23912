"""Where a number came from: the record of a run (`run.json`) and the keys that decide what must be rerun."""

from __future__ import annotations

import platform
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ccta_lib import __version__
from ccta_lib.errors import InputError
from ccta_lib.files import read_json, sha256_file, sha256_json, write_json

PACKAGE = Path(__file__).resolve().parent.parent
RECORDED = (
    "numpy", "pandas", "scipy", "scikit-learn", "statsmodels", "lifelines", "torch", "matplotlib", "wfdb",
    "papermill", "sphinx", "myst-nb",
)  # fmt: skip


def versions() -> dict[str, str]:
    """Return the versions of Python, this library and the packages that results depend on."""
    found = {"python": platform.python_version(), "ccta-lib": __version__}
    for name in RECORDED:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def git_commit(folder: Path = PACKAGE) -> str:
    """Return the commit of the checkout, marked `+changes` when files differ from it; `unknown` outside git."""
    command = [
        "git",
        "-C",
        str(folder),
        "describe",
        "--always",
        "--abbrev=12",
        "--dirty=+changes",
        "--exclude=*",
    ]
    try:
        found = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20)
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return found.stdout.strip()


def hardware() -> dict[str, Any]:
    """Return processor, core count and memory, as far as the system tells."""
    import os

    info = Path("/proc/cpuinfo")
    names = [line.partition(":")[2].strip() for line in info.read_text().splitlines() if "model name" in line] \
        if info.is_file() else []  # fmt: skip
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 0
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": names[0] if names else platform.processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(pages / 2**30, 1),
    }


def code_hash(*parts: str) -> str:
    """Hash the library's own source: folders or files below `ccta_lib`, by content."""
    files = sorted(
        f for part in parts for f in ([PACKAGE / part] if (PACKAGE / part).is_file() else (PACKAGE / part).rglob("*"))
        if f.is_file() and "__pycache__" not in f.parts
    )  # fmt: skip
    return sha256_json([(f.relative_to(PACKAGE).as_posix(), sha256_file(f)) for f in files])


# Chapters and sweeps are folders and files of a run, and are deleted by these names.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def _check(values: Any, path: Path) -> None:
    """Refuse a record whose names could lead out of its folder: a run directory can come from anybody."""
    stages = values.get("stages") if isinstance(values, dict) else None
    sweeps = values.get("sweeps", {}) if isinstance(values, dict) else None
    if not isinstance(stages, dict) or not isinstance(sweeps, dict):
        raise InputError(f"{path}: is no record of a run; delete it, and the run is made again")
    names = [n.removeprefix("chapter ") for n in stages if n.startswith("chapter ")]
    names += [str(n) for chapter, done in sweeps.items() for n in (chapter, *(s["name"] for s in done))]
    wrong = [n for n in names if not _NAME.fullmatch(n) or ".." in n]
    if wrong:
        raise InputError(f"{path}: names a chapter {wrong[0]!r}, which is none; was this run made by ccta?")


class RunRecord:
    """The record of a run directory, kept in `run.json` and written after every stage.

    Parameters
    ----------
    folder : run directory; created if absent
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "run.json"
        folder.mkdir(parents=True, exist_ok=True)
        self.values: dict[str, Any] = read_json(self.path) if self.path.is_file() else {"stages": {}}
        _check(self.values, self.path)

    def update(self, **values: Any) -> None:
        """Set top-level values and save."""
        self.values |= values
        write_json(self.values, self.path)

    def is_done(self, stage: str, key: str, *outputs: Path) -> bool:
        """Tell whether a stage with this key finished, and all it left is there as it was left.

        Parameters
        ----------
        stage, key : as given to `stage`
        outputs : what must be there besides the files that the record knows by their hash
        """
        found = self.values["stages"].get(stage, {})
        return (
            found.get("key") == key
            and all(o.exists() for o in outputs)
            and all(
                (self.folder / name).is_file() and sha256_file(self.folder / name) == known
                for name, known in found.get("outputs", {}).items()
            )
        )

    @contextmanager
    def stage(
        self, name: str, key: str, *, outputs: Sequence[Path] = (), **details: Any
    ) -> Iterator[dict[str, Any]]:
        """Time a stage and record it when, and only when, it succeeds; the yielded dict takes more details.

        Parameters
        ----------
        name, key : of the stage
        outputs : files below the run directory, recorded by their hash: one that was cut off or changed
            since has the stage done again
        details : what else is recorded
        """
        self.values["stages"].pop(name, None)
        start = time.perf_counter()
        record: dict[str, Any] = dict(details)
        yield record
        record.setdefault("seconds", round(time.perf_counter() - start, 2))
        record["outputs"] = {o.relative_to(self.folder).as_posix(): sha256_file(o) for o in outputs}
        self.finish_stage(name, key, **record)

    def finish_stage(self, name: str, key: str, **details: Any) -> None:
        """Record a stage that has succeeded."""
        finished, commit = time.strftime("%Y-%m-%dT%H:%M:%S%z"), git_commit()
        self.values["stages"][name] = details | {"key": key, "finished": finished, "commit": commit}
        self.update(versions=versions(), commit=commit, hardware=hardware(), command=sys.argv[1:])
