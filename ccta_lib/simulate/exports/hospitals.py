"""How each of two hospitals writes its tables: headers, times, words, file kinds, and the map that explains them."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import yaml

from ccta_lib.files import atomic_path

_ZH_HEADERS = {
    "reports": {"patient_id": "患者编号", "exam_id": "检查号", "name": "姓名", "sex": "性别", "birth_date": "出生日期",
                "address": "家庭住址", "telephone": "联系电话", "ccta_time": "检查时间",
                "history": "既往史", "report": "检查报告"},
    "statements": {"patient_id": "患者编号", "ecg_time": "采集时间", "statement": "心电图诊断", "name": "姓名"},
    "procedures": {"patient_id": "患者编号", "procedure_time": "手术日期", "procedure": "手术名称", "name": "姓名"},
    "followup": {"patient_id": "患者编号", "last_contact": "末次随访", "event": "事件", "event_time": "事件日期",
                 "telephone": "联系电话"},
    "identifiers": {"patient_id": "患者编号", "same_as": "另一编号"},
    "manifest": {"path": "文件", "patient_id": "患者编号", "ecg_time": "采集时间"},
}  # fmt: skip
_EN_COLUMNS = {
    "reports": ("patient_id", "exam_id", "name", "sex", "birth_date", "age", "address", "telephone", "ccta_time",
                "history", "report"),
    "statements": ("patient_id", "ecg_time", "statement", "name"),
    "procedures": ("patient_id", "procedure_time", "procedure", "name"),
    "followup": ("patient_id", "last_contact", "event", "event_time", "telephone"),
    "identifiers": ("patient_id", "same_as"),
    "manifest": ("path", "patient_id", "ecg_time"),
}  # fmt: skip
_ZH_EVENTS = {"mi": "心肌梗死", "death": "死亡", "revascularisation": "血运重建", "none": "无"}
_EN_DATE, _EN_TIME = "%d.%m.%Y", "%d.%m.%Y %H:%M:%S"
EN_NAME = r"(?P<patient_id>PLANTED-E[NR]-\d{5})(?:_(?P<ecg_time>\d{14}))?"
"""Pattern of the second hospital's file names of bare arrays."""


def write_table(folder: Path, name: str, rows: Sequence[Mapping[str, Any]], *, language: str) -> Path:
    """Write one table as its hospital does.

    The Chinese hospital writes reports as a workbook (in which identifiers lose their leading zeros) and the
    rest as CSV in GB18030; the other writes CSV in UTF-8, with German dates in the statements.
    """
    if language == "zh":
        headers = _ZH_HEADERS[name]
        cells = [[_chinese(name, c, row.get(c)) for c in headers] for row in rows]
        if name == "reports":
            return _workbook(folder / "reports.xlsx", "报告", [*headers.values()], cells)
        return _csv(
            folder / f"{name}.csv", [*headers.values()], cells, "utf-8" if name == "manifest" else "gb18030"
        )
    columns = _EN_COLUMNS[name]
    cells = [[_english(name, c, row.get(c)) for c in columns] for row in rows]
    return _csv(folder / f"{name}.csv", list(columns), cells, "utf-8")


def columns_map(language: str) -> str:
    """Return the text of columns.yaml, which explains a hospital's tables to `ccta cohort build --columns`."""
    if language == "en":
        return yaml.safe_dump({
            "ecgs": {"pattern": EN_NAME, "dates": "%Y%m%d%H%M%S", "sampling_hz": 500},
            "statements": {"dates": _EN_TIME},
            "data_kind": "simulated",
        }, allow_unicode=True, sort_keys=False)  # fmt: skip
    known = {"address", "telephone", "name"}
    tables: dict[str, Any] = {}
    for table, headers in _ZH_HEADERS.items():
        read = {c: h for c, h in headers.items() if c not in known or (table == "reports" and c == "name")}
        tables[table] = {"columns": read}
        if table not in ("reports", "manifest"):
            tables[table]["encoding"] = "gb18030"
    tables["reports"]["sheet"] = "报告"
    tables["followup"]["values"] = {"event": {word: event for event, word in _ZH_EVENTS.items()}}
    return yaml.safe_dump(
        {"ecgs": {"sampling_hz": 500}, **tables, "data_kind": "simulated"},
        allow_unicode=True,
        sort_keys=False,
    )


def _chinese(table: str, column: str, value: Any) -> Any:
    if value is None:
        return None
    if column in ("patient_id", "same_as"):
        # A workbook keeps them as numbers; the other systems keep the zeros.
        return int(value) if table == "reports" else value
    if column == "sex":
        return {"F": "女", "M": "男"}[value]
    if column == "event":
        return _ZH_EVENTS[value]
    if isinstance(value, datetime):
        if table == "reports":
            return value
        return (
            f"{value.year}年{value.month}月{value.day}日"
            if table in ("procedures", "followup")
            else f"{value:%Y/%m/%d %H:%M:%S}"
        )
    return value


def _english(table: str, column: str, value: Any) -> Any:
    if isinstance(value, datetime):
        return value.strftime(_EN_TIME) if table == "statements" else value.isoformat(timespec="seconds")
    if isinstance(value, date):
        return value.isoformat()
    if column == "sex" and value is not None:
        return {"F": "female", "M": "male"}[value]
    return value


def _csv(path: Path, headers: list[str], rows: list[list[Any]], encoding: str) -> Path:
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerow(headers)
    writer.writerows([["" if v is None else v for v in row] for row in rows])
    with atomic_path(path) as temporary:
        temporary.write_bytes(stream.getvalue().encode(encoding))
    return path


def _workbook(path: Path, sheet: str, headers: list[str], rows: list[list[Any]]) -> Path:
    import openpyxl  # type: ignore[import-untyped]

    book = openpyxl.Workbook()
    page = book.active
    page.title = sheet
    page.append(headers)
    for row in rows:
        page.append(row)
    stream = io.BytesIO()
    book.save(stream)
    with atomic_path(path) as temporary:
        temporary.write_bytes(_undated(stream.getvalue()))
    return path


def _undated(workbook: bytes) -> bytes:
    """Take out when a workbook was saved, so that the same rows are the same bytes."""
    stream = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(workbook)) as old,
        zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            content = old.read(name)
            if name == "docProps/core.xml":
                content = re.sub(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", b"2020-01-01T00:00:00Z", content)
            new.writestr(zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0)), content, zipfile.ZIP_DEFLATED)
    return stream.getvalue()
