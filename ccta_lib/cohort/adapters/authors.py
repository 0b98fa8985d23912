"""The column layout of the authors' own table to a cohort table: Chinese headers, one row per ECG.

The recordings are arrays (12, samples) in `.npy`, floating point = millivolt, integer = microvolt.
"""

from __future__ import annotations

import os
import re
from collections.abc import Hashable, Mapping
from datetime import datetime
from pathlib import Path, PureWindowsPath
from typing import Any

import numpy as np
import pandas as pd

from ccta_lib.cohort.adapters.table import finish, read_text_table, relative, require_files
from ccta_lib.cohort.formats.fields import clock_of, date_of, sex_of
from ccta_lib.errors import ParameterError, TableError, form
from ccta_lib.schema import Grade, Vessel

PATIENT, EXAM_DATE, ECG_PATH = "患者编号", "检查日期", "ECG文件路径"
RESULTS = {
    Vessel.RCA: "右冠状动脉主干_诊断结果",
    Vessel.LM: "左冠状动脉主干_诊断结果",
    Vessel.LAD: "左前降支_诊断结果",
    Vessel.LCX: "左回旋支_诊断结果",
}
WORDS = {
    "未见明显狭窄": Grade.NORMAL,
    "轻度狭窄": Grade.MILD,
    "中度狭窄": Grade.MODERATE,
    "重度狭窄": Grade.SEVERE,
    "完全堵塞": Grade.OCCLUDED,
}
AGE, SEX = "年龄", "性别"
_NEEDED = {PATIENT: "the patient", EXAM_DATE: "date of the CCTA", ECG_PATH: "the recording",
           **{column: f"result of the {vessel}" for vessel, column in RESULTS.items()}}  # fmt: skip
_CHINESE_DATE = re.compile(r"(\d{4})年(\d{1,2})月(\d{1,2})日?")


def cohort_from_authors(csv: str | os.PathLike[str], *, out: str | os.PathLike[str], sampling_hz: float,
                        site: str | None = None, cohort: str = "internal") -> Path:  # fmt: skip
    """Write the authors' table as a cohort table.

    Parameters
    ----------
    csv : path
        UTF-8 or GB18030. 年龄 and 性别 are taken where they are there; any other column is left out and named in
        adapted.json, since nobody knows what it identifies.
    out : path
        Folder of cohort.csv and adapted.json.
    sampling_hz : float
        Of all recordings: an array does not say.
    site, cohort : str
        Written into every row.

    Returns
    -------
    Path
        The cohort table. An empty result is an unknown grade.

    Raises
    ------
    InputError
        If a column or recording is missing, or a cell cannot be read (all of them are listed).
    """
    if not (np.isfinite(sampling_hz) and sampling_hz > 0):
        raise ParameterError(f"sampling_hz {sampling_hz:g}: expected a positive number")
    source, table_path = Path(csv), Path(out) / "cohort.csv"
    table = read_text_table(source, needed=_NEEDED)
    rows, faults = [], []
    recordings: dict[int, Path] = {}
    for line, cells in enumerate(table.to_dict("records"), start=2):
        row, wrong = _row(cells)
        faults += [f"{source}: line {line}, {what}" for what in wrong]
        if wrong:
            continue
        file = _recording(source, cells[ECG_PATH])
        recordings[line] = file
        rows.append(
            row
            | {
                "waveform": relative(file, table_path),
                "sampling_hz": sampling_hz,
                "site": site,
                "cohort": cohort,
            }
        )
    faults += _doubles(source, recordings)
    if faults:
        raise TableError(*faults)
    require_files(recordings, source=source, advice=f"paths in {ECG_PATH} count from the table's folder")
    frame = pd.DataFrame(rows)
    frame.insert(0, "ecg_id", _ecg_ids(frame))
    return finish(
        frame.dropna(axis=1, how="all"),
        out,
        layout="authors",
        sources=[source],
        settings={"sampling_hz": sampling_hz, "site": site, "cohort": cohort},
        notes={"left_out_columns": [c for c in table.columns if c not in {*_NEEDED, AGE, SEX}]},
    )


def _row(cells: Mapping[Hashable, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return one row of contract 1 without its recording, and what is wrong with it."""
    wrong = []
    patient, day = cells[PATIENT].strip(), cells[EXAM_DATE].strip()
    when = _moment(day)
    if not patient:
        wrong.append(f"column {PATIENT}: found an empty cell; every ECG belongs to a patient")
    if day and when is None:
        wrong.append(f"column {EXAM_DATE}: found the form {form(day)!r}; expected a date such as "
                     "2021-03-04 or 2021年3月4日")  # fmt: skip
    if not cells[ECG_PATH].strip():
        wrong.append(f"column {ECG_PATH}: found an empty cell; give the .npy file")
    row: dict[str, Any] = {
        "patient_id": patient,
        "exam_id": f"{patient}-{when:%Y%m%d}" if when else None,
        "ccta_time": when.isoformat() if when else None,
        "age": cells.get(AGE, "").strip().removesuffix("岁") or None,
        "sex": sex_of(cells.get(SEX)),
    }
    if cells.get(SEX, "").strip() and row["sex"] is None and cells[SEX].strip() not in {"未知", "不详"}:
        wrong.append(f"column {SEX}: found the form {form(cells[SEX])!r}; expected 男 or 女")
    for vessel, column in RESULTS.items():
        word = cells[column].strip()
        if word and word not in WORDS:
            wrong.append(
                f"column {column}: found the form {form(word)!r}; expected one of {', '.join(WORDS)}, or an empty cell"
            )
        row[vessel.grade_column] = str(WORDS[word]) if word in WORDS else None
    return row, wrong


def _moment(text: str) -> datetime | None:
    day, _, hour = _CHINESE_DATE.sub(r"\1-\2-\3", text).replace("T", " ").partition(" ")
    if not day[:4].isdecimal():  # 3/4/2021 is two days, and nothing in this layout says which
        return None
    found, clock = date_of(day), clock_of(hour) if hour.strip() else datetime.min.time()
    return datetime.combine(found, clock) if found and clock is not None else None


def _recording(source: Path, text: str) -> Path:
    """Return the file: from the table's folder unless absolute; paths of Windows are understood."""
    return (
        source.parent / Path(*PureWindowsPath(text.strip()).parts)
        if "\\" in text
        else source.parent / text.strip()
    )


def _doubles(source: Path, recordings: dict[int, Path]) -> list[str]:
    first: dict[Path, int] = {}
    return [
        f"{source}: line {line}, column {ECG_PATH}: the same recording as line {first[file]}; keep one"
        for line, file in recordings.items()
        if first.setdefault(file, line) != line
    ]


def _ecg_ids(frame: pd.DataFrame) -> list[str]:
    """Number the ECGs of each patient: the file's name may say more than it should."""
    return (frame["patient_id"] + "-" + (frame.groupby("patient_id").cumcount() + 1).astype(str)).tolist()
