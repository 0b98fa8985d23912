"""Broken at every named moment, a command run again leaves the bytes that an undisturbed one leaves.

The stages here are broken in turn at all their moments, each restart going on from the last break. The default of
`make test-slow` is one kind of break a stage; CCTA_EVERYTHING=1 breaks every stage in every way.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.faults.harness import (
    FULL,
    Stage,
    assert_nothing_half,
    assert_one_line,
    left,
    opened,
    renamed,
    run,
)

pytestmark = pytest.mark.slow
TRAIN = Path(__file__).parents[1] / "training" / "a_run.py"
CHAPTER = Path(__file__).with_name("run_a_chapter.py")
JOURNAL = r"/journal\.partial\.jsonl$"

SIMULATE = Stage(
    "simulate",
    lambda out: ["simulate", "--profile", "smoke", "--out", str(out)],
    (opened(JOURNAL, 2), opened(JOURNAL, 3), renamed("/index.parquet$"), renamed("/store.json$"),
     renamed("/ceiling.csv$"), renamed("/cohort.parquet$"), renamed("/simulation.json$")),
)  # fmt: skip
EXPORTS = Stage(
    "exports",
    lambda out: ["simulate", "--exports", "12", "--out", str(out)],
    (renamed(r"/ecgs/.*\.(xml|dcm|hea)$", 3), renamed("/reports.xlsx$"), renamed("/truth/reports.parquet$"),
     renamed("/exports.json$", 2)),
)  # fmt: skip
PRETRAIN = Stage(
    "pretrain",
    lambda out: ["pretrain", "--n", "400", "--epochs", "1", "--out", str(out)],
    (renamed("/pretraining-findings-.*-x.npy$"), renamed("/pretraining-findings-.*-y.npy$"),
     renamed(r"/pretraining-\w+.pt$"), renamed("/nano.safetensors$"), renamed("/nano.md$")),
)  # fmt: skip
# Eight cells, each longer than it takes a worker to see that it is alone: every break leaves some of them to do.
STUDY = Stage(
    "study",
    lambda out: ["study", "--size", "smoke", "--only", "learning-curves", "--out", str(out)],
    (renamed("/learning_curves.parquet$"), renamed("/cell.json$"), renamed("/cells/learning-curves/[0-9a-f]+$"),
     renamed("/study.json$")),
)  # fmt: skip
TRAINING = (
    renamed("/prepared-.*npy$"), renamed("/plan.json$"), renamed("/checkpoint.pt$", 5),
    renamed("/nested.safetensors$", 2), renamed("/fold1/record.json$"), renamed("/training.parquet$"),
    renamed("/training.json$"), renamed("predicting-.*-done.npy$"), renamed("/predictions_by_fold.parquet$"),
    renamed("/predictions.parquet$"),
)  # fmt: skip
BUILD = (
    renamed(r"/reports-\w+/000000.parquet$"), renamed(r"/statements-\w+/000000.json$"), opened(JOURNAL, 2),
    renamed(r"/ecgs-\w+/000000.parquet$"), renamed("/index.parquet$"), renamed("/store.json$"),
    renamed("/cohort.parquet$"), renamed("/account.parquet$"), renamed("out/run.json$"),
)  # fmt: skip
CHAPTERS = (
    renamed("/tables/severity/.*csv$", 2), renamed("/figures/severity/.*pdf$"),
    renamed("/executed/severity.ipynb$"), renamed("/run.json$"),
)  # fmt: skip
PAGES = (opened("/html/chapters/severity.html$"), renamed("/run.json$", 2))
EVERYTHING = os.environ.get("CCTA_EVERYTHING") == "1"


def kinds(*usual: str) -> list[str]:
    """Return the kinds of break to try: the usual ones, or all."""
    return ["kill", "kill main", "power cut", "full", "forbidden"] if EVERYTHING else list(usual)


def survive(stage: Stage, do: str, out: Path, whole: dict[str, str]) -> None:
    """Break a stage at each of its moments in turn, finish it, and compare."""
    for moment in stage.moments:
        done = run(stage.words(out), out, moment=moment, do=do)
        if do in ("full", "forbidden"):
            assert_one_line(done, FULL if do == "full" else "Permission denied")
        else:
            assert done.returncode == -9, (str(moment), done.returncode, done.stderr)
            if do != "power cut":
                assert_nothing_half(out)
    done = run(stage.words(out), out)
    assert done.returncode == 0, done.stderr
    assert_nothing_half(out)
    assert left(out) == whole


def undisturbed(stage: Stage, out: Path) -> dict[str, str]:
    done = run(stage.words(out), out)
    assert done.returncode == 0, done.stderr
    return left(out)


@pytest.mark.parametrize(
    ("stage", "do"),
    [
        *((SIMULATE, do) for do in kinds("power cut")),
        *((EXPORTS, do) for do in kinds("power cut")),
        *((PRETRAIN, do) for do in kinds("full")),
        *((STUDY, do) for do in kinds("kill main")),
    ],
    ids=str,
)
def test_a_command_that_makes_a_folder(stage: Stage, do: str, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    survive(stage, do, tmp_path / "out", undisturbed(stage, tmp_path / "whole"))


@pytest.mark.parametrize("do", kinds("power cut"))
def test_a_build_from_exports(do: str, exports: Path, tmp_path: Path) -> None:
    hospital, key = exports / "hospital_en", tmp_path / "the.key"
    words = ["cohort", "build", "--ecgs", str(hospital / "ecgs"), "--columns", str(hospital / "columns.yaml"),
             "--key-file", str(key)]  # fmt: skip
    for name in ("reports", "statements", "followup"):  # so few patients have no procedure
        words += [f"--{name}", str(hospital / f"{name}.csv")]
    stage = Stage("build", lambda out: [*words, "--out", str(out)], BUILD)
    survive(stage, do, tmp_path / "out", undisturbed(stage, tmp_path / "whole"))


@pytest.mark.parametrize("do", kinds("power cut"))
def test_training_and_prediction(do: str, drawn: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    words = [str(TRAIN), str(drawn / "cohort.parquet"), str(drawn / "waveforms")]
    stage = Stage("train", lambda out: [*words, str(out), "none"], TRAINING)
    if do in ("full", "forbidden"):
        pytest.skip("a script, which prints tracebacks; its command is broken in test_storage.py")
    survive(stage, do, tmp_path / "out", undisturbed(stage, tmp_path / "whole"))


@pytest.mark.parametrize("do", kinds("kill main"))
def test_a_chapter(do: str, predicted: Path, tmp_path: Path) -> None:
    pytest.importorskip("papermill")
    for name in ("whole", "out"):
        shutil.copytree(predicted, tmp_path / name)
    stage = Stage("chapter", lambda out: [str(CHAPTER), "chapter-alone", "severity", str(out)], CHAPTERS)
    survive(stage, do, tmp_path / "out", undisturbed(stage, tmp_path / "whole"))


def test_the_pages(predicted: Path, tmp_path: Path) -> None:
    """A half-built book is no book: pages killed at any moment are made anew and come out the same."""
    pytest.importorskip("sphinx")
    done = run([str(CHAPTER), "chapter-alone", "severity", str(predicted)], predicted)
    assert done.returncode == 0, done.stderr
    for name in ("whole", "out"):
        shutil.copytree(predicted, tmp_path / name)
    stage = Stage("pages", lambda out: [str(CHAPTER), "pages-alone", str(out)], PAGES)
    survive(stage, "kill", tmp_path / "out", undisturbed(stage, tmp_path / "whole"))
    pages = [left(tmp_path / name / "html", unequal=()) for name in ("out", "whole")]
    assert len(pages[0]) > 100
    assert {n for n in pages[0].keys() | pages[1].keys() if pages[0].get(n) != pages[1].get(n)} == set()
