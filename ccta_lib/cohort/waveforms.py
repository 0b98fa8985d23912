"""The waveform store: every kept ECG in one form, read without loading it whole; a killed build resumes.

A store is a folder with three files.

``signals.npy``
    int16, shape (n, 12, 5000), 1 unit = 1 microvolt, 500 Hz, leads in the order of `ccta_lib.schema.LEADS`.
    n counts every ECG of the table; the rows of excluded ECGs are holes and cannot be read through the store.
``index.parquet``
    One row per ECG of the table, in its order: `ecg_id`, `row` (<NA> when excluded), `reason` (empty when
    kept), `flags`, `source`, `source_sha256`, `source_hz`.
``store.json``
    Format version, key (hash of what the store was made from), counts. It is written last: a folder without
    it is unfinished.
"""

from __future__ import annotations

import os
import tokenize
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ccta_lib.errors import InputError
from ccta_lib.files import read_json
from ccta_lib.schema import LEADS
from ccta_lib.table_files import read_parquet

FORMAT = 1
SAMPLING_HZ = 500
N_SAMPLES = 5000
SHAPE = (len(LEADS), N_SAMPLES)
ROW_BYTES = 2 * len(LEADS) * N_SAMPLES
UNITS_PER_MILLIVOLT = 1000.0
INDEX_DEFAULTS: dict[str, Any] = {"flags": "", "source": "", "source_sha256": "", "source_hz": None}

SIGNALS_FILE, INDEX_FILE, META_FILE = "signals.npy", "index.parquet", "store.json"
JOURNAL_FILE = "journal.partial.jsonl"


