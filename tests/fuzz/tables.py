"""Targets: tables of the contracts, exports of hospitals, manifests, maps of columns, profiles, waveform stores."""

from __future__ import annotations

import io
import json
import random
from datetime import datetime
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import yaml

from ccta_lib.cohort import WaveformStore
from ccta_lib.cohort.adapters.table import read_text_table
from ccta_lib.cohort.exports.cells import EXCEL_EPOCH
from ccta_lib.cohort.exports.columns import INPUTS, ColumnsMap, TableMap, load_columns
from ccta_lib.cohort.exports.identity import Pseudonyms
from ccta_lib.cohort.exports.reading import Settings, read_piece
from ccta_lib.cohort.exports.recordings import list_recordings
from ccta_lib.cohort.exports.tables import Table
from ccta_lib.cohort.store import StoreWriter
from ccta_lib.errors import InputError
from ccta_lib.profile import read_profile
from ccta_lib.schema import COHORTS, VESSELS, Grade, is_prediction_table, read_cohort, read_predictions
from tests.fuzz.damage import BYTES, Damage, Damaged, cell, damaged, digits
from tests.fuzz.target import Target, Wrong

CSV: tuple[Damage, ...] = (*BYTES, *[cell] * len(BYTES))
_ROWS = 6
_KEY = bytes(range(32))


