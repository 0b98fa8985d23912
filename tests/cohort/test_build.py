"""A table becomes a store: resumable, hash-keyed, every exclusion by name."""

from __future__ import annotations

import signal as signals
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ccta_lib.cohort import Limits, StoreWriter, WaveformStore, build, build_store, flow_table, read_cohort
from ccta_lib.errors import InputError

Writer = Callable[..., Path]
Tones = Callable[..., np.ndarray]


@pytest.fixture
def table(tmp_path: Path, write_wfdb: Writer, tones: Tones) -> Path:
    """Ten ECGs, five of them unusable in five ways, and one flagged."""
    folder = tmp_path / "data"
    waves = folder / "waves"
    write_wfdb("good", tones(), folder=waves)
    write_wfdb("fast", tones(1000, seed=1), hz=1000, folder=waves)
    flat = tones(seed=2)
    flat[7] = 0
    write_wfdb("flat", flat, folder=waves)
    write_wfdb("short", tones(seconds=9, seed=3), folder=waves)
    broken = tones(seed=4)
    broken[1, 5] = np.nan
    write_wfdb("broken", broken, folder=waves)
    (waves / "garbled.hea").write_text("this is no header\n")
    odd = tones(seed=5)
    odd[3] *= -1
    np.save(waves / "many.npy", np.stack([odd, tones(seed=6)]))
    lines = [
        "ecg_id,patient_id,exam_id,cohort,waveform,sampling_hz,grade_lad",
        "e0,p0,x0,internal,waves/good,,severe",
        "e1,p1,x1,internal,waves/fast,1000,normal",
        "e2,p1,x1,internal,waves/flat.dat,500,normal",
        "e3,p2,x2,internal,waves/short,,mild",
        "e4,p3,x3,internal,waves/broken,,",
        "e5,p4,x4,external,waves/garbled,,mild",
        "e6,p5,x5,external,waves/many.npy#0,500,",
        "e7,p6,x6,external,waves/many.npy#1,500,occluded",
        "e8,p0,x0b,internal,waves/good,,normal",
        "e9,p7,x7,internal,waves/good,,normal",
    ]
    (folder / "cohort.csv").write_text("\n".join(lines) + "\n")
    return folder / "cohort.csv"


def test_every_ecg_is_kept_or_excluded_by_name(table: Path, tmp_path: Path, tones: Tones) -> None:
    calls: list[tuple] = []
    store = build_store(table, read_cohort(table), tmp_path / "store", progress=lambda *a: calls.append(a))
    index = store.index.set_index("ecg_id")
    assert index["reason"].to_dict() == {
        "e0": "", "e1": "", "e2": "flat lead", "e3": "shorter than 10 s", "e4": "missing samples",
        "e5": "unreadable recording", "e6": "", "e7": "", "e8": "", "e9": "duplicate recording",
    }  # fmt: skip
    assert index.loc[["e0", "e2", "e4", "e6", "e8", "e9"], "flags"].tolist() == [
        "", "V2", "II", "goldberger", "same_samples_as=e0", "same samples as e0 of another patient",
    ]  # fmt: skip
    assert "garbled.hea: " in index.loc["e5", "flags"]
    assert index.loc["e1", ["source", "source_hz"]].tolist() == ["waves/fast", 1000]
    assert index["source_sha256"].str.len().tolist() == [64] * 5 + [0] + [64] * 4
    assert index.loc["e0", "source_sha256"] == index.loc["e8", "source_sha256"]
    np.testing.assert_allclose(store.signals(["e0"])[0], tones(), atol=1.1e-3)
    np.testing.assert_allclose(store.signals(["e1"])[0][:, 100:-100], tones(seed=1)[:, 100:-100], atol=5e-3)
    np.testing.assert_allclose(store.signals(["e7"])[0], tones(seed=6), atol=5.1e-4)
    assert calls[-1][:2] == (10, 10)
    assert [c[0] for c in calls] == sorted(c[0] for c in calls)


