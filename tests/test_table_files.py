"""Tables from outside: what a spreadsheet, a torn copy or somebody with intent makes of a contract table is refused."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ccta_lib import table_files
from ccta_lib.errors import TableError
from ccta_lib.schema import is_prediction_table, read_cohort, write_table
from ccta_lib.table_files import read_csv, read_parquet

HEADERS = "ecg_id,patient_id,waveform,age,sex,ecg_time,ccta_time,grade_rca,prior_mi"
ROW = "e1,p1,w,61,F,2024-03-01,2024-03-02,mild,true"


def write(folder: Path, *lines: str, encoding: str = "utf-8", end: str = "\n") -> Path:
    path = folder / "cohort.csv"
    path.write_bytes("".join(f"{line}{end}" for line in lines).encode(encoding))
    return path


def changed(folder: Path, column: str, value: str) -> Path:
    """A table of one row in which one cell was changed."""
    cells = dict(zip(HEADERS.split(","), ROW.split(","), strict=True)) | {column: f'"{value}"'}
    return write(folder, HEADERS, ",".join(cells.values()))


def faults(path: Path) -> list[str]:
    with pytest.raises(TableError) as caught:
        read_cohort(path)
    assert all("\n" not in fault for fault in caught.value.faults)
    return caught.value.faults


def test_a_doubled_header_is_refused_and_not_renamed(tmp_path: Path) -> None:
    path = write(tmp_path, HEADERS.replace("prior_mi", "sex"), ROW.replace("true", "M"))
    assert faults(path) == [f"{path}: column sex occurs twice; keep one"]


def test_every_row_with_another_number_of_cells_is_named(tmp_path: Path) -> None:
    torn, slipped = "e2,p2,w,61,F", "e3,p3,w,63,5,F,,,mild,true"
    found = faults(write(tmp_path, HEADERS, ROW, torn, slipped, ROW.replace("e1", "e4")))
    assert [f.partition("; ")[0].partition(": ")[2] for f in found] == [
        "line 3 has 5 cells, there are 9 headers",
        "line 4 has 10 cells, there are 9 headers",
    ]
    # The first row alone decides nothing: where it was the long one, its cells used to be dropped without a word.
    assert "line 2 has 11 cells" in faults(write(tmp_path, HEADERS, f"{ROW},more,and more"))[0]
    assert len(read_cohort(write(tmp_path, HEADERS, f"{ROW},,"))) == 1
    assert len(faults(write(tmp_path, HEADERS, *["e,p"] * 50))) == 21


def test_a_cut_anywhere_is_refused_or_loses_only_the_end_of_the_last_cell(tmp_path: Path) -> None:
    """A CSV has no end mark: what is left of its last cell can be a value of its own, and no reader could tell."""
    whole = f"{HEADERS}\n{ROW}\n{ROW.replace('e1,p1', 'e2,p2')}\n"
    truth = read_cohort(write(tmp_path, *whole.splitlines()))
    start_of_last_cell = whole.rindex(",") + 1
    kept = 0
    for length in range(len(whole)):
        path = tmp_path / "cut.csv"
        path.write_text(whole[:length])
        try:
            found = read_cohort(path)
        except TableError:
            continue
        kept += 1
        pd.testing.assert_frame_equal(
            found.drop(columns="prior_mi"), truth.head(len(found)).drop(columns="prior_mi")
        )
        assert length >= start_of_last_cell or whole[:length].rstrip("\n") in (
            f"{HEADERS}\n{ROW}",
            f"{HEADERS}\n{ROW.removesuffix('true')}",
        )
    assert kept >= 3


@pytest.mark.parametrize("column", ["ecg_id", "patient_id"])
@pytest.mark.parametrize("value", ["#N/A", "#REF!", "#####", "1.23457E+15", "1,2e15", "123.0", "=A1&B1", "p\u200b1",
                                   "p\u202e1", "p\x1b[31m", "a\nb"])  # fmt: skip
def test_what_a_spreadsheet_makes_of_an_identifier_is_refused(
    tmp_path: Path, column: str, value: str
) -> None:
    found = faults(changed(tmp_path, column, value))
    assert any(f"column {column}: found" in f and "expected an identifier as text" in f for f in found)
    assert not any(f"column {column}: found an empty cell" in f for f in found)


@pytest.mark.parametrize("value", ["123", "00123", "123.5", "P1-#2", "1e", "E+15", "张伟", "a=b"])
def test_other_identifiers_are_kept_to_the_letter(tmp_path: Path, value: str) -> None:
    assert read_cohort(changed(tmp_path, "patient_id", value))["patient_id"][0] == value


@pytest.mark.parametrize(
    "value", ["63,5", "1,000", "6_3", "0x3F", "'63", "=60+3", "#N/A", "nan", "inf", "1e999", "63a"]
)
def test_what_is_no_number_is_none(tmp_path: Path, value: str) -> None:
    assert "expected a number" in faults(changed(tmp_path, "age", value))[0]


@pytest.mark.parametrize("value", ["63", " 63 ", "63.", "+63", "6.3e1", "63.000"])
def test_a_number_is_one(tmp_path: Path, value: str) -> None:
    assert read_cohort(changed(tmp_path, "age", value))["age"][0] == 63


@pytest.mark.parametrize("value", ["45352", "45352.5", "03/04/2024", "01.02.2024", "1/2/03", "Mar 4 2024", "now",
                                   "today", "12:30", "2024", "2024Q1", "2024-W10", "202431", "2024-13-01", "2024-02-30",
                                   "2024-03-01T25:00", "5000-01-01", "0001-01-01", "1900-01-00", "NaT"])  # fmt: skip
def test_a_time_is_a_day_and_only_one(tmp_path: Path, value: str) -> None:
    assert "expected a time such as" in faults(changed(tmp_path, "ecg_time", value))[0]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2024-03-01", "2024-03-01"),
        ("2024/3/1 8:05", "2024-03-01 08:05"),
        ("20240301T0805", "2024-03-01 08:05"),
        ("2024-03-01 08:05:06.123456789", "2024-03-01 08:05:06.123456789"),
        ("2024-03-01T08:05:06,5", "2024-03-01 08:05:06.5"),
    ],
)
def test_times_as_programs_write_them(tmp_path: Path, value: str, expected: str) -> None:
    assert read_cohort(changed(tmp_path, "ecg_time", value))["ecg_time"][0] == pd.Timestamp(expected)


def test_an_offset_is_taken_to_utc_in_text_and_parquet_alike(tmp_path: Path) -> None:
    row = ROW.replace("2024-03-01", "2024-03-01T08:00+08:00").replace("2024-03-02", "2024-03-02T00:00-0130")
    table = read_cohort(write(tmp_path, HEADERS, row))
    assert table["ecg_time"][0] == pd.Timestamp("2024-03-01 00:00")
    assert table["ccta_time"][0] == pd.Timestamp("2024-03-02 01:30")
    zoned = table.assign(**{c: table[c].dt.tz_localize("UTC").dt.tz_convert("Asia/Shanghai")
                            for c in ("ecg_time", "ccta_time")})  # fmt: skip
    write_table(zoned, tmp_path / "t.parquet")
    pd.testing.assert_series_equal(read_cohort(tmp_path / "t.parquet")["ecg_time"], table["ecg_time"])


def test_times_with_and_without_offset_do_not_mix(tmp_path: Path) -> None:
    found = faults(changed(tmp_path, "ecg_time", "2024-03-01T08:00+08:00"))
    assert "column ecg_time) and some have none (column ccta_time)" in found[0]


@pytest.mark.parametrize("encoding", ["utf-16", "gb18030", "latin-1"])
def test_other_encodings_are_refused(tmp_path: Path, encoding: str) -> None:
    text = ROW.replace("p1", "Zoë" if encoding == "latin-1" else "张伟")
    assert "not UTF-8" in faults(write(tmp_path, HEADERS, text, encoding=encoding))[0]


def test_text_that_is_none(tmp_path: Path) -> None:
    assert "holds a NUL" in faults(write(tmp_path, HEADERS, ROW.replace("p1", "p1\0x")))[0]
    assert "unclosed quote" in faults(write(tmp_path, HEADERS, ROW.replace("p1", '"p1')))[0]
    assert "unclosed quote" in faults(write(tmp_path, HEADERS, ROW.replace("p1", "x" * 1_000_001)))[0]
    assert "parted by ';'" in faults(write(tmp_path, HEADERS.replace(",", ";"), ROW.replace(",", ";")))[0]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_marks_and_line_ends_do_not_matter(tmp_path: Path, encoding: str, end: str) -> None:
    path = write(tmp_path, HEADERS, "", ROW, "", encoding=encoding, end=end)
    assert read_cohort(path)["patient_id"].tolist() == ["p1"]
    assert not is_prediction_table(path)


def test_a_csv_is_what_pandas_reads_where_nothing_is_wrong_with_it(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    words = np.array(['a "b" c', "x,y", "line\nbreak", "", "  space ", "重度狭窄", "NA", "1e5", "001"])
    frame = pd.DataFrame({c: generator.choice(words, 25_000) for c in "abcde"})
    frame.to_csv(tmp_path / "t.csv", index=False)
    found = read_csv(tmp_path / "t.csv")
    expected = pd.read_csv(tmp_path / "t.csv", dtype=str, keep_default_na=False)
    pd.testing.assert_frame_equal(found, expected)
    pd.testing.assert_frame_equal(found, frame)


def test_a_file_that_declares_too_much_is_refused_before_it_is_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = pa.array(np.zeros(3_000_000, dtype=np.int8))
    pq.write_table(pa.table({"ecg_id": rows}), tmp_path / "t.parquet")
    assert (tmp_path / "t.parquet").stat().st_size < 20_000
    monkeypatch.setattr(table_files, "MOST_ROWS", 1_000_000)
    with pytest.raises(TableError, match="declares 3,000,000 rows"):
        read_parquet(tmp_path / "t.parquet")
    write(tmp_path, "a", *["1"] * 1000)
    monkeypatch.setattr(table_files, "MOST_ROWS", 999)
    with pytest.raises(TableError, match="more than 999 rows"):
        read_csv(tmp_path / "cohort.csv")


@pytest.mark.parametrize(
    ("column", "values", "what"),
    [
        ("patient_id", [b"p1", b"p2"], "bytes"),
        ("patient_id", [["p1"], ["p2"]], "mixed"),
        ("patient_id", [{"a": 1}, {"a": 2}], "mixed"),
        ("patient_id", [1.0, 2.0], "expected an identifier"),
        ("age", [pd.Timedelta("63D"), pd.Timedelta("1D")], "timedelta"),
        ("ecg_time", [pd.Timestamp("5000-01-01").as_unit("s"), pd.NaT], "expected a time"),
        ("ecg_time", [1709251200000000000, 1709251200000000001], "expected a time"),
    ],
)
def test_types_of_parquet_that_are_not_the_columns_own(
    tmp_path: Path, column: str, values: list, what: str
) -> None:
    frame = pd.DataFrame({"ecg_id": ["e1", "e2"], "patient_id": ["p1", "p2"], "waveform": ["a", "b"]})
    frame[column] = pd.Series(values)
    frame.to_parquet(tmp_path / "t.parquet")
    assert any(f"column {column}" in f and what in f for f in faults(tmp_path / "t.parquet"))


def test_types_of_parquet_that_say_the_same(tmp_path: Path) -> None:
    frame = pd.DataFrame({"ecg_id": [1, 2], "patient_id": pd.Categorical(["p1", "p2"]), "waveform": ["a", "b"],
                          "age": [Decimal("63"), None], "prior_mi": [1.0, None]})  # fmt: skip
    frame.to_parquet(tmp_path / "t.parquet")
    table = read_cohort(tmp_path / "t.parquet")
    assert table["ecg_id"].tolist() == ["1", "2"]
    assert table["patient_id"].tolist() == ["p1", "p2"]
    assert table["age"][0] == 63
    assert table["prior_mi"].tolist() == [True, pd.NA]
