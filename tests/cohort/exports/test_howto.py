"""The commands of the page "Bring your own data" do what it says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from ccta_lib.cohort import read_cohort
from ccta_lib.cohort.exports import INPUTS, load_columns
from ccta_lib.cohort.exports.build import BuildSettings

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "book" / "howto" / "own-data.md"


@pytest.mark.slow
def test_the_commands_run(tmp_path: Path) -> None:
    blocks = re.findall(r"^```bash\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert len(blocks) == 3
    (tmp_path / "bin").mkdir()
    door = tmp_path / "bin" / "ccta"
    door.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m ccta_lib "$@"\n')
    door.chmod(0o755)
    env = {**os.environ, "PATH": f"{door.parent}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    for block in blocks:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block], cwd=tmp_path, env=env, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
    table = read_cohort(tmp_path / "mine-cohort" / "cohort.parquet")
    assert len(table) == 1
    grades = table[["grade_rca", "grade_lm", "grade_lad", "grade_lcx"]].iloc[0].tolist()
    assert grades == ["normal", "normal", "severe", "mild"]
    assert "nothing found" in done.stdout
    assert read_cohort(tmp_path / "cohort" / "cohort.parquet")["data_kind"].eq("simulated").all()


def test_the_map_is_one() -> None:
    mapping = load_columns(PAGE.with_name("columns-zh.yaml"))
    assert mapping.table("reports").columns["report"] == "诊断意见"
    assert set(mapping.tables) == {"reports", "statements", "procedures", "followup"}


def test_every_column_is_named_on_the_page() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert not [c for table in INPUTS.values() for c in table if c not in text]
    assert BuildSettings().linkage.revascularised == "prior"


@pytest.mark.slow
def test_real_exports_of_each_kind(reference_data: Path, tmp_path: Path) -> None:
    """The folder of real files as a reader of the page would take it: a manifest for those that do not say."""
    from ccta_lib.cohort.exports import build_cohort

    source, ecgs = reference_data / "clinical_formats", tmp_path / "ecgs"
    if not source.is_dir():
        pytest.skip("no real exports here")
    ecgs.mkdir()
    for file in source.iterdir():
        if file.suffix != ".md":
            shutil.copy(file, ecgs)
    names = ["A0001.edf", "A0001.hea", "ge_muse_1.xml", "ge_muse_2.xml"]
    (ecgs / "manifest.csv").write_text("path,patient_id,ecg_time\n" + "".join(
        f"{name},{i},2024-01-0{i} 08:00\n" for i, name in enumerate(names, start=1)))  # fmt: skip
    text = "RCA: normal. LM: normal. LAD: 80% stenosis. LCX: normal."
    rows = [{"patient_id": i, "ccta_time": "2024-02-01", "report": text} for i in range(1, 5)]
    pd.DataFrame(rows).to_csv(tmp_path / "reports.csv", index=False)
    build_cohort(ecgs, tmp_path / "reports.csv", tmp_path / "out")
    account = pd.read_parquet(tmp_path / "out" / "account.parquet").query("input == 'ecgs'")
    reasons = account.set_index("row")["reason"]
    files = pd.read_csv(tmp_path / "out" / "private" / "files.csv").set_index("path")["row"]
    # One recording as EDF and as WFDB, under two patients here: found by its samples, or told apart by rounding.
    assert {reasons[files[n]] for n in names[2:]} == {""}
    assert {reasons[files[n]] for n in names[:2]} <= {"", "same samples under two patients"}
    others = {reasons[r] for f, r in files.items() if f not in names and not f.endswith(".mat")}
    assert others == {"no usable CCTA report of the patient"}
