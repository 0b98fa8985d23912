"""What is written in a file, whatever its format, as pieces of text with the place where each stands."""

from __future__ import annotations

import json
import sqlite3
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

Piece = tuple[str, str]  # where in the file, text

_BINARY = {
    ".pt",
    ".pth",
    ".pkl",
    ".bin",
    ".doctree",
    ".pickle",
    ".inv",
    ".woff",
    ".woff2",
    ".ttf",
    ".eot",
    ".ico",
}
_CHUNK = 1 << 20  # characters of a long text looked at together
_OVERLAP = 400  # so that nothing is cut in two


_BROKEN = (OSError, ValueError, KeyError, zipfile.BadZipFile, sqlite3.DatabaseError, struct.error, zlib.error)


class UnsearchableError(Exception):
    """The file's content cannot be looked at; the message says why."""


def read_pieces(path: Path) -> Iterator[Piece]:
    """Yield the texts of a file: column names and string cells, lines, metadata.

    Raises
    ------
    UnsearchableError
        If the format hides its text (PDF), or the file is broken.
    """
    readers = {".parquet": _parquet, ".npy": _npy, ".npz": _zip, ".zip": _zip, ".xlsx": _zip, ".whl": _zip,
               ".sqlite": _sqlite, ".png": _png, ".safetensors": _safetensors}  # fmt: skip
    suffix = path.suffix.lower()
    if suffix == ".pdf":
        raise UnsearchableError("a PDF compresses its text; search it by hand, or its HTML instead")
    try:
        yield from readers.get(suffix, _text)(path)
    except (
        OSError,
        ValueError,
        KeyError,
        zipfile.BadZipFile,
        sqlite3.DatabaseError,
        struct.error,
        zlib.error,
    ) as error:
        raise UnsearchableError(f"cannot be read ({type(error).__name__})") from error


def _text(path: Path) -> Iterator[Piece]:
    lines, start, size = [], 1, 0
    strange = path.suffix.lower() in _BINARY
    with open(path, encoding="utf-8", errors="replace" if not strange else "ignore") as stream:
        for number, line in enumerate(stream, start=1):
            # A page of one line, such as minified scripts or a notebook's output, comes in overlapping parts.
            for offset in range(0, max(len(line), 1), _CHUNK):
                lines.append(line[max(0, offset - _OVERLAP) : offset + _CHUNK])
                size += len(lines[-1])
            if size >= _CHUNK:
                yield f"lines {start}-{number}", "".join(lines)
                lines, start, size = [], number + 1, 0
    if lines:
        yield f"from line {start}", "".join(lines)


def _parquet(path: Path) -> Iterator[Piece]:
    file = pq.ParquetFile(path)
    yield "column names", "\n".join(file.schema_arrow.names)
    for group in range(file.num_row_groups):
        frame = file.read_row_group(group).to_pandas()
        for column in frame:
            if pd.api.types.is_numeric_dtype(frame[column]):
                values = frame[column].dropna()
                if not pd.api.types.is_integer_dtype(values):
                    continue
            distinct = frame[column].dropna().astype(str).drop_duplicates()
            for offset in range(0, len(distinct), 50_000):
                yield f"column {column}", "\n".join(distinct.iloc[offset : offset + 50_000])


def _npy(path: Path) -> Iterator[Piece]:
    with open(path, "rb") as stream:
        head = stream.read(4096)
    # Samples are numbers; only the header is text, unless the array is one of strings.
    yield "header", head[: head.find(b"\n") + 1].decode("latin-1")


def _zip(path: Path) -> Iterator[Piece]:
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            yield "member name", member.filename
            if member.filename.endswith((".npy", "/")) or member.file_size > 256 << 20:
                continue
            yield member.filename, archive.read(member).decode("utf-8", errors="replace")


def _sqlite(path: Path) -> Iterator[Piece]:
    base = sqlite3.connect(f"file:{path.resolve()}?mode=ro", uri=True)
    try:
        tables = [r[0] for r in base.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            quoted = table.replace('"', '""')
            for row in base.execute(f'SELECT * FROM "{quoted}"'):
                yield f"table {table}", "\n".join(str(v) for v in row)
    finally:
        base.close()


def _png(path: Path) -> Iterator[Piece]:
    with open(path, "rb") as stream:
        stream.read(8)
        while head := stream.read(8):
            length, kind = struct.unpack(">I4s", head)
            data = stream.read(length + 4)[:-4]
            if kind in (b"tEXt", b"iTXt"):
                yield "metadata", data.replace(b"\0", b" ").decode("utf-8", errors="replace")
            elif kind == b"zTXt":
                name, _, packed = data.partition(b"\0")
                yield "metadata", f"{name.decode('latin-1')} {zlib.decompress(packed[1:]).decode('latin-1')}"


def _safetensors(path: Path) -> Iterator[Piece]:
    with open(path, "rb") as stream:
        (length,) = struct.unpack("<Q", stream.read(8))
        if length > 100 << 20:
            raise ValueError("header too long")
        yield "header", json.dumps(json.loads(stream.read(length)), ensure_ascii=False)
