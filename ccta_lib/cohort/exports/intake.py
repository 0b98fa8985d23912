"""A table of any length is read once: in pieces, over worker processes, each piece kept until the build is done."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from ccta_lib.cohort import text
from ccta_lib.cohort.exports import cells, columns, identity, reading, tables
from ccta_lib.cohort.exports.columns import ColumnsMap
from ccta_lib.cohort.exports.identity import Pseudonyms
from ccta_lib.cohort.exports.reading import Reading, Settings, read_piece
from ccta_lib.cohort.exports.streaming import in_order
from ccta_lib.cohort.exports.tables import PIECE_ROWS, Piece, Table
from ccta_lib.errors import InputError
from ccta_lib.files import atomic_path, read_json, sha256_file, sha256_json, write_json

Progress = Callable[..., None]
# A column of which so much cannot be read is mapped or formatted wrongly: better stop than lose rows.
MOST_UNREAD, FEWEST_UNREAD = 0.2, 20
_READ_BY = (cells, columns, identity, reading, tables)


@dataclass(frozen=True)
class Intake:
    """A table as the linkage needs it.

    Attributes
    ----------
    name : str
    path : pathlib.Path
    sha256 : str
        Of the file.
    rows : DataFrame
        One row per row of the table, in its order; `reason` is empty for those that can be used.
    unread : dict
        Column to how many of its filled cells could not be read (they are unknown).
    ignored : list of str
        Headers that nothing reads.
    folder : pathlib.Path
        Where the pieces lie.
    """

    name: str
    path: Path
    sha256: str
    rows: pd.DataFrame
    unread: dict[str, int]
    ignored: list[str]
    folder: Path


def read_table(path: str | os.PathLike[str], name: str, *, mapping: ColumnsMap, pseudonyms: Pseudonyms,
               timezone: str | None, folder: Path, workers: int, progress: Progress) -> Intake:  # fmt: skip
    """Read one table, or go on where a killed build stopped.

    Memory holds a few pieces of `PIECE_ROWS` rows with their text, and of the rows read their compact form.

    Parameters
    ----------
    path : path
        CSV or XLSX.
    name : str
        Which input it is, a key of `columns.INPUTS`.
    mapping : ColumnsMap
    pseudonyms : Pseudonyms
    timezone : str or None
        IANA name of where the hospital is.
    folder : path
        Where pieces are kept; each table has its own folder in it, named by what it depends on.
    workers : int
        Processes.
    progress : callable
        Called as `progress(done, total, note)`.

    Raises
    ------
    InputError
        If the table cannot be read, a column is missing, or a large part of a column cannot be read.
    """
    file = Path(path)
    table = Table(file, name, mapping.table(name))
    digest = sha256_file(file)
    settings = Settings(name=name, columns=tuple(table.columns), given=table.given, epoch=table.epoch,
                        pseudonyms=pseudonyms, timezone=timezone)  # fmt: skip
    key = sha256_json([digest, name, asdict(table.given), mapping.leading_zeros, pseudonyms.fingerprint, timezone,
                       PIECE_ROWS, _code()])  # fmt: skip
    place = folder / f"{name}-{key[:16]}"
    place.mkdir(parents=True, exist_ok=True)
    frames, filled, unread = [], Counter[str](), Counter[str]()
    example: dict[str, list[Any]] = {}
    done = 0
    # The arguments must be drawn lazily: each holds the text of a piece.
    for number in in_order(_piece, ((piece, place, settings) for piece in table.pieces()), workers=workers):
        rows = pd.read_parquet(place / f"{number:06d}.parquet")
        notes = read_json(place / f"{number:06d}.json")
        filled.update(notes["filled"])
        unread.update(notes["unread"])
        example = notes["example"] | example
        _stop_if_unreadable(table, filled, unread, example)
        frames.append(rows)
        done += len(rows)
        progress(min(table.read, table.total - 1), table.total, f"{done:,} rows")
    progress(table.total, table.total, f"{done:,} rows")
    if not frames:
        raise InputError(f"{file}: holds no row below its headers")
    return Intake(name, file, digest, _joined(frames), dict(unread), table.unread, place)


def _piece(piece: Piece, place: Path, settings: Settings) -> int:
    """Read one piece and keep it; the description goes last, and says that the piece is whole."""
    stem = place / f"{piece.number:06d}"
    if not stem.with_suffix(".json").is_file():
        found: Reading = read_piece(piece, settings)
        with atomic_path(stem.with_suffix(".parquet")) as temporary:
            found.rows.to_parquet(temporary, index=False)
        write_json({"filled": found.filled, "unread": found.unread, "example": found.example},
                   stem.with_suffix(".json"))  # fmt: skip
    return piece.number


def _joined(frames: list[pd.DataFrame]) -> pd.DataFrame:
    """Put pieces together without losing the small types: categories differ from piece to piece."""
    for column in [c for c in frames[0] if isinstance(frames[0][c].dtype, pd.CategoricalDtype)]:
        union = sorted(set().union(*(f[column].cat.categories for f in frames)))
        for frame in frames:
            frame[column] = frame[column].cat.set_categories(union)
    return pd.concat(frames, ignore_index=True)


def _stop_if_unreadable(
    table: Table, filled: Counter[str], unread: Counter[str], example: dict[str, list[Any]]
) -> None:
    faults = []
    for column, bad in unread.items():
        if bad == filled[column] or (bad >= FEWEST_UNREAD and bad > MOST_UNREAD * filled[column]):
            row, shape = example[column]
            kind = columns.INPUTS[table.name][column].kind
            part = {"time": "dates", "date": "dates", "value": "values"}.get(kind, "columns")
            faults.append(
                f"{table.path}: column {column}: {bad:,} of {filled[column]:,} cells cannot be read ({kind}); "
                f"row {row} has the form {shape!r} (9 a digit, a a letter); say under {table.name}: {part}: "
                "in --columns how they are written"
            )
    if faults:
        raise InputError(*faults)


def check_zeros(intakes: list[Intake], mapping: ColumnsMap) -> None:
    """Stop if one input tells 00123 and 123 apart while leading zeros are ignored.

    Raises
    ------
    InputError
        Naming the rows.
    """
    faults = []
    for intake in intakes if mapping.leading_zeros == "ignore" else []:
        usable = intake.rows[intake.rows["patient"] != 0]
        forms = usable.drop_duplicates(["patient", "exact"])
        torn = forms[forms["patient"].duplicated(keep=False)].sort_values(["patient", "row"], kind="stable")
        pairs = torn.groupby("patient", sort=False)["row"].apply(list).tolist()
        faults += [
            f"{intake.path}: column patient_id: rows {' and '.join(map(str, rows))} differ only in leading zeros; say "
            "patient_ids: leading_zeros: keep in --columns if they are two patients, else write them alike"
            for rows in pairs
        ]
    if faults:
        raise InputError(*faults)


def _code() -> list[str]:
    """Hashes of the code that reads: after a change of a rule nothing old is taken over."""
    texts = sorted(Path(str(text.__file__)).parent.glob("**/*.py"))
    return [sha256_file(p) for p in [*(Path(str(m.__file__)) for m in _READ_BY), *texts]]
