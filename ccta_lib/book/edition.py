"""Two editions from one source: solutions are cells tagged `solution`, folded for teachers and absent for students."""

from __future__ import annotations

from typing import Any

EDITIONS = ("full", "student")
SOLUTION = "solution"
_PLACE = "# Your answer"


def is_solution(cell: Any) -> bool:
    """Tell whether a cell is part of a solution."""
    return SOLUTION in cell.metadata.get("tags", [])


def fold_solutions(notebook: Any) -> None:
    """Fold each solution, in place, so that a reader can try first: text in a dropdown, code and output hidden."""
    for cell in notebook.cells:
        if not is_solution(cell):
            continue
        if cell.cell_type == "markdown":
            cell.source = f":::::{{dropdown}} Solution\n{cell.source}\n:::::"
        else:
            cell.metadata["tags"] = [t for t in cell.metadata["tags"] if t != "hide-input"] + ["hide-cell"]


def strip_solutions(notebook: Any) -> None:
    """Take every solution out, in place: source, outputs and metadata; an empty cell stands where code was.

    A run of several solution cells leaves one empty cell.
    """
    from nbformat.v4 import new_code_cell  # here, so that the command line starts without it

    kept: list[Any] = []
    for cell in notebook.cells:
        if not is_solution(cell):
            kept.append(cell)
        elif cell.cell_type == "code" and not (kept and kept[-1].get("source") == _PLACE):
            empty = new_code_cell(_PLACE)
            empty["id"] = cell["id"]  # ids stay stable from build to build
            kept.append(empty)
    notebook.cells = kept
