"""What every test may ask for."""

from __future__ import annotations

import os
import random
import time
from datetime import date
from itertools import groupby
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
STARTED = time.monotonic()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the slow tests fit whatever machine they run on."""
    parser.addoption(
        "--minutes", type=float, help="start no further test after so many; files in another order each day"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Draw the order of files from the date, so that a slow machine does not leave out the same tests every day."""
    if config.getoption("minutes") is not None:
        files = [list(tests) for _, tests in groupby(items, key=lambda item: item.path)]
        random.Random(date.today().toordinal()).shuffle(files)
        items[:] = [item for tests in files for item in tests]


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip, counted and with its reason, what no time is left for."""
    minutes = item.config.getoption("minutes")
    if minutes is not None and time.monotonic() - STARTED > 60 * minutes:
        pytest.skip(f"no time left after {minutes:g} minutes (--minutes)")


@pytest.fixture(scope="session")
def reference_data() -> Path:
    """Folder with the reference data that is never committed; tests that need it skip without it."""
    folder = Path(os.environ.get("CCTA_REFERENCE_DATA", ROOT.parent / "shared"))
    if not folder.is_dir():
        pytest.skip(f"reference data not found at {folder}; set CCTA_REFERENCE_DATA to its folder")
    return folder
