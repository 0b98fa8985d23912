"""From a cohort table to its waveform store: every ECG is read once, judged, and kept or excluded by name."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ccta_lib.cohort import ecg as ecg_module
from ccta_lib.cohort import formats, quality, recording
from ccta_lib.cohort.ecg import TooShortError, read_ecg, source_files, source_sha256, split_row, standardise
from ccta_lib.cohort.quality import DEFAULT_LIMITS, Limits, Reason, assess
from ccta_lib.cohort.store import StoreWriter, WaveformStore
from ccta_lib.errors import InputError, WaveformError, without_quotes
from ccta_lib.files import sha256_file, sha256_json

Progress = Callable[..., None]
# What decides how a recording's samples come out: a change of any of these files makes the store anew.
_READ_BY = [
    *(Path(str(module.__file__)) for module in (ecg_module, quality, recording)),
    *sorted(Path(str(formats.__file__)).parent.glob("*.py")),
]


class _Source(NamedTuple):
    """One row of the table as far as its recording goes."""

    ecg_id: str
    waveform: str
    sampling_hz: float | None
    patient_id: str
    exam_id: str
    cohort: str


def build_store(
    table_path: str | os.PathLike[str],
    cohort: pd.DataFrame,
    folder: str | os.PathLike[str],
    *,
    progress: Progress | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> WaveformStore:
    """Read the recordings of a cohort table into a waveform store.

    Killed, it goes on where it stopped; called again with nothing changed, it reads nothing. A change of a
    recording, of the rows, of the limits or of the reading code makes the store anew. A virtual cohort's own
    store beside its table is used in place, not copied.

    The same samples twice: for one exam, or for two patients, the later row is excluded as a duplicate; for
    two exams or two cohorts of one patient, it is kept and flagged.

    Parameters
    ----------
    table_path : path
        Where the table lies: its `waveform` cells are relative to it.
    cohort : DataFrame
        The validated table (`ccta_lib.schema.read_cohort`).
    folder : path
        The store's folder; an earlier store there is replaced if it is of something else.
    progress : callable, optional
        Called as `progress(done, total, note)`.
    limits : Limits
        What counts as an ECG.

    Returns
    -------
    WaveformStore

    Raises
    ------
    InputError
        If not a single recording can be used, or recordings of the table lie inside `folder`.
    """
    root = Path(table_path).parent
    own = own_store(table_path, cohort)
    if own is not None:
        return own
    report = progress or (lambda done, total, note="": None)
    sources = _sources(cohort)
    hashes = _hashes(sources, root, Path(folder), report)
    code = [sha256_file(file) for file in _READ_BY]
    key = sha256_json([list(map(list, sources)), [digest for digest, _ in hashes], asdict(limits), code])
    writer = StoreWriter(folder, [s.ecg_id for s in sources], key=key, replace=True)
    if writer.finished:
        return writer.finish()
    seen = {writer.digest(row): row for row in writer.written[::-1]}
    pending = writer.pending
    for done, row in enumerate(map(int, pending), start=len(sources) - len(pending)):
        report(done, len(sources), sources[row].ecg_id)
        _add(writer, row, sources, root, hashes[row], limits=limits, seen=seen)
    report(len(sources), len(sources))
    if not writer.written.size:
        raise InputError(*_nothing_left(writer, table_path))
    return writer.finish()


def own_store(table_path: str | os.PathLike[str], cohort: pd.DataFrame) -> WaveformStore | None:
    """Return the store that a table's waveform cells point into row by row, or None if they do not."""
    cells = [split_row(w) for w in cohort["waveform"]]
    arrays = {path for path, _ in cells}
    if len(arrays) != 1 or any(row is None for _, row in cells):
        return None
    array = Path(table_path).parent / arrays.pop()
    if array.name != "signals.npy" or not (array.parent / "store.json").is_file():
        return None
    store = WaveformStore.open(array.parent)
    rows = np.array([row for _, row in cells], dtype=np.int64)
    ids = store.index["ecg_id"].to_numpy(dtype=object)
    same = rows.max() < len(ids) and bool((ids[rows] == cohort["ecg_id"].to_numpy(dtype=object)).all())
    return store if same else None


