"""Tables of vessels and findings, written out as the sentences they stand for.

A table is a heading row of known column names and the rows below it, parted by bars, tabs, wide gaps, semicolons
or commas. Rows may be vessels (columns plaque, stenosis, or proximal, middle, distal), or vessels may be columns.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ccta_lib.cohort.text.lexer import Token, tokens
from ccta_lib.cohort.text.normalise import same_length
from ccta_lib.cohort.text.spelling import WORD, meant
from ccta_lib.cohort.text.words_tables import NONE, OTHER, PLAQUE, SEGMENT, STENOSIS, VESSEL

_DELIMITERS = tuple(re.compile(p) for p in (r"\|", r"\t", r" {2,}|\t", r";", r",", r"/"))
_RULE = re.compile(r"[-=+_|: ]+")
_PROSE = re.compile(r"[。;.!?](?=\s|[^\d\s])\s*|[:]\s*(?=[^|]{1,12}\|)")
_ROW_BREAK = re.compile(r" / (?=[^/\n]{1,60}\|)")
_ITEM_BREAK = re.compile(r" / (?=- ?[a-z]|(?:plan|impression|conclusion|comment|summary|advice)s?:)")
_UNIT = re.compile(r"(?<![\d ])(?<!\d ) ?%|^%|[(\[]%[)\]]|\bpercent (?:diameter )?(?:stenosis|narrowing)")
_UNITLESS = re.compile(r"(?<=[a-z\u4e00-\u9fff:=][ :=])\d{1,3}(?=\s*(?:[,;|/、。)(\[]|\.?$|and |und ))(?![\d ]*%)|"
                       r"(?<=[\u4e00-\u9fff:=])\d{1,3}(?=[,;|/、。)(])")  # fmt: skip
_BARE = re.compile(r"([<>≤≥~]? ?)(\d{1,3})((?: ?- ?\d{1,3})?)")
_GRADED = {"grade", "pct", "occ", "normal", "neg", "negpost", "nonsig", "uneval", "stenosis"}
_HAN = re.compile("[\u4e00-\u9fff]")
_LONGEST_CELL = 80
_MOST_CELLS = 24


@dataclass(frozen=True)
class Laid:
    """Text with its tables written out.

    Attributes
    ----------
    text : str
    offsets : tuple of int or None
        Place in the given text of each character; None when nothing was changed.
    """

    text: str
    offsets: tuple[int, ...] | None


class _Cell(NamedTuple):
    text: str
    start: int
    end: int


class _Writer:
    """Collects the new text piece by piece with the place each character stands for."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.places: list[int] = []

    def copy(self, text: str, start: int, end: int) -> None:
        self.parts.append(text[start:end])
        self.places.extend(range(start, end))

    def insert(self, words: str, place: int) -> None:
        self.parts.append(words)
        self.places.extend([place] * len(words))


def lay_out(text: str) -> Laid:
    """Write out the tables of a report as "vessel: finding" lines; the rest stays as it is.

    Parameters
    ----------
    text : str

    Returns
    -------
    Laid
    """
    plain = same_length(text)
    lines = list(_lines(plain))
    writer, changed, i = _Writer(), False, 0
    while i < len(lines):
        table = _table(plain, lines, i)
        if table is None:
            changed = _write_line(plain, text, lines[i], writer) or changed
            if lines[i][2] > lines[i][1]:
                if "/" in text[lines[i][1] : lines[i][2]]:
                    writer.insert("\n", lines[i][1])
                    changed = True
                else:
                    writer.copy(text, lines[i][1], lines[i][2])
            i += 1
            continue
        changed = True
        writer.copy(text, lines[i][0], table.begin)
        writer.insert("\n", max(table.begin - 1, 0))
        _write(table, text, writer)
        i += 1 + table.lines
    return Laid("".join(writer.parts), tuple(writer.places)) if changed else Laid(text, None)


