"""CSV and workbooks, row by row, with what spreadsheets do to them."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import openpyxl
import pytest

from ccta_lib.cohort.exports.columns import TableMap
from ccta_lib.cohort.exports.tables import Table
from ccta_lib.errors import InputError

HEADER = "patient_id,procedure_time,procedure"


def csv(tmp_path: Path, text: str | bytes, name: str = "p.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def read(path: Path, size: int = 3, **given: object) -> list:
    return list(Table(path, "procedures", TableMap(**given)).pieces(size))


def test_rows_are_numbered_as_a_spreadsheet_does(tmp_path: Path) -> None:
    text = (
        f'{HEADER}\n1,2024-01-01,"PCI\nof the LAD"\n\n2,2024-01-02,CABG\n3,x,y,\n4,x,y,slipped\n5,x\n,,\n\n\n'
    )
    first, second = read(csv(tmp_path, text))
    assert (first.rows, second.rows) == ([2, 3, 4], [5, 6, 7])
    assert first.cells[0] == ("1", "2024-01-01", "PCI\nof the LAD")
    assert first.cells[1] == (None, None, None)
    assert (first.overlong, second.overlong) == ([], [1])
    assert second.cells[2] == ("5", "x", None)
    assert (first.number, second.number) == (0, 1)


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_other_separators(tmp_path: Path, delimiter: str) -> None:
    text = f"{HEADER}\n1,2024,a\n".replace(",", delimiter)
    assert read(csv(tmp_path, text))[0].cells == [("1", "2024", "a")]


def test_encodings(tmp_path: Path) -> None:
    text = f"{HEADER}\n1,2024,冠脉支架\n"
    path = csv(tmp_path, text.encode("gb18030"))
    assert read(path, encoding="gb18030")[0].cells[0][2] == "冠脉支架"
    with pytest.raises(InputError, match=r"not UTF-8.*gb18030"):
        read(path)
    assert read(csv(tmp_path, b"\xef\xbb\xbf" + text.encode()))[0].cells[0] == ("1", "2024", "冠脉支架")


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("p.csv", "", "first row is empty"),
        ("p.csv", f'{HEADER}\n1,2,"open\n', "unclosed quote"),
        ("p.pdf", "x", "ends in .pdf"),
        ("p.xlsx", "x", "cannot be opened as a workbook"),
        ("p.xls", "x", "ends in .xls"),
    ],
)
def test_what_is_no_table(tmp_path: Path, name: str, text: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        read(csv(tmp_path, text, name))
    with pytest.raises(InputError, match="no such file"):
        read(tmp_path / "absent.csv")


@pytest.fixture
def book(tmp_path: Path) -> Path:
    path = tmp_path / "p.xlsx"
    workbook = openpyxl.Workbook()
    workbook.active.title = "notes"
    sheet = workbook.create_sheet("list")
    sheet.append(HEADER.split(","))
    sheet.append([123, datetime(2024, 3, 1, 8, 5), "PCI"])
    sheet.append([124.0, 45352.5, None])
    sheet.append([None, None, None])
    sheet["A9"].number_format = "0"
    workbook.save(path)
    return path


def test_a_sheet_of_a_workbook(book: Path) -> None:
    (piece,) = read(book, sheet="list")
    assert piece.cells == [(123, datetime(2024, 3, 1, 8, 5), "PCI"), (124, 45352.5, None)]
    with pytest.raises(InputError, match="no sheet 'lists'; nearest: list"):
        read(book, sheet="lists")


def test_merged_cells_are_refused(book: Path) -> None:
    workbook = openpyxl.load_workbook(book)
    workbook["list"].merge_cells("A2:A3")
    workbook.save(book)
    with pytest.raises(InputError, match=r"merged cells \(A2:A3\)"):
        read(book, sheet="list")
