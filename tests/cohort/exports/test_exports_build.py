"""From a folder of exports to contract 1: what is in it, what must not be, and that a kill costs nothing."""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from ccta_lib.cli import cohort as verbs
from ccta_lib.cohort import WaveformStore, build_store, flow_table, read_cohort
from ccta_lib.cohort.exports import BuildSettings, LinkageRules, build_cohort, intake, linkage, recordings
from ccta_lib.cohort.exports.account import continued
from ccta_lib.cohort.exports.readers import DIFFER, ONE_ONLY
from ccta_lib.cohort.text import GradeReading
from ccta_lib.errors import InputError
from ccta_lib.schema import COHORTS, VESSELS, Grade

SHARED = [
    "cohort.parquet",
    "account.parquet",
    "account.csv",
    "account_counts.csv",
    "flow.csv",
    "readings.parquet",
    "suspected.csv",
    "run.json",
    "waveforms/index.parquet",
    "waveforms/store.json",
]


def test_an_export_becomes_a_cohort(export, tones) -> None:
    path = export.build()
    table = read_cohort(path).set_index("ccta_time").sort_values("ecg_time")
    assert table["patient_id"].nunique() == 4
    first = table.iloc[0]
    assert (first["grade_rca"], first["grade_lm"], first["grade_lad"], first["grade_lcx"]) == (
        "severe",
        "normal",
        "mild",
        "normal",
    )
    assert (first["age"], first["sex"], first["diabetes"], first["ecg_normal"]) == (62, "F", True, True)
    assert (first["followup_days"], first["mi_event"], first["end_reason"]) == (275, True, "mi")
    assert table["ecg_normal"].isna().tolist() == [
        False,
        True,
        True,
        True,
        True,
    ]  # the only statement is of the first ECG
    second = table.iloc[2]
    assert (second["age"], second["end_reason"], second["ccta_time_is_day"]) == (
        90,
        "revascularisation",
        True,
    )
    assert second.name == pd.Timestamp("2024-03-02 23:59:59")
    store = WaveformStore.open(export.out / "waveforms")
    stored = store.signals(list(table["ecg_id"]))
    assert (
        np.abs(stored - np.stack([tones(seed=s) for s in range(5)])).max() < 0.0011
    )  # two roundings to 1 microvolt


def test_the_store_is_used_in_place_and_the_flow_goes_on(export, tmp_path: Path) -> None:
    path = export.build()
    table = read_cohort(path)
    store = build_store(path, table, tmp_path / "elsewhere")
    assert store.path == export.out / "waveforms"
    later = flow_table(table, store)
    ours = pd.read_csv(export.out / "flow.csv", keep_default_na=False)
    assert ours["n_ecgs"].iloc[0] == 7
    tail = ours[ours["step"].isin(later["step"])].reset_index(drop=True).iloc[-2:]
    assert tail["n_ecgs"].tolist() == later["n_ecgs"].iloc[[0, -1]].tolist()
    whole = continued(ours, later)
    assert whole["n_ecgs"].iloc[0] == 7
    assert (whole["n_ecgs"].shift().iloc[1:] == (whole["n_ecgs"] + whole["excluded"]).iloc[1:]).all()
    assert not whole.duplicated(["step", "reason"]).any()
    runs = whole["step"].ne(whole["step"].shift())  # one box a title: the figure groups by it
    assert not whole.loc[runs, "step"].duplicated().any()
    changed = later.assign(n_ecgs=later["n_ecgs"] - 1)
    pd.testing.assert_frame_equal(continued(ours, changed), changed)


def test_every_row_is_accounted_for(export) -> None:
    export.build()
    account = pd.read_parquet(export.out / "account.parquet")
    files = [p for p in (export.root / "ecgs").rglob("*") if p.is_file()]
    counts = account.groupby("input").size()
    assert counts.to_dict() == {
        "ecgs": len(files),
        "reports": 4,
        "statements": 2,
        "procedures": 1,
        "followup": 2,
    }
    assert (account["status"] == "part").sum() == 6
    left = account[account["status"] == "excluded"]
    assert sorted(left["reason"]) == [
        "flat lead",
        "no recording of the patient near this time",
        "unreadable recording",
    ]
    named = pd.read_csv(export.out / "private" / "files.csv").set_index("row")["path"]
    row = int(left.loc[left["reason"] == "flat lead", "row"].iloc[0])
    assert named[row] == "00103_20240303090000.hea"
    assert sorted(named) == sorted(p.relative_to(export.root / "ecgs").as_posix() for p in files)


