"""A waveform store of which a file was damaged or exchanged is refused, and never read as other voltages."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ccta_lib.cohort import WaveformStore
from ccta_lib.cohort.store import StoreWriter
from ccta_lib.errors import InputError


@pytest.fixture
def store(tmp_path: Path) -> Path:
    writer = StoreWriter(tmp_path / "s", ["a", "b", "c"], key="k")
    writer.write([0, 1], np.random.default_rng(0).normal(0, 0.3, (2, 12, 5000)).astype(np.float32))
    writer.exclude(2, "flat lead")
    writer.finish()
    return tmp_path / "s"


def refused(folder: Path) -> None:
    with pytest.raises(
        InputError, match=r"build the store again|check the file|cut off or changed"
    ) as caught:
        WaveformStore.open(folder).signals(["a"])
    assert len(caught.value.faults) == 1


@pytest.mark.parametrize("kind", [">i2", "<u2", "<i4", "<f2"])
def test_samples_of_another_type_are_refused(store: Path, kind: str) -> None:
    stored = np.load(store / "signals.npy")
    np.save(store / "signals.npy", stored.view(kind) if np.dtype(kind).itemsize == 2 else stored.astype(kind))
    refused(store)


@pytest.mark.parametrize("shape", [(2, 12, 5000), (4, 12, 5000), (3, 5000, 12), (36, 5000), (3, 12, 2500)])
def test_samples_of_another_shape_are_refused(store: Path, shape: tuple[int, ...]) -> None:
    np.save(store / "signals.npy", np.zeros(shape, dtype="<i2"))
    refused(store)


@pytest.mark.parametrize("change", [{"row": [1, 1, None]}, {"row": [0, 7, None]}, {"row": [-1, 1, None]},
                                    {"ecg_id": ["a", "a", "c"]}, {"row": ["0", "1", None]},
                                    {"ecg_id": [1, 2, 3]}])  # fmt: skip
def test_an_index_that_cannot_be_is_refused(store: Path, change: dict) -> None:
    table = pd.read_parquet(store / "index.parquet")
    for column, values in change.items():
        table[column] = pd.array(values, dtype="Int64") if isinstance(values[0], int) else values
    table.to_parquet(store / "index.parquet", index=False)
    refused(store)


@pytest.mark.parametrize("change", [{"shape": None}, {"shape": [3, 12]}, {"shape": ["3", 12, 5000]}, {"key": 1},
                                    {"shape": [10**12, 12, 5000]}])  # fmt: skip
def test_a_description_that_cannot_be_is_refused(store: Path, change: dict) -> None:
    meta = json.loads((store / "store.json").read_text())
    (store / "store.json").write_text(json.dumps(meta | change))
    refused(store)