def _sources(cohort: pd.DataFrame) -> list[_Source]:
    rate = cohort["sampling_hz"] if "sampling_hz" in cohort else pd.Series(np.nan, index=cohort.index)
    columns = [cohort[c].astype(str) for c in ("ecg_id", "waveform")]
    people = [cohort[c].astype(str) for c in ("patient_id", "exam_id", "cohort")]
    rates = [None if pd.isna(hz) else float(hz) for hz in rate]
    return [_Source(*cells) for cells in zip(*columns, rates, *people, strict=True)]


def _hashes(sources: list[_Source], root: Path, folder: Path, report: Progress) -> list[tuple[str, str]]:
    """(SHA-256, "") of each recording, or ("", what is wrong with it); an array of many ECGs is hashed once."""
    known: dict[Path, tuple[str, str]] = {}
    results = []
    inside = folder.resolve()
    for source in sources:
        path = root / split_row(source.waveform)[0]
        if path not in known:
            report(0, len(sources), f"hashing {source.waveform}")
            try:
                files = source_files(path)
            except WaveformError as error:
                known[path] = ("", str(error))
            else:
                if any(file.resolve().is_relative_to(inside) for file in files):
                    raise InputError(
                        f"{path}: lies inside {folder}, where the store is to be made; choose another"
                    )
                known[path] = (source_sha256(files), "")
        results.append(known[path])
    return results


def _add(writer: StoreWriter, row: int, sources: list[_Source], root: Path, digest: tuple[str, str], *,
         limits: Limits, seen: dict[str, int]) -> None:  # fmt: skip
    """Read and judge one ECG, and write or exclude it."""
    source = sources[row]
    note: dict[str, Any] = {"source": source.waveform, "source_sha256": digest[0]}
    if digest[1]:
        writer.exclude(row, Reason.UNREADABLE, flags=without_quotes(digest[1]), **note)
        return
    try:
        ecg = read_ecg(root / source.waveform, sampling_hz=source.sampling_hz)
        note["source_hz"] = ecg.sampling_hz
        signal = standardise(ecg)
    except WaveformError as error:
        reason = Reason.SHORT if isinstance(error, TooShortError) else Reason.UNREADABLE
        writer.exclude(row, reason, flags=without_quotes(str(error)), **note)
        return
    verdict = assess(signal, limits=limits)
    if verdict.reason:
        writer.exclude(row, verdict.reason, flags=verdict.note, **note)
        return
    flags = verdict.note
    content = StoreWriter.digest_of(signal)
    first = seen.setdefault(content, row)
    if first != row:
        other = sources[first]
        if other.patient_id != source.patient_id:
            writer.exclude(
                row, Reason.DUPLICATE, flags=f"same samples as {other.ecg_id} of another patient", **note
            )
            return
        if (other.exam_id, other.cohort) == (source.exam_id, source.cohort):
            writer.exclude(row, Reason.DUPLICATE, flags=f"same samples as {other.ecg_id}", **note)
            return
        flags = " ".join(filter(None, [flags, f"same_samples_as={other.ecg_id}"]))
    writer.write([row], signal[None], index=[{"flags": flags, **note}])


def _nothing_left(writer: StoreWriter, table_path: str | os.PathLike[str]) -> list[str]:
    excluded = writer.excluded  # all of them, in the table's order
    faults = [f"{table_path}: none of {len(excluded)} recordings can be used"]
    # The row, but neither identifier nor file: they may name somebody.
    return faults + [
        f"row {row}: {reason} ({note.partition(': ')[2] or note})"
        for row, (_, reason, note) in enumerate(excluded, start=1)
    ]
