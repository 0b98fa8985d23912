"""What the numbers mean: experiments on many virtual cohorts, in cells that are made once and kept.

A study module has two functions: ``cells(size)`` lists its cells, ``run(cell, workspace)`` makes one cell's tables.
``run_study`` runs them, goes on after a kill, and puts the tables together for the book.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ccta_lib.extras import load_name
from ccta_lib.study.cell import Cell
from ccta_lib.study.size import StudySize, load_size

if TYPE_CHECKING:
    from ccta_lib.study.run import STUDIES, run_study
    from ccta_lib.study.workspace import Data, Fit, Workspace

_HOME = {
    "STUDIES": "run",
    "run_study": "run",
    "Data": "workspace",
    "Fit": "workspace",
    "Workspace": "workspace",
}
__all__ = ["STUDIES", "Cell", "Data", "Fit", "StudySize", "Workspace", "load_size", "run_study"]


def __getattr__(name: str) -> Any:
    return load_name(__name__, _HOME, name)