def a_cohort(*, predicted: bool = False) -> pd.DataFrame:
    """A table that uses every column of the contract."""
    generator = np.random.default_rng(3)
    table = pd.DataFrame({
        "ecg_id": [f"e{i}" for i in range(_ROWS)],
        "patient_id": [f"p{i // 2}" for i in range(_ROWS)],
        "exam_id": [f"x{i // 2}" for i in range(_ROWS)],
        "site": ["A", "B"] * (_ROWS // 2),
        "cohort": "internal",
        "waveform": [f"ecgs/{i}" for i in range(_ROWS)],
        "sampling_hz": 500.0,
        "ecg_time": [f"2024-03-0{i + 1}T08:00:00" for i in range(_ROWS)],
        "ccta_time": [f"2024-03-0{i + 2}T08:00:00" for i in range(_ROWS)],
        "age": np.arange(60.0, 60.0 + _ROWS),
        "sex": ["F", "M"] * (_ROWS // 2),
        "diabetes": [True, False, None] * (_ROWS // 3),
        "note": ["free, text", 'with "quotes"', "重度狭窄"] * (_ROWS // 3),
        **{v.grade_column: [g for g in ("mild", "severe", None) for _ in range(2)] for v in VESSELS},
        "followup_days": 400.0,
        "mi_event": False,
        "end_reason": "end",
        "data_kind": "user",
    })  # fmt: skip
    if predicted:
        table["fold"] = [0, 0, 1, 1, 2, 2]
        table[[v.prob_column for v in VESSELS]] = generator.random((_ROWS, 4)).round(4)
    return table


class Contract(Target):
    """A table of one of the contracts, as CSV or Parquet."""

    def __init__(self, suffix: str, *, predicted: bool) -> None:
        self.suffix, self.predicted = suffix, predicted
        self.name = f"{'predictions' if predicted else 'cohort'}-{suffix}"
        self.ways = CSV if suffix == "csv" else BYTES

    def samples(self, folder: Path) -> list[bytes]:
        """One table."""
        table, out = a_cohort(predicted=self.predicted), io.BytesIO()
        if self.suffix == "csv":
            table.to_csv(out, index=False)
        else:
            table.to_parquet(out, index=False)
        return [out.getvalue()]

    def check(self, folder: Path, data: bytes, kind: str) -> str:
        """What is read keeps every promise of the contract."""
        path = folder / f"t.{self.suffix}"
        path.write_bytes(data)
        try:
            is_prediction_table(path)
            table = read_predictions(path) if self.predicted else read_cohort(path)
        except InputError as error:
            return self.refused(error)
        grades = {str(g) for g in Grade}
        promises = {
            "ids": table["ecg_id"].is_unique and table[["ecg_id", "patient_id", "exam_id"]].notna().all(axis=None),
            "cohort": table["cohort"].isin(COHORTS).all(),
            "age": "age" not in table or table["age"].dropna().between(0, 120).all(),
            "grades": all(set(table[v.grade_column].dropna()) <= grades for v in VESSELS if v.grade_column in table),
            "probabilities": not self.predicted
            or all(table[v.prob_column].dropna().between(0, 1).all() for v in VESSELS),
            "one row per line": kind != "cut" or len(table) <= _ROWS,
        }  # fmt: skip
        if broken := [name for name, kept in promises.items() if not kept]:
            raise Wrong(f"a table that breaks its contract: {', '.join(broken)}")
        return "read"


_EXPORTS: dict[str, tuple[str, ...]] = {
    "reports": ("101", "E1", "2024-03-01 08:00", "RCA: 80% stenosis. LM: normal.", "高血压 I10", "63岁", "1961-07-23",
                "F", "typical", "A", "Quirinia Xantippe"),
    "statements": ("101", "2024-03-01", "Sinus rhythm. Normal ECG.", "R1"),
    "procedures": ("101", "2024-06-01", "PCI of the LAD with stent"),
    "followup": ("101", "2025-03-01", "mi", "2024-12-01 08:00"),
    "identifiers": ("101", "202"),
}  # fmt: skip
_EXPORT_HEADERS = {
    "reports": ("patient_id", "exam_id", "ccta_time", "report", "history", "age", "birth_date", "sex", "symptom",
                "site", "name"),
    **{n: tuple(INPUTS[n]) for n in ("procedures", "followup", "identifiers")},
    "statements": ("patient_id", "ecg_time", "statement", "recording_id"),
}  # fmt: skip


class Export(Target):
    """One table of a hospital's export: CSV in UTF-8 or GB18030, or a workbook."""

    def __init__(self, table: str, form: str) -> None:
        self.table, self.form = table, form
        self.name = f"export-{table}-{form}"
        self.ways = CSV if form == "utf-8" else BYTES

    def _rows(self) -> list[tuple[str, ...]]:
        row = _EXPORTS[self.table]
        return [_EXPORT_HEADERS[self.table], row, ("102", *row[1:]), ("00103", *row[1:])]

    def samples(self, folder: Path) -> list[bytes]:
        """One table of three rows."""
        if self.form == "xlsx":
            book, out = openpyxl.Workbook(), io.BytesIO()
            for row in self._rows():
                book.active.append([float(c) if c.isdigit() else c for c in row])
            book.active.append([101.0, datetime(2024, 3, 1, 8), datetime(2024, 3, 1), True, 45352.5])
            book.save(out)
            return [out.getvalue()]
        text = pd.DataFrame(self._rows()[1:], columns=self._rows()[0]).to_csv(index=False)
        return [text.encode(self.form)]

    def check(self, folder: Path, data: bytes, kind: str) -> str:
        """Every row is read, in order, or has a reason."""
        path = folder / ("t.xlsx" if self.form == "xlsx" else "t.csv")
        path.write_bytes(data)
        given = TableMap(
            encoding="utf-8-sig" if self.form == "xlsx" else self.form.replace("utf-8", "utf-8-sig")
        )
        try:
            table = Table(path, self.table, given)
            settings = Settings(self.table, tuple(table.columns), given, EXCEL_EPOCH,
                                Pseudonyms(_KEY, leading_zeros="ignore"), None)  # fmt: skip
            for piece in table.pieces():
                found = read_piece(piece, settings).rows
                if len(found) != len(piece.rows) or found["row"].tolist() != piece.rows:
                    raise Wrong("rows were lost or added")
                if not (found["reason"].astype(str).ne("") | found["patient"].ne(0)).all():
                    raise Wrong("a row without patient is taken")
        except InputError as error:
            return self.refused(error)
        return "read"


class Manifest(Target):
    """The list of recordings beside them: never leads out of their folder."""

    name = "manifest"
    ways = CSV

    def samples(self, folder: Path) -> list[bytes]:
        """One manifest of two recordings."""
        return [
            b"path,patient_id,ecg_time,sampling_hz\na/1.npy,101,2024-03-01 08:00,500\na/2.npy,102,2024-03-02,500\n"
        ]

    def check(self, folder: Path, data: bytes, kind: str) -> str:
        """Every recording that is listed lies in the folder."""
        root = folder / "ecgs"
        (root / "a").mkdir(parents=True, exist_ok=True)
        for name in ("1", "2"):
            (root / "a" / f"{name}.npy").write_bytes(b"x")
        (root / "manifest.csv").write_bytes(data)
        try:
            items, _ = list_recordings(root, ColumnsMap(), Pseudonyms(_KEY, leading_zeros="ignore"), None)
        except InputError as error:
            return self.refused(error)
        for item in items:
            file = root / item.path.partition("#")[0]
            if not file.resolve().is_relative_to(root.resolve()):
                raise Wrong(f"{item.path} lies outside")
        return "read"


class Adapter(Target):
    """A table of a public data set, read as text before its own rules apply."""

    name = "adapter-csv"
    ways = CSV

    def samples(self, folder: Path) -> list[bytes]:
        """The contract's own table will do: it is text."""
        return Contract("csv", predicted=False).samples(folder)

    def check(self, folder: Path, data: bytes, kind: str) -> str:
        """Rows are whole."""
        (folder / "a.csv").write_bytes(data)
        try:
            table = read_text_table(folder / "a.csv", needed={"ecg_id": "identifier"})
        except InputError as error:
            return self.refused(error)
        if not table.map(lambda v: isinstance(v, str)).all(axis=None):
            raise Wrong("a cell that is no text")
        return "read"


class Yaml(Target):
    """The map of columns, or a profile."""

    def __init__(self, name: str) -> None:
        self.name = f"yaml-{name}"
        self.ways = (*BYTES, digits, _yaml)

    def samples(self, folder: Path) -> list[bytes]:
        """One of each kind."""
        columns = {
            "ecgs": {"pattern": "(?P<patient_id>[0-9]+)_(?P<ecg_time>[0-9]{14})", "sampling_hz": 500},
            "reports": {"encoding": "gb18030", "columns": {"patient_id": "ID"}, "values": {"sex": {"1": "M"}},
                        "dates": {"ccta_time": "%Y/%m/%d"}},
            "patient_ids": {"leading_zeros": "keep"},
            "data_kind": "user",
        }  # fmt: skip
        sizes = {
            "internal_patients": 6,
            "internal_exams": 7,
            "internal_ecgs": 9,
            "external": 1,
            "followup": 1,
        }
        profile = {"description": "d", "seed": 1, "simulation": sizes, "training": {"epochs": 1},
                   "chapters": {"cohort": {"n": 1}}}  # fmt: skip
        return [yaml.safe_dump(columns if self.name == "yaml-columns" else profile).encode()]

    def check(self, folder: Path, data: bytes, kind: str) -> str:
        """Read, or refused in clear lines."""
        path = folder / "m.yaml"
        path.write_bytes(data)
        try:
            _ = load_columns(path) if self.name == "yaml-columns" else read_profile(path)
        except InputError as error:
            return self.refused(error)
        return "read"


def _yaml(rng: random.Random, data: bytes) -> bytes:
    """Insert what YAML makes something else of."""
    lines = data.split(b"\n")
    lines.insert(rng.randrange(len(lines) + 1), rng.choice((
        b"<<: *x", b"a: &x [*x]", b"? [1]", b"!!python/object/apply:os.system ['true']", b"on: off", b"1: 2", b"- 1",
        b"null: null", b"ecgs: 1", b"reports: [1]", b"a: " + b"[" * 3000, b"a: 1_000", b"2024-01-01: x", b"seed: 1e3",
        b"name: x", b"path: /etc/passwd", b"\tx: 1",
    )))  # fmt: skip
    return b"\n".join(lines)


class Store(Target):
    """A waveform store of which one file was damaged."""

    name = "store"
    files = ("store.json", "index.parquet", "signals.npy")

    def __init__(self) -> None:
        self._whole: dict[str, bytes] = {}
        self._truth = np.empty(0)

    def samples(self, folder: Path) -> list[bytes]:
        """Each file, after a byte that says which; of the samples the first two ECGs."""
        signals = np.random.default_rng(0).normal(0, 0.3, (2, 12, 5000)).astype(np.float32)
        writer = StoreWriter(folder / "whole", ["a", "b", "c"], key="k")
        writer.write([0, 1], signals)
        writer.exclude(2, "flat lead")
        self._truth = writer.finish().signals(["a", "b"])
        self._whole = {name: (folder / "whole" / name).read_bytes() for name in self.files}
        return [bytes([i]) + self._whole[name] for i, name in enumerate(self.files)]

    def damage(self, rng: random.Random, data: bytes) -> Damaged:
        """Damage behind the first byte; of the samples their header, since nothing covers the samples."""
        head, body = data[:1], data[1:]
        if head == b"\2" and rng.random() < 0.7:
            front, back = damaged(rng, body[:128], self.ways), body[128:]
            return Damaged(head + front.data + back, "other")
        found = damaged(rng, body, self.ways)
        return Damaged(head + found.data, found.kind)

    def check(self, folder: Path, data: bytes, kind: str) -> str:
        """A store that opens gives each ECG twelve leads; one cut short gives the truth or nothing."""
        which = self.files[data[0] % 3] if data else self.files[0]
        place = folder / "s"
        place.mkdir(exist_ok=True)
        for name in self.files:
            (place / name).write_bytes(data[1:] if name == which else self._whole[name])
        try:
            store = WaveformStore.open(place)
            ids = store.index["ecg_id"][store.index["row"].notna()].tolist()
            signals = store.signals(ids)
        except InputError as error:
            return self.refused(error)
        if signals.shape != (len(ids), 12, 5000) or signals.dtype != np.float32:
            raise Wrong(f"signals of shape {signals.shape}")
        if kind == "cut" and which != "store.json" and not np.array_equal(signals, self._truth):
            raise Wrong("other signals than were stored")
        json.dumps(store.key)
        return "read"


TABLES: list[Target] = [
    *(Contract(suffix, predicted=predicted) for suffix in ("csv", "parquet") for predicted in (False, True)),
    *(Export(table, "utf-8") for table in _EXPORTS),
    Export("reports", "gb18030"),
    Export("reports", "xlsx"),
    Manifest(),
    Adapter(),
    Yaml("columns"),
    Yaml("profile"),
    Store(),
]
