"""Study tables in chapters: where they are found, what is said of their making, and what happens without them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from ccta_lib.book import runner
from ccta_lib.book import study as module
from ccta_lib.book.chapter import Chapter
from ccta_lib.book.study import find_study, origin, study_entry
from ccta_lib.errors import InputError
from ccta_lib.files import write_json
from ccta_lib.schema import VESSELS, write_table
from ccta_lib.study.size import load_size

TEXT = """\
---
kernelspec: {name: python3, display_name: Python 3}
ccta: {requires: [], study: [toy]}
---

# A title

```{code-cell} python
:tags: [parameters]

run_dir: str = ""  # run directory
```
"""


def entry(**changes):
    return {
        "tables": ["toy"], "size": "study", "seeds": [1, 2, 3, 5], "cells": 8, "seconds": 600.0, "commit": "abc",
        "finished": "2026-11-23", "hardware": {"processor": "A processor", "system": "Linux"},
        "shared": {"patients": 603, "exams": 674, "ecgs": 1200, "test_ecgs": 2400},
    } | changes  # fmt: skip


def put(folder: Path, x: float, **changes) -> Path:
    write_table(pd.DataFrame({"x": [x]}), folder / "toy.parquet")
    write_json({"studies": {"toys": entry(**changes)}}, folder / "study.json")
    return folder / "toy.parquet"


@pytest.fixture
def run_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    row = {
        "ecg_id": "e1",
        "patient_id": "p1",
        "data_kind": "simulated",
        **{v.prob_column: 0.5 for v in VESSELS},
    }
    write_table(pd.DataFrame([row]), tmp_path / "build" / "demo" / "predictions.parquet")
    monkeypatch.setattr(module, "shipped_study", lambda: tmp_path / "shipped")
    return tmp_path / "build" / "demo"


def test_the_runs_own_table_comes_first_then_one_beside_it_then_the_shipped(
    run_dir: Path, tmp_path: Path
) -> None:
    assert find_study("toy", run_dir) is None
    places = [put(tmp_path / "shipped", 3), put(tmp_path / "build" / "study", 2), put(run_dir / "study", 1)]
    for path in reversed(places):
        assert find_study("toy", run_dir) == path
        path.unlink()


def test_a_table_of_an_unfinished_study_does_not_count(run_dir: Path) -> None:
    path = put(run_dir / "study", 1)
    write_json({"studies": {"toys": entry(tables=["other"])}}, path.parent / "study.json")
    assert find_study("toy", run_dir) is None
    (path.parent / "study.json").unlink()
    assert find_study("toy", run_dir) is None


def test_a_chapter_reads_it_and_says_how_it_was_made(run_dir: Path) -> None:
    put(run_dir / "study", 1.5)
    chapter = Chapter("toys", str(run_dir), data_kind="simulated")
    assert chapter.study("toy")["x"].tolist() == [1.5]
    said = chapter.study_origin().myst
    for part in (
        "made by `ccta study` beside this run", "2026-11-23", "commit abc", "(A processor), 8 cells, 10 minutes",
        "seeds 1 to 3, 5", "603 patients", "1,200 ECGs", "2,400 fresh ECGs", "simulated",
    ):  # fmt: skip
        assert part in said
    with pytest.raises(InputError, match=r"other\.parquet: chapter toys needs it; make it with `ccta study`"):
        chapter.study("other")


def test_each_study_is_told_once_and_a_smoke_size_is_told_at_all(tmp_path: Path) -> None:
    one = study_entry(put(tmp_path, 1))
    assert one["study"] == "toys"
    text = origin([one, one], shipped=True)
    assert text.startswith("The tables of this chapter come with the book.")
    assert text.count("**toys**") == 1
    assert "smoke" not in text
    assert "their numbers mean nothing" in origin([one | {"size": "smoke"}], shipped=False)
    assert origin([], shipped=True) == "No study's table has been read."


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("jupytext")
    path = tmp_path / "book" / "chapters" / "cohort.md"
    path.parent.mkdir(parents=True)
    path.write_text(TEXT, encoding="utf-8")
    monkeypatch.setattr(runner, "book_folder", lambda: tmp_path / "book")
    return runner.read_chapter("cohort")


def test_a_chapters_key_changes_with_its_table_and_with_how_it_was_made(run_dir: Path, source) -> None:
    keys = [runner._key(source, {}, run_dir)]
    for x, changes in ((1, {}), (2, {}), (2, {"commit": "def"})):
        put(run_dir / "study", x, **changes)
        keys.append(runner._key(source, {}, run_dir))
    assert len(set(keys)) == 4
    put(run_dir / "study", 1)
    assert runner._key(source, {}, run_dir) == keys[1]


def test_without_the_table_the_chapter_says_so_in_a_sentence(run_dir: Path, source) -> None:
    import nbformat

    runner.execute_chapter("cohort", {"run_dir": ".."}, run_dir)
    cells = nbformat.read(run_dir / "executed" / "cohort.ipynb", as_version=4).cells
    assert len(cells) == 1
    assert "needs `toy.parquet` of the studies, not available here; `ccta study` makes it." in cells[0].source


def test_every_table_a_chapter_names_is_shipped_whole_and_of_the_shipped_size() -> None:
    pytest.importorskip("jupytext")
    sources = [s for s in map(runner.read_chapter, runner.chapter_names()) if s.study]
    assert len(sources) == 7
    size = load_size("study")
    for source in sources:
        for table in source.study:
            path = module.shipped_study() / f"{table}.parquet"
            made = study_entry(path)
            assert made, f"{source.name}: {table} is not shipped"
            assert path.stat().st_size < 1_000_000
            assert made["size"] == "study"
            assert made["shared"] == size.shared()
            assert made["section"] == size.section(made["study"])
            frame = pd.read_parquet(path)
            assert list(frame.columns[:3]) == ["study", "arm", "seed"]
            assert set(frame["study"]) == {made["study"]}
            assert set(frame["seed"]) <= set(made["seeds"])  # some tables are of one seed
