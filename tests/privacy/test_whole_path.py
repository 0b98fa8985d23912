"""A name, an identifier and a birth date stand in every input of the whole way, and in no byte of what it leaves.

From two hospitals' exports over cohort, training and prediction to chapters and pages, with all that was printed.
The default runs three chapters; CCTA_EVERYTHING=1 runs them all.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from ccta_lib.book.render import render
from ccta_lib.book.runner import chapter_names, run_chapters
from ccta_lib.cli import cli
from ccta_lib.cohort.privacy import scan_build
from ccta_lib.cohort.privacy.scan import NOT_SEARCHED
from ccta_lib.pipeline import prepare_cohort, train_and_predict
from ccta_lib.profile import load_profile
from tests.privacy.bytewise import found

pytestmark = pytest.mark.slow
NAME, IDENTIFIER, BIRTH = "Ottokarina Plantquist", "PLQX-778812", "1947-02-28"
SAID = f"Patient {NAME} ({IDENTIFIER}), born {BIRTH}."
TABLES = ("reports", "statements", "procedures", "followup", "identifiers")
TEXTS = {"reports": ("report", "history"), "statements": ("statement",), "procedures": ("procedure",)}


def plant(hospital: Path) -> None:
    """Write the planted person into every table, text and map of an English hospital, and into a file's name."""
    for name in TABLES:
        path = hospital / f"{name}.csv"
        if not path.is_file():
            continue
        table = pd.read_csv(path, dtype=str, keep_default_na=False).assign(remark=SAID)
        for column in TEXTS.get(name, ()):
            table[column] = table[column].where(table[column] == "", table[column] + f" {SAID}")
        more = {"patient_id": IDENTIFIER, "name": NAME, "birth_date": BIRTH, "remark": SAID}
        more |= {"same_as": table["patient_id"].iloc[0]} if name == "identifiers" else {}
        table.loc[len(table)] = [more.get(c, "") for c in table]
        table.to_csv(path, index=False)
    with open(hospital / "columns.yaml", "a", encoding="utf-8") as stream:
        stream.write(f"# {SAID}\n")
    one = sorted((hospital / "ecgs").rglob("*.xml"))[0]
    one.rename(one.with_name(f"{NAME} {BIRTH} {IDENTIFIER}.xml"))


WORDS = (NAME, "Plantquist", IDENTIFIER, "PLANTED-E", "Plantedname", "Planted Lane", "XUGOU", "虚构姓名", "虚构路",
         "000-7770-", "PLANTEDREC")  # fmt: skip
"""The planted person, and what begins every name, identifier, address and telephone number the simulator plants."""


@pytest.fixture(scope="module")
def numbers(exports: Path) -> set[str]:
    """Identifiers of digits alone and birth dates."""
    from ccta_lib.simulate.exports import planted_identifiers

    return {w for w in planted_identifiers(exports) if w.replace("-", "").isdecimal()} | {BIRTH}


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("openpyxl")
    from ccta_lib.simulate.exports import simulate_exports

    folder = simulate_exports(tmp_path_factory.mktemp("exports") / "x", patients=40, seed=11)
    plant(folder / "hospital_en")
    return folder


@pytest.fixture(scope="module")
def built(exports: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both hospitals' cohorts, without their private folders, and what the command said."""
    place = tmp_path_factory.mktemp("built")
    for language in ("en", "zh"):
        hospital = exports / f"hospital_{language}"
        given = [f"--{n}={f}" for n in TABLES for f in hospital.glob(f"{n}.*")]
        done = CliRunner().invoke(
            cli,
            ["cohort", "build", f"--ecgs={hospital / 'ecgs'}", *given, f"--columns={hospital / 'columns.yaml'}",
             f"--key-file={place.parent / 'the.key'}", "--no-private", f"--out={place / language}"],
        )  # fmt: skip
        assert done.exit_code == 0, done.exception
        (place / f"{language}.log").write_text(done.output, encoding="utf-8")
    return place


def test_the_search_finds_what_is_there(exports: Path, numbers: set[str], tmp_path: Path) -> None:
    hits = found(exports / "hospital_en", WORDS, numbers)
    assert {h.split(": ")[0] for h in hits} >= {f"{n}.csv" for n in TABLES} - {"identifiers.csv"}
    for form in (".xml", ".dcm", ".edf", ".hea"):  # what the simulator writes into headers is seen
        assert any(form in h.split(": ")[0] for h in hits), form
    pd.DataFrame({"x": [NAME]}).to_parquet(tmp_path / "a.parquet")
    shutil.make_archive(str(tmp_path / "b"), "zip", exports / "hospital_en", "reports.csv")
    (tmp_path / "c.bin").write_bytes(NAME.encode("utf-16-le"))
    assert {h.split(": ")[0] for h in found(tmp_path, WORDS)} == {"a.parquet", "b.zip", "c.bin"}


def test_a_build_names_nobody(built: Path, numbers: set[str]) -> None:
    assert found(built, WORDS, numbers) == []


def test_a_run_names_nobody(built: Path, numbers: set[str], tmp_path: Path) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("papermill")
    cohort = pd.read_parquet(built / "en" / "cohort.parquet")
    # A table somebody completed by hand: further columns hold whatever they hold.
    more = cohort.assign(patient_name=NAME, birth_date=BIRTH, remark=SAID, mrn=IDENTIFIER)
    table = built / "en" / "by_hand.parquet"
    more.to_parquet(table)
    profile = load_profile("smoke")
    profile = profile.model_copy(update={"training": {**profile.training, "n_folds": 2}})
    run = tmp_path / "run"
    prepare_cohort(profile, run, cohort=table)
    train_and_predict(profile, table, run)
    every = os.environ.get("CCTA_EVERYTHING") == "1"
    names = chapter_names() if every else ["cohort", "training", "discrimination"]
    run_chapters(names, run, profile.chapter_parameters(names))
    render(run)
    shown = [p for p in run.rglob("*") if p.suffix in (".html", ".ipynb") and p.is_file()]
    assert len(shown) > 20
    assert list(run.rglob("events.out.tfevents*"))
    assert found(run, WORDS, numbers) == []
    alarms = [f for f in scan_build(run) if f.kind != NOT_SEARCHED and "e-mail" not in f.kind]
    assert alarms == []
    # Pseudonyms are for the tables: what is shown is of groups.
    ids = cohort["patient_id"].unique().tolist()
    for folder in ("html", "executed", "figures", "tables"):
        assert found(run / folder, ids) == []
