"""The command line: exit codes, one clear line per fault, and no traceback for wrong input."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

import click
import numpy as np
import pandas as pd
import pytest

from ccta_lib import cli
from ccta_lib.profile import PROFILES, load_profile
from ccta_lib.schema import VESSELS, write_table


def ccta(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture, *words: str) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["ccta", *words])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    out, err = capsys.readouterr()
    return int(stop.value.code or 0), out, err


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture):
    return lambda *words: ccta(monkeypatch, capsys, *map(str, words))


@pytest.fixture
def cohort(tmp_path: Path) -> Path:
    rows = [{"ecg_id": f"e{i}", "patient_id": f"p{i // 2}", "waveform": "a", "grade_lad": g}
            for i, g in enumerate(["severe", "severe", "mild", "mild"])]  # fmt: skip
    write_table(pd.DataFrame(rows), tmp_path / "cohort.csv")
    return tmp_path / "cohort.csv"


def test_check_says_what_a_table_holds(call, cohort: Path) -> None:
    code, out, err = call("check", cohort)
    assert (code, err) == (0, "")
    lad = next(line.split() for line in out.splitlines() if " LAD " in line)
    assert lad[:7] == [
        "internal",
        "LAD",
        "4",
        "2",
        "2",
        "4",
        "2",
    ]  # ECGs, exams, patients, labelled, positive


@pytest.mark.parametrize(
    ("number", "says"),
    [
        (
            errno.ENOSPC,
            "/results: No space left on device; free some, and the same command goes on where it stopped",
        ),
        (errno.EACCES, "/results: Permission denied; choose a folder you may write to"),
        (errno.EROFS, "/results: Read-only file system; choose a folder you may write to"),
        (errno.EIO, "/results: Input/output error; look at this place"),
        (None, "disk says no; look at this place"),
    ],
)
def test_what_a_file_system_refuses_is_one_line_and_names_no_file(
    call, monkeypatch: pytest.MonkeyPatch, number: int | None, says: str
) -> None:
    def refuse(*_: object) -> None:
        path = "/results/Wang Wei.xml"
        raise OSError("disk says no") if number is None else OSError(number, os.strerror(number), path)

    monkeypatch.setattr("ccta_lib.cohort.check.describe", refuse)
    code, out, err = call("check", "table.csv")
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert err.startswith(says)
    assert "Wang" not in err


def test_check_lists_twenty_faults_and_counts_the_rest(call, tmp_path: Path) -> None:
    rows = [{"ecg_id": f"e{i}", "patient_id": "p", "waveform": "a", "age": "old"} for i in range(30)]
    write_table(pd.DataFrame(rows), tmp_path / "bad.csv")
    code, out, err = call("check", tmp_path / "bad.csv")
    lines = err.splitlines()
    assert (code, out) == (2, "")
    assert len(lines) == 21
    assert lines[0].endswith("column age: found 'old'; expected a number")
    assert lines[-1] == "and 10 more (30 in all)"


def test_a_prediction_table_is_known_as_one(call, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    probabilities = [{v.prob_column: rng.random() for v in VESSELS} for _ in range(5)]
    rows = [
        {"ecg_id": f"e{i}", "patient_id": f"p{i}", "grade_lad": "mild", **p}
        for i, p in enumerate(probabilities)
    ]
    write_table(pd.DataFrame(rows), tmp_path / "p.csv")
    code, out, _ = call("check", tmp_path / "p.csv")
    assert code == 0
    assert "prob_low" in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["check", "none.csv"], "no such file"),
        (["run", "cohrt"], "no chapter 'cohrt'; there are exports, cohort"),
        (["run", "cohort", "--run", "nowhere"], "holds no predictions.parquet"),
        (["book", "--profile", "huge"], "Invalid value for '--profile'"),
        (["book", "--cohort", "a.csv", "--predictions", "b.csv"], "give one of them"),
        (["train", "--seed", "-1"], "Invalid value for '--seed'"),
    ],
)
def test_wrong_input_is_exit_code_2_and_no_traceback(
    call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, err = call(*words)
    assert code == 2
    assert message in err
    assert "Traceback" not in err


def verbs(group: click.Group, *before: str) -> list[tuple[str, ...]]:
    found = []
    for name, command in group.commands.items():
        found += verbs(command, *before, name) if isinstance(command, click.Group) else [(*before, name)]
    return found


@pytest.mark.parametrize("words", verbs(cli.cli))
def test_every_verb_has_help_with_an_example(call, words: tuple[str, ...]) -> None:
    code, out, _ = call(*words, "--help")
    assert code == 0
    assert f"ccta {' '.join(words)}" in out.split("Example")[1]


def test_a_chapter_lists_its_own_parameters(call) -> None:
    pytest.importorskip("jupytext")
    code, out, _ = call("run", "discrimination", "--help")
    assert code == 0
    assert "n_boot: Count = 1000" in out
    assert "resamples of patients" in out


def test_a_wrong_parameter_is_refused_before_a_kernel_starts(call, tmp_path: Path) -> None:
    pytest.importorskip("papermill")
    row = {"ecg_id": "e1", "patient_id": "p1", **{v.prob_column: 0.5 for v in VESSELS}}
    write_table(pd.DataFrame([row]), tmp_path / "predictions.parquet")
    code, _, err = call(
        "run", "discrimination", "-p", "n_boot", "many", "-p", "colour", "red", "--run", tmp_path
    )
    assert code == 2
    assert "parameter n_boot of chapter discrimination: found 'many'" in err
    assert "no parameter colour" in err


@pytest.mark.parametrize("name", PROFILES)
def test_profiles_are_valid_down_to_each_chapter(name: str) -> None:
    pytest.importorskip("jupytext")
    from ccta_lib.book.parameters import check_parameters
    from ccta_lib.book.runner import chapter_names, read_chapter
    from ccta_lib.training.settings import TrainingSettings

    profile = load_profile(name)
    TrainingSettings.from_dict(profile.training, source=name)
    assert set(profile.chapters) <= set(chapter_names())
    for chapter, given in profile.chapters.items():
        check_parameters(chapter, read_chapter(chapter).parameters, given)
