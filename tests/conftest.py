"""What every test may ask for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def reference_data() -> Path:
    """Folder with the reference data that is never committed; tests that need it skip without it."""
    folder = Path(os.environ.get("CCTA_REFERENCE_DATA", ROOT.parent / "shared"))
    if not folder.is_dir():
        pytest.skip(f"reference data not found at {folder}; set CCTA_REFERENCE_DATA to its folder")
    return folder