def test_nothing_changed_reads_nothing_and_a_changed_recording_builds_anew(
    table: Path, tmp_path: Path
) -> None:
    cohort, folder = read_cohort(table), tmp_path / "store"
    first = build_store(table, cohort, folder)
    stamp = (folder / "signals.npy").stat().st_mtime_ns
    assert build_store(table, cohort, folder).key == first.key
    assert (folder / "signals.npy").stat().st_mtime_ns == stamp
    wider = build_store(table, cohort, folder, limits=Limits(einthoven_mv=9))
    assert wider.index["flags"].tolist().count("goldberger") == 0
    many = np.load(table.parent / "waves" / "many.npy")
    np.save(table.parent / "waves" / "many.npy", many * 0.5)
    again = build_store(table, cohort, folder)
    assert again.key not in {first.key, wider.key}
    np.testing.assert_allclose(again.signals(["e7"])[0], many[1] * 0.5, atol=5.1e-4)


def test_a_killed_build_ends_with_the_same_bytes(tmp_path: Path, tones: Tones) -> None:
    """The copy in the last row is found although its first appearance was stored before the kill."""
    data = np.stack([tones(seed=i) for i in range(40)])
    np.save(tmp_path / "many.npy", np.concatenate([data, data[:1]]))
    rows = [f"e{i},p{i},many.npy#{i},500" for i in range(41)]
    (tmp_path / "c.csv").write_text("\n".join(["ecg_id,patient_id,waveform,sampling_hz", *rows]) + "\n")
    code = (
        "import sys, time\nfrom ccta_lib.cohort import build_store, read_cohort\n"
        "table, out, wait = sys.argv[1:]\n"
        "build_store(table, read_cohort(table), out, progress=lambda *a: time.sleep(float(wait)))\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "c.csv"), str(tmp_path / "killed"), "0.08"]
    )
    journal = tmp_path / "killed" / "journal.partial.jsonl"
    give_up = time.monotonic() + 60
    while time.monotonic() < give_up and not (journal.is_file() and journal.read_bytes().count(b"\n") > 10):
        time.sleep(0.01)
    process.send_signal(signals.SIGKILL)
    assert process.wait() == -signals.SIGKILL
    cohort = read_cohort(tmp_path / "c.csv")
    done: list[int] = []
    resumed = build_store(
        tmp_path / "c.csv", cohort, tmp_path / "killed", progress=lambda d, t, n="": done.append(d)
    )
    assert min(d for d in done if d) >= 10
    whole = build_store(tmp_path / "c.csv", cohort, tmp_path / "whole")
    assert resumed.index["reason"].iloc[40] == "duplicate recording"
    for name in ("signals.npy", "index.parquet", "store.json"):
        assert (resumed.path / name).read_bytes() == (whole.path / name).read_bytes()


def test_a_virtual_cohorts_store_is_used_in_place(tmp_path: Path, tones: Tones) -> None:
    writer = StoreWriter(tmp_path / "waveforms", ["a", "b", "c"], key="simulated")
    writer.write([0, 2], np.stack([tones(), tones(seed=1)]))
    writer.exclude(1, "flat lead")
    writer.finish()
    rows = [f"{name},p{name},waveforms/signals.npy#{row},500" for row, name in enumerate("abc")]
    head = "ecg_id,patient_id,waveform,sampling_hz"
    (tmp_path / "t.csv").write_text("\n".join([head, *rows[::-1]]) + "\n")
    (tmp_path / "mixed.csv").write_text("\n".join([head, rows[0].replace("#0", "#2")]) + "\n")
    store = build_store(tmp_path / "t.csv", read_cohort(tmp_path / "t.csv"), tmp_path / "elsewhere")
    assert store.path == tmp_path / "waveforms"
    assert store.key == "simulated"
    assert not (tmp_path / "elsewhere").exists()
    other = build_store(tmp_path / "mixed.csv", read_cohort(tmp_path / "mixed.csv"), tmp_path / "elsewhere")
    assert other.path == tmp_path / "elsewhere"
    np.testing.assert_allclose(other.signals(["a"])[0], tones(seed=1), atol=5.1e-4)


