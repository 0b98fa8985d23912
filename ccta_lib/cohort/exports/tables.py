"""A table of any size, row by row: CSV and Excel workbooks in pieces, numbered as a spreadsheet numbers them."""

from __future__ import annotations

import csv
import re
import zipfile
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, cast

from ccta_lib.cohort.exports.cells import EXCEL_EPOCH, is_empty
from ccta_lib.cohort.exports.columns import TableMap, find_columns, nearest
from ccta_lib.cohort.exports.workbook import check_archive, readable_workbook
from ccta_lib.errors import InputError, MissingExtraError

PIECE_ROWS = 20_000
# A report has a few thousand characters; a cell of a million is an unclosed quote that swallows the file.
_LONGEST_CELL = 1_000_000
_EPOCH_1904 = datetime(1904, 1, 1)


class Piece(NamedTuple):
    """Some rows of a table.

    Attributes
    ----------
    number : int
        0, 1, 2, ... within the table.
    rows : list of int
        Row numbers; the header is row 1.
    cells : list of tuple
        Per row the cells of our columns, in the order of `Table.columns`.
    overlong : list of int
        Positions in `rows` of rows with a filled cell beyond the last header: their cells may have slipped.
    """

    number: int
    rows: list[int]
    cells: list[tuple[Any, ...]]
    overlong: list[int]


