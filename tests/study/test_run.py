"""Cells are made once, kept, and put together; a kill, a fault or another order of work changes no byte."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

pytest.importorskip("torch")

from ccta_lib.errors import CctaError, InputError, MissingExtraError, ParameterError
from ccta_lib.files import read_json
from ccta_lib.study import run as run_module
from ccta_lib.study.run import STUDIES, cell_key, run_study, study_module

sys.path.insert(0, str(Path(__file__).parent))
import a_study

ALL = [f"toy, {arm}, seed {seed}" for seed in (1, 2) for arm in ("plain", "noted")]


@pytest.fixture
def toy(monkeypatch, tmp_path):
    monkeypatch.setitem(STUDIES, "toy", "a_study")
    monkeypatch.setattr(run_module, "code_hash", lambda *parts: "fixed")  # somebody may edit while this runs
    return lambda size, **options: run_study(tmp_path, size, only=["toy"], workers=1, **options)


def tables(out):
    return {p.name: p.read_bytes() for p in sorted(out.glob("*.parquet"))}


def test_tables_are_put_together_in_the_order_of_the_cells(toy, tiny, tmp_path):
    record = read_json(toy(tiny, size_name="smoke"))["studies"]["toy"]
    table = pd.read_parquet(tmp_path / "toy.parquet")
    assert list(table.columns[:3]) == ["study", "arm", "seed"]
    assert table[["arm", "seed"]].drop_duplicates().to_numpy().tolist() == [
        ["plain", 1],
        ["noted", 1],
        ["plain", 2],
        ["noted", 2],
    ]
    assert pd.read_parquet(tmp_path / "toy_notes.parquet")["arm"].tolist() == ["of the table"] * 2
    assert record["tables"] == ["toy", "toy_notes"]
    assert (record["cells"], record["seeds"], record["size"]) == (4, [1, 2], "smoke")
    assert record["shared"]["ecgs"] == tiny.ecgs
    assert sorted(record["seconds_by_cell"]) == sorted(ALL)


def test_a_finished_cell_is_not_made_again(toy, tiny, tmp_path):
    toy(tiny)
    before, record = tables(tmp_path), (tmp_path / "study.json").read_bytes()
    toy(tiny)
    assert a_study.made(tmp_path) == ALL
    assert tables(tmp_path) == before
    assert (tmp_path / "study.json").read_bytes() == record


def test_another_seed_adds_cells_and_another_size_makes_all_anew(toy, tiny, tmp_path):
    toy(tiny)
    toy(tiny.model_copy(update={"seeds": [1, 2, 3]}))
    assert a_study.made(tmp_path)[4:] == ["toy, plain, seed 3", "toy, noted, seed 3"]
    toy(tiny.model_copy(update={"ecgs": 90}))
    assert a_study.made(tmp_path)[6:] == ALL
    assert set(pd.read_parquet(tmp_path / "toy.parquet")["size"]) == {90}
    toy(tiny)  # what was made before is still there
    assert len(a_study.made(tmp_path)) == 10
    assert set(pd.read_parquet(tmp_path / "toy.parquet")["size"]) == {tiny.ecgs}


def test_a_cells_key_changes_with_what_it_depends_on_and_with_nothing_else(monkeypatch, tiny):
    from ccta_lib.study.cell import Cell

    monkeypatch.setitem(STUDIES, "toy", "a_study")
    cell, key = Cell("toy", "plain", 1, {"k": 1}), cell_key(Cell("toy", "plain", 1, {"k": 1}), tiny)
    assert cell_key(cell, tiny.model_copy(update={"seeds": [9]})) == key
    fewer = tiny.learning_curves.model_copy(update={"patients": [30]})
    assert (
        cell_key(cell, tiny.model_copy(update={"learning_curves": fewer})) == key
    )  # another study's own section
    own = Cell("learning-curves", "plain", 1)
    assert cell_key(own, tiny.model_copy(update={"learning_curves": fewer})) != cell_key(own, tiny)
    others = [
        Cell("toy", "plain", 2, {"k": 1}),
        Cell("toy", "noted", 1, {"k": 1}),
        Cell("toy", "plain", 1, {"k": 2}),
    ]
    keys = [key, *(cell_key(c, tiny) for c in others), cell_key(cell, tiny.model_copy(update={"epochs": 2}))]
    monkeypatch.setattr(run_module, "code_hash", lambda *parts: "other code")
    keys.append(cell_key(cell, tiny))
    monkeypatch.setattr(run_module, "versions", lambda: {"torch": "0"})
    keys.append(cell_key(cell, tiny))
    assert len(set(keys)) == len(keys)


def test_a_cell_that_fails_is_named_and_the_others_are_kept(toy, tiny, tmp_path, monkeypatch):
    monkeypatch.setenv("TOY_FAILS", ALL[1])
    monkeypatch.setenv("TOY_BREAKS", ALL[2])
    with pytest.raises(CctaError) as error:
        toy(tiny)
    assert "study toy, noted, seed 1: noted: wrong on purpose" in str(error.value)
    assert "ZeroDivisionError: broken on purpose" in str(error.value)  # a fault of ours is told in full
    assert not (tmp_path / "toy.parquet").exists()
    monkeypatch.delenv("TOY_FAILS")
    monkeypatch.delenv("TOY_BREAKS")
    toy(tiny)
    assert a_study.made(tmp_path) == [*ALL, ALL[1], ALL[2]]
    assert len(pd.read_parquet(tmp_path / "toy.parquet")) == 12


def test_one_study_leaves_the_tables_and_the_record_of_others(toy, tiny, tmp_path, monkeypatch):
    toy(tiny)
    monkeypatch.setitem(STUDIES, "other", "a_study")
    monkeypatch.setattr(
        a_study, "cells", lambda size: [run_module.Cell("other", "plain", 5, {})], raising=True
    )
    run_study(tmp_path, tiny, only=["other"], workers=1)
    record = read_json(tmp_path / "study.json")["studies"]
    assert sorted(record) == ["other", "toy"]


def test_a_second_command_in_the_same_folder_is_refused_and_leavings_of_a_killed_one_go(toy, tiny, tmp_path):
    from ccta_lib.in_use import in_use

    left = tmp_path / "cells" / "toy" / ".abc.1.partial"
    left.mkdir(parents=True)
    (left / "toy.parquet").write_bytes(b"half")
    with (
        ThreadPoolExecutor(1) as other,
        in_use(tmp_path),
        pytest.raises(InputError, match="is writing there"),
    ):
        other.submit(toy, tiny).result()
    toy(tiny)
    assert not left.exists()
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "cells", "made.txt", "study.json", "toy.parquet", "toy_notes.parquet",
    ]  # fmt: skip


def test_a_studys_tables_are_there_as_soon_as_its_own_cells_are(toy, tiny, tmp_path, monkeypatch):
    monkeypatch.setitem(STUDIES, "later", "a_later_study")
    later = ModuleType("a_later_study")
    later.cells = lambda size: [run_module.Cell("later", "plain", 1)]

    def run(cell, workspace):
        assert (tmp_path / "toy.parquet").is_file()
        raise InputError("stops here")

    later.run = run
    monkeypatch.setitem(sys.modules, "a_later_study", later)
    with pytest.raises(CctaError, match="study later, plain, seed 1: stops here"):
        run_study(tmp_path, tiny, only=["toy", "later"], workers=1)
    assert list(read_json(tmp_path / "study.json")["studies"]) == ["toy"]


def test_wrong_names_are_one_line_each(tiny, tmp_path):
    with pytest.raises(ParameterError) as error:
        run_study(tmp_path, tiny, only=["ablation", "optimism", "x"])
    assert len(error.value.faults) == 2
    assert error.value.faults[0].startswith("--only: no study 'ablation'; there are baselines, ablations")
    with pytest.raises(ParameterError, match="no study 'x'"):
        study_module("x")


def test_without_torch_one_line_says_what_to_install(monkeypatch):
    monkeypatch.delitem(sys.modules, "ccta_lib.study.workspace", raising=False)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(
        MissingExtraError, match=r"study 'coverage' needs torch; install everything: pip install"
    ):
        study_module("coverage")


@pytest.mark.parametrize("name", sorted(STUDIES))
def test_every_study_lists_cells_of_its_own(name):
    from ccta_lib.study.size import load_size

    for size in ("study", "smoke"):
        listed = study_module(name).cells(load_size(size))
        assert {c.study for c in listed} == {name}
        assert len({c.label for c in listed}) == len(listed) > 0


SCRIPT = """
import sys
sys.path.insert(0, {here!r})
from pathlib import Path
from ccta_lib.study import run
from ccta_lib.study.run import STUDIES, run_study
from ccta_lib.study.size import load_size
run.code_hash = lambda *parts: "fixed"  # somebody may edit while this runs
STUDIES["toy"] = "a_study"
run_study(Path(sys.argv[1]), load_size("smoke"), only=["toy"], workers=1)
"""


@pytest.mark.slow
def test_killed_in_any_cell_the_same_command_goes_on_to_the_same_bytes(tmp_path):
    def run(out, **environment):
        script = SCRIPT.format(here=str(Path(__file__).parent))
        return subprocess.run(
            [sys.executable, "-c", script, str(out)], env={**os.environ, **environment}, check=False
        )

    assert run(tmp_path / "untouched").returncode == 0
    for label in ALL:
        assert run(tmp_path / "killed", TOY_KILLED=label).returncode == -9
        assert not (tmp_path / "killed" / "toy.parquet").exists()
    assert run(tmp_path / "killed").returncode == 0
    assert a_study.made(tmp_path / "killed") == [label for label in ALL for _ in (0, 1)]
    assert tables(tmp_path / "killed") == tables(tmp_path / "untouched")
    assert not [p for p in tmp_path.rglob("*") if "partial" in p.name]
