"""Runs studies cell by cell: killed at any moment, the same command goes on and no finished cell is made again."""

from __future__ import annotations

import os
import shutil
import time
import traceback
from collections import Counter
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd

from ccta_lib.book.provenance import code_hash, git_commit, hardware, versions
from ccta_lib.errors import CctaError, InputError, MissingExtraError, ParameterError
from ccta_lib.files import read_json, sha256_json, write_json
from ccta_lib.in_use import in_use
from ccta_lib.parallel import as_finished, check_workers
from ccta_lib.progress import Progress
from ccta_lib.schema import write_table
from ccta_lib.study.cell import Cell
from ccta_lib.study.size import StudySize

STUDIES = {
    "baselines": "ccta_lib.study.baselines",
    "ablations": "ccta_lib.study.ablations",
    "optimism": "ccta_lib.study.optimism",
    "coverage": "ccta_lib.study.coverage",
    "learning-curves": "ccta_lib.study.learning_curves",
    "attributions": "ccta_lib.study.attributions",
    "leakage": "ccta_lib.study.leakage",
    "transport": "ccta_lib.study.transport",
}
RECORD, CELL = "study.json", "cell.json"
KEYS = ["study", "arm", "seed"]
# What every cell's result may depend on; a study module adds its own imports as `CODE = ("explain", ...)`.
CODE = ("schema.py", "simulate", "model", "training", "evaluation", "study/cell.py", "study/workspace.py")


def study_module(name: str) -> ModuleType:
    """Import a study's module.

    Raises
    ------
    ParameterError
        If there is no such study.
    MissingExtraError
        If torch, or another package of an extra, is not installed.
    """
    if name not in STUDIES:
        raise ParameterError(f"--only: no study {name!r}; there are {', '.join(STUDIES)}")
    try:
        import_module("ccta_lib.study.workspace")  # what every cell is given, also where it trains nothing
        return import_module(STUDIES[name])
    except ModuleNotFoundError as error:
        if error.name == STUDIES[name]:
            raise ParameterError(f"--only: study {name!r} is not part of this version") from error
        if str(error.name).startswith("ccta_lib"):
            raise
        raise MissingExtraError(
            f"study {name!r} needs {error.name}; install everything: pip install 'ccta-lib[all]'"
        ) from error


def cell_key(cell: Cell, size: StudySize) -> str:
    """Return the hash of everything a cell's tables depend on; the other seeds and studies are no part of it."""
    module = study_module(cell.study)
    own = STUDIES[cell.study].removeprefix("ccta_lib.").replace(".", "/") + ".py"
    code = code_hash(*CODE, own, *getattr(module, "CODE", ()))
    return sha256_json([cell.as_dict(), size.shared(), size.section(cell.study), code, versions()])


def run_study(
    out: str | os.PathLike[str],
    size: StudySize,
    *,
    only: Sequence[str] | None = None,
    size_name: str = "study",
    workers: int = 2,
    progress: Progress | None = None,
) -> Path:
    """Run studies and put their tables together.

    Parameters
    ----------
    out : folder for `<table>.parquet`, study.json, cells/ (finished cells), workspace/ (cohorts and networks)
    size : see `load_size`
    only : names of studies, all by default; the tables of others stay as they are
    size_name : what the size is called, for the record
    workers : cells at a time, one thread each

    Returns
    -------
    Path
        study.json: for each study its size, seeds, versions, commit, machine, date, and seconds by cell.

    Raises
    ------
    ParameterError
        If a study is unknown.
    InputError
        If another command is writing into the folder.
    CctaError
        Naming each cell that failed and why, after all others have finished.
    """
    check_workers(workers)
    names = list(STUDIES) if only is None else [n for n in STUDIES if n in only]
    unknown = [] if only is None else [n for n in only if n not in STUDIES]
    if unknown:
        raise ParameterError(*(f"--only: no study {n!r}; there are {', '.join(STUDIES)}" for n in unknown))
    folder, report = Path(out), progress or Progress()
    cells = {name: study_module(name).cells(size) for name in names}
    for name, listed in cells.items():
        _check_cells(name, listed)
    keys = {c.label: cell_key(c, size) for listed in cells.values() for c in listed}
    todo = [c for listed in cells.values() for c in listed if not (_home(folder, c, keys) / CELL).is_file()]
    failed: dict[str, str] = {}
    with in_use(folder), report.task("Study", total=len(todo)) as advance:
        for left in folder.glob("cells/*/.*.partial"):  # of a process killed while it kept a cell
            shutil.rmtree(left)
        waiting = Counter(c.study for c in todo)

        def finish(name: str) -> None:
            homes = [_home(folder, c, keys) for c in cells[name]]
            _assemble(folder, name, cells[name], homes, size, size_name)

        for name in [n for n in cells if not waiting[n]]:
            finish(name)
        arguments = [(c, _home(folder, c, keys), folder / "workspace", size) for c in todo]
        for done, (i, fault) in enumerate(as_finished(run_cell, arguments, workers=workers), start=1):
            if fault:
                failed[todo[i].label] = fault
                report.say(f"{todo[i].label}: failed")
            else:
                waiting[todo[i].study] -= 1
                if not waiting[todo[i].study]:
                    finish(todo[i].study)
            advance(done, len(todo), todo[i].label)
    if failed:
        raise CctaError(
            *["\n".join(f"study {label}: {fault}" for label, fault in failed.items())
              + "\nwhat is finished is kept; the same command goes on"]
        )  # fmt: skip
    return folder / RECORD