class Table:
    """A CSV file or a sheet of a workbook.

    Parameters
    ----------
    path : path
    name : str
        Which input it is, a key of `columns.INPUTS`.
    given : TableMap
        Its headers, encoding, sheet.

    Raises
    ------
    InputError
        If the file is missing, of another kind, wrongly encoded, has merged cells, or a column is missing.
    """

    def __init__(self, path: Path, name: str, given: TableMap) -> None:
        self.path, self.name, self.given = path, name, given
        self.epoch = EXCEL_EPOCH
        self.read, self.total = 0, 1  # how far a reader is: bytes of a CSV, rows of a sheet
        if not path.is_file():
            raise InputError(f"{path}: no such file; give {name} as CSV or XLSX")
        if path.suffix.lower() not in (".csv", ".tsv", ".txt", ".xlsx", ".xlsm"):
            raise InputError(f"{path}: ends in {path.suffix or 'nothing'}; expected .csv or .xlsx "
                             "(save an older .xls workbook as .xlsx)")  # fmt: skip
        rows = self._records()
        self.headers = [("" if h is None else str(h)) for h in next(rows, (0, ()))[1]]
        if all(is_empty(h) for h in self.headers):
            raise InputError(f"{path}: its first row is empty; expected the headers there")
        places = find_columns(self.headers, name=name, given=given, source=str(path))
        self.columns = list(places)
        self._places = list(places.values())
        self.width = 1 + max(i for i, h in enumerate(self.headers) if not is_empty(h))

    @property
    def unread(self) -> list[str]:
        """Headers that nothing reads."""
        return [h for i, h in enumerate(self.headers) if not is_empty(h) and i not in self._places]

    def pieces(self, size: int = PIECE_ROWS) -> Iterator[Piece]:
        """Yield the rows below the header, `size` at a time; empty rows at the end are left out.

        Only the current piece is in memory.
        """
        rows: list[int] = []
        cells: list[tuple[Any, ...]] = []
        overlong: list[int] = []
        number = 0
        empty: list[int] = []
        records = self._records()
        next(records)
        for row, record in records:
            if all(is_empty(c) for c in record):
                empty.append(row)
                continue
            # Empty rows count only once something follows them.
            for filled, content in [*((r, ()) for r in empty), (row, record)]:
                if any(not is_empty(c) for c in content[self.width :]):
                    overlong.append(len(rows))
                rows.append(filled)
                cells.append(tuple(content[i] if i < len(content) else None for i in self._places))
                if len(rows) == size:
                    yield Piece(number, rows, cells, overlong)
                    rows, cells, overlong, number = [], [], [], number + 1
            empty = []
        if rows:
            yield Piece(number, rows, cells, overlong)

    def _records(self) -> Iterator[tuple[int, Sequence[Any]]]:
        return self._workbook_rows() if self.path.suffix.lower().startswith(".xls") else self._csv_rows()

    def _csv_rows(self) -> Iterator[tuple[int, Sequence[Any]]]:
        csv.field_size_limit(_LONGEST_CELL)
        with open(self.path, encoding=self.given.encoding, newline="") as stream:
            row = width = length = 0
            try:
                first = stream.readline()
                stream.seek(0)
                delimiter = max(",;\t", key=first.count)
                self.total = max(self.path.stat().st_size, 1)
                for row, record in enumerate(csv.reader(stream, delimiter=delimiter, strict=True), start=1):
                    if row % 1000 == 0:
                        self.read = cast(Any, stream.buffer).tell()
                    if any("\0" in cell for cell in record):
                        raise InputError(f"{self.path}: row {row} holds a NUL, so it is no text in "
                                         f"{_name(self.given.encoding)}; export it again")  # fmt: skip
                    width = width or len(record)
                    length = len(record)
                    yield row, record
                if 0 < length < width and not _ends_with_a_line(self.path):
                    raise InputError(f"{self.path}: row {row}, the last, has {length} cells of {width} and no end: the "
                                     "file is cut short; export it again")  # fmt: skip
            except UnicodeDecodeError as error:
                raise InputError(f"{self.path}: after row {row} a byte is not {_name(self.given.encoding)}; say under "
                                 f"{self.name}: encoding: in --columns what it is (Chinese exports: gb18030), or save "
                                 "the file as CSV UTF-8") from error  # fmt: skip
            except csv.Error as error:
                raise InputError(f"{self.path}: after row {row} cannot be read as CSV ({error}); look for an "
                                 "unclosed quote there") from error  # fmt: skip

    def _workbook_rows(self) -> Iterator[tuple[int, Sequence[Any]]]:
        try:
            import openpyxl  # type: ignore[import-untyped]
        except ImportError as error:
            raise MissingExtraError(f"{self.path}: reading workbooks needs openpyxl; install ccta-lib[exports], "
                                    "or save the file as CSV UTF-8") from error  # fmt: skip
        with readable_workbook(self.path):
            check_archive(self.path)
            book = openpyxl.load_workbook(self.path, read_only=True, data_only=True)
            yield from self._sheet_rows(book)

    def _sheet_rows(self, book: Any) -> Iterator[tuple[int, Sequence[Any]]]:
        try:
            wanted = self.given.sheet
            if wanted is not None and wanted not in book.sheetnames:
                raise InputError(
                    f"{self.path}: there is no sheet {wanted!r}; {nearest(wanted, book.sheetnames)}"
                )
            sheet = book[wanted or book.sheetnames[0]]
            if not hasattr(sheet, "iter_rows"):
                raise InputError(f"{self.path}: sheet {sheet.title!r} is a chart; name another under "
                                 f"{self.name}: sheet: in --columns")  # fmt: skip
            merged = _merged(self.path, cast(Any, sheet)._worksheet_path)
            if merged:
                raise InputError(f"{self.path}: sheet {sheet.title!r} has merged cells ({merged}), which belong to "
                                 "one row only and leave the others empty: unmerge them and fill each row")  # fmt: skip
            if book.epoch == _EPOCH_1904:
                self.epoch = _EPOCH_1904
            # Some programs state a size of one cell: without it the rows are read as they come.
            self.total = max(int(sheet.max_row or 1), 1)
            cast(Any, sheet).reset_dimensions()
            for self.read, record in enumerate(sheet.iter_rows(values_only=True), start=1):
                yield self.read, record
        finally:
            book.close()


def _ends_with_a_line(path: Path) -> bool:
    with open(path, "rb") as stream:
        stream.seek(max(path.stat().st_size - 2, 0))
        last = stream.read().replace(b"\0", b"")  # of UTF-16 too
    return last.endswith((b"\n", b"\r"))


def _name(encoding: str) -> str:
    return "UTF-8" if encoding == "utf-8-sig" else encoding


def _merged(path: Path, member: str) -> str:
    """First merged range of a sheet, or ""; it stands behind the rows, so the sheet is scanned as a stream."""
    with zipfile.ZipFile(path) as archive, archive.open(member.lstrip("/")) as stream:
        tail = b""
        while block := stream.read(1 << 20):
            match = re.search(rb'<(?:\w+:)?mergeCell\s+ref="([A-Z0-9:]+)"', tail + block)
            if match:
                return match[1].decode()
            tail = block[-100:]
    return ""
