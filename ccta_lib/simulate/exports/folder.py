"""Whole exports of virtual hospitals: one folder per hospital as it would be handed over, and the truth apart."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ccta_lib.cohort.recording import Ecg
from ccta_lib.errors import InputError, ParameterError
from ccta_lib.files import atomic_path, read_json, sha256_json, write_json
from ccta_lib.in_use import holds, is_empty
from ccta_lib.simulate.cohort import BLOCK, Job, block_signals, tables
from ccta_lib.simulate.exports.export_tables import (
    Rows,
    followup_rows,
    identifier_rows,
    procedure_rows,
    report_rows,
    statement_rows,
)
from ccta_lib.simulate.exports.hospitals import columns_map, write_table
from ccta_lib.simulate.exports.people import Patient, Trouble, make_patients
from ccta_lib.simulate.exports.recordings_plan import BARE, Planned, plan_recordings
from ccta_lib.simulate.exports.reports import LANGUAGES, SPLITS
from ccta_lib.simulate.patients import CohortSizes
from ccta_lib.simulate.recordings import WRITABLE, write_recording
from ccta_lib.simulate.settings import DEFAULT_SETTINGS, Settings

FORMAT = 7
TRUTH = "truth"
FOLLOWUP_SHARE = 0.2
"""Share of the patients who come from the simulator's follow-up cohort."""
_RECORD = "exports.json"


@holds("out")
def simulate_exports(
    out: str | os.PathLike[str],
    *,
    patients: int,
    seed: int,
    languages: Sequence[str] = LANGUAGES,
    forms: Sequence[str] = WRITABLE,
    wording: str = "develop",
    settings: Settings = DEFAULT_SETTINGS,
    progress: Callable[..., None] | None = None,
) -> Path:
    """Write what hospitals would hand over, and apart from it what was planted.

    Parameters
    ----------
    out : path
        Folder for hospital_zh/ and hospital_en/ (each with ecgs/, reports.xlsx or reports.csv, statements.csv,
        procedures.csv, followup.csv, identifiers.csv, columns.yaml) and truth/ (recordings, reports,
        statements, procedures, followup, people as Parquet; nothing of it is in a hospital's folder). A
        finished folder of the same inputs is left as it is, an interrupted one is written again.
    patients : int
        Patients of all hospitals together, about twice as many ECG files.
    seed : int
    languages : sequence of "zh" and "en"
        One hospital each.
    forms : sequence of str
        Of `ccta_lib.simulate.recordings.WRITABLE`; dealt in turn.
    wording : "develop" or "score-once"
        Of the reports.
    settings : Settings
        Of the simulator.
    progress : callable, optional
        `progress(done, total, note)` in ECG files.

    Returns
    -------
    pathlib.Path
        `out`.

    Raises
    ------
    ParameterError
        If a parameter is out of range.
    InputError
        If the folder holds something else.
    """
    _check(patients, seed, languages, forms, wording)
    folder = Path(out)
    job = Job(_sizes(patients), seed, settings)
    key = sha256_json([FORMAT, repr(job), list(languages), list(forms), wording])
    record = folder / _RECORD
    if record.is_file():
        found = read_json(record)
        if found["key"] == key and found["finished"] and found["bytes"] == _size(folder):
            return folder
    if not is_empty(folder) and not (record.is_file() and found["key"] == key):
        raise InputError(f"{folder}: is not empty and holds other exports or files; choose another folder")
    write_json({"key": key, "finished": False}, record)
    for half in folder.glob("hospital_*"):  # of a process that was killed
        shutil.rmtree(half)
    table, _ = tables(job)
    rng = np.random.default_rng([seed, 4])
    people = make_patients(table, tuple(languages), rng)
    planned = plan_recordings(table, people, forms=tuple(forms), rng=rng)
    paths = _write_recordings(folder, job, planned, progress)
    truth: dict[str, list[dict[str, Any]]] = {}
    for language in languages:
        for name, rows in _tables(table, people, planned, language, wording, rng).items():
            hospital = _hospital(folder, language)
            if not rows:  # few patients: nobody under two identifiers, no procedure
                continue
            write_table(hospital, name, [cells for cells, _ in rows], language=language)
            truth.setdefault(name, []).extend(
                {"hospital": hospital.name, "row": i, **told} for i, (_, told) in enumerate(rows, start=2)
            )
        (_hospital(folder, language) / "columns.yaml").write_text(columns_map(language), encoding="utf-8")
        _write_manifest(_hospital(folder, language), planned, paths, language)
    truth["recordings"] = [_recording_truth(one, path) for one, path in zip(planned, paths, strict=True)]
    truth["people"] = [
        {"hospital": f"hospital_{p.language}", "patient": p.key, "trouble": str(p.trouble), "token": token}
        for p in people for token in p.tokens()
    ]  # fmt: skip
    for name, rows_of_truth in truth.items():
        (folder / TRUTH).mkdir(exist_ok=True)
        with atomic_path(folder / TRUTH / f"{name}.parquet") as temporary:
            pd.DataFrame(rows_of_truth).to_parquet(temporary, index=False)
    # The recordings are not waited for one by one: what a power cut took of them shows in their size.
    told = {
        "patients": patients,
        "seed": seed,
        "languages": list(languages),
        "forms": list(forms),
        "wording": wording,
    }
    write_json(
        {"key": key, "finished": True, "bytes": _size(folder), "data_kind": "simulated", **told}, record
    )
    return folder


