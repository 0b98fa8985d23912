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


DIFFERENCES: dict[str, float] = {}


def compare(case: str, got: Any, expected: Any, *, tolerance: float = 1e-8) -> None:
    """Assert that numbers agree (NaN with NaN) and remember the largest difference of the case."""
    g, e = np.asarray(got, dtype=float), np.asarray(expected, dtype=float)
    assert g.shape == e.shape, case
    np.testing.assert_allclose(g, e, rtol=0, atol=tolerance, equal_nan=True, err_msg=case)
    finite = np.isfinite(g) & np.isfinite(e)
    largest = float(np.abs(g - e)[finite].max()) if finite.any() else 0.0
    DIFFERENCES[case] = max(DIFFERENCES.get(case, 0.0), largest)


@pytest.fixture(scope="session", name="compare")
def _compare() -> Any:
    return compare


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    if DIFFERENCES and config.option.verbose > 0:
        terminalreporter.section("largest difference from each oracle")
        for case, difference in sorted(DIFFERENCES.items()):
            terminalreporter.write_line(f"{case:45} {difference:.1e}")
