"""`ccta cohort build`: a folder of ECG files and tables of reports, statements, procedures become contract 1."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from ccta_lib import __version__
from ccta_lib.cohort.exports import account, examinations, linkage, outcomes, readers
from ccta_lib.cohort.exports import recordings as recordings_module
from ccta_lib.cohort.exports.account import account_parts, account_rows, exam_labels
from ccta_lib.cohort.exports.columns import ColumnsMap, load_columns
from ccta_lib.cohort.exports.duplicates import join_formats
from ccta_lib.cohort.exports.grading import grade_reports, with_grades
from ccta_lib.cohort.exports.identity import Pseudonyms, load_key, merge
from ccta_lib.cohort.exports.intake import Intake, check_zeros, read_table
from ccta_lib.cohort.exports.linkage import LinkageRules
from ccta_lib.cohort.exports.output import cohort_table, write_outputs
from ccta_lib.cohort.exports.readers import SecondReader
from ccta_lib.cohort.exports.recordings import list_recordings, read_recordings
from ccta_lib.cohort.exports.tables import Table
from ccta_lib.cohort.quality import DEFAULT_LIMITS, Limits
from ccta_lib.errors import InputError, ParameterError, without_quotes
from ccta_lib.files import sha256_file, sha256_json
from ccta_lib.in_use import holds, is_empty
from ccta_lib.progress import Progress
from ccta_lib.schema import COHORTS

PRIVATE = "private"
"""Folder of a build that quotes reports and names files; whoever has it can identify patients."""


@dataclass(frozen=True, kw_only=True)
class BuildSettings:
    """Settings of a build beside the linkage.

    Attributes
    ----------
    linkage : LinkageRules
    limits : Limits
        What counts as an ECG.
    cohort : str
        Role of the patients in the study: internal, external or followup.
    external_sites : tuple of str
        Sites whose patients are external, whatever `cohort` says.
    timezone : str or None
        IANA name of where the hospital is: times with an offset are brought there.
    shift_dates : bool
        Whether all dates of a patient move by the same random number of days (at most a year either way).
    oldest_age : int or None
        Ages from here on are written as this one, because the very old are few; None keeps them.
    private : bool
        Whether the identifying folder is kept: quotes of reports, names of files, and what a rerun starts from.
    """

    linkage: LinkageRules = field(default_factory=LinkageRules)
    limits: Limits = DEFAULT_LIMITS
    cohort: str = "internal"
    external_sites: tuple[str, ...] = ()
    timezone: str | None = None
    shift_dates: bool = False
    oldest_age: int | None = 90
    private: bool = True

    def __post_init__(self) -> None:
        if self.cohort not in COHORTS:
            raise ParameterError(f"cohort is {self.cohort!r}; expected one of {', '.join(COHORTS)}")
        if self.timezone is not None:
            from zoneinfo import available_timezones

            if self.timezone not in available_timezones():
                raise ParameterError(
                    f"timezone {self.timezone!r} is unknown; expected a name such as Asia/Shanghai"
                )


@holds("out")
def build_cohort(ecgs: str | os.PathLike[str], reports: str | os.PathLike[str], out: str | os.PathLike[str], *,
                 statements: str | os.PathLike[str] | None = None,
                 procedures: str | os.PathLike[str] | None = None,
                 followup: str | os.PathLike[str] | None = None,
                 identifiers: str | os.PathLike[str] | None = None,
                 columns: str | os.PathLike[str] | None = None,
                 key_file: str | os.PathLike[str] | None = None,
                 settings: BuildSettings | None = None,
                 reader: SecondReader | None = None,
                 workers: int = 1,
                 progress: Progress | None = None) -> Path:  # fmt: skip
    """Turn a hospital's exports into a cohort table with its waveform store and an account of every row.

    Killed, the same call goes on where it stopped. Patients, examinations and ECGs get keyed pseudonyms; names,
    birth dates and free text reach nothing outside the folder `private`.

    Parameters
    ----------
    ecgs : path
        Folder of recordings, searched with its subfolders; see `ccta_lib.cohort.read_ecg` for the formats.
    reports, statements, procedures, followup, identifiers : path
        Tables, CSV or XLSX; `columns.INPUTS` says what they hold.
    out : path
        Folder of the results: empty, new, or of an earlier build.
    columns : path, optional
        YAML map of headers, formats and words.
    key_file : path, optional
        Secret key, made if absent; default `<out>.key` beside `out`.
    settings : BuildSettings, optional
    reader : callable, optional
        A second reader of the linked reports (see `readers.SecondReader`).
    workers : int
        Processes.
    progress : Progress, optional

    Returns
    -------
    pathlib.Path
        `out/cohort.parquet`. Beside it waveforms/, account.parquet, account_counts.csv, flow.csv,
        readings.parquet, suspected.csv, run.json and, unless switched off, private/.

    Raises
    ------
    InputError
        If an input cannot be read, or no ECG is left.
    """
    rules = settings or BuildSettings()
    target = Path(out)
    _check_place(target, [Path(ecgs)])
    mapping = load_columns(columns)
    default_key = target.resolve().with_name(f"{target.resolve().name}.key")
    if (target / "run.json").is_file() and not Path(key_file or default_key).exists():
        raise InputError(f"{key_file or default_key}: the key of the build in {target} is not there, and another makes "
                         "other pseudonyms; put it back, or choose a new folder")  # fmt: skip
    pseudonyms = Pseudonyms(load_key(key_file or default_key, target),
                            leading_zeros=mapping.leading_zeros)  # fmt: skip
    report = progress or Progress()
    private = target / PRIVATE
    pieces = private / "pieces"
    pieces.mkdir(parents=True, exist_ok=True)
    private.chmod(0o700)

    paths = {"reports": reports, "statements": statements, "procedures": procedures, "followup": followup,
             "identifiers": identifiers}  # fmt: skip
    _check_headers(Path(ecgs), paths, mapping)
    intakes: dict[str, Intake] = {}
    for name, path in paths.items():
        if path is not None:
            with report.task(f"Reading {name}", total=1) as advance:
                intakes[name] = read_table(path, name, mapping=mapping, pseudonyms=pseudonyms, folder=pieces,
                                           timezone=rules.timezone, workers=workers, progress=advance)  # fmt: skip
    check_zeros(list(intakes.values()), mapping)
    aliases = _aliases(intakes.get("identifiers"))
    tables = {name: _one_patient(intake.rows, aliases) for name, intake in intakes.items()}
    items, parts = list_recordings(Path(ecgs), mapping, pseudonyms, rules.timezone)
    known = set(tables["reports"].loc[tables["reports"]["reason"] == "", "patient"])
    with report.task("Reading ECGs", total=len(items)) as advance:
        ecg_rows = read_recordings(
            items,
            recordings_module.Rules(Path(ecgs), mapping.ecgs, pseudonyms, rules.timezone, rules.limits),
            parts=parts, folder=pieces, store=target / "waveforms", workers=workers, progress=advance,
            wanted=lambda patient: aliases.get(patient, patient) in known,
            wanted_key=sha256_json([sorted(known), sorted(aliases.items())]),
        )  # fmt: skip
    ecg_rows = join_formats(_one_patient(ecg_rows, aliases), target / "waveforms")
    named = tables["reports"]["patient"].isin(ecg_rows.loc[ecg_rows["reason"] == "", "patient"])
    due = set(tables["reports"].loc[named & (tables["reports"]["reason"] == ""), "row"])
    with report.task("Grading reports", total=len(due)) as advance:
        graded = grade_reports(intakes["reports"], due, mapping=mapping, workers=workers, progress=advance)
    # Of a million reports most are of people without recordings: they are counted, and no more is made of them.
    said = with_grades(tables["reports"][named], graded.rows)
    said, exams = examinations.examinations(said, pseudonyms)
    tables["reports"] = tables["reports"].assign(
        reason=tables["reports"]["reason"].astype(object).mask(named, said["reason"]),
        exam=said["exam"].reindex(tables["reports"].index, fill_value=0),
    )
    linked = _linked(ecg_rows, tables, exams, rules)
    linked["cohort"] = _roles(linked, exams, rules)
    kept = linked[linked["reason"] == ""]
    if kept.empty:
        counts = linked["reason"].value_counts()
        # Why, but not which: names of files name patients, and what is said here ends up in logs.
        notes = linked.loc[linked["reason"] == str(recordings_module.Reason.UNREADABLE), "note"].iloc[:1]
        told = [without_quotes(note.partition(": ")[2] or note) for note in notes]
        raise InputError(f"{ecgs}: none of {len(linked)} recordings enters the cohort",
                         *(f"{n} of them: {why}" for why, n in counts.items()),
                         *(f"the first of them: {note}" for note in told))  # fmt: skip

    used = tables["reports"].loc[
        tables["reports"]["exam"].isin(kept["exam"]) & (tables["reports"]["exam"] != 0)
    ]
    readings = readers.gather(graded.readings, used[["row", "exam"]])
    if reader is not None:
        with report.task("Second reader", total=max(len(used), 1)) as advance:
            readings = readers.add_second(readings, intakes["reports"], mapping, reader, advance)
    readings = readers.settle(readings)
    if reader is not None:
        exams = readers.settled_grades(readings, exams)

    table = cohort_table(kept, exams, tables, pseudonyms=pseudonyms, rules=rules, data_kind=mapping.data_kind)
    flow = account.flow(linked, exams, rules=rules.linkage)
    accounts = _accounts(linked, tables, parts)
    record = _record(paths, intakes, ecg_rows, mapping, columns, pseudonyms, rules, workers=workers)
    path = write_outputs(target, table, linked=linked, exams=exams, readings=readings, flow=flow, accounts=accounts,
                         reports=tables["reports"], record=record,
                         private=private if rules.private else None, items=items, parts=parts,
                         texts=lambda rows: readers.report_texts(intakes["reports"].path, mapping, rows))  # fmt: skip
    if not rules.private:
        shutil.rmtree(private)
    return path


def _check_place(out: Path, inputs: Sequence[Path]) -> None:
    ours = (out / PRIVATE / "pieces").is_dir() or (out / "run.json").is_file()
    if not is_empty(out) and not ours:
        raise InputError(f"{out}: holds files that are not of a build; choose an empty or new folder")
    for folder in inputs:
        if out.resolve().is_relative_to(folder.resolve()) or folder.resolve().is_relative_to(out.resolve()):
            raise InputError(f"{out}: the results and the recordings in {folder} must not lie in each other")


def _check_headers(ecgs: Path, paths: dict[str, Any], mapping: ColumnsMap) -> None:
    """Find what is missing in any input before hours are spent on the first."""
    faults = [] if ecgs.is_dir() else [f"{ecgs}: no such folder; give the folder of ECG files"]
    for name, path in paths.items():
        if path is not None:
            try:
                Table(Path(path), name, mapping.table(name))
            except InputError as error:
                faults += error.faults
    if faults:
        raise InputError(*faults)


def _aliases(intake: Intake | None) -> dict[int, int]:
    if intake is None:
        return {}
    usable = intake.rows[intake.rows["reason"] == ""]
    return merge(zip(usable["patient"].tolist(), usable["same_as"].tolist(), strict=True))


def _one_patient(rows: pd.DataFrame, aliases: dict[int, int]) -> pd.DataFrame:
    """Give patients under several identifiers one number."""
    several = rows["patient"].isin(list(aliases))
    if not several.any():
        return rows
    patient = rows["patient"].to_numpy(copy=True)
    patient[several] = [aliases[p] for p in patient[several]]
    return rows.assign(patient=patient)


def _linked(ecg_rows: pd.DataFrame, tables: dict[str, pd.DataFrame], exams: pd.DataFrame,
            rules: BuildSettings) -> pd.DataFrame:  # fmt: skip
    """Link, take in statements, procedures and follow-up, and extend the reasons of those tables' rows."""
    treated = None
    if "procedures" in tables:
        rows = tables["procedures"]
        rows["reason"] = rows["reason"].astype(object).mask((rows["reason"] == "") & (rows["kind"] == ""),
                                                            outcomes.NEITHER)  # fmt: skip
        again = rows["content"].duplicated() & (rows["reason"] == "")
        rows["reason"] = rows["reason"].mask(again, examinations.IDENTICAL)
        treated = rows[rows["reason"] == ""]
    linked = linkage.link(ecg_rows, tables["reports"], exams, treated, rules=rules.linkage)
    linked["statement"] = pd.array([pd.NA] * len(linked), dtype="Int64")
    if "statements" in tables:
        rows = tables["statements"] = outcomes.usable_statements(tables["statements"])
        # By the time in the file: where clocks disagree, the linkage has moved it.
        found = outcomes.match_statements(ecg_rows, rows, minutes=rules.linkage.statement_minutes)
        said = rows["ecg_normal"].reindex(found.dropna().astype(int)).to_numpy()
        linked.loc[found.notna(), "ecg_normal"] = said
        free = (rows["reason"] == "") & ~rows.index.isin(found.dropna())
        rows["reason"] = rows["reason"].mask(free, outcomes.NO_ECG)
    patients = linked.loc[linked["reason"] == "", "patient"]
    paired = linked.loc[linked["exam"] != 0, "patient"]
    if "procedures" in tables:
        rows = tables["procedures"]
        free = (rows["reason"] == "") & ~rows["patient"].isin(paired)
        rows["reason"] = rows["reason"].mask(free, "patient has no paired ECG")
    if "followup" in tables:
        tables["followup"] = outcomes.account_events(tables["followup"], patients)
    if treated is not None:
        tables["treated"] = treated
    return linked