def _texts(folder: Path) -> dict[str, str]:
    """Everything readable in a build, as text."""
    found = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and p.name != "signals.npy"):
        name = path.relative_to(folder).as_posix()
        found[name] = pd.read_parquet(path).to_csv() if path.suffix == ".parquet" else path.read_text()
    return found


@pytest.mark.parametrize("private", [True, False])
def test_nobody_is_named_outside_the_private_folder(export, private: bool, capsys) -> None:
    key = "5a" * 32  # a drawn one could now and then shift a date onto another patient's
    (export.out.parent / "out.key").write_text(key)
    (export.out.parent / "out.key").chmod(0o600)
    settings = BuildSettings(private=private, shift_dates=True)
    export.build(settings=settings)
    found = _texts(export.out)
    assert set(SHARED) == {n for n in found if not n.startswith("private/")}
    births = [
        f
        for d in map(date.fromisoformat, export.births.values())
        for f in (f"{d:%Y-%m-%d}", f"{d:%Y%m%d}", f"{d:%Y/%m/%d}")
    ]
    identifying = [
        *export.names.values(),
        *births,
        "Quirinia",
        "stenosis.",
        "came late",
        "PCI of",
        "2024-03-0",
        "20240301",
    ]
    pattern = re.compile("|".join(map(re.escape, identifying)) + r"|\b0*10[1234]\b|\b0010[1234]_")
    for name in SHARED:
        assert not pattern.search(found[name]), name
    assert (export.out / "private").exists() == private
    if private:
        assert stat.S_IMODE((export.out / "private").stat().st_mode) == 0o700
        assert "80% stenosis" in found["private/readings.parquet"]
    assert not any(key in text for text in found.values())
    assert not pattern.search("".join(capsys.readouterr()))


def test_shifted_dates_keep_their_intervals(export, tmp_path: Path) -> None:
    plain = read_cohort(export.build(key_file=tmp_path / "k")).set_index("ecg_id")
    moved = read_cohort(
        export.build(key_file=tmp_path / "k", out=tmp_path / "two", settings=BuildSettings(shift_dates=True))
    )
    other = read_cohort(export.build(key_file=tmp_path / "l", out=tmp_path / "three"))
    assert not set(other["patient_id"]) & set(plain["patient_id"])
    assert sorted(other["ecg_time"]) == sorted(plain["ecg_time"])
    moved = moved.set_index("ecg_id").loc[plain.index]
    days = (moved["ecg_time"] - plain["ecg_time"]).dt.total_seconds() / 86_400
    assert (days == days.round()).all()
    assert (days != 0).all()
    assert days.groupby(plain["patient_id"]).nunique().eq(1).all()
    assert days.min() < days.max()
    pd.testing.assert_series_equal(
        moved["ccta_time"] - moved["ecg_time"], plain["ccta_time"] - plain["ecg_time"]
    )
    same = ["patient_id", "exam_id", "age", "followup_days", "grade_lad"]
    pd.testing.assert_frame_equal(moved[same], plain[same])


def test_a_second_build_reads_nothing_and_writes_the_same(export, monkeypatch: pytest.MonkeyPatch) -> None:
    export.build()
    first = _texts(export.out)
    signals = (export.out / "waveforms" / "signals.npy").read_bytes()

    def never(*given: object) -> None:
        raise AssertionError("read again")

    monkeypatch.setattr(intake, "read_piece", never)
    monkeypatch.setattr(recordings, "read_one", never)
    export.build()
    assert _texts(export.out) == first
    assert (export.out / "waveforms" / "signals.npy").read_bytes() == signals


@pytest.mark.slow
def test_workers_change_nothing(export, tmp_path: Path) -> None:
    one, two = _texts(export.build(key_file=tmp_path / "k").parent), None
    two = _texts(export.build(key_file=tmp_path / "k", out=tmp_path / "two", workers=2).parent)
    one.pop("run.json"), two.pop("run.json")
    assert one == two


def test_patients_under_two_identifiers(export) -> None:
    export.build()
    suspected = pd.read_csv(export.out / "suspected.csv")
    assert suspected["why"].unique().tolist() == ["same name and birth date"]
    assert suspected["row"].tolist() in ([2, 5], [5, 2])
    (export.root / "same.csv").write_text("patient_id,same_as\n101,00104\n")
    table = read_cohort(export.build(identifiers=export.root / "same.csv"))
    assert table["patient_id"].nunique() == 2  # a woman and a man are not one: the rule finds it
    assert linkage.SEX in set(pd.read_parquet(export.out / "account.parquet")["reason"])
    assert pd.read_csv(export.out / "suspected.csv").empty


