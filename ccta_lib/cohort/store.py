"""Writing a waveform store so that a kill costs nothing; `ccta_lib.cohort.waveforms` says what a store is."""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ccta_lib.cohort.waveforms import (
    FORMAT,
    INDEX_DEFAULTS,
    INDEX_FILE,
    JOURNAL_FILE,
    META_FILE,
    N_SAMPLES,
    ROW_BYTES,
    SAMPLING_HZ,
    SHAPE,
    SIGNALS_FILE,
    UNITS_PER_MILLIVOLT,
    WaveformStore,
)
from ccta_lib.errors import InputError
from ccta_lib.files import atomic_path, read_json, sha256_json, write_json
from ccta_lib.schema import LEADS

__all__ = ["N_SAMPLES", "SAMPLING_HZ", "SHAPE", "UNITS_PER_MILLIVOLT", "StoreWriter", "WaveformStore"]


class StoreWriter:
    """Writes a store row by row; a killed writer resumes where it stopped.

    The order that makes this safe: first the samples, then one line in a journal that says they are there, with
    their hash: after a power cut the line may be on the disk and the samples not.

    Parameters
    ----------
    folder : path
        Created if needed. An unfinished store with the same key and ECGs is resumed; a finished one has
        nothing pending.
    ecg_ids : sequence of str, length n
        One per ECG of the table, in its order, unique: row i of the store belongs to `ecg_ids[i]`.
    key : str
        Hash of everything the store depends on (see `ccta_lib.files.sha256_json`).
    replace : bool
        Whether a store (finished or not) made from something else is deleted; otherwise that is an error.

    Raises
    ------
    InputError
        If ids repeat or the folder holds something else.
    """

    def __init__(self, folder: str | os.PathLike[str], ecg_ids: Iterable[str], *, key: str,
                 replace: bool = False) -> None:  # fmt: skip
        self.path = Path(folder)
        self.key = key
        self.ecg_ids = [str(i) for i in ecg_ids]
        ids = pd.Index(self.ecg_ids)
        if ids.empty:
            raise InputError(f"{self.path}: a store of no ECGs was asked for")
        repeated = ids[ids.duplicated()].unique()
        if len(repeated):
            raise InputError(*(f"{self.path}: ecg_id {i!r} occurs more than once" for i in repeated))
        self._records: dict[int, dict[str, Any]] = {}
        self._header = {"format": FORMAT, "key": key, "ecgs": len(ids), "ids": sha256_json(self.ecg_ids)}
        self.path.mkdir(parents=True, exist_ok=True)
        self.finished = self._claim(replace=replace)
        if not self.finished:
            self._open_signals()

    @property
    def pending(self) -> np.ndarray:
        """Rows neither written nor excluded yet, ascending int64."""
        if self.finished:
            return np.empty(0, dtype=np.int64)
        return np.setdiff1d(np.arange(len(self.ecg_ids)), np.fromiter(self._records, dtype=np.int64))

    @property
    def written(self) -> np.ndarray:
        """Rows written so far, ascending int64."""
        return np.array(
            sorted(r for r, record in self._records.items() if not record["reason"]), dtype=np.int64
        )

    @property
    def excluded(self) -> list[tuple[str, str, str]]:
        """(ecg_id, reason, flags) of the ECGs excluded so far, in the table's order."""
        records = (self._records[row] for row in sorted(self._records))
        return [(self.ecg_ids[r["row"]], r["reason"], r["flags"]) for r in records if r["reason"]]

    def digest(self, row: int) -> str:
        """SHA-256 of the samples stored in one row, as `digest_of` gives it for signals."""
        self._signals.seek(self._offset + int(row) * ROW_BYTES)
        return hashlib.sha256(self._signals.read(ROW_BYTES)).hexdigest()

    @staticmethod
    def digest_of(signal: np.ndarray) -> str:
        """SHA-256 of what would be stored of one ECG, shape (12, 5000), millivolt."""
        return hashlib.sha256(_units(signal).tobytes()).hexdigest()

    def write(self, rows: Sequence[int] | np.ndarray, signals: np.ndarray, *,
              index: Sequence[dict[str, Any]] | None = None) -> None:  # fmt: skip
        """Store k ECGs, rounded to the nearest microvolt.

        Parameters
        ----------
        rows : sequence of int, length k
            Pending rows.
        signals : numpy.ndarray, shape (k, 12, 5000)
            Millivolt, 500 Hz, leads as `ccta_lib.schema.LEADS`.
        index : sequence of dict, length k, optional
            What to note of each: `flags`, `source`, `source_sha256`, `source_hz`.

        Raises
        ------
        InputError
            If shapes disagree, a row is not pending, or a sample is not finite or beyond 32.767 mV.
        """
        numbers = [int(r) for r in rows]
        notes = list(index) if index is not None else [{} for _ in numbers]
        if signals.shape != (len(numbers), *SHAPE):
            raise InputError(f"signals of shape {signals.shape}: {(len(numbers), *SHAPE)} is needed")
        if len(notes) != len(numbers):
            raise InputError(f"index has {len(notes)} entries for {len(numbers)} rows")
        records = self._checked(numbers, [{**n, "reason": ""} for n in notes])
        # NaN fails the comparison too, so one test covers both faults.
        bad = ~(np.abs(signals).max(axis=(1, 2)) < (np.iinfo(np.int16).max + 0.5) / UNITS_PER_MILLIVOLT)
        if bad.any():
            raise InputError(*(
                f"ECG {self.ecg_ids[numbers[i]]!r}: samples that are not finite or beyond 32.767 mV cannot "
                "be stored; exclude it with a reason"
                for i in np.flatnonzero(bad)
            ))  # fmt: skip
        for row, one, record in zip(numbers, signals, records, strict=True):
            stored = _units(one).tobytes()
            self._signals.seek(self._offset + row * ROW_BYTES)
            _write_whole(self._signals, stored)
            record["sha256"] = hashlib.sha256(stored).hexdigest()
        self._note(records)

    def exclude(self, row: int, reason: str, **index: Any) -> None:
        """Leave one ECG out, for a reason that the flow diagram counts.

        Raises
        ------
        InputError
            If the reason is empty or the row is not pending.
        """
        if not reason:
            raise InputError(f"ECG {self.ecg_ids[int(row)]!r}: an exclusion needs a reason")
        self._note(self._checked([int(row)], [{**index, "reason": reason}]))

    def finish(self) -> WaveformStore:
        """Write index and description, and return the store.

        Raises
        ------
        InputError
            If rows are still pending.
        """
        if self.finished:
            return WaveformStore.open(self.path)
        left = self.pending
        if left.size:
            raise InputError(
                f"{self.path}: {left.size} of {len(self.ecg_ids)} ECGs are neither written nor excluded, "
                f"the first is {self.ecg_ids[left[0]]!r}"
            )
        os.fsync(self._signals.fileno())
        self._signals.close()
        table = pd.DataFrame([self._records[i] for i in range(len(self.ecg_ids))],
                             columns=["row", "reason", *INDEX_DEFAULTS])  # fmt: skip
        excluded = table["reason"] != ""
        index = pd.DataFrame({
            "ecg_id": pd.array(self.ecg_ids, dtype="str"),
            "row": table["row"].astype("Int64").mask(excluded),
            **{c: table[c].astype("str") for c in ("reason", "flags", "source", "source_sha256")},
            "source_hz": table["source_hz"].astype("float64"),
        })  # fmt: skip
        with atomic_path(self.path / INDEX_FILE) as temporary:
            index.to_parquet(temporary, index=False)
        reasons = index["reason"][excluded].value_counts().to_dict()
        counts = {"kept": int((~excluded).sum()), "excluded": reasons}
        form = {"sampling_hz": SAMPLING_HZ, "unit": "microvolt", "shape": [len(index), *SHAPE]}
        write_json({**self._header, **counts, **form, "leads": LEADS}, self.path / META_FILE)
        (self.path / JOURNAL_FILE).unlink()
        self.finished = True
        return WaveformStore.open(self.path)

    def _claim(self, *, replace: bool) -> bool:
        """Make the folder ours, reading what an earlier writer left; True when nothing is left to do."""
        meta, journal, signals = (self.path / name for name in (META_FILE, JOURNAL_FILE, SIGNALS_FILE))
        header, records = _read_journal(journal)
        found = read_json(meta) if meta.is_file() else header
        if found is not None and {k: found.get(k) for k in self._header} != self._header:
            if not replace:
                raise InputError(f"{self.path}: holds a waveform store made from other ECGs or settings; "
                                 "choose another folder or delete this one")  # fmt: skip
            # The description goes last: as long as it is there, a kill in between is seen for what it is.
            for path in (signals, self.path / INDEX_FILE, journal, meta):
                path.unlink(missing_ok=True)
            found, records = None, []
        elif meta.is_file():
            if self._has_room(signals) and (self.path / INDEX_FILE).is_file():
                journal.unlink(missing_ok=True)
                return True
            if not self._has_room(signals):
                signals.unlink(missing_ok=True)
            meta.unlink()
            found, records = header, []
        if found is None:
            if signals.exists():
                raise InputError(f"{signals}: exists but belongs to no waveform store; choose another folder")
            with atomic_path(journal) as temporary:
                temporary.write_text(json.dumps(self._header) + "\n", encoding="utf-8")
        self._records = {record["row"]: record for record in records}
        return False

    def _has_room(self, signals: Path) -> bool:
        """Tell whether the samples' file is there and was not cut off; it has a header besides."""
        return signals.is_file() and signals.stat().st_size > len(self.ecg_ids) * ROW_BYTES

    def _forget_lost(self) -> None:
        """Take rows as pending again whose samples are not those the journal tells of."""
        for row in map(int, self.written):
            if self.digest(row) != self._records[row].get("sha256"):
                del self._records[row]

    def _open_signals(self) -> None:
        path = self.path / SIGNALS_FILE
        if not self._has_room(path):
            self._records.clear()
            with atomic_path(path) as temporary:  # a sparse file: rows take space when they are written
                shape = (len(self.ecg_ids), *SHAPE)
                np.lib.format.open_memmap(temporary, mode="w+", dtype="<i2", shape=shape)
        self._offset = np.load(path, mmap_mode="r").offset  # type: ignore[attr-defined]
        # Plain writes, not a memory map: mapped pages would count as this process's memory.
        self._signals = open(path, "r+b", buffering=0)  # noqa: SIM115
        self._forget_lost()

    def _checked(self, rows: Sequence[int], notes: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        if self.finished:
            raise InputError(f"{self.path}: this store is finished")
        faults = [f"{self.path}: row {r} is outside 0 to {len(self.ecg_ids) - 1}" for r in rows
                  if not 0 <= r < len(self.ecg_ids)]  # fmt: skip
        faults += [f"{self.path}: row {r} is already done" for r in rows if r in self._records]
        if len(set(rows)) != len(rows):
            faults.append(f"{self.path}: a row is given twice")
        unknown = {name for note in notes for name in note} - {"reason", *INDEX_DEFAULTS}
        known = ", ".join(INDEX_DEFAULTS)
        faults += [f"unknown index column {name!r}; there are {known}" for name in sorted(unknown)]
        if faults:
            raise InputError(*faults)
        records = [{**INDEX_DEFAULTS, **note, "row": row} for row, note in zip(rows, notes, strict=True)]
        for record in records:
            record["source_hz"] = None if record["source_hz"] is None else float(record["source_hz"])
        return records

    def _note(self, records: list[dict[str, Any]]) -> None:
        with open(self.path / JOURNAL_FILE, "a", encoding="utf-8") as stream:
            stream.write("".join(json.dumps(record) + "\n" for record in records))
        self._records.update((record["row"], record) for record in records)


def _units(signal: np.ndarray) -> np.ndarray:
    return np.rint(signal.astype(np.float64) * UNITS_PER_MILLIVOLT).astype("<i2")


def _write_whole(stream: io.FileIO, content: bytes) -> None:
    """Write all of it: an unbuffered stream on a nearly full disk takes a part, and says so by its count alone."""
    rest = memoryview(content)
    while rest:
        rest = rest[stream.write(rest) or 0 :]


def _read_journal(path: Path) -> tuple[dict[str, Any] | None, list[dict[str, Any]]]:
    """Header and records of a journal; from a line that a kill or a power cut tore on, the file is cut off."""
    if not path.is_file():
        return None, []
    whole, lines, end = path.read_bytes(), [], 0
    for line in whole.splitlines(keepends=True):
        try:
            lines.append(json.loads(line))
        except ValueError:
            break
        if not line.endswith(b"\n"):
            lines.pop()
            break
        end += len(line)
    if end < len(whole):
        os.truncate(path, end)
    return (lines[0], lines[1:]) if lines else (None, [])
