"""Maps of columns, and what is said when one does not fit."""

from __future__ import annotations

from pathlib import Path

import pytest

from ccta_lib.cohort.exports.columns import INPUTS, ColumnsMap, TableMap, find_columns, form, load_columns
from ccta_lib.errors import InputError

CHINESE = """
data_kind: simulated
patient_ids: {leading_zeros: keep}
ecgs: {pattern: "(?P<patient_id>[0-9]+)_(?P<ecg_time>[0-9]{8})", dates: "%Y%m%d", sampling_hz: 500}
reports:
  encoding: gb18030
  sheet: 报告
  columns: {patient_id: 患者编号, ccta_time: 检查日期, report: 诊断}
  dates: {ccta_time: "%Y-%m-%d"}
  values: {sex: {1: M, 2: F}}
"""


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "map.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_chinese_map(tmp_path: Path) -> None:
    mapping = load_columns(write(tmp_path, CHINESE))
    reports = mapping.table("reports")
    assert (mapping.data_kind, mapping.leading_zeros, mapping.ecgs.sampling_hz) == ("simulated", "keep", 500)
    assert (reports.encoding, reports.sheet, reports.values) == (
        "gb18030",
        "报告",
        {"sex": {"1": "M", "2": "F"}},
    )
    assert reports.date_format("ccta_time") == "%Y-%m-%d"
    assert reports.date_format("birth_date") is None
    assert mapping.table("statements") == TableMap()
    found = find_columns(
        ["诊断", "患者编号", "x", "检查日期"], name="reports", given=reports, source="r.xlsx"
    )
    assert found == {"patient_id": 1, "ccta_time": 3, "report": 0}
    assert load_columns(None) == ColumnsMap()


def test_headers_do_not_depend_on_case_or_space() -> None:
    found = find_columns(
        [" Patient_ID ", "Procedure_Time", "PROCEDURE"], name="procedures", given=TableMap(), source="p"
    )
    assert found == {"patient_id": 0, "procedure_time": 1, "procedure": 2}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("report: {}", "unknown part 'report'; nearest: reports"),
        ("reports: {colums: {}}", "unknown key 'colums'; nearest: columns"),
        ("reports: {columns: {patientid: x}}", "unknown column 'patientid'; nearest: patient_id"),
        ("reports: {encoding: utf-99}", "encoding 'utf-99' is unknown"),
        ("reports: {dates: {report: '%Y'}}", "unknown time column 'report'"),
        ("reports: {values: {sex: {1: male}}}", "'1' becomes 'male'; expected one of F, M"),
        ("ecgs: {pattern: '['}", "no regular expression"),
        ("ecgs: {pattern: '[0-9]+'}", "has no group"),
        ("ecgs: {sampling_hz: -5}", "sampling_hz is -5"),
        ("data_kind: invented", "data_kind is 'invented'"),
        ("patient_ids: {leading_zeros: yes}", "leading_zeros is True"),
        ("[1, 2]", "holds a list"),
        ("a: [", "cannot be read as YAML"),
    ],
)
def test_a_wrong_map_is_told_in_one_line(tmp_path: Path, text: str, says: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(InputError) as error:
        load_columns(path)
    assert len(error.value.faults) == 1
    assert str(path) in error.value.faults[0]
    assert says in error.value.faults[0]


@pytest.mark.parametrize(
    ("headers", "given", "says"),
    [
        (["patient_no", "ccta_time", "report"], {}, "there is no column patient_id"),
        (["patient_no", "ccta_time", "report"], {}, "nearest: patient_no"),
        (["patient_id", "ccta_time", "text"], {}, "neither a column report nor one per vessel"),
        (
            ["患者编码", "ccta_time", "report"],
            {"patient_id": "患者编号"},
            "no header '患者编号', which the map gives for patient_id; nearest: 患者编码",
        ),
        (["patient_id", "ccta_time", "report", "Report"], {}, "occurs 2 times"),
    ],
)
def test_a_missing_column_names_the_nearest(headers: list[str], given: dict[str, str], says: str) -> None:
    with pytest.raises(InputError, match=r"reports\.csv") as error:
        find_columns(headers, name="reports", given=TableMap(columns=given), source="reports.csv")
    assert len(error.value.faults) == 1
    assert says in error.value.faults[0]


def test_a_form_does_not_say_what_it_is() -> None:
    assert form("ZS-0042 王伟") == "aa-9999 aa"


def test_every_column_has_a_meaning() -> None:
    assert all(rule.meaning for table in INPUTS.values() for rule in table.values())