def test_a_second_reader(export) -> None:
    seen = []

    def reader(reports, progress):
        seen.extend(reports)
        other = {"101": Grade.MILD, "102": None, "103": Grade.OCCLUDED, "104": Grade.MILD}
        return [
            {
                v: GradeReading(other[r.identifiers[0]] if v == "LAD" else Grade.NORMAL, None, "quote", 0.9)
                for v in VESSELS
            }
            for r in reports
        ]

    table = read_cohort(export.build(reader=reader)).drop_duplicates("exam_id").sort_values("ccta_time")
    assert [r.identifiers[1] for r in seen] == list(export.names.values())
    assert seen[0].dates == (date(1961, 7, 23), date(2024, 3, 1))
    assert "RCA: 80%" in seen[0].text
    assert table["grade_rca"].isna().tolist() == [
        True,
        False,
        False,
        False,
    ]  # severe against normal: ask somebody
    assert table["grade_lad"].tolist() == ["mild", "moderate", "occluded", "mild"]
    audit = pd.read_parquet(export.out / "private" / "audit.parquet")
    assert sorted(audit["audit"]) == [ONE_ONLY, DIFFER]
    assert audit["report"].str.contains("stenosis").all()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            lambda e: (e.root / "procedures.csv").write_text(
                "patient,procedure_time,procedure\n1,2024-01-01,PCI\n"
            ),
            "there is no column patient_id",
        ),
        (
            lambda e: (e.root / "procedures.csv").write_text(
                "patient_id,procedure_time,procedure\n1,01/02/2024,PCI\n"
            ),
            "row 2 has the form '99/99/9999'",
        ),
        (
            lambda e: (e.root / "procedures.csv").write_text(
                "patient_id,procedure_time,procedure\n01,2024-01-01,PCI\n1,2024-01-01,PCI\n"
            ),
            "rows 2 and 3 differ only in leading zeros",
        ),
        (
            lambda e: (e.root / "procedures.csv").write_text("patient_id,procedure_time,procedure\n"),
            "holds no row",
        ),
        (
            lambda e: (e.root / "ecgs" / "manifest.csv").write_text("path,patient_id\nabsent.xml,5\n"),
            "there is no such file below",
        ),
    ],
)
def test_faults_are_told_in_one_line(export, change, says: str) -> None:
    change(export)
    with pytest.raises(InputError) as error:
        export.build()
    assert len(error.value.faults) == 1
    assert says in error.value.faults[0]


def test_all_inputs_are_looked_at_before_the_first_is_read(export) -> None:
    (export.root / "procedures.csv").unlink()
    (export.root / "followup.csv").write_text("patient_id,seen\n")
    with pytest.raises(InputError) as error:
        export.build(columns=None)
    assert [re.sub(r".*/", "", f)[:20] for f in error.value.faults] == [
        "reports.xlsx: there ", "reports.xlsx: there ", "procedures.csv: no s", "followup.csv: there ",
    ]  # fmt: skip
    assert not list((export.out / "private" / "pieces").iterdir())


def test_places_that_are_refused(export, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="must not lie in each other"):
        export.build(out=export.root / "ecgs" / "out", key_file=tmp_path / "k")
    with pytest.raises(InputError, match="holds files that are not of a build"):
        export.build(out=export.root)
    (export.root / "ecgs" / "more.txt").write_text("x")
    with pytest.raises(InputError, match="none of 8 recordings enters") as error:
        export.build(settings=BuildSettings(linkage=LinkageRules(min_age=99)))
    assert any("5 of them: younger than 99" in fault for fault in error.value.faults)


def test_a_lost_key_is_not_replaced_in_silence(export) -> None:
    export.build()
    key = export.out.with_name(f"{export.out.name}.key")
    key.rename(key.with_name("elsewhere.key"))
    with pytest.raises(InputError, match=r"the key of the build in .* is not there"):
        export.build()
    assert not key.exists()
    key.with_name("elsewhere.key").rename(key)
    export.build()


