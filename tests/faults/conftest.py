"""Inputs that the broken commands work on, each made once."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ccta_lib.pipeline import take_predictions
from ccta_lib.schema import VESSELS, write_table


@pytest.fixture(scope="session")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What two small virtual hospitals hand over."""
    pytest.importorskip("openpyxl")
    from ccta_lib.simulate.exports import simulate_exports

    return simulate_exports(tmp_path_factory.mktemp("exports") / "x", patients=20, seed=3)


@pytest.fixture(scope="session")
def predicted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run directory with predictions and nothing else."""
    rng, n, folder = np.random.default_rng(3), 160, tmp_path_factory.mktemp("predicted")
    table = pd.DataFrame(
        {"ecg_id": [f"e{i}" for i in range(n)], "patient_id": [f"p{i // 2}" for i in range(n)]}
    )
    for vessel in VESSELS:
        table[vessel.grade_column] = np.repeat(np.where(rng.random(n // 2) < 0.4, "severe", "mild"), 2)
        table[vessel.prob_column] = rng.uniform(size=n)
    write_table(table, folder / "given.csv")
    take_predictions(folder / "given.csv", folder / "run")
    return folder / "run"


@pytest.fixture
def run_dir(predicted: Path, tmp_path: Path) -> Path:
    """A copy of it, to be worked on."""
    return Path(shutil.copytree(predicted, tmp_path / "run"))


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small virtual cohort, to train on."""
    from ccta_lib.simulate import CohortSizes, simulate_cohort

    folder = tmp_path_factory.mktemp("drawn") / "cohort"
    simulate_cohort(folder, sizes=CohortSizes(30, 34, 60, 8, 4), seed=5)
    return folder
