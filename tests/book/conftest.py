"""A run record to write pages from: the one that ships with the book."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from ccta_lib.book.locate import shipped_run
from ccta_lib.files import read_json


@pytest.fixture(scope="session")
def shipped_record() -> dict[str, Any]:
    return read_json(shipped_run() / "run.json")


@pytest.fixture
def run(shipped_record: dict[str, Any]) -> dict[str, Any]:
    """The shipped run's record, free to be changed."""
    return copy.deepcopy(shipped_record)
