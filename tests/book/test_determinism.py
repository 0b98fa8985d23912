"""Another time zone, locale, folder, hash seed and number of processes change no byte of a table.

Two whole books, and books of two versions of Python (the second without torch), are held together by hand:

    ccta book --predictions book/data/full/predictions.parquet --profile full --out A      (Python 3.11)
    ccta book --predictions book/data/full/predictions.parquet --profile full --out B      (Python 3.13, another venv)
    ccta compare --within 1e-9 A B
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ccta_lib.book.same_tables import table_differences
from ccta_lib.schema import VESSELS, write_table

pytestmark = pytest.mark.slow
SCRIPT = """
import sys
from pathlib import Path
from ccta_lib.book.runner import run_chapters
from ccta_lib.pipeline import take_predictions
from ccta_lib.simulate import CohortSizes, simulate_cohort

if __name__ == "__main__":
    out, given, workers = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    simulate_cohort(out.with_name("simulated"), sizes=CohortSizes(60, 66, 140, 70, 10), seed=5, workers=workers)
    take_predictions(given, out)
    run_chapters(["cohort", "severity"], out, {}, workers=workers)
"""
PLACES = [
    {"TZ": "UTC", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "0"},
    {"TZ": "Pacific/Kiritimati", "LC_ALL": "tr_TR.UTF-8", "PYTHONHASHSEED": "12345"},
]


def test_two_runs_in_different_places(tmp_path: Path) -> None:
    pytest.importorskip("papermill")
    rng, n = np.random.default_rng(3), 160
    table = pd.DataFrame(
        {
            "ecg_id": [f"e{i}" for i in range(n)],
            "patient_id": [f"p{i // 2}" for i in range(n)],
            "ecg_time": pd.date_range("2024-03-30 23:00", periods=n, freq="37min").strftime(
                "%Y-%m-%dT%H:%M:%S"
            ),
            "sex": rng.choice(["F", "M"], n),
            "diabetes": rng.random(n) < 0.3,
        }
    )
    for vessel in VESSELS:
        table[vessel.grade_column] = np.repeat(np.where(rng.random(n // 2) < 0.4, "severe", "mild"), 2)
        table[vessel.prob_column] = rng.uniform(size=n)
    write_table(table, tmp_path / "given.csv")
    (tmp_path / "run.py").write_text(SCRIPT)
    folders = [tmp_path / "first" / "a", tmp_path / "another place" / "with ü" / "b"]
    for workers, (folder, place) in enumerate(zip(folders, PLACES, strict=True), start=1):
        command = [
            sys.executable,
            str(tmp_path / "run.py"),
            str(folder),
            str(tmp_path / "given.csv"),
            str(workers),
        ]
        done = subprocess.run(
            command,
            env=os.environ | place | {"OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    count, faults = table_differences(*folders, within=0)
    assert count > 8
    assert faults == []
    for name in ("cohort.parquet", "truth.parquet", "ceiling.csv", "waveforms/signals.npy"):
        one, other = (f.with_name("simulated").joinpath(name).read_bytes() for f in folders)
        assert one == other, name
    for name in ("cohort", "severity"):
        one, other = ((f / "executed" / f"{name}.ipynb").read_bytes() for f in folders)
        assert one == other, name