def planted_identifiers(out: str | os.PathLike[str]) -> list[str]:
    """Return every planted name, identifier, address, number and birth date of an exports folder, sorted.

    Raises
    ------
    InputError
        If the folder holds no exports.
    """
    path = Path(out) / TRUTH / "people.parquet"
    if not path.is_file():
        raise InputError(f"{path}: no such file; give a folder written by ccta simulate --exports")
    return sorted(set(pd.read_parquet(path)["token"]))


def _check(patients: int, seed: int, languages: Sequence[str], forms: Sequence[str], wording: str) -> None:
    faults = []
    if not isinstance(patients, int) or patients < 5 * max(1, len(languages)):
        faults.append(f"patients: found {patients!r}; give at least 5 for each hospital")
    if not isinstance(seed, int) or seed < 0:
        faults.append(f"seed: found {seed!r}; give a whole number of at least 0")
    for name, given, known in (("languages", languages, LANGUAGES), ("forms", forms, WRITABLE)):
        bad = [x for x in given if x not in known]
        if bad or not given or len(set(given)) < len(given):
            faults.append(f"{name}: found {list(given)!r}; give some of {', '.join(known)}, each once")
    if wording not in SPLITS:
        faults.append(f"wording: found {wording!r}; give one of {', '.join(SPLITS)}")
    if faults:
        raise ParameterError(*faults)


def _sizes(patients: int) -> CohortSizes:
    followed = round(FOLLOWUP_SHARE * patients)
    internal = patients - followed
    paper = CohortSizes.paper()
    exams = round(internal * paper.internal_exams / paper.internal_patients)
    ecgs = round(internal * paper.internal_ecgs / paper.internal_patients)
    return CohortSizes(internal, exams, ecgs, 0, followed)


def _size(folder: Path) -> int:
    """Bytes of all that the hospitals hand over."""
    return sum(f.stat().st_size for f in folder.glob("hospital_*/**/*") if f.is_file())


def _hospital(folder: Path, language: str) -> Path:
    return folder / f"hospital_{language}"


def _tables(
    table: pd.DataFrame, people: list[Patient], planned: list[Planned], language: str, wording: str,
    rng: np.random.Generator,
) -> dict[str, Rows]:  # fmt: skip
    here = [p for p in people if p.language == language]
    own = table[table["patient_id"].isin([p.key for p in here])]
    return {
        "reports": report_rows(own, here, split=wording, rng=rng),
        "statements": statement_rows([p for p in planned if p.person.language == language], rng=rng),
        "procedures": procedure_rows(own, here, rng=rng),
        "followup": followup_rows(own, here),
        "identifiers": identifier_rows(here),
    }


# ---------------------------------------------------------------------------------------------------------


def _write_recordings(
    folder: Path, job: Job, planned: list[Planned], progress: Callable[..., None] | None
) -> list[Path]:
    """Write the ECG files; return their paths."""
    signals = _Signals(job)
    paths = []
    for number, one in enumerate(planned):
        target = _hospital(folder, one.person.language) / "ecgs" / _place(one, number)
        if one.trouble is Trouble.NO_ECG_FILE:
            path = target.with_name(target.name + ".pdf")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"%PDF-1.4\n% Simulated scan of a printed ECG: no recording.\n%%EOF\n")
        else:
            path = write_recording(target, _ecg(one, signals[one.row], number), one.form)
            if one.trouble is Trouble.UNREADABLE:
                _cut(path)
        paths.append(path)
        if progress is not None:
            progress(number + 1, len(planned), "writing ECG files")
    return paths