def _roles(linked: pd.DataFrame, exams: pd.DataFrame, rules: BuildSettings) -> pd.Series:
    """Role of each recording's patient: by the site of the examination, else of the patient's first."""
    site = exams.set_index("exam")["site"]
    own = exams.sort_values("ccta_time").drop_duplicates("patient").set_index("patient")["site"]
    place = linked["exam"].map(site).astype(object)
    place = place.where(place.notna(), linked["patient"].map(own))
    role = pd.Series(rules.cohort, index=linked.index, dtype=object)
    return role.mask(place.isin(rules.external_sites), "external")


def _accounts(
    linked: pd.DataFrame, tables: dict[str, pd.DataFrame], parts: list[tuple[int, str]]
) -> pd.DataFrame:
    frames = [account_rows("ecgs", linked, linked["ecg_id"].to_numpy(dtype=object)),
              account_parts(parts, len(linked) + 1)]  # fmt: skip
    for name, rows in tables.items():
        if name == "treated":
            continue
        ids = None
        if name == "reports":
            ids = exam_labels(rows["exam"])
            rows = rows.assign(reason=account.report_reasons(rows, linked))
        frames.append(account_rows(name, rows, ids))
    return pd.concat(frames, ignore_index=True)


def _record(paths: dict[str, Any], intakes: dict[str, Intake], ecg_rows: pd.DataFrame, mapping: ColumnsMap,
            columns: str | os.PathLike[str] | None, pseudonyms: Pseudonyms, rules: BuildSettings, *,
            workers: int) -> dict[str, Any]:  # fmt: skip
    """What run.json says: hashes, settings, versions; no name of a file, for it may hold a patient's."""
    inputs = {name: {"sha256": i.sha256, "rows": len(i.rows), "unread_cells": i.unread, "ignored_columns": i.ignored}
              for name, i in intakes.items()}  # fmt: skip
    inputs["ecgs"] = {"sha256": sha256_json(ecg_rows["source_sha256"].tolist()), "rows": len(ecg_rows)}
    packages = ("numpy", "pandas", "pyarrow", "scipy", "wfdb", "pydicom", "sierraecg", "edfio", "openpyxl")
    return {
        "command": "cohort build", "version": __version__, "inputs": inputs, "settings": asdict(rules),
        "columns_sha256": None if columns is None else sha256_file(columns), "key_fingerprint": pseudonyms.fingerprint,
        "leading_zeros": mapping.leading_zeros, "workers": workers, "versions": {p: _version(p) for p in packages},
    }  # fmt: skip


def _version(package: str) -> str | None:
    from importlib.metadata import PackageNotFoundError

    try:
        return version(package)
    except PackageNotFoundError:
        return None