def test_recordings_are_never_overwritten_by_their_own_store(table: Path) -> None:
    before = sorted(p.name for p in (table.parent / "waves").iterdir())
    with pytest.raises(InputError, match="lies inside"):
        build_store(table, read_cohort(table), table.parent / "waves")
    assert sorted(p.name for p in (table.parent / "waves").iterdir()) == before


def test_a_table_without_one_usable_recording_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_text("ecg_id,patient_id,waveform\na,p,gone/a\nb,p,gone/b\n")
    with pytest.raises(InputError, match="none of 2 recordings can be used") as error:
        build_store(tmp_path / "c.csv", read_cohort(tmp_path / "c.csv"), tmp_path / "s")
    assert error.value.faults[1].startswith("row 1: unreadable recording (")
    with pytest.raises(InputError, match="unfinished"):
        WaveformStore.open(tmp_path / "s")


def test_flow_adds_up_to_the_table(table: Path, tmp_path: Path) -> None:
    cohort = read_cohort(table)
    flow = flow_table(cohort, build_store(table, cohort, tmp_path / "store"))
    internal, external = (
        flow[flow["cohort"] == name].reset_index(drop=True) for name in ("internal", "external")
    )
    assert internal["reason"].tolist() == [
        "", "duplicate recording", "flat lead", "missing samples", "shorter than 10 s", "", "no known stenosis grade",
    ]  # fmt: skip
    assert internal["n_ecgs"].tolist() == [7, 6, 5, 4, 3, 3, 3]
    assert internal["n_exams"].tolist() == [6, 5, 5, 4, 3, 3, 3]
    assert internal["n_patients"].tolist() == [5, 4, 4, 3, 2, 2, 2]
    assert external["n_ecgs"].tolist() == [3, 2, 2, 1]
    assert external["excluded"].tolist() == [0, 1, 0, 1]
    for one in (internal, external):
        assert one["excluded"].sum() + one["n_ecgs"].iloc[-1] == one["n_ecgs"].iloc[0]
        np.testing.assert_array_equal(one["n_ecgs"].shift(1)[1:], (one["n_ecgs"] + one["excluded"])[1:])
    extra = pd.concat([cohort, cohort.head(1).assign(ecg_id="new")])
    with pytest.raises(InputError, match="'new' of the cohort table is not in this store"):
        flow_table(extra, WaveformStore.open(tmp_path / "store"))


FLAT = ["JS11438", "JS20004", "JS20008", "JS45542", "JS45544", "JS45551"]


def test_real_recordings_keep_324_and_exclude_the_six_flat_ones(reference_data: Path, tmp_path: Path) -> None:
    manifest = reference_data / "realecg" / "manifest.csv"
    cohort = read_cohort(manifest)
    store = build_store(manifest, cohort, tmp_path / "store")
    out = store.index[store.index["reason"] != ""]
    assert len(store) == 324
    assert out["ecg_id"].tolist() == [f"chapman_{name}" for name in FLAT]
    assert set(out["reason"]) == {"flat lead"}
    site = cohort["site"].to_numpy()
    flagged = store.index["flags"].str.contains("einthoven|goldberger").to_numpy()
    assert not flagged[site != "ludb"].any()  # three data sets obey the limb-lead relations
    assert flagged[site == "ludb"].mean() > 0.9  # LUDB rescaled each lead
    assert store.index.loc[site == "ptb", "source_hz"].eq(1000).all()
    flow = flow_table(cohort, store)
    assert flow["excluded"].sum() + flow["n_ecgs"].iloc[-1] == 330


def test_every_reader_counts_as_reading_code() -> None:
    names = {file.name for file in build._READ_BY}
    assert {
        "ecg.py",
        "recording.py",
        "quality.py",
        "muse.py",
        "xli.py",
        "safe_xml.py",
        "wfdb_record.py",
    } <= names