class _Signals:
    """Waveforms of the simulated table by row; holds the last block of each cohort."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._first: dict[str, int] = {}
        start = 0
        for name, block, low, high in job.blocks():
            if block == 0:
                self._first[name] = start
            start += high - low
        self._blocks: dict[tuple[str, int], np.ndarray] = {}

    def __getitem__(self, row: int) -> np.ndarray:
        """Samples of one ECG, shape (12, 5000), millivolt."""
        name = max((n for n, first in self._first.items() if first <= row), key=lambda n: self._first[n])
        block, place = divmod(row - self._first[name], BLOCK)
        if (name, block) not in self._blocks:
            self._blocks = {(name, block): block_signals(self._job, name, block)}
        signal: np.ndarray = self._blocks[name, block][place].astype(np.float32) / np.float32(1000.0)
        return signal


def _ecg(one: Planned, signal: np.ndarray, number: int) -> Ecg:
    """Make the recording as its machine stored it."""
    signal = signal.copy()
    if one.trouble is Trouble.FLAT:
        signal[6] = 0.0
    elif one.trouble is Trouble.SHORT:
        signal = signal[:, :2500]
    elif one.trouble is Trouble.NAN:
        signal[7, 1000:1100] = np.nan
    elif one.trouble is Trouble.UNIT:
        signal = signal * np.float32(100.0)
    person = one.person
    birth = person.birth
    if one.trouble is Trouble.BIRTH and birth is not None:
        birth = birth.replace(year=birth.year - 7, day=min(birth.day, 28))
    sex = person.sex
    if one.trouble is Trouble.SEX:
        sex = "M" if sex == "F" else "F"
    age = None if birth is None or birth > one.time.date() else (one.time.date() - birth).days // 365.25
    return Ecg(
        signal, 500.0, time=one.time, patient_id=one.identifier, patient_name=person.latin_name, birth_date=birth,
        age=age, sex=sex, statements=(one.statement,) if one.in_file else (),  # type: ignore[arg-type]
        recording_id=f"PLANTEDREC{number:06d}",
    )  # fmt: skip


def _place(one: Planned, number: int) -> str:
    """Path of a file below ecgs/, without suffix. Copies lie in a folder that sorts last, as backups do."""
    stamp = f"{one.time:%Y%m%d%H%M%S}"
    if one.form in BARE and one.trouble is Trouble.NO_IDENTIFIER:
        name = f"unnamed_{number:05d}"
    elif one.form in BARE and one.person.language == "en":
        name = one.identifier if one.trouble is Trouble.NO_TIME else f"{one.identifier}_{stamp}"
        name += f"_{number:05d}"
    else:
        name = f"{one.form}_{number:05d}"
    if one.copy_of:
        return f"zz_backup/{name}"
    return (
        f"{one.true_time:%Y}/{one.true_time:%m}/{name}"
        if one.person.language == "zh"
        else f"{one.form}/{number // 50:03d}/{name}"
    )


def _cut(path: Path) -> None:
    """Keep the first 40 % of a file, as an interrupted transfer does; of WFDB, of its samples."""
    file = path.with_suffix(".dat") if path.suffix == ".hea" else path
    content = file.read_bytes()
    file.write_bytes(content[: len(content) * 2 // 5])


def _write_manifest(hospital: Path, planned: list[Planned], paths: list[Path], language: str) -> None:
    """Write manifest.csv for the Chinese hospital: its bare arrays, and some files that speak for themselves."""
    if language != "zh":
        return
    rows = []
    for number, (one, path) in enumerate(zip(planned, paths, strict=True)):
        if one.person.language != language or one.trouble in (Trouble.NO_ECG_FILE, Trouble.NO_IDENTIFIER):
            continue
        if one.form in BARE or number % 7 == 0:
            time: datetime | None = None if one.trouble is Trouble.NO_TIME else one.time
            rows.append({"path": path.relative_to(hospital / "ecgs").as_posix(), "patient_id": one.identifier,
                         "ecg_time": time})  # fmt: skip
    write_table(hospital / "ecgs", "manifest", rows, language=language)


def _recording_truth(one: Planned, path: Path) -> dict[str, Any]:
    hospital = next(p.parent for p in path.parents if p.name == "ecgs")
    return {
        "hospital": hospital.name, "path": path.relative_to(hospital / "ecgs").as_posix(), "form": one.form,
        "trouble": str(one.trouble), "patient": one.person.key, "exam": one.exam_id, "ecg_id": one.ecg_id,
        "copy_of": one.copy_of, "true_time": one.true_time, "time": one.time, "ccta_time": one.ccta,
        "ecg_normal": one.normal, "stated": one.stated, "in_file": one.in_file, "statement": one.statement,
        "language": one.person.language,
    }  # fmt: skip
