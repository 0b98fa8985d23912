"""Chapters run from text; a failure names chapter, cell and line and leaves no half-written notebook."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pandas as pd
import pytest

from ccta_lib.book import runner
from ccta_lib.book.chapter import Chapter
from ccta_lib.errors import ChapterError, InputError, ParameterError

pytest.importorskip("papermill")

TEXT = """\
---
kernelspec: {{name: python3, display_name: Python 3}}
ccta: {{requires: [{requires}]}}
---

# A title

```{{code-cell}} python
:tags: [parameters]

run_dir: str = ""  # run directory
n: int = 2  # a number
```

```{{code-cell}} python
{code}
```
"""


@pytest.fixture
def chapter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def write(code: str, requires: str = "predictions", name: str = "cohort") -> str:
        path = tmp_path / "book" / "chapters" / f"{name}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(TEXT.format(code=code, requires=requires), encoding="utf-8")
        return name

    monkeypatch.setattr(runner, "book_folder", lambda: tmp_path / "book")
    return write


def test_results_are_saved_and_the_same_run_gives_the_same_bytes(run_dir: Path, chapter) -> None:
    code = (
        "import pandas as pd, matplotlib.pyplot as plt\n"
        "from ccta_lib.book.chapter import Chapter\n"
        "c = Chapter('cohort', run_dir)\n"
        "figure, ax = plt.subplots(); ax.plot([1, n])\n"
        "c.figure(figure, 'f', 'caption', alt='alt', data=pd.DataFrame({'x': [1, n]}))\n"
    )
    name = chapter(code)
    paths = [run_dir / p for p in ("executed/cohort.ipynb", "figures/cohort/f.svg", "figures/cohort/f.pdf",
                                   "figures/cohort/f.png", "tables/cohort/figure_f.csv")]  # fmt: skip
    runner.execute_chapter(name, {"n": 5, "run_dir": ".."}, run_dir)
    first = [p.read_bytes() for p in paths]
    runner.execute_chapter(name, {"n": 5, "run_dir": ".."}, run_dir)
    assert [p.read_bytes() for p in paths] == first
    table = pd.read_csv(paths[-1])
    assert table["x"].tolist() == [1, 5]
    assert set(table["data_kind"]) == {"simulated"}
    assert "Simulated patients" in paths[1].read_text()
    notebook = nbformat.read(paths[0], as_version=4)
    assert all("papermill" not in cell.metadata for cell in notebook.cells)
    shown = notebook.cells[-1].outputs[-1]["data"]
    assert "Simulated: caption" in shown["text/markdown"]
    assert ":alt: alt" in shown["text/markdown"]


def test_a_failing_cell_is_named(run_dir: Path, chapter) -> None:
    name = chapter("m = n + 1\nraise ValueError('boom')")
    with pytest.raises(ChapterError, match=r"chapter cohort .*cell 3, `m = n \+ 1`: ValueError: boom"):
        runner.execute_chapter(name, {"run_dir": ".."}, run_dir)
    assert not (run_dir / "executed" / "cohort.ipynb").exists()


def test_wrong_input_found_inside_a_chapter_stays_wrong_input(run_dir: Path, chapter) -> None:
    name = chapter("from ccta_lib.errors import TableError\nraise TableError('row 3 is wrong')")
    with pytest.raises(InputError, match="row 3 is wrong"):
        runner.execute_chapter(name, {"run_dir": ".."}, run_dir)


def test_a_dead_kernel_is_an_error(run_dir: Path, chapter) -> None:
    name = chapter("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")
    with pytest.raises(ChapterError, match="chapter cohort"):
        runner.execute_chapter(name, {"run_dir": ".."}, run_dir)
    assert not (run_dir / "executed" / "cohort.ipynb").exists()


def test_an_absent_input_becomes_one_sentence(run_dir: Path, chapter) -> None:
    name = chapter("raise RuntimeError", requires="predictions, training")
    runner.execute_chapter(name, {"run_dir": ".."}, run_dir)
    notebook = nbformat.read(run_dir / "executed" / "cohort.ipynb", as_version=4)
    assert notebook.cells[0].source.endswith(
        "This chapter needs `training.parquet`, which this run does not hold."
    )


def test_parameters_are_refused_before_anything_runs(run_dir: Path, chapter) -> None:
    name = chapter("raise RuntimeError")
    with pytest.raises(ParameterError, match="parameter n of chapter cohort"):
        runner.run_chapters([name], run_dir, {name: {"n": "two"}})


def test_no_such_chapter(chapter) -> None:
    chapter("1")
    with pytest.raises(InputError, match="no chapter 'cohrt'; there are cohort"):
        runner.read_chapter("cohrt")


def test_a_chapter_without_a_run_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no predictions\.parquet"):
        Chapter("cohort", str(tmp_path))
