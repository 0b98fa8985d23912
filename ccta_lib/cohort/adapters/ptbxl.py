"""PTB-XL (Wagner 2020) to a cohort table: infarct territories as proxies for stenosis.

**Proxies.** PTB-XL has no coronary CT. Its infarct statements name a territory of the heart wall, which stands here
for the artery that usually feeds it. A result on these grades is never a result about CCTA; `site` is `ptbxl`, so
that `data_kind` becomes `real_proxy` and says so on every figure.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from ccta_lib.cohort.adapters.table import finish, read_text_table, relative, require_files
from ccta_lib.errors import ParameterError, TableError
from ccta_lib.schema import Grade, Vessel

DATABASE = "ptbxl_database.csv"
STATEMENTS = "scp_statements.csv"
_ANTERIOR, _INFERIOR, _LATERAL = Vessel.LAD, Vessel.RCA, Vessel.LCX
# Septal and apical belong to the anterior wall, posterior to the lateral artery. LM feeds no territory alone.
TERRITORY: dict[str, tuple[Vessel, ...]] = {
    **dict.fromkeys(["AMI", "ASMI", "INJAS"], (_ANTERIOR,)),
    **dict.fromkeys(["ALMI", "INJAL"], (_ANTERIOR, _LATERAL)),
    **dict.fromkeys(["IMI", "INJIN"], (_INFERIOR,)),
    **dict.fromkeys(["ILMI", "IPMI", "IPLMI", "INJIL"], (_INFERIOR, _LATERAL)),
    **dict.fromkeys(["LMI", "PMI", "INJLA"], (_LATERAL,)),
}
# Ischaemia without infarct: it speaks against a normal artery and is no infarct, so the vessel stays unknown.
ISCHAEMIA: dict[str, tuple[Vessel, ...]] = {
    **dict.fromkeys(["ISCAS", "ISCAN"], (_ANTERIOR,)),
    "ISCAL": (_ANTERIOR, _LATERAL),
    "ISCIN": (_INFERIOR,),
    "ISCIL": (_INFERIOR, _LATERAL),
    "ISCLA": (_LATERAL,),
    "ISC_": (_ANTERIOR, _INFERIOR, _LATERAL),
}
GRADED = (Vessel.RCA, Vessel.LAD, Vessel.LCX)
_FILES = {500: "filename_hr", 100: "filename_lr"}
_OVER_89 = 300.0  # how PTB-XL writes an age over 89
_NEEDED = {
    "ecg_id": "identifier of the ECG",
    "patient_id": "identifier of the patient",
    "age": "years, 300 over 89",
    "sex": "0 male, 1 female",
    "recording_date": "start of the ECG",
    "scp_codes": "statements with their likelihood",
    "strat_fold": "the data set's own folds",
}


def cohort_from_ptbxl(folder: str | os.PathLike[str], *, out: str | os.PathLike[str], sampling_hz: int = 500,
                      likelihood: float = 50.0) -> Path:  # fmt: skip
    """Write PTB-XL as a cohort table.

    Parameters
    ----------
    folder : path
        As downloaded: ptbxl_database.csv, scp_statements.csv and the records.
    out : path
        Folder of cohort.csv and adapted.json.
    sampling_hz : 500 or 100
        Which of the two copies of each recording.
    likelihood : float
        Percent from which a statement counts. A lower one leaves the vessel unknown; 0 stands for "not stated"
        in PTB-XL and counts as lower.

    Returns
    -------
    Path
        The cohort table. A vessel whose territory holds an infarct is `severe`, the others are `normal` where the
        ECG has a diagnostic statement at all, else empty; LM is empty always.

    Raises
    ------
    InputError
        If a table or recording is missing, or a cell cannot be read (all of them are listed).
    """
    if sampling_hz not in _FILES:
        raise ParameterError(f"sampling_hz {sampling_hz}: PTB-XL has recordings at 500 and at 100 Hz")
    if not 0 < likelihood <= 100:
        raise ParameterError(f"likelihood {likelihood:g}: expected above 0, at most 100 percent")
    root, table_path = Path(folder), Path(out) / "cohort.csv"
    files = _FILES[sampling_hz]
    database = read_text_table(root / DATABASE, needed=_NEEDED | {files: "the recording"})
    classes = _diagnostic_classes(root / STATEMENTS)
    rows, faults = [], []
    recordings = {}
    for line, cells in enumerate(database.to_dict("records"), start=2):
        try:
            rows.append(_row(cells, classes, likelihood=likelihood))
        except ValueError as error:
            faults.append(f"{root / DATABASE}: line {line} (ecg_id {cells['ecg_id']}), {error}")
            continue
        recordings[line] = root / f"{cells[files]}.hea"
        rows[-1]["waveform"] = relative(root / cells[files], table_path)
        rows[-1]["sampling_hz"] = sampling_hz
    if faults:
        raise TableError(*faults)
    require_files(recordings, source=root / DATABASE, advice=f"download the recordings of {sampling_hz} Hz")
    over = int((pd.to_numeric(database["age"], errors="coerce") == _OVER_89).sum())
    return finish(
        pd.DataFrame(rows),
        out,
        layout="ptbxl",
        sources=[root / DATABASE, root / STATEMENTS],
        settings={"sampling_hz": sampling_hz, "likelihood": likelihood},
        notes={
            "ages_over_89_left_empty": over,
            "left_out_columns": sorted(set(database.columns) - set(_NEEDED) - {files}),
        },
    )


def _diagnostic_classes(path: Path) -> dict[str, str]:
    """Return the diagnostic class (NORM, MI, STTC, CD, HYP) of each diagnostic statement."""
    if not path.is_file():
        raise TableError(f"{path}: no such file; it belongs to PTB-XL")
    table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8")
    if not {"diagnostic", "diagnostic_class"} <= set(table.columns):
        raise TableError(f"{path}: column diagnostic or diagnostic_class is missing; it belongs to PTB-XL")
    diagnostic = table[table["diagnostic"].isin(["1", "1.0"])]
    return dict(zip(diagnostic.iloc[:, 0], diagnostic["diagnostic_class"], strict=True))


def _row(cells: Mapping[Hashable, Any], classes: dict[str, str], *, likelihood: float) -> dict[str, Any]:
    """Return one row of contract 1; ValueError says which column cannot be read."""
    codes = _codes(cells["scp_codes"])
    patient = _whole("patient_id", cells["patient_id"])
    age = float(cells["age"]) if cells["age"].strip() else None
    sex = {"0": "M", "0.0": "M", "1": "F", "1.0": "F", "": None}
    if cells["sex"].strip() not in sex:
        raise ValueError(f"column sex: found {cells['sex']!r}; expected 0 (male) or 1 (female)")
    ecg = _whole("ecg_id", cells["ecg_id"])
    row: dict[str, Any] = {
        "ecg_id": f"ptbxl-{ecg:05d}",
        "patient_id": f"ptbxl-{patient:05d}",
        "exam_id": f"ptbxl-{ecg:05d}",  # a proxy is read off one ECG, so each is an examination of its own
        "site": "ptbxl",
        "ecg_time": cells["recording_date"].strip() or None,
        "age": None if age == _OVER_89 else age,
        "sex": sex[cells["sex"].strip()],
        "ecg_normal": _normal(codes, classes, likelihood),
        "strat_fold": _whole("strat_fold", cells["strat_fold"]),
    }
    return row | {v.grade_column: grade for v, grade in _grades(codes, classes, likelihood).items()}


def _codes(text: str) -> dict[str, float]:
    try:
        found = ast.literal_eval(text)
        return {str(code): float(percent) for code, percent in found.items()}
    except (ValueError, SyntaxError, AttributeError, TypeError, MemoryError, RecursionError) as error:
        raise ValueError(
            f"column scp_codes: found {text[:60]!r}; expected statements with percentages"
        ) from error


def _whole(column: str, text: str) -> int:
    try:
        value = float(text)
        if value == int(value):
            return int(value)
    except (ValueError, OverflowError):
        pass
    raise ValueError(f"column {column}: found {text!r}; expected a whole number")


def _grades(codes: dict[str, float], classes: dict[str, str], likelihood: float) -> dict[Vessel, str | None]:
    diagnosed = any(code in classes and percent >= likelihood for code, percent in codes.items())
    grades: dict[Vessel, str | None] = dict.fromkeys(GRADED, str(Grade.NORMAL) if diagnosed else None)
    sure = {v for code, p in codes.items() if p >= likelihood for v in TERRITORY.get(code, ())}
    maybe = {v for code, p in codes.items() if p < likelihood for v in TERRITORY.get(code, ())}
    maybe |= {v for code in codes for v in ISCHAEMIA.get(code, ())}
    grades |= dict.fromkeys(maybe, None) | dict.fromkeys(sure, str(Grade.SEVERE))
    return grades | {Vessel.LM: None}


def _normal(codes: dict[str, float], classes: dict[str, str], likelihood: float) -> bool | None:
    found = {classes[code] for code, percent in codes.items() if code in classes and percent >= likelihood}
    return None if not found else found == {"NORM"}
