"""Runs to work on: the record of the one that ships with the book, and the smallest one that is a run."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from ccta_lib.book.locate import shipped_run
from ccta_lib.files import read_json
from ccta_lib.schema import VESSELS, write_table


@pytest.fixture(scope="session")
def shipped_record() -> dict[str, Any]:
    return read_json(shipped_run() / "run.json")


@pytest.fixture
def run(shipped_record: dict[str, Any]) -> dict[str, Any]:
    """The shipped run's record, free to be changed."""
    return copy.deepcopy(shipped_record)


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    """A folder with a prediction table of one ECG."""
    row = {
        "ecg_id": "e1",
        "patient_id": "p1",
        "data_kind": "simulated",
        **{v.prob_column: 0.5 for v in VESSELS},
    }
    write_table(pd.DataFrame([row]), tmp_path / "run" / "predictions.parquet")
    return tmp_path / "run"