def _write_line(plain: str, text: str, line: tuple[int, int, int], writer: _Writer) -> bool:
    """Copy a line; where it says that its numbers are percent ("LM 30, LAD 80 (% stenosis)"), write the signs."""
    start, end, _ = line
    done = start
    if end - start <= 600 and _UNIT.search(plain, start, end) is not None:
        for match in _UNITLESS.finditer(plain, start, end):
            writer.copy(text, done, match.end())
            writer.insert("%", match.end() - 1)
            done = match.end()
    writer.copy(text, done, end)
    return done > start


def _lines(plain: str) -> Iterator[tuple[int, int, int]]:
    """Yield begin, end and next begin of each line; rows run together as "a | b / c | d" are parted."""
    start = 0
    for line in plain.splitlines(keepends=True):
        end = start + len(line)
        stripped = start + len(line.rstrip("\r\n"))
        begin = start
        if line.count("|") > 1:
            for match in _ROW_BREAK.finditer(plain, start, stripped):
                yield begin, match.start(), match.end()
                begin = match.end()
        for match in _ITEM_BREAK.finditer(plain, begin, stripped):
            yield begin, match.start(), match.end()
            begin = match.end()
        yield begin, stripped, end
        start = end


@dataclass
class _Table:
    header: list[_Cell]
    roles: list[str]
    rows: list[list[_Cell]]
    begin: int
    lines: int


def _cells(plain: str, line: tuple[int, int, int], delimiter: re.Pattern[str]) -> list[_Cell]:
    start, end, _ = line
    cells, begin = [], start
    for match in delimiter.finditer(plain, start, end):
        cells.append(_trimmed(plain, begin, match.start()))
        begin = match.end()
    cells.append(_trimmed(plain, begin, end))
    if delimiter.pattern == r"\|" and not cells[0].text:
        cells = cells[1:]
        if cells and not cells[-1].text:
            cells = cells[:-1]
    return cells


def _trimmed(plain: str, start: int, end: int) -> _Cell:
    while start < end and plain[start] in " \t*":
        start += 1
    while end > start and plain[end - 1] in " \t*。":
        end -= 1
    return _Cell(plain[start:end], start, end)


def _role(cell: str) -> str:
    cell = cell.strip(" :")
    for role, pattern in (("stenosis", STENOSIS), ("part", SEGMENT), ("plaque", PLAQUE),
                          ("vessel", VESSEL), ("other", OTHER)):  # fmt: skip
        if pattern.fullmatch(cell):
            return role
    return "name" if _is_name(cell) else ""


def _known(cell: str) -> list[Token]:
    cell = WORD.sub(lambda m: meant(m[0]), cell)
    return list(tokens(cell)) if len(cell) <= _LONGEST_CELL else []


def _is_name(cell: str) -> bool:
    kinds = [t.kind for t in _known(cell)]
    return (
        "vessel" in kinds and set(kinds) <= {"vessel", "paren", "and", "part"} and len(cell) <= _LONGEST_CELL
    )


def _table(plain: str, lines: Sequence[tuple[int, int, int]], at: int) -> _Table | None:
    if at + 1 >= len(lines) or lines[at][1] - lines[at][0] > 400:
        return None
    for delimiter in _DELIMITERS:
        if delimiter.search(plain, lines[at][0], lines[at][1]) is None:
            continue
        header = _cells(plain, lines[at], delimiter)
        if not 2 <= len(header) <= _MOST_CELLS:
            continue
        prose = [m.end() for m in _PROSE.finditer(header[0].text)]
        if prose:
            header[0] = _trimmed(plain, header[0].start + prose[-1], header[0].end)
        roles = [_role(c.text) for c in header]
        if not roles[0] and not header[0].text:
            roles[0] = "vessel"
        told = sum(r in ("stenosis", "part") for r in roles)
        across = sum(r == "name" for r in roles) >= 2
        if not across and not (told and (roles[0] in ("vessel", "other") or told >= 2)):
            continue
        if sum(not r for r in roles) > len(roles) // 3:
            continue
        rows, used = [], 0
        for line in lines[at + 1 :]:
            if _RULE.fullmatch(plain, line[0], line[1]):
                used += 1
                continue
            cells = _cells(plain, line, delimiter) if line[1] - line[0] <= 600 else []
            while len(cells) > len(header) and not cells[-1].text:
                cells.pop()
            if 2 <= len(cells) < len(header) and not across and delimiter.pattern in (r"\|", r"\t"):
                cells += [_Cell("", cells[-1].end, cells[-1].end)] * (len(header) - len(cells))
            fits = len(cells) == len(header) or (across and len(cells) == len(header) + 1)
            if not fits or (not across and not any(_is_name(c.text) or not c.text for c in cells)):
                break
            rows.append(cells)
            used += 1
        if rows:
            return _Table(header, roles, rows, header[0].start, used)
    return None


