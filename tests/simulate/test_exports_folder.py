"""A virtual hospital's exports: readable, deterministic, complete in their troubles, and truthful about them."""

import hashlib
from datetime import timedelta
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest

from ccta_lib.cohort.ecg import read_ecg
from ccta_lib.errors import InputError, ParameterError, WaveformError
from ccta_lib.schema import VESSELS
from ccta_lib.simulate.exports import Trouble, planted_identifiers, simulate_exports
from ccta_lib.simulate.exports.clinical_text import DISEASES, history_text
from ccta_lib.simulate.recordings import STEP_MILLIVOLT, WRITABLE

PATIENTS = 110


@pytest.fixture(scope="module")
def exports(tmp_path_factory):
    return simulate_exports(tmp_path_factory.mktemp("exports") / "out", patients=PATIENTS, seed=5)


@pytest.fixture(scope="module")
def truth(exports):
    return {p.stem: pd.read_parquet(p) for p in (exports / "truth").glob("*.parquet")}


def _files(folder: Path) -> dict[str, str]:
    return {
        p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


def test_every_trouble_and_every_form_occurs(truth):
    troubles = set(truth["recordings"]["trouble"]) | set(truth["reports"]["trouble"])
    assert troubles == {str(t) for t in Trouble}
    for hospital, rows in truth["recordings"].groupby("hospital"):
        assert set(rows["form"]) == set(WRITABLE), hospital


def test_files_say_what_the_truth_says_they_say(exports, truth):
    broken = {str(Trouble.UNREADABLE), str(Trouble.NO_ECG_FILE)}
    steps = []
    signals = {}
    for row in truth["recordings"].itertuples():
        path = exports / row.hospital / "ecgs" / row.path
        if row.trouble in broken:
            with pytest.raises(WaveformError):
                read_ecg(path, sampling_hz=500)
            continue
        ecg = read_ecg(path, sampling_hz=500 if row.form == "npy" else None)
        signals.setdefault(row.ecg_id, []).append((row.form, ecg.signal))
        flat = ecg.signal[6, 0] == ecg.signal[6].min() == ecg.signal[6].max()
        assert flat == (row.trouble == Trouble.FLAT)
        assert (ecg.seconds < 10) == (row.trouble == Trouble.SHORT)
        assert np.isnan(ecg.signal).any() == (row.trouble == Trouble.NAN)
        assert (np.nanmax(np.abs(ecg.signal)) > 20) == (row.trouble == Trouble.UNIT)
        steps.append(row.form)
        if row.form == "npy":
            assert ecg.patient_id is None
            continue
        assert ecg.time == row.time.floor("s").to_pydatetime()
        assert ecg.statements == ((row.statement,) if row.in_file else ())
    assert set(steps) == set(WRITABLE)
    copies = truth["recordings"].query("copy_of != ''")
    assert len(copies) == 6  # a copy, another form and a mix-up in each hospital
    for ecg_id in copies["copy_of"]:
        (form, one), (other_form, other) = signals[ecg_id]
        limit = max(STEP_MILLIVOLT[form], STEP_MILLIVOLT[other_form]) * 2 + 1e-6
        assert np.abs(one - other).max() <= limit


def test_planted_times_are_what_the_trouble_says(truth):
    rows = truth["recordings"].merge(
        truth["reports"].drop_duplicates("exam")[["exam", "row"]], on="exam", how="left"
    )
    shifted = rows[rows["time"] != rows["true_time"]]
    assert set(shifted["trouble"]) == {str(Trouble.CLOCK_FAST), str(Trouble.CLOCK_RESET)}
    fast = shifted[shifted["trouble"] == Trouble.CLOCK_FAST]
    assert ((fast["time"] - fast["true_time"]) == timedelta(minutes=40)).all()
    assert rows.loc[rows["trouble"] == Trouble.NO_EXAM, "row"].isna().all()


def test_tables_hold_the_rows_of_the_truth(exports, truth):
    book = openpyxl.load_workbook(exports / "hospital_zh" / "reports.xlsx", read_only=True)
    rows = list(book["报告"].iter_rows(values_only=True))
    report = rows[0].index("检查报告")
    told = truth["reports"].query("hospital == 'hospital_zh'")
    assert [r[report] or "" for r in rows[1:]] == list(told["report"])
    assert isinstance(rows[1][0], int)  # a workbook loses leading zeros
    english = pd.read_csv(exports / "hospital_en" / "reports.csv", keep_default_na=False)
    assert list(english["report"]) == list(truth["reports"].query("hospital == 'hospital_en'")["report"])
    statements = pd.read_csv(exports / "hospital_zh" / "statements.csv", encoding="gb18030", dtype=str)
    assert statements["患者编号"].str.startswith("00777").all()
    assert list(statements["心电图诊断"]) == list(
        truth["statements"].query("hospital == 'hospital_zh'")["statement"]
    )
    for name in ("reports", "statements", "procedures", "followup"):
        assert list(truth[name].query("hospital == 'hospital_en'")["row"])[:2] == [2, 3]


def test_readable_grades_are_planted_grades(truth):
    reports = truth["reports"]
    known = 0
    single = reports[reports["trouble"] != Trouble.REPORTS_CONFLICT]
    for v in VESSELS:
        both = single[single[v.grade_column].notna()]
        assert (both[v.grade_column] == both[f"planted_{v.lower()}"]).all()
        known += len(both)
    assert known > 0.8 * 4 * len(single)
    for _, pair in reports[reports["trouble"] == Trouble.REPORTS_CONFLICT].groupby("exam"):
        one, other = (pair[[v.grade_column for v in VESSELS]].iloc[i] for i in range(2))
        assert ((one != other) & one.notna() & other.notna()).any()


def test_the_same_seed_gives_the_same_bytes(tmp_path):
    first, again = (simulate_exports(tmp_path / name, patients=24, seed=5) for name in ("first", "again"))
    assert _files(first) == _files(again)
    before = {p: p.stat().st_mtime_ns for p in again.rglob("*")}
    assert simulate_exports(again, patients=24, seed=5) == again
    assert {p: p.stat().st_mtime_ns for p in again.rglob("*")} == before


def test_planted_identifiers_are_found_in_the_exports_and_nothing_of_the_truth_is(exports, truth):
    tokens = planted_identifiers(exports)
    text = "".join(
        p.read_bytes().decode("utf-8", "ignore") for p in sorted((exports / "hospital_en").rglob("*.csv"))
    )
    names = [t for t in tokens if t.startswith("Plantedname")]
    assert len(names) == PATIENTS // 2
    assert sum(n in text for n in names) >= 0.95 * len(names)
    assert not [k for k in truth["people"]["patient"].unique() if k in text]
    with pytest.raises(InputError, match="no such file"):
        planted_identifiers(exports / "hospital_en")


def test_history_says_what_it_is_told_to_say():
    rng = np.random.default_rng(2)
    words = {"diabetes": ("糖尿病", "DM"), "hypertension": ("高血压",), "prior_mi": ("心肌梗死", "心梗")}
    for _ in range(300):
        truth = {d: (None, True, False)[int(rng.integers(3))] for d in DISEASES}
        text, said = history_text(truth, language="zh", rng=rng)
        assert said == truth
        for disease, names in words.items():
            if truth[disease] is not None:
                assert any(n in text for n in names), (text, truth)
        codes, said = history_text(truth, language="zh", rng=rng, codes=True)
        assert said == {d: True if truth[d] else None for d in DISEASES}
        assert ("I10" in codes or "I11" in codes) == bool(truth["hypertension"])


def test_wrong_parameters_and_foreign_folders_are_refused(tmp_path):
    with pytest.raises(ParameterError, match=r"(?s)patients.*languages.*forms.*wording"):
        simulate_exports(
            tmp_path / "x", patients=2, seed=0, languages=("fr",), forms=("pdf",), wording="mine"
        )
    (tmp_path / "note.txt").write_text("mine")
    with pytest.raises(InputError, match="not empty"):
        simulate_exports(tmp_path, patients=10, seed=0)
    assert (tmp_path / "note.txt").read_text() == "mine"


def test_one_hospital_and_few_forms(tmp_path):
    out = simulate_exports(tmp_path / "one", patients=8, seed=1, languages=("en",), forms=("wfdb", "npz"))
    assert not (out / "hospital_zh").exists()
    truth = pd.read_parquet(out / "truth" / "recordings.parquet")
    assert set(truth["form"]) <= {"wfdb", "npz", "npy"}
