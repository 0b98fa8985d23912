"""Tables as files: CSV and Parquet into frames whose every cell is what the file holds, or one clear error.

A CSV is read here and not by pandas, which drops cells beyond the last header, fills rows that were cut short, cuts a
cell at a NUL and renames a doubled header, all without a word.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import pandas as pd

from ccta_lib.errors import TableError

# Ten times the largest cohort this is meant for; what declares more rows is damaged, or made to fill a memory.
MOST_ROWS = 20_000_000
MOST_BYTES = 16 * 2**30  # of a Parquet file, unpacked
_LONGEST_CELL = 1_000_000
_MOST_FAULTS = 20
_POOL = 50_000  # different values of a column that are kept once, however often they stand there
_OTHER_DELIMITERS = ";\t|"


def read_csv(path: Path, *, encoding: str = "utf-8-sig") -> pd.DataFrame:
    """Read a CSV as text.

    Parameters
    ----------
    path : path
    encoding : str
        UTF-8 is read with and without a byte order mark.

    Returns
    -------
    DataFrame
        Every cell as text (object), an empty one as "". A column without a header is named as pandas names it.

    Raises
    ------
    TableError
        If the file is no CSV of that encoding, a header stands twice, or a row has fewer cells than there are
        headers or a filled one beyond the last; one line per row.
    UnicodeDecodeError
        If a byte is not of that encoding; another may be tried.
    """
    with open(path, encoding=encoding, newline="") as stream:
        records = _records(path, stream)
        names = _headers(path, next(records, (0, []))[1])
        width, faults = len(names), list[str]()
        columns: list[list[str]] = [[] for _ in names]
        pools: list[dict[str, str]] = [{} for _ in names]
        rows = 0
        for block in _blocks(records):
            for line, record in block:
                # Programs that set trailing commas leave empty cells behind; a filled one has slipped.
                if len(record) < width or any(record[width:]):
                    faults.append(f"{path}: line {line} has {len(record)} cells, there are {width} headers; "
                                  "unknown is an empty cell, and text with a comma stands in quotes")  # fmt: skip
            rows += len(block)
            if faults or rows > MOST_ROWS:
                break
            for column, pool, values in zip(
                columns, pools, zip(*(r[:width] for _, r in block), strict=True), strict=True
            ):
                column.extend(map(pool.setdefault, values, values))
                if len(pool) > _POOL:
                    pool.clear()
    if rows > MOST_ROWS:
        faults.append(f"{path}: holds more than {MOST_ROWS:,} rows; expected one row per ECG")
    if faults:
        rest = len(faults) - _MOST_FAULTS
        raise TableError(
            *faults[:_MOST_FAULTS],
            *([f"{path}: and at least {rest} more lines like these"] if rest > 0 else []),
        )
    return pd.DataFrame(dict(zip(names, columns, strict=True)), dtype=object)


def csv_headers(path: Path, *, encoding: str = "utf-8-sig") -> list[str]:
    """Return the headers of a CSV; raises as `read_csv`."""
    with open(path, encoding=encoding, newline="") as stream:
        return _headers(path, next(_records(path, stream), (0, []))[1])


def _records(path: Path, stream: TextIO) -> Iterator[tuple[int, list[str]]]:
    """Yield the line each record begins in, and its cells; empty lines are passed over."""
    csv.field_size_limit(_LONGEST_CELL)
    reader = csv.reader(stream, strict=True)
    line = 1
    try:
        for record in reader:
            if record:
                if any("\0" in cell for cell in record):
                    raise TableError(
                        f"{path}: line {line} holds a NUL, so it is no text; save the table as CSV UTF-8"
                    )
                yield line, record
            line = reader.line_num + 1
    except csv.Error as error:
        raise TableError(f"{path}: cannot be read as a table (from line {line} on: {error}); look for an unclosed "
                         "quote there") from error  # fmt: skip


def _blocks(
    records: Iterator[tuple[int, list[str]]], size: int = 10_000
) -> Iterator[list[tuple[int, list[str]]]]:
    block: list[tuple[int, list[str]]] = []
    for one in records:
        block.append(one)
        if len(block) == size:
            yield block
            block = []
    if block:
        yield block


def _headers(path: Path, found: list[str]) -> list[str]:
    if not found:
        raise TableError(f"{path}: cannot be read as a table (it is empty); check the file")
    other = next((d for d in _OTHER_DELIMITERS if d in found[0]), None)
    if len(found) == 1 and other:
        raise TableError(f"{path}: its cells are parted by {other!r}; save it as CSV with commas (some spreadsheets "
                         "write the list separator of the system's language)")  # fmt: skip
    named = [name or f"Unnamed: {i}" for i, name in enumerate(found)]
    repeated = list(dict.fromkeys(n for n in named if named.count(n) > 1))
    if repeated:
        raise TableError(*(f"{path}: column {n} occurs twice; keep one" for n in repeated))
    return named


def read_parquet(path: Path) -> pd.DataFrame:
    """Read a Parquet file with its own types.

    Raises
    ------
    TableError
        If it is damaged, of a kind that is not read, or declares more than memory is made for.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            about = file.metadata
            unpacked = sum(about.row_group(i).total_byte_size for i in range(about.num_row_groups))
            if about.num_rows > MOST_ROWS or unpacked > MOST_BYTES:
                raise TableError(f"{path}: declares {about.num_rows:,} rows and {unpacked:,} bytes; at most "
                                 f"{MOST_ROWS:,} rows and {MOST_BYTES:,} bytes are read")  # fmt: skip
        return pd.read_parquet(path)
    except (pa.ArrowException, OSError, ValueError, TypeError, LookupError, AttributeError, OverflowError,
            NotImplementedError, MemoryError) as error:  # fmt: skip
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise TableError(f"{path}: cannot be read as a table ({reason}); check the file") from error
