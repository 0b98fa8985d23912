"""A recording kept in two formats is one recording; two recordings of one heart are two."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ccta_lib.cohort.exports.duplicates import ROUNDING_MICROVOLT, join_formats


@pytest.fixture
def store(tmp_path: Path):
    def write(signals: np.ndarray, patients: list[int], contents: list[int]) -> pd.DataFrame:
        np.save(tmp_path / "signals.npy", signals.astype(np.int16))
        rows = pd.DataFrame(
            {"row": range(1, len(patients) + 1), "patient": patients, "content": contents, "reason": ""}
        )
        return join_formats(rows, tmp_path)

    return write


def beats(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.cumsum(rng.normal(0, 10, (12, 5000)), axis=1).clip(-3000, 3000)


def test_rounding_alone_makes_no_second_recording(store) -> None:
    first = beats(0)
    steps_of_five = np.rint(first / 4.88) * 4.88
    derived = first.copy()
    derived[2] = steps_of_five[1] - steps_of_five[0] - (first[1] - first[0] - first[2])
    rows = store(np.stack([first, beats(1), steps_of_five, derived]), [7, 7, 7, 7], [11, 12, 13, 14])
    assert rows["content"].tolist() == [11, 12, 11, 11]


def test_one_sample_beyond_rounding_is_another_recording(store) -> None:
    other = beats(0)
    other[9, 4000] += ROUNDING_MICROVOLT + 2
    assert store(np.stack([beats(0), other]), [7, 7], [11, 12])["content"].tolist() == [11, 12]


def test_other_patients_are_not_compared_and_unusable_rows_left_alone(store, tmp_path: Path) -> None:
    same = np.stack([beats(0)] * 3)
    assert store(same, [7, 8, 0], [11, 12, 13])["content"].tolist() == [11, 12, 13]
    rows = pd.DataFrame({"row": [1, 2], "patient": [7, 7], "content": [0, 12], "reason": ["flat lead", ""]})
    assert join_formats(rows, tmp_path)["content"].tolist() == [0, 12]
