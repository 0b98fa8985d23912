"""Reference cases computed with R; the folder is never committed, tests that need it skip without it."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

SPECIAL = {"NA": math.nan, "NaN": math.nan, "Inf": math.inf, "-Inf": -math.inf}


def _numbers(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _numbers(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_numbers(v) for v in value]
    return SPECIAL.get(value, value) if isinstance(value, str) else value


class Reference:
    """Numbers (`values`) and their input tables (`data`)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def values(self, case: str) -> Any:
        return _numbers(json.loads((self.folder / f"{case}.json").read_text())["values"])

    def data(self, name: str) -> pd.DataFrame:
        # One unit in the last place flips a tie at a threshold, so every float must be read exactly.
        return pd.read_csv(self.folder / "data" / name, float_precision="round_trip")

    def draws(self, name: str) -> np.ndarray:
        return pd.read_csv(self.folder / "data" / name, header=None).to_numpy()


@pytest.fixture(scope="session")
def reference(reference_data: Path) -> Reference:
    folder = reference_data / "groundtruth"
    if not folder.is_dir():
        pytest.skip(f"no reference cases in {folder}")
    return Reference(folder)
