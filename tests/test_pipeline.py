"""The whole way, from nothing to pages, as a user goes it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ccta_lib.errors import InputError
from ccta_lib.pipeline import make_book, prepare_cohort, take_predictions
from ccta_lib.profile import load_profile
from ccta_lib.schema import VESSELS, read_cohort, read_predictions, write_table

SIZES = {"internal_patients": 30, "internal_exams": 34, "internal_ecgs": 60, "external": 20, "followup": 12}


def ccta(*words: str, cwd: Path) -> subprocess.CompletedProcess:
    command = [sys.executable, "-c", "from ccta_lib.cli import main; main()", *words]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def small_profile(seed: int = 5):
    profile = load_profile("smoke")
    return profile.model_copy(
        update={"simulation": profile.simulation.model_copy(update=SIZES), "seed": seed}
    )


def test_the_cohort_stage_is_kept_and_its_flow_adds_up(tmp_path: Path) -> None:
    table = prepare_cohort(small_profile(), tmp_path, cohort=None, workers=1)
    first = (tmp_path / "run.json").read_bytes()
    flow = pd.read_csv(tmp_path / "flow.csv")
    assert flow.groupby("cohort")["n_ecgs"].first().to_dict() == {
        "internal": 60,
        "external": 20,
        "followup": 12,
    }
    for _, part in flow.groupby("cohort"):
        assert (part["n_ecgs"] + part["excluded"]).iloc[1:].tolist() == part["n_ecgs"].iloc[:-1].tolist()
    assert prepare_cohort(small_profile(), tmp_path, cohort=None, workers=1) == table
    stages = json.loads(first)["stages"]
    assert json.loads((tmp_path / "run.json").read_text())["stages"] == stages


def test_a_simulated_cohort_given_as_a_table_is_read_in_place(tmp_path: Path) -> None:
    table = prepare_cohort(small_profile(), tmp_path / "a", cohort=None, workers=1)
    prepare_cohort(small_profile(), tmp_path / "b", cohort=table, workers=1)
    from ccta_lib.cohort import WaveformStore

    ids = read_cohort(table)["ecg_id"].tolist()
    here, there = (WaveformStore.open(tmp_path / n / "cohort" / "waveforms").signals(ids[:3]) for n in "ab")
    np.testing.assert_array_equal(here, there)
    assert (tmp_path / "b" / "truth.parquet").is_file()


def test_predictions_bring_their_side_tables(tmp_path: Path) -> None:
    rows = [
        {"ecg_id": f"e{i}", "patient_id": f"p{i}", **{v.prob_column: 0.1 * i for v in VESSELS}}
        for i in range(4)
    ]
    write_table(pd.DataFrame(rows), tmp_path / "mine" / "predictions.parquet")
    write_table(pd.DataFrame({"step": ["a"], "n": [4]}), tmp_path / "mine" / "flow.csv")
    take_predictions(tmp_path / "mine" / "predictions.parquet", tmp_path / "run")
    assert len(read_predictions(tmp_path / "run" / "predictions.parquet")) == 4
    assert pd.read_csv(tmp_path / "run" / "flow.csv")["n"].tolist() == [4]
    assert json.loads((tmp_path / "run" / "run.json").read_text())["data_kind"] == "user"


def test_a_run_carries_on_nothing_that_may_name_people(tmp_path: Path) -> None:
    rows = [{"ecg_id": "e1", "patient_id": "p1", "waveform": "Wang Wei.xml", "name": "Wang Wei", "born": "1961-03-07",
             "age": 60, **{v.prob_column: 0.1 for v in VESSELS}}]  # fmt: skip
    write_table(pd.DataFrame(rows), tmp_path / "given.csv")
    take_predictions(tmp_path / "given.csv", tmp_path / "run")
    kept = pd.read_parquet(tmp_path / "run" / "predictions.parquet")
    assert {"ecg_id", "patient_id", "age", "prob_lm"} <= set(kept)
    assert not {"waveform", "name", "born"} & set(kept)


def test_two_tables_are_one_too_many(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="give one of them"):
        make_book(small_profile(), tmp_path, cohort=tmp_path / "a", predictions=tmp_path / "b")


@pytest.mark.slow
def test_book_from_nothing_then_again_reruns_nothing_then_one_chapter(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("papermill")
    done = ccta("book", "--profile", "smoke", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Simulated patients." in done.stdout
    run = tmp_path / "build" / "smoke"
    assert done.stdout.splitlines()[-1] == "Open build/smoke/html/index.html"

    pages = sorted((run / "html").rglob("*.html"))
    assert len(pages) >= 6
    for page in pages:
        text = page.read_text(encoding="utf-8")
        loaded = re.findall(r'<(?:script|img|iframe|source)[^>]+src="([^"]+)"|<link[^>]+href="([^"]+)"', text)
        remote = [a or b for a, b in loaded if re.match(r"(https?:)?//", a or b)]
        assert not remote, f"{page.name} loads {remote}"
        if "chapters" in page.parts:
            assert "Simulated patients." in text
            assert "Traceback" not in text

    watched = [
        *(run / "executed").iterdir(),
        run / "predictions.parquet",
        run / "html" / "index.html",
        run / "run.json",
    ]
    before = {p: p.stat().st_mtime_ns for p in watched if p.name != "run.json"}
    stages = json.loads((run / "run.json").read_text())["stages"]
    again = ccta("book", "--profile", "smoke", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert {p: p.stat().st_mtime_ns for p in before} == before
    assert json.loads((run / "run.json").read_text())["stages"] == stages

    one = ccta("run", "discrimination", "-p", "n_boot", "50", "-p", "vessels", '["LAD"]', cwd=tmp_path)
    assert one.returncode == 0, one.stderr
    aucs = pd.read_csv(run / "tables" / "discrimination" / "auc.csv")
    assert set(aucs["vessel"]) == {"LAD"}
    assert set(aucs["data_kind"]) == {"simulated"}


@pytest.mark.slow
def test_same_seed_same_predictions(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    tables = []
    for name in "ab":
        done = ccta("train", "--profile", "smoke", "--seed", "3", "--out", name, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        tables.append((tmp_path / name / "predictions.parquet").read_bytes())
    assert tables[0] == tables[1]


@pytest.mark.slow
def test_predictions_alone_make_a_book(tmp_path: Path) -> None:
    pytest.importorskip("papermill")
    rng = np.random.default_rng(0)
    grades = rng.choice(["normal", "mild", "severe"], size=(80, 4))
    rows = [
        {"ecg_id": f"e{i}", "patient_id": f"p{i // 2}", "exam_id": f"x{i // 2}"}
        | {v.grade_column: grades[i // 2, k] for k, v in enumerate(VESSELS)}
        | {v.prob_column: float(rng.random()) for v in VESSELS}
        for i in range(80)
    ]
    write_table(pd.DataFrame(rows), tmp_path / "p.csv")
    done = ccta("book", "--predictions", "p.csv", "--out", "mine", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "A user's own cohort." in done.stdout
    assert "This chapter needs" in (tmp_path / "mine" / "html" / "chapters" / "training.html").read_text()


@pytest.mark.slow
def test_real_ecgs_run_through_the_same_chapters(tmp_path: Path, reference_data: Path) -> None:
    pytest.importorskip("torch")
    manifest = reference_data / "realecg" / "manifest.csv"
    done = ccta("book", "--profile", "smoke", "--cohort", str(manifest), "--out", "real", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Real ECGs, proxy labels." in done.stdout
    notes = pd.read_parquet(tmp_path / "real" / "recordings.parquet")
    out = sorted(notes.loc[notes["reason"] != "", "ecg_id"].str.extract(r"(JS\d+)")[0])
    assert out == ["JS11438", "JS20004", "JS20008", "JS45542", "JS45544", "JS45551"]
    aucs = pd.read_csv(tmp_path / "real" / "tables" / "discrimination" / "auc.csv").set_index(
        ["subgroup", "vessel"]
    )
    assert np.isnan(aucs.loc[("all", "LM"), "estimate"])
    assert aucs.loc[("all", "LM"), "note"]
    assert set(aucs["data_kind"]) == {"real_proxy"}


@pytest.mark.slow
def test_a_sweep_makes_a_page_per_setting_and_one_that_compares(tmp_path: Path) -> None:
    pytest.importorskip("sphinx")
    rng = np.random.default_rng(3)
    n = 160
    table = pd.DataFrame(
        {"ecg_id": [f"e{i}" for i in range(n)], "patient_id": [f"p{i // 2}" for i in range(n)]}
    )
    for vessel in VESSELS:
        table[vessel.grade_column] = np.repeat(np.where(rng.random(n // 2) < 0.4, "severe", "mild"), 2)
        table[vessel.prob_column] = rng.uniform(size=n)
    write_table(table, tmp_path / "given" / "predictions.csv")
    take_predictions(tmp_path / "given" / "predictions.csv", tmp_path / "run")
    done = ccta("run", "discrimination", "--run", "run", "--sweep", "n_boot", "20", "30", "-p", "units", '["ecg"]',
                cwd=tmp_path)  # fmt: skip
    assert done.returncode == 0, done.stderr
    pages = tmp_path / "run" / "html" / "chapters"
    text = (pages / "discrimination--sweep.html").read_text()
    assert "n_boot = 20" in text
    assert "n_boot = 30" in text
    for name in ("discrimination--n_boot-20", "discrimination--n_boot-30"):
        assert (pages / f"{name}.html").is_file()
        assert (tmp_path / "run" / "tables" / name / "levels.csv").is_file()
    again = ccta("run", "discrimination", "--run", "run", "--sweep", "level", "0.9", "0.8", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert not (tmp_path / "run" / "tables" / "discrimination--n_boot-20").exists()
    wrong = ccta("run", "discrimination", "--run", "run", "--sweep", "n_boot", "20", "many", cwd=tmp_path)
    assert wrong.returncode == 2
    assert "n_boot" in wrong.stderr
    assert "many" in wrong.stderr
