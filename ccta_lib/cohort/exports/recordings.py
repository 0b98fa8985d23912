"""A folder of ECG files: each is read once, in worker processes, and goes into the waveform store or is left out."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from ccta_lib import cohort
from ccta_lib.cohort.ecg import TooShortError, read_ecg, source_files, source_sha256, split_row, standardise
from ccta_lib.cohort.exports import cells
from ccta_lib.cohort.exports.cells import Moment
from ccta_lib.cohort.exports.columns import ColumnsMap, EcgMap
from ccta_lib.cohort.exports.identity import Pseudonyms, label, tidy
from ccta_lib.cohort.exports.reading import UNKNOWN, person
from ccta_lib.cohort.exports.streaming import in_order
from ccta_lib.cohort.exports.tables import Table
from ccta_lib.cohort.formats.wfdb_record import MOST_HEADER_BYTES
from ccta_lib.cohort.quality import Limits, Reason, assess
from ccta_lib.cohort.store import UNITS_PER_MILLIVOLT, StoreWriter, WaveformStore
from ccta_lib.cohort.text import read_statement
from ccta_lib.errors import InputError, WaveformError, form
from ccta_lib.files import atomic_path, sha256_file, sha256_json

BATCH = 32
MANIFEST = "manifest.csv"
NO_PATIENT, NO_TIME = "no patient identifier in file, manifest or name", "no time in file, manifest or name"
TWO_PATIENTS = "file and manifest name different patients"
NO_REPORT = "no usable CCTA report of the patient"
SIGNAL_FILE = "signal file of a WFDB record"


class Item(NamedTuple):
    """One recording of the folder: its number (1, 2, ...), its path below the folder, what the manifest says."""

    row: int
    path: str
    patient: str = ""
    time: Moment | None = None
    sampling_hz: float | None = None


class Rules(NamedTuple):
    """What reading a recording depends on, besides the file."""

    root: Path
    names: EcgMap
    pseudonyms: Pseudonyms
    timezone: str | None
    limits: Limits


def list_recordings(root: Path, mapping: ColumnsMap, pseudonyms: Pseudonyms,
                    timezone: str | None) -> tuple[list[Item], list[tuple[int, str]]]:  # fmt: skip
    """Find the recordings of a folder, in the order of their paths, and the files that are parts of them.

    Raises
    ------
    InputError
        If there is no file, a link leads out of the folder, or the manifest names a file that is not in it.
    """
    if not root.is_dir():
        raise InputError(f"{root}: no such folder; give the folder of ECG files")
    below = sorted(root.rglob("*"))
    home = root.resolve()
    # What lies elsewhere was not handed over with this folder; a link to a folder within names nothing new.
    away = [p for p in below if p.is_symlink() and not p.resolve().is_relative_to(home)]
    if away:
        what = "1 link leads" if len(away) == 1 else f"{len(away)} links lead"
        raise InputError(f"{root}: {what} out of this folder; put the recordings themselves into it")
    found = sorted(p.relative_to(root).as_posix() for p in below if p.is_file())
    found = [
        p for p in found if p != MANIFEST and not any(part.startswith(".") for part in PurePosixPath(p).parts)
    ]
    if not found:
        raise InputError(f"{root}: holds no file; give the folder of ECG files")
    named = _manifest(root / MANIFEST, set(found), mapping, timezone)
    by_file: dict[str, list[str]] = {}
    for path in named:
        by_file.setdefault(split_row(path)[0].as_posix(), []).append(path)
    part_of: dict[str, str] = {}
    for path in found:
        if path.lower().endswith(".hea"):
            part_of.update((p, path) for p in _parts(root / path, root) if p != path)
    # A manifest may name a record by its signal file or without suffix: what it says belongs to the header.
    entries = {part_of.get(path, path): entry for path, entry in named.items()}
    paths = [p for path in found if path not in part_of for p in by_file.get(path, [path])]
    paths = list(dict.fromkeys(part_of.get(p, p) for p in paths))
    items = [Item(row, path, *entries.get(path, ())) for row, path in enumerate(paths, start=1)]
    number = {item.path: item.row for item in items}
    return items, [(number[whole], part) for part, whole in part_of.items() if whole in number]


def _parts(header: Path, root: Path) -> list[str]:
    """Signal files a WFDB header names: the first word of each line below the record's.

    Only which file belongs to which recording is looked up here, for a hundred thousand headers before the
    first is read; whether a header is sound its reader says.
    """
    with open(header, encoding="utf-8", errors="replace") as stream:
        lines = stream.read(MOST_HEADER_BYTES).splitlines()
    words = [line.split() for line in lines if line.strip() and not line.startswith("#")][1:]
    files = {header.parent / line[0] for line in words}
    return sorted(f.relative_to(root).as_posix() for f in files if ".." not in f.parts and f.is_file())


_Entry = tuple[str, Moment | None, float | None]


def _manifest(path: Path, found: set[str], mapping: ColumnsMap,
              timezone: str | None) -> dict[str, _Entry]:  # fmt: skip
    if not path.is_file():
        return {}
    table = Table(path, "manifest", mapping.table("manifest"))
    zone = None if timezone is None else ZoneInfo(timezone)
    entries: dict[str, _Entry] = {}
    faults = []
    for piece in table.pieces():
        for row, values in zip(piece.rows, piece.cells, strict=True):
            cell = dict(zip(table.columns, values, strict=True))
            name = PurePosixPath(str(cell["path"] or "").strip().replace("\\", "/")).as_posix()
            file = split_row(name)[0].as_posix()
            if file not in found and f"{file}.hea" in found:
                name = file = f"{file}.hea"
            patient = cells.identifier(cell["patient_id"])
            given = cell.get("ecg_time")
            time = None if cells.is_empty(given) else cells.moment(
                given, pattern=table.given.date_format("ecg_time"), epoch=table.epoch, zone=zone)  # fmt: skip
            if file not in found:
                faults.append(f"{path}: row {row}, column path: there is no such file below {path.parent}")
            elif name in entries:
                faults.append(f"{path}: row {row}, column path: this recording is named twice; keep one row")
            if not patient:
                faults.append(f"{path}: row {row}, column patient_id: empty or no identifier; fill it in")
            if time is None and not cells.is_empty(given):
                faults.append(
                    f"{path}: row {row}, column ecg_time: form {form(given)!r} (9 a digit, a a letter); write "
                    "2024-03-01T09:30:00, or say the format under manifest: dates: in --columns"
                )
            rate = cell.get("sampling_hz")
            hz = None if cells.is_empty(rate) else cells.number(rate)
            if not cells.is_empty(rate) and not (hz and hz > 0):
                faults.append(
                    f"{path}: row {row}, column sampling_hz: form {form(rate)!r} (9 a digit, a a letter); "
                    "expected samples a second"
                )
            entries[name] = (patient or "", time, hz)
    if faults:
        raise InputError(*faults)
    return entries


# ---------------------------------------------------------------------------------------------------------


def read_recordings(items: list[Item], rules: Rules, *, parts: list[tuple[int, str]], folder: Path,
                    store: Path, wanted: Callable[[int], bool], wanted_key: str, workers: int,
                    progress: Callable[..., None]) -> pd.DataFrame:  # fmt: skip
    """Read every recording into the store, or go on where a killed build stopped.

    Parameters
    ----------
    items : list of Item
    rules : Rules
    parts : list of (row, path)
        Files that belong to a recording beside its own.
    folder : path
        Where what was read besides the samples is kept, batch by batch.
    store : path
        The waveform store; row i belongs to `items[i]`.
    wanted : callable
        Whether a patient has a report: samples of others are not stored.
    wanted_key : str
        Hash of what `wanted` depends on.
    workers : int
    progress : callable
        Called as `progress(done, total, note)`.

    Returns
    -------
    DataFrame
        One row per recording, in order.
    """
    key = sha256_json([_states(items, parts, rules.root), [i[2:] for i in items], asdict(rules.names), rules.timezone,
                       rules.pseudonyms.fingerprint, asdict(rules.limits), _code()])  # fmt: skip
    place = folder / f"ecgs-{key[:16]}"
    place.mkdir(parents=True, exist_ok=True)
    ids = label("E", np.array([rules.pseudonyms.number("ecg", i.path) for i in items]))
    writer = StoreWriter(store, ids, key=sha256_json([key, wanted_key]), replace=True)
    pending = {int(r) for r in writer.pending}
    batches = [items[i : i + BATCH] for i in range(0, len(items), BATCH)]
    path = [place / f"{number:06d}.parquet" for number in range(len(batches))]
    to_read = [
        n for n, b in enumerate(batches) if not path[n].is_file() or any(i.row - 1 in pending for i in b)
    ]
    done = len(items) - sum(len(batches[n]) for n in to_read)
    progress(done, len(items))
    results = in_order(_read_batch, ((batches[n], rules) for n in to_read), workers=workers)
    for number, (records, signals) in zip(to_read, results, strict=True):
        _store(writer, pending, records, signals, wanted)
        with atomic_path(path[number]) as temporary:  # after the samples: it says that the batch is whole
            _frame(records).to_parquet(temporary, index=False)
        done += len(records)
        progress(done, len(items))
    if not writer.finished:
        writer.finish()
    rows = pd.concat([pd.read_parquet(p) for p in path], ignore_index=True)
    kept = WaveformStore.open(store).index["row"].notna().to_numpy()
    return rows.assign(ecg_id=ids, stored=kept)


def _store(writer: StoreWriter, pending: set[int], records: list[dict[str, Any]],
           signals: Mapping[int, np.ndarray], wanted: Callable[[int], bool]) -> None:  # fmt: skip
    for record in records:
        row = record["row"] - 1
        if row not in pending:
            continue
        note = {"source_sha256": record["source_sha256"], "source_hz": record["source_hz"]}
        reason = record["reason"] or ("" if wanted(record["patient"]) else NO_REPORT)
        if reason:
            writer.exclude(row, reason, **note)
        else:
            units = signals[record["row"]].astype(np.float64) / UNITS_PER_MILLIVOLT
            writer.write([row], units[None], index=[{"flags": record["flags"], **note}])


def _read_batch(batch: list[Item], rules: Rules) -> tuple[list[dict[str, Any]], dict[int, np.ndarray]]:
    """Read some recordings: what is known of each, and the samples (int16, microvolt) of the usable ones."""
    records, signals = [], {}
    for item in batch:
        record, signal = read_one(item, rules)
        records.append(record)
        if signal is not None:
            signals[item.row] = np.rint(signal.astype(np.float64) * UNITS_PER_MILLIVOLT).astype(np.int16)
    return records, signals


def read_one(item: Item, rules: Rules) -> tuple[dict[str, Any], np.ndarray | None]:
    """Read one recording: a record for the linkage, and its samples, shape (12, 5000), if it can be used.

    `note` tells why not, in words that may quote the file; `flags` only what is safe to pass on.
    """
    record: dict[str, Any] = {**_NOTHING, "row": item.row}
    path = rules.root / item.path
    try:
        record["source_sha256"] = source_sha256(source_files(path))
        rate = rules.names.sampling_hz if item.path.lower().endswith(".npy") else None
        ecg = read_ecg(path, sampling_hz=item.sampling_hz or rate)
    except WaveformError as error:
        return {**record, "reason": str(Reason.UNREADABLE), "note": str(error)}, None
    record["source_hz"] = ecg.sampling_hz
    zone = None if rules.timezone is None else ZoneInfo(rules.timezone)
    patient, moment = _from_name(item.path, rules, zone)
    own = tidy(ecg.patient_id or "")
    number = rules.pseudonyms.patient
    if own and item.patient and number(own) != number(item.patient):
        record["reason"] = TWO_PATIENTS
    patient = own or item.patient or patient
    if ecg.time is not None:
        moment = Moment(cells.local(ecg.time, zone).replace(microsecond=0), False)
    else:
        moment = item.time or moment
    birth = None if ecg.birth_date is None else pd.Timestamp(ecg.birth_date).to_pydatetime()
    said = "; ".join(ecg.statements)
    normal = read_statement(said).ecg_normal if said else None
    record |= {
        "patient": number(patient),
        "recording_id": rules.pseudonyms.number("recording_id", tidy(ecg.recording_id or "")),
        "ecg_time": None if moment is None else moment.latest,
        "sex": ecg.sex or "",
        "age": np.nan if ecg.age is None else float(ecg.age),
        "birth_date": birth,
        "person": person(rules.pseudonyms, ecg.patient_name, birth),
        "ecg_normal": UNKNOWN if normal is None else int(normal),
    }
    try:
        signal = standardise(ecg)
    except WaveformError as error:
        reason = Reason.SHORT if isinstance(error, TooShortError) else Reason.UNREADABLE
        return {**record, "reason": str(reason), "note": str(error)}, None
    verdict = assess(signal, limits=rules.limits)
    if verdict.reason:
        return {**record, "reason": str(verdict.reason), "note": verdict.note}, None
    record["flags"] = verdict.note
    record["content"] = rules.pseudonyms.number("samples", StoreWriter.digest_of(signal))
    if not record["reason"] and not patient:
        record["reason"] = NO_PATIENT
    if not record["reason"] and moment is None:
        record["reason"] = NO_TIME
    return record, None if record["reason"] else signal


_NOTHING: dict[str, Any] = {"row": 0, "reason": "", "note": "", "flags": "", "source_sha256": "", "source_hz": np.nan,
    "patient": 0, "recording_id": 0, "ecg_time": None, "sex": "", "age": np.nan, "birth_date": None, "person": 0,
    "ecg_normal": UNKNOWN, "content": 0}  # fmt: skip


def _from_name(path: str, rules: Rules, zone: ZoneInfo | None) -> tuple[str, Moment | None]:
    if rules.names.pattern is None:
        return "", None
    match = re.search(rules.names.pattern, path)
    if match is None:
        return "", None
    part = match.groupdict()
    moment = (
        cells.moment(part["ecg_time"], pattern=rules.names.dates, zone=zone) if part.get("ecg_time") else None
    )
    return tidy(part["patient_id"] or ""), moment


def _frame(records: list[dict[str, Any]]) -> pd.DataFrame:
    frame = pd.DataFrame.from_records(records)
    for column in ("ecg_time", "birth_date"):
        frame[column] = pd.to_datetime(frame[column]).astype("datetime64[s]")
    return frame


def _states(items: list[Item], parts: list[tuple[int, str]], root: Path) -> list[tuple[str, int, int]]:
    """Path, size and time of change of each file: enough to see that another lies there now."""
    files = dict.fromkeys([*(split_row(i.path)[0].as_posix() for i in items), *(path for _, path in parts)])
    stats = ((file, (root / file).stat()) for file in files)
    return [(file, stat.st_size, stat.st_mtime_ns) for file, stat in stats]


def _code() -> list[str]:
    """Hashes of the code that reads recordings."""
    package = Path(str(cohort.__file__)).parent
    sources = ["ecg.py", "formats.py", "formats/**/*.py", "quality.py", "recording.py", "text/**/*.py",
               "exports/cells.py", "exports/identity.py", "exports/recordings.py"]  # fmt: skip
    return [sha256_file(p) for pattern in sources for p in sorted(package.glob(pattern))]