def test_nothing_readable_says_why_and_names_no_file(export, tmp_path: Path) -> None:
    folder = tmp_path / "texts"
    folder.mkdir()
    (folder / "Quirinia.xml").write_text("came late")
    with pytest.raises(InputError) as caught:
        build_cohort(
            folder, export.root / "reports.xlsx", tmp_path / "none", columns=export.root / "map.yaml"
        )
    total, reason, why = caught.value.faults
    assert total.endswith("none of 1 recordings enters the cohort")
    assert reason == "1 of them: unreadable recording"
    assert why.startswith("the first of them: unknown format")
    assert "Quirinia" not in why


def test_a_manifest_names_patient_and_time(export) -> None:
    ecgs = export.root / "ecgs"
    for suffix in (".hea", ".dat"):
        name = "00103_20240303080000"
        text = (ecgs / "00103" / f"{name}{suffix}").read_bytes().replace(name.encode(), b"x1")
        (ecgs / f"x1{suffix}").write_bytes(text)
        (ecgs / "00103" / f"{name}{suffix}").unlink()
    (ecgs / "manifest.csv").write_text("path,patient_id,ecg_time\nx1,103,2024-03-03 07:00\n")
    table = read_cohort(export.build())
    assert pd.Timestamp("2024-03-03 07:00") in set(table["ecg_time"])


def test_the_verb_says_what_it_did(export) -> None:
    args = [
        "build",
        "--ecgs",
        export.root / "ecgs",
        "--reports",
        export.root / "reports.xlsx",
        "--columns",
        export.root / "map.yaml",
        "--out",
        export.out,
        "--workers",
        1,
    ]
    result = CliRunner().invoke(verbs.cohort, list(map(str, args)), catch_exceptions=False)
    assert result.exit_code == 0
    assert "ecgs: 5 of 7 kept" in result.output
    assert "1  flat lead" in result.output
    assert "cohort: 5 ECGs, 4 examinations, 4 patients" in result.output
    assert result.output.rstrip().endswith(str(export.out / "cohort.parquet"))


def test_the_verb_offers_what_the_library_takes() -> None:
    from typing import get_args

    assert get_args(linkage.Which) == verbs.WHICH
    assert get_args(linkage.Revascularised) == verbs.REVASCULARISED
    assert verbs.COHORTS == COHORTS


@pytest.mark.slow
def test_a_killed_build_goes_on_where_it_stopped(export, tmp_path: Path, tones, write_wfdb) -> None:
    for i in range(150):
        write_wfdb(
            f"00101_202402{1 + i // 24:02d}{i % 24:02d}0000",
            tones(seed=100 + i),
            folder=export.root / "ecgs" / "many",
        )
    rows = "".join(f"{9000 + i},2024-01-01,PCI of the LAD\n" for i in range(60_000))
    (export.root / "procedures.csv").write_text("patient_id,procedure_time,procedure\n" + rows)
    code = (
        "import sys; from pathlib import Path; from ccta_lib.cohort.exports import build_cohort;"
        "r = Path(sys.argv[1]);"
        "build_cohort(r / 'ecgs', r / 'reports.xlsx', sys.argv[2], procedures=r / 'procedures.csv',"
        "columns=r / 'map.yaml', key_file=sys.argv[3])"
    )
    command = [sys.executable, "-c", code, str(export.root), str(export.out), str(tmp_path / "k")]
    pieces = export.out / "private" / "pieces"
    for pattern in ("procedures-*/000001.json", "ecgs-*/000001.parquet"):
        process = subprocess.Popen(
            command, env={**os.environ, "OMP_NUM_THREADS": "1"}, stderr=subprocess.PIPE
        )
        while not list(pieces.glob(pattern)) and process.poll() is None:
            time.sleep(0.01)
        assert process.poll() is None, process.stderr.read().decode()
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not (export.out / "run.json").exists()
    before = {p: p.stat().st_mtime_ns for p in pieces.glob("*/*.parquet")}
    given = {"statements": None, "followup": None, "key_file": tmp_path / "k"}
    export.build(**given)
    assert {p: p.stat().st_mtime_ns for p in before} == before  # nothing whole was read again
    clean = tmp_path / "clean"
    export.build(out=clean, **given)
    assert _texts(export.out) == _texts(clean)
    assert (export.out / "waveforms" / "signals.npy").read_bytes() == (
        clean / "waveforms" / "signals.npy"
    ).read_bytes()
    assert json.loads((clean / "run.json").read_text())["counts"]["ecgs"] == 155
