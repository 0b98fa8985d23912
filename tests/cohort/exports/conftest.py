"""A small export as a hospital hands it over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest

from ccta_lib.cohort.exports import BuildSettings, build_cohort

Tones = Callable[..., np.ndarray]
Writer = Callable[..., Path]
# Nobody is called so by chance: whatever holds one of these words after a build has leaked.
NAMES = {
    "00101": "Quirinia Xantippe",
    "00102": "Zacharias Ypsilon",
    "00103": "张爱玲玉",
    "104": "Quirinia Xantippe",
}
BIRTHS = {"00101": "1961-07-23", "00102": "1931-12-29", "00103": "1972-11-13", "104": "1961-07-23"}
REPORTS = [
    (
        "101",
        datetime(2024, 3, 1, 8, 30),
        "RCA: 80% stenosis. LM: no stenosis. LAD: 30% stenosis. LCX: no stenosis.",
        "diabetes for 10 years",
    ),
    ("102", datetime(2024, 3, 2), "RCA: normal. LM: normal. LAD: 55% stenosis. LCX: normal.", ""),
    ("103", datetime(2024, 3, 3, 10, 0), "RCA: normal. LM: normal. LAD: occluded. LCX: normal.", ""),
    ("104", datetime(2024, 3, 4, 10, 0), "RCA: normal. LM: normal. LAD: 40% stenosis. LCX: normal.", ""),
]


@dataclass
class Export:
    """Paths of an export."""

    root: Path
    out: Path
    names: dict[str, str] = field(default_factory=NAMES.copy)
    births: dict[str, str] = field(default_factory=BIRTHS.copy)

    def build(self, **more: object) -> Path:
        """Build with all inputs."""
        files = {n: self.root / f"{n}.csv" for n in ("statements", "procedures", "followup")}
        rules = more.pop("settings", BuildSettings())
        given = {**files, "columns": self.root / "map.yaml", "settings": rules, **more}
        return build_cohort(
            self.root / "ecgs", self.root / "reports.xlsx", given.pop("out", self.out), **given
        )


@pytest.fixture
def export(tmp_path: Path, write_wfdb: Writer, tones: Tones) -> Export:
    """Six recordings of four patients, in one of which a lead is flat, and one that is none; reports in a workbook."""
    root = tmp_path / "hospital"
    ecgs = root / "ecgs"
    for seed, name in enumerate(
        [
            "00101_20240301080000",
            "00101_20240301081500",
            "00102_20240302080000",
            "00103_20240303080000",
            "00104_20240304080000",
        ]
    ):
        write_wfdb(name, tones(seed=seed), folder=ecgs / name[:5])
    flat = tones(seed=9)
    flat[7] = 0
    write_wfdb("00103_20240303090000", flat, folder=ecgs)
    (ecgs / "notes.txt").write_text("Quirinia Xantippe came late")
    book = openpyxl.Workbook()
    book.active.append(["ID", "Time", "report", "history", "name", "birth_date", "sex"])
    for patient, time, text, history in REPORTS:
        key = patient if patient in NAMES else f"00{patient}"
        # A spreadsheet has lost the leading zeros and made a fraction of the number.
        book.active.append(
            [float(patient), time, text, history, NAMES[key], BIRTHS[key], 2 if patient == "101" else 1]
        )
    book.save(root / "reports.xlsx")
    (root / "map.yaml").write_text(
        'ecgs: {pattern: "(?P<patient_id>[0-9]+)_(?P<ecg_time>[0-9]{14})"}\n'
        "reports: {columns: {patient_id: ID, ccta_time: Time}, values: {sex: {1: M, 2: F}}}\n"
    )
    tables = {
        "statements": [
            ("patient_id", "ecg_time", "statement"),
            ("00101", "2024-03-01 08:01", "Sinus rhythm. Normal ECG."),
            ("00999", "2024-03-01", "Normal ECG"),
        ],
        "procedures": [
            ("patient_id", "procedure_time", "procedure"),
            ("00102", "2024-06-01", "PCI of the LAD with stent"),
        ],
        "followup": [
            ("patient_id", "last_contact", "event", "event_time"),
            ("00101", "2025-03-01", "mi", "2024-12-01 08:00"),
            ("00102", "2025-03-01", "none", ""),
        ],
    }
    for name, (header, *rows) in tables.items():
        pd.DataFrame(rows, columns=header).to_csv(root / f"{name}.csv", index=False)
    return Export(root, tmp_path / "out")
