"""What is wrong is told with its row and column, and never with what stands there: messages end up in logs.

Not told are cells of a hospital's tables (of any column: a row may have slipped), names of recordings, and in a cohort
or prediction table the columns of `ccta_lib.schema.IDENTIFYING`.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ccta_lib.cohort import build_store
from ccta_lib.cohort.adapters.authors import cohort_from_authors
from ccta_lib.cohort.check import describe
from ccta_lib.errors import InputError
from ccta_lib.schema import read_cohort

NAME, IDENTIFIER, BIRTH = "Ottokarina Plantquist", "PLQX-778812", "1947-02-28"
PLANTED = re.compile("Ottokarina|Plantquist|PLQX|778812|1947|19470228", re.IGNORECASE)
ROW = f"{IDENTIFIER},{BIRTH},{NAME}\n"
Change = Callable[[Path], object]


def procedures(text: str) -> Change:
    return lambda root: (root / "procedures.csv").write_text(text)


def manifest(text: str) -> Change:
    return lambda root: (root / "ecgs" / "manifest.csv").write_text(text)


def only_file(content: bytes) -> Change:
    def change(root: Path) -> None:
        shutil.rmtree(root / "ecgs")
        (root / "ecgs").mkdir()
        (root / "ecgs" / f"{NAME} {BIRTH}.xml").write_bytes(content)

    return change


HEADER = "patient_id,procedure_time,procedure\n"
RECORD = f"<CardiologyXML><PatientInfo><PID>{IDENTIFIER}</PID></PatientInfo></CardiologyXML>".encode()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (procedures(ROW * 2), "there is no column patient_id .*there are: aaaa-999999, 9999-99-99"),
        (procedures(f"{NAME},{IDENTIFIER},{BIRTH},{NAME}\n"), "there is no column patient_id"),
        (procedures(HEADER + f"1,{NAME},PCI\n"), "column procedure_time: .*row 2 has the form 'aaaaaaaaaa aaaaaaaaaa'"),
        (procedures(HEADER + f"0{IDENTIFIER[5:]},{BIRTH},PCI\n{IDENTIFIER[5:]},{BIRTH},PCI\n"), "rows 2 and 3 differ"),
        (procedures(HEADER + f'1,{BIRTH},"{NAME} PCI\n'), "after row .* unclosed quote"),
        (lambda r: (r / "procedures.csv").write_bytes(HEADER.encode() + NAME.encode() + b"\xff,\n"), "is not UTF-8"),
        (manifest(f"path,patient_id\n{NAME}.xml,{IDENTIFIER}\n"), "row 2, column path: there is no such file"),
        (manifest(f"path,patient_id,ecg_time\nnotes.txt,1,{NAME}\n"), "row 2, column ecg_time: form"),
        (manifest(f"path,patient_id,sampling_hz\nnotes.txt,1,{NAME}\n"), "row 2, column sampling_hz: form"),
        (only_file(f"{NAME};{IDENTIFIER};{BIRTH}".encode()), "none of 1 recordings enters the cohort"),
        (only_file(RECORD), "none of 1 recordings enters the cohort"),
        (only_file(RECORD.replace(b"Info>", NAME[:10].encode() + b">")), "none of 1 recordings enters the cohort"),
    ],
)  # fmt: skip
def test_an_export(export, change: Change, says: str) -> None:
    change(export.root)
    with pytest.raises(InputError, match=says) as error:
        export.build()
    assert not PLANTED.search("\n".join(error.value.faults).replace(str(export.root), ""))


LINES = ["ecg_id,patient_id,waveform,cohort,exam_id,age,grade_rca",
         "e1,p1,a.npy,internal,x1,60,mild", "e2,p2,b.npy,internal,x2,61,mild"]  # fmt: skip


@pytest.mark.parametrize(
    ("first", "second", "says"),
    [
        (f"{IDENTIFIER},p1,a,internal,x1,60,mild", f"{IDENTIFIER},p2,b,internal,x2,61,mild", "line 2, column ecg_id"),
        (f"{IDENTIFIER},p1,a,internal,x1,600,mild", LINES[2], "line 2, column age: found 600"),
        (f"e1,{IDENTIFIER},a,internal,{BIRTH},60,mild", f"e2,{NAME},b,internal,{BIRTH},61,mild", "its exam belongs to"),
        (f"e1,{IDENTIFIER},a,internal,{NAME},60,mild", f"e2,{IDENTIFIER},b,internal,{NAME},61,severe", "two grades"),
        (f",{IDENTIFIER},{NAME},internal,x1,60,mild", LINES[2], "line 2, column ecg_id: found an empty cell"),
    ],
)  # fmt: skip
def test_a_table_of_the_contract(tmp_path: Path, first: str, second: str, says: str) -> None:
    path = tmp_path / "cohort.csv"
    path.write_text("\n".join([LINES[0], first, second]) + "\n")
    with pytest.raises(InputError, match=says) as error:
        read_cohort(path)
    assert not PLANTED.search("\n".join(error.value.faults))


def test_a_patient_in_two_folds(tmp_path: Path) -> None:
    probabilities = ",".join(f"prob_{v}" for v in ("rca", "lm", "lad", "lcx"))
    rows = [f"e{fold},{IDENTIFIER},{fold},0.1,0.1,0.1,0.1" for fold in (0, 1)]
    (tmp_path / "p.csv").write_text("\n".join([f"ecg_id,patient_id,fold,{probabilities}", *rows]) + "\n")
    with pytest.raises(InputError, match="the patient of row 1 lies in 2 folds") as error:
        describe(tmp_path / "p.csv")
    assert not PLANTED.search("\n".join(error.value.faults))


def test_recordings_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / f"{NAME}.xml").write_text(f"{NAME}, {BIRTH}")
    path = tmp_path / "cohort.csv"
    path.write_text(f"ecg_id,patient_id,waveform\n{IDENTIFIER},{NAME},{NAME}.xml\n")
    with pytest.raises(InputError, match="row 1: unreadable recording") as error:
        build_store(path, read_cohort(path), tmp_path / "store")
    assert not PLANTED.search("\n".join(error.value.faults))


def test_the_authors_table(tmp_path: Path, tones) -> None:
    from ccta_lib.cohort.adapters.authors import ECG_PATH, EXAM_DATE, PATIENT, RESULTS, SEX

    np.save(tmp_path / "a.npy", tones(seed=1).astype(np.float32))
    headers = [PATIENT, EXAM_DATE, ECG_PATH, SEX, *RESULTS.values()]
    row = [IDENTIFIER, NAME, "a.npy", NAME, *[NAME] * 4]
    (tmp_path / "t.csv").write_text(",".join(headers) + "\n" + ",".join(row) + "\n", encoding="utf-8")
    with pytest.raises(InputError, match="line 2, column") as error:
        cohort_from_authors(tmp_path / "t.csv", out=tmp_path / "out", sampling_hz=500)
    assert len(error.value.faults) == 6
    assert not PLANTED.search("\n".join(error.value.faults))