def _check_cells(name: str, listed: list[Cell]) -> None:
    labels = [c.label for c in listed]
    wrong = [c.study for c in listed if c.study != name]
    if not listed or wrong or len(set(labels)) < len(labels):
        raise CctaError(
            f"study {name}: cells() must list its own cells, each arm and seed once; found {labels}"
        )


def _home(folder: Path, cell: Cell, keys: dict[str, str]) -> Path:
    return folder / "cells" / cell.study / keys[cell.label][:20]


def run_cell(cell: Cell, home: Path, workspace: Path, size: StudySize) -> str:
    """Make one cell's tables in a worker process; returns "" or what went wrong, so that the others go on."""
    from ccta_lib.study.workspace import Workspace
    from ccta_lib.training.watching import one_thread

    start = time.perf_counter()
    try:
        with one_thread():
            tables = study_module(cell.study).run(cell, Workspace(workspace, size))
        _keep(cell, tables, home, round(time.perf_counter() - start, 2))
    except InputError as error:
        return str(error)
    except Exception:  # told in full by `run_study`, which raises when the other cells are done
        return traceback.format_exc()
    return ""


def _keep(cell: Cell, tables: dict[str, pd.DataFrame], home: Path, seconds: float) -> None:
    """Write a cell's tables beside their place and move the whole folder there, finished."""
    partial = home.with_name(f".{home.name}.{os.getpid()}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    for name, table in tables.items():
        own = table.drop(columns=[k for k in KEYS if k in table])
        own.insert(0, "study", cell.study)
        own.insert(1, "arm", table.get("arm", cell.arm))
        own.insert(2, "seed", cell.seed)
        write_table(own, partial / f"{name}.parquet")
    write_json({"cell": cell.as_dict(), "tables": list(tables), "seconds": seconds}, partial / CELL)
    shutil.rmtree(home, ignore_errors=True)
    partial.rename(home)


def _assemble(
    folder: Path, name: str, cells: list[Cell], homes: list[Path], size: StudySize, size_name: str
) -> None:
    records = [read_json(home / CELL) for home in homes]
    tables = list(dict.fromkeys(t for r in records for t in r["tables"]))
    for table in tables:
        parts = [pd.read_parquet(h / f"{table}.parquet") for h, r in zip(homes, records, strict=True)
                 if table in r["tables"]]  # fmt: skip
        filled = [p for p in parts if len(p)] or parts[:1]
        write_table(pd.concat(filled, ignore_index=True), folder / f"{table}.parquet")
    entry: dict[str, Any] = {
        "tables": tables,
        "size": size_name,
        "shared": size.shared(),
        "section": size.section(name),
        "seeds": sorted({c.seed for c in cells}),
        "cells": len(cells),
        "key": sha256_json([h.name for h in homes]),
        "seconds": round(sum(r["seconds"] for r in records), 1),
        "seconds_by_cell": {c.label: r["seconds"] for c, r in zip(cells, records, strict=True)},
    }
    path = folder / RECORD
    record = read_json(path) if path.is_file() else {"studies": {}}
    if record["studies"].get(name, {}).get("key") != entry["key"]:
        entry |= {"finished": time.strftime("%Y-%m-%d"), "commit": git_commit(), "hardware": hardware(),
                  "versions": versions()}  # fmt: skip
        record["studies"][name] = entry
        write_json(record, path)