@dataclass(frozen=True)
class WaveformStore:
    """A finished store. Cheap to open, to pickle and to hand to worker processes: it holds no open file.

    Attributes
    ----------
    path : pathlib.Path
        The folder.
    key : str
        SHA-256 of what the store was made from.
    """

    path: Path
    key: str

    @classmethod
    def open(cls, folder: str | os.PathLike[str]) -> WaveformStore:
        """Open a finished store.

        Raises
        ------
        InputError
            If the folder holds no finished store, or one of another format.
        """
        path = Path(folder)
        if not (path / META_FILE).is_file():
            unfinished = (path / JOURNAL_FILE).is_file()
            state = "unfinished store, build it again to resume" if unfinished else "no waveform store"
            raise InputError(f"{path}: {state} ({META_FILE} is missing)")
        meta = read_json(path / META_FILE)
        if not isinstance(meta, dict) or meta.get("format") != FORMAT:
            stated = meta.get("format") if isinstance(meta, dict) else None
            found = f"store format {stated!r}, this version reads {FORMAT}"
            raise InputError(f"{path / META_FILE}: {found}; build the store again")
        shape = meta.get("shape")
        rows = shape[0] if isinstance(shape, list) and shape[1:] == list(SHAPE) else None
        if not isinstance(rows, int) or rows < 1 or not isinstance(meta.get("key"), str):
            raise InputError(f"{path / META_FILE}: is no description of a store; build the store again")
        lost = [name for name in (SIGNALS_FILE, INDEX_FILE) if not (path / name).is_file()]
        if lost:
            raise InputError(f"{path}: {' and '.join(lost)} is missing; build the store again")
        if (path / SIGNALS_FILE).stat().st_size <= rows * ROW_BYTES:
            raise InputError(f"{path / SIGNALS_FILE}: was cut off; build the store again")
        return cls(path=path, key=meta["key"])

    @cached_property
    def index(self) -> pd.DataFrame:
        """One row per ECG of the table, in its order (columns: see the module)."""
        path = self.path / INDEX_FILE
        table = read_parquet(path)
        absent = [c for c in ("ecg_id", "row", "reason", *INDEX_DEFAULTS) if c not in table]
        if absent or not (
            pd.api.types.is_integer_dtype(table["row"])
            and table["row"].dropna().is_unique
            and table["row"].dropna().between(0, len(table) - 1).all()
            and table["ecg_id"].is_unique
            and table["ecg_id"].map(lambda v: isinstance(v, str)).all()
        ):
            raise InputError(f"{path}: is no index of a store; build the store again")
        return table

    @cached_property
    def _row_of(self) -> dict[str, int]:
        kept = self.index[self.index["row"].notna()]
        return dict(zip(kept["ecg_id"], kept["row"].astype(int), strict=True))

    @cached_property
    def _kept_rows(self) -> np.ndarray:
        return np.fromiter(self._row_of.values(), dtype=np.int64, count=len(self._row_of))

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "key": self.key}

    def __len__(self) -> int:
        """Number of kept ECGs."""
        return len(self._row_of)

    def __contains__(self, ecg_id: object) -> bool:
        """Whether an ECG is kept."""
        return ecg_id in self._row_of

    def _stored(self) -> np.ndarray:
        path = self.path / SIGNALS_FILE
        try:
            stored = np.load(path, mmap_mode="r", allow_pickle=False)
        except (ValueError, OSError, EOFError, SyntaxError, TypeError, LookupError, OverflowError, MemoryError,
                tokenize.TokenError) as error:  # fmt: skip
            raise InputError(f"{path}: is no array of samples ({error}); build the store again") from error
        if stored.dtype != np.dtype("<i2") or stored.shape != (len(self.index), *SHAPE):
            raise InputError(
                f"{path}: holds {stored.dtype} of shape {stored.shape}, expected int16 of shape "
                f"{(len(self.index), *SHAPE)}; build the store again"
            )
        return stored

    def rows(self, ecg_ids: Iterable[str]) -> np.ndarray:
        """Row numbers of kept ECGs, int64, shape (k,).

        Raises
        ------
        InputError
            If an ECG is excluded or not in the store; one line each, with the reason.
        """
        wanted = [str(i) for i in ecg_ids]
        missing = [i for i in wanted if i not in self._row_of]
        if missing:
            reasons = self.index.set_index("ecg_id")["reason"]
            raise InputError(*(
                f"{self.path}: ECG {i!r} "
                + (f"is excluded ({reasons[i]})" if i in reasons.index else "is not in this store")
                for i in missing
            ))  # fmt: skip
        return np.array([self._row_of[i] for i in wanted], dtype=np.int64)

    def signals(self, which: Sequence[str] | Sequence[int] | np.ndarray | pd.Series) -> np.ndarray:
        """Read ECGs.

        Parameters
        ----------
        which : sequence of str or of int, length k
            ECG ids, or row numbers as in `index`. Any order, repetition allowed.

        Returns
        -------
        numpy.ndarray of float32, shape (k, 12, 5000)
            Millivolt, 500 Hz.

        Raises
        ------
        InputError
            If one of them is excluded or unknown.
        """
        chosen = np.asarray(which)
        if chosen.ndim != 1:
            raise InputError(f"signals(): a sequence of ids or rows is needed, got {chosen.ndim} dimensions")
        if chosen.size == 0:
            return np.empty((0, *SHAPE), dtype=np.float32)
        if np.issubdtype(chosen.dtype, np.integer):
            unknown = np.setdiff1d(chosen, self._kept_rows)
            if unknown.size:
                raise InputError(*(f"{self.path}: row {r} is excluded or outside the store" for r in unknown))
            rows = chosen.astype(np.int64)
        else:
            rows = self.rows(chosen)
        # Mapped anew each time: pages leave the process when the call ends, so memory does not creep up.
        stored = self._stored()
        signals = np.empty((rows.size, *SHAPE), dtype=np.float32)
        for target, row in enumerate(rows):
            np.divide(stored[row], np.float32(UNITS_PER_MILLIVOLT), out=signals[target])
        return signals


def is_whole(folder: str | os.PathLike[str]) -> bool:
    """Tell whether a folder holds a finished store whose files are there and not cut off."""
    try:
        WaveformStore.open(folder)
    except InputError:
        return False
    return True
