"""Two editions from one source: nothing of a solution reaches students, nothing else is lost."""

from __future__ import annotations

from copy import deepcopy

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from ccta_lib.book.edition import fold_solutions, is_solution, strip_solutions
from ccta_lib.book.runner import chapter_names, read_chapter


@pytest.fixture
def notebook():
    shown = new_output("display_data", data={"text/plain": "SECRET output"})
    cells = [
        new_markdown_cell("### Exercise 1"),
        new_markdown_cell("SECRET words", metadata={"tags": ["solution"]}),
        new_code_cell("SECRET = 1", metadata={"tags": ["solution", "hide-input"]}, outputs=[shown]),
        new_code_cell("SECRET = 2", metadata={"tags": ["solution"]}),
        new_code_cell("kept = 1", metadata={"tags": ["hide-input"]}),
        new_code_cell("SECRET = 3", metadata={"tags": ["solution"]}),
    ]
    return new_notebook(cells=cells)


def test_students_get_an_empty_cell_where_code_was(notebook) -> None:
    strip_solutions(notebook)
    assert [c.source for c in notebook.cells] == [
        "### Exercise 1",
        "# Your answer",
        "kept = 1",
        "# Your answer",
    ]
    assert "SECRET" not in nbformat.writes(notebook)
    nbformat.validate(notebook)


def test_teachers_find_solutions_folded(notebook) -> None:
    fold_solutions(notebook)
    assert notebook.cells[1].source.startswith(":::::{dropdown} Solution\nSECRET words")
    assert notebook.cells[2].metadata["tags"] == ["solution", "hide-cell"]
    assert notebook.cells[4].metadata["tags"] == ["hide-input"]


@pytest.mark.parametrize("name", chapter_names())
def test_every_chapter_has_two_exercises_each_with_a_solution(name: str) -> None:
    cells = read_chapter(name).notebook.cells
    starts = [
        i
        for i, c in enumerate(cells)
        if c.cell_type == "markdown" and "### Exercise" in c.source and not is_solution(c)
    ]
    assert len(starts) >= 2
    for first, last in zip(starts, [*starts[1:], len(cells)], strict=True):
        assert any(is_solution(c) for c in cells[first:last]), cells[first].source.splitlines()[0]


@pytest.mark.parametrize("name", chapter_names())
def test_solutions_come_last_so_that_no_chapter_depends_on_one(name: str) -> None:
    cells = read_chapter(name).notebook.cells
    start = next(i for i, c in enumerate(cells) if c.cell_type == "markdown" and "## Exercises" in c.source)
    assert not any(is_solution(c) for c in cells[:start])
    stripped = deepcopy(read_chapter(name).notebook)
    strip_solutions(stripped)
    assert not any(is_solution(c) for c in stripped.cells)
