"""A study of three cells for tests of the runner: its numbers need no training. It notes each cell it makes."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np
import pandas as pd

from ccta_lib.errors import InputError
from ccta_lib.study.cell import Cell

CODE = ()


def cells(size):
    return [Cell("toy", arm, seed, {"arm": arm}) for seed in size.seeds for arm in ("plain", "noted")]


def run(cell, workspace):
    workspace.folder.parent.mkdir(parents=True, exist_ok=True)
    with open(workspace.folder.parent / "made.txt", "a") as notes:
        notes.write(f"{cell.label}\n")
    if os.environ.get("TOY_FAILS") == cell.label:
        raise InputError(f"{cell.arm}: wrong on purpose")
    if os.environ.get("TOY_BREAKS") == cell.label:
        raise ZeroDivisionError("broken on purpose")
    if os.environ.get("TOY_KILLED") == cell.label:
        os.kill(os.getpid(), signal.SIGKILL)
    x = np.random.default_rng(cell.seed).normal(size=3)
    tables = {"toy": pd.DataFrame({"x": x, "size": workspace.size.ecgs})}
    return tables | (
        {"toy_notes": pd.DataFrame({"arm": ["of the table"], "y": [1.5]})} if cell.arm == "noted" else {}
    )


def made(out: Path) -> list[str]:
    path = out / "made.txt"
    return path.read_text().splitlines() if path.is_file() else []