def _write(table: _Table, text: str, writer: _Writer) -> None:
    if sum(r == "name" for r in table.roles) >= 2:
        for row in table.rows:
            _write_across(table, row, text, writer)
        return
    column = next((i for i, r in enumerate(table.roles) if r == "vessel" and _is_name(table.rows[0][i].text)),
                  next((i for i, c in enumerate(table.rows[0]) if _is_name(c.text)), 0))  # fmt: skip
    for row in table.rows:
        name = row[column]
        finding: list[tuple[str, _Cell, _Cell]] = []
        spare: list[_Cell] = []
        for i, (cell, role) in enumerate(zip(row, table.roles, strict=True)):
            if i == column or not cell.text:
                continue
            if role in ("stenosis", "part"):
                finding.append((role, table.header[i], cell))
            elif role == "plaque":
                spare.append(cell)
            elif role == "vessel" or (role == "other" and SEGMENT.fullmatch(cell.text)):
                finding.insert(0, ("where", cell, cell))
            elif role == "other" and any(t.kind in _GRADED for t in _known(cell.text)):
                finding.append(("", cell, cell))
        if name.text:
            writer.copy(text, name.start, name.end)
            writer.insert(": ", name.end - 1)
        elif not finding:
            continue
        said = False
        for role, head, cell in finding:
            if role == "where":
                writer.copy(text, cell.start, cell.end)
                writer.insert(" ", cell.end - 1)
                continue
            if role == "part":
                writer.insert(text[head.start : head.end].strip(" %()") + " ", cell.start)
            _write_degree(cell, text, writer, column_of_degrees=bool(role))
            said = True
            writer.insert(", ", cell.end - 1)
        for cell in spare:
            if not said and not NONE.fullmatch(cell.text):
                writer.insert("plaque ", cell.start)
        writer.insert("\n", row[-1].end - 1 if row[-1].end else 0)


def _write_across(table: _Table, row: list[_Cell], text: str, writer: _Writer) -> None:
    """Write a row whose columns are vessels, if it is a row of degrees."""
    shift = len(row) - len(table.header)
    label = row[0] if shift or table.roles[0] != "name" else None
    role = _role(label.text) if label is not None and label.text else "stenosis"
    if role not in ("stenosis", "part"):
        return
    for i, head in enumerate(table.header):
        cell = row[i + shift]
        if table.roles[i] != "name" or not cell.text:
            continue
        writer.insert(text[head.start : head.end] + ": ", cell.start)
        _write_degree(cell, text, writer, column_of_degrees=True)
        writer.insert("\n", cell.end - 1)


def _write_degree(cell: _Cell, text: str, writer: _Writer, *, column_of_degrees: bool) -> None:
    if not column_of_degrees:
        writer.copy(text, cell.start, cell.end)
        return
    if NONE.fullmatch(cell.text):
        writer.insert("no ", cell.start)
        writer.insert("stenosis", cell.end - 1)
        return
    writer.copy(text, cell.start, cell.end)
    if _BARE.fullmatch(cell.text):
        writer.insert("% stenosis", cell.end - 1)
    elif any(t.kind in ("grade", "pct") for t in _known(cell.text)) and not any(
        t.kind in ("stenosis", "occ", "lesion", "neg") for t in _known(cell.text)
    ):
        writer.insert("狭窄" if _HAN.search(cell.text) else " stenosis", cell.end - 1)
