"""Exports with intent, or damaged on the way: bombs, torn files, broken workbooks, links and names that lead away."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import openpyxl
import pytest

from ccta_lib.cohort.audit.sheet import _load as load_audit
from ccta_lib.cohort.exports import workbook
from ccta_lib.cohort.exports.columns import ColumnsMap, TableMap
from ccta_lib.cohort.exports.identity import Pseudonyms
from ccta_lib.cohort.exports.recordings import list_recordings
from ccta_lib.cohort.exports.tables import Table
from ccta_lib.errors import InputError

ROWS = [("patient_id", "same_as"), ("1", "2"), ("3", "4")]


def rows_of(path: Path, encoding: str = "utf-8-sig") -> list[tuple]:
    table = Table(path, "identifiers", TableMap(encoding=encoding))
    return [cells for piece in table.pieces() for cells in piece.cells]


def book(path: Path, change: Callable[[str, bytes], bytes] = lambda name, data: data) -> Path:
    """A workbook, of which each part was changed."""
    made, out = openpyxl.Workbook(), io.BytesIO()
    for row in ROWS:
        made.active.append(row)
    made.save(out)
    with zipfile.ZipFile(out) as source, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            target.writestr(name, change(name, source.read(name)))
        if "xl/sharedStrings.xml" not in source.namelist():  # Excel writes one
            target.writestr("xl/sharedStrings.xml", change("xl/sharedStrings.xml", b"<sst/>"))
    return path


def test_a_workbook_is_read(tmp_path: Path) -> None:
    assert rows_of(book(tmp_path / "t.xlsx")) == ROWS[1:]


PARTS = ["xl/sharedStrings.xml", "xl/worksheets/sheet1.xml", "xl/workbook.xml"]


@pytest.mark.parametrize("part", [*PARTS, "xl/styles.xml"])
def test_a_bomb_is_refused_before_it_is_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    monkeypatch.setattr(workbook, "_SMALL", 2**20)

    def swollen(name: str, data: bytes) -> bytes:
        return data + b" " * 5_000_000 if name == part else data

    path = book(tmp_path / "t.xlsx", swollen)
    assert path.stat().st_size < 100_000
    for read in (rows_of, load_audit):
        with pytest.raises(InputError, match=rf"its part {part} unpacks from [\d,]+ to 5,[\d,]+ bytes"):
            read(path)


def test_a_part_that_is_held_in_memory_has_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook, "MOST_HELD", 1000)
    with pytest.raises(InputError, match="unpacks from"):
        rows_of(book(tmp_path / "t.xlsx"))


LAUGHS = b"".join(
    b'<!ENTITY a%d "%s">' % (i, b"&a%d;" % (i - 1) * 10 if i else b"lol" * 10) for i in range(10)
)


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize(
    "entities", [LAUGHS, b'<!ENTITY a9 SYSTEM "file:///etc/passwd">'], ids=["laughs", "external"]
)
def test_entities_in_a_workbook_are_not_expanded(tmp_path: Path, part: str, entities: bytes) -> None:
    def laughing(name: str, data: bytes) -> bytes:
        if name != part:
            return data
        start = data.index(b"<", data.index(b"?>") if b"?>" in data else 0)
        doctype = b"<!DOCTYPE x [" + entities + b"]>"
        return (
            data[:start] + doctype + data[start:].replace(b"patient_id", b"&a9;").replace(b"Sheet", b"&a9;")
        )

    try:
        found = str(rows_of(book(tmp_path / "t.xlsx", laughing)))
    except InputError:
        return
    assert len(found) < 1000
    assert "root:" not in found


@pytest.mark.parametrize("seed", range(40))
def test_a_damaged_workbook_is_read_or_refused(tmp_path: Path, seed: int) -> None:
    path, generator = book(tmp_path / "t.xlsx"), np.random.default_rng(seed)
    data = bytearray(path.read_bytes())
    for at in generator.integers(0, len(data), 4):
        data[at] ^= 1 << int(generator.integers(8))
    path.write_bytes(bytes(data))
    with suppress(InputError):  # any other exception fails the test
        assert len(rows_of(path)) <= 3


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030", "utf-16-le"])
def test_a_last_row_that_was_cut_is_refused(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes("patient_id,same_as\n1,2\n3".encode(encoding))
    with pytest.raises(
        InputError, match="row 3, the last, has 1 cells of 2 and no end: the file is cut short"
    ):
        rows_of(path, encoding)
    # Spreadsheets leave out empty cells at the end of a row: whole rows may be short.
    path.write_bytes("patient_id,same_as\n3\n1,2\n3\n".encode(encoding))
    assert rows_of(path, encoding) == [("3", None), ("1", "2"), ("3", None)]


def test_a_nul_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b"patient_id,same_as\n1\x002,3\n")
    with pytest.raises(InputError, match="row 2 holds a NUL"):
        rows_of(tmp_path / "t.csv")


def listed(root: Path) -> list[str]:
    items, _ = list_recordings(root, ColumnsMap(), Pseudonyms(bytes(32), leading_zeros="ignore"), None)
    return [item.path for item in items]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "other.npy").write_bytes(b"x")
    (tmp_path / "ecgs").mkdir()
    (tmp_path / "ecgs" / "a.npy").write_bytes(b"x")
    return tmp_path / "ecgs"


@pytest.mark.parametrize("path", ["../outside/other.npy", "..\\outside\\other.npy", "{outside}/other.npy",
                                  "/etc/passwd", "./../ecgs/a.npy", "a.npy/../../outside/other.npy", "~/x",
                                  "file:///etc/passwd"])  # fmt: skip
def test_a_manifest_names_only_what_lies_in_its_folder(root: Path, path: str) -> None:
    named = path.replace("{outside}", str(root.parent / "outside"))
    (root / "manifest.csv").write_text(f"path,patient_id\n{named},1\n")
    with pytest.raises(InputError, match="row 2, column path: there is no such file below"):
        listed(root)


@pytest.mark.parametrize("target", ["outside/other.npy", "outside", "/etc/passwd"])
def test_a_link_that_leads_out_of_the_folder_is_refused(root: Path, target: str) -> None:
    (root / "link").symlink_to(root.parent / target)
    with pytest.raises(InputError, match="1 link leads out of this folder"):
        listed(root)


def test_a_link_within_the_folder_and_the_folder_itself_may_be_one(root: Path) -> None:
    (root / "b.npy").symlink_to(root / "a.npy")
    (root.parent / "alias").symlink_to(root)
    assert listed(root.parent / "alias") == ["a.npy", "b.npy"]


def test_a_link_to_a_folder_within_is_not_dropped_in_silence(root: Path) -> None:
    (root / "sub").mkdir()
    (root / "sub" / "c.npy").write_bytes(b"x")
    (root / "again").symlink_to(root / "sub")
    assert listed(root) == ["a.npy", "sub/c.npy"]


def test_what_is_no_file_is_not_read(root: Path) -> None:
    import os

    os.mkfifo(root / "pipe.npy")
    assert listed(root) == ["a.npy"]
